package corstest

import (
	"slices"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// Faults are the servers that get CORS wrong, and a few that get it right.
var Faults = slices.Concat(originFaults, credentialsFaults, preflightFaults, redirectFaults, exposeFaults, pageFaults)

// originFaults are about Access-Control-Allow-Origin, and need no preflight.
var originFaults = []Fault{
	{Name: "right", API: always(200, "Allow-Origin: {origin}", "Vary: Origin")},
	{Name: "wildcard", API: always(200, "Allow-Origin: *")},
	{Name: "no vary", Suspect: true, API: always(200, "Allow-Origin: {origin}")},
	{Name: "text without preflight", Method: "POST", Headers: []string{"Content-Type: text/plain"}, Body: "hello",
		API: preflight(answer(405), answer(200, "Allow-Origin: *"))},
	{Name: "error with headers", API: always(500, "Allow-Origin: *")},

	{Name: "no header", API: always(200),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing}},
	{Name: "error loses headers", API: always(500),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing, Status: 500}},
	{Name: "not found loses headers", API: always(404),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing, Status: 404}},
	{Name: "empty header", API: always(200, "Allow-Origin: "),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMismatch}},
	{Name: "doubled header", API: always(200, "Allow-Origin: {origin}", "Allow-Origin: {origin}"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginSeveral, Value: "{origin}, {origin}"}},
	{Name: "doubled wildcard", API: always(200, "Allow-Origin: *", "Allow-Origin: *"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginSeveral, Value: "*, *"}},
	{Name: "two lines", API: always(200, "Allow-Origin: {origin}", "Allow-Origin: *"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginSeveral, Value: "{origin}, *"}},
	{Name: "list of origins", API: always(200, "Allow-Origin: https://www.example.com, {origin}"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginSeveral, Value: "https://www.example.com, {origin}", Lines: 1}},
	{Name: "list without commas", API: always(200, "Allow-Origin: https://www.example.com {origin}"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginSeveral, Value: "https://www.example.com {origin}"}},
	mismatch("another origin", "https://www.example.com"),
	mismatch("trailing slash", "{origin}/"),
	mismatch("other scheme", "{origin of other scheme}"),
	mismatch("upper case", "{origin in upper case}"),
	mismatch("default port", "{origin with default port}"),
	mismatch("no port", "{origin without port}"),
	mismatch("no scheme", "example.com"),
	mismatch("no scheme but a port", "localhost:3000"),
	mismatch("bad port number", "https://app.example.com:99999"),
	mismatch("one slash", "https:/app.example.com"),
	mismatch("wildcard as the port", "http://localhost:*"),
	mismatch("wildcard in a host", "https://*.example.com"),
	mismatch("regular expression", `/\.example\.com$/`),
	mismatch("quoted wildcard", `"*"`),
	mismatch("null for a page", "null"),
	{Name: "null for a sandboxed page", Sandboxed: true, API: always(200, "Allow-Origin: null")},
	{Name: "page for a sandboxed page", Sandboxed: true, API: always(200, "Allow-Origin: https://www.example.com"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMismatch, Value: "https://www.example.com"}},
	{Name: "nothing for a sandboxed page", Sandboxed: true, API: always(200),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing}},
}

// mismatch is a server that answers with a value that is not the page's origin.
func mismatch(name, value string) Fault {
	return Fault{Name: name, API: always(200, "Allow-Origin: "+value),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMismatch, Value: value}}
}

// credentialsFaults are about requests with credentials that need no preflight.
var credentialsFaults = []Fault{
	{Name: "credentials", Credentials: true, API: always(200, "Allow-Origin: {origin}", "Allow-Credentials: true")},
	{Name: "wildcard with credentials", Credentials: true, API: always(200, "Allow-Origin: *", "Allow-Credentials: true"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginWildcard, Value: "*"}},
	{Name: "credentials not allowed", Credentials: true, API: always(200, "Allow-Origin: {origin}"),
		Block: fetch.Block{Rule: fetch.RuleAllowCredentials}},
	{Name: "credentials True", Credentials: true, API: always(200, "Allow-Origin: {origin}", "Allow-Credentials: True"),
		Block: fetch.Block{Rule: fetch.RuleAllowCredentials, Value: "True"}},
	{Name: "credentials doubled", Credentials: true, API: always(200, "Allow-Origin: {origin}", "Allow-Credentials: true", "Allow-Credentials: true"),
		Block: fetch.Block{Rule: fetch.RuleAllowCredentials, Value: "true, true"}},
}

// exposeFaults are about the headers of a readable response.
var exposeFaults = []Fault{
	{Name: "header exposed", Shown: []string{"X-Total-Count", "Content-Type"},
		API: always(200, "Allow-Origin: *", "X-Total-Count: 3", "Expose-Headers: x-total-count")},
	{Name: "header not exposed", Suspect: true, Hidden: []string{"X-Total-Count"}, Shown: []string{"Content-Type"},
		API: always(200, "Allow-Origin: *", "X-Total-Count: 3")},
	{Name: "all headers exposed", Shown: []string{"X-Total-Count"},
		API: always(200, "Allow-Origin: *", "X-Total-Count: 3", "Expose-Headers: *")},
	{Name: "all headers exposed with credentials", Suspect: true, Credentials: true, Hidden: []string{"X-Total-Count"},
		API: always(200, "Allow-Origin: {origin}", "Allow-Credentials: true", "X-Total-Count: 3", "Expose-Headers: *")},
	{Name: "malformed list of exposed headers", Suspect: true, Hidden: []string{"X-Total-Count"},
		API: always(200, "Allow-Origin: *", "X-Total-Count: 3", "Expose-Headers: X-Total-Count, X Two")},
}

// pageFaults are the page's own: nothing is sent.
var pageFaults = []Fault{
	{Name: "forbidden method", Method: "TRACE",
		Block: fetch.Block{Rule: fetch.RuleForbiddenMethod, Subject: "TRACE"}},
	{Name: "bad port", URL: "http://127.0.0.1:6000/",
		Block: fetch.Block{Rule: fetch.RuleBadPort}},
	{Name: "mixed content", Secure: true, URL: "http://api.example/",
		Block: fetch.Block{Rule: fetch.RuleMixedContent}},
	{Name: "loopback is no mixed content", Secure: true, API: always(200, "Allow-Origin: *"),
		Engines: map[fetch.Engine]fetch.Block{fetch.WebKit: {Rule: fetch.RuleMixedContent}}},
	{Name: "secure page", Secure: true, URL: "{tls}/", TLS: always(200, "Allow-Origin: *")},
}
