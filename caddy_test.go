package caddycors

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// prelude makes a Caddy that keeps to itself.
const prelude = `{
	admin off
	auto_https off
	persist_config off
	default_bind 127.0.0.1
	log {
		output discard
	}
}
`

// runCaddy loads a Caddyfile into a real Caddy, in this process. In the text, $A, $B
// and $C stand for addresses on loopback. It returns a client of $A.
func runCaddy(t *testing.T, caddyfile string) *client {
	t.Helper()
	return runCaddyWith(t, prelude, caddyfile)
}

// runCaddyWith is runCaddy with other global options.
func runCaddyWith(t *testing.T, prelude, caddyfile string) *client {
	t.Helper()
	a := newClient(t)
	addresses := strings.NewReplacer("$A", a.Address, "$B", newClient(t).Address, "$C", newClient(t).Address)
	loadCaddy(t, adapt(t, prelude+addresses.Replace(caddyfile)))
	return a
}

func loadCaddy(t *testing.T, config []byte) {
	t.Helper()
	if err := caddy.Load(config, true); err != nil {
		t.Fatalf("loading %s: %v", config, err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping Caddy: %v", err)
		}
	})
}

// loadRoute loads a config that has only this route, for the site's address.
func loadRoute(t *testing.T, site *client, route string) {
	t.Helper()
	loadCaddy(t, []byte(`{"admin": {"disabled": true}, "logging": {"logs": {"default": {"writer": {"output": "discard"}}}}, "apps": {"http": {"servers": {"site": {"listen": ["`+site.Address+`"], "automatic_https": {"disable": true}, "routes": [`+route+`]}}}}}`))
}

func adapt(t *testing.T, caddyfile string) []byte {
	t.Helper()
	config, err := adaptCaddyfile(caddyfile)
	if err != nil {
		t.Fatalf("adapting:\n%s\n%v", caddyfile, err)
	}
	return config
}

func adaptCaddyfile(caddyfile string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
	return config, err
}

// serveBackend starts a backend that is no Caddy, and returns its address.
func serveBackend(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

type (
	client   = corstest.Client
	response = corstest.Response
)

// newClient returns a client of an address on loopback that nothing listens on, and
// that no test was given before.
func newClient(t *testing.T) *client {
	t.Helper()
	return corstest.NewClient(t, corstest.FreeAddress(t))
}
