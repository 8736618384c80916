package corstest

import "github.com/seed-9442523e/caddy-cors/internal/fetch"

// redirectFaults are about redirects of requests that are no preflights.
var redirectFaults = []Fault{
	{Name: "redirect",
		API: Server{"/": answer(302, "Allow-Origin: *", "Location: {api}/next"), "/next": granted}},
	{Name: "redirect to another origin",
		API:   always(302, "Allow-Origin: *", "Location: {other}/next"),
		Other: always(200, "Allow-Origin: null")},
	{Name: "redirect to TLS",
		API: always(301, "Allow-Origin: *", "Location: {tls}/"),
		TLS: always(200, "Allow-Origin: *")},
	{Name: "redirect without location", API: always(302, "Allow-Origin: *")},

	{Name: "redirect without headers",
		API:   always(302, "Location: {other}/next"),
		Other: always(200, "Allow-Origin: *"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing, Status: 302, Location: "{other}/next"}},
	{Name: "redirect to a path without headers",
		API:   Server{"/": answer(302, "Location: {api}/next"), "/next": granted},
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing, Status: 302, Location: "{api}/next"}},
	{Name: "redirect to TLS without headers",
		API:   always(301, "Location: {tls}/"),
		TLS:   always(200, "Allow-Origin: *"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing, Status: 301, Location: "{tls}/"}},
	{Name: "redirect of another origin",
		API:   always(302, "Allow-Origin: https://www.example.com", "Location: {other}/next"),
		Other: always(200, "Allow-Origin: *"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMismatch, Value: "https://www.example.com", Status: 302, Location: "{other}/next"}},
	{Name: "redirect with wildcard and credentials", Credentials: true,
		API:   always(302, "Allow-Origin: *", "Location: {other}/next"),
		Other: always(200, "Allow-Origin: {origin}", "Allow-Credentials: true"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginWildcard, Value: "*", Status: 302, Location: "{other}/next"}},
	{Name: "redirect without allowed credentials", Credentials: true,
		API:   always(302, "Allow-Origin: {origin}", "Location: {other}/next"),
		Other: always(200, "Allow-Origin: {origin}", "Allow-Credentials: true"),
		Block: fetch.Block{Rule: fetch.RuleAllowCredentials, Status: 302, Location: "{other}/next"}},
	{Name: "redirect with doubled header",
		API:   always(302, "Allow-Origin: *", "Allow-Origin: *", "Location: {other}/next"),
		Other: always(200, "Allow-Origin: *"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginSeveral, Value: "*, *", Status: 302, Location: "{other}/next"}},
	{Name: "redirect to a page without headers",
		API:   Server{"/": answer(302, "Allow-Origin: *", "Location: {api}/login"), "/login": answer(200)},
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing, URL: "{api}/login"}},
	{Name: "redirect to an origin without headers",
		API:   always(302, "Allow-Origin: *", "Location: {other}/next"),
		Other: always(200),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing, URL: "{other}/next", Origin: "null"}},
	{Name: "redirect to an origin that does not know null",
		API:   always(302, "Allow-Origin: *", "Location: {other}/next"),
		Other: always(200, "Allow-Origin: {origin}"),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMismatch, URL: "{other}/next", Origin: "null", Value: "{origin}"}},
	{Name: "redirect of a put", Method: "PUT",
		API:   preflight(answer(204, "Allow-Origin: *", "Allow-Methods: PUT"), answer(307, "Allow-Origin: *", "Location: {other}/next")),
		Other: preflight(answer(405), granted),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing, Preflight: true, URL: "{other}/next", Origin: "null", Status: 405}},
	{Name: "redirect with a password",
		API:   always(302, "Allow-Origin: *", "Location: {other with password}/"),
		Other: always(200, "Allow-Origin: *"),
		Block: fetch.Block{Rule: fetch.RuleRedirectCredentials, Value: "{other with password}/", Status: 302, Location: "{other with password}/"}},
	{Name: "redirect loop", API: always(302, "Allow-Origin: *", "Location: {api}/"),
		Block: fetch.Block{Rule: fetch.RuleRedirectCount, Value: "{api}/", Status: 302, Location: "{api}/"}},
	{Name: "redirect to no URL", API: always(302, "Allow-Origin: *", "Location: http://[/"),
		Block: fetch.Block{Rule: fetch.RuleRedirectLocation, Value: "http://[/", Status: 302, Location: "http://[/"}},
	{Name: "redirect out of HTTP", API: always(302, "Allow-Origin: *", "Location: ftp://127.0.0.1/"),
		Block: fetch.Block{Rule: fetch.RuleRedirectScheme, Value: "ftp://127.0.0.1/", Status: 302, Location: "ftp://127.0.0.1/"}},
	{Name: "redirect with backslashes",
		API: Server{"/": answer(302, "Allow-Origin: *", `Location: .\next`), "/next": granted}},
	severalLocations("redirect to two URLs", "{api}/other", nil),
	severalLocations("redirect to one URL twice", "{api}/next", []fetch.Engine{fetch.Chromium, fetch.Firefox}),
	{Name: "redirect to data", API: always(302, "Allow-Origin: *", "Location: data:text/plain,hello"),
		Block: fetch.Block{Rule: fetch.RuleRedirectScheme, Value: "data:text/plain,hello", Status: 302, Location: "data:text/plain,hello"}},
	{Name: "redirect to a file", API: always(302, "Allow-Origin: *", "Location: file:///etc/hosts"),
		Block: fetch.Block{Rule: fetch.RuleRedirectScheme, Value: "file:///etc/hosts", Status: 302, Location: "file:///etc/hosts"}},
	{Name: "redirect to mail", API: always(302, "Allow-Origin: *", "Location: mailto:someone@example.com"),
		Block: fetch.Block{Rule: fetch.RuleRedirectScheme, Value: "mailto:someone@example.com", Status: 302, Location: "mailto:someone@example.com"}},
	{Name: "redirect to an app", API: always(302, "Allow-Origin: *", "Location: app://localhost/"),
		Block: fetch.Block{Rule: fetch.RuleRedirectScheme, Value: "app://localhost/", Status: 302, Location: "app://localhost/"}},
	{Name: "redirect to no host", API: always(302, "Allow-Origin: *", "Location: http://"),
		Block: fetch.Block{Rule: fetch.RuleRedirectLocation, Value: "http://", Status: 302, Location: "http://"}},
}

// severalLocations is a redirect with two lines of Location, of which some engines follow
// one. WebKit takes both together for a URL.
func severalLocations(name, second string, followed []fetch.Engine) Fault {
	both := "{api}/next, " + second
	f := Fault{
		Name:  name,
		API:   Server{"/": answer(302, "Allow-Origin: *", "Location: {api}/next", "Location: "+second), "/next": granted},
		Block: fetch.Block{Rule: fetch.RuleRedirectLocation, Value: both, Location: both, Lines: 2, Status: 302},
		Engines: map[fetch.Engine]fetch.Block{
			fetch.WebKit: {Rule: fetch.RuleAllowOriginMissing, URL: "{api}/next,%20" + second, Status: 404},
		},
	}
	for _, e := range followed {
		f.Engines[e] = fetch.Block{}
	}
	return f
}
