package corsproxy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/seed-9442523e/caddy-cors"
	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const (
	page      = "https://app.example.com"
	allowPage = "Allow-Origin: " + page
	vary      = "Vary: Origin"

	prelude = `{
	admin off
	auto_https off
	persist_config off
	default_bind 127.0.0.1
	log {
		output discard
	}
}
`
)

// adapt makes JSON of a Caddyfile.
func adapt(caddyfile string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
	return config, err
}

// runCaddy loads a Caddyfile into a real Caddy, in this process. In it, $A stands for an
// address on loopback, of which it returns a client.
func runCaddy(t testing.TB, caddyfile string) *corstest.Client {
	t.Helper()
	return runCaddyWith(t, "", caddyfile)
}

// runCaddyWith is runCaddy with more global options.
func runCaddyWith(t testing.TB, options, caddyfile string) *corstest.Client {
	t.Helper()
	site := corstest.NewClient(t, corstest.FreeAddress(t))
	config, err := adapt(strings.TrimSuffix(prelude, "}\n") + options + "\n}\n" + strings.ReplaceAll(caddyfile, "$A", site.Address))
	if err == nil {
		err = caddy.Load(config, true)
	}
	if err != nil {
		t.Fatalf("%s\n%v", caddyfile, err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	return site
}

// runProxy runs a proxy behind a policy of the page, with these options, that may connect to
// loopback.
func runProxy(t testing.TB, options string) *corstest.Client {
	t.Helper()
	return runCaddy(t, "http://$A {\ncors "+page+"\ncors_proxy {\nallow_networks 127.0.0.1\n"+options+"\n}\n}")
}

// ask sends a GET for a URL as the page does, with more header lines.
func ask(url string, lines ...string) string {
	return "GET /?" + url + "\nOrigin: " + page + "\n" + strings.Join(lines, "\n")
}

// api is a server without CORS that notes what it is asked.
type api struct {
	URL string // with "http://127.0.0.1:" and its port

	mu    sync.Mutex
	asked []*http.Request
}

// serveAPI starts a server.
func serveAPI(t testing.TB, handler http.HandlerFunc) *api {
	t.Helper()
	a := new(api)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.asked = append(a.asked, r.Clone(r.Context()))
		a.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

// requests returns what was asked since the last call.
func (a *api) requests() []*http.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

// wantRefusal fails unless a response is this refusal, with these CORS headers.
func wantRefusal(t testing.TB, r corstest.Response, want *refusal, cors ...string) {
	t.Helper()
	r.Want(t, want.status, append(cors, "Vary: Accept, Origin")...)
	if r.Text != want.Error()+"\n" || r.Header.Get("Content-Security-Policy") != "sandbox" || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s\n\ngot %s\n\nwant %v", r.Asked, r, want)
	}
}
