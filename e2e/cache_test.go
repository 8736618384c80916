//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// cachedSite has two snippets that are copied much, and the module. $B is the backend.
const cachedSite = `
	header /echoed Access-Control-Allow-Origin {http.request.header.Origin}

	@a {
		path /matched
		header Origin https://a.example
	}
	header @a Access-Control-Allow-Origin https://a.example

	cors /listed* https://a.example https://b.example
	cors /open* *
	cors /enforced https://a.example {
		enforce
	}
	cors /forwarded https://a.example https://b.example {
		forward_preflights
	}
	reverse_proxy $B
`

const (
	pageA  = "https://a.example"
	pageB  = "https://b.example"
	noPage = ""
)

// listed is what of CORS the responses have whose origins are listed, by origin.
var listed = map[string][]string{
	pageA:      {"Allow-Origin: " + pageA, "Vary: Origin"},
	pageB:      {"Allow-Origin: " + pageB, "Vary: Origin"},
	evilOrigin: {"Vary: Origin"},
	noPage:     {"Vary: Origin"},
}

// by is a request that a page of an origin makes, or no page.
func by(origin, request string) string {
	if origin == noPage {
		return request
	}
	return request + "\nOrigin: " + origin
}

// TestCache puts real caches between the client and Caddy.
func TestCache(t *testing.T) {
	for _, test := range []struct {
		name  string
		start func(t *testing.T, upstream string) string
	}{{"nginx", startNginx}, {"Varnish", startVarnish}} {
		t.Run(test.name, func(t *testing.T) {
			c := cached{backend: &cachedBackend{answered: make(map[string]int)}}
			c.caddy = corstest.NewClient(t, corstest.FreeAddress(t))
			startCaddy(t, "", "http://"+c.caddy.Address+" {"+strings.Replace(cachedSite, "$B", serve(t, c.backend), 1)+"}")
			c.cache = corstest.NewClient(t, test.start(t, c.caddy.Address))

			t.Run("a header that sends the origin back is given to others", func(t *testing.T) {
				c.cache.Do(by(pageA, "GET /echoed")).Want(t, 200, "Allow-Origin: "+pageA)
				c.cache.Do(by(pageB, "GET /echoed")).Want(t, 200, "Allow-Origin: "+pageA)
				c.want(t, "GET /echoed", 1)
			})
			t.Run("a header for one origin does not reach it", func(t *testing.T) {
				c.cache.Do(by(noPage, "GET /matched")).Want(t, 200)
				c.cache.Do(by(pageA, "GET /matched")).Want(t, 200)
				c.want(t, "GET /matched", 1)
			})
			t.Run("with the module, each origin gets its own", c.testListed)
			t.Run("with the module, what is open is kept once for all", c.testOpen)
			t.Run("with the module, a 304 has what the 200 has", c.testRevalidation)
			t.Run("with the module, a refusal is not kept", c.testRefusal)
			t.Run("with the module, preflights pass through", c.testPreflights)
		})
	}
}

// cached is a backend with a Caddy and a cache in front of it.
type cached struct {
	backend      *cachedBackend
	caddy, cache *corstest.Client
}

func (c cached) testListed(t *testing.T) {
	for turn, origins := range permutations([]string{pageA, pageB, evilOrigin, noPage}) {
		path := fmt.Sprint("/listed/", turn)
		c.ask(t, path, turn, origins, func(origin string) []string { return listed[origin] })
		c.want(t, "GET "+path, len(origins))
		c.want(t, "GET "+path+"/missing", len(origins))
	}
}

func (c cached) testOpen(t *testing.T) {
	for turn, origins := range permutations([]string{pageA, pageB, evilOrigin, noPage}) {
		path := fmt.Sprint("/open/", turn)
		c.ask(t, path, turn, origins, func(string) []string { return []string{"Allow-Origin: *"} })
		c.want(t, "GET "+path, 1)
		c.want(t, "GET "+path+"/missing", 1)
	}
}

// ask sends all kinds of requests that a cache may answer, by origins in an order,
// twice. Each turn begins with another kind, because the cache makes its entry of the
// first one.
func (c cached) ask(t *testing.T, path string, turn int, origins []string, want func(origin string) []string) {
	t.Helper()
	kinds := []struct {
		request string
		status  int
	}{
		{"GET " + path, 200},
		{"HEAD " + path, 200},
		{"GET " + path + "\nIf-None-Match: " + eTag, 304},
		{"GET " + path + "/missing", 404},
	}
	for range 2 {
		for _, origin := range origins {
			for i := range kinds {
				kind := kinds[(turn+i)%len(kinds)]
				c.cache.Do(by(origin, kind.request)).Want(t, kind.status, want(origin)...)
			}
		}
	}
}

