//go:build linux

package e2e

import "testing"

// backends are the backends that TestBackends puts behind Caddy. Of each, the sites
// say what is seen without the module, and with other options than the usual ones.
func backends(t *testing.T) []backend {
	startExpress := express(t)
	const proxy, fastCGI = "reverse_proxy $B", "root $D\nphp_fastcgi $B"
	return []backend{
		{
			name: "Express, with the package cors", proxy: proxy, start: startExpress("package"),
			answers:  []answer{{"/", 200, "Origin, Accept-Language"}, {"/throw", 500, "Origin"}, {"/missing", 404, "Origin"}},
			stranger: []answer{{"/", 500, "Origin"}},
			sites: []site{
				{"it throws on an origin that it does not know", "$P", []exchange{
					{getFrom(newOrigin, "/"), 500, nil},
					{preflightFrom(newOrigin, "/"), 500, nil},
				}},
				{"a header makes two, and the error stays", "header Access-Control-Allow-Origin https://admin.example.com\n$P", []exchange{
					{getFrom(knownOrigin, "/"), 200, allow(newOrigin, allowCookies(knownOrigin, "Vary: Origin, Accept-Language")...)},
					{getFrom(newOrigin, "/"), 500, allow(newOrigin)},
					{preflightFrom(newOrigin, "/"), 500, allow(newOrigin)},
				}},
				{"with the module, the page can read the error", "cors https://app.example.com https://admin.example.com {\nallow_credentials\n}\n$P", []exchange{
					{getFrom(newOrigin, "/"), 500, allowCookies(newOrigin, "Vary: Origin")},
					{preflightFrom(newOrigin, "/"), 204, allowCookies(newOrigin, "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Allow-Headers: x-any", "Max-Age: 600", "Vary: Origin, Access-Control-Request-Headers")},
				}},
				{"with the module, and a backend that is not told the origin", "cors https://app.example.com https://admin.example.com\n$P {\nheader_up -Origin\n}", []exchange{
					{getFrom(newOrigin, "/"), 200, allow(newOrigin, "Vary: Origin, Accept-Language")},
					{getFrom(evilOrigin, "/"), 200, []string{"Vary: Origin, Accept-Language"}},
				}},
				{"with the module, and preflights passed on", "cors https://app.example.com https://admin.example.com {\nforward_preflights\nallow_methods GET PUT\nallow_headers X-Any\n}\n$P", []exchange{
					{preflightFrom(knownOrigin, "/"), 204, allow(knownOrigin, "Allow-Methods: GET, PUT", "Allow-Headers: X-Any", "Max-Age: 600", "Vary: Origin, Access-Control-Request-Headers")},
					{preflightFrom(newOrigin, "/"), 500, allow(newOrigin, "Allow-Methods: GET, PUT", "Allow-Headers: X-Any", "Max-Age: 600", "Vary: Origin")},
					{preflightFrom(evilOrigin, "/"), 500, []string{"Vary: Origin"}},
				}},
				{"with the module, and what the backend says kept", "cors https://app.example.com https://admin.example.com {\nupstream_headers keep\nforward_preflights\n}\n$P", []exchange{
					{getFrom(knownOrigin, "/"), 200, allowCookies(knownOrigin, "Vary: Origin, Accept-Language")},
					{getFrom(newOrigin, "/"), 500, allow(newOrigin, "Vary: Origin")},
					{getFrom(evilOrigin, "/"), 500, []string{"Vary: Origin"}},
					{preflightFrom(knownOrigin, "/"), 204, allowCookies(knownOrigin, "Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE", "Allow-Headers: x-any", "Vary: Origin, Access-Control-Request-Headers")},
				}},
			},
		},
		{
			name: "Express, with every origin sent back", proxy: proxy, start: startExpress("echo"),
			answers: []answer{{"/", 200, "Accept-Language, Origin"}, {"/throw", 500, "Origin"}, {"/missing", 404, "Origin"}},
			sites: []site{
				{"every origin may read, with cookies, and caches are not told", "$P", []exchange{
					{getFrom(evilOrigin, "/"), 200, allowCookies(evilOrigin, "Allow-Headers: X-Requested-With, Content-Type", "Vary: Accept-Language")},
					{preflightFrom(knownOrigin, "/"), 200, allowCookies(knownOrigin, "Allow-Headers: X-Requested-With, Content-Type")},
				}},
				{"a header makes two", headerSnippet, []exchange{
					{getFrom(knownOrigin, "/"), 200, allow(knownOrigin, allowCookies(knownOrigin, "Allow-Headers: X-Requested-With, Content-Type", "Vary: Accept-Language")...)},
					{getFrom(evilOrigin, "/throw"), 500, allow(knownOrigin, allowCookies(evilOrigin, "Allow-Headers: X-Requested-With, Content-Type")...)},
				}},
				{"with the module, and what the backend says kept, caches are told", "cors https://app.example.com {\nupstream_headers keep\n}\n$P", []exchange{
					{getFrom(evilOrigin, "/"), 200, allowCookies(evilOrigin, "Allow-Headers: X-Requested-With, Content-Type", "Vary: Accept-Language, Origin")},
					{preflightFrom(evilOrigin, "/"), 403, []string{"Vary: Origin"}},
				}},
			},
		},
		{
			name: "Express, with a star", proxy: proxy, start: startExpress("star"),
			answers: []answer{{"/", 200, "Accept-Language, Origin"}, {"/throw", 500, "Origin"}, {"/missing", 404, "Origin"}},
			sites: []site{
				{"a header makes two", "header Access-Control-Allow-Origin *\nheader Access-Control-Allow-Methods \"GET, PUT\"\n$P", []exchange{
					{getFrom(knownOrigin, "/"), 200, allow("*", "Allow-Origin: *", "Allow-Methods: GET, PUT", "Vary: Accept-Language")},
					{getFrom(knownOrigin, "/throw"), 500, allow("*", "Allow-Origin: *", "Allow-Methods: GET, PUT")},
					{preflightFrom(knownOrigin, "/"), 200, allow("*", "Allow-Origin: *", "Allow-Methods: GET, PUT")},
				}},
				{"with the module, for all", "cors *\n$P", []exchange{
					{getFrom(evilOrigin, "/"), 200, allow("*", "Vary: Accept-Language")},
					{getFrom(evilOrigin, "/throw"), 500, allow("*")},
					{"GET /missing", 404, allow("*")},
				}},
			},
		},
		php("PHP, its own server", proxy, startPHP),
		php("PHP, FastCGI over TCP", fastCGI, startFPM("tcp")),
		php("PHP, FastCGI over a Unix socket", fastCGI, startFPM("unix")),
		{
			name: "Django, with django-cors-headers", proxy: proxy, start: startDjango,
			answers: []answer{{"/", 200, "Accept-Language, Origin"}, {"/throw", 500, "Origin"}, {"/missing", 404, "Origin"}, {"/items", 301, "Origin"}},
			sites: []site{
				{"what is answered ahead of its middleware has no header", "$P", []exchange{
					{getFrom(knownOrigin, "/items"), 301, nil},
					{getFrom(newOrigin, "/throw"), 500, []string{"Allow-Credentials: true", "Vary: Origin"}},
					{preflightFrom(newOrigin, "/"), 200, []string{"Allow-Credentials: true", "Vary: Origin"}},
				}},
				{"a header makes two", headerSnippet, []exchange{
					{getFrom(knownOrigin, "/"), 200, allow(knownOrigin, allowCookies(knownOrigin, "Vary: Accept-Language, Origin")...)},
					{getFrom(knownOrigin, "/throw"), 500, allow(knownOrigin, allowCookies(knownOrigin, "Vary: Origin")...)},
					{getFrom(newOrigin, "/"), 200, allowCookies(knownOrigin, "Vary: Accept-Language, Origin")},
				}},
				{"with the module, and preflights passed on", "cors https://app.example.com https://admin.example.com {\nforward_preflights\nallow_methods GET PUT\nallow_headers X-Any\n}\n$P", []exchange{
					{preflightFrom(newOrigin, "/"), 200, allow(newOrigin, "Allow-Methods: GET, PUT", "Allow-Headers: X-Any", "Max-Age: 600", "Vary: Origin")},
					{preflightFrom(evilOrigin, "/"), 200, []string{"Vary: Origin"}},
				}},
				{"with the module, and what the backend says kept", "cors https://app.example.com https://admin.example.com {\nupstream_headers keep\n}\n$P", []exchange{
					{getFrom(knownOrigin, "/"), 200, allowCookies(knownOrigin, "Vary: Accept-Language, Origin")},
					{getFrom(newOrigin, "/"), 200, allow(newOrigin, "Vary: Accept-Language, Origin")},
				}},
			},
		},
		{
			name: "ASP.NET, with Application_BeginRequest", proxy: proxy, start: startASPNET,
			answers: []answer{{"/", 200, "Origin"}, {"/twice", 200, "Origin"}, {"/throw", 500, "Origin"}, {"/missing", 404, "Origin"}, {"/abort", 502, "Origin"}},
			sites: []site{
				{"two places add the same", "$P", []exchange{
					{getFrom(knownOrigin, "/twice"), 200, allow("*", "Allow-Origin: *")},
					{getFrom(evilOrigin, "/"), 200, allow("*")},
					{getFrom(knownOrigin, "/abort"), 502, nil},
				}},
				{"a header adds one more", headerSnippet, []exchange{
					{getFrom(knownOrigin, "/"), 200, allow(knownOrigin, "Allow-Origin: *")},
					{getFrom(knownOrigin, "/twice"), 200, allow(knownOrigin, "Allow-Origin: *", "Allow-Origin: *")},
					{preflightFrom(knownOrigin, "/"), 200, allow(knownOrigin, "Allow-Origin: *", "Allow-Methods: GET, POST, OPTIONS", "Allow-Headers: Content-Type, Accept", "Max-Age: 1728000")},
				}},
				{"with the module, for all", "cors *\n$P", []exchange{
					{getFrom(evilOrigin, "/twice"), 200, allow("*")},
					{getFrom(evilOrigin, "/throw"), 500, allow("*")},
					{"GET /", 200, allow("*")},
				}},
				{"with the module, and preflights passed on", "cors https://app.example.com {\nforward_preflights\nallow_methods GET PUT\nallow_headers X-Any\n}\n$P", []exchange{
					{preflightFrom(knownOrigin, "/twice"), 200, allow(knownOrigin, "Allow-Methods: GET, PUT", "Allow-Headers: X-Any", "Max-Age: 600", "Vary: Origin")},
					{preflightFrom(evilOrigin, "/twice"), 200, []string{"Vary: Origin"}},
				}},
			},
		},
	}
}

