package caddycors

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/caddyserver/caddy/v2"
)

// TestHints holds what the log says of each denied request against what it should, and
// against what becomes of the request when that is written into the config.
func TestHints(t *testing.T) {
	exact := &Policy{AllowOrigins: []string{"https://app.example.com", "http://localhost:3000", "https://www.example.org", "https://example.net"}}
	wild := &Policy{AllowOrigins: []string{"https://*.example.com"}}
	closed := &Policy{AllowOrigins: []string{"none"}}
	cookies := &Policy{AllowOrigins: []string{"https://app.example.com"}, AllowCredentials: true}
	regex := &Policy{AllowOriginRegex: []string{`https://pr-[0-9]+\.example\.com`}}
	lists := &Policy{AllowOrigins: []string{"https://app.example.com"}, AllowMethods: []string{"PUT", "LIST"}, AllowHeaders: []string{"X-One"}}
	bare := &Policy{AllowOrigins: []string{"https://app.example.com"}, AllowMethods: []string{"GET"}, AllowHeaders: []string{"none"}}
	star := &Policy{AllowOrigins: []string{"https://app.example.com"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}}
	partners := &Policy{Name: "partners", AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET"}, AllowHeaders: []string{"none"}}
	one := func(p *Policy) []*Policy { return []*Policy{p} }

	origin := func(o string) string { return "GET\nOrigin: " + o }
	trust := func(o string) string { return `if you trust this origin, write "allow_origins ` + o + `"` }
	method := func(m string) string {
		return "OPTIONS\nOrigin: https://app.example.com\nAccess-Control-Request-Method: " + m
	}
	headers := func(lines ...string) string {
		return method("GET") + "\nAccess-Control-Request-Headers: " + strings.Join(lines, "\nAccess-Control-Request-Headers: ")
	}
	numbered := func(n int) string {
		var names []string
		for i := range n {
			names = append(names, "x-"+string(rune('a'+i)))
		}
		return strings.Join(names, ",")
	}
	for _, test := range []struct {
		policies      []*Policy
		request, want string
	}{
		{one(exact), origin("https://evil.example"), trust("https://evil.example")},
		{one(exact), origin("http://app.example.com"), `"https://app.example.com" is allowed, but this is http; ` + trust("http://app.example.com")},
		{one(exact), origin("https://localhost:3000"), `"http://localhost:3000" is allowed, but this is https; ` + trust("https://localhost:3000")},
		{one(exact), origin("https://app.example.com:8443"), `"https://app.example.com" is allowed, but this is port 8443; ` + trust("https://app.example.com:8443")},
		{one(exact), origin("http://localhost:5173"), `"http://localhost:3000" is allowed, but this is port 5173; ` + trust("http://localhost:5173")},
		{one(exact), origin("http://localhost"), `"http://localhost:3000" is allowed, but this has no port; ` + trust("http://localhost")},
		{one(exact), origin("https://app.example.com."), `"https://app.example.com" is allowed, but this host ends in a dot; ` + trust("https://app.example.com.")},
		{one(exact), origin("https://www.example.net"), `"https://example.net" is allowed, but this host is below it; ` + trust("https://www.example.net")},
		{one(exact), origin("https://example.org"), `"https://www.example.org" is allowed, but this is without "www."; ` + trust("https://example.org")},
		{one(exact), origin("app://obsidian.md"), trust("app://obsidian.md")},
		{one(exact), origin("http://[::1]:3000"), trust("http://[::1]:3000")},
		{one(exact), origin("ftp://app.example.com"), "no page has this origin"},
		{one(wild), origin("https://example.com"), `"https://www.example.com" is allowed, but this is without "www."; ` + trust("https://example.com")},
		{one(wild), origin("http://a.example.com"), `"https://a.example.com" is allowed, but this is http; ` + trust("http://a.example.com")},
		{one(regex), origin("http://pr-7.example.com"), `"https://pr-7.example.com" is allowed, but this is http; ` + trust("http://pr-7.example.com")},
		{one(regex), origin("https://example.com"), trust("https://example.com")},
		{one(closed), origin("https://app.example.com"), trust("https://app.example.com") + ` in place of "none"`},
		{[]*Policy{exact, partners}, origin("https://evil.example"), trust("https://evil.example") + " in a policy"},
		{one(cookies), origin("http://app.example.com"), `"https://app.example.com" is allowed, but this is http; ` + trust("http://app.example.com") + ` and "dangerously_allow insecure_origins"`},
		{one(cookies), origin("http://localhost:3000"), trust("http://localhost:3000")},
		{[]*Policy{cookies, partners}, origin("http://b.example"), trust("http://b.example") + " in a policy"},
		{one(exact), origin("null"), `any page can have this origin; if you accept that, write "allow_origins null" and "dangerously_allow null_origin"`},
		{one(exact), origin("file://"), `any page can have this origin; if you accept that, write "allow_origins file://" and "dangerously_allow null_origin"`},

		{one(exact), origin("https://app.example.com/"), `no browser sends this; an origin is written "https://app.example.com"`},
		{one(exact), origin("HTTPS://App.Example.com"), `no browser sends this; an origin is written "https://app.example.com"`},
		{one(exact), origin("app.example.com"), `no browser sends this; an origin is written "https://app.example.com"`},
		{one(exact), origin("*"), "no browser sends this"},
		{one(exact), "GET\nOrigin: ", "no browser sends this"},
		{one(exact), origin("https://" + strings.Repeat("A", 300)), "no browser sends this"},
		{one(exact), origin("https://a.example\nOrigin: https://b.example"), "no browser sends several Origin headers; see what adds one"},

		{one(lists), method("PURGE"), `add "PURGE" to allow_methods`},
		{one(exact), method("PURGE"), `write "allow_methods GET HEAD POST PUT PATCH DELETE PURGE"`},
		{[]*Policy{partners, lists}, strings.Replace(method("PURGE"), "app.example.com", "a.example", 1), `in policy partners, add "PURGE" to allow_methods`},
		{one(exact), method("patch"), "methods are case-sensitive: let the page write PATCH"},
		{one(lists), method("Patch"), `methods are case-sensitive: let the page write PATCH, and add "PATCH" to allow_methods`},
		{one(lists), method("list"), "methods are case-sensitive: let the page write LIST"},
		{one(lists), method("TRACE"), "browsers let no page send this method"},
		{one(star), method("connect"), "browsers let no page send this method"},
		{one(lists), method("A B"), "no browser asks for this: it is not a method"},
		{one(lists), method("PUT\nAccess-Control-Request-Method: PUT"), "no browser asks for this: it is not a method"},
		{one(lists), method("*"), "add the method in requested_method to allow_methods"},
		{one(lists), method("all"), "add the method in requested_method to allow_methods"},
		{one(lists), method(strings.Repeat("M", 65)), "add the method in requested_method to allow_methods"},

		{one(lists), headers("x-one,x-two"), `add "x-two" to allow_headers`},
		{one(lists), headers("X-Two, x-two ,x-three", "x-one,x-four"), `add "x-two", "x-three", "x-four" to allow_headers`},
		{one(lists), headers("x-two,cookie"), `add "x-two" to allow_headers`},
		{one(lists), headers("cookie,sec-x"), "browsers let no page set these headers"},
		{one(lists), headers("x-two,x|y"), `add "x-two" to allow_headers, and others of requested_headers`},
		{one(lists), headers("x|y"), "add the names in requested_headers to allow_headers"},
		{one(lists), headers(numbered(10)), `add "x-a", "x-b", "x-c", "x-d", "x-e", "x-f", "x-g", "x-h", "x-i", "x-j" to allow_headers`},
		{one(lists), headers(numbered(20)), `add "x-a", "x-b", "x-c", "x-d", "x-e", "x-f", "x-g", "x-h", "x-i", "x-j" to allow_headers, and others of requested_headers`},
		{one(lists), headers("x-two,a b"), "no browser asks for this: it is not a list of header names, or one of too many"},
		{one(lists), headers("x-two" + strings.Repeat(",", maxEmptyItems+1)), "no browser asks for this: it is not a list of header names, or one of too many"},
		{one(lists), headers(strings.Repeat("a,", maxRequestedBytes/2) + "b"), "no browser asks for this: it is not a list of header names, or one of too many"},
		{one(bare), headers("x-one,x-two"), `write "allow_headers x-one x-two"`},
		{one(star), headers("x-one,authorization"), `write "allow_headers * Authorization"`},
		{[]*Policy{partners, lists}, strings.Replace(headers("x-one"), "app.example.com", "a.example", 1), `in policy partners, write "allow_headers x-one"`},
	} {
		h := provision(t, &Handler{Policies: test.policies})
		r := newRequest(test.request)
		d := h.policies.decide(r)
		got := h.hint(d, r)
		if d.outcome != outcomeDenied || got != test.want {
			t.Errorf("%q: %v, hint\n%s\nwant\n%s", test.request, d.outcome, got, test.want)
		}
		if strings.Contains(got, "requested_") || strings.Contains(got, "the page write") || strings.Contains(test.request, "cookie") {
			continue // the config is not all there is to change
		}
		config, follows := follow(h.Policies, got)
		if followed := provision(t, &Handler{Policies: config}); follows && followed.policies.decide(r).outcome != outcomeAllowed {
			t.Errorf("%q is denied to who follows %s", test.request, got)
		}
	}
}

var (
	hintWrites = regexp.MustCompile(`"((?:allow|dangerously)_[a-z]+) ([^"]*)"`)
	hintAdds   = regexp.MustCompile(`add ("[^ ]*"(?:, "[^ ]*")*) to (allow_[a-z]+)`)
	hintPolicy = regexp.MustCompile(`in policy ([^ ]*), `)
)

// follow does what a hint says to a copy of policies. It reports false if the hint says
// nothing that can be done.
func follow(policies []*Policy, hint string) ([]*Policy, bool) {
	var config []*Policy
	target := 0
	for i, p := range policies {
		followed := *p
		config = append(config, &followed)
		if name := hintPolicy.FindStringSubmatch(hint); name != nil && name[1] == p.Name {
			target = i
		}
		if strings.Contains(hint, " in a policy") && !p.AllowCredentials {
			target = i
		}
	}
	p := config[target]
	options := map[string]*[]string{
		optionAllowOrigins: &p.AllowOrigins, optionAllowMethods: &p.AllowMethods, optionAllowHeaders: &p.AllowHeaders, optionDangerouslyAllow: &p.DangerouslyAllow,
	}
	found := false
	for _, match := range hintWrites.FindAllStringSubmatch(hint, -1) {
		values := options[match[1]]
		if match[1] != optionAllowOrigins || strings.HasSuffix(hint, `in place of "none"`) {
			*values = nil
		}
		*values = append(slices.Clone(*values), strings.Fields(match[2])...)
		found = true
	}
	for _, match := range hintAdds.FindAllStringSubmatch(hint, -1) {
		values := options[match[2]]
		*values = append(slices.Clone(*values), strings.Split(strings.Trim(match[1], `"`), `", "`)...)
		found = true
	}
	return config, found
}

// FuzzHint holds hints of hostile requests against what is promised of them: they are
// short, all of them shows, and a config that follows one loads and allows the request.
func FuzzHint(f *testing.F) {
	for _, seed := range [][3]string{
		{"https://evil.example", "PUT", "x-one"},
		{"http://[::1]:1", "PURGE", "x-two,authorization"},
		{"HTTPS://A.EXAMPLE/", "patch", "none,all"},
		{"null", "`", "#x,`,*"},
		{"https://app.example.com", "ALL", "cookie"},
		{"https://a\u009b31m.example", "none", "x\x7f"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	var handlers []*Handler
	for _, p := range []*Policy{
		{AllowOrigins: []string{"https://app.example.com", "http://localhost:3000"}},
		{AllowOrigins: []string{"none"}, AllowOriginRegex: nil},
		{AllowOrigins: []string{"https://*.example.com"}, AllowCredentials: true, AllowMethods: []string{"GET"}, AllowHeaders: []string{"X-One"}},
		{AllowOrigins: []string{"https://app.example.com"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"none"}},
		{AllowOrigins: []string{"https://app.example.com"}, AllowHeaders: []string{"*"}},
	} {
		handlers = append(handlers, provision(f, &Handler{Policies: []*Policy{p}}))
	}
	f.Fuzz(func(t *testing.T, origin, method, headers string) {
		for _, h := range handlers {
			r := newRequest("OPTIONS")
			r.Header[headerOrigin] = []string{origin}
			r.Header[headerRequestMethod] = []string{method}
			r.Header[headerRequestHeaders] = []string{headers}
			d := h.policies.decide(r)
			hint := h.hint(d, r)
			if len(hint) > 2048 || strings.ContainsFunc(hint, func(c rune) bool { return !unicode.IsPrint(c) }) {
				t.Fatalf("%d bytes: %q", len(hint), hint)
			}
			config, found := follow(h.Policies, hint)
			if !found || d.outcome != outcomeDenied {
				continue
			}
			c := compiler{replacer: caddy.NewReplacer()}
			ps := c.compile(&Handler{Policies: config})
			if err := joinErrors(c.errs); err != nil {
				t.Fatalf("who follows %s gets %v", hint, err)
			}
			followed := ps.decide(r)
			if followed.reason == d.reason && !strings.Contains(hint, "requested_headers") && !strings.Contains(hint, "let the page write") {
				t.Fatalf("%q: who follows %s gets %v", r.Header, hint, followed.reason)
			}
		}
	})
}
