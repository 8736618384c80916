package corstest

import "github.com/seed-9442523e/caddy-cors/internal/fetch"

// granted is an answer that a page can read.
var granted = answer(200, "Allow-Origin: {origin}")

// grantedWithCredentials is one that it can read when it has sent credentials.
var grantedWithCredentials = answer(200, "Allow-Origin: {origin}", "Allow-Credentials: true")

// put is a server that answers the preflight of a PUT in a way that is wrong.
func put(name string, b fetch.Block, status int, lines ...string) Fault {
	b.Preflight, b.Status = true, status
	return Fault{Name: name, Method: "PUT", API: preflight(answer(status, lines...), granted), Block: b}
}

// getWith is a server that answers the preflight of a GET with headers in a way that is
// wrong.
func getWith(name string, headers []string, b fetch.Block, lines ...string) Fault {
	b.Preflight, b.Status = true, 204
	lines = append(lines, "Allow-Origin: {origin}")
	return Fault{Name: name, Headers: headers, API: preflight(answer(204, lines...), granted), Block: b}
}

// withCredentials is the same fault with credentials, which the server allows.
func withCredentials(f Fault) Fault {
	f.Credentials = true
	options := f.API["OPTIONS"]
	options.Lines = append(options.Lines, "Allow-Credentials: true")
	f.API = preflight(options, grantedWithCredentials)
	return f
}

// preflightFaults are about preflights.
var preflightFaults = []Fault{
	{Name: "preflight", Method: "PUT", Headers: []string{"X-One: 1"},
		API: preflight(answer(204, "Allow-Origin: {origin}", "Allow-Methods: PUT", "Allow-Headers: X-One"), granted)},
	{Name: "preflight of status 200", Method: "put",
		API: preflight(answer(200, "Allow-Origin: {origin}", "Allow-Methods: get, PUT"), granted)},
	{Name: "preflight with wildcards", Method: "PURGE", Headers: []string{"X-One: 1"},
		API: preflight(answer(204, "Allow-Origin: *", "Allow-Methods: *", "Allow-Headers: *"), granted)},
	{Name: "preflight of JSON", Method: "POST", Headers: []string{"Content-Type: application/json"}, Body: "{}",
		API: preflight(answer(204, "Allow-Origin: *", "Allow-Headers: Content-Type"), granted)},
	{Name: "post is always allowed", Method: "POST", Headers: []string{"X-One: 1"},
		API: preflight(answer(204, "Allow-Origin: *", "Allow-Methods: PUT", "Allow-Headers: x-one"), granted)},
	{Name: "lists in several lines", Method: "PUT", Headers: []string{"X-One: 1", "X-Two: 2"},
		API: preflight(answer(204, "Allow-Origin: *", "Allow-Methods: ,PUT", "Allow-Headers: x-one", "Allow-Headers: , X-TWO"), granted)},
	{Name: "malformed max age", Suspect: true, Method: "PUT",
		API: preflight(answer(204, "Allow-Origin: *", "Allow-Methods: PUT", "Max-Age: 10 minutes"), granted)},

	// No answer to OPTIONS that knows of CORS.
	put("preflight not found", fetch.Block{Rule: fetch.RuleAllowOriginMissing}, 404),
	put("preflight not allowed", fetch.Block{Rule: fetch.RuleAllowOriginMissing}, 405, "Allow: GET, PUT"),
	put("preflight unauthorized", fetch.Block{Rule: fetch.RuleAllowOriginMissing}, 401, `WWW-Authenticate: Basic realm="api"`),
	put("preflight forbidden", fetch.Block{Rule: fetch.RuleAllowOriginMissing}, 403),
	put("preflight fails", fetch.Block{Rule: fetch.RuleAllowOriginMissing}, 500),
	redirected("preflight to login", 302, "{api}/login"),
	redirected("preflight to TLS", 308, "{tls}/"),
	redirected("preflight to slash", 301, "{api}//"),
	put("headers on the response alone", fetch.Block{Rule: fetch.RuleAllowOriginMissing}, 200),
	// One that does, of a wrong status.
	put("preflight not found with headers", fetch.Block{Rule: fetch.RulePreflightStatus},
		404, "Allow-Origin: {origin}", "Allow-Methods: PUT"),
	put("preflight unauthorized with headers", fetch.Block{Rule: fetch.RulePreflightStatus},
		401, "Allow-Origin: {origin}", "Allow-Methods: PUT"),
	put("preflight fails with headers", fetch.Block{Rule: fetch.RulePreflightStatus},
		500, "Allow-Origin: {origin}", "Allow-Methods: PUT"),
	put("preflight redirected with headers", fetch.Block{Rule: fetch.RulePreflightRedirect, Value: "{api}/login", Location: "{api}/login"},
		307, "Allow-Origin: {origin}", "Allow-Methods: PUT", "Location: {api}/login"),

	{Name: "headers on the preflight alone", Method: "PUT",
		API:   preflight(answer(204, "Allow-Origin: {origin}", "Allow-Methods: PUT"), answer(200)),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginMissing}},
	put("preflight of another origin", fetch.Block{Rule: fetch.RuleAllowOriginMismatch, Value: "https://www.example.com"},
		204, "Allow-Origin: https://www.example.com", "Allow-Methods: PUT"),
	put("preflight not found and of another origin", fetch.Block{Rule: fetch.RuleAllowOriginMismatch, Value: "https://www.example.com"},
		404, "Allow-Origin: https://www.example.com"),
	put("preflight with doubled header", fetch.Block{Rule: fetch.RuleAllowOriginSeveral, Value: "*, *"},
		204, "Allow-Origin: *", "Allow-Origin: *", "Allow-Methods: PUT"),
	{Name: "preflight with wildcard and credentials", Method: "PUT", Credentials: true,
		API:   preflight(answer(204, "Allow-Origin: *", "Allow-Credentials: true", "Allow-Methods: PUT"), grantedWithCredentials),
		Block: fetch.Block{Rule: fetch.RuleAllowOriginWildcard, Preflight: true, Value: "*", Status: 204}},
	{Name: "preflight without credentials", Method: "PUT", Credentials: true,
		API:   preflight(answer(204, "Allow-Origin: {origin}", "Allow-Methods: PUT"), grantedWithCredentials),
		Block: fetch.Block{Rule: fetch.RuleAllowCredentials, Preflight: true, Status: 204}},

	put("no methods", fetch.Block{Rule: fetch.RuleAllowMethods, Subject: "PUT"}, 204, "Allow-Origin: {origin}"),
	put("method missing", fetch.Block{Rule: fetch.RuleAllowMethods, Subject: "PUT", Value: "GET, POST"},
		204, "Allow-Origin: {origin}", "Allow-Methods: GET, POST"),
	put("method in lower case", fetch.Block{Rule: fetch.RuleAllowMethods, Subject: "PUT", Value: "put"},
		204, "Allow-Origin: {origin}", "Allow-Methods: put"),
	{Name: "patch is not PATCH", Method: "patch",
		API:   preflight(answer(204, "Allow-Origin: {origin}", "Allow-Methods: PATCH"), granted),
		Block: fetch.Block{Rule: fetch.RuleAllowMethods, Preflight: true, Subject: "patch", Value: "PATCH", Status: 204}},
	withCredentials(put("method wildcard with credentials", fetch.Block{Rule: fetch.RuleAllowMethods, Subject: "PUT", Value: "*"},
		204, "Allow-Origin: {origin}", "Allow-Methods: *")),
	put("malformed methods", fetch.Block{Rule: fetch.RuleAllowMethodsMalformed, Value: "GET PUT"},
		204, "Allow-Origin: {origin}", "Allow-Methods: GET PUT"),
	put("quoted methods", fetch.Block{Rule: fetch.RuleAllowMethodsMalformed, Value: `"PUT", "GET"`},
		204, "Allow-Origin: {origin}", `Allow-Methods: "PUT", "GET"`),

	getWith("no request headers", []string{"X-One: 1"}, fetch.Block{Rule: fetch.RuleAllowHeaders, Subject: "x-one"}),
	getWith("second header missing", []string{"X-One: 1", "X-Two: 2"},
		fetch.Block{Rule: fetch.RuleAllowHeaders, Subject: "x-two", Value: "X-One"}, "Allow-Headers: X-One"),
	twoHeadersMissing(),
	withCredentials(getWith("header wildcard with credentials", []string{"X-One: 1"},
		fetch.Block{Rule: fetch.RuleAllowHeaders, Subject: "x-one", Value: "*"}, "Allow-Headers: *")),
	authorizationByWildcard(),
	getWith("authorization missing", []string{"Authorization: Bearer abc"},
		fetch.Block{Rule: fetch.RuleAllowHeaders, Subject: "authorization", Value: "X-One"}, "Allow-Headers: X-One"),
	getWith("malformed request headers", []string{"X-One: 1"},
		fetch.Block{Rule: fetch.RuleAllowHeadersMalformed, Value: "X-One X-Two"}, "Allow-Headers: X-One X-Two"),
	getWith("malformed second request header", []string{"X-One: 1"},
		fetch.Block{Rule: fetch.RuleAllowHeadersMalformed, Value: "X-One, X Two, X-Three"}, "Allow-Headers: X-One", "Allow-Headers: X Two, X-Three"),
	getWith("quoted request headers", []string{"X-One: 1"},
		fetch.Block{Rule: fetch.RuleAllowHeadersMalformed, Value: `"X-One"`}, `Allow-Headers: "X-One"`),
	{Name: "content type missing", Method: "POST", Headers: []string{"Content-Type: application/json"}, Body: "{}",
		API:   preflight(answer(204, "Allow-Origin: {origin}", "Allow-Methods: POST"), granted),
		Block: fetch.Block{Rule: fetch.RuleAllowHeaders, Preflight: true, Subject: "content-type", Status: 204}},
}

