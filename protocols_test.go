package caddycors

import (
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// overTLS are the protocols by which browsers speak to a Caddy.
var overTLS = []string{corstest.H1S, corstest.H2, corstest.H3}

// runCaddyTLS is runCaddy for a site that speaks HTTP/1.1, HTTP/2 and HTTP/3. Its text
// is the inside of the site; more is what stands beside it.
func runCaddyTLS(t *testing.T, site, more string) *client {
	t.Helper()
	cert, key := corstest.Certificate(t)
	return runCaddy(t, "https://$A {\ntls "+cert+" "+key+"\n"+site+"\n}\n"+more)
}

// nextHandler is a handler that does what the test says; test_next is its directive.
type nextHandler struct{ serve caddyhttp.HandlerFunc }

// next is what the handlers do that are loaded from now on.
var next caddyhttp.HandlerFunc

func init() {
	caddy.RegisterModule(new(nextHandler))
	httpcaddyfile.RegisterHandlerDirective("test_next", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return new(nextHandler), nil
	})
	caddy.RegisterModule(recoverHandler{})
	httpcaddyfile.RegisterHandlerDirective("test_recover", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return recoverHandler{}, nil
	})
}

func (*nextHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_next", New: func() caddy.Module { return new(nextHandler) }}
}

func (h *nextHandler) Provision(caddy.Context) error {
	h.serve = next
	return nil
}

func (h *nextHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	return h.serve(w, r)
}

// recoverHandler turns a panic of a later handler into a 500, as a plugin could;
// test_recover is its directive.
type recoverHandler struct{}

func (recoverHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_recover", New: func() caddy.Module { return recoverHandler{} }}
}

func (recoverHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	defer func() {
		if recover() != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}()
	return next.ServeHTTP(w, r)
}

// runNext runs a Caddy whose cors, for https://app.example.com and with more options,
// is ahead of a handler of the test's own.
func runNext(t *testing.T, options string, handler caddyhttp.HandlerFunc) *client {
	t.Helper()
	next = handler
	return runCaddyTLS(t, "route {\ntest_recover\ncors https://app.example.com {\n"+options+"\n}\ntest_next\n}", "")
}
