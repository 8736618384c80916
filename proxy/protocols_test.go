package corsproxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// TestProtocols shows that pages get the same over each protocol that browsers speak: what a
// target says, what is kept of it, refusals, and errors in place of short successes.
func TestProtocols(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/kept" {
			w.Header().Set("Cache-Control", "max-age=60")
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
