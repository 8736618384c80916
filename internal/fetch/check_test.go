package fetch

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// header makes a header of lines.
func header(lines ...string) http.Header {
	h := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

func TestCheck(t *testing.T) {
	const (
		origin = "Access-Control-Allow-Origin: https://app.example.com"
		yes    = "Access-Control-Allow-Credentials: true"
	)
	for _, test := range []struct {
		lines       []string
		plain, with Rule // without credentials, and with them
	}{
		{nil, RuleAllowOriginMissing, RuleAllowOriginMissing},
		{[]string{"Access-Control-Allow-Origin: *"}, "", RuleAllowOriginWildcard},
		{[]string{"Access-Control-Allow-Origin: *", yes}, "", RuleAllowOriginWildcard},
		{[]string{origin}, "", RuleAllowCredentials},
		{[]string{origin, yes}, "", ""},
		{[]string{origin, "Access-Control-Allow-Credentials: TRUE"}, "", RuleAllowCredentials},
		{[]string{origin, yes, yes}, "", RuleAllowCredentials},
		{[]string{origin, origin}, RuleAllowOriginSeveral, RuleAllowOriginSeveral},
		{[]string{origin + "/"}, RuleAllowOriginMismatch, RuleAllowOriginMismatch},
		{[]string{"Access-Control-Allow-Origin: null"}, RuleAllowOriginMismatch, RuleAllowOriginMismatch},
		{[]string{"Access-Control-Allow-Origin: "}, RuleAllowOriginMismatch, RuleAllowOriginMismatch},
	} {
		for credentials, want := range map[bool]Rule{false: test.plain, true: test.with} {
			var got Rule
			if block := (Asked{Origin: "https://app.example.com", Credentials: credentials}).Check(header(test.lines...)); block != nil {
				got = block.Rule
			}
			if got != want {
				t.Errorf("%q, credentials %v: %q, want %q", test.lines, credentials, got, want)
			}
		}
	}
}

// TestCheckUpload is about the list of methods in the answer to a preflight: an upload that is
// listened to needs none, if there is none.
func TestCheckUpload(t *testing.T) {
	for _, test := range []struct {
		upload bool
		lines  []string
		want   Rule
	}{
		{true, nil, ""},
		{true, []string{"Access-Control-Allow-Methods: PUT"}, ""},
		{true, []string{"Access-Control-Allow-Methods: DELETE"}, RuleAllowMethods},
		{true, []string{"Access-Control-Allow-Methods: "}, RuleAllowMethods},
		{false, nil, RuleAllowMethods},
	} {
		var got Rule
		asked := Asked{Origin: "https://app.example.com", Method: "PUT", Upload: test.upload}
		if block := asked.CheckPreflight(204, header(append(test.lines, "Access-Control-Allow-Origin: *")...)); block != nil {
			got = block.Rule
		}
		if got != test.want {
			t.Errorf("%q, upload %v: %q, want %q", test.lines, test.upload, got, test.want)
		}
	}
}

func TestByBrowser(t *testing.T) {
	for _, test := range []struct {
		asked Asked
		want  bool
	}{
		{Asked{Method: "PURGE", UnsafeNames: []string{"x-one"}}, true},
		{Asked{Method: "TRACE"}, false},
		{Asked{Method: "a b"}, false},
		{Asked{Method: ""}, false},
		{Asked{Method: "PUT", UnsafeNames: []string{"x-one", "x two"}}, false},
	} {
		if got := test.asked.ByBrowser(); got != test.want {
			t.Errorf("%+v: %v", test.asked, got)
		}
	}
}

func TestEachItem(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  string
		ok    bool
	}{
		{nil, "", true},
		{[]string{""}, "", true},
		{[]string{"a,b", "c"}, "a b c", true},
		{[]string{" a\t, ,, b "}, "a b", true},
		{[]string{"*"}, "*", true},
		{[]string{"a b"}, "", false},
		{[]string{"a", "(b)"}, "a", false},
		{[]string{"a;b"}, "", false},
		{[]string{"a,\x00"}, "a", false},
	} {
		var items []string
		ok := eachItem(test.lines, func(item string) { items = append(items, item) })
		if got := strings.Join(items, " "); got != test.want || ok != test.ok {
			t.Errorf("%q: %q, %v", test.lines, got, ok)
		}
	}
}

func TestMaxAge(t *testing.T) {
	for _, test := range []struct {
		lines   []string
		seconds int
		said    bool
	}{
		{nil, 5, false},
		{[]string{"600"}, 600, true},
		{[]string{"0"}, 0, true},
		{[]string{"007"}, 7, true},
		{[]string{""}, 5, false},
		{[]string{"-1"}, 5, false},
		{[]string{"10m"}, 5, false},
		{[]string{"1.5"}, 5, false},
		{[]string{"600, 600"}, 5, false},
		{[]string{"600", "600"}, 5, false},
		{[]string{"99999999999999999999"}, maxMaxAge, true},
	} {
		if seconds, said := MaxAge(http.Header{maxAge: test.lines}); seconds != test.seconds || said != test.said {
			t.Errorf("%q: %d, %v", test.lines, seconds, said)
		}
	}
	for e, want := range map[Engine]int{Chromium: 7200, Firefox: 86400, WebKit: 600} {
		if e.MaxAgeCap() != want {
			t.Errorf("%v: %d", e, e.MaxAgeCap())
		}
	}
}

func TestExposedNames(t *testing.T) {
	for _, test := range []struct {
		lines       []string
		credentials bool
		want        string
	}{
		{nil, false, "cache-control content-type"},
		{[]string{"X-One, x-two"}, true, "cache-control content-type X-One X-Two"},
		{[]string{"X-One", "x-two"}, false, "cache-control content-type X-One X-Two"},
		{[]string{"*"}, false, "cache-control content-type X-One X-Two *"},
		{[]string{"*"}, true, "cache-control content-type *"},
		{[]string{"X-One, x two"}, false, "cache-control content-type"},
		{[]string{"Set-Cookie"}, false, "cache-control content-type"},
	} {
		exposed := exposedNames(http.Header{exposeHeaders: test.lines}, test.credentials)
		names := slices.DeleteFunc([]string{"cache-control", "content-type", "X-One", "X-Two", "*", "set-cookie", "Set-Cookie2"}, func(name string) bool { return !exposed(name) })
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%q, credentials %v: %q, want %q", test.lines, test.credentials, got, test.want)
		}
	}
}
