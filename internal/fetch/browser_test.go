package fetch_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// request is what the page of a fault asks for.
func request(t *testing.T, f corstest.Fault, place corstest.Place) fetch.Request {
	t.Helper()
	u, err := url.Parse(f.URLAt(place))
	if err != nil {
		t.Fatal(err)
	}
	r := fetch.Request{URL: u, Origin: place.Origin, Method: f.Method, Credentials: f.Credentials, Unsafe: true}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	for _, line := range f.Headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header = append(r.Header, fetch.Header{Name: name, Value: value})
	}
	return r
}

// TestFaults holds what [fetch.Browser] says of servers that get CORS wrong against what
// the standard says.
func TestFaults(t *testing.T) {
	at := corstest.ServeFaults(t, "http://app.example:3000", "https://app.example")
	browser := fetch.Browser{Transport: insecureTransport(t)}
	for _, f := range corstest.Faults {
		t.Run(f.Name, func(t *testing.T) {
			place := at(f)
			result, err := browser.Fetch(t.Context(), request(t, f, place))
			if err != nil {
				t.Fatal(err)
			}
			var got fetch.Block
			if result.Block != nil {
				got = *result.Block
			}
			if got.Lines = 0; got != f.BlockAt(place) {
				t.Errorf("got\n%+v\nwant\n%+v", got, f.BlockAt(place))
			}
			for _, step := range result.Steps {
				t.Logf("%v %s [%s]", step.Failed, step.Text, step.Source)
			}
			if f.Suspect && len(result.Warnings) == 0 && len(f.Hidden) == 0 {
				t.Error("no warning")
			}
			for _, name := range f.Shown {
				if !slices.Contains(result.Readable, name) {
					t.Errorf("the page can read %v, and not %s", result.Readable, name)
				}
			}
			for _, name := range f.Hidden {
				if !slices.Contains(result.Hidden, name) {
					t.Errorf("kept from the page is %v, and not %s", result.Hidden, name)
				}
			}
		})
	}
}

// insecureTransport takes any certificate.
func insecureTransport(t *testing.T) *http.Transport {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig.InsecureSkipVerify = true
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}
