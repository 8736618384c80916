package origin

import (
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/origintest"
)

func TestParseWellFormed(t *testing.T) {
	longHost := strings.Repeat("a.", 126) + "b" // 253 bytes
	for _, test := range []struct {
		origin, scheme, host, port, authority string
	}{
		{"https://example.com", "https", "example.com", "", "example.com"},
		{"http://localhost:3000", "http", "localhost", "3000", "localhost:3000"},
		{"https://example.com:80", "https", "example.com", "80", "example.com:80"},
		{"http://example.com:443", "http", "example.com", "443", "example.com:443"},
		{"https://a-b_c.example:65535", "https", "a-b_c.example", "65535", "a-b_c.example:65535"},
		{"https://-a-.example", "https", "-a-.example", "", "-a-.example"},
		{"https://_dmarc.example", "https", "_dmarc.example", "", "_dmarc.example"},
		{"https://example.com.", "https", "example.com.", "", "example.com."},
		{"https://example.com.:8443", "https", "example.com.", "8443", "example.com.:8443"},
		{"http://127.0.0.1:8080", "http", "127.0.0.1", "8080", "127.0.0.1:8080"},
		{"http://1.2.3.4.example", "http", "1.2.3.4.example", "", "1.2.3.4.example"},
		{"http://[::1]:3000", "http", "[::1]", "3000", "[::1]:3000"},
		{"http://[2001:db8::ff00:42:8329]", "http", "[2001:db8::ff00:42:8329]", "", "[2001:db8::ff00:42:8329]"},
		{"http://[::ffff:102:304]", "http", "[::ffff:102:304]", "", "[::ffff:102:304]"},
		{"http://[::ffff:0:0]", "http", "[::ffff:0:0]", "", "[::ffff:0:0]"},
		{"https://xn--mnchen-3ya.example", "https", "xn--mnchen-3ya.example", "", "xn--mnchen-3ya.example"},
		{"capacitor://localhost", "capacitor", "localhost", "", "localhost"},
		{"app://obsidian.md", "app", "obsidian.md", "", "obsidian.md"},
		{"chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn", "chrome-extension", "nkbihfbeogaeaoehlefnkodbefgpgknn", "", "nkbihfbeogaeaoehlefnkodbefgpgknn"},
		{"moz-extension://0d3b0b1c-5b3c-4b60-8d4b-1f3b5a3c9e0x", "moz-extension", "0d3b0b1c-5b3c-4b60-8d4b-1f3b5a3c9e0x", "", "0d3b0b1c-5b3c-4b60-8d4b-1f3b5a3c9e0x"},
		{"capacitor://localhost:443", "capacitor", "localhost", "443", "localhost:443"},
		{"https://" + longHost, "https", longHost, "", longHost},
		{"https://" + longHost + ".:65535", "https", longHost + ".", "65535", longHost + ".:65535"},
		{"null", "", "", "", ""},
		{"file://", "", "", "", ""},
	} {
		o, ok := Parse(test.origin)
		if !ok {
			t.Errorf("Parse(%q): malformed", test.origin)
			continue
		}
		if o.String() != test.origin || o.Scheme() != test.scheme || o.Host() != test.host ||
			o.Port() != test.port || o.Authority() != test.authority || o.Opaque() != (test.scheme == "") {
			t.Errorf("Parse(%q) = %q, scheme %q, host %q, port %q, authority %q, opaque %v",
				test.origin, o.String(), o.Scheme(), o.Host(), o.Port(), o.Authority(), o.Opaque())
		}
	}
}

