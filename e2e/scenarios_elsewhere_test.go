//go:build linux

package e2e

// elsewhereScenarios are about what is not fetch().
var elsewhereScenarios = []scenario{
	{
		name: "WebSockets are not asked for CORS", source: "WebSockets; RFC 6455, section 10.2", page: "{page 2}",
		api:     "cors {page}\nreverse_proxy {backend}",
		steps:   []step{{act: "socket", url: "{api socket}/socket", want: "open"}},
		arrives: []string{"GET api/socket | Status: 101 | Origin: {page 2}"},
	},
	{
		name: "enforced WebSockets, and a page that may", source: "README",
		api:     "cors {page} {\n\tenforce\n}\nreverse_proxy {backend}",
		steps:   []step{{act: "socket", url: "{api socket}/socket", want: "open"}},
		arrives: []string{"GET api/socket | Status: 101 | Origin: {page}"},
	},
	{
		name: "enforced WebSockets, and a page that may not", source: "README", page: "{page 2}",
		api:     "cors {page} {\n\tenforce\n}\nreverse_proxy {backend}",
		steps:   []step{{act: "socket", url: "{api socket}/socket", want: "blocked"}},
		arrives: []string{"GET api/socket | Status: 403 | Origin: {page 2}"},
	},
	{
		name: "enforced WebSockets over TLS", source: "README", page: "{secure page}",
		api:     "cors {secure page} {\n\tenforce\n}\nreverse_proxy {backend}",
		steps:   []step{{act: "socket", url: "{api socket}/socket", want: "open"}},
		arrives: []string{"GET api/socket | Status: 101 | Origin: {secure page}"},
	},
	{
		name: "server-sent events", source: "HTML, EventSource",
		api:   "cors {page}\nheader Content-Type text/event-stream\nrespond \"data: hello\n\n\"",
		steps: []step{{act: "events", want: "event hello"}},
	},
	{
		name: "server-sent events, and a page that may not", source: "HTML, EventSource", page: "{page 2}",
		api:   "cors {page}\nheader Content-Type text/event-stream\nrespond \"data: hello\n\n\"",
		steps: []step{{act: "events", want: "blocked"}},
	},
	{
		name: "server-sent events with cookies", source: "HTML, EventSource",
		api:   "cors {page} {\n\tallow_credentials\n}\nheader Content-Type text/event-stream\nheader /set Set-Cookie \"events=e; Path=/\"\nrespond \"data: {http.request.cookie.events}\n\n\"",
		steps: []step{{url: "{api}/set", credentials: "include", want: "200 data:"}, {act: "events", credentials: "include", want: "event e"}},
	},
	{
		name: "an image is shown without CORS", source: "Fetch, request mode", page: "{page 2}",
		api:     cacheable("cors {page}"),
		steps:   []step{{act: "image", want: "shown"}},
		arrives: []string{"GET api/ | Origin:"},
	},
	{
		name: "an image with crossorigin", source: "HTML, CORS settings attributes",
		api:   cacheable("cors {page}"),
		steps: []step{{act: "image", crossOrigin: "anonymous", want: "shown"}},
	},
	{
		name: "an image with crossorigin, and a page that may not", source: "HTML, CORS settings attributes", page: "{page 2}",
		api:   cacheable("cors {page}"),
		steps: []step{{act: "image", crossOrigin: "anonymous", want: "blocked"}},
	},
	{
		name: "an image with crossorigin=use-credentials", source: "HTML, CORS settings attributes",
		api:   cacheable("cors /open {page} {\n\tallow_credentials\n}\ncors {page}"),
		steps: []step{{act: "image", crossOrigin: "use-credentials", want: "blocked"}, {url: "{api}/open", act: "image", crossOrigin: "use-credentials", want: "shown"}},
	},
	{
		name: "an image under enforce: only its Origin can tell", source: "README", page: "{page 2}",
		api:     cacheable("cors {page} {\n\tenforce\n}"),
		steps:   []step{{act: "image", want: "shown"}, {url: "{api}/2", act: "image", crossOrigin: "anonymous", want: "blocked"}},
		arrives: []string{"GET api/ | Status: 200 | Origin:", "GET api/2 | Status: 403 | Origin: {page 2}"},
	},
	{
		name: "a module of another origin", source: "HTML, fetch a single module script",
		api:   "cors {page}\nheader Content-Type text/javascript\nrespond \"export const text = 'hello'\"",
		steps: []step{{act: "module", want: "module hello"}},
	},
	{
		name: "a module of another origin, and a page that may not", source: "HTML, fetch a single module script", page: "{page 2}",
		api:   "cors {page}\nheader Content-Type text/javascript\nrespond \"export const text = 'hello'\"",
		steps: []step{{act: "module", want: "blocked"}},
	},
	{
		name: "a form's POST arrives: CORS is no guard against it", source: "HTML, form submission", page: "{page 2}",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{act: "form", want: "sent"}},
		arrives: []string{"POST api/ | Status: 200 | Origin: {page 2}"},
	},
	{
		name: "a form's POST is refused by enforce", source: "README", page: "{page 2}",
		api:     "cors {page} {\n\tenforce\n}\nrespond hello",
		steps:   []step{{act: "form", want: "sent"}},
		arrives: []string{"POST api/ | Status: 403 | Origin: {page 2}"},
	},
	{
		name: "a no-cors POST is refused by enforce, and a no-cors GET is not", source: "README", page: "{page 2}",
		api:     "cors {page} {\n\tenforce\n}\nrespond hello",
		steps:   []step{{mode: "no-cors", method: "POST", body: "a", want: "opaque"}, {mode: "no-cors", want: "opaque"}},
		arrives: []string{"POST api/ | Status: 403 | Origin: {page 2}", "GET api/ | Status: 200 | Origin:"},
	},
	{
		name: "mode same-origin asks no other origin", source: "Fetch, main fetch, step 12",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{mode: "same-origin", want: "blocked"}},
		arrives: []string{},
	},
}

