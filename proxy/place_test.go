package corsproxy

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestAskedURL shows the forms of requests, and what is none.
func TestAskedURL(t *testing.T) {
	for request, want := range map[string]string{
		"/?url=https%3A%2F%2Fapi.example%2Fa%3Fb%3Dc%26d%3De": "https://api.example/a?b=c&d=e",
		"/?url=https://api.example/a":                         "https://api.example/a",
		"/?url=https://api.example/a?b=c":                     "https://api.example/a?b=c",
		"/?url=http%3a%2f%2fapi.example%2fa%2520b":            "http://api.example/a%20b",
		"/?url=https%3A%2F%2Fapi.example%2F%3Fa%3D1%2B1":      "https://api.example/?a=1+1",
		"/?https://api.example/a":                             "https://api.example/a",
		"/?https://api.example/a?b=c&d=https://e":             "https://api.example/a?b=c&d=https://e",
		"/?HTTPS://api.example":                               "HTTPS://api.example",
		"/?http://api.example:8080/%2e":                       "http://api.example:8080/%2e",
		"/https://api.example/a":                              "https://api.example/a",
		"/https://api.example/a?b=c&d=e":                      "https://api.example/a?b=c&d=e",
		"/https://api.example":                                "https://api.example",
		"/https://api.example?b=c":                            "https://api.example?b=c",
		"/https:/api.example/a":                               "https://api.example/a", // slashes merged on the way
		"/http:/api.example:8080/a//b":                        "http://api.example:8080/a//b",
		"/https://api.example/a%2Fb":                          "https://api.example/a%2Fb",
		"/https://api.example/?url=https://b.example":         "https://api.example/?url=https://b.example",
	} {
		if got, refused := askedURL(parsed(t, request)); refused != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", request, got, refused, want)
		}
	}
	for request, want := range map[string]*refusal{
		"/":                                         refusedForm,
		"/favicon.ico":                              refusedForm,
		"/api.example/a":                            refusedForm,
		"/?api.example":                             refusedForm,
		"/?url=":                                    refusedForm,
		"/?url":                                     refusedForm,
		"/?URL=https://api.example":                 refusedForm,
		"/?uri=https://api.example":                 refusedForm,
		"/?x=1&url=https://api.example":             refusedForm,
		"/?ftp://api.example":                       refusedForm,
		"/?//api.example":                           refusedForm,
		"/?https:/api.example":                      refusedForm,
		"/?https%3A%2F%2Fapi.example":               refusedForm,
		"/https%3A%2F%2Fapi.example":                refusedForm,
		"/https:///api.example":                     refusedForm,
		"/https:////api.example":                    refusedForm,
		"/https:api.example":                        refusedForm,
		"/https:/":                                  refusedForm,
		"/https://":                                 refusedForm,
		"/ftp://api.example":                        refusedForm,
		"/file:///etc/passwd":                       refusedForm,
		"/gopher://api.example":                     refusedForm,
		"//api.example":                             refusedForm,
		"/x/https://api.example":                    refusedForm,
		"/javascript:alert(1)":                      refusedForm,
		"/?url=https://api.example/?a=b&c=d":        refusedEncoding,
		"/?url=https://a.example&url=https://b.com": refusedEncoding,
		"/?url=https://api.example/%":               refusedEncoding,
	} {
		if got, refused := askedURL(parsed(t, request)); refused != want {
			t.Errorf("%s: %q, %v; want %v", request, got, refused, want)
		}
	}
}

