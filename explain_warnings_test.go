package caddycors

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// warningsOf returns what explain warns of beside a Caddyfile, as lines of code and text.
func warningsOf(t *testing.T, caddyfile, url string) (lines []string) {
	t.Helper()
	t.Chdir(t.TempDir())
	writeFile(t, "Caddyfile", caddyfile)
	p, err := newPageRequest(pageFlags{origin: "https://app.example.com", method: "GET"}, url)
	if err != nil {
		t.Fatal(err)
	}
	result, err := explainConfig("", "", p, false)
	if err != nil {
		t.Fatalf("%s\n%v", caddyfile, err)
	}
	for _, w := range result.Warnings {
		lines = append(lines, w.Code+": "+w.Text)
	}
	return lines
}

// explainWarnings are configs that explain warns of, and ones like them that it does not.
var explainWarnings = []struct {
	code    string // or "" for configs that have no warning
	site    string
	text    string
	without []string // sites that have no warning
}{
	{
		code: "authentication_first",
		site: basicAuth + "\nhandle {\ncors https://app.example.com\nrespond hi\n}",
		text: "basic_auth (Caddyfile:2) comes before the cors of Caddyfile:6: it stops preflights, and its own answers have no CORS headers; at the level of the site, cors comes first",
		without: []string{
			basicAuth + "\ncors https://app.example.com\nhandle {\nrespond hi\n}",
			basicAuth + "\ncors https://app.example.com\nhandle {\ncors /elsewhere https://app.example.com\nrespond hi\n}",
		},
	},
	{
		code:    "authentication_first",
		site:    "forward_auth localhost:9001 {\nuri /\n}\nroute {\ncors https://app.example.com\n}",
		text:    "forward_auth (Caddyfile:2) comes before the cors of Caddyfile:6: it stops preflights, and its own answers have no CORS headers; at the level of the site, cors comes first",
		without: []string{"forward_auth /elsewhere localhost:9001 {\nuri /\n}\nroute {\ncors https://app.example.com\n}"},
	},
	{
		code:    "preflights_left_out",
		site:    "@get method GET\ncors @get https://app.example.com\nrespond hi",
		text:    "preflights do not get to the cors of Caddyfile:3, as a matcher leaves them out (method); cors has to match OPTIONS, too",
		without: []string{"@get method GET OPTIONS\ncors @get https://app.example.com\nrespond hi"},
	},
	{
		code:    "preflights_left_out",
		site:    "route {\n@options method OPTIONS\nrespond @options 204\ncors https://app.example.com\n}",
		text:    "preflights do not get to the cors of Caddyfile:5; cors has to match OPTIONS, too",
		without: []string{"route {\ncors https://app.example.com\n@options method OPTIONS\nrespond @options 204\n}"},
	},
	{
		code:    "origin_matcher",
		site:    "@app header Origin https://app.example.com\ncors @app https://app.example.com\nrespond hi",
		text:    "a matcher ahead of the cors of Caddyfile:3 looks at Origin: responses to all others lack their Vary; let cors tell the origins apart",
		without: []string{"@app header X-App *\ncors https://app.example.com\nrespond @app hi", "@evil header Origin https://evil.example\nabort @evil\ncors https://app.example.com\nrespond hi"},
	},
	{
		code: "origin_matcher",
		site: "@app header_regexp origin example\nhandle @app {\ncors https://app.example.com\n}",
		text: "a matcher ahead of the cors of Caddyfile:4 looks at Origin: responses to all others lack their Vary; let cors tell the origins apart",
	},
	{
		code: "origin_matcher",
		site: "@app not cors_origin https://evil.example\ncors @app https://app.example.com\nrespond hi",
		text: "a matcher ahead of the cors of Caddyfile:3 looks at Origin: responses to all others lack their Vary; let cors tell the origins apart",
	},
	{
		code:    "redirect",
		site:    "cors https://app.example.com\nredir https://new.example.com{uri}",
		text:    "redir (Caddyfile:3) redirects (status 302): the page gets to read the response if the other URL allows it as well",
		without: []string{"cors https://app.example.com\nredir /elsewhere https://new.example.com{uri}"},
	},
	{
		code: "never_decides",
		site: "cors https://app.example.com\nhandle {\ncors https://other.example\n}",
		text: "the cors of Caddyfile:4 never decides here, as that of Caddyfile:2 comes first and has no matcher of its own",
		without: []string{
			"cors /* https://app.example.com\ncors https://other.example",
			"cors https://app.example.com\nhandle {\ncors https://other.example {\nreport_only\n}\n}",
			"cors https://app.example.com {\nreport_only\n}\nhandle {\ncors https://other.example\n}",
		},
	},
	{
		code:    "header_without_effect",
		site:    "cors https://app.example.com\nheader {\nX-Frame-Options deny\nAccess-Control-Allow-Origin *\nAccess-Control-Max-Age 60\n}\nrespond hi",
		text:    "what header (Caddyfile:5) does to Access-Control-Allow-Origin, Access-Control-Max-Age has no effect here, as cors writes its own",
		without: []string{"cors https://app.example.com\nheader X-Frame-Options deny\nrequest_header Access-Control-Allow-Origin *\nrespond hi", "header Access-Control-Allow-Origin *"},
	},
	{
		code: "header_without_effect",
		site: "cors https://app.example.com\nreverse_proxy localhost:9000 {\nheader_down -access-control-allow-origin\n}",
		text: "what reverse_proxy (Caddyfile:4) does to Access-Control-Allow-Origin has no effect here, as cors writes its own",
		without: []string{
			"cors https://app.example.com\nreverse_proxy localhost:9000 {\nheader_up Access-Control-Allow-Origin *\nheader_down X-Frame-Options deny\n}",
			"cors https://app.example.com {\nupstream_headers keep\n}\nreverse_proxy localhost:9000 {\nheader_down -Access-Control-Allow-Origin\n}",
		},
	},
	{
		code:    "header_overrides",
		site:    "route {\nheader >Access-Control-Allow-Origin *\ncors https://app.example.com\n}",
		text:    "what header (Caddyfile:3) does to Access-Control-Allow-Origin comes on top of what cors writes, as it is deferred and around cors; take it out",
		without: []string{"route {\nheader >X-Frame-Options deny\ncors https://app.example.com\n}"},
	},
	{
		code: "error_route",
		site: "cors https://app.example.com\nrespond hi\nhandle_errors {\nheader Access-Control-Allow-Origin *\nrespond no\n}",
		text: "an error route (apps/http/servers/srv0/errors/routes/0) sets Access-Control-Allow-Origin, which comes on top of what cors writes, or in its place; take it out",
		without: []string{
			"cors https://app.example.com\nrespond hi\nhandle_errors {\ncors https://app.example.com\nheader Access-Control-Allow-Origin *\nrespond no\n}",
			"cors https://app.example.com\nrespond hi\nhandle_errors {\nrespond no\n}\n}\nother.example.com {\nhandle_errors {\nheader Access-Control-Allow-Origin *\nrespond no\n}",
		},
	},
	{
		code:    "client_address",
		site:    "@inside remote_ip private_ranges\nabort @inside\ncors @inside https://app.example.com\ncors https://app.example.com",
		text:    "a matcher looks at the client's address, which is taken to be 192.0.2.1",
		without: []string{"@inside not client_ip private_ranges\ncors https://app.example.com\nrespond @inside no"},
	},
	{
		code:    "unknown_handler",
		site:    "route {\ntest_next\ncors https://app.example.com\n}",
		text:    "test_next (apps/http/servers/srv0/routes/0/handle/0/routes/0/handle/0/routes/0/handle/0) is not a handler of Caddy itself; it is taken to pass the request on as it is",
		without: []string{"route {\ncors https://app.example.com\ntest_next\n}"},
	},
	{
		code:    "file_server",
		site:    "route {\nfile_server {\npass_thru\n}\ncors https://app.example.com\n}",
		text:    "file_server (Caddyfile:3) passes on what it has no file for, which is taken to be so",
		without: []string{"route {\ncors https://app.example.com\nfile_server {\npass_thru\n}\n}"},
	},
}