// secureScenarios are about HTTP/2 and TLS, with certificates of Caddy's own authority.
var secureScenarios = []scenario{
	{
		name: "over HTTP/2", source: "RFC 9113", page: "{secure page}",
		api: "cors {secure page}\nrespond hello",
		steps: []step{
			{want: "200 hello"},
			{method: "PUT", headers: []string{"X-One: 1"}, body: "a", want: "200 hello"},
		},
		arrives: []string{"GET api/ | Protocol: HTTP/2.0 | Origin: {secure page}", "OPTIONS api/ | Protocol: HTTP/2.0", "PUT api/ | Protocol: HTTP/2.0"},
	},
	{
		name: "over HTTP/2, a preflight is remembered", source: "Fetch, CORS-preflight cache", page: "{secure page}", cached: true,
		api:     "cors {secure page}\nrespond hello",
		steps:   []step{{method: "PUT", want: "200 hello"}, {method: "DELETE", want: "200 hello"}},
		arrives: []string{"OPTIONS api/ | Protocol: HTTP/2.0", "PUT api/", "DELETE api/"},
	},
	{
		name: "over HTTP/2, a page that may not", source: "Fetch, CORS check, step 2", page: "{secure page}",
		api:   "cors {page}\nrespond hello",
		steps: []step{{want: "blocked"}, {method: "PUT", want: "blocked"}},
	},
	{
		name: "over HTTP/2, with cookies", source: "Fetch, CORS check", page: "{secure page}",
		api: "cors {secure page} {\n\tallow_credentials\n}\nheader /set Set-Cookie \"secure=s; Path=/; Secure; HttpOnly\"\nrespond \"{http.request.cookie.secure}\"",
		steps: []step{
			{url: "{api}/set", credentials: "include", want: "200"},
			{credentials: "include", want: "200 s"},
			{method: "DELETE", credentials: "include", want: "200 s"},
		},
	},
	{
		name: "over HTTP/2, the page's own origin", source: "Fetch, main fetch, step 12", page: "{secure page}",
		own:     "cors none {\n\tenforce\n}\nrespond hello",
		steps:   []step{{url: "{own}/", want: "200 hello"}, {url: "{own}/", method: "POST", body: "a", want: "200 hello"}},
		arrives: []string{"GET own/ | Sec-Fetch-Site: same-origin", "POST own/ | Sec-Fetch-Site: same-origin"},
	},
	{
		name: "a page over HTTP asks an API over TLS", source: "Fetch, CORS check",
		api:   "cors {page}\nrespond hello",
		steps: []step{{url: "{secure api}/", want: "200 hello"}, {url: "{secure api}/", method: "PUT", want: "200 hello"}},
	},
	{
		name: "a redirect to TLS", source: "Fetch, HTTP-redirect fetch",
		api:   "cors *\n@plain protocol http\nredir @plain {secure api}/ 308\nrespond {method}",
		steps: []step{{want: "200 GET"}, {method: "PUT", want: "200 PUT"}},
	},
	{
		name: "a redirect to TLS ahead of cors fails preflights", source: "Fetch, CORS-preflight fetch, step 7",
		api:     "route {\n\t@plain protocol http\n\tredir @plain {secure api}/ 308\n\tcors *\n\trespond {method}\n}",
		steps:   []step{{method: "PUT", want: "blocked"}},
		arrives: []string{"OPTIONS api/"},
	},
}

// allScenarios are all of them, by what they are about.
var allScenarios = []struct {
	title     string
	scenarios []scenario
}{
	{"What guides begin with", scenes},
	{"Who asks", originScenarios},
	{"Whether a preflight is needed", needScenarios},
	{"The answer to a preflight", preflightScenarios},
	{"What a script sees", responseScenarios},
	{"Cookies", credentialScenarios},
	{"Redirects", redirectScenarios},
	{"What browsers remember", cacheScenarios},
	{"What is not fetch()", elsewhereScenarios},
	{"HTTP/2 and TLS", secureScenarios},
}
