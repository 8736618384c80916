package corsproxy

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// parsedTargets returns the targets of the words of text.
func parsedTargets(t testing.TB, text string) (ts targets) {
	t.Helper()
	for word := range strings.FieldsSeq(text) {
		target, err := parseTarget(word)
		if err != nil {
			t.Fatalf("%s: %v", word, err)
		}
		ts = append(ts, target)
	}
	return ts
}

// TestTargets shows which URLs targets have, and which not.
func TestTargets(t *testing.T) {
	for _, test := range []struct{ targets, allowed, refused, ambiguous string }{
		{
			targets: "https://api.example",
			allowed: "https://api.example https://api.example/ https://API.example:443/a/b?c https://api.example/a%2Fb https://api.example//a;b/%25",
			refused: "http://api.example/ https://api.example:8443/ https://api.example:80/ https://a.api.example/ https://api.example.evil.example/ https://api.example./ https://xapi.example/ https://example/",
		},
		{
			targets: "https://API.example:443/",
			allowed: "https://api.example/a",
			refused: "http://api.example/",
		},
		{
			targets: "http://api.example https://api.example:8443/*",
			allowed: "http://api.example/a http://api.example:80/ https://api.example:8443/",
			refused: "https://api.example/ http://api.example:8443/ https://api.example:8444/ http://api.example:8080/",
		},
		{
			targets: "https://*.openapi.example/v2/*",
			allowed: "https://a.openapi.example/v2/ https://a.b.openapi.example/v2/x/y?z https://a.openapi.example/%76%32/x",
			refused: "https://openapi.example/v2/ https://a.openapi.example/ https://a.openapi.example/v2 https://a.openapi.example/v20/ https://a.openapi.example/V2/ https://a.openapi.example/v1/v2/ https://a.openapi.example//v2/ https://a.openapi.example/%2Fv2/",
			ambiguous: "https://a.openapi.example/v2/..%2fadmin https://a.openapi.example/v2/..%5cadmin https://a.openapi.example/v2//x https://a.openapi.example/v2/..;/admin https://a.openapi.example/v2/%2e%2e%3b/x " +
				"https://a.openapi.example/v2/%252e%252e/admin https://a.openapi.example/v2/%25%32%65 https://a.openapi.example/v2/%00 https://a.openapi.example/v2/%0d%0a https://a.openapi.example/v2/%7f https://a.openapi.example/v2/%c0%ae%c0%ae/ https://a.openapi.example/v2/%c2%85 https://a.openapi.example/v2/．．/x https://a.openapi.example/v2/a／b https://a.openapi.example/v2/%ef%bc%bc",
		},
		{
			targets: "https://api.example/v2",
			allowed: "https://api.example/v2 https://api.example/v2/ https://api.example/v2/x https://api.example/v2?x https://api.example/v2/%C3%A4",
			refused: "https://api.example/ https://api.example/v20 https://api.example/v2.json https://api.example/v2%2Fx",
		},
		{
			targets: "https://api.example/a https://api.example/b/c/*",
			allowed: "https://api.example/a/b https://api.example/b/c/d",
			refused: "https://api.example/b/ https://api.example/c/",
			ambiguous: "https://api.example/a/%2f https://api.example/a/%3Fb https://api.example/a/b%23c https://api.example/a/b%3b https://api.example/a/b%25 https://api.example/a/%5c https://api.example/a/%00 https://api.example/a/%7f https://api.example/a/%ff " +
				"https://api.example/a/∖x https://api.example/a/⁄x https://api.example/a/∕x https://api.example/a/⧵x https://api.example/a/⧸x https://api.example/a/／x https://api.example/a/＼x https://api.example/a/﹨x " +
				"https://api.example/a/․․ https://api.example/a/．． https://api.example/a/﹒﹒ https://api.example/a/‥ https://api.example/a/… https://api.example/a/⒈ " +
				"https://api.example/a/℀ https://api.example/a/½ https://api.example/a/％2e https://api.example/a/﹪2e https://api.example/a/;x https://api.example/a/；x https://api.example/a/？x https://api.example/a/⁇ https://api.example/a/＃x https://api.example/a/﹟x",
		},
		{
			targets: "https://shop-*.api.example http://127.0.0.1:9000 http://[::1]:9000 https://bücher.example/ä",
			allowed: "https://shop-1.api.example/ http://127.0.0.1:9000/ http://0x7f.1:9000/ http://[0::1]:9000/ https://xn--bcher-kva.example/%C3%A4",
			refused: "https://shop-.api.example/ https://shop-1.x.api.example/ http://127.0.0.1/ http://127.0.0.2:9000/ http://localhost:9000/ http://[::ffff:127.0.0.1]:9000/",
		},
	} {
		ts := parsedTargets(t, test.targets)
		for urls, want := range map[string]*refusal{test.allowed: nil, test.refused: refusedTarget, test.ambiguous: refusedAmbiguous} {
			for text := range strings.FieldsSeq(urls) {
				p, refused := parsePlace(text)
				if refused == nil {
					_, refused = ts.find(p)
				}
				if refused != want {
					t.Errorf("%s: %s: %v, want %v", test.targets, text, refused, want)
				}
			}
		}
	}
}

