package caddycors

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// httpConfig is the part of a config that serves HTTP, decoded but not provisioned:
// nothing of it listens, dials, or opens a file.
type httpConfig struct {
	caddyhttp.App
	names   []string // of the servers, sorted
	storage json.RawMessage
}

// locatedRoute is a route, and where it stands in the config.
type locatedRoute struct {
	*caddyhttp.Route
	path string
}

// located returns the routes of a list.
func located(routes caddyhttp.RouteList, path string) []locatedRoute {
	all := make([]locatedRoute, len(routes))
	for i := range routes {
		all[i] = locatedRoute{&routes[i], path + "/" + strconv.Itoa(i)}
	}
	return all
}

// decodeHTTPConfig reads a config in JSON. What it refuses, Caddy would refuse too.
func decodeHTTPConfig(config []byte) (*httpConfig, error) {
	var whole struct {
		Storage json.RawMessage `json:"storage"`
		Apps    struct {
			HTTP json.RawMessage `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(caddy.RemoveMetaFields(config), &whole); err != nil {
		return nil, fmt.Errorf("decoding the config: %w", err)
	}
	c := &httpConfig{storage: whole.Storage}
	if len(whole.Apps.HTTP) > 0 {
		if err := caddy.StrictUnmarshalJSON(whole.Apps.HTTP, &c.App); err != nil {
			return nil, fmt.Errorf("decoding the http app: %w", err)
		}
	}
	if c.HTTPPort == 0 {
		c.HTTPPort = caddyhttp.DefaultHTTPPort
	}
	if c.HTTPSPort == 0 {
		c.HTTPSPort = caddyhttp.DefaultHTTPSPort
	}
	maps.DeleteFunc(c.Servers, func(_ string, s *caddyhttp.Server) bool { return s == nil })
	c.names = slices.Sorted(maps.Keys(c.Servers))
	replacer := caddy.NewReplacer()
	for _, name := range c.names {
		server := c.Servers[name]
		if server.AutoHTTPS == nil {
			server.AutoHTTPS = new(caddyhttp.AutoHTTPSConfig)
		}
		for i, address := range server.Listen {
			address, err := replacer.ReplaceOrErr(address, true, true)
			if err != nil {
				return nil, fmt.Errorf("server %s: %w", name, err)
			}
			server.Listen[i] = address
		}
	}
	return c, nil
}

// addresses returns what a server listens on. What cannot be read is left out.
func addresses(server *caddyhttp.Server) (all []caddy.NetworkAddress) {
	for _, address := range server.Listen {
		if parsed, err := caddy.ParseNetworkAddress(address); err == nil {
			all = append(all, parsed)
		}
	}
	return all
}

// listens returns the address by which a server listens on a port.
func listens(server *caddyhttp.Server, port uint) (caddy.NetworkAddress, bool) {
	for _, address := range addresses(server) {
		if strings.HasPrefix(address.Network, "tcp") && address.StartPort <= port && port <= address.EndPort {
			return address, true
		}
	}
	return caddy.NetworkAddress{}, false
}

// onlyListens reports whether a server listens on no other port.
func onlyListens(server *caddyhttp.Server, port int) bool {
	return !slices.ContainsFunc(addresses(server), func(a caddy.NetworkAddress) bool {
		return uint(port) < a.StartPort || uint(port) > a.EndPort
	})
}

// hosts returns the hosts that the routes of a server are for.
func hosts(server *caddyhttp.Server) (all []string) {
	for _, route := range server.Routes {
		for _, name := range hostsOf(route) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// hostsOf returns the hosts that a route is for, or nil if it is for all.
func hostsOf(route caddyhttp.Route) (all []string) {
	replacer := caddy.NewReplacer()
	for _, set := range route.MatcherSetsRaw {
		var names caddyhttp.MatchHost
		if json.Unmarshal(set["host"], &names) != nil {
			continue // there is none
		}
		for _, name := range names {
			all = append(all, replacer.ReplaceKnown(name, ""))
		}
	}
	return all
}

// automatic reports whether Caddy turns on HTTPS for a server by itself.
func (c *httpConfig) automatic(server *caddyhttp.Server) bool {
	return !server.AutoHTTPS.Disabled && !onlyListens(server, c.HTTPPort)
}

// certified returns the hosts of a server for which Caddy turns on HTTPS.
func certified(server *caddyhttp.Server) []string {
	return slices.DeleteFunc(hosts(server), func(host string) bool { return slices.Contains(server.AutoHTTPS.Skip, host) })
}

// overTLS reports whether a server speaks TLS, on all ports but the one for HTTP.
func (c *httpConfig) overTLS(server *caddyhttp.Server) bool {
	if len(server.TLSConnPolicies) > 0 {
		return true
	}
	return c.automatic(server) && (onlyListens(server, c.HTTPSPort) || len(certified(server)) > 0)
}
