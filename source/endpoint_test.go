package source

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// endpoint is an endpoint that tests ask. What it does can be changed.
type endpoint struct {
	*httptest.Server
	asks    atomic.Int64
	opened  atomic.Int64 // connections, so far
	conns   atomic.Int64 // those that are open
	handler atomic.Pointer[http.HandlerFunc]
}

func newEndpoint(t testing.TB, handler http.HandlerFunc) *endpoint {
	t.Helper()
	e := new(endpoint)
	e.does(handler)
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asks.Add(1)
		(*e.handler.Load())(w, r)
	}))
	e.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			e.opened.Add(1)
			e.conns.Add(1)
		case http.StateClosed, http.StateHijacked:
			e.conns.Add(-1)
		}
	}
	e.Start()
	t.Cleanup(func() {
		e.does(answers(http.StatusForbidden)) // what waits is asked again
		e.CloseClientConnections()
		e.Close()
	})
	return e
}

func (e *endpoint) does(handler http.HandlerFunc) { e.handler.Store(&handler) }

// answers is an endpoint that has this status for all.
func answers(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// stalls is an endpoint that answers nothing while it is waited for.
func stalls(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// knows is an endpoint that allows these origins.
func knows(origins ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(origins, r.FormValue("origin")) {
			w.WriteHeader(http.StatusForbidden)
		}
	}
}

// hijacks is an endpoint that does not speak HTTP, or badly.
func hijacks(write func(w io.ReadWriter)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		write(conn)
	}
}

// TestAskAnswers shows what each answer means. What is no answer is asked again soon.
func TestAskAnswers(t *testing.T) {
	var allowing *endpoint
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for chunk := make([]byte, 64<<10); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	redirects := func(to func() string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to(), http.StatusFound) }
	}
	allowing = newEndpoint(t, answers(http.StatusOK))
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    askResult
	}{
		"200":            {answers(http.StatusOK), askAllowed},
		"200 and no end": {endless, askAllowed},
		"200 and then nothing": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			stalls(w, r)
		}, askAllowed},
		"200 and then cut": {hijacks(func(w io.ReadWriter) { _, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx") }), askAllowed},
		"201":              {answers(http.StatusCreated), askDenied},
		"204":              {answers(http.StatusNoContent), askDenied},
		"206":              {answers(http.StatusPartialContent), askDenied},
		"299":              {answers(299), askDenied},
		"400":              {answers(http.StatusBadRequest), askDenied},
		"401":              {answers(http.StatusUnauthorized), askDenied},
		"403":              {answers(http.StatusForbidden), askDenied},
		"404":              {answers(http.StatusNotFound), askDenied},
		"499":              {answers(499), askDenied},
		"403 and no end":   {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden); endless(w, r) }, askDenied},
		"101": {hijacks(func(w io.ReadWriter) {
			_, _ = io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			_, _ = io.Copy(io.Discard, w) // until the other side closes
		}), askDenied},
		"301":                     {answers(http.StatusMovedPermanently), askFailed},
		"304":                     {answers(http.StatusNotModified), askFailed},
		"a redirect to itself":    {redirects(func() string { return "?" }), askFailed},
		"a redirect to a yes":     {redirects(func() string { return allowing.URL }), askFailed},
		"408":                     {answers(http.StatusRequestTimeout), askFailed},
		"429":                     {answers(http.StatusTooManyRequests), askFailed},
		"500":                     {answers(http.StatusInternalServerError), askFailed},
		"503":                     {answers(http.StatusServiceUnavailable), askFailed},
		"nothing":                 {stalls, askFailed},
		"a closed connection":     {hijacks(func(io.ReadWriter) {}), askFailed},
		"garbage":                 {hijacks(func(w io.ReadWriter) { _, _ = w.Write([]byte("\x00\x16\x03200 OK\r\n\r\n")) }), askFailed},
		"another protocol":        {hijacks(func(w io.ReadWriter) { _, _ = io.WriteString(w, "SSH-2.0-OpenSSH_9.2\r\n") }), askFailed},
		"headers without an end":  {hijacks(func(w io.ReadWriter) { writeEndlessly(w, "HTTP/1.1 200 OK\r\n", "X: y\r\n") }), askFailed},
		"a header without an end": {hijacks(func(w io.ReadWriter) { writeEndlessly(w, "HTTP/1.1 200 OK\r\nX: ", "yyyyyyyyyy") }), askFailed},
		"large headers": {func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				w.Header().Add("X", strings.Repeat("y", 1<<10))
			}
		}, askFailed},
		"hints without an end": {hijacks(func(w io.ReadWriter) { writeEndlessly(w, "", "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n") }), askFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, test.handler)
			a := asking(t, e, Ask{Timeout: caddy.Duration(1500 * time.Millisecond), NegativeTTL: caddy.Duration(time.Hour)})
			allowed := a.AllowsOrigin(tenant, "https://a.example")
			if allowed != (test.want == askAllowed) {
				t.Errorf("allowed: %v", allowed)
			}
			if again := a.AllowsOrigin(tenant, "https://a.example"); again != allowed {
				t.Errorf("then allowed: %v", again)
			}
			want := map[askResult]AskCounts{askAllowed: {AskedAllowed: 1, HitsAllowed: 1}, askDenied: {AskedDenied: 1, HitsDenied: 1}, askFailed: {AskedFailed: 1, HitsDenied: 1}}[test.want]
			got := a.Asks().AskCounts
			got.Took, got.Within = 0, want.Within
			if got != want {
				t.Errorf("counted: %+v, want %+v", got, want)
			}
			if n := e.asks.Load(); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
			soon(t, "room for the next question", func() bool { return a.flights() == 0 })
		})
	}
	t.Cleanup(func() {
		if n := allowing.asks.Load(); n > 0 {
			t.Error("a redirect was followed")
		}
	})
}

