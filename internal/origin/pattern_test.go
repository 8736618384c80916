package origin

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/origintest"
)

func TestParsePatternNormalizes(t *testing.T) {
	for _, test := range []struct{ pattern, normal string }{
		{"*", "*"},
		{"none", "none"},
		{"null", "null"},
		{"file://", "file://"},
		{"https://example.com", "https://example.com"},
		{"HTTPS://Example.COM", "https://example.com"},
		{"https://example.com:443", "https://example.com"},
		{"http://example.com:80", "http://example.com"},
		{"http://example.com:443", "http://example.com:443"},
		{"https://example.com.", "https://example.com."},
		{"https://bücher。", "https://xn--bcher-kva."},
		{"app://xn--0.example", "app://xn--0.example"}, // no browser decodes it
		{"http://localhost:*", "http://localhost:*"},
		{"https://*.example.com", "https://*.example.com"},
		{"https://*.Example.com:443", "https://*.example.com"},
		{"https://*.example.com:*", "https://*.example.com:*"},
		{"https://Shop-*.example.com", "https://shop-*.example.com"},
		{"https://*-preview.example.com:8443", "https://*-preview.example.com:8443"},
		{"https://a*b.example.com", "https://a*b.example.com"},
		{"https://x*.example.com", "https://x*.example.com"},
		{"http://dev-*", "http://dev-*"},
		{"https://*", "https://*"},
		{"https://*:*", "https://*:*"},
		{"https://bücher.example", "https://xn--bcher-kva.example"},
		{"https://BÜCHER.example", "https://xn--bcher-kva.example"},
		{"https://faß.example", "https://xn--fa-hia.example"},
		{"https://*.bücher.example", "https://*.xn--bcher-kva.example"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"https://ｅxample.com", "https://example.com"},
		{"https://\u212Aelvin.example", "https://kelvin.example"},
		{"https://example。com", "https://example.com"},
		{"http://127.0.0.1:*", "http://127.0.0.1:*"},
		{"http://127.1", "http://127.0.0.1"},
		{"http://0x7f000001", "http://127.0.0.1"},
		{"http://0177.0.0.1", "http://127.0.0.1"},
		{"http://2130706433:8080", "http://127.0.0.1:8080"},
		{"http://0x.0x.0.0", "http://0.0.0.0"},
		{"http://1.2.3.4.", "http://1.2.3.4"},
		{"http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"},
		{"http://[2001:DB8::1]", "http://[2001:db8::1]"},
		{"http://[::ffff:1.2.3.4]", "http://[::ffff:102:304]"},
		{"capacitor://localhost", "capacitor://localhost"},
		{"vscode-webview://*", "vscode-webview://*"},
		{"Chrome-Extension://nkbihfbeogaeaoehlefnkodbefgpgknn", "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn"},
		{"tauri://localhost", "tauri://localhost"},
		{"capacitor://localhost:80", "capacitor://localhost:80"},
	} {
		p, err := ParsePattern(test.pattern)
		if err != nil || p.String() != test.normal {
			t.Errorf("ParsePattern(%q) = %q, %v; want %q", test.pattern, p, err, test.normal)
			continue
		}
		if again, err := ParsePattern(p.String()); err != nil || again != p {
			t.Errorf("ParsePattern(%q), parsed again: %+v, %v; want %+v", test.pattern, again, err, p)
		}
	}
}

