package fetch

import "testing"

func TestIsToken(t *testing.T) {
	for s, want := range map[string]bool{
		"GET": true, "x-custom": true, "!#$%&'*+-.^_`|~09azAZ": true,
		"": false, "a b": false, "a,b": false, "a:b": false, "a\x00": false, "ä": false, "a\"": false, "(a)": false,
	} {
		if IsToken(s) != want {
			t.Errorf("IsToken(%q) = %v", s, !want)
		}
	}
}

func TestNormalizeMethod(t *testing.T) {
	for method, want := range map[string]string{
		"get": "GET", "Head": "HEAD", "pOST": "POST", "put": "PUT", "delete": "DELETE", "options": "OPTIONS",
		"patch": "patch", "PATCH": "PATCH", "report": "report", "chicken": "chicken",
	} {
		if got := NormalizeMethod(method); got != want {
			t.Errorf("NormalizeMethod(%q) = %q, want %q", method, got, want)
		}
	}
}

func TestForbiddenAndSafelisted(t *testing.T) {
	for _, test := range []struct {
		name string
		is   func(string) bool
		yes  []string
		no   []string
	}{
		{"forbidden method", IsForbiddenMethod, []string{"CONNECT", "trace", "Track"}, []string{"GET", "OPTIONS", "traces"}},
		{"safelisted method", IsSafelistedMethod, []string{"GET", "HEAD", "POST"}, []string{"get", "PUT", ""}},
		{"forbidden request header", IsForbiddenRequestHeader,
			[]string{"Cookie", "HOST", "sec-fetch-site", "Sec-", "Proxy-Authorization", "origin", "TE", "Access-Control-Request-Method"},
			[]string{"Authorization", "Content-Type", "Section", "X-Cookie", "User-Agent"}},
		{"forbidden response header", IsForbiddenResponseHeader, []string{"Set-Cookie", "set-cookie2"}, []string{"Cookie", "X-Total-Count"}},
		{"safelisted response header", IsSafelistedResponseHeader, []string{"Cache-Control", "content-language", "Content-Length", "CONTENT-TYPE", "Expires", "Last-Modified", "Pragma"}, []string{"Date", "Content-Encoding", "X-Total-Count", ""}},
	} {
		for _, s := range test.yes {
			if !test.is(s) {
				t.Errorf("%q is no %s", s, test.name)
			}
		}
		for _, s := range test.no {
			if test.is(s) {
				t.Errorf("%q is a %s", s, test.name)
			}
		}
	}
}
