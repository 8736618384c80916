package corsproxy

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// TestUnsetSecrets shows that a config loads where its secrets are not, with a warning that
// tells no value, and that the header is left out, also as pages send it.
func TestUnsetSecrets(t *testing.T) {
	a := serveAPI(t, func(http.ResponseWriter, *http.Request) {})
	file := filepath.Join(t.TempDir(), "log")
	t.Setenv("PROXY_EMPTY", "")
	site := corstest.NewClient(t, corstest.FreeAddress(t))
	config, err := adapt(strings.Replace(prelude, "output discard", "output file "+file+"\nlevel WARN\ninclude http.handlers.cors_proxy", 1) +
		"http://" + site.Address + " {\ncors " + page + `
	cors_proxy {
		allow_networks 127.0.0.1
		targets ` + a.URL + `
		header_up Authorization "Bearer s3cret {env.PROXY_NONE}" for ` + a.URL + `
		header_up X-Key {env.PROXY_EMPTY} for ` + a.URL + `/keyed/*
		header_up X-Other {file.` + file + `.none} for ` + a.URL + `
		header_up X-Space "s3cret " for ` + a.URL + `
		header_up X_Set here for ` + a.URL + `
		forward_authorization ` + a.URL + `/own
	}
	}`)
	if err == nil {
		err = caddy.Validate(caddyConfig(t, config))
	}
	if err == nil {
		err = caddy.Load(config, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = caddy.Stop() }()
	for path, wantKey := range map[string]string{"/keyed/x": "", "/own": "page", "/x": "page"} {
		r := site.Do(ask(a.URL+path, "Authorization: page", "X-Key: page", "X-Other: page", "X-Set: page", "X_Set: page", "X-Space: page"))
		got := a.requests()[0].Header
		if r.StatusCode != http.StatusOK || got.Get("Authorization") != "" || got.Get("X-Key") != wantKey || got["X-Other"] != nil || got.Get("X_Set") != "here" || got["X-Set"] != nil || got["X-Space"] != nil {
			t.Errorf("%s: %s\n%v", path, r, got)
		}
	}
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(log)
	for _, want := range []string{
		`"header":"Authorization","targets":["` + a.URL + `"]`, "{env.PROXY_NONE}",
		`"header":"X-Key","targets":["` + a.URL + `/keyed/*"]`, "{env.PROXY_EMPTY}",
		`"header":"X-Other","targets":["` + a.URL + `"]`, `"header":"X-Space","targets":["` + a.URL + `"]`, "ends in white space",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "s3cret") || strings.Contains(text, "X_Set\",\"targets") {
		t.Errorf("logged:\n%s", text)
	}
}

// caddyConfig reads a config as `caddy validate` does.
func caddyConfig(t *testing.T, config []byte) *caddy.Config {
	t.Helper()
	var c *caddy.Config
	if err := caddy.StrictUnmarshalJSON(config, &c); err != nil {
		t.Fatal(err)
	}
	return c
}