func TestParseMalformed(t *testing.T) {
	for _, s := range []string{
		"", " ", "*", "none", "Null", "NULL", "null ", " null", "null,null",
		"example.com", "//example.com", "://example.com", "https:", "https:/", "https://", "https:example.com",
		"HTTPS://example.com", "https://Example.com", "https://example.com/", "https://example.com/path",
		"https://example.com?", "https://example.com#", "https://user@example.com", "https://u:p@example.com",
		"https://example.com ", " https://example.com", "https://exa mple.com", "https://example.com\t",
		"https://example.com, https://other.example", "https://example.com https://other.example",
		"https://example.com:", "https://example.com:443", "http://example.com:80", "ws://example.com:80",
		"wss://example.com:443", "ftp://example.com:21", "https://example.com:0", "https://example.com:08443",
		"https://example.com:65536", "https://example.com:99999", "https://example.com:123456",
		"https://example.com:-1", "https://example.com:+1", "https://example.com:8443:8443", "https://example.com:*",
		"https://.example.com", "https://example..com", "https://example.com..", "https://.", "https://:8443",
		"https://*.example.com", "https://ex*mple.com", "https://example.com%00", "https://example%2ecom",
		"https://example.com\\", "https://example.com`", "https://evil.com?.example.com", "https://evil.com#.example.com",
		"https://evil!.example.com", "https://evil'.example.com", "https://evil(.example.com", "https://evil).example.com",
		"https://evil~.example.com", "https://evil;.example.com", "https://evil&.example.com", "https://evil,.example.com",
		"https://evil$.example.com", "https://evil=.example.com", "https://evil+.example.com",
		"https://bücher.example", "https://\u212Aelvin.example", "https://ｅxample.com", "https://example。com",
		"http://1.2.3", "http://1.2.3.4.5", "http://1.2.3.256", "http://01.2.3.4", "http://1.2.3.04", "http://0x7f.1",
		"http://127.1", "http://2130706433", "http://0x7f000001", "http://a.0x", "http://a.1", "http://1.2.3.4.",
		"http://[::1", "http://::1", "http://[]", "http://[1.2.3.4]", "http://[::1%25eth0]", "http://[fe80::1%eth0]",
		"http://[0:0:0:0:0:0:0:1]", "http://[::0001]", "http://[2001:DB8::1]", "http://[::ffff:1.2.3.4]",
		"http://[1::0:0:1]x", "http://[::1]3000", "http://[::1]:", "http://[::1]:80",
		"1http://example.com", "ht_tp://example.com", "-a://example.com", "https ://example.com",
		"file:", "file:///", "file://localhost", "null://", "http://\x00", "http://\xff",
		strings.Repeat("a", maxSchemeLength+1) + "://example.com",
		"https://" + strings.Repeat("a", maxHostLength+1),
		"https://" + strings.Repeat("a", 1<<20),
		strings.Repeat("https://example.com", 1<<16),
	} {
		if o, ok := Parse(s); ok {
			t.Errorf("Parse(%.60q) = %.60q, want malformed", s, o)
		}
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	for _, s := range []string{"https://app.example.com:8443", "http://127.0.0.1", "null", "https://evil.com/", strings.Repeat("x", 1<<20)} {
		if n := testing.AllocsPerRun(100, func() { Parse(s) }); n != 0 {
			t.Errorf("Parse(%.40q) allocates %v times", s, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	pairs, err := origintest.Pairs()
	if err != nil {
		f.Fatal(err)
	}
	for _, pair := range pairs {
		f.Add(pair.Origin)
	}
	for _, length := range []int{maxSchemeLength, maxHostLength, maxLength, 1 << 20} {
		f.Add(strings.Repeat("a", length) + "://example.com")
		f.Add("https://" + strings.Repeat("a", length))
		f.Add("https://" + strings.Repeat("a", length+1) + ".")
		f.Add("https://" + strings.Repeat("a.", length/2) + "b:65535")
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, ok := Parse(s)
		if want := origintest.WellFormed(s); ok != want {
			t.Fatalf("Parse(%.400q): %v, want %v", s, ok, want)
		}
		if !ok {
			return
		}
		// What is well-formed is made again of its parts, byte for byte.
		again := o.Scheme() + schemeSeparator + o.Host()
		if o.Port() != "" {
			again += ":" + o.Port()
		}
		if o.String() != s || !o.Opaque() && again != s {
			t.Fatalf("Parse(%q): String %q, from its parts %q", s, o, again)
		}
		if o.Opaque() != (s == Null || s == File) {
			t.Fatalf("Parse(%q): opaque %v", s, o.Opaque())
		}
		if len(s) > maxLength {
			t.Fatalf("Parse(%.80q): longer than maxLength", s)
		}
		// It is a pattern too, unless no page has it: its scheme is one that browsers
		// open no pages of, or has a label that none of them decodes.
		p, err := ParsePattern(s)
		if err != nil && !strings.Contains(s, "xn--") && checkScheme(o.Scheme(), "", "") == nil {
			t.Fatalf("ParsePattern(%q): %v", s, err)
		}
		if err == nil && (p.String() != s || !NewSet(p).Contains(o)) {
			t.Fatalf("ParsePattern(%q) = %q", s, p)
		}
	})
}