// php is PHP with header(), which does the same however Caddy reaches it.
func php(name, proxy string, start func(*testing.T) string) backend {
	return backend{
		name: name, proxy: proxy, start: start,
		answers: []answer{{"/", 200, "Accept-Language, Origin"}, {"/star.php", 200, "Origin"}, {"/star.php?throw", 500, "Origin"}, {"/star.php?missing", 404, "Origin"}},
		sites: []site{
			{"every origin may read, with cookies, and caches are not told", "$P", []exchange{
				{getFrom(evilOrigin, "/"), 200, allowCookies(evilOrigin, "Max-Age: 86400", "Vary: Accept-Language")},
				{preflightFrom(evilOrigin, "/"), 200, allowCookies(evilOrigin, "Allow-Methods: GET, POST, OPTIONS", "Allow-Headers: x-any", "Max-Age: 86400")},
				{preflightFrom(knownOrigin, "/star.php"), 405, allow("*")},
			}},
			{"a header makes two", headerSnippet, []exchange{
				{getFrom(knownOrigin, "/"), 200, allow(knownOrigin, allowCookies(knownOrigin, "Max-Age: 86400", "Vary: Accept-Language")...)},
				{getFrom(knownOrigin, "/star.php?throw"), 500, allow(knownOrigin, "Allow-Origin: *")},
				{getFrom(knownOrigin, "/star.php?missing"), 404, allow(knownOrigin, "Allow-Origin: *")},
				{preflightFrom(knownOrigin, "/star.php"), 405, allow(knownOrigin, "Allow-Origin: *")},
			}},
			{"with the module, and preflights passed on", "cors https://app.example.com {\nforward_preflights\nallow_methods GET PUT\nallow_headers X-Any\n}\n$P", []exchange{
				{preflightFrom(knownOrigin, "/"), 200, allow(knownOrigin, "Allow-Methods: GET, PUT", "Allow-Headers: X-Any", "Max-Age: 600", "Vary: Origin")},
				{preflightFrom(knownOrigin, "/star.php"), 405, allow(knownOrigin, "Allow-Methods: GET, PUT", "Allow-Headers: X-Any", "Max-Age: 600", "Vary: Origin")},
				{preflightFrom(evilOrigin, "/"), 200, []string{"Vary: Origin"}},
			}},
			{"with the module, and what the backend says kept", "cors https://app.example.com {\nupstream_headers keep\n}\n$P", []exchange{
				{getFrom(evilOrigin, "/star.php"), 200, allow("*", "Vary: Origin")},
				{"GET /", 200, []string{"Vary: Accept-Language, Origin"}},
			}},
		},
	}
}
