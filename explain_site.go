package caddycors

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// site is the server that gets a request.
type site struct {
	server *caddyhttp.Server
	path   string         // of the server in the config
	routes []locatedRoute // of the server, and those that Caddy adds
	hosts  []string       // that the routes are for
	others []string       // names of servers that listen on the port as well, at other addresses
}

// automaticPath is where the routes stand that Caddy adds to a config.
const automaticPath = "automatic HTTPS"

// siteOf returns the server that gets a request for the URL, or says what there is
// instead.
func (c *httpConfig) siteOf(p pageRequest) (s *site, instead string) {
	https, port := p.url.Scheme == "https", c.portOf(p)
	var names []string
	otherScheme := false
	for _, name := range c.names {
		server := c.Servers[name]
		address, ok := listens(server, port)
		switch {
		case !ok || !reaches(address.Host, p.url.Hostname()):
		case https != (c.overTLS(server) && port != uint(c.HTTPPort)):
			otherScheme = true
		default:
			names = append(names, name)
		}
	}
	var redirects []locatedRoute
	if !https && port == uint(c.HTTPPort) {
		redirects = c.redirects()
	}
	switch {
	case len(names) > 0:
	case len(redirects) > 0:
		return &site{server: new(caddyhttp.Server), routes: redirects}, ""
	case otherScheme && https:
		return nil, fmt.Sprintf("port %d is served without TLS; write http://, if that is what the page calls", port)
	case otherScheme:
		return nil, fmt.Sprintf("port %d is served over TLS; write https://", port)
	default:
		return nil, fmt.Sprintf("no server of this config listens for %s:// on port %d; %s", p.url.Scheme, port, c.listening())
	}
	// The one that names the host is meant, if there are several.
	slices.SortStableFunc(names, func(a, b string) int {
		switch inA, inB := isHost(hosts(c.Servers[a]), p.url.Host), isHost(hosts(c.Servers[b]), p.url.Host); {
		case inA && !inB:
			return -1
		case inB && !inA:
			return 1
		}
		return 0
	})
	server := c.Servers[names[0]]
	s = &site{server: server, path: "apps/http/servers/" + names[0], hosts: hosts(server), others: names[1:]}
	s.routes = located(server.Routes, s.path+"/routes")
	if last := len(redirects) - 1; last >= 0 {
		s.routes = slices.Insert(s.routes, afterHostRoutes(server), redirects[:last]...)
		s.routes = append(s.routes, redirects[last])
	}
	return s, ""
}

// portOf returns the port at which Caddy gets requests for the URL.
func (c *httpConfig) portOf(p pageRequest) uint {
	if port, err := strconv.ParseUint(p.url.Port(), 10, 16); err == nil {
		return uint(port)
	}
	if p.url.Scheme == "https" {
		return uint(c.HTTPSPort)
	}
	return uint(c.HTTPPort)
}

// listening says what the servers listen on.
func (c *httpConfig) listening() string {
	var all []string
	for _, name := range c.names {
		scheme := "http"
		if c.overTLS(c.Servers[name]) {
			scheme = "https"
		}
		for _, address := range c.Servers[name].Listen {
			all = append(all, fmt.Sprintf("%s (%s)", shown(address), scheme))
		}
	}
	if len(all) == 0 {
		return "it serves no HTTP"
	}
	return "it listens on " + joined(all, ", ") + "; if something ahead of Caddy changes scheme or port, write the URL as Caddy gets it"
}

// reaches reports whether requests for a host may come in where a server listens. What
// a name stands for is not looked up.
func reaches(address, host string) bool {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.IsUnspecified() {
		return true
	}
	if named, err := netip.ParseAddr(host); err == nil {
		return named == ip
	}
	return !origin.IsLoopback(host) || ip.IsLoopback()
}

// isHost reports whether a request's Host is one of names, as Caddy's matcher has it.
func isHost(names []string, host string) bool {
	matcher := caddyhttp.MatchHost(slices.Clone(names))
	if matcher.Provision(caddy.Context{}) != nil {
		return false
	}
	r := (&http.Request{Host: host}).WithContext(context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
	matches, err := matcher.MatchWithError(r)
	return err == nil && matches
}

// redirects returns the routes by which Caddy sends plain HTTP to HTTPS. The last one
// is for all hosts, and comes behind all other routes; the others come behind the last
// route that is for a host (Caddy, automaticHTTPSPhase1).
func (c *httpConfig) redirects() []locatedRoute {
	var names []string
	redirected, allHosts, certificates := false, false, false
	for _, name := range c.names {
		server := c.Servers[name]
		if !c.automatic(server) || !c.overTLS(server) {
			continue
		}
		secured := certified(server)
		certificates = certificates || len(secured) > 0 && !server.AutoHTTPS.DisableCerts
		if server.AutoHTTPS.DisableRedir {
			continue
		}
		redirected = true
		allHosts = allHosts || len(secured) == 0
		for _, host := range secured {
			if !slices.Contains(names, host) {
				names = append(names, host)
			}
		}
	}
	if !redirected {
		return nil
	}
	var routes []locatedRoute
	if len(names) > 0 && certificates {
		routes = append(routes, redirectRoute(names))
	}
	if allHosts && certificates {
		routes = append(routes, redirectRoute(nil))
	}
	return append(routes, redirectRoute(nil))
}

// redirectRoute returns a route that redirects to HTTPS, as Caddy makes it.
func redirectRoute(names []string) locatedRoute {
	set := caddy.ModuleMap{"protocol": json.RawMessage(`"http"`)}
	if names != nil {
		set["host"] = caddyconfig.JSON(names, nil)
	}
	return locatedRoute{&caddyhttp.Route{
		MatcherSetsRaw: caddyhttp.RawMatcherSets{set},
		HandlersRaw:    []json.RawMessage{json.RawMessage(`{"handler": "static_response", "status_code": 308, "headers": {"Location": ["https://{http.request.host}{http.request.uri}"]}}`)},
	}, automaticPath}
}

// afterHostRoutes returns the index behind the last route that is for a host.
func afterHostRoutes(server *caddyhttp.Server) int {
	for i, route := range slices.Backward(server.Routes) {
		for _, set := range route.MatcherSetsRaw {
			if _, ok := set["host"]; ok {
				return i + 1
			}
		}
	}
	return 0
}

// maxListed is how many things a line lists.
const maxListed = 5

// joined joins the first of a list.
func joined(list []string, separator string) string {
	if more := len(list) - maxListed; more > 0 {
		list = append(slices.Clone(list[:maxListed]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, separator)
}

// shown returns what of a config or of the command line is told, as a terminal may have
// it.
func shown(s string) string { return fetch.Printable(s, maxShownBytes) }
