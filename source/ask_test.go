package source

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// openAsk provisions a source, until the test is over.
func openAsk(t testing.TB, a *Ask, rules Rules) error {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	err := a.Provision(WithPolicy(ctx, Policy{Rules: rules}))
	t.Cleanup(func() {
		if err := a.Cleanup(); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return err
}

// asking returns a source that asks an endpoint, with more options.
func asking(t testing.TB, e *endpoint, options Ask) *Ask {
	t.Helper()
	if options.URL == "" {
		options.URL = e.URL
	}
	a := &options
	if err := openAsk(t, a, Rules{}); err != nil {
		t.Fatal(err)
	}
	return a
}

// page returns a request to a host.
func page(host string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = host
	return r
}

var tenant = page("api.example.com")

func lasting(d time.Duration) *caddy.Duration {
	duration := caddy.Duration(d)
	return &duration
}

// soon fails unless something is true within some seconds: the machine may be busy.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

// TestAskEnds shows that a question which is asked when the last config goes is answered
// to who waits, and leaves no connection open.
func TestAskEnds(t *testing.T) {
	begin := make(chan struct{})
	e := newEndpoint(t, func(http.ResponseWriter, *http.Request) { <-begin })
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	a := &Ask{URL: e.URL, Timeout: caddy.Duration(time.Minute)}
	if err := a.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	answered := make(chan bool)
	go func() { answered <- a.AllowsOrigin(tenant, "https://a.example") }()
	soon(t, "a question", func() bool { return e.asks.Load() == 1 })
	cancel()
	if err := a.Cleanup(); err != nil {
		t.Fatal(err)
	}
	close(begin)
	if !<-answered {
		t.Error("not allowed")
	}
	soon(t, "the end of all connections", func() bool { return e.conns.Load() == 0 })
}

// TestAskIsShared shows that a reload asks nothing anew, and that configs that go answer
// what they know, and ask no more.
func TestAskIsShared(t *testing.T) {
	e := newEndpoint(t, knows("https://a.example", "https://b.example"))
	open := func(options Ask) *Ask {
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		t.Cleanup(cancel)
		options.URL = e.URL
		if err := options.Provision(ctx); err != nil {
			t.Fatal(err)
		}
		return &options
	}
	closed := func(a *Ask) {
		if err := a.Cleanup(); err != nil {
			t.Error(err)
		}
	}
	old := open(Ask{})
	if !old.AllowsOrigin(tenant, "https://a.example") || old.AllowsOrigin(tenant, "https://c.example") {
		t.Fatal("it answers otherwise than the endpoint")
	}
	reloaded, other := open(Ask{TTL: caddy.Duration(defaultTTL)}), open(Ask{Stale: lasting(time.Minute)})
	if reloaded.asker != old.asker || other.asker == old.asker {
		t.Error("not those share answers that ask in the same way")
	}
	closed(old)
	for _, a := range []*Ask{old, reloaded} {
		if !a.AllowsOrigin(tenant, "https://a.example") || a.AllowsOrigin(tenant, "https://c.example") || e.asks.Load() != 2 {
			t.Errorf("it was asked %d times", e.asks.Load())
		}
	}
	closed(reloaded)
	closed(other)
	if _, there := askers.References(old.asker.value.options); there {
		t.Error("nobody has it, and it is kept")
	}
	if !old.AllowsOrigin(tenant, "https://a.example") || old.AllowsOrigin(tenant, "https://b.example") || e.asks.Load() != 2 {
		t.Errorf("after the end, it was asked %d times", e.asks.Load())
	}
	soon(t, "the end of all connections", func() bool { return e.conns.Load() == 0 })
}

// TestAskAfterTheEnd shows that the last config keeps what it knows for as long as that
// counts, asks nothing when it went, and denies what it does not know.
func TestAskAfterTheEnd(t *testing.T) {
	e := newEndpoint(t, answers(http.StatusOK))
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	a := &Ask{URL: e.URL, TTL: caddy.Duration(leastTime), Stale: lasting(3 * time.Second)}
	if err := a.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if !a.AllowsOrigin(tenant, "https://a.example") {
		t.Fatal("not allowed")
	}
	cancel()
	if err := a.Cleanup(); err != nil {
		t.Fatal(err)
	}
	soon(t, "an answer that is older than it should be", func() bool {
		_ = a.AllowsOrigin(tenant, "https://a.example")
		return a.Asks().HitsStale > 0
	})
	if a.AllowsOrigin(tenant, "https://b.example") || a.AllowsOrigin(page("other.example"), "https://a.example") {
		t.Error("what is not known is allowed")
	}
	soon(t, "the end of what is known", func() bool { return !a.AllowsOrigin(tenant, "https://a.example") })
	if n := e.asks.Load(); n != 1 || a.Asks().Refused != 0 || a.flights() != 0 {
		t.Errorf("it was asked %d times: %+v", n, a.Asks())
	}
}

// TestAskTrusts shows that an endpoint whose certificate is of no authority that the system
// trusts says nothing, whatever it says, and that the log tells why.
func TestAskTrusts(t *testing.T) {
	_, logged := runCaddyLogging(t, t.TempDir())
	e := newEndpoint(t, answers(http.StatusOK))
	s := httptest.NewUnstartedServer(e.Config.Handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	a := asking(t, e, Ask{URL: strings.Replace(s.URL, "//", "//me:s3cret@", 1) + "/?key=s3cret"})
	for range 2 {
		if a.AllowsOrigin(tenant, "https://a.example") {
			t.Error("allowed")
		}
	}
	if s := a.Asks(); s.AskedFailed != 1 || s.HitsDenied != 1 || e.asks.Load() != 0 {
		t.Errorf("it was asked %d times: %+v", e.asks.Load(), s)
	}
	soon(t, "a line about it", func() bool {
		return len(linesOf(logged(), `"level":"error"`, `"endpoint":"`+s.URL+`/"`, "certificate", `"origin":"https://a.example"`)) == 1
	})
	if strings.Contains(logged(), "s3cret") {
		t.Errorf("the log tells a secret: %s", logged())
	}
}

// TestAskDoesNotLoad shows what fails a config, and that no secret is in what it says.
func TestAskDoesNotLoad(t *testing.T) {
	const https = "https://tenants.example.com/"
	for _, test := range []struct {
		ask  Ask
		want []string
	}{
		{Ask{}, []string{"url is missing"}},
		{Ask{URL: "{env.NO_SUCH_VARIABLE}"}, []string{"env.NO_SUCH_VARIABLE"}},
		{Ask{URL: "tenants.example.com/allowed"}, []string{"it takes one of http:// or https://"}},
		{Ask{URL: "/allowed"}, []string{`url "/allowed"`, "with a host"}},
		{Ask{URL: "ftp://me:secret@tenants.example.com/"}, []string{`url "ftp://tenants.example.com/"`}},
		{Ask{URL: "https://?secret"}, []string{"with a host"}},
		{Ask{URL: "https://a\x7f/?secret"}, []string{"url: this is no URL; "}},
		{Ask{URL: "https://user:secret#x@a/"}, []string{"url: this is no URL; "}},
		{Ask{URL: "https://a:99999/?secret"}, []string{"a port is a number from 1 to 65535"}},
		{Ask{URL: "https://a:0/"}, []string{"a port is a number from 1 to 65535"}},
		{Ask{URL: "https://a/?b;c"}, []string{"its query is malformed"}},
		{Ask{URL: "http://tenants.example.com/?key=secret"}, []string{`url "http://tenants.example.com/": with allow_credentials`, "write https://", `add "dangerously_allow insecure_origins"`}},
		{Ask{URL: "http://203.0.113.1/"}, []string{"over plain HTTP", "write https://"}},
		{Ask{URL: https, TTL: caddy.Duration(time.Millisecond)}, []string{`ttl "1ms": the shortest is 100ms`}},
		{Ask{URL: https, TTL: -1}, []string{"ttl", "the shortest"}},
		{Ask{URL: https, NegativeTTL: 1}, []string{"negative_ttl", "the shortest"}},
		{Ask{URL: https, Timeout: 1}, []string{"timeout", "the shortest"}},
		{Ask{URL: https, Stale: lasting(-1)}, []string{"stale", "the shortest is 0s"}},
		{Ask{URL: https, TTL: 1<<63 - 1}, []string{"ttl", "the longest"}},
		{Ask{URL: https, Stale: lasting(1<<63 - 1)}, []string{"stale", "the longest"}},
		{Ask{URL: https, MaxEntries: -1}, []string{"max_entries -1: it takes a number from 1"}},
		{Ask{URL: https, MaxEntries: 1 << 30}, []string{"max_entries"}},
	} {
		err := openAsk(t, &test.ask, Rules{Credentials: true})
		for _, part := range test.want {
			if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%+v: the error is %v, want %s", test.ask, err, part)
			}
		}
	}
}

func TestAskURLHasPlaceholders(t *testing.T) {
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("key") != "secret" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	t.Setenv("ASK_QUERY", "key=secret")
	if a := asking(t, e, Ask{URL: e.URL + "?{env.ASK_QUERY}"}); !a.AllowsOrigin(tenant, "https://a.example") {
		t.Error("not allowed")
	}
}

func TestAskCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"ask https://a/b?c":             `{"url":"https://a/b?c"}`,
		"ask https://a {\nttl 1m\n}":    `{"url":"https://a","ttl":60000000000}`,
		"ask https://a {\nstale off\n}": `{"url":"https://a","stale":0}`,
		"ask https://a {\nstale 1d\n}":  `{"url":"https://a","stale":86400000000000}`,
		"ask {env.X} {\n# nothing\n}":   `{"url":"{env.X}"}`,
		"ask https://a {\nttl 1s\nnegative_ttl 2s\ntimeout 3s\nmax_entries 4\nstale 5s\n}": `{"url":"https://a","ttl":1000000000,"negative_ttl":2000000000,"timeout":3000000000,"max_entries":4,"stale":5000000000}`,
	} {
		var a Ask
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if got, _ := json.Marshal(a); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"ask":                                      "it takes the URL of an endpoint",
		"ask a b":                                  `it takes one URL, and not "b" as well`,
		"ask a {\nttl\n}":                          "ttl: it takes one value",
		"ask a {\nttl 5\n}":                        `ttl "5": this is not a duration`,
		"ask a {\nttl 1s\nttl 2s\n}":               "ttl is given twice",
		"ask a {\nnegative_ttl x\n}":               `negative_ttl "x": this is not a duration`,
		"ask a {\ntimeout 0s\n}":                   "leave it out for the default",
		"ask a {\nmax_entries\n}":                  "max_entries: it takes one number",
		"ask a {\nmax_entries 1 2\n}":              "max_entries: it takes one number",
		"ask a {\nmax_entries x\n}":                `max_entries "x": it takes a number`,
		"ask a {\nmax_entries 0\n}":                `max_entries "0": it takes a number from 1`,
		"ask a {\nmax_entries 1\nmax_entries 1\n}": "max_entries is given twice",
		"ask a {\nstale\n}":                        "stale: it takes one value",
		"ask a {\nstale off 1s\n}":                 "stale: it takes one value",
		"ask a {\nstale 0s\n}":                     `stale "0s": write off`,
		"ask a {\nstale 0h\n}":                     `stale "0h": write off`,
		"ask a {\nstale 0s 1s\n}":                  "stale: it takes one value",
		"ask a {\nstale off\nstale 0s\n}":          "stale is given twice",
		"ask a {\nstale -1s\nstale off\n}":         "stale is given twice",
		"ask a {\nstale never\n}":                  `stale "never": this is not a duration`,
		"ask a {\nstale off\nstale 1s\n}":          "stale is given twice",
		"ask a {\ninterval 1s\n}":                  `there is no option "interval"; there are ttl`,
	} {
		if err := new(Ask).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %s", text, err, want)
		}
	}
}