func TestParsePatternRefuses(t *testing.T) {
	for _, test := range []struct{ pattern, reason, fix string }{
		{"", "not empty", ""},
		{"https://a.example https://b.example", `no ' ' in it`, ""},
		{"https://a.example,https://b.example", `no ',' in it`, ""},
		{"https://a.example\n", "no white space", "https://a.example"},
		{"\ufeffhttps://a.example\u200b", "no white space", "https://a.example"},
		{"\u00a0https://a.example", "no white space", "https://a.example"},
		{"https:// a.example", "no white space", "https://a.example"},
		{"https://a.example :8443", "no white space", "https://a.example:8443"},
		{"'https://a.example'", "no quotes", "https://a.example"},
		{"\"https://a.example\"", "no quotes", "https://a.example"},
		{" 'wss://me@.Example.com:08443/x;' ", "no white space", "https://*.Example.com:8443"},
		{"<https://a.example/>", "no quotes", "https://a.example"},
		{"'*'", "no quotes", "*"},
		{"https://a.example;", "ends with its host or port", "https://a.example"},
		{"https://a.example/,", "ends with its host or port", "https://a.example"},
		{"https://a.example;https://b.example", `no ';' in it; give each origin as a value of its own: https://a.example https://b.example`, ""},
		{"https://a.example, https://b.example", `as a value of its own: https://a.example https://b.example`, ""},
		{" https://a.example/ ", "no white space", "https://a.example"},
		{"https://a.example\nhttps://b.example", `no '\n' in it`, ""},
		{"NULL", `"null" is written in lower case`, "null"},
		{"None", `"none" is written in lower case`, "none"},
		{"all", "starts with a scheme", "*"},
		{"any", "starts with a scheme", "*"},
		{"true", "starts with a scheme", ""},
		{"data:", "starts with a scheme", ""},
		{"::1", "starts with a scheme", "http://[::1]"},
		{"https?://example.com", "one scheme", "https://example.com"},
		{"https://10.0.0.0/8", "not of a range", ""},
		{"wss://example.com", "is that of its page", "https://example.com"},
		{"ws://localhost:3000", "is that of its page", "http://localhost:3000"},
		{"example.com", "starts with a scheme", "https://example.com"},
		{"//example.com", "starts with a scheme", "https://example.com"},
		{"*.example.com", "starts with a scheme", "https://*.example.com"},
		{"localhost:3000", "starts with a scheme", "http://localhost:3000"},
		{"127.0.0.1:3000", "starts with a scheme", "http://127.0.0.1:3000"},
		{"https:example.com", "starts with a scheme", "https://example.com"},
		{"http:/example.com", "starts with a scheme", "http://example.com"},
		{"example.com/a://b", "starts with a scheme", "https://example.com"},
		{"example.com/", "starts with a scheme", "https://example.com"},
		{"exa*mp*le.com", "starts with a scheme", ""},
		{"https://example.com.xn--", "not a host name that browsers accept", ""},
		{"http://0.xn--", "not a host name that browsers accept", ""},
		{"https://*.example.com.xn--", "not a host name that browsers accept", ""},
		{"https://xn--", "not a host name", ""},
		{"https://.com", "starts with no dot", ""}, // strangers' names are no guess
		{"*.com", "starts with a scheme", ""},
		{"https://**.github.io", `one "*" at most`, ""},
		{"https://user:p/w@host.example", "no path", ""},
		{"https://example.com@evil.example", "no user name", ""},
		{"htps://example.com", `"htps" is no scheme that pages have`, "https://example.com"},
		{"hhtp://localhost:3000", `"hhtp" is no scheme that pages have`, "http://localhost:3000"},
		{"http://localhost:3000|http://localhost:4200", `no '|' in it; give each origin as a value of its own: http://localhost:3000 http://localhost:4200`, ""},
		{"https://a.example/, https://b.example/", "give each origin as a value of its own: https://a.example/ https://b.example/", ""},
		{"https://a.example .evil.example", "give each origin as a value of its own: https://a.example .evil.example", ""},
		{"\x01https://a.example", "no white space", "https://a.example"},
		{"https://a,https://b,https://c,https://d", `of its own: https://a https://b https://c ...`, ""},
		{`["https://a.example"`, "no quotes", "https://a.example"},
		{"https://a.example\u00a0https://b.example", `as a value of its own: https://a.example https://b.example`, ""},
		{"http://localhost:300O", `"300O" is not a port`, "http://localhost:*"},
		{"$CORS_ORIGINS", "for an environment variable, write {env.CORS_ORIGINS}", ""},
		{"${ORIGIN}", "for an environment variable, write {env.ORIGIN}", ""},
		{"%ORIGIN%", "for an environment variable, write {env.ORIGIN}", ""},
		{"$(ORIGIN)", "regular expression", ""},
		{"off", "starts with a scheme", "none"},
		{"'self'", "no quotes", "none"},
		{"10.0.0.5:8080", "starts with a scheme", "http://10.0.0.5:8080"},
		{strings.Repeat("a", 100_000), "not that long", ""},
		{"1x://example.com", "not a URL scheme", ""},
		{"*://example.com", "one scheme", "https://example.com"},
		{"http*://example.com:8443", "one scheme", "https://example.com:8443"},
		{"http(s)://example.com", "one scheme", "https://example.com"},
		{"(http|https)://example.com/", "one scheme", "https://example.com"},
		{"://example.com", "starts with a scheme", "https://example.com"},
		{"\u212A://example.com", "not a URL scheme", ""},
		{"ftp://example.com", "no pages by FTP", "https://example.com"},
		{"data://text", "pages of data: URLs", ""},
		{"blob://x", "pages of blob: URLs", ""},
		{`^https://app\.example\.com$`, "regular expression", ""},
		{`https://.*\.example\.com`, "regular expression", ""},
		{`https://app\.example\.com`, "regular expression", ""},
		{`https://(a|b).example.com`, "regular expression", ""},
		{`https://[a-z]+.example.com`, "regular expression", ""},
		{`https://(a.example.com`, "regular expression", ""},
		{"https://example.com/", "no trailing slash", "https://example.com"},
		{"https://example.com/api/*", "no path", "https://example.com"},
		{"https://example.com?x=1", "no query", "https://example.com"},
		{"https://example.com#top", "no fragment", "https://example.com"},
		{`https://example.com\`, "no backslash", "https://example.com"},
		{"https://user@example.com", "no user name", "https://example.com"},
		{"https://user:pass@example.com/x", "no path", "https://example.com"},
		{"https://", "has a host", ""},
		{"https://:8443", "has a host", ""},
		{"https://example.com:", "port after the colon is missing", "https://example.com"},
		{"https://example.com:08443", "no leading zero", "https://example.com:8443"},
		{"https://example.com:0", "not a port", "https://example.com"},
		{"https://example.com:65536", "not a port", "https://example.com"},
		{"https://example.com:80a", "not a port", "https://example.com"},
		{"https://example.com:80*", `"80*" is not a port; "*" is any port`, "https://example.com:*"},
		{"http://localhost:3000-3999", `"*" is any port`, "http://localhost:*"},
		{"https://example.com:80:90", "no port", "https://example.com"},
		{"http://::1", "stands in brackets", ""},
		{"http://\x85", "not a host name that browsers accept", ""},
		{"http://2001:db8::1", "stands in brackets", ""},
		{"http://[::1]x", "no port", "http://[::1]"},
		{"http://[::g]", "not an IPv6 address", ""},
		{"http://[1.2.3.4]", "not an IPv6 address", ""},
		{"http://[::1", `"]" behind the IPv6 address is missing`, "http://[::1]"},
		{"https://example..com", "not a host name", ""},
		{"https://.example.com", "starts with no dot", "https://*.example.com"},
		{"https://.example.com:8443", "starts with no dot", "https://*.example.com:8443"},
		{".example.com", "starts with a scheme", "https://*.example.com"},
		{"https://.*.example.com", "starts with no dot", "https://*.example.com"},
		{"https://..", "starts with no dot", ""},
		{"https://.......a", "starts with no dot", ""}, // too far off to mend
		{"https://exam!ple.com", "not a host name", ""},
		{"https://example%2ecom", "not a host name", ""},
		{"https://\u05d0a.example", "not a host name that browsers accept", ""},
		{"https://a\u200db.example", "not a host name that browsers accept", ""},
		{"https://xn--0.example", "not a host name that browsers accept", ""},
		{"https://a.*.example.com", "leftmost label", ""},
		{"https://192.168.1.*", "leftmost label", ""},
		{"https://*.*.example.com", `one "*" at most, and "*." matches any number of labels`, "https://*.example.com"},
		{"https://**.example.com:*", `one "*" at most`, "https://*.example.com:*"},
		{"https://*a*.example.com", `one "*" at most`, ""},
		{"https://**", `one "*" at most`, ""},
		{"https://xn--*.example.com", `starts with "xn--"`, ""},
		{"https://bü*.example.com", "only letters, digits", ""},
		{"https://a!*.example.com", "only letters, digits", ""},
		{"http://*.0.0.1", "IP address", ""},
		{"https://*.", "not a host name", ""},
		{"http://1.2.3.256", "read \"1.2.3.256\" as an IPv4 address", ""},
		{"http://1.2.3.4.5", "as an IPv4 address", ""},
		{"http://a.1", "as an IPv4 address", ""},
		{"http://1..2", "not a host name", ""},
		{"http://1.2.08.4", "as an IPv4 address", ""},
		{"http://4294967296", "as an IPv4 address", ""},
		{"app://bücher", "with the scheme app, browsers keep the host as bytes", ""},
		{"app://\u212Aelvin", "with the scheme app, browsers keep the host as bytes", ""},
		{"file:///home", "no host in their origin", "file://"},
		{"https://" + strings.Repeat("a", 254), "253 bytes", ""},
		{"https://*." + strings.Repeat("a", 252), "253 bytes", ""},
		{"https://" + strings.Repeat("ü", 253), "253 bytes", ""},
	} {
		_, err := ParsePattern(test.pattern)
		var refused *PatternError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.reason) || refused.Fix != test.fix || refused.Regexp != (test.reason == "regular expression") {
			t.Errorf("ParsePattern(%.60q): %v; want reason %q, fix %q", test.pattern, err, test.reason, test.fix)
			continue
		}
		if end := err.Error()[len(refused.Reason):]; test.fix != "" && end != `; write "`+test.fix+`"` || test.fix == "" && end != "" && end != "; "+refused.Advice {
			t.Errorf("ParsePattern(%.60q): error text %q", test.pattern, err)
		}
	}
}

func TestPatternProperties(t *testing.T) {
	for _, test := range []struct {
		pattern                              string
		any, none, opaque, anyHost, insecure bool
		parent                               string
	}{
		{pattern: "*", any: true},
		{pattern: "none", none: true},
		{pattern: "null", opaque: true},
		{pattern: "file://", opaque: true},
		{pattern: "https://*", anyHost: true},
		{pattern: "http://*", anyHost: true, insecure: true},
		{pattern: "http://example.com", insecure: true},
		{pattern: "https://example.com"},
		{pattern: "app://example.com"},
		{pattern: "http://localhost:*"},
		{pattern: "http://app.localhost"},
		{pattern: "http://*.localhost", parent: "localhost"},
		{pattern: "http://127.8.9.10"},
		{pattern: "http://[::1]"},
		{pattern: "http://[::2]", insecure: true},
		{pattern: "http://128.0.0.1", insecure: true},
		{pattern: "http://localhost.example", insecure: true},
		{pattern: "https://*.github.io", parent: "github.io"},
		{pattern: "https://a-*.github.io.", parent: "github.io"},
		{pattern: "https://*example.com", parent: "com"},
		{pattern: "https://*-a.example.com:*", parent: "example.com"},
		{pattern: "https://dev-*", anyHost: true},
		{pattern: "chrome-extension://*a", anyHost: true},
	} {
		p := mustParse(t, test.pattern)
		if p.Any() != test.any || p.None() != test.none || p.Opaque() != test.opaque || p.AnyHost() != test.anyHost ||
			p.Insecure() != test.insecure || p.WildcardParent() != test.parent {
			t.Errorf("%q: any %v, none %v, opaque %v, any host %v, insecure %v, parent %q", test.pattern,
				p.Any(), p.None(), p.Opaque(), p.AnyHost(), p.Insecure(), p.WildcardParent())
		}
	}
}

func mustParse(t testing.TB, s string) Pattern {
	t.Helper()
	p, err := ParsePattern(s)
	if err != nil {
		t.Fatalf("ParsePattern(%q): %v", s, err)
	}
	return p
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{
		"https://shop-*.example.com:*", "https://Bücher.example:443", "http://0x7f.1", "http://0177.1", "http://4294967295", "http://1.2.3.4.",
		"http://[0::1]", "http://[::FFFF:1.2.3.4]", "http://[::1%eth0]", "http://::1", "http://[::1", "http://[::1]x",
		"example.com/", ".example.com", "https://.*.example.com", "https://**.example.com", "https://*.*.com", "https://*x*.com", "https://a.*.com",
		"https://user:pass@example.com/", "http:example.com", "https//example.com", "//example.com", "file://x", "ws://x", "wss://x:443", "ftp://x",
		"https://xn--0", "https://xn--*.com", "https://faß.example", "https://\u212A.example", "https://ｅxample。com", "https://a\u00adb.example",
		"https://\u05d0a.example", "https://a\u200db.example", "https://exa\u0301mple", "\ufeffhttps://a", "'https://a'", "<https://a>", "https://a;",
		"https://a, https://b", "https:// a", "https://a b", "https://a:", "https://a:0", "https://a:00080", "https://a:65536", "https://a:3*", "https://a:1-2",
		"https?://a", "http(s)://a", "*://a", `^https://a\.b$`, `https://.*\.a\.b`, "https://(a", "https://a%2eb", "https://a%00", "https://a\\b",
		"https://" + strings.Repeat("a", 254), "https://*." + strings.Repeat("a", 252), "https://" + strings.Repeat("ü.", 100),
		strings.Repeat("a", 65) + "://b", strings.Repeat("*", 1000), "https://" + strings.Repeat("/", 1000), "https://" + strings.Repeat("*.", 1000) + "com",
	} {
		f.Add(s)
	}
	pairs, err := origintest.Pairs()
	if err != nil {
		f.Fatal(err)
	}
	for _, pair := range pairs {
		f.Add(pair.Pattern)
		f.Add(pair.Origin)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePattern(s)
		var refused *PatternError
		if errors.As(err, &refused) {
			if refused.Reason == "" {
				t.Fatalf("ParsePattern(%q): no reason", s)
			}
			if _, err := ParsePattern(refused.Fix); refused.Fix != "" && err != nil {
				t.Fatalf("ParsePattern(%q): its fix %q does not parse: %v", s, refused.Fix, err)
			}
			return
		}
		// What is parsed without a look at what may be wrong is parsed to the same with it.
		if plain, ok := parsePlain(s); ok {
			if slow, err := parseTuple(s); err != nil || slow != plain {
				t.Fatalf("parsePlain(%q) = %q, but it is %q, %v", s, plain, slow, err)
			}
		}
		// Normalising twice changes nothing.
		if again, err := ParsePattern(p.String()); err != nil || again != p {
			t.Fatalf("ParsePattern(%q) = %q, parsed again %q, %v", s, p, again, err)
		}
		// As many labels as before, unless it is an IP address.
		labels := func(s string) int {
			return strings.Count(strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".").Replace(s), ".")
		}
		if strings.Contains(p.host(), ".") && !endsInNumber(p.host()) && labels(s)-strings.Count(p.scheme(), ".") != labels(p.host()) {
			t.Fatalf("ParsePattern(%q) = %q", s, p)
		}
		// It is, or with something for its "*" becomes, an origin that a request can have.
		if sent := strings.Replace(strings.Replace(p.String(), ":*", ":1", 1), "*", "z", 1); !p.Any() && !p.None() {
			if o, ok := Parse(sent); !ok || !NewSet(p).Contains(o) {
				t.Fatalf("ParsePattern(%q) = %q, which does not match %q", s, p, sent)
			}
		}
	})
}