// TestParseTarget shows what is no target, and says why.
func TestParseTarget(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "is not empty",
		"*":                          "a proxy to every server",
		"https://*":                  "a proxy to every server",
		"https://*/v2/*":             "a proxy to every server",
		"https://*:8443":             "a proxy to every server",
		"http://api*":                "a proxy to every server",
		"none":                       "starts with https:// or http://",
		"null":                       "starts with https:// or http://",
		"file://":                    "starts with https:// or http://",
		"app://localhost":            "starts with https:// or http://",
		"ftp://api.example":          "https://api.example",
		"api.example":                `write "https://api.example"`,
		"https://api.example:*":      "a target has one port",
		"https://*.github.io":        `public suffix "github.io"`,
		"https://*.com":              `public suffix "com"`,
		"https://*.amazonaws.com":    "public suffix",
		"https://x-*.vercel.app/api": "public suffix",
		"https://user@api.example":   "user name",
		"https://api.example?a":      "query",
		"https://api.example/a?b":    "a target has no query",
		"https://api.example/a#b":    "no fragment",
		"https://api.example/a/*/b":  "at its end",
		"https://api.example/a*":     "at its end",
		"https://api.example/a/../b": "servers differ",
		"https://api.example/a%2Fb":  "servers differ",
		"https://api.example/a//b":   "servers differ",
		"https://api.example/a;b":    "servers differ",
		"https://api.example/%":      "servers differ",
		`https://api.example/a\b`:    "this is not a path",
		"https://api.example/a b":    "this is not a path",
		"https://api.*.example":      "leftmost label",
		"https://api.example:99999":  "is not a port",
		"https://^api\\.example$":    "",
	} {
		if target, err := parseTarget(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %s", text, target, err, want)
		}
	}
	for text, want := range map[string]string{
		"https://API.Example:443/": "https://api.example",
		"https://api.example/*":    "https://api.example",
		"https://api.example/v2/":  "https://api.example/v2",
		"https://api.example/v2/*": "https://api.example/v2/*",
		"https://api.example/%7ea": "https://api.example/~a",
	} {
		if target, err := parseTarget(text); err != nil || target.String() != want {
			t.Errorf("%q: %v, %v; want %s", text, target, err, want)
		}
	}
}

// TestCovers shows which targets are parts of others.
func TestCovers(t *testing.T) {
	for pair, want := range map[string]bool{
		"https://a.example https://A.example:443":         true,
		"https://a.example https://a.example/v2/*":        true,
		"https://a.example/v2/* https://a.example":        false,
		"https://a.example/v2 https://a.example/v2/*":     true,
		"https://a.example/v2/* https://a.example/v2":     false,
		"https://a.example/v2 https://a.example/v20":      false,
		"https://*.a.example https://b.a.example/x":       true,
		"https://b.a.example https://*.a.example":         false,
		"https://a.example http://a.example":              false,
		"https://a.example https://a.example:8443":        false,
		"https://a.example/v2/* https://a.example/v2/x/*": true,
	} {
		ts := parsedTargets(t, pair)
		if got := ts[0].covers(ts[1]); got != want {
			t.Errorf("%s: %t", pair, got)
		}
	}
}

// FuzzTargets shows that no path below a prefix leads out of it for a server that decodes,
// twice, merges slashes and resolves dots.
func FuzzTargets(f *testing.F) {
	for _, path := range []string{"/v2/x", "/v2/%2e%2e/x", "/v2/..%2f", "/v2/%252e%252e/", "/v2//../", "/v2/..;/"} {
		f.Add(path)
	}
	ts := parsedTargets(f, "https://api.example/v2/*")
	f.Fuzz(func(t *testing.T, path string) {
		p, refused := parsePlace("https://api.example" + path)
		if refused != nil {
			return
		}
		if _, refused := ts.find(p); refused != nil {
			return
		}
		for _, read := range readings(p.path) {
			if !strings.HasPrefix(read, "/v2/") {
				t.Fatalf("%q: some server reads %q as %q", path, p.path, read)
			}
		}
	})
}

// readings returns what servers may take a path for.
func readings(escaped string) (read []string) {
	once, _ := url.PathUnescape(escaped)
	twice, err := url.PathUnescape(once)
	if err != nil {
		twice = once
	}
	for _, text := range []string{escaped, once, twice} {
		text, _, _ = strings.Cut(text, "\x00")
		text = strings.ReplaceAll(text, `\`, "/")
		var segments []string
		for segment := range strings.SplitSeq(text, "/") {
			segment, _, _ = strings.Cut(segment, ";")
			segments = append(segments, segment)
		}
		for _, text := range []string{text, strings.Join(segments, "/")} {
			cleaned := path.Clean(text)
			if cleaned == "/v2" {
				cleaned = "/v2/"
			}
			read = append(read, cleaned)
		}
	}
	return read
}
