package fetch

import (
	"net/url"
	"testing"
)

// TestParseURL holds URLs against what browsers make of them.
func TestParseURL(t *testing.T) {
	base, _ := url.Parse("https://api.example/a/b?q")
	for _, test := range []struct{ text, want, alone string }{ // relative to base, and by itself
		{"https://other.example/x", "https://other.example/x", "https://other.example/x"},
		{"HTTPS://Other.EXAMPLE:443", "https://other.example/", "https://other.example/"},
		{"https://b\u00fccher.example:0443/", "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
		{"http://127.1:08000/", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/"},
		{"http://[0:0:0:0:0:0:0:1]:80/", "http://[::1]/", "http://[::1]/"},
		{"https://other.example:/", "https://other.example/", "https://other.example/"},
		{`https:\\other.example\x?\`, `https://other.example/x?\`, `https://other.example/x?\`},
		{"https:///other.example/", "https://other.example/", "https://other.example/"},
		{"http:/other.example/", "http://other.example/", "http://other.example/"},
		{"https:next", "https://api.example/a/next", "https://next/"},
		{"https:/next", "https://api.example/next", "https://next/"},
		{" /x\ty \n", "https://api.example/xy", ""},
		{"/../a/./b/../c", "https://api.example/a/c", ""},
		{"../c#d", "https://api.example/c", ""},
		{`\\other.example\x`, "https://other.example/x", ""},
		{`/\other.example/x`, "https://other.example/x", ""},
		{"1:2", "https://api.example/a/1:2", ""},
		{"?x", "https://api.example/a/b?x", ""},
		{"/50%/%zz/%20", "https://api.example/50%25/%25zz/%20", ""},
		{"https://h/100%?100%", "https://h/100%25?100%", "https://h/100%25?100%"},
		{"https:http://evil.example/", "https://api.example/a/http://evil.example/", "https://http//evil.example/"},
		{"https:https://evil.example/p", "https://api.example/a/https://evil.example/p", ""},
		{"https:foo:bar", "https://api.example/a/foo:bar", ""},
		{`https:\\evil.example/p`, "https://evil.example/p", "https://evil.example/p"},
		{"/q?a b\u00e9\"<>'", "https://api.example/q?a%20b%C3%A9%22%3C%3E%27", ""},
		{"/x\x7f\x01y", "https://api.example/x%7F%01y", ""},
		{"mailto:a@b.example", "mailto:a@b.example", "mailto:a@b.example"},
	} {
		for _, from := range []*url.URL{base, nil} {
			want := test.want
			if from == nil {
				if want = test.alone; want == "" {
					continue
				}
			}
			u, err := ParseURL(from, test.text)
			if err != nil {
				t.Errorf("%q: %v", test.text, err)
				continue
			}
			if got := u.String(); got != want {
				t.Errorf("%q, relative %v: %s, want %s", test.text, from != nil, got, want)
			}
		}
	}
	for _, text := range []string{"http://[/", "https://a b/", "https://h:port/", "//", "///", `/\`, "//?x", "https://", `\\:\o`, "https://:443/"} {
		if u, err := ParseURL(base, text); err == nil {
			t.Errorf("%q: %s", text, u)
		}
	}
}

// FuzzParseURL shows that a URL to which a request goes is parsed to the same again: it is
// what it shows.
func FuzzParseURL(f *testing.F) {
	f.Add("https://other.example/a/../b?c#d")
	f.Add(`\\h\%zz`)
	f.Add("http:x:0080/")
	base, _ := url.Parse("https://api.example/a/b?q")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(base, text)
		if err != nil {
			return
		}
		if _, ok := newPlace(u); !ok {
			return // no request goes there
		}
		again, err := ParseURL(base, u.String())
		if err != nil || again.Scheme != u.Scheme || again.Host != u.Host || again.Path != u.Path {
			t.Errorf("%q: %s, and then %s, %v", text, u, again, err)
		}
	})
}
