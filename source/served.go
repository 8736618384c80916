package source

import (
	"errors"
	"fmt"
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
	refused  []refusedName
}

// servedKey tells names that are served apart: those of an HTTP app that a policy may allow.
type servedKey struct {
	app   *caddyhttp.App
	rules Rules
}

// refusedName is a name in a certificate that a policy may not allow.
type refusedName struct{ name, reason string }

func (r *refusedName) Error() string {
	return fmt.Sprintf("the certificate for %q: %s", r.name, r.reason)
}

// newServed returns the names and ports of an HTTP app that is being provisioned.
//
// That certificates are for all servers is how TLS sees it: any of them answers with any.
//
// The config does not name what is in certificates that are loaded, and who wrote it may not be
// who made them. So a name there that the rules refuse is left out, where one that the config
// has itself is an error.
func newServed(key servedKey, tlsApp *caddytls.TLS) (*served, error) {
	s := &served{hosts: make(map[string]struct{}), parents: make(map[string]struct{}), ports: make(map[string]struct{}), policies: indexOf(tlsApp.Automation.Policies)}
	managed, err := managedNames(key.app, tlsApp)
	if err != nil {
		return nil, err
	}
	loaded, err := loadedNames(tlsApp)
	if err != nil {
		return nil, err
	}
	managed = slices.DeleteFunc(managed, func(name string) bool { return s.policies.onDemand(strings.ToLower(name)) })
	var errs []error
	for _, refused := range s.addAll(managed, key.rules) {
		errs = append(errs, &refused)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.refused = s.addAll(loaded, key.rules)
	for _, server := range key.app.Servers {
		s.addPorts(server, key.app)
	}
	return s, nil
}

// Destruct does nothing: requests of a config that goes need the names.
func (*served) Destruct() error { return nil }

// addAll takes names as certificates have them. It returns those that the rules refuse, in
// order.
func (s *served) addAll(names []string, rules Rules) (refused []refusedName) {
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if r := s.add(name, rules); r != nil && len(refused) < maxLineErrors {
			refused = append(refused, *r)
		}
	}
	return refused
}

// add takes a name as certificates have it, which is no host at all in some, unless the rules
// refuse it. A name without a wildcard needs no risk to be taken.
func (s *served) add(name string, rules Rules) *refusedName {
	if addr, err := netip.ParseAddr(name); err == nil && addr.Is6() {
		name = "[" + name + "]"
	} else if strings.ContainsAny(strings.TrimPrefix(name, "*."), ":/?#@%*[]\\") {
		return nil // an e-mail address, or another thing that would not be all of a host
	}
	pattern, err := origin.ParsePattern("https://" + name)
	if err != nil {
		return nil
	}
	parent := pattern.WildcardParent()
	if parent == "" {
		s.hosts[strings.TrimPrefix(pattern.String(), "https://")] = struct{}{}
		return nil
	}
	if _, err := parseEntry(pattern.String(), rules); err != nil {
		return &refusedName{"*." + parent, err.Reason}
	}
	s.parents[parent] = struct{}{}
	return nil
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