func TestSuggestRegexp(t *testing.T) {
	for expr, want := range map[string]string{
		`/^https:\/\/.*\.example\.com$/`:        `^https://.*\.example\.com$`,
		`/^https?:\/\/a.example\.com$/i`:        `^https?://a\.example\.com$`,
		`~^https://(www\.)?example\.com$`:       `^https://(www\.)?example\.com$`,
		`~* ^https://(www.)?example.com$`:       `^https://(www\.)?example\.com$`,
		`https://(a|b).example.com`:             `https://(a|b)\.example\.com`,
		`\.example\.com$`:                       `https://.*\.example\.com$`,
		`^app\.example\.com$`:                   `https://app\.example\.com$`,
		`https://App\.Example\.com`:             `https://app\.example\.com`,
		`https://app\.example\.com/`:            `https://app\.example\.com`,
		`https://app\.example\.com/.*`:          `https://app\.example\.com`,
		`https://app\.example\.com/.*$`:         `https://app\.example\.com`,
		`https://(app`:                          "",
		`*.github.io`:                           "",
		`*.com`:                                 "",
		`https://.*example.com`:                 "", // strangers would match
		`https://(.*).com`:                      "",
		`\.vercel\.app$`:                        "",
		`app\.example\.com|admin\.example\.com`: `https://(?:app\.example\.com|admin\.example\.com)`,
		`https://App-\D+\.Example\.com`:         `https://app-\D+\.example\.com`,
		`(?=x)`:                                 "",
		`https://bücher\.example`:               "",
	} {
		if got := SuggestRegexp(expr); got != want {
			t.Errorf("%s: %s, want %s", expr, got, want)
		}
	}
}

func TestSuggestPattern(t *testing.T) {
	for expr, want := range map[string]string{
		`https://*.example.com`:     "https://*.example.com",
		`^https://*\.example\.com$`: "https://*.example.com",
		`https://*example\.com`:     "https://*example.com",
		`*.example.com`:             "https://*.example.com",
		`*`:                         "*",
		`https://app\.example\.com`: "",
		`https://.*\.example\.com`:  "",
		`https://[a-z]*\.a\.b`:      "",
		`app\.example\.com`:         "",
	} {
		if got := SuggestPattern(expr); got != want {
			t.Errorf("%s: %s, want %s", expr, got, want)
		}
	}
}
