//go:build linux

package e2e

import "github.com/seed-9442523e/caddy-cors/internal/fetch"

// responseScenarios are about what scripts see of responses.
var responseScenarios = []scenario{
	{
		name: "safelisted response headers are readable, others are not", source: "Fetch, CORS-safelisted response-header name; WPT, cors/response-headers.htm",
		api: "cors {page}\nheader Cache-Control no-store\nheader Content-Language de\nheader Expires 0\nheader Last-Modified \"Tue, 01 Sep 2026 00:00:00 GMT\"\nheader Pragma no-cache\nheader X-Total-Count 42\nrespond hello",
		steps: []step{{want: "200 hello",
			shows: []string{"Cache-Control: no-store", "Content-Language: de", "Content-Length: 5", "Content-Type", "Expires: 0", "Last-Modified", "Pragma: no-cache"},
			hides: []string{"X-Total-Count", "Server", "Vary", "Date", "Access-Control-Allow-Origin"}}},
	},
	{
		name: "expose_headers", source: "Fetch, CORS-exposed header-name list; WPT, fetch/api/cors/cors-filtering.sub.any.js",
		api:   "cors {page} {\n\texpose_headers X-Total-Count Link\n}\nheader X-Total-Count 42\nheader Link \"</2>; rel=next\"\nheader X-Other 1\nrespond hello",
		steps: []step{{want: "200 hello", shows: []string{"X-Total-Count: 42", "Link: </2>; rel=next"}, hides: []string{"X-Other"}}},
	},
	{
		name: "expose_headers *", source: "Fetch, CORS-exposed header-name list; WPT, fetch/api/cors/cors-expose-star.sub.any.js",
		api:   "cors {page} {\n\texpose_headers *\n}\nheader X-Total-Count 42\nheader X-Other 1\nrespond hello",
		steps: []step{{want: "200 hello", shows: []string{"X-Total-Count: 42", "X-Other: 1", "Server"}}},
	},
	{
		name: "expose_headers * with cookies is written out", source: "README",
		api:   "cors {page} {\n\tallow_credentials\n\texpose_headers *\n}\nheader X-Total-Count 42\nheader Set-Cookie a=b\nrespond hello",
		steps: []step{{credentials: "include", want: "200 hello", shows: []string{"X-Total-Count: 42", "Server"}, hides: []string{"Set-Cookie"}}},
	},
	{
		name: "a star by hand exposes nothing with cookies", source: "Fetch, main fetch, step 14; WPT, fetch/api/cors/cors-expose-star.sub.any.js",
		api:   "header Access-Control-Allow-Origin {page}\nheader Access-Control-Allow-Credentials true\nheader Access-Control-Expose-Headers *\nheader X-Total-Count 42\nrespond hello",
		steps: []step{{credentials: "include", want: "200 hello", hides: []string{"X-Total-Count"}}, {want: "200 hello", shows: []string{"X-Total-Count: 42"}}},
	},
	{
		name: "Set-Cookie is never readable", source: "Fetch, forbidden response-header name; WPT, cors/response-headers.htm",
		api:   "header Access-Control-Allow-Origin *\nheader Access-Control-Expose-Headers \"Set-Cookie, X-One, *\"\nheader Set-Cookie a=b\nheader X-One 1\nrespond hello",
		own:   "header Set-Cookie a=b\nheader X-One 1\nrespond hello",
		steps: []step{{want: "200 hello", shows: []string{"X-One: 1"}, hides: []string{"Set-Cookie"}}, {url: "{own}/", want: "200 hello", shows: []string{"X-One: 1"}, hides: []string{"Set-Cookie"}}},
	},
	{
		name: "error statuses are readable", source: "Fetch, CORS check; WPT, cors/status-async.htm",
		api: "cors {page}\nrespond /401 no 401\nrespond /404 no 404\nrespond /429 no 429\nrespond /500 no 500\nrespond /503 no 503",
		steps: []step{
			{url: "{api}/401", want: "401 no"},
			{url: "{api}/404", want: "404 no"},
			{url: "{api}/429", method: "PUT", want: "429 no"},
			{url: "{api}/500", method: "POST", body: "a", want: "500 no"},
			{url: "{api}/503", want: "503 no"},
		},
	},
	{
		name: "an error of Caddy's own", source: "README",
		api:   "cors {page}\nerror /missing \"no such thing\" 404\nroot * /nonexistent\nfile_server",
		steps: []step{{url: "{api}/missing", want: "404"}, {url: "{api}/file", want: "404"}},
	},
	{
		name: "a dead backend", source: "README",
		api:   "cors {page}\nreverse_proxy {dead}",
		steps: []step{{want: "502"}, {method: "PUT", body: "a", want: "502"}},
	},
	{
		name: "a dead backend, and a snippet that defers", source: "README",
		api:   "header {\n\tAccess-Control-Allow-Origin {page}\n\t-Server\n}\nreverse_proxy {dead}",
		steps: []step{{want: "blocked"}},
	},
	{
		name: "a body that is compressed", source: "Fetch, HTTP-network fetch",
		api:   "cors {page} {\n\texpose_headers Content-Encoding\n}\nencode {\n\tgzip\n\tminimum_length 1\n}\nheader Content-Type text/plain\nrespond hello",
		steps: []step{{want: "200 hello", shows: []string{"Content-Encoding: gzip"}}},
	},
	{
		name: "an empty answer", source: "Fetch, CORS check",
		api:   "cors {page}\nrespond 204",
		steps: []step{{want: "204"}, {method: "DELETE", want: "204"}},
	},
	{
		name: "part of a file", source: "Fetch, CORS-safelisted request-header, Range",
		api:   "cors {page}\nroot * {files}\nfile_server",
		steps: []step{{url: "{api}/hello.txt", headers: []string{"Range: bytes=0-3"}, want: "206 hell"}},
	},
	{
		name: "a file is revalidated", source: "Fetch, HTTP-network-or-cache fetch; WPT, cors/304.htm",
		api: "cors {page}\nheader Cache-Control no-cache\nroot * {files}\nfile_server",
		steps: []step{
			{url: "{api}/hello.txt", want: "200 hello"},
			{url: "{api}/hello.txt", want: "200 hello"},
		},
		arrives: []string{"GET api/hello.txt | If-None-Match:", "GET api/hello.txt | Status: 304 | If-None-Match: *"},
		cached:  true,
	},
}

