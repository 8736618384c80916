//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// standardRun runs scenarios as the Fetch standard has it, by internal/fetch. It returns
// what came of their steps; of those that are no requests in mode "cors", nothing.
func standardRun(t *testing.T, s *scenarioServers) (results [][]result) {
	t.Helper()
	for i, scenario := range s.scenarios {
		b := newStandardBrowser(t)
		var some []result
		for _, step := range scenario.steps {
			some = append(some, b.do(t, s.values[i], scenario, step))
		}
		results = append(results, some)
	}
	return results
}

// standardBrowser is internal/fetch with what surrounds it in a browser: cookies, and a
// cache. All names are this machine's.
type standardBrowser struct {
	fetch.Browser
	transport *standardCache
	jar       http.CookieJar
}

func newStandardBrowser(t *testing.T) *standardBrowser {
	t.Helper()
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		t.Fatal(err)
	}
	//nolint:gosec // The certificates of tests are their own.
	network := &http.Transport{
		DisableCompression: true,
		ForceAttemptHTTP2:  true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}
	t.Cleanup(network.CloseIdleConnections)
	cache := &standardCache{RoundTripper: network}
	return &standardBrowser{fetch.Browser{Transport: cache}, cache, jar}
}

// do runs a step.
func (b *standardBrowser) do(t *testing.T, values *strings.Replacer, sc scenario, s step) result {
	t.Helper()
	if s.act == "pause" {
		return result{}
	}
	u, err := fetch.ParseURL(nil, values.Replace(s.target()))
	if err != nil {
		t.Fatalf("%s: %v", sc.name, err)
	}
	if !s.isCORS() {
		b.load(u)
		return result{}
	}
	r := fetch.Request{URL: u, Origin: pageOrigin(values, sc, s), Method: s.method, Header: s.header(values),
		Credentials: s.credentials == "include" || s.crossOrigin == "use-credentials", Upload: s.act == "upload", Unsafe: true}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if s.act == "events" {
		r.Header = append(r.Header, fetch.Header{Name: "Accept", Value: "text/event-stream"})
	}
	if s.body != "" && !slices.ContainsFunc(s.headers, func(line string) bool { return strings.HasPrefix(line, "Content-Type:") }) {
		r.Header = append(r.Header, fetch.Header{Name: "Content-Type", Value: "text/plain;charset=UTF-8"})
	}
	if r.Credentials {
		var cookies []string
		for _, c := range b.jar.Cookies(u) {
			cookies = append(cookies, c.Name+"="+c.Value)
		}
		r.Cookie = strings.Join(cookies, "; ")
	}
	got, err := b.Fetch(t.Context(), r)
	switch {
	case err != nil:
		return result{Event: err.Error()}
	case got.Block != nil:
		return result{Error: got.Block.Reason()}
	}
	response := got.Response
	if r.Credentials {
		b.jar.SetCookies(u, (&http.Response{Header: response.Header}).Cookies())
	}
	seen := result{Status: response.Status}
	for _, name := range got.Readable {
		seen.Headers = append(seen.Headers, [2]string{name, strings.Join(response.Header.Values(name), ", ")})
	}
	return seen
}

// load does a GET without CORS, as images do.
func (b *standardBrowser) load(u *url.URL) {
	if u.Scheme != "http" && u.Scheme != "https" {
		return
	}
	r := &http.Request{Method: http.MethodGet, URL: u, Header: make(http.Header)}
	if response, err := b.transport.RoundTrip(r); err == nil {
		_ = response.Body.Close()
	}
}

// pageOrigin is the origin of the page, or of what it has made, that does a step.
func pageOrigin(values *strings.Replacer, sc scenario, s step) string {
	if s.place == "sandbox" || s.place == "data" {
		return "null"
	}
	if strings.HasPrefix(s.place, "{") {
		return values.Replace(s.place)
	}
	return values.Replace("{" + sc.pageName() + "}")
}

// standardCache keeps answers to GET that are fresh, as long as it lives (RFC 9111).
type standardCache struct {
	http.RoundTripper
	stored []storedResponse
}

type storedResponse struct {
	request  *http.Request
	response *http.Response
	body     []byte
}

var freshness = regexp.MustCompile(`max-age=[1-9]`)

func (c *standardCache) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, s := range c.stored {
		if r.Method == http.MethodGet && s.answers(r) {
			response := *s.response
			response.Body = io.NopCloser(bytes.NewReader(s.body))
			return &response, nil
		}
	}
	r = r.Clone(r.Context())
	r.Header.Set("Accept-Encoding", "gzip") // as all browsers have it
	response, err := c.RoundTripper.RoundTrip(r)
	if err != nil || r.Method != http.MethodGet || !freshness.MatchString(response.Header.Get("Cache-Control")) {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	c.stored = append(c.stored, storedResponse{r, response, body})
	return response, nil
}

// answers reports whether a stored response answers a request: its URL is the same, and so
// are the headers that Vary names.
func (s storedResponse) answers(r *http.Request) bool {
	if s.request.URL.String() != r.URL.String() {
		return false
	}
	for _, name := range strings.Split(strings.Join(s.response.Header.Values("Vary"), ","), ",") {
		if name = strings.TrimSpace(name); name != "" && s.request.Header.Get(name) != r.Header.Get(name) {
			return false
		}
	}
	return true
}