// testRevalidation asks until the cache has had a 304 from Caddy for each entry.
func (c cached) testRevalidation(t *testing.T) {
	for origin, lines := range listed {
		c.caddy.Do(by(origin, "GET /listed/direct\nIf-None-Match: "+eTag)).Want(t, 304, lines...)
	}
	c.want(t, "304 /listed/direct", len(listed))

	all := func() bool {
		return c.backend.count("304 /listed/short") >= len(listed) && c.backend.count("304 /open/short") >= 1
	}
	for deadline := time.Now().Add(30 * time.Second); !all(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the cache does not revalidate")
		}
		for origin, lines := range listed {
			c.cache.Do(by(origin, "GET /listed/short")).Want(t, 200, lines...)
			c.cache.Do(by(origin, "GET /open/short")).Want(t, 200, "Allow-Origin: *")
		}
	}
}

func (c cached) testRefusal(t *testing.T) {
	for range 2 {
		c.cache.Do(by(evilOrigin, "GET /enforced")).Want(t, 403, "Vary: Origin")
		c.cache.Do(by(pageA, "GET /enforced")).Want(t, 200, listed[pageA]...)
		c.cache.Do(by(noPage, "GET /enforced")).Want(t, 200, "Vary: Origin")
	}
	c.want(t, "GET /enforced", 2)
}

func (c cached) testPreflights(t *testing.T) {
	const preflight = "\nAccess-Control-Request-Method: PUT"
	granted := func(lines ...string) []string {
		return append(lines, "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Allow-Headers: *, Authorization", "Max-Age: 600")
	}
	for range 2 {
		for _, origin := range []string{pageA, pageB} {
			c.cache.Do(by(origin, "OPTIONS /listed"+preflight)).Want(t, 204, granted("Allow-Origin: "+origin, "Vary: Origin")...)
			c.cache.Do(by(origin, "OPTIONS /forwarded"+preflight)).Want(t, 200, granted("Allow-Origin: "+origin, "Vary: Origin")...)
			c.cache.Do(by(origin, "OPTIONS /open"+preflight)).Want(t, 204, granted("Allow-Origin: *")...)
		}
		c.cache.Do(by(evilOrigin, "OPTIONS /listed"+preflight)).Want(t, 403, "Vary: Origin")
		c.cache.Do(by(evilOrigin, "OPTIONS /forwarded"+preflight)).Want(t, 200, "Vary: Origin")
	}
	c.want(t, "OPTIONS /forwarded", 6)
}

// want fails unless so many of a request reached the backend.
func (c cached) want(t *testing.T, request string, n int) {
	t.Helper()
	if got := c.backend.count(request); got != n {
		t.Errorf("%s reached the backend %d times, want %d", request, got, n)
	}
}

// permutations returns the values in every order.
func permutations(values []string) [][]string {
	if len(values) < 2 {
		return [][]string{values}
	}
	var all [][]string
	for i, first := range values {
		rest := append(append([]string(nil), values[:i]...), values[i+1:]...)
		for _, order := range permutations(rest) {
			all = append(all, append([]string{first}, order...))
		}
	}
	return all
}

// eTag is the entity tag of all that the backend has.
const eTag = `"1"`

// cachedBackend lets caches keep what it answers, errors too, for an hour;
// "short" for a second. It counts what reached it.
type cachedBackend struct {
	sync.Mutex
	answered map[string]int // by method, or 304, and path
}

func (b *cachedBackend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	age := 3600
	if strings.HasSuffix(r.URL.Path, "/short") {
		age = 1
	}
	w.Header().Set("Cache-Control", fmt.Sprint("public, max-age=", age))
	kind, status := r.Method, http.StatusOK
	if strings.HasSuffix(r.URL.Path, "/missing") {
		status = http.StatusNotFound
	} else {
		w.Header().Set("ETag", eTag)
		if r.Header.Get("If-None-Match") == eTag {
			kind, status = "304", http.StatusNotModified
		}
	}
	b.Lock()
	b.answered[kind+" "+r.URL.Path]++
	b.Unlock()
	w.WriteHeader(status)
	if status != http.StatusNotModified {
		_, _ = w.Write([]byte("hello"))
	}
}

func (b *cachedBackend) count(request string) int {
	b.Lock()
	defer b.Unlock()
	return b.answered[request]
}
