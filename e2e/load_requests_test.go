//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// loadRequest is a request of the load test.
type loadRequest struct {
	kind   string
	method string
	path   string
	query  string
	header http.Header

	malformed  bool // no browser sends such an Origin
	sameOrigin bool // the site's own pages send it
	manner     loadManner
	body       int // how many bytes to send
	asked      int // how many bytes to ask of the backend
	rejected   int // the status with which net/http answers it ahead of all handlers
}

// loadManner is how a client sends a request and reads the answer.
type loadManner int

const (
	atOnce loadManner = iota
	readSlowly
	abortSending
	abortReading
	pipelined // a preflight and then the request, on a connection of their own
	abandoned // half of it, on a connection of its own
)

// loadAsker is who makes a request up.
type loadAsker struct {
	*rand.Rand
	protocol   string
	address    string
	generation int // about the one that is loaded
}

// loadKinds are the kinds of requests; weight is how often they come.
var loadKinds = []struct {
	name   string
	weight int
	make   func(loadAsker) *loadRequest
}{
	{"actual, allowed", 8, func(a loadAsker) *loadRequest { return a.actual(loadAlways) }},
	{"actual, allowed by some", 8, func(a loadAsker) *loadRequest { return a.actual(a.someOrigin()) }},
	{"actual, denied", 6, func(a loadAsker) *loadRequest { return a.actual(loadEvil) }},
	{"actual, origin null", 2, func(a loadAsker) *loadRequest { return a.actual("null") }},
	{"without Origin", 4, func(a loadAsker) *loadRequest { return a.get() }},
	{"same-origin", 2, loadAsker.ownPage},
	{"same-origin by fetch metadata", 2, func(a loadAsker) *loadRequest {
		r := a.actual(loadEvil)
		r.header.Set("Sec-Fetch-Site", "same-origin")
		r.sameOrigin = true
		return r
	}},
	{"preflight", 8, func(a loadAsker) *loadRequest { return a.preflight() }},
	{"preflight, passed on", 3, func(a loadAsker) *loadRequest { return a.preflight().to("/forward") }},
	{"preflight of a forbidden method", 2, func(a loadAsker) *loadRequest { return a.preflight("TRACE") }},
	{"preflight with malformed headers", 2, func(a loadAsker) *loadRequest { return a.preflight("PUT", "x-a,[,x-b") }},
	{"preflight with 8000 commas", 2, func(a loadAsker) *loadRequest { return a.preflight("PUT", strings.Repeat(",", 8000)+"x-a") }},
	{"preflight with 16 commas", 2, func(a loadAsker) *loadRequest { return a.preflight("PUT", strings.Repeat(",", 16)+"x-a") }},
	{"preflight with 200 lines", 2, func(a loadAsker) *loadRequest {
		return a.preflight(append([]string{"PUT"}, strings.Split(strings.Repeat("x-a,", 199)+"x-b", ",")...)...)
	}},
	{"OPTIONS that is no preflight", 2, func(a loadAsker) *loadRequest {
		r := a.actual(a.someOrigin()).to("/respond")
		r.method = http.MethodOptions
		return r
	}},
	{"malformed origin", 4, loadAsker.malformed},
	{"two origins", 2, func(a loadAsker) *loadRequest {
		r := a.actual(loadAlways)
		r.header.Add("Origin", loadAlways)
		r.malformed = true
		return r
	}},
	{"header beyond the limit", 1, func(a loadAsker) *loadRequest {
		r := a.actual(loadAlways)
		r.header.Set("X-Long", strings.Repeat("a", 40<<10))
		r.rejected = http.StatusRequestHeaderFieldsTooLarge
		return r
	}},
	{"odd method", 3, func(a loadAsker) *loadRequest {
		r := a.actual(a.someOrigin())
		r.method = pick(a, "BREW", "PATCH", "DELETE", "PROPFIND", "TRACE")
		return r
	}},
	{"HEAD", 2, func(a loadAsker) *loadRequest {
		r := a.actual(a.someOrigin()).to(pick(a, "/respond", "/proxy", "/files/page.html", "/error", "/auth"))
		r.method = http.MethodHead
		return r
	}},
	{"range", 2, func(a loadAsker) *loadRequest {
		r := a.actual(a.someOrigin()).to("/files/page.html")
		r.header.Set("Range", "bytes=10-99")
		return r
	}},
	{"conditional", 2, func(a loadAsker) *loadRequest {
		r := a.actual(a.someOrigin()).to("/files/page.html")
		r.header.Set("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")
		return r
	}},
	{"big body", 2, func(a loadAsker) *loadRequest { return a.post(100 << 10) }},
	{"big answer", 2, func(a loadAsker) *loadRequest { return a.download(256 << 10) }},
	{"slow reader", 1, func(a loadAsker) *loadRequest { return a.download(256 << 10).by(readSlowly) }},
	{"aborted while sending", 1, func(a loadAsker) *loadRequest { return a.post(1 << 20).by(abortSending) }},
	{"aborted while reading", 1, func(a loadAsker) *loadRequest { return a.download(1 << 20).by(abortReading) }},
	{"upgrade", 3, loadAsker.upgrade},
	{"control bytes in the origin, raw", 1, func(a loadAsker) *loadRequest {
		r := a.actual(loadAlways + "\x00\x01").by(pipelined)
		r.rejected = http.StatusBadRequest
		return r
	}},
	{"pipelined, names in odd case, raw", 2, func(a loadAsker) *loadRequest { return a.actual(a.someOrigin()).to("/respond").by(pipelined) }},
	{"half a request, raw", 1, func(a loadAsker) *loadRequest { return a.actual(loadAlways).by(abandoned) }},
}

