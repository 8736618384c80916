package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"reflect"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// What a config has certificates for, as Caddy's apps know it while they are provisioned.
// They do not tell: what asks them while requests are served, such as
// caddytls.TLS.HasCertificateForSubject, is a data race with the start of the next config,
// and what was left in the cache by the last one cannot be told from this one's. So the
// names are read from their unexported fields, once, here, by the goroutine that wrote them.
// If a version of Caddy has them otherwise, no config with this source loads.

// The maps whose keys are read.
const (
	fieldSites    = "allCertDomains" // hosts of sites with automatic HTTPS, but for those that only loaded certificates are for
	fieldAutomate = "automateNames"  // names that are automated beside them
	fieldLoaded   = "loaded"         // hashes of the loaded certificates
)

// keysOf returns the keys of an unexported field of an app.
func keysOf(app any, field string) ([]string, error) {
	m := reflect.ValueOf(app).Elem().FieldByName(field)
	if m.Kind() != reflect.Map || m.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("this version of Caddy keeps its certificates otherwise than this module knows: %T has no map %q of names; update the module, or do without this source", app, field)
	}
	keys := make([]string, 0, m.Len())
	for _, key := range m.MapKeys() {
		keys = append(keys, key.String())
	}
	return keys, nil
}

// managedNames returns the names for which certificates will be managed, those that are
// got on demand among them.
func managedNames(httpApp *caddyhttp.App, tlsApp *caddytls.TLS) ([]string, error) {
	sites, err := keysOf(httpApp, fieldSites)
	if err != nil {
		return nil, err
	}
	automated, err := keysOf(tlsApp, fieldAutomate)
	if err != nil {
		return nil, err
	}
	return append(sites, automated...), nil
}

// loadedNames returns the names in certificates that are loaded, and not managed: those
// that clients look at, which the common name is none of (RFC 9525, section 2).
func loadedNames(tlsApp *caddytls.TLS) (names []string, err error) {
	hashes, err := keysOf(tlsApp, fieldLoaded)
	if err != nil || len(hashes) == 0 {
		return nil, err
	}
	loaded := make(map[string]bool, len(hashes))
	for _, hash := range hashes {
		loaded[hash] = true
	}
	cached, err := cachedCertificates(tlsApp)
	if err != nil {
		return nil, err
	}
	for _, certificate := range cached {
		if !loaded[certificate.Hash()] || certificate.Leaf == nil {
			continue
		}
		delete(loaded, certificate.Hash())
		names = append(names, certificate.Leaf.DNSNames...)
		for _, ip := range certificate.Leaf.IPAddresses {
			names = append(names, ip.String())
		}
	}
	if len(loaded) > 0 {
		return nil, errors.New("certificates that were loaded are not in Caddy's cache as this module knows it; update the module, or do without this source")
	}
	return names, nil
}

// cachedCertificates returns all certificates in the cache of this process, those of
// other configs among them: what a handshake can choose from that no name fits.
func cachedCertificates(tlsApp *caddytls.TLS) (certificates, error) {
	config, err := configOf(tlsApp, false)
	if err != nil {
		return nil, err
	}
	var all certificates
	config.CertSelection = &all
	config.OnEvent = nil
	config.Logger = zap.NewNop()
	_, err = config.GetCertificate(&tls.ClientHelloInfo{ServerName: "no name, but all"})
	return all, err
}

// provisionOnDemand fails unless TLS has a permission module, as Caddy's own policies do.
func provisionOnDemand(tlsApp *caddytls.TLS) error {
	_, err := configOf(tlsApp, true)
	return err
}

// configOf returns what an automation policy of the app makes of itself, without making it
// one of the app's.
func configOf(tlsApp *caddytls.TLS, onDemand bool) (*certmagic.Config, error) {
	issuer := new(noIssuer)
	policy := caddytls.AutomationPolicy{OnDemand: onDemand, Issuers: []certmagic.Issuer{issuer}}
	if err := policy.Provision(tlsApp); err != nil {
		return nil, err
	}
	if issuer.config == nil {
		return nil, errors.New("this version of Caddy makes automation policies otherwise than this module knows; update the module, or do without this source")
	}
	return issuer.config, nil
}

// noIssuer issues nothing. It takes the config that Caddy makes for the policy it is in,
// which has access to the cache.
type noIssuer struct{ config *certmagic.Config }

func (*noIssuer) IssuerKey() string { return "none" }

func (*noIssuer) Issue(context.Context, *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	return nil, errors.New("this issues nothing")
}

func (i *noIssuer) SetConfig(config *certmagic.Config) { i.config = config }

// certificates takes all that there are to choose from, and chooses none.
type certificates []certmagic.Certificate

func (c *certificates) SelectCertificate(_ *tls.ClientHelloInfo, choices []certmagic.Certificate) (certmagic.Certificate, error) {
	*c = choices
	return certmagic.Certificate{}, nil
}

// Interface guards
var (
	_ certmagic.Issuer              = (*noIssuer)(nil)
	_ caddytls.ConfigSetter         = (*noIssuer)(nil)
	_ certmagic.CertificateSelector = (*certificates)(nil)
)
