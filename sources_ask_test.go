package caddycors

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// tenants is an endpoint that knows which origins may use which host.
type tenants struct {
	*httptest.Server
	asks  atomic.Int64
	fails atomic.Bool
}

// serveTenants starts an endpoint that allows these questions, "<origin> <host>" each.
func serveTenants(t testing.TB, allowed ...string) *tenants {
	t.Helper()
	e := new(tenants)
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asks.Add(1)
		if e.fails.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		question := r.FormValue("origin") + " " + r.FormValue("host")
		for _, answer := range allowed {
			if question == answer {
				return
			}
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(e.Close)
	return e
}

// TestOriginsFromAsk drives a Caddy that asks about origins, by a Caddyfile and by JSON.
func TestOriginsFromAsk(t *testing.T) {
	for name, load := range map[string]func(t *testing.T, a *client, url string){
		"Caddyfile": func(t *testing.T, a *client, url string) {
			loadCaddy(t, adapt(t, prelude+"http://"+a.Address+" {\ncors https://app.example.com {\nallow_origins_from ask "+url+"?key=x {\nttl 1h\nnegative_ttl 1h\nstale off\n}\nallow_methods PUT\n}\nrespond hi\n}"))
		},
		"JSON": func(t *testing.T, a *client, url string) {
			loadRoute(t, a, `{"handle":[{"handler":"cors","policies":[{"allow_origins":["https://app.example.com"],"allow_methods":["PUT"],"allow_origins_from":[{"source":"ask","url":"`+url+`?key=x","ttl":"1h","negative_ttl":"1h","stale":0}]}]},{"handler":"static_response","body":"hi"}]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := serveTenants(t, "https://one.example 127.0.0.1", "https://two.example:8443 127.0.0.1", "https://three.example localhost")
			a := newClient(t)
			load(t, a, e.URL)
			if n := e.asks.Load(); n != 0 {
				t.Errorf("it was asked %d times while the config loaded", n)
			}
			for range 3 {
				for _, origin := range []string{"https://app.example.com", "https://one.example", "https://two.example:8443"} {
					a.Do("GET /\nOrigin: "+origin).Want(t, 200, "Allow-Origin: "+origin, vary)
					r := a.Do("OPTIONS /\nOrigin: " + origin + "\nAccess-Control-Request-Method: PUT")
					if r.StatusCode != http.StatusNoContent || r.Header.Get(headerAllowOrigin) != origin || r.Header.Get(headerAllowMethods) != "PUT" {
						t.Errorf("%s", r)
					}
				}
				for _, origin := range []string{"https://three.example", "https://two.example"} {
					a.Do("GET /\nOrigin: "+origin).Want(t, 200, vary)
					if r := a.Do("OPTIONS /\nOrigin: " + origin + "\nAccess-Control-Request-Method: PUT"); r.StatusCode != http.StatusForbidden {
						t.Errorf("%s", r)
					}
				}
				for _, origin := range []string{"null", "file://", "https://one.example/", "HTTPS://one.example", "one.example", "https://one.example:443"} {
					a.Do("GET /\nOrigin: "+origin).Want(t, 200, vary)
				}
				a.Do("GET /").Want(t, 200, vary)
			}
			if n := e.asks.Load(); n != 4 {
				t.Errorf("it was asked %d times about four origins", n)
			}
		})
	}
}

// TestAskHoldsToTheRisks shows which origins a policy does not ask about.
func TestAskHoldsToTheRisks(t *testing.T) {
	for more, want := range map[string]string{
		"":                              "null=false http://one.example=true http://localhost:3000=true",
		"allow_credentials":             "null=false http://one.example=false http://localhost:3000=true",
		"dangerously_allow null_origin": "null=true http://one.example=true http://localhost:3000=true",
		"allow_credentials\ndangerously_allow insecure_origins": "null=false http://one.example=true http://localhost:3000=true",
	} {
		e := serveTenants(t, "null 127.0.0.1", "http://one.example 127.0.0.1", "http://localhost:3000 127.0.0.1")
		a := runCaddy(t, "http://$A {\ncors {\nallow_origins_from ask "+e.URL+"\n"+more+"\n}\nrespond hi\n}")
		var got []string
		for _, origin := range []string{"null", "http://one.example", "http://localhost:3000"} {
			r := a.Do("GET /\nOrigin: " + origin)
			got = append(got, fmt.Sprintf("%s=%t", origin, r.Header.Get(headerAllowOrigin) == origin))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%q: %s, want %s", more, got, want)
		}
		if n, allowed := int(e.asks.Load()), strings.Count(want, "true"); n != allowed {
			t.Errorf("%q: it was asked %d times", more, n)
		}
	}
}

// TestReloadAsksNothingAnew shows that what is known outlives a reload, and a config that
// does not load.
func TestReloadAsksNothingAnew(t *testing.T) {
	e := serveTenants(t, "https://one.example 127.0.0.1")
	a := newClient(t)
	load := func(more string) error {
		return caddy.Load(adapt(t, prelude+"http://"+a.Address+" {\ncors {\nallow_origins_from ask "+e.URL+" {\nnegative_ttl 1h\n}\n"+more+"\n}\nrespond hi\n}"), true)
	}
	if err := load(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	for i := range 3 {
		for origin, allowed := range map[string]bool{"https://one.example": true, "https://two.example": false} {
			if r := askReloaded(t, a, "GET /\nOrigin: "+origin); (r.Header.Get(headerAllowOrigin) == origin) != allowed {
				t.Errorf("%s", r)
			}
		}
		e.fails.Store(true)
		if err := load(fmt.Sprintf("max_age %dm", i+1)); err != nil {
			t.Fatal(err)
		}
		if err := load("allow_origins_from ask ftp://localhost"); err == nil {
			t.Fatal("an endpoint that cannot be asked loads")
		}
	}
	if n := e.asks.Load(); n != 2 {
		t.Errorf("it was asked %d times about two origins", n)
	}
}

// TestAskFailuresAreLogged shows that the log tells why an endpoint fails, once for many
// requests, and nothing that is secret in its URL.
func TestAskFailuresAreLogged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	e := serveTenants(t)
	e.Close()
	url := strings.Replace(e.URL, "//", "//me:passw0rd@", 1) + "/allowed?key=t0ken"
	a := runCaddyWith(t, strings.Replace(prelude, "output discard", "output file "+file+"\ninclude http.cors.origins", 1), "http://$A {\ncors {\nallow_origins_from ask "+url+"\n}\nrespond hi\n}")
	for i := range 50 {
		a.Do(fmt.Sprintf("GET /\nOrigin: https://forged%d.example", i))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatalf("this is not one line: %s", text)
	}
	reason, _ := line["error"].(string)
	if line["level"] != "error" || line["endpoint"] != e.URL+"/allowed" || line["origin"] != "https://forged0.example" || line["host"] != "127.0.0.1" || !strings.Contains(reason, "connection refused") {
		t.Errorf("it says %s", text)
	}
	if strings.Contains(string(text), "passw0rd") || strings.Contains(string(text), "t0ken") {
		t.Errorf("it tells secrets: %s", text)
	}
}

// TestBadAsk shows what does not load, and what the error says.
func TestBadAsk(t *testing.T) {
	for caddyfile, want := range map[string]string{
		"allow_origins_from ask":                                              "it takes the URL",
		"allow_origins_from ask https://a.example {\ninterval 5s\n}":          `there is no option "interval"`,
		"allow_origins_from ask a.example":                                    "it takes one of http:// or https://",
		"allow_origins_from ask http://a.example/?k=t0ken\nallow_credentials": "dangerously_allow insecure_origins",
		"allow_origins_from ask https://a.example {\nmax_entries 0\n}":        "it takes a number from 1",
		"allow_origins_from ask https://a.example {\nttl 1ms\n}":              "the shortest is 100ms",
		"allow_origins_from ask https://a.example {\nstale 1000d\n}":          "the longest is 8760h",
	} {
		config, err := adaptCaddyfile("http://localhost:1 {\ncors {\n" + caddyfile + "\n}\n}")
		if err == nil {
			err = caddy.Load(config, true)
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%s: the error is %v, want %s", caddyfile, err, want)
		}
	}
}

// askHandler returns a handler that has asked about https://app.example.com, and one that
// has it in its config.
func askHandler(tb testing.TB) (asked, listed *Handler) {
	e := serveTenants(tb, "https://app.example.com server.example")
	asked = provision(tb, &Handler{Policies: []*Policy{{AllowOriginsFromRaw: []json.RawMessage{json.RawMessage(`{"source":"ask","url":"` + e.URL + `","ttl":"1h"}`)}}}})
	listed = provision(tb, &Handler{Policies: []*Policy{{AllowOrigins: []string{"https://app.example.com"}}}})
	for _, h := range []*Handler{asked, listed} {
		if d := h.policies.decide(newRequest("GET\nOrigin: https://app.example.com")); d.outcome != outcomeAllowed {
			tb.Fatal(d.outcome)
		}
	}
	return asked, listed
}

// TestAskDecisionAllocatesNothing shows that an origin that is known costs no allocation.
func TestAskDecisionAllocatesNothing(t *testing.T) {
	asked, _ := askHandler(t)
	r := newRequest("GET\nOrigin: https://app.example.com")
	if n := testing.AllocsPerRun(1000, func() { asked.policies.decide(r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkAsk compares an origin that an endpoint allowed with one of the config: the
// decision, and all that the handler does.
func BenchmarkAsk(b *testing.B) {
	asked, listed := askHandler(b)
	for _, h := range []struct {
		name string
		*Handler
	}{{"listed", listed}, {"asked", asked}} {
		r := newRequest("GET\nOrigin: https://app.example.com")
		vars := make(map[string]any)
		r = r.WithContext(context.WithValue(context.Background(), caddyhttp.VarsCtxKey, vars))
		b.Run("decision/"+h.name, func(b *testing.B) {
			for b.Loop() {
				h.policies.decide(r)
			}
		})
		b.Run("parallel/"+h.name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					h.policies.decide(r)
				}
			})
		})
		b.Run("handler/"+h.name, func(b *testing.B) {
			w := &reusedWriter{make(http.Header)}
			for b.Loop() {
				clear(w.header)
				clear(vars)
				_ = h.ServeHTTP(w, r, writeHeader)
			}
		})
	}
}
