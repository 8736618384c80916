package corstest

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

func TestFaults(t *testing.T) {
	at := ServeFaults(t, "http://app.example:3000", "https://app.example")
	names := make(map[string]bool)
	blocked := 0
	for _, f := range Faults {
		if names[f.Name] {
			t.Errorf("two faults are called %q", f.Name)
		}
		names[f.Name] = true
		block := f.BlockAt(at(f))
		for _, s := range []string{block.URL, block.Value, block.First, block.Location} {
			if strings.ContainsAny(s, "{}") {
				t.Errorf("%s: %q was not filled in", f.Name, s)
			}
		}
		if f.Readable() == (block.URL != "") {
			t.Errorf("%s: readable %v, but %+v", f.Name, f.Readable(), block)
		}
		if !f.Readable() {
			blocked++
		}
		if f.Readable() && f.Block != (fetch.Block{}) {
			t.Errorf("%s is readable, but %+v", f.Name, f.Block)
		}
	}
	if blocked < 35 {
		t.Errorf("%d faults are none too many", blocked)
	}
}

// TestServeFaults shows what a fault names of its place, and which answer it chooses.
func TestServeFaults(t *testing.T) {
	at := ServeFaults(t, "http://app.example:3000", "https://app.example")
	for _, test := range []struct {
		fault, method, path string
		status              int
		header, want        string // of the place, with "{...}"
	}{
		{"right", "GET", "/", 200, "Access-Control-Allow-Origin", "http://app.example:3000"},
		{"other scheme", "GET", "/", 200, "Access-Control-Allow-Origin", "https://app.example:3000"},
		{"upper case", "GET", "/", 200, "Access-Control-Allow-Origin", "http://APP.EXAMPLE:3000"},
		{"default port", "GET", "/", 200, "Access-Control-Allow-Origin", "http://app.example:80"},
		{"no port", "GET", "/", 200, "Access-Control-Allow-Origin", "http://app.example"},
		{"preflight", "OPTIONS", "/", 204, "Access-Control-Allow-Methods", "PUT"},
		{"preflight", "PUT", "/", 200, "Access-Control-Allow-Methods", ""},
		{"redirect", "GET", "/", 302, "Location", "{api}/next"},
		{"redirect", "GET", "/next", 200, "Location", ""},
		{"redirect", "GET", "/elsewhere", 404, "Location", ""},
	} {
		i := indexOf(test.fault)
		place := at(Faults[i])
		req, err := http.NewRequestWithContext(t.Context(), test.method, place.API+test.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if want := place.Expand(test.want); resp.StatusCode != test.status || resp.Header.Get(test.header) != want {
			t.Errorf("%s: %s %s: status %d, %s: %q; want %d and %q", test.fault, test.method, test.path,
				resp.StatusCode, test.header, resp.Header.Get(test.header), test.status, want)
		}
	}
}

// TestBlockIn shows that an engine that does otherwise has a block of its own.
func TestBlockIn(t *testing.T) {
	place := Place{Page: "http://app.example", Origin: "http://app.example", API: "http://api.example"}
	f := Fault{
		Block:   fetch.Block{Rule: fetch.RuleAllowOriginMismatch, Value: "{origin}/"},
		Engines: map[fetch.Engine]fetch.Block{fetch.WebKit: {}},
	}
	if b := f.BlockIn(fetch.WebKit, place); b != (fetch.Block{}) {
		t.Errorf("WebKit: %+v", b)
	}
	want := fetch.Block{Rule: fetch.RuleAllowOriginMismatch, URL: "http://api.example/", Origin: "http://app.example", Value: "http://app.example/", Status: 200, Page: "http://app.example", First: "http://api.example/"}
	if b := f.BlockIn(fetch.Firefox, place); b != want {
		t.Errorf("Firefox: %+v", b)
	}
}
