//go:build linux

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// backend is an API that answers CORS itself, which goes wrong behind Caddy in ways of
// its own.
type backend struct {
	name  string
	proxy string                    // $P: how Caddy passes requests on; in it, $B is the address
	start func(t *testing.T) string // returns the address

	answers  []answer // with the module, to all origins
	stranger []answer // to an origin that it does not know, if these differ

	sites []site
}

// answer is what of a response the module leaves as it is. Origin is in Vary already.
type answer struct {
	path   string
	status int
	vary   string
}

// site is a config, and what is seen through it.
type site struct {
	name, config string
	rows         []exchange
}

type exchange struct {
	request string
	status  int
	lines   []string
}

const (
	knownOrigin = "https://app.example.com"   // to the backends, too
	newOrigin   = "https://admin.example.com" // to Caddy alone
	evilOrigin  = "https://evil.example"

	// The snippet that is copied most.
	headerSnippet = "header Access-Control-Allow-Origin https://app.example.com\n$P"
)

// getFrom is a request by a page of an origin.
func getFrom(origin, path string) string { return "GET " + path + "\nOrigin: " + origin }

// preflightFrom is what a browser asks ahead of a PUT by a page of an origin.
func preflightFrom(origin, path string) string {
	return "OPTIONS " + path + "\nOrigin: " + origin + "\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: x-any"
}

// allow are the lines that let a page of an origin read, with the given others.
func allow(origin string, lines ...string) []string {
	return append(lines, "Allow-Origin: "+origin)
}

// allowCookies are the lines that let a page of an origin read what its users may.
func allowCookies(origin string, lines ...string) []string {
	return allow(origin, append(lines, "Allow-Credentials: true")...)
}

// TestBackends shows for each backend what goes wrong when Caddy passes it on as it
// is, or with a snippet; and that with one line of the module all is right.
func TestBackends(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			sites := slices.Concat(b.sites, []site{b.governed(), b.governedWithCookies()})
			scripts, err := filepath.Abs("backends/php")
			if err != nil {
				t.Fatal(err)
			}
			values := strings.NewReplacer("$P", strings.ReplaceAll(b.proxy, "$B", b.start(t)), "$D", scripts)
			var caddyfile strings.Builder
			clients := make([]*corstest.Client, len(sites))
			for i, site := range sites {
				clients[i] = corstest.NewClient(t, corstest.FreeAddress(t))
				caddyfile.WriteString("http://" + clients[i].Address + " {\n" + values.Replace(values.Replace(site.config)) + "\n}\n")
			}
			startCaddy(t, "", caddyfile.String())
			for i, site := range sites {
				t.Run(site.name, func(t *testing.T) {
					for _, row := range site.rows {
						clients[i].Do(row.request).Want(t, row.status, row.lines...)
						checkAgrees(t, clients[i].Address, row)
					}
				})
			}
		})
	}
}

// governed is the one line of the module, and all that a backend answers under it.
func (b backend) governed() site {
	rows := []exchange{
		{preflightFrom(knownOrigin, "/"), 204, allow(knownOrigin, "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Allow-Headers: *, Authorization", "Max-Age: 600", "Vary: Origin")},
		{preflightFrom(evilOrigin, "/"), 403, []string{"Vary: Origin"}},
	}
	for _, a := range b.answers {
		rows = append(rows, exchange{getFrom(knownOrigin, a.path), a.status, allow(knownOrigin, "Vary: "+a.vary)},
			exchange{"GET " + a.path, a.status, []string{"Vary: " + a.vary}})
	}
	return site{"with the module", "cors https://app.example.com\n$P", append(rows, b.toStranger()...)}
}

// governedWithCookies is the same with allow_credentials.
func (b backend) governedWithCookies() site {
	rows := []exchange{
		{preflightFrom(knownOrigin, "/"), 204, allowCookies(knownOrigin, "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Allow-Headers: x-any", "Max-Age: 600", "Vary: Origin, Access-Control-Request-Headers")},
		{preflightFrom(evilOrigin, "/"), 403, []string{"Vary: Origin"}},
	}
	for _, a := range b.answers {
		rows = append(rows, exchange{getFrom(knownOrigin, a.path), a.status, allowCookies(knownOrigin, "Vary: "+a.vary)})
	}
	return site{"with the module, and cookies", "cors https://app.example.com {\nallow_credentials\n}\n$P", append(rows, b.toStranger()...)}
}

// toStranger is what other origins get, which is nothing of CORS.
func (b backend) toStranger() []exchange {
	answers := b.answers
	if b.stranger != nil {
		answers = b.stranger
	}
	rows := make([]exchange, len(answers))
	for i, a := range answers {
		rows[i] = exchange{getFrom(evilOrigin, a.path), a.status, []string{"Vary: " + a.vary}}
	}
	return rows
}
