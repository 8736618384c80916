//go:build linux

package e2e

// scenes are what guides to CORS begin with.
var scenes = []scenario{
	{
		name: "a page on another port reads Hello", source: "Fetch, CORS check",
		api:   "cors {page}\nrespond Hello",
		steps: []step{{want: "200 Hello"}},
	},
	{
		name: "without CORS the browser keeps it from the page, though it arrives", source: "Fetch, CORS check, step 2",
		api:     "respond Hello",
		steps:   []step{{want: "blocked"}},
		arrives: []string{"GET api/"},
	},
	{
		name: "mode no-cors is no way out: nothing can be read", source: "Fetch, opaque filtered response",
		api:     "respond Hello",
		steps:   []step{{mode: "no-cors", want: "opaque"}},
		arrives: []string{"GET api/ | Origin:"},
	},
	{
		name: "a frontend with cookies", source: "Fetch, CORS check", page: "{app}",
		api: "cors {app} {admin} {\n\tallow_credentials\n}\nheader /login Set-Cookie session=a\nrespond \"{http.request.cookie.session}\"",
		steps: []step{
			{url: "{api}/login", credentials: "include", want: "200"},
			{credentials: "include", want: "200 a"},
		},
	},
	{
		name: "an admin frontend with cookies", source: "Fetch, CORS check", page: "{admin}",
		api: "cors {app} {admin} {\n\tallow_credentials\n}\nheader /login Set-Cookie session=b\nrespond \"{http.request.cookie.session}\"",
		steps: []step{
			{url: "{api}/login", method: "POST", headers: []string{"Content-Type: application/json"}, body: "{}", credentials: "include", want: "200"},
			{method: "DELETE", credentials: "include", want: "200 b"},
		},
	},
	{
		name: "a list of trusted origins, and a page that is on it", source: "Fetch, CORS check",
		api:   "cors https://www.example.com {admin} {page}\nrespond Hello",
		steps: []step{{want: "200 Hello"}},
	},
	{
		name: "a list of trusted origins, and a page that is not", source: "Fetch, CORS check, step 2", page: "{page 2}",
		api:   "cors https://www.example.com {page} {admin}\nrespond Hello",
		steps: []step{{want: "blocked"}, {method: "PUT", want: "blocked"}},
		// The module refuses the preflight, so the PUT is never sent.
		arrives: []string{"GET api/", "OPTIONS api/"},
	},
	{
		name: "a star with cookies is refused by the browser", source: "Fetch, CORS check, steps 3 and 4",
		api:   "cors *\nrespond Hello",
		steps: []step{{credentials: "include", want: "blocked"}, {want: "200 Hello"}},
	},
	{
		name: "a star with cookies, by hand, is refused by the browser", source: "Fetch, CORS check, steps 3 and 4",
		api:   "header Access-Control-Allow-Origin *\nheader Access-Control-Allow-Credentials true\nrespond Hello",
		steps: []step{{credentials: "include", want: "blocked"}},
	},
	{
		name: "a missing OPTIONS handler", source: "Fetch, CORS-preflight fetch, step 7",
		api:     "header Access-Control-Allow-Origin {page}\nheader Access-Control-Allow-Methods PUT\n@put method GET PUT\nrespond @put saved\nrespond 405",
		steps:   []step{{want: "200 saved"}, {method: "PUT", want: "blocked"}},
		arrives: []string{"GET api/", "OPTIONS api/"},
	},
	{
		name: "a missing OPTIONS handler, with cors ahead of it", source: "Fetch, CORS-preflight fetch, step 7",
		api:     "cors {page}\n@put method GET PUT\nrespond @put saved\nrespond 405",
		steps:   []step{{want: "200 saved"}, {method: "PUT", want: "200 saved"}},
		arrives: []string{"GET api/", "OPTIONS api/", "PUT api/"},
	},
	{
		name: "an API of others, which knows no CORS", source: "Fetch, CORS check, step 2",
		api2:  "respond weather",
		steps: []step{{url: "{api 2}/", want: "blocked"}},
	},
	{
		name: "an API of others, reached through Caddy", source: "Fetch, CORS check",
		api:   "cors {page}\nrewrite {slug}{uri}\nreverse_proxy {api 2 host} {\n\theader_up Host {upstream_hostport}\n}",
		api2:  "respond weather",
		steps: []step{{want: "200 weather"}, {method: "PUT", want: "200 weather"}},
	},
	{
		name: "an API on the page's own origin needs no CORS", source: "Fetch, main fetch, step 12",
		own:     "respond Hello",
		steps:   []step{{url: "{own}/", want: "200 Hello"}, {url: "{own}/", method: "PUT", want: "200 Hello"}},
		arrives: []string{"GET own/", "PUT own/"},
	},
}
