package handlers

import (
	"net/http"
	"net/url"
	"strings"

	caddycors "github.com/seed-9442523e/caddy-cors"
	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// scenario is a request under a policy, and what has to come of it.
type scenario struct {
	name    string
	policy  caddycors.Policy
	request string // method, then header lines
	verdict verdict
	fields  http.Header // of the response, as the handler behind sets them

	// snippet is what users write into a Caddyfile in place of the policy; "" if nothing
	// that is copied says it.
	snippet string
}

// verdict is what a browser has to make of the answer.
type verdict int

const (
	allowed  verdict = iota // the page reads the response, or may send its request
	denied                  // it does not
	either                  // no browser sends such a request: both are right
	unmarked                // there is no Origin, so nothing is granted
	marked                  // there is none, and "*" may be granted, as it is to all
)

// app is the origin that most scenarios are about.
const app = "https://app.example.com"

// newRequest returns a request of a method and header lines, with the headers that
// Chromium sends beside them.
func newRequest(text string) *http.Request {
	method, lines, _ := strings.Cut(text, "\n")
	r := &http.Request{
		Method: method, URL: &url.URL{Path: "/items"}, RequestURI: "/items",
		Proto: "HTTP/2.0", ProtoMajor: 2, Host: "api.example.com", RemoteAddr: "192.0.2.7:50123",
		Header: http.Header{
			"Accept":          {"*/*"},
			"Accept-Encoding": {"gzip, deflate, br, zstd"},
			"Accept-Language": {"en-GB,en;q=0.9"},
			"Referer":         {app + "/"},
			"Sec-Fetch-Dest":  {"empty"},
			"Sec-Fetch-Mode":  {"cors"},
			"Sec-Fetch-Site":  {"cross-site"},
			"User-Agent":      {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"},
		},
	}
	corstest.AddHeaders(r, lines)
	return r
}

// actual and preflight are requests of an origin.
func actual(origin string) string { return "GET\nOrigin: " + origin }

func preflight(origin string, more ...string) string {
	return strings.Join(append([]string{"OPTIONS", "Origin: " + origin, "Access-Control-Request-Method: PUT"}, more...), "\n")
}

// asking is a header line of a preflight that asks for headers.
func asking(names string) string { return "Access-Control-Request-Headers: " + names }

// permitting is a policy with lists that all contenders can be given.
func permitting(origins ...string) caddycors.Policy {
	return caddycors.Policy{
		AllowOrigins: origins,
		AllowMethods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"},
		AllowHeaders: []string{"Authorization", "Content-Type", "X-Requested-With"},
		MaxAge:       "10m",
	}
}

// everyHeader is permitting with what this module has by default: every header.
func everyHeader(origins ...string) caddycors.Policy {
	p := permitting(origins...)
	p.AllowHeaders = []string{"*", "Authorization"}
	return p
}

// withCookies is permitting with credentials and an exposed header.
func withCookies(origins ...string) caddycors.Policy {
	p := permitting(origins...)
	p.AllowCredentials = true
	p.ExposeHeaders = []string{"X-Total-Count"}
	return p
}