// redirected is a server that redirects the preflight of a PUT, without headers.
func redirected(name string, status int, location string) Fault {
	b := fetch.Block{Rule: fetch.RulePreflightRedirect, Value: location, Location: location, NoAllowOrigin: true}
	return put(name, b, status, "Location: "+location)
}

// twoHeadersMissing has the headers in another order than the standard, which sorts
// them. WebKit does not.
func twoHeadersMissing() Fault {
	b := fetch.Block{Rule: fetch.RuleAllowHeaders, Subject: "x-one", Value: "X-Three"}
	f := getWith("two headers missing", []string{"X-Two: 2", "X-One: 1"}, b, "Allow-Headers: X-Three")
	other := f.Block
	other.Subject = "x-two"
	f.Engines = map[fetch.Engine]fetch.Block{fetch.WebKit: other}
	return f
}

// authorizationByWildcard is readable in all engines, against the standard. Firefox
// warns that it will not stay so.
func authorizationByWildcard() Fault {
	b := fetch.Block{Rule: fetch.RuleAllowHeadersAuthorization, Subject: "authorization", Value: "*"}
	f := getWith("authorization by wildcard", []string{"Authorization: Bearer abc"}, b, "Allow-Headers: *")
	f.Engines = map[fetch.Engine]fetch.Block{fetch.Chromium: {}, fetch.Firefox: {}, fetch.WebKit: {}}
	return f
}
