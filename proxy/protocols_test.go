package corsproxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// TestProtocols shows that pages get the same over each protocol that browsers speak: what a
// target says, what is kept of it, refusals, and errors in place of short successes.
func TestProtocols(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/kept":
			w.Header().Set("Cache-Control", "max-age=60")
		case "/unchanged":
			w.WriteHeader(http.StatusNotModified)
			return
		case "/nothing":
			w.WriteHeader(http.StatusNoContent)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s%s", r.Method, r.URL, body)
		if r.URL.Path == "/long" {
			_ = http.NewResponseController(w).Flush()
			fmt.Fprint(w, strings.Repeat("a", 20_000))
		}
	})
	cert, key := corstest.Certificate(t)
	site := runCaddy(t, "https://$A {\ntls "+cert+" "+key+"\ncors "+page+"\ncors_proxy {\nallow_networks 127.0.0.1\ntargets "+a.URL+"\nmethods GET HEAD POST\ncache 5m\nmax_body 1kB\nmax_response 10kB\n}\n}")
	kept := 0
	for _, protocol := range []string{corstest.H1S, corstest.H2, corstest.H3} {
		site := site.Over(protocol)
		for _, path := range []string{"/x", "/kept", "/kept"} {
			r := site.Do(ask(a.URL+path, "User-Agent: x"))
			r.Want(t, http.StatusOK, allowPage, vary)
			if r.Text != "GET "+path {
				t.Errorf("%s: %s", protocol, r)
			}
			if r.Header["Age"] != nil {
				kept++
			}
		}
		for n, want := range map[int]*refusal{0: nil, 1000: nil, 1001: refusedBody, 100_000: refusedBody} {
			body := strings.Repeat("b", n)
			for _, reader := range []io.Reader{strings.NewReader(body), chunked{strings.NewReader(body)}} {
				r := post(t, site, a.URL+"/x", reader)
				if want != nil {
					wantRefusal(t, r, want, allowPage)
				} else if r.Text != "POST /x"+body {
					t.Errorf("%s, %d bytes: %s", protocol, n, r)
				}
			}
		}
		for _, path := range []string{"/unchanged", "/nothing"} { // RFC 9110, section 8.6; over HTTP/3, the server adds one
			if r := site.Do(ask(a.URL + path)); r.Header["Content-Length"] != nil && protocol != corstest.H3 || r.Text != "" {
				t.Errorf("%s: %s", protocol, r)
			}
		}
		wantRefusal(t, site.Do(ask("https://other.example")), refusedTarget, allowPage)
		if r, err := site.Try(ask(a.URL + "/long")); err == nil {
			t.Errorf("%s: %d bytes are taken for all", protocol, len(r.Text))
		}
	}
	if kept != 5 {
		t.Errorf("%d answers of what is kept", kept)
	}
	for _, request := range a.requests() {
		if request.Method == http.MethodGet && (request.ContentLength != 0 || request.TransferEncoding != nil) {
			t.Errorf("a GET with a body: %v", request)
		}
	}
}

// TestEarlyData shows that a target learns that a request came in early data, and may be a replay
// (RFC 8470, section 5.2), as the reverse proxy writes it, and not as pages do.
func TestEarlyData(t *testing.T) {
	a := serveAPI(t, func(http.ResponseWriter, *http.Request) {})
	h := &Handler{Targets: []string{a.URL}, AllowNetworks: []string{"127.0.0.1"}}
	if err := h.compile(); err != nil {
		t.Fatal(err)
	}
	h.perTarget, h.client = newUnderWay(1), newTransport(&guard{allowed: h.networks()}, h.timeout, 1)
	at, _ := parsePlace(a.URL + "/x")
	e := &exchange{Handler: h, at: at, ctx: t.Context(), header: pageHeader(http.Header{"Early-Data": {"0"}}), body: limit(http.NoBody, 1, refusedBody)}
	asked := httptest.NewRequestWithContext(context.WithValue(t.Context(), exchangeKey{}, e), http.MethodGet, "/", nil)
	asked.Header.Set("Early-Data", "1")
	response, err := transport{}.RoundTrip(asked)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := a.requests()[0].Header["Early-Data"]; !slices.Equal(got, []string{"1"}) {
		t.Errorf("Early-Data: %q", got)
	}
}