// credentialScenarios are about cookies.
var credentialScenarios = []scenario{
	{
		name: "cookies go with credentials only", source: "Fetch, HTTP-network-or-cache fetch; WPT, fetch/api/cors/cors-cookies.any.js",
		api: "cors {page} {\n\tallow_credentials\n}\nheader Content-Type text/plain\nheader /set Set-Cookie \"seven=7; Path=/\"\nrespond \"{http.request.cookie.seven}\"",
		steps: []step{
			{url: "{api}/set", credentials: "include", want: "200"},
			{credentials: "include", want: "200 7"},
			{want: "200"},
			{credentials: "same-origin", want: "200"},
		},
	},
	{
		name: "cookies are kept with credentials only", source: "Fetch, HTTP-network fetch; WPT, fetch/api/cors/cors-cookies.any.js",
		api: "cors {page} {\n\tallow_credentials\n}\nheader Content-Type text/plain\nheader /set Set-Cookie \"eight=8; Path=/\"\nrespond \"{http.request.cookie.eight}\"",
		steps: []step{
			{url: "{api}/set", want: "200"},
			{credentials: "include", want: "200"},
		},
	},
	{
		name: "preflights carry no cookies", source: "Fetch, CORS-preflight fetch; WPT, cors/credentials-flag.htm",
		api: "cors {page} {\n\tallow_credentials\n}\nheader Content-Type text/plain\nheader /set Set-Cookie \"nine=9; Path=/\"\nrespond \"{http.request.cookie.nine}\"",
		steps: []step{
			{url: "{api}/set", credentials: "include", want: "200"},
			{method: "PUT", credentials: "include", want: "200 9"},
		},
		arrives: []string{"GET api/set", "OPTIONS api/ | Cookie:", "PUT api/"},
	},
	{
		name: "without allow_credentials the answer is kept from the page, though the cookie was sent", source: "Fetch, CORS check, step 6",
		own:     "header Set-Cookie \"kept=k; Path=/\"\nrespond hello",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{url: "{own}/", credentials: "include", want: "200 hello"}, {credentials: "include", want: "blocked"}, {want: "200 hello"}},
		arrives: []string{"GET own/", "GET api/ | Cookie: *", "GET api/ | Cookie:"},
	},
	{
		name: "without allow_credentials a preflight fails, too", source: "Fetch, CORS check, step 6; WPT, fetch/api/cors/cors-preflight-response-validation.any.js",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{method: "PUT", credentials: "include", want: "blocked"}},
		arrives: []string{"OPTIONS api/"},
	},
	{
		name: "allow_credentials does no harm without cookies", source: "Fetch, CORS check, step 5",
		api:   "cors {page} {\n\tallow_credentials\n}\nrespond hello",
		steps: []step{{want: "200 hello"}, {method: "PUT", want: "200 hello"}},
	},
	{
		name: "True is not true", source: "Fetch, CORS check, step 7; WPT, cors/credentials-flag.htm",
		api:   "header Access-Control-Allow-Origin {page}\nheader Access-Control-Allow-Credentials True\nrespond hello",
		steps: []step{{credentials: "include", want: "blocked"}, {want: "200 hello"}},
	},
	{
		name: "a cookie of the shared parent domain", source: "RFC 6265bis, section 5.7", page: "{app}",
		api: "cors {app} {\n\tallow_credentials\n}\nheader Content-Type text/plain\nheader /set Set-Cookie \"parent=p; Path=/; Domain=example.com; SameSite=Strict\"\nrespond \"{http.request.cookie.parent}\"",
		own: "respond \"{http.request.cookie.parent}\"",
		steps: []step{
			{url: "{api}/set", credentials: "include", want: "200"},
			{credentials: "include", want: "200 p"},
			{url: "{own}/", credentials: "include", want: "200 p"},
			{want: "200"},
		},
	},
	{
		name: "a subdomain reads with the cookie of its sibling", source: "docs/origins.md", page: "{admin}",
		api: "cors https://*.example.com:* {\n\tallow_credentials\n}\nheader Content-Type text/plain\nheader /set Set-Cookie \"sibling=s; Path=/\"\nrespond \"{http.request.cookie.sibling}\"",
		steps: []step{
			{url: "{api}/set", credentials: "include", want: "200"},
			{method: "DELETE", credentials: "include", want: "200 s"},
		},
	},
	{
		name: "a SameSite cookie goes to another port, as that is no other site", source: "RFC 6265bis, section 5.2",
		api: "cors {page} {\n\tallow_credentials\n}\nheader Content-Type text/plain\nheader /set Set-Cookie \"strict=s; Path=/; SameSite=Strict\"\nrespond \"{http.request.cookie.strict}\"",
		steps: []step{
			{url: "{api}/set", credentials: "include", want: "200"},
			{credentials: "include", want: "200 s"},
		},
	},
	{
		name: "a SameSite cookie is not taken from another site", source: "RFC 6265bis, section 5.7", page: "{app}",
		api: "cors {app} {\n\tallow_credentials\n}\nheader Content-Type text/plain\nheader /set Set-Cookie \"lax=l; Path=/; SameSite=Lax\"\nrespond \"{http.request.cookie.lax}\"",
		steps: []step{
			{url: "{secure api}/set", credentials: "include", want: "200"},
			{url: "{secure api}/", credentials: "include", want: "200"},
		},
	},
	{
		name: "a cookie with SameSite=None goes to another site", source: "RFC 6265bis, section 5.2", page: "{secure page}",
		api: "cors {secure page} {\n\tallow_credentials\n}\nheader Content-Type text/plain\nheader /set Set-Cookie \"none=n; Path=/; SameSite=None; Secure\"\nrespond \"{http.request.cookie.none}\"",
		steps: []step{
			{url: "{app api}/set", credentials: "include", want: "200"},
			{url: "{app api}/", credentials: "include", want: "200 n"},
		},
		differ: map[fetch.Engine]difference{fetch.Chromium: {wants: []string{"200", "200"}}, fetch.WebKit: {wants: []string{"200", "200"}}},
		note:   "No cookies go to another site, not even with `SameSite=None`. Chromium has a setting for it, which Debian's Chromium, tried here, has off. So count on cookies where page and API are below one domain, which is one site, and on nothing else.",
	},
}
