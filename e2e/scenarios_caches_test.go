//go:build linux

package e2e

import "github.com/seed-9442523e/caddy-cors/internal/fetch"

// kept is what arrives where a preflight stays remembered.
var kept = []string{"OPTIONS api/", "PUT api/", "PUT api/", "PUT api/"}

// cacheScenarios are about what browsers remember: answers to preflights, by which they
// come once, and responses, which have to be right for whoever gets them later.
var cacheScenarios = []scenario{
	{
		name: "a preflight is remembered", source: "Fetch, CORS-preflight cache; WPT, cors/preflight-cache.htm", cached: true,
		api:     "cors {page}\nrespond hello",
		steps:   []step{{method: "PUT", want: "200 hello"}, {method: "PUT", want: "200 hello"}},
		arrives: []string{"OPTIONS api/", "PUT api/", "PUT api/"},
	},
	{
		name: "one preflight is enough for all methods, as all are in the answer", source: "Fetch, CORS-preflight cache, method cache entry match", cached: true,
		api: "cors {page}\nrespond hello",
		steps: []step{
			{method: "PUT", want: "200 hello"},
			{method: "DELETE", want: "200 hello"},
			{method: "PATCH", want: "200 hello"},
		},
		arrives: []string{"OPTIONS api/", "PUT api/", "DELETE api/", "PATCH api/"},
	},
	{
		name: "one preflight is enough for all headers, as all are in the answer", source: "Fetch, CORS-preflight cache, header-name cache entry match", cached: true,
		api: allowing("allow_headers X-One X-Two"),
		steps: []step{
			{headers: []string{"X-One: 1"}, want: "200 hello"},
			{headers: []string{"X-Two: 2"}, want: "200 hello"},
		},
		arrives: []string{"OPTIONS api/", "GET api/", "GET api/"},
	},
	{
		name: "one preflight is enough for all headers by default, as a star is in the answer", source: "Fetch, CORS-preflight cache, header-name cache entry match", cached: true,
		api: "cors {page}\nrespond hello",
		steps: []step{
			{headers: []string{"X-One: 1"}, want: "200 hello"},
			{headers: []string{"X-Two: 2"}, want: "200 hello"},
			{headers: []string{"X-One: 1"}, want: "200 hello"},
		},
		arrives: []string{"OPTIONS api/", "GET api/", "GET api/", "GET api/"},
		differ:  map[fetch.Engine]difference{fetch.Firefox: {arrives: []string{"OPTIONS api/", "GET api/", "OPTIONS api/", "GET api/", "OPTIONS api/", "GET api/"}}},
		note:    "A `*` is not remembered: each request with a header of its own has its preflight, unless `allow_headers` names the header.",
	},
	{
		name: "each URL has a preflight of its own", source: "Fetch, CORS-preflight cache, cache entry match", cached: true,
		api:     "cors {page}\nrespond hello",
		steps:   []step{{url: "{api}/1", method: "PUT", want: "200 hello"}, {url: "{api}/2", method: "PUT", want: "200 hello"}},
		arrives: []string{"OPTIONS api/1", "PUT api/1", "OPTIONS api/2", "PUT api/2"},
	},
	{
		name: "a preflight without cookies does not count with cookies", source: "Fetch, CORS-preflight cache, cache entry match", cached: true,
		api: "cors {page} {\n\tallow_credentials\n}\nrespond hello",
		steps: []step{
			{method: "PUT", want: "200 hello"},
			{method: "PUT", credentials: "include", want: "200 hello"},
			{method: "PUT", credentials: "include", want: "200 hello"},
		},
		arrives: []string{"OPTIONS api/", "PUT api/", "OPTIONS api/", "PUT api/", "PUT api/"},
	},
	{
		name: "max_age off", source: "Fetch, CORS-preflight fetch, step 7; WPT, fetch/api/cors/cors-preflight-cache.any.js", cached: true,
		api:     allowing("max_age off"),
		steps:   []step{{method: "PUT", want: "200 hello"}, {method: "PUT", want: "200 hello"}},
		arrives: []string{"OPTIONS api/", "PUT api/", "OPTIONS api/", "PUT api/"},
	},
	{
		name: "max_age 1s, and later", source: "Fetch, CORS-preflight cache; WPT, cors/preflight-cache.htm", cached: true,
		api:     allowing("max_age 1s"),
		steps:   []step{{method: "PUT", want: "200 hello"}, {act: "pause", pause: 2100}, {method: "PUT", want: "200 hello"}},
		arrives: []string{"OPTIONS api/", "PUT api/", "OPTIONS api/", "PUT api/"},
	},
	{
		// Later than the 5 s for which an answer without Max-Age is remembered.
		name: "max_age 1h, and later", source: "Fetch, CORS-preflight cache", cached: true,
		api:     allowing("max_age 1h"),
		steps:   []step{{method: "PUT", want: "200 hello"}, {act: "pause", pause: 5500}, {method: "PUT", want: "200 hello"}},
		arrives: []string{"OPTIONS api/", "PUT api/", "PUT api/"},
	},
	{
		name: "a preflight that failed is not remembered", source: "Fetch, CORS-preflight fetch", cached: true,
		api:     allowing("allow_methods GET"),
		steps:   []step{{method: "PUT", want: "blocked"}, {method: "PUT", want: "blocked"}},
		arrives: []string{"OPTIONS api/", "OPTIONS api/"},
	},
	{
		name: "what fails after its preflight is asked for again", source: "Fetch, main fetch, step 12, \"clear cache entries\"", cached: true,
		api: "header Access-Control-Allow-Origin {page}\nheader Access-Control-Allow-Methods PUT\nheader Access-Control-Allow-Headers X-Fail\nheader Access-Control-Max-Age 60\n" +
			"@fail header X-Fail *\nheader @fail -Access-Control-Allow-Origin\nrespond hello",
		steps:   []step{{method: "PUT", want: "200 hello"}, {method: "PUT", headers: []string{"X-Fail: 1"}, want: "blocked"}, {method: "PUT", want: "200 hello"}},
		arrives: []string{"OPTIONS api/", "PUT api/", "PUT api/", "OPTIONS api/", "PUT api/"},
		differ:  map[fetch.Engine]difference{fetch.Chromium: {arrives: kept}, fetch.WebKit: {arrives: kept}},
		note:    "A preflight is remembered even after the request itself was blocked. By the standard, it is asked for again.",
	},
	{
		name: "an image, then a fetch: Vary keeps them apart", source: "Fetch, CORS protocol and HTTP caches", cached: true,
		api:     cacheable("cors {page} {\n\tallow_credentials\n}"),
		steps:   []step{{act: "image", want: "shown"}, {credentials: "include", want: "200 " + svg}},
		arrives: []string{"GET api/ | Origin:", "GET api/ | Origin: {page}"},
	},
	{
		name: "an image, then a fetch, and a snippet without Vary: the trap", source: "Fetch, CORS protocol and HTTP caches", cached: true,
		api:     cacheable("@cors header Origin {page}\nheader @cors Access-Control-Allow-Origin {page}\nheader @cors Access-Control-Allow-Credentials true"),
		steps:   []step{{act: "image", want: "shown"}, {credentials: "include", want: "blocked"}},
		arrives: []string{"GET api/ | Origin:"},
	},
	{
		name: "the trap without cookies", source: "Fetch, CORS protocol and HTTP caches", cached: true,
		api:     cacheable("@cors header Origin {page}\nheader @cors Access-Control-Allow-Origin {page}"),
		steps:   []step{{act: "image", want: "shown"}, {want: "blocked"}},
		arrives: []string{"GET api/ | Origin:"},
		differ:  map[fetch.Engine]difference{fetch.Firefox: {[]string{"shown", "200 " + svg}, []string{"GET api/ | Origin:", "GET api/ | Origin: {page}"}}},
		note:    "Responses with cookies and without are kept apart: a page may get by without `Vary` here, and fail elsewhere.",
	},
	{
		name: "an image, then a fetch of what is public", source: "Fetch, CORS protocol and HTTP caches", cached: true,
		api:     cacheable("cors *"),
		steps:   []step{{act: "image", want: "shown"}, {want: "200 " + svg}},
		arrives: []string{"GET api/ | Origin:"},
		differ:  map[fetch.Engine]difference{fetch.Firefox: {arrives: []string{"GET api/ | Origin:", "GET api/ | Origin: {page}"}}},
		note:    "Responses with cookies and without are kept apart: what an image has loaded is loaded again by a fetch without cookies, even if it is public.",
	},
	{
		name: "two origins of a site, one after another", source: "Fetch, CORS protocol and HTTP caches", cached: true,
		api:   cacheable("cors {page} {page 2}"),
		steps: []step{{want: "200 " + svg}, {place: "{page 2}", want: "200 " + svg}, {want: "200 " + svg}},
	},
	{
		name: "a denied answer is not kept for those who may", source: "Fetch, CORS protocol and HTTP caches", cached: true,
		api:   cacheable("cors {page}"),
		steps: []step{{place: "{page 2}", want: "blocked"}, {want: "200 " + svg}},
	},
}

const svg = `<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>`

// cacheable is a site of an image that browsers keep.
func cacheable(cors string) string {
	return cors + "\nheader Cache-Control max-age=600\nheader Content-Type image/svg+xml\nrespond \"" + svg + "\""
}