// writeEndlessly writes a beginning, and then more, until nobody reads.
func writeEndlessly(w io.Writer, beginning, more string) {
	_, err := io.WriteString(w, beginning)
	for more = strings.Repeat(more, 1000); err == nil; {
		_, err = io.WriteString(w, more)
	}
}

// TestAskRequest shows what an endpoint is sent.
func TestAskRequest(t *testing.T) {
	for _, test := range []struct{ query, host, want string }{
		{"", "api.example.com", "origin=https%3A%2F%2Fa.example&host=api.example.com"},
		{"?b=1&a=%2F&c=x+y&flag&origin=evil", "API.Example.COM:8443", "b=1&a=%2F&c=x+y&flag&origin=https%3A%2F%2Fa.example&host=api.example.com"},
		{"?key=s%20t&b=2&b=1", "api.example.com", "key=s%20t&b=2&b=1&origin=https%3A%2F%2Fa.example&host=api.example.com"},
		{"?origin=https://evil.example&host=x&host=y", "api.example.com.", "origin=https%3A%2F%2Fa.example&host=api.example.com"},
		{"?%6Frigin=x&a=1&h%6fst&origin", "api.example.com", "a=1&origin=https%3A%2F%2Fa.example&host=api.example.com"},
		{"?original=1&a=origin&hosts", "api.example.com", "original=1&a=origin&hosts&origin=https%3A%2F%2Fa.example&host=api.example.com"},
		{"?&x=&&", "[2001:db8::1]:443", "&x=&&&origin=https%3A%2F%2Fa.example&host=%5B2001%3Adb8%3A%3A1%5D"},
		{"?key=s t&'\"<>", "api.example.com", "key=s%20t&'\"<>&origin=https%3A%2F%2Fa.example&host=api.example.com"},
	} {
		var got *http.Request
		e := newEndpoint(t, func(_ http.ResponseWriter, r *http.Request) { got = r })
		a := asking(t, e, Ask{URL: strings.Replace(e.URL, "//", "//me:secret@", 1) + "/may" + test.query})
		r := page(test.host)
		r.Header.Set("Cookie", "session=1")
		if !a.AllowsOrigin(r, "https://a.example") {
			t.Fatalf("%s: not allowed", test.query)
		}
		user, password, _ := got.BasicAuth()
		if got.Method != http.MethodGet || got.URL.Path != "/may" || got.URL.RawQuery != test.want || "http://"+got.Host != e.URL || user != "me" || password != "secret" {
			t.Errorf("%s: it was sent %s %s, user %s, to %s; want %s", test.query, got.Method, got.URL, user, got.Host, test.want)
		}
		if names := slices.Sorted(maps.Keys(got.Header)); !slices.Equal(names, []string{"Authorization", "User-Agent"}) {
			t.Errorf("%s: it was sent %v", test.query, names)
		}
	}
}

// TestAskHost shows which hosts are one tenant, and which are none.
func TestAskHost(t *testing.T) {
	for header, want := range map[string]string{
		"a.example": "a.example", "A.Example": "a.example", "a.example:80": "a.example", "a.example.": "a.example", "A.EXAMPLE.:8443": "a.example",
		"127.0.0.1:80": "127.0.0.1", "[::1]": "[::1]", "[::1]:8080": "[::1]", "[2001:DB8::1]:1": "[2001:db8::1]", "localhost": "localhost", "xn--a-1.example": "xn--a-1.example",
	} {
		if got := hostOf(header); got != want || !isHost(got) {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	e := newEndpoint(t, answers(http.StatusOK))
	a := asking(t, e, Ask{})
	for _, header := range []string{"", ":80", ".", "a b", "a/b", "a@b", "ä.example", "[::1", "::1", "1.2.3", "a..b", "%2e", "[fe80::1%25eth0]", strings.Repeat("a", 300), strings.Repeat("a", 1<<20)} {
		if a.AllowsOrigin(page(header), "https://a.example") {
			t.Errorf("the host %.40q is asked about", header)
		}
	}
	if n := e.asks.Load(); n > 0 {
		t.Errorf("it was asked %d times", n)
	}
}

// TestAskUsesConnectionsAgain shows that many questions take few connections.
func TestAskUsesConnectionsAgain(t *testing.T) {
	for _, body := range []string{"", "yes", strings.Repeat("y", maxAnswerBytes)} {
		e := newEndpoint(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		a := asking(t, e, Ask{})
		for i := range 100 {
			if !a.AllowsOrigin(tenant, "https://a"+strconv.Itoa(i)+".example") {
				t.Fatal("not allowed")
			}
		}
		if n := e.opened.Load(); n > 10 { // the next question may come before the last byte of an answer
			t.Errorf("%d bytes: %d connections were opened", len(body), n)
		}
	}
}