// next returns a request of some kind that the asker's protocol can send.
func (a loadAsker) next() *loadRequest {
	for {
		i := a.IntN(len(loadKinds))
		if kind := loadKinds[i]; a.IntN(8) < kind.weight {
			r := kind.make(a)
			r.kind = kind.name
			raw := r.manner == pipelined || r.manner == abandoned
			if (!raw || a.protocol == corstest.H1) && (r.header["Upgrade"] == nil || a.protocol == corstest.H1 || a.protocol == corstest.H1S) {
				return r
			}
		}
	}
}

func pick[T any](a loadAsker, values ...T) T { return values[a.IntN(len(values))] }

func (r *loadRequest) to(path string) *loadRequest {
	r.path, r.query = path, ""
	return r
}

func (r *loadRequest) by(manner loadManner) *loadRequest {
	r.manner = manner
	return r
}

// someOrigin returns an origin that some generations allow: that of a generation near
// the one that is loaded, above all.
func (a loadAsker) someOrigin() string {
	near := loadOrigin(max(0, a.generation-1+a.IntN(3)))
	return pick(a, loadAlways, loadDev, near, near, near)
}

// get returns a request without Origin to anywhere.
func (a loadAsker) get() *loadRequest {
	r := &loadRequest{method: http.MethodGet, header: make(http.Header)}
	r.path = pick(a, "/respond", "/proxy", "/proxy", "/keep", "/report", "/dead", "/error", "/error-proxy",
		"/auth", "/files/page.html", "/files/missing.html", "/zip", "/enforced", "/forward")
	if r.path == "/proxy" || r.path == "/keep" {
		r.query = pick(a, "", "hints=1", "trailers=1")
	}
	if r.path == "/auth" && a.IntN(2) == 0 {
		r.header.Set("Authorization", "Basic Ym9iOnNlY3JldA==")
	}
	if r.path == "/zip" {
		r.header.Set("Accept-Encoding", "gzip")
	}
	return r
}

func (a loadAsker) actual(origin string) *loadRequest {
	r := a.get()
	r.header.Set("Origin", origin)
	return r
}

// ownPage returns a form post of the site's own page.
func (a loadAsker) ownPage() *loadRequest {
	scheme := "https://"
	if a.protocol == corstest.H1 {
		scheme = "http://"
	}
	r := a.actual(scheme + a.address)
	r.method, r.body, r.sameOrigin = http.MethodPost, 10, true
	return r
}

// preflight returns a preflight for a method and header names, or for some.
func (a loadAsker) preflight(asked ...string) *loadRequest {
	r := a.actual(pick(a, a.someOrigin(), loadEvil))
	r.method = http.MethodOptions
	if asked == nil {
		asked = []string{pick(a, "GET", "PUT", "PATCH", "BREW", fmt.Sprintf("M%d", a.generation))}
		asked = append(asked, pick(a, nil, []string{"content-type"}, []string{"authorization,x-a"},
			[]string{fmt.Sprintf("content-type,x-h%d", a.generation)}, []string{"X-A, ,x-b", "x-c"})...)
	}
	r.header["Access-Control-Request-Method"] = asked[:1]
	if len(asked) > 1 {
		r.header["Access-Control-Request-Headers"] = asked[1:]
	}
	return r
}

func (a loadAsker) malformed() *loadRequest {
	r := a.actual(pick(a, "", "*", "null,null", "app.example.com", loadAlways+"/", loadAlways+":443", loadAlways+".", strings.ToUpper(loadAlways),
		loadAlways+" "+loadEvil, loadAlways+"\x80\xff", "https://"+strings.Repeat("a", 8<<10)+".example.com"))
	// A trailing dot is well-formed, but makes it another host, which is allowed by "*".
	r.malformed = r.header.Get("Origin") != loadAlways+"."
	if !r.malformed {
		return r
	}
	if a.IntN(2) == 0 {
		r.method = http.MethodOptions
		r.header.Set("Access-Control-Request-Method", "PUT")
	}
	return r
}

func (a loadAsker) post(size int) *loadRequest {
	r := a.actual(a.someOrigin()).to(pick(a, "/proxy", "/keep", "/enforced", "/dead"))
	r.method, r.body = http.MethodPost, size
	return r
}

func (a loadAsker) download(size int) *loadRequest {
	r := a.actual(a.someOrigin()).to(pick(a, "/proxy", "/keep", "/enforced", "/report"))
	r.query, r.asked = fmt.Sprintf("size=%d", size), size
	return r
}

// upgrade returns a WebSocket handshake, which enforce refuses to some origins.
func (a loadAsker) upgrade() *loadRequest {
	r := a.actual(pick(a, loadAlways, a.someOrigin(), loadEvil)).to("/enforced")
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13", "Sec-Websocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.header.Set(name, value)
	}
	return r
}

// preflightFor returns the preflight that goes ahead of a pipelined request.
func (r *loadRequest) preflightFor() *loadRequest {
	first := *r
	first.method, first.header, first.rejected = http.MethodOptions, r.header.Clone(), 0
	first.header.Set("Origin", loadAlways)
	first.header.Set("Access-Control-Request-Method", "PUT")
	return &first
}

// wire returns the bytes of a request over HTTP/1.1, with names in odd case.
func (r *loadRequest) wire(address string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nhOST: %s\r\n", r.method, r.path, address)
	for name, values := range r.header {
		for _, value := range values {
			fmt.Fprintf(&b, "%s: \t%s \r\n", strings.ToLower(name[:1])+strings.ToUpper(name[1:]), value)
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
