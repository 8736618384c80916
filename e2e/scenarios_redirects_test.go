//go:build linux

package e2e

import (
	"fmt"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// redirectScenarios are about redirects, each of which has to pass the CORS check itself.
var redirectScenarios = []scenario{
	{
		name: "from A to A", source: "Fetch, HTTP-redirect fetch; WPT, fetch/api/cors/cors-redirect.any.js",
		api:     "cors {page}\nredir /from {api}/to\nrespond hello",
		steps:   []step{{url: "{api}/from", want: "200 hello"}},
		arrives: []string{"GET api/from | Origin: {page}", "GET api/to | Origin: {page}"},
	},
	{
		name: "from A to B, the origin becomes null", source: "Fetch, serializing a request origin, step 2; WPT, cors/redirect-origin.htm",
		api: "cors {page}\nredir {api 2}/to", api2: "cors {page}\nrespond hello",
		steps:   []step{{url: "{api}/from", want: "blocked"}},
		arrives: []string{"GET api/from | Origin: {page}", "GET api 2/to | Origin: null"},
	},
	{
		name: "from A to B, which is public", source: "Fetch, serializing a request origin, step 2; WPT, fetch/api/cors/cors-redirect.any.js",
		api: "cors {page}\nredir {api 2}/to", api2: "cors *\nrespond hello",
		steps: []step{{url: "{api}/from", want: "200 hello"}},
	},
	{
		name: "from A to B, which takes null", source: "Fetch, serializing a request origin, step 2",
		api: "cors {page}\nredir {api 2}/to", api2: "cors null {\n\tdangerously_allow null_origin\n}\nrespond hello",
		steps: []step{{url: "{api}/from", want: "200 hello"}},
	},
	{
		name: "from A to B, enforced: null is refused", source: "README",
		api: "cors {page}\nredir {api 2}/to", api2: "cors {page} {\n\tenforce\n}\nrespond hello",
		steps:   []step{{url: "{api}/from", want: "blocked"}},
		arrives: []string{"GET api/from", "GET api 2/to | Status: 403 | Origin: null"},
	},
	{
		name: "from A to B and back to A", source: "WPT, cors/redirect-origin.htm",
		api: "cors {page}\nredir /from {api 2}/over\nrespond hello", api2: "cors *\nredir {api}/to",
		steps:   []step{{url: "{api}/from", want: "blocked"}},
		arrives: []string{"GET api/from", "GET api 2/over | Origin: null", "GET api/to | Origin: null"},
	},
	{
		name: "from the page's own origin to A", source: "WPT, fetch/api/cors/cors-redirect.any.js",
		own: "redir {api}/to", api: "cors {page}\nrespond hello",
		steps:   []step{{url: "{own}/from", want: "200 hello"}},
		arrives: []string{"GET own/from", "GET api/to | Origin: {page}"},
	},
	{
		name: "from A back to the page's own origin", source: "Fetch, serializing a request origin, step 2; WPT, fetch/api/cors/cors-redirect.any.js",
		api: "cors {page}\nredir {own}/to", own: "respond hello",
		steps:   []step{{url: "{api}/from", want: "blocked"}},
		arrives: []string{"GET api/from", "GET own/to | Origin: null"},
	},
	{
		name: "a redirect without CORS is not followed", source: "Fetch, HTTP fetch; WPT, fetch/api/cors/cors-redirect.any.js",
		api:     "redir /from {api}/to\nheader /to Access-Control-Allow-Origin *\nrespond hello",
		steps:   []step{{url: "{api}/from", want: "blocked"}},
		arrives: []string{"GET api/from"},
	},
	{
		name: "of a page that is not allowed", source: "Fetch, HTTP fetch", page: "{page 2}",
		api:     "cors {page}\nredir /from {api}/to\nrespond hello",
		steps:   []step{{url: "{api}/from", want: "blocked"}},
		arrives: []string{"GET api/from"},
	},
	{
		name: "redirect: error", source: "Fetch, HTTP fetch",
		api:     "cors {page}\nredir /from {api}/to\nrespond hello",
		steps:   []step{{url: "{api}/from", redirect: "error", want: "blocked"}},
		arrives: []string{"GET api/from"},
	},
	{
		name: "redirect: manual", source: "Fetch, HTTP fetch",
		api:     "cors {page}\nredir /from {api}/to\nrespond hello",
		steps:   []step{{url: "{api}/from", redirect: "manual", want: "opaqueredirect"}},
		arrives: []string{"GET api/from"},
	},
	becomes(301, "POST", "GET"),
	becomes(302, "POST", "GET"),
	becomes(303, "PUT", "GET"),
	becomes(307, "POST", "POST"),
	becomes(308, "POST", "POST"),
	{
		name: "307 of a PUT to another origin preflights again", source: "Fetch, HTTP-redirect fetch; WPT, fetch/api/cors/cors-redirect-preflight.any.js",
		api: "cors {page}\nredir {api 2}/to 307", api2: "cors *\nrespond {method}",
		steps:   []step{{url: "{api}/from", method: "PUT", body: "a", want: "200 PUT"}},
		arrives: []string{"OPTIONS api/from", "PUT api/from", "OPTIONS api 2/to | Origin: null", "PUT api 2/to | Origin: null"},
		differ:  map[fetch.Engine]difference{fetch.Firefox: {arrives: []string{"OPTIONS api/from", "PUT api/from", "OPTIONS api 2/to | Origin: {page}", "PUT api 2/to | Origin: null"}}},
		note:    "After a redirect to a third origin, the preflight names the page's origin, and the request itself `null`. So the preflight may pass where the request is denied.",
	},
	{
		name: "307 of a PUT to another origin that does not allow it", source: "Fetch, HTTP-redirect fetch; WPT, cors/redirect-preflight-2.htm",
		api: "cors {page}\nredir {api 2}/to 307", api2: "cors * {\n\tallow_methods GET\n}\nrespond {method}",
		steps:   []step{{url: "{api}/from", method: "PUT", body: "a", want: "blocked"}},
		arrives: []string{"OPTIONS api/from", "PUT api/from", "OPTIONS api 2/to"},
	},
	{
		name: "a header of its own preflights again", source: "WPT, cors/redirect-preflight.htm",
		api: "cors {page}\nredir {api 2}/to", api2: "cors *\nrespond hello",
		steps:   []step{{url: "{api}/from", headers: []string{"X-One: 1"}, want: "200 hello"}},
		arrives: []string{"OPTIONS api/from", "GET api/from", "OPTIONS api 2/to | Access-Control-Request-Headers: x-one", "GET api 2/to | X-One: 1"},
	},
	{
		name: "Authorization does not go to another origin", source: "Fetch, HTTP-redirect fetch, step 13",
		api: "cors {page}\nredir {api 2}/to", api2: "cors *\nrespond hello",
		steps:   []step{{url: "{api}/from", headers: []string{"Authorization: Bearer x"}, want: "200 hello"}},
		arrives: []string{"OPTIONS api/from", "GET api/from | Authorization: Bearer x", "GET api 2/to | Authorization:"},
		differ: map[fetch.Engine]difference{
			fetch.Firefox: {arrives: []string{"OPTIONS api/from", "GET api/from", "OPTIONS api 2/to | Access-Control-Request-Headers:", "GET api 2/to | Authorization:"}},
			fetch.WebKit:  {arrives: []string{"OPTIONS api/from", "GET api/from", "OPTIONS api 2/to | Access-Control-Request-Headers: authorization", "GET api 2/to | Authorization:"}},
		},
		note: "What was preflighted is preflighted again after a redirect, even if it has lost what needed it; WebKit asks for `authorization`, which it then does not send.",
	},
	{
		name: "a preflight is not redirected", source: "Fetch, CORS-preflight fetch, step 7; WPT, fetch/api/cors/cors-preflight-redirect.any.js",
		api:     "header Access-Control-Allow-Origin *\nheader Access-Control-Allow-Methods PUT\nredir /from {api}/to\nrespond hello",
		steps:   []step{{url: "{api}/from", method: "PUT", want: "blocked"}},
		arrives: []string{"OPTIONS api/from"},
	},
	{
		name: "cors ahead of a redirect answers the preflight", source: "README",
		api:     "cors {page}\nredir /from {api}/to 308\nrespond {method}",
		steps:   []step{{url: "{api}/from", method: "PUT", want: "200 PUT"}},
		arrives: []string{"OPTIONS api/from", "PUT api/from", "OPTIONS api/to", "PUT api/to"},
	},
	{
		name: "to a URL with a password", source: "Fetch, HTTP-redirect fetch, steps 9 and 10; WPT, fetch/api/cors/cors-redirect-credentials.any.js",
		api:     "cors {page}\nredir /from http://user:password@{api host}{slug}/to\nrespond hello",
		steps:   []step{{url: "{api}/from", want: "blocked"}},
		arrives: []string{"GET api/from"},
	},
	{
		name: "with cookies, from A to A", source: "Fetch, HTTP-redirect fetch; WPT, fetch/api/cors/cors-cookies-redirect.any.js",
		api: "cors {page} {\n\tallow_credentials\n}\nheader Content-Type text/plain\nheader /from Set-Cookie \"redirected=r; Path=/\"\nredir /from {api}/to\nrespond \"{http.request.cookie.redirected}\"",
		steps: []step{
			{url: "{api}/from", credentials: "include", want: "200 r"},
		},
	},
}

// becomes is a redirect that changes the method, or not.
func becomes(status int, method, then string) scenario {
	s := step{url: "{api}/from", method: method, want: "200 " + then}
	if method == "POST" {
		s.body = "a"
	}
	sc := scenario{
		name: fmt.Sprintf("%d of a %s is a %s", status, method, then), source: "Fetch, HTTP-redirect fetch, step 12",
		api:   fmt.Sprintf("cors {page}\nredir /from {api}/to %d\nrespond {method}", status),
		steps: []step{s},
	}
	if method == "PUT" {
		again := difference{arrives: []string{"OPTIONS api/from", "PUT api/from", "OPTIONS api/to | Access-Control-Request-Method: GET", "GET api/to"}}
		sc.differ = map[fetch.Engine]difference{fetch.Firefox: again, fetch.WebKit: again}
		sc.note = "A PUT that became a GET by a 303 is preflighted as a GET."
	}
	return sc
}
