//go:build linux

package e2e

// originScenarios are about who asks.
var originScenarios = []scenario{
	{
		name: "another port is another origin", source: "HTML, same origin", page: "{page 2}",
		api:   "cors {page}\nrespond hello",
		steps: []step{{want: "blocked"}},
	},
	{
		name: "any port", source: "docs/origins.md", page: "{page 2}",
		api:   "cors http://localhost:*\nrespond hello",
		steps: []step{{want: "200 hello"}, {method: "PUT", want: "200 hello"}},
	},
	{
		name: "any port, and another host", source: "docs/origins.md", page: "{app}",
		api:   "cors http://localhost:*\nrespond hello",
		steps: []step{{want: "blocked"}},
	},
	{
		name: "a subdomain", source: "docs/origins.md", page: "{app}",
		api:   "cors https://*.example.com:*\nrespond hello",
		steps: []step{{want: "200 hello"}, {method: "PUT", want: "200 hello"}},
	},
	{
		name: "part of a label", source: "docs/origins.md", page: "{admin}",
		api:   "cors https://adm*.example.com:*\nrespond hello",
		steps: []step{{want: "200 hello"}},
	},
	{
		name: "a subdomain pattern does not have the domain itself", source: "docs/origins.md",
		api:   "cors http://*.localhost:*\nrespond hello",
		steps: []step{{want: "blocked"}},
	},
	{
		name: "a regular expression", source: "docs/origins.md", page: "{app}",
		api:   "cors {\n\tallow_origin_regex https://(app|admin)\\.example\\.com:[0-9]+\n}\nrespond hello",
		steps: []step{{want: "200 hello"}},
	},
	{
		name: "another scheme is another origin", source: "HTML, same origin", page: "{secure page}",
		api:   "cors http://localhost:*\nrespond hello",
		steps: []step{{want: "blocked"}},
	},
	{
		name: "every origin", source: "Fetch, CORS check, step 3", page: "{app}",
		api:   "cors *\nrespond hello",
		steps: []step{{want: "200 hello"}, {method: "PUT", headers: []string{"Authorization: Bearer x"}, want: "200 hello"}},
	},
	{
		name: "no origin", source: "docs/origins.md",
		api:     "cors none\nrespond hello",
		steps:   []step{{want: "blocked"}, {method: "PUT", want: "blocked"}},
		arrives: []string{"GET api/", "OPTIONS api/"},
	},
	{
		name: "the first policy that has the origin decides", source: "README",
		api: "cors {\n\tpolicy own {\n\t\tallow_origins {page}\n\t\tallow_methods GET\n\t}\n\tpolicy others {\n\t\tallow_origins http://localhost:*\n\t}\n}\nrespond hello",
		steps: []step{
			{want: "200 hello"},
			{method: "PUT", want: "blocked"},
		},
	},
	{
		name: "a second policy for other origins", source: "README", page: "{page 2}",
		api: "cors {\n\tpolicy own {\n\t\tallow_origins {page}\n\t\tallow_methods GET\n\t}\n\tpolicy others {\n\t\tallow_origins http://localhost:*\n\t}\n}\nrespond hello",
		steps: []step{
			{want: "200 hello"},
			{method: "PUT", want: "200 hello"},
		},
	},
	{
		name: "part of a site is public", source: "README", page: "{app}",
		api:   "cors /public/* *\ncors {page}\nrespond hello",
		steps: []step{{url: "{api}/public/a", want: "200 hello"}, {url: "{api}/private", want: "blocked"}},
	},
	{
		name: "a page asks its own origin, which allows others only", source: "Fetch, main fetch, step 12",
		own:     "cors https://www.example.com {\n\tenforce\n}\nrespond hello",
		steps:   []step{{url: "{own}/", want: "200 hello"}, {url: "{own}/", method: "POST", want: "200 hello"}, {url: "{own}/", method: "PUT", want: "200 hello"}},
		arrives: []string{"GET own/", "POST own/ | Origin: {page}", "PUT own/ | Origin: {page}"},
	},
	{
		name: "a sandboxed frame has the origin null", source: "HTML, sandboxed origin browsing context flag",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{place: "sandbox", want: "blocked"}},
		arrives: []string{"GET api/ | Origin: null"},
	},
	{
		name: "null_origin lets a sandboxed frame in", source: "docs/origins.md",
		api:     "cors {page} null {\n\tdangerously_allow null_origin\n}\nrespond hello",
		steps:   []step{{place: "sandbox", want: "200 hello"}, {place: "sandbox", method: "PUT", want: "200 hello"}, {want: "200 hello"}},
		arrives: []string{"GET api/ | Origin: null", "OPTIONS api/ | Origin: null", "PUT api/ | Origin: null", "GET api/ | Origin: {page}"},
	},
	{
		name: "a star lets a sandboxed frame in", source: "Fetch, CORS check, step 3",
		api:   "cors *\nrespond hello",
		steps: []step{{place: "sandbox", want: "200 hello"}, {place: "sandbox", method: "PUT", want: "200 hello"}},
	},
	{
		name: "enforced, a sandboxed frame is refused", source: "README",
		api:     "cors {page} {\n\tenforce\n}\nreverse_proxy {backend}",
		steps:   []step{{place: "sandbox", mode: "no-cors", want: "opaque"}, {place: "sandbox", want: "blocked"}, {want: "200 backend"}},
		arrives: []string{"GET api/ | Status: 200 | Origin:", "GET api/ | Status: 403 | Origin: null", "GET api/ | Status: 200 | Origin: {page}"},
	},
	{
		name: "a data: frame has the origin null", source: "WPT, fetch/api/cors/data-url-iframe.html",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{place: "data", want: "blocked"}},
		arrives: []string{"GET api/ | Origin: null"},
	},
	{
		name: "a srcdoc frame has the page's origin", source: "HTML, determining the origin",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{place: "srcdoc", want: "200 hello"}},
		arrives: []string{"GET api/ | Origin: {page}"},
	},
	{
		name: "a blob: frame has the page's origin", source: "URL, origin, \"blob\"",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{place: "blob", want: "200 hello"}},
		arrives: []string{"GET api/ | Origin: {page}"},
	},
	{
		name: "a worker has the page's origin", source: "HTML, run a worker",
		api:     "cors {page}\nrespond hello",
		steps:   []step{{place: "worker", want: "200 hello"}, {place: "worker", method: "DELETE", want: "200 hello"}},
		arrives: []string{"GET api/ | Origin: {page}", "OPTIONS api/", "DELETE api/"},
	},
	{
		name: "two Allow-Origin are refused, even if they are equal", source: "WPT, fetch/api/cors/cors-multiple-origins.sub.any.js",
		api:   "header Access-Control-Allow-Origin {page}\nheader +Access-Control-Allow-Origin {page}\nrespond hello",
		steps: []step{{want: "blocked"}},
	},
	{
		name: "a backend's own Allow-Origin is replaced", source: "README",
		api:   "cors {page}\nreverse_proxy {backend}",
		steps: []step{{want: "200 backend"}},
	},
	{
		name: "a backend's own Allow-Origin is removed for strangers", source: "README", page: "{page 2}",
		api:   "cors {page}\nreverse_proxy {backend}",
		steps: []step{{want: "blocked"}},
	},
	{
		name: "upstream_headers keep", source: "docs/behind-a-backend.md", page: "{page 2}",
		api:   "cors {page} {\n\tupstream_headers keep\n}\nreverse_proxy {backend}",
		steps: []step{{want: "200 backend"}},
	},
	{
		name: "a header beside the backend's makes two", source: "Fetch, CORS check, step 4",
		api:   "header Access-Control-Allow-Origin *\nreverse_proxy {backend}",
		steps: []step{{want: "blocked"}},
	},
	{
		name: "report_only grants nothing", source: "README",
		api:   "cors {page} {\n\treport_only\n}\nrespond hello",
		steps: []step{{want: "blocked"}},
	},
	{
		name: "report_only takes nothing", source: "README", page: "{page 2}",
		api:   "cors {page} {\n\treport_only\n}\nreverse_proxy {backend}",
		steps: []step{{want: "200 backend"}},
	},
}
