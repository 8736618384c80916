package source

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
	"github.com/caddyserver/certmagic"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// emptyStorage returns a storage with nothing in it.
func emptyStorage(t *testing.T) certmagic.Storage {
	t.Helper()
	return &certmagic.FileStorage{Path: t.TempDir()}
}

// openHTTP returns a source as a config makes it.
func openHTTP(t *testing.T, h *HTTP, rules Rules) error {
	t.Helper()
	ctx, cancel := caddy.NewContext(runCaddy(t, t.TempDir()))
	err := h.Provision(WithPolicy(ctx, Policy{Rules: rules}))
	t.Cleanup(func() {
		if err := h.Cleanup(); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return err
}

// runCaddy runs a Caddy with nothing but a storage, in this process.
func runCaddy(t *testing.T, root string) caddy.Context {
	t.Helper()
	ctx, _ := runCaddyLogging(t, root)
	return ctx
}

// runCaddyLogging is [runCaddy], and returns what reads the log of that Caddy, too.
func runCaddyLogging(t *testing.T, root string) (ctx caddy.Context, logged func() string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	if err := caddy.Load(fmt.Appendf(nil, `{"admin": {"disabled": true}, "logging": {"logs": {"default": {"writer": {"output": "file", "filename": %q}, "encoder": {"format": "json"}}}}, "storage": {"module": "file_system", "root": %q}}`, log, root), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	return caddy.ActiveContext(), func() string {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// linesOf returns the lines of a text that have all these parts.
func linesOf(text string, parts ...string) (lines []string) {
	for line := range strings.Lines(text) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestHTTPOverTLS shows what is sent, and whom it trusts.
func TestHTTPOverTLS(t *testing.T) {
	cert, key := corstest.Certificate(t)
	other, _ := corstest.Certificate(t)
	s := serveList(t, a)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.ServeTLS(listener, cert, key) }()
	defer server.Close()
	t.Setenv("SOURCE_TOKEN", "s3cret")
	address := "https://" + listener.Addr().String() + "/origins?x=1"
	h := &HTTP{URL: address, CA: cert, Headers: map[string][]string{"authorization": {"Bearer {env.SOURCE_TOKEN}"}, "X-Tenant": {"1", "2"}}}
	if err := openHTTP(t, h, Rules{Credentials: true}); err != nil || !h.AllowsOrigin(nil, a) {
		t.Fatal(err)
	}
	got := s.requests()[0].header
	if got.Get("Authorization") != "Bearer s3cret" || !reflect.DeepEqual(got["X-Tenant"], []string{"1", "2"}) {
		t.Errorf("it sends %v", got)
	}
	for _, h := range []*HTTP{{URL: address}, {URL: address, CA: other}} {
		if err := openHTTP(t, h, Rules{}); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("the error is %v", err)
		}
	}
}

// TestHTTPDoesNotLoad shows what fails a config, and that errors tell no secrets.
func TestHTTPDoesNotLoad(t *testing.T) {
	s := serveList(t, b, b+"/", "https://*.github.io")
	redirect, page, closed := serveList(t), serveList(t), corstest.FreeAddress(t)
	redirect.answer(status(302, "Location: /login?state=s3cret"))
	page.answer(status(200, "Content-Type: text/html"))
	empty := filepath.Join(t.TempDir(), "empty.pem")
	write(t, empty, "")
	host := strings.TrimPrefix(s.URL, "http://")
	for name, test := range map[string]struct {
		h    HTTP
		want []string
	}{
		"no URL":             {HTTP{}, []string{"url is missing"}},
		"no such variable":   {HTTP{URL: s.URL + "/{env.NO_SUCH_VARIABLE}?token=s3cret"}, []string{"url: ", "env.NO_SUCH_VARIABLE"}},
		"no such URL":        {HTTP{URL: "https://s3cret\x7f/"}, []string{"url: this is no URL"}},
		"another scheme":     {HTTP{URL: "ftp://x:s3cret@lists.example/a"}, []string{"url \"ftp://lists.example/a\": it takes one of http:// or https://"}},
		"no host":            {HTTP{URL: "https:///a?s3cret"}, []string{"it takes one of http:// or https://, with a host"}},
		"a fragment":         {HTTP{URL: s.URL + "/a#s3cret"}, []string{"take it out"}},
		"plain HTTP":         {HTTP{URL: "http://lists.example/a?s3cret"}, []string{"url \"http://lists.example/a\": with allow_credentials", "write https://", "dangerously_allow insecure_origins"}},
		"a public address":   {HTTP{URL: "http://203.0.113.1/a"}, []string{"write https://"}},
		"what a DNS may say": {HTTP{URL: "http://lists.localhost/a"}, []string{"write https://"}},
		"bad lines":          {HTTP{URL: "http://x:s3cret@" + host + "/a?token=s3cret"}, []string{"url " + s.URL + "/a: line 2: ", "line 3: ", "dangerously_allow public_suffixes"}},
		"nobody there":       {HTTP{URL: "http://x:s3cret@" + closed + "/a?token=s3cret"}, []string{"url http://" + closed + "/a: ", "connection refused"}},
		"a redirect":         {HTTP{URL: redirect.URL + "?token=s3cret"}, []string{"a redirect to " + redirect.URL + "/login, which is not followed"}},
		"a page":             {HTTP{URL: page.URL}, []string{"a page in HTML, such as one to log in"}},
		"a short interval":   {HTTP{URL: s.URL, Interval: caddy.Duration(time.Millisecond)}, []string{"interval", "the shortest is 1s"}},
		"a short timeout":    {HTTP{URL: s.URL, Timeout: caddy.Duration(time.Millisecond)}, []string{"timeout", "the shortest is 100ms"}},
		"no such name":       {HTTP{URL: s.URL, Headers: map[string][]string{"X Y": {"s3cret"}}}, []string{`headers "X Y": this is not the name`}},
		"no such value":      {HTTP{URL: s.URL, Headers: map[string][]string{"X": {"s3cret\n"}}}, []string{"headers X: its value has characters"}},
		"its own header":     {HTTP{URL: s.URL, Headers: map[string][]string{"accept-encoding": {"br"}}}, []string{"headers accept-encoding: a fetch sets it itself"}},
		"no such token":      {HTTP{URL: s.URL, Headers: map[string][]string{"X": {"{env.NO_SUCH_VARIABLE}"}}}, []string{"headers X: ", "env.NO_SUCH_VARIABLE"}},
		"an authority":       {HTTP{URL: s.URL, CA: empty}, []string{"ca: plain HTTP has no certificates"}},
		"no authority":       {HTTP{URL: "https://" + host, CA: empty}, []string{"there is no certificate in it"}},
		"no such authority":  {HTTP{URL: "https://" + host, CA: empty + ".none"}, []string{"ca: ", "no such file"}},
		"several at once":    {HTTP{URL: "x", CA: "none", Interval: 1, Timeout: 1}, []string{"url", "ca: ", "interval", "timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := openHTTP(t, &test.h, Rules{Credentials: true})
			for _, part := range test.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("the error is %v, want %s", err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

// TestHTTPIsShared shows that a reload does not fetch a list again, and that none is
// fetched when no config has it any more.
func TestHTTPIsShared(t *testing.T) {
	s := serveList(t, a)
	h := []*HTTP{{URL: s.URL}, {URL: s.URL}, {URL: s.URL, Headers: map[string][]string{"X": {"y"}}}}
	for _, h := range h {
		if err := openHTTP(t, h, Rules{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.requests()); n != 2 || h[0].fetched != h[1].fetched || h[0].fetched == h[2].fetched {
		t.Errorf("%d requests were sent", n)
	}
	ctx, cancel := caddy.NewContext(caddy.ActiveContext())
	defer cancel()
	strict := &HTTP{URL: s.URL}
	if err := strict.Provision(WithPolicy(ctx, Policy{Rules: Rules{Credentials: true}})); err != nil || strict.fetched == h[0].fetched {
		t.Fatalf("a policy with other rules shares: %v", err)
	}
	if err := strict.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if _, there := fetchedLists.References(strict.fetched.value.key); there || !strict.AllowsOrigin(nil, a) {
		t.Error("it is fetched on, or does not answer any more")
	}
}

func TestHTTPCaddyfile(t *testing.T) {
	for text, want := range map[string]HTTP{
		"http https://a.example/list": {URL: "https://a.example/list"},
		"http https://a.example/list {\ninterval 1m\ntimeout 5s\nca {env.CA}\nheaders {\nAuthorization \"Bearer {env.TOKEN}\"\nX-Tenant 1\n}\nheaders X-Tenant 2\n}": {
			URL: "https://a.example/list", Interval: caddy.Duration(time.Minute), Timeout: caddy.Duration(5 * time.Second), CA: "{env.CA}",
			Headers: map[string][]string{"Authorization": {"Bearer {env.TOKEN}"}, "X-Tenant": {"1", "2"}},
		},
	} {
		var h HTTP
		if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil || !reflect.DeepEqual(h, want) {
			t.Errorf("%s: %+v, %v", text, h, err)
		}
	}
	for text, want := range map[string]string{
		"http":                                  "it takes the URL",
		"http a b":                              `it takes one URL, and not "b" as well`,
		"http a {\ninterval soon\n}":            `interval "soon": this is not a duration`,
		"http a {\ntimeout 1s 2s\n}":            "timeout: it takes one value",
		"http a {\nca\n}":                       "ca: it takes the path",
		"http a {\nca b\nca c\n}":               "ca is given twice",
		"http a {\nheaders X y z\n}":            "headers: X takes one value",
		"http a {\nheaders {\nX\n}\n}":          "headers: X takes one value",
		"http a {\nheaders {\nX Bearer s\n}\n}": "put one of several words in quotes",
		"http a {\nttl 1s\n}":                   `there is no option "ttl"; there are interval, timeout, headers and ca`,
	} {
		if err := new(HTTP).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %s", text, err, want)
		}
	}
}

// TestHTTPFailsWithoutTrace shows that a config that does not load leaves no connection open.
func TestHTTPFailsWithoutTrace(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"a bad line": answerList("nonsense"),
		"nothing":    answers(http.StatusOK),
		"an error":   answers(http.StatusInternalServerError),
	} {
		t.Run(name, func(t *testing.T) {
			server := newEndpoint(t, handler)
			running := runCaddy(t, t.TempDir())
			for range 20 {
				ctx, cancel := caddy.NewContext(running)
				if err := (&HTTP{URL: server.URL}).Provision(ctx); err == nil {
					t.Fatal("it loads")
				}
				cancel()
			}
			soon(t, "the end of all connections", func() bool { return server.conns.Load() == 0 })
		})
	}
}