// parsed parses a request's target as a server does.
func parsed(t *testing.T, request string) *url.URL {
	t.Helper()
	u, err := url.ParseRequestURI(request)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestParsePlace shows how URLs are written in one way, as browsers do.
func TestParsePlace(t *testing.T) {
	for text, want := range map[string]string{
		"https://api.example":                            "https://api.example/",
		"https://api.example/":                           "https://api.example/",
		"https://api.example?a=b":                        "https://api.example/?a=b",
		"https://api.example/#f":                         "https://api.example/",
		"https://api.example#@b.example/":                "https://api.example/",
		"HTTPS://API.Example:443/A":                      "https://api.example/A",
		"http://api.example:80/":                         "http://api.example/",
		"http://api.example:443/":                        "http://api.example:443/",
		"https://api.example:8443/":                      "https://api.example:8443/",
		"https://api.example./":                          "https://api.example./", // another host
		"https://bücher.example/ä?ö=ü":                   "https://xn--bcher-kva.example/%C3%A4?%C3%B6=%C3%BC",
		"https://ａｐｉ.example/":                           "https://api.example/",
		"http://2130706433/":                             "http://127.0.0.1/",
		"http://0x7f.1/":                                 "http://127.0.0.1/",
		"http://0177.0.0.01/":                            "http://127.0.0.1/",
		"http://[::FFFF:127.0.0.1]/":                     "http://[::ffff:7f00:1]/",
		"http://[0:0:0:0:0:0:0:1]:8080/":                 "http://[::1]:8080/",
		"https://api.example/%7euser/%41%2d%5f":          "https://api.example/~user/A-_",
		"https://api.example/%c3%a4":                     "https://api.example/%C3%A4",
		"https://api.example/a%2fb":                      "https://api.example/a%2Fb",
		"https://api.example/a%2eb":                      "https://api.example/a.b",
		"https://api.example/...":                        "https://api.example/...",
		`https://api.example/{a}|"b"<c>^` + "`[d]":       "https://api.example/%7Ba%7D%7C%22b%22%3Cc%3E%5E%60%5Bd%5D",
		"https://api.example/?a[]={b}&c=%zz&d=%2e%2e/..": "https://api.example/?a[]={b}&c=%zz&d=%2e%2e/..",
		`https://api.example/?"<>`:                       "https://api.example/?%22%3C%3E",
		"https://api.example//a//":                       "https://api.example//a//",
		"https://api.example/;a=b,c;d!$&'()*+":           "https://api.example/;a=b,c;d!$&'()*+",
		"https://api.example/a@b:c":                      "https://api.example/a@b:c",
		"https://api.example/https://b.example/":         "https://api.example/https://b.example/",
	} {
		if got, refused := parsePlace(text); refused != nil || got.String() != want {
			t.Errorf("%s: %v, %v; want %s", text, got, refused, want)
		}
	}
	for text, want := range map[string]*refusal{
		"":                                      refusedURL,
		"https":                                 refusedURL,
		"https://":                              refusedURL,
		"https:///a":                            refusedURL,
		"https:/api.example":                    refusedURL,
		"//api.example":                         refusedURL,
		"ftp://api.example/":                    refusedURL,
		"file:///etc/passwd":                    refusedURL,
		"unix:///run/docker.sock":               refusedURL,
		"ws://api.example/":                     refusedURL,
		" https://api.example/":                 refusedURL,
		"https://api.example/ ":                 refusedURL,
		"https://api.example/a b":               refusedURL,
		"https://api.example/\r\nHost: b":       refusedURL,
		"https://api.example/\x00":              refusedURL,
		"https://api.example/\x7f":              refusedURL,
		"https://api.example/\xff":              refusedURL,
		`https://api.example\@b.example/`:       refusedURL,
		`https:\\api.example\`:                  refusedURL,
		`https://api.example/..\..\`:            refusedURL,
		"https://*.example/":                    refusedURL,
		"https://*":                             refusedURL,
		"https://api.example:*/":                refusedURL,
		"https://api.example:/":                 refusedURL,
		"https://api.example:0/":                refusedURL,
		"https://api.example:080/":              refusedURL,
		"https://api.example:65536/":            refusedURL,
		"https://api.example:8 0/":              refusedURL,
		"https://api.example:80:80/":            refusedURL,
		"https://api..example/":                 refusedURL,
		"https://.example/":                     refusedURL,
		"https://api%2eexample/":                refusedURL,
		"https://%31%32%37.0.0.1/":              refusedURL,
		"https://256.1.1.1/":                    refusedURL,
		"https://1.2.3.4.5/":                    refusedURL,
		"http://[::1/":                          refusedURL,
		"http://[::1%25lo]/":                    refusedURL,
		"http://[fe80::1%eth0]/":                refusedURL,
		"http://[127.0.0.1]/":                   refusedURL,
		"http://::1/":                           refusedURL,
		"https://api.example/%":                 refusedURL,
		"https://api.example/%4":                refusedURL,
		"https://api.example/%gg":               refusedURL,
		"https://api.example/%+1":               refusedURL,
		"https://user@api.example/":             refusedUserInfo,
		"https://user:password@api.example/":    refusedUserInfo,
		"https://api.example@127.0.0.1/":        refusedUserInfo,
		"https://@api.example/":                 refusedUserInfo,
		"https://api.example/../a":              refusedDotSegments,
		"https://api.example/a/..":              refusedDotSegments,
		"https://api.example/./a":               refusedDotSegments,
		"https://api.example/%2e%2e/a":          refusedDotSegments,
		"https://api.example/.%2E/a":            refusedDotSegments,
		"https://api.example/a/%2e":             refusedDotSegments,
		"https://a/" + strings.Repeat("b", 1e4): refusedLongURL,
	} {
		if got, refused := parsePlace(text); refused != want {
			t.Errorf("%q: %v, %v; want %v", text, got, refused, want)
		}
	}
}

// FuzzParsePlace shows that a place is written in one way, and that net/http sends it as it
// was compared, to the host that was compared, in a request of one line.
func FuzzParsePlace(f *testing.F) {
	for _, text := range []string{
		"https://api.example/a?b=c", "http://0x7f.1/%41", "https://bücher.example/ä", "http://[::1]:80//;%2f", `https://a/"<>?"<>`, "https://a/?#",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, refused := parsePlace(text)
		if refused != nil {
			return
		}
		if again, refused := parsePlace(p.String()); refused != nil || again != p {
			t.Fatalf("%q: %v, then %v, %v", text, p, again, refused)
		}
		if hasDotSegments(p.path) || p.path[0] != '/' {
			t.Fatalf("%q: the path %q", text, p.path)
		}
		u := p.url()
		if u.EscapedPath() != p.path || u.Host != p.origin.Authority() || u.User != nil || u.String() != p.String() {
			t.Fatalf("%q: %v, and for net/http %v", text, p, u)
		}
		var sent bytes.Buffer
		if err := (&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{"User-Agent": nil}}).Write(&sent); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		r, err := http.ReadRequest(bufio.NewReader(&sent))
		if err != nil || r.Host != p.origin.Authority() || r.RequestURI != strings.TrimPrefix(p.String(), p.origin.String()) || len(r.Header) > 0 {
			t.Fatalf("%q: %v, %v", text, r, err)
		}
	})
}
