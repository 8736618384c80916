//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// everywhere is what all engines do.
func everywhere(d difference) map[fetch.Engine]difference {
	return map[fetch.Engine]difference{fetch.Chromium: d, fetch.Firefox: d, fetch.WebKit: d}
}

// allowing is a policy of the page with one more option, and a site that says hello.
func allowing(option string) string { return "cors {page} {\n\t" + option + "\n}\nrespond hello" }

// needScenarios are about whether browsers ask for permission first. Each has a policy
// that gives it.
var needScenarios = []scenario{
	needs("GET", false, step{}),
	needs("HEAD", false, step{method: "HEAD", want: "200"}),
	needs("POST of text", false, step{method: "POST", body: "a"}),
	needs("POST of a form", false, step{method: "POST", headers: []string{"Content-Type: application/x-www-form-urlencoded"}, body: "a=b"}),
	needs("POST of JSON", true, step{method: "POST", headers: []string{"Content-Type: application/json"}, body: "{}"}),
	needs("PUT", true, step{method: "PUT", body: "a"}),
	needs("DELETE", true, step{method: "DELETE"}),
	needs("PATCH", true, step{method: "PATCH", body: "a"}),
	needs("OPTIONS", true, step{method: "OPTIONS"}),
	needs("Accept and languages", false, step{headers: []string{"Accept: application/json", "Accept-Language: de", "Content-Language: de"}}),
	needs("a header of its own", true, step{headers: []string{"X-Requested-With: fetch"}}),
	needs("an empty header of its own", true, step{headers: []string{"X-Empty: "}}),
	needs("Authorization", true, step{headers: []string{"Authorization: Bearer x"}}),
	needs("a value of 128 bytes", false, step{headers: []string{"Accept-Language: " + strings.Repeat("a", 128)}}),
	needs("a value of 129 bytes", true, step{headers: []string{"Accept-Language: " + strings.Repeat("a", 129)}}),
	needs("a type of media with a charset", false, step{method: "POST", headers: []string{"Content-Type: text/plain; charset=utf-8"}, body: "a"}),
	needs("a double quote in Accept", true, step{headers: []string{`Accept: "a"`}}),
	needs("a simple range", false, step{headers: []string{"Range: bytes=0-3"}}),
	needs("a range from the end", true, step{headers: []string{"Range: bytes=-3"}}),
	{
		name: "a listener for an upload's progress needs a preflight", source: "XMLHttpRequest, send(), step 6; WPT, cors/late-upload-events.htm",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{act: "upload", method: "POST", body: "a", want: "200 hello"}},
		arrives: []string{"OPTIONS api/ | Access-Control-Request-Method: POST | Access-Control-Request-Headers:", "POST api/"},
	},
	{
		name: "a listener for an upload's progress, and a page that may not", source: "XMLHttpRequest, send(), step 6", page: "{page 2}",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{act: "upload", method: "POST", body: "a", want: "blocked"}},
		arrives: []string{"OPTIONS api/"},
	},
	{
		name: "a listener for an upload's progress needs no list of methods, if there is none", source: "Fetch, CORS-preflight fetch, step 7",
		api:     "header Access-Control-Allow-Origin {page}\nrespond hello",
		steps:   []step{{act: "upload", method: "PUT", body: "a", want: "200 hello"}},
		arrives: []string{"OPTIONS api/", "PUT api/"},
		differ:  everywhere(difference{[]string{"blocked"}, []string{"OPTIONS api/"}}),
		note:    "An upload needs its method in `Access-Control-Allow-Methods`, even if the answer to the preflight has no such header.",
	},
}

// needs is a request that is allowed, with a preflight or without.
func needs(what string, preflight bool, s step) scenario {
	if s.want == "" {
		s.want = "200 hello"
	}
	method := s.method
	if method == "" {
		method = http.MethodGet
	}
	sc := scenario{name: what + " needs no preflight", source: "Fetch, main fetch, step 12", api: "cors {page} {\n\tallow_methods *\n}\nrespond hello", steps: []step{s}}
	if preflight {
		sc.name = what + " needs a preflight"
		sc.arrives = append(sc.arrives, fmt.Sprintf("OPTIONS api/ | Origin: {page} | Access-Control-Request-Method: %s | Cookie: | Authorization:", method))
	}
	sc.arrives = append(sc.arrives, method+" api/ | Origin: {page}")
	return sc
}

