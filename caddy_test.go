package caddycors

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// prelude makes a Caddy that keeps to itself.
const prelude = `{
	admin off
	auto_https off
	persist_config off
	default_bind 127.0.0.1
	log {
		output discard
	}
}
`

// runCaddy loads a Caddyfile into a real Caddy, in this process. In the text, $A, $B
// and $C stand for addresses on loopback. It returns a client of $A.
func runCaddy(t *testing.T, caddyfile string) *client {
	t.Helper()
	a := newClient(t)
	addresses := strings.NewReplacer("$A", a.address, "$B", newClient(t).address, "$C", newClient(t).address)
	loadCaddy(t, adapt(t, prelude+addresses.Replace(caddyfile)))
	return a
}

func loadCaddy(t *testing.T, config []byte) {
	t.Helper()
	if err := caddy.Load(config, true); err != nil {
		t.Fatalf("loading %s: %v", config, err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping Caddy: %v", err)
		}
	})
}

// loadRoute loads a config that has only this route, for the site's address.
func loadRoute(t *testing.T, site *client, route string) {
	t.Helper()
	loadCaddy(t, []byte(`{"admin": {"disabled": true}, "logging": {"logs": {"default": {"writer": {"output": "discard"}}}}, "apps": {"http": {"servers": {"site": {"listen": ["`+site.address+`"], "automatic_https": {"disable": true}, "routes": [`+route+`]}}}}}`))
}

func adapt(t *testing.T, caddyfile string) []byte {
	t.Helper()
	config, err := adaptCaddyfile(caddyfile)
	if err != nil {
		t.Fatalf("adapting:\n%s\n%v", caddyfile, err)
	}
	return config
}

func adaptCaddyfile(caddyfile string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
	return config, err
}

// serveBackend starts a backend that is no Caddy, and returns its address.
func serveBackend(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// client sends requests to one address.
type client struct {
	t       *testing.T
	address string
	http    http.Client
}

// taken are the addresses that tests were given.
var taken = make(map[string]bool)

// newClient returns a client of an address on loopback that nothing listens on, and
// that no test was given before.
func newClient(t *testing.T) *client {
	t.Helper()
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		if !taken[address] {
			taken[address] = true
			return clientOf(t, address)
		}
	}
}

func clientOf(t *testing.T, address string) *client {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, address: address, http: http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// response is a response that was read to its end.
type response struct {
	*http.Response
	request string
	body    string
}

// do sends a request: a line of method and path, then header lines, as in
// "GET /api\nOrigin: https://a.example". In it, $A is the client's address.
func (c *client) do(request string) response {
	c.t.Helper()
	r, err := c.try(request)
	if err != nil {
		c.t.Fatalf("%s\n%v", request, err)
	}
	return r
}

// try is do for goroutines that are not the test's own.
func (c *client) try(request string) (response, error) {
	request = strings.ReplaceAll(request, "$A", c.address)
	first, lines, _ := strings.Cut(request, "\n")
	method, path, _ := strings.Cut(first, " ")
	req, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.address+path, nil)
	if err != nil {
		return response{}, err
	}
	addHeaders(req, lines)
	resp, err := c.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return response{resp, request, string(body)}, err
}

// addHeaders adds lines as in "Origin: https://a.example" to a request.
func addHeaders(r *http.Request, lines string) {
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
}

// cors returns what of a response is about CORS, each field line a line, sorted. The
// names of the lines are cut short: "Allow-Origin: *".
func (r response) cors() string {
	var lines []string
	for name, values := range r.Header {
		short, isCORS := strings.CutPrefix(name, "Access-Control-")
		if isCORS || name == "Vary" {
			for _, value := range values {
				lines = append(lines, short+": "+value)
			}
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// want fails unless the response has this status and just these CORS headers.
func (r response) want(t *testing.T, status int, lines ...string) {
	t.Helper()
	slices.Sort(lines)
	if want := strings.Join(lines, "\n"); r.StatusCode != status || r.cors() != want {
		t.Errorf("%s\n\ngot %s\n\nwant status %d and\n%s", r.request, r, status, want)
	}
}

// String shows the whole response.
func (r response) String() string {
	var b strings.Builder
	b.WriteString(r.Proto + " " + r.Status + "\n")
	_ = r.Header.Write(&b)
	b.WriteString("\n" + r.body)
	return b.String()
}