// TestExplainWarnings shows each warning on a config that has it, and not on ones like
// it.
func TestExplainWarnings(t *testing.T) {
	next = nil // test_next is loaded by no explanation
	site := func(text string) string { return "api.example.com {\n" + text + "\n}\n" }
	for _, test := range explainWarnings {
		t.Run(test.code, func(t *testing.T) {
			const url = "https://api.example.com/items"
			if got, want := warningsOf(t, site(test.site), url), test.code+": "+test.text; !slices.Equal(got, []string{want}) {
				t.Errorf("%s\n\ngot\n%s\nwant\n%s", test.site, strings.Join(got, "\n"), want)
			}
			for _, without := range test.without {
				if got := warningsOf(t, site(without), url); len(got) > 0 {
					t.Errorf("%s\n\ngot\n%s", without, strings.Join(got, "\n"))
				}
			}
		})
	}
	t.Run("mixed_content", func(t *testing.T) {
		const plain = "cors https://app.example.com\n}\nhttp://localhost, http://127.0.0.1 {\ncors https://app.example.com"
		want := []string{"mixed_content: browsers let no https:// page call an http:// URL; let the page call https://"}
		if got := warningsOf(t, "http://"+site(plain), "http://api.example.com/"); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		for _, url := range []string{"http://localhost/", "http://127.0.0.1/"} {
			if got := warningsOf(t, "http://"+site(plain), url); len(got) > 0 {
				t.Errorf("%s: got %q", url, got)
			}
		}
	})
	t.Run("several_servers", func(t *testing.T) {
		const other = "\n}\nother.example.com {\nbind 127.0.0.2\ncors https://app.example.com"
		got := warningsOf(t, site("bind 127.0.0.1\ncors https://app.example.com"+other), "https://other.example.com/")
		if want := []string{"several_servers: other servers listen on this port as well, at other addresses: srv0"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		if got := warningsOf(t, site("cors https://app.example.com"+strings.Replace(other, "bind 127.0.0.2\n", "", 1)), "https://other.example.com/"); len(got) > 0 {
			t.Errorf("got %q", got)
		}
	})
}

// TestExplainKnowsWhichHeadersHaveNoEffect holds the warnings of headers against a Caddy
// that runs the config, and one that runs it without these headers.
func TestExplainKnowsWhichHeadersHaveNoEffect(t *testing.T) {
	const cors, none, without, overrides = "cors https://app.example.com\n", "", "header_without_effect", "header_overrides"
	const allow = "Access-Control-Allow-Origin https://evil.example"
	for _, test := range []struct{ site, header, code string }{
		{cors + "HEADER\nrespond hi", "header " + allow, without},
		{cors + "HEADER\nrespond hi", "header >" + allow, without},
		{cors + "HEADER\nrespond hi", "header ?" + allow, without},
		{cors + "HEADER\nrespond hi", "header +" + allow, without},
		{cors + "HEADER\nrespond hi", "header -Access-Control-Allow-Origin", without},
		{cors + "HEADER\nrespond hi", "header -Access-Control-*", without},
		{cors + "HEADER\nrespond hi", "header Access-Control-Allow-Origin app evil", without},
		{cors + "HEADER\nrespond hi", "header {\n" + allow + "\ndefer\n}", without},
		{cors + "HEADER\nrespond hi", "header Access-Control-Expose-Headers X-Total", without},
		{cors + "handle {\nHEADER\nrespond hi\n}", "header " + allow, without},
		{cors + "reverse_proxy $B {\nHEADER\n}", "header_down " + allow, without},
		{cors + "reverse_proxy $B {\nHEADER\n}", "header_down -Access-Control-Allow-Origin", without},
		{cors + "reverse_proxy $B {\n@ok status 200\nhandle_response @ok {\nHEADER\ncopy_response\n}\n}", "header " + allow, without},
		{cors + "intercept {\n@ok status 200\nhandle_response @ok {\nHEADER\nrespond caught\n}\n}\nrespond hi", "header " + allow, without},
		{"route {\nHEADER\n" + cors + "}\nrespond hi", "header " + allow, without},
		{"route {\nHEADER\n" + cors + "}\nrespond hi", "header +" + allow, without},
		{"HEADER\nhandle {\n" + cors + "}\nrespond hi", "header " + allow, without},
		{"route {\nHEADER\n" + cors + "}\nrespond hi", "header >" + allow, overrides},
		{"route {\nHEADER\n" + cors + "}\nrespond hi", "header ?" + allow, overrides},
		{"HEADER\nhandle {\n" + cors + "}\nrespond hi", "header -Access-Control-Allow-Origin", overrides},
		{cors + "HEADER\nrespond hi", "header Access-Control-Allow-Private-Network true", without},
		{cors + "HEADER\nrespond hi", "header X-Access-Control-Allow-Origin *", none},
		{"cors https://app.example.com {\nreport_only\n}\nHEADER\nrespond hi", "header " + allow, none},
		{"cors https://app.example.com {\nupstream_headers keep\n}\nHEADER\nrespond hi", "header " + allow, none},
	} {
		t.Run(test.site+test.header, func(t *testing.T) {
			// Each config has addresses of its own: a reload closes connections.
			run := func(header string) (a *client, file, read string) {
				a, backend := newClient(t), newClient(t).Address
				site := strings.NewReplacer("HEADER", header, "$B", backend).Replace(test.site)
				caddyfile := prelude + "http://" + a.Address + " {\n" + site + "\n}\nhttp://" + backend + " {\nheader Access-Control-Allow-Origin *\nrespond hi\n}\n"
				loadCaddy(t, adapt(t, caddyfile))
				file = filepath.Join(t.TempDir(), "Caddyfile")
				writeFile(t, file, caddyfile)
				return a, file, a.Do(get).CORS() + "\n" + a.Do(getOther).CORS()
			}
			_, _, before := run("")
			a, file, after := run(test.header)
			p, err := newPageRequest(pageFlags{origin: "https://app.example.com", method: "GET"}, a.URL("/"))
			if err != nil {
				t.Fatal(err)
			}
			says, err := explainConfig(file, "", p, false)
			if err != nil {
				t.Fatal(err)
			}
			code := none
			for _, w := range says.Warnings {
				code += w.Code
			}
			if code != test.code || test.code == overrides && before == after || test.code == without && before != after {
				t.Errorf("it warns of %q, want %q; without the header\n%s\nwith it\n%s", code, test.code, before, after)
			}
		})
	}
}
