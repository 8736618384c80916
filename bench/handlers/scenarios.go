package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	caddycors "github.com/seed-9442523e/caddy-cors"
)

// usual are the scenarios of a site with one origin, which are measured alone and in
// Caddy's route chain.
func usual() []scenario {
	lists, cookies := permitting(app), withCookies(app)
	anyone := permitting("*")
	echoed := withCookies("*")
	echoed.ExposeHeaders = nil
	echoed.DangerouslyAllow = []string{"any_origin_with_credentials"}
	const stranger = "https://evil.example"
	return []scenario{
		{name: "no Origin", policy: lists, request: "GET", verdict: unmarked, snippet: Named},
		{name: "allowed", policy: lists, request: actual(app), snippet: Named},
		{name: "denied", policy: lists, request: actual(stranger), verdict: denied, snippet: Named},
		{name: "credentials and an exposed header", policy: cookies, request: actual(app), snippet: Named},
		{name: "allowed, of 10 header fields", policy: lists, request: actual(app), fields: backendFields(), snippet: Named},
		{name: "every origin, no Origin", policy: anyone, request: "GET", verdict: marked},
		{name: "every origin", policy: anyone, request: actual(app)},
		{name: "every origin, with credentials", policy: echoed, request: actual(app), snippet: Echo},
		{name: "preflight", policy: lists, request: preflight(app), snippet: Named},
		{name: "preflight, denied", policy: lists, request: preflight(stranger), verdict: denied, snippet: Named},
		{name: "preflight for 2 headers", policy: lists, request: preflight(app, asking("authorization,content-type")), snippet: Named},
		{name: "preflight for 2 headers of all", policy: everyHeader(app), request: preflight(app, asking("authorization,content-type")), snippet: Named},
		{name: "preflight for 2 headers, with credentials", policy: cookies, request: preflight(app, asking("authorization,content-type")), snippet: Named},
	}
}

// unusual are scenarios of many patterns, and of requests that no browser sends. They are
// measured alone.
func unusual() []scenario {
	var patterns []string
	for i := range 1000 {
		patterns = append(patterns, fmt.Sprintf("https://*.tenant-%d.example.com", i))
	}
	below := permitting(patterns...)
	lists, all, allWithCookies := permitting(app), everyHeader(app), everyHeader(app)
	allWithCookies.AllowCredentials = true

	exact := long("a")
	parent := strings.Replace(exact, "https://a.", "https://*.", 1)
	return []scenario{
		{name: "1,000 subdomain patterns", policy: below, request: actual("https://app.tenant-500.example.com")},
		{name: "1,000 subdomain patterns, denied", policy: below, request: actual("https://app.tenant-1000.example.com"), verdict: denied},
		{name: "origin of 250 bytes and 120 labels, exact", policy: permitting(exact), request: actual(exact)},
		{name: "origin of 250 bytes and 120 labels, below a pattern", policy: permitting(parent), request: actual(exact)},
		{name: "origin of 250 bytes and 120 labels, below a short pattern", policy: permitting("https://*.ex.com"), request: actual(exact)},
		{name: "origin of 250 bytes and 120 labels, denied", policy: permitting(long("b"), "https://*.b.a.ex.com"), request: actual(exact), verdict: denied},
		{name: "preflight for 1,024 commas", policy: lists, request: preflight(app, asking(commas(1<<10))), verdict: either},
		{name: "preflight for 1 MiB of commas", policy: lists, request: preflight(app, asking(commas(1<<20))), verdict: either},
		{name: "preflight for 1 MiB of names", policy: lists, request: preflight(app, asking(names(1<<20))), verdict: denied},
		{name: "preflight for 1 MiB of names, every header allowed", policy: all, request: preflight(app, asking(names(1<<20))), verdict: either},
		{name: "preflight for 1 MiB of names, every header allowed, with credentials", policy: allWithCookies, request: preflight(app, asking(names(1<<20))), verdict: either},
	}
}

// long returns an origin of 250 bytes whose host has 120 labels, the first of them given.
func long(label string) string {
	return "https://" + label + "." + strings.Repeat("a.", 117) + "ex.com"
}

func commas(size int) string { return strings.Repeat(",", size) }

// names returns size bytes of header names, sorted and each once, as browsers send them.
func names(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "x-%013d,", i)
	}
	return strings.TrimSuffix(b.String()[:size], ",")
}

// backendFields are header fields as backends set them.
func backendFields() http.Header {
	return http.Header{
		"Cache-Control":             {"no-store"},
		"Content-Length":            {"512"},
		"Content-Security-Policy":   {"default-src 'none'"},
		"Content-Type":              {"application/json"},
		"Date":                      {"Mon, 02 Mar 2026 09:00:00 GMT"},
		"Etag":                      {`"0123456789abcdef"`},
		"Server":                    {"backend"},
		"Strict-Transport-Security": {"max-age=63072000"},
		"X-Content-Type-Options":    {"nosniff"},
		"X-Request-Id":              {"4e1243bd22c66e76c2ba9eddc1f91394"},
	}
}

// isAny reports whether a policy is for every origin.
func isAny(p caddycors.Policy) bool { return slices.Contains(p.AllowOrigins, "*") }
