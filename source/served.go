package source

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// served is what a config has certificates for. It does not change, so that many
// goroutines may use it.
type served struct {
	hosts   map[string]struct{} // as they stand in origins
	parents map[string]struct{} // what is to the right of "*." in wildcards
	ports   map[string]struct{} // beside the default one

	policies *policyIndex // by which names get their certificates
}

// newServed returns the names and ports of an HTTP app that is being provisioned.
//
// That certificates are for all servers is how TLS sees it: any of them answers with any.
func newServed(httpApp *caddyhttp.App, tlsApp *caddytls.TLS) (*served, error) {
	s := &served{hosts: make(map[string]struct{}), parents: make(map[string]struct{}), ports: make(map[string]struct{}), policies: indexOf(tlsApp.Automation.Policies)}
	managed, err := managedNames(httpApp, tlsApp)
	if err != nil {
		return nil, err
	}
	loaded, err := loadedNames(tlsApp)
	if err != nil {
		return nil, err
	}
	for _, name := range managed {
		if !s.policies.onDemand(strings.ToLower(name)) {
			s.add(name)
		}
	}
	for _, name := range loaded {
		s.add(name)
	}
	for _, server := range httpApp.Servers {
		s.addPorts(server, httpApp)
	}
	return s, nil
}

// Destruct does nothing: requests of a config that goes need the names.
func (*served) Destruct() error { return nil }

// add takes a name as certificates have it, which is no host at all in some.
func (s *served) add(name string) {
	if addr, err := netip.ParseAddr(name); err == nil && addr.Is6() {
		name = "[" + name + "]"
	} else if strings.ContainsAny(strings.TrimPrefix(name, "*."), ":/?#@%*[]\\") {
		return // an e-mail address, or another thing that would not be all of a host
	}
	pattern, err := origin.ParsePattern("https://" + name)
	if err != nil {
		return
	}
	if parent := pattern.WildcardParent(); parent != "" {
		s.parents[parent] = struct{}{}
		return
	}
	s.hosts[strings.TrimPrefix(pattern.String(), "https://")] = struct{}{}
}

// addPorts takes the ports on which a server speaks TLS, which it does on all but that of
// HTTP if it has a policy for it.
func (s *served) addPorts(server *caddyhttp.Server, app *caddyhttp.App) {
	if len(server.TLSConnPolicies) == 0 {
		return
	}
	httpPort := uint(caddyhttp.DefaultHTTPPort)
	if app.HTTPPort > 0 {
		httpPort = uint(app.HTTPPort)
	}
	for _, listen := range server.Listen {
		address, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceAll(listen, ""))
		if err != nil || address.IsUnixNetwork() || address.IsFdNetwork() {
			continue // Caddy tells what is wrong with it
		}
		for port := address.StartPort; port <= address.EndPort; port++ {
			if port != 0 && port != httpPort {
				s.ports[strconv.FormatUint(uint64(port), 10)] = struct{}{}
			}
		}
	}
}

// check holds the wildcards to the rules of a policy. Other names need no risk to be taken.
func (s *served) check(rules Rules) error {
	var errs []error
	for _, parent := range slices.Sorted(maps.Keys(s.parents)) {
		name := "*." + parent
		if _, err := parseEntry("https://"+name, rules); err != nil && len(errs) < maxLineErrors {
			errs = append(errs, fmt.Errorf("the certificate for %q: %s", name, err.Reason))
		}
	}
	return errors.Join(errs...)
}

// onPort reports whether an origin is one over TLS, on a port that may have certificates.
func (s *served) onPort(o origin.Origin) bool {
	if o.Scheme() != "https" {
		return false
	}
	if o.Port() == "" {
		return true
	}
	_, ok := s.ports[o.Port()]
	return ok
}

// has reports whether there is a certificate for the host of an origin. A wildcard is for
// one label (RFC 9525, section 6.3). It allocates nothing.
func (s *served) has(host string) bool {
	if _, ok := s.hosts[host]; ok {
		return true
	}
	_, parent, _ := strings.Cut(host, ".")
	_, ok := s.parents[parent]
	return ok
}

// size returns how many names there are, a wildcard being one.
func (s *served) size() int { return len(s.hosts) + len(s.parents) }