// preflightScenarios are about the answers to preflights.
var preflightScenarios = []scenario{
	{
		name: "the lowest status that passes", source: "Fetch, CORS-preflight fetch, step 7; WPT, cors/status-preflight.htm",
		api:     allowing("preflight_status 200"),
		steps:   []step{{method: "PUT", want: "200 hello"}},
		arrives: []string{"OPTIONS api/ | Status: 200", "PUT api/"},
	},
	{
		name: "the highest status that passes", source: "Fetch, CORS-preflight fetch, step 7",
		api:     allowing("preflight_status 299"),
		steps:   []step{{method: "PUT", want: "200 hello"}},
		arrives: []string{"OPTIONS api/ | Status: 299", "PUT api/"},
	},
	forwarded(299, "200 hello"),
	forwarded(301, "blocked"),
	forwarded(304, "blocked"),
	forwarded(401, "blocked"),
	forwarded(404, "blocked"),
	forwarded(405, "blocked"),
	forwarded(500, "blocked"),
	{
		name: "basic_auth stops no preflight", source: "Fetch, CORS-preflight fetch; README",
		api:     "cors {page}\nbasic_auth {\n\tuser $2a$04$aZAxB9bZHVTdasZfvSs02ukOIj7tye.ZhO36IH0qAP2E2HTzzhRmC\n}\nrespond hello",
		steps:   []step{{headers: []string{"Authorization: Basic bm9ib2R5Om5v"}, want: "401"}},
		arrives: []string{"OPTIONS api/ | Authorization:", "GET api/ | Authorization: Basic bm9ib2R5Om5v"},
	},
	{
		name: "a method that is not allowed", source: "Fetch, CORS-preflight fetch, step 7",
		api:     allowing("allow_methods PUT"),
		steps:   []step{{method: "DELETE", want: "blocked"}, {method: "PUT", want: "200 hello"}},
		arrives: []string{"OPTIONS api/", "OPTIONS api/", "PUT api/"},
		differ:  map[fetch.Engine]difference{fetch.WebKit: {arrives: []string{"OPTIONS api/", "PUT api/"}}},
		note:    "The answer to a preflight is remembered even if it did not allow what was asked: what it does allow is then sent without another one.",
	},
	{
		name: "GET, HEAD and POST need no allow_methods", source: "Fetch, CORS-preflight fetch, step 7",
		api: allowing("allow_methods PUT"),
		steps: []step{
			{url: "{api}/1", headers: []string{"X-One: 1"}, want: "200 hello"},
			{url: "{api}/2", method: "POST", headers: []string{"X-One: 1"}, want: "200 hello"},
			{url: "{api}/3", method: "HEAD", headers: []string{"X-One: 1"}, want: "200"},
		},
	},
	{
		name: "put goes out as PUT", source: "Fetch, normalize a method",
		api:     "cors {page}\nrespond {method}",
		steps:   []step{{method: "put", want: "200 PUT"}},
		arrives: []string{"OPTIONS api/ | Access-Control-Request-Method: PUT", "PUT api/"},
	},
	{
		name: "patch is not PATCH", source: "Fetch, normalize a method",
		api:     "cors {page}\nrespond {method}",
		steps:   []step{{url: "{api}/1", method: "patch", want: "blocked"}, {url: "{api}/2", method: "PATCH", want: "200 PATCH"}},
		arrives: []string{"OPTIONS api/1 | Access-Control-Request-Method: patch", "OPTIONS api/2", "PATCH api/2"},
	},
	{
		name: "a method of one's own, in its case", source: "WPT, fetch/api/cors/cors-preflight-star.any.js",
		api:   allowing("allow_methods Purge"),
		steps: []step{{method: "Purge", want: "200 hello"}, {method: "PURGE", want: "blocked"}},
	},
	{
		name: "every method", source: "Fetch, CORS-preflight fetch, step 7",
		api:   allowing("allow_methods *"),
		steps: []step{{url: "{api}/1", method: "PURGE", want: "200 hello"}, {url: "{api}/2", method: "patch", want: "200 hello"}},
	},
	{
		name: "every method, with cookies", source: "README",
		api:   allowing("allow_methods *\n\tallow_credentials"),
		steps: []step{{method: "PURGE", credentials: "include", want: "200 hello"}, {method: "DELETE", credentials: "include", want: "200 hello"}},
	},
	{
		name: "a star by hand is no wildcard for methods with cookies", source: "WPT, fetch/api/cors/cors-preflight-star.any.js",
		api: "header Access-Control-Allow-Origin {page}\nheader Access-Control-Allow-Credentials true\nheader Access-Control-Allow-Methods *\nrespond hello",
		steps: []step{
			{url: "{api}/1", method: "PURGE", credentials: "include", want: "blocked"},
			{url: "{api}/2", method: "PURGE", want: "200 hello"},
		},
	},
	{
		name: "headers by default", source: "README",
		api: "cors {page}\nrespond hello",
		steps: []step{
			{url: "{api}/1", headers: []string{"X-One: 1", "X-Two: 2"}, want: "200 hello"},
			{url: "{api}/2", method: "PUT", headers: []string{"Authorization: Bearer x", "Content-Type: application/json"}, body: "{}", want: "200 hello"},
		},
	},
	{
		name: "headers by default, with cookies", source: "README",
		api: "cors {page} {\n\tallow_credentials\n}\nrespond hello",
		steps: []step{
			{headers: []string{"X-One: 1", "X-Two: 2"}, credentials: "include", want: "200 hello"},
			{method: "PUT", headers: []string{"Authorization: Bearer x", "Content-Type: application/json"}, credentials: "include", body: "{}", want: "200 hello"},
		},
	},
	{
		name: "a header that is not allowed", source: "Fetch, CORS-preflight fetch, step 7; WPT, cors/request-headers.htm",
		api:   allowing("allow_headers X-One"),
		steps: []step{{headers: []string{"X-One: 1"}, want: "200 hello"}, {headers: []string{"X-Two: 2"}, want: "blocked"}, {headers: []string{"X-One: 1", "X-Two: 2"}, want: "blocked"}},
	},
	{
		name: "no header", source: "README",
		api:   allowing("allow_headers none"),
		steps: []step{{method: "PUT", want: "200 hello"}, {headers: []string{"Content-Type: application/json"}, method: "POST", body: "{}", want: "blocked"}},
	},
	{
		name: "a star by hand is no wildcard for headers with cookies", source: "WPT, fetch/api/cors/cors-preflight-star.any.js",
		api: "header Access-Control-Allow-Origin {page}\nheader Access-Control-Allow-Credentials true\nheader Access-Control-Allow-Headers *\nrespond hello",
		steps: []step{
			{url: "{api}/1", headers: []string{"X-One: 1"}, credentials: "include", want: "blocked"},
			{url: "{api}/2", headers: []string{"X-One: 1"}, want: "200 hello"},
		},
	},
	{
		name: "a star by hand does not have Authorization", source: "Fetch, CORS-preflight fetch, step 7; WPT, fetch/api/cors/cors-preflight-star.any.js",
		api:    "header Access-Control-Allow-Origin *\nheader Access-Control-Allow-Headers *\nrespond hello",
		steps:  []step{{headers: []string{"Authorization: Bearer x"}, want: "blocked"}},
		differ: everywhere(difference{[]string{"200 hello"}, []string{"OPTIONS api/", "GET api/"}}),
		note:   "`Access-Control-Allow-Headers: *` has `Authorization`, too. Firefox warns that it will not stay so; this module's default names it.",
	},
	{
		name: "allow_headers * does not have Authorization", source: "Fetch, CORS-preflight fetch, step 7",
		api:    allowing("allow_headers *"),
		steps:  []step{{headers: []string{"Authorization: Bearer x"}, want: "blocked"}},
		differ: everywhere(difference{[]string{"200 hello"}, []string{"OPTIONS api/", "GET api/"}}),
		note:   "So has `allow_headers *`, of which the module says in its log that it denies the preflight. Write `allow_headers * Authorization`, or leave the option out.",
	},
	{
		name: "allow_headers * Authorization has it", source: "README",
		api:   allowing("allow_headers * Authorization"),
		steps: []step{{headers: []string{"Authorization: Bearer x", "X-One: 1"}, want: "200 hello"}},
	},
	{
		name: "names in preflights are in lower case, sorted, once", source: "Fetch, CORS-unsafe request-header names; WPT, fetch/api/cors/cors-preflight.any.js",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{headers: []string{"X-Two: 2", "x-one: 1", "X-One: 3", "Content-Type: application/json"}, method: "POST", body: "{}", want: "200 hello"}},
		arrives: []string{"OPTIONS api/ | Access-Control-Request-Headers: content-type,x-one,x-two", "POST api/"},
		differ:  map[fetch.Engine]difference{fetch.Firefox: {arrives: []string{"OPTIONS api/ | Access-Control-Request-Headers: content-type,x-one,x-one,x-two", "POST api/"}}},
		note:    "A header that the script has set twice is named twice in the preflight.",
	},
	{
		name: "the answer to a preflight without Allow-Origin", source: "Fetch, CORS check, step 2; WPT, cors/preflight-failure.htm",
		api:     "@preflight method OPTIONS\nrespond @preflight 204\nheader Access-Control-Allow-Origin *\nheader @preflight -Access-Control-Allow-Origin\nrespond hello",
		steps:   []step{{method: "PUT", want: "blocked"}},
		arrives: []string{"OPTIONS api/"},
	},
}

// forwarded is a preflight that the backend answers.
func forwarded(status int, want string) scenario {
	backend := fmt.Sprintf("respond @preflight %d", status)
	if status == http.StatusMovedPermanently {
		backend = "redir @preflight {api}/elsewhere 301"
	}
	sc := scenario{
		name: fmt.Sprintf("forward_preflights, and the backend says %d", status), source: "Fetch, CORS-preflight fetch, step 7; WPT, fetch/api/cors/cors-preflight-status.any.js",
		api:     "cors {page} {\n\tforward_preflights\n}\n@preflight method OPTIONS\n" + backend + "\nrespond hello",
		steps:   []step{{method: "PUT", want: want}},
		arrives: []string{fmt.Sprintf("OPTIONS api/ | Status: %d", status)},
	}
	if want != "blocked" {
		sc.arrives = append(sc.arrives, "PUT api/")
	}
	return sc
}
