// Package corsproxy is a Caddy module that lets pages read APIs which send no CORS headers:
// the HTTP handler http.handlers.cors_proxy and the Caddyfile directive cors_proxy.
//
// It stands behind a cors handler, which decides who may read, and fetches from targets that
// the config names, with Caddy's reverse proxy. No part of it is linked into a Caddy unless
// the package is imported.
package corsproxy
