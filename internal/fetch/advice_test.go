package fetch

import (
	"strings"
	"testing"
)

// TestMismatch shows what is said of a value that is nearly the page's origin.
func TestMismatch(t *testing.T) {
	for _, test := range []struct{ origin, value, want string }{
		{"https://app.example.com", "", "it is empty"},
		{"https://app.example.com", "null", `"null" is the origin of sandboxed pages and files only`},
		{"https://app.example.com", `"https://app.example.com"`, "take the quotes or spaces away"},
		{"https://app.example.com", "https://App.example.com", "they differ in case, and an origin is in lower case"},
		{"https://app.example.com", "https://app.example.com/", "an origin has no trailing slash"},
		{"https://app.example.com", "https://*.example.com", `browsers know no patterns here, only "*" alone`},
		{"https://app.example.com", "app.example.com", "an origin starts with its scheme"},
		{"https://app.example.com", "http://app.example.com", "the scheme differs"},
		{"https://app.example.com", "https://app.example.com:443", "the port differs, and a default port is left out"},
		{"http://localhost:3000", "http://localhost", "the port differs, and a default port is left out"},
		{"https://app.example.com", "https://app.example.com/login", "an origin ends behind the host and the port"},
		{"https://app.example.com", "https://www.example.com", ""},
		{"https://app.example.com", "https://%zz", ""},
		{"null", "https://app.example.com", "browsers send after a redirect to another origin, and from sandboxed pages"},
	} {
		b := Block{Rule: RuleAllowOriginMismatch, Origin: test.origin, Value: test.value, Lines: 1}
		if got := b.Reason(); !strings.HasSuffix(got, test.want+".") || test.want == "" && !strings.HasSuffix(got, `".`) {
			t.Errorf("%s for %s: %s", test.value, test.origin, got)
		}
	}
}

func TestFix(t *testing.T) {
	const app = "https://app.example.com"
	for _, test := range []struct {
		block       Block
		fix, advice string
	}{
		{Block{Rule: RuleAllowOriginMissing, Origin: app, Status: 200}, "Access-Control-Allow-Origin: " + app, ""},
		{Block{Rule: RuleAllowOriginWildcard, Origin: app}, "Access-Control-Allow-Origin: " + app, ""},
		{Block{Rule: RuleAllowOriginMissing, Origin: app, Status: 302}, "Access-Control-Allow-Origin: " + app, "Let the page call the URL that the redirect leads to."},
		{Block{Rule: RuleAllowOriginMissing, Origin: app, URL: "https://api.example/login", First: "https://api.example/"}, "Access-Control-Allow-Origin: " + app, "The request was redirected to https://api.example/login."},
		{Block{Rule: RuleAllowOriginMismatch, Origin: "null", URL: "https://api.example/"}, "", "After a redirect"},
		{Block{Rule: RuleAllowCredentials, Origin: app}, "Access-Control-Allow-Credentials: true", ""},
		{Block{Rule: RuleAllowMethods, Subject: "PUT"}, "Access-Control-Allow-Methods: PUT", ""},
		{Block{Rule: RuleAllowMethods, Subject: "PUT", Value: "GET, put"}, "Access-Control-Allow-Methods: GET, PUT", ""},
		{Block{Rule: RuleAllowMethods, Subject: "PUT", Value: "*"}, "Access-Control-Allow-Methods: PUT", ""},
		{Block{Rule: RuleAllowMethods, Subject: "patch", Value: "PATCH"}, "", "Let the page write PATCH."},
		{Block{Rule: RuleAllowMethodsMalformed, Value: `"GET" PUT;`}, "Access-Control-Allow-Methods: GET, PUT", ""},
		{Block{Rule: RuleAllowHeaders, Subject: "x-one", Value: "X-Two"}, "Access-Control-Allow-Headers: X-Two, x-one", ""},
		{Block{Rule: RuleAllowHeadersAuthorization, Subject: "authorization", Value: "*"}, "Access-Control-Allow-Headers: *, authorization", ""},
		{Block{Rule: RuleAllowHeadersMalformed, Value: "X-One X-Two"}, "Access-Control-Allow-Headers: X-One, X-Two", ""},
		{Block{Rule: RulePreflightRedirect, Status: 302}, "", "Let the page call the URL that the redirect leads to, or"},
		{Block{Rule: RulePreflightStatus, Status: 404}, "", "Answer preflights with status 204"},
		{Block{Rule: RuleForbiddenMethod}, "", "Let the page use another method."},
		{Block{Rule: RuleBadPort}, "", "Serve it on another port, such as 8080."},
		{Block{Rule: RuleMixedContent, URL: "http://api.example/x"}, "", "Let the page call https://api.example/x."},
		{Block{Rule: RuleRedirectLocation}, "", "Let the Location of the redirect be a URL"},
		{Block{Rule: RuleRedirectScheme}, "", "Let the Location of the redirect be a URL"},
		{Block{Rule: RuleRedirectCount}, "", "Let the page call the URL that the redirects are to lead to."},
		{Block{Rule: RuleRedirectCredentials}, "", "Take the user and the password out of the Location."},
	} {
		if got := test.block.Fix(); got != test.fix {
			t.Errorf("%+v: fix %q, want %q", test.block, got, test.fix)
		}
		if got := test.block.Advice(); !strings.HasPrefix(got, test.advice) || (got == "") != (test.advice == "") {
			t.Errorf("%+v: advice %q, want %q", test.block, got, test.advice)
		}
		if test.block.Rule.Source() == "" || test.block.Reason() == "" {
			t.Errorf("%+v has no source, or no reason", test.block)
		}
	}
}

// TestWhyUnsafe shows why a header needs leave.
func TestWhyUnsafe(t *testing.T) {
	long := Header{"Accept", strings.Repeat("a", 129)}
	var many []Header
	for range 9 {
		many = append(many, Header{"accept", strings.Repeat("a", 128)})
	}
	for _, test := range []struct {
		name    string
		headers []Header
		want    string
	}{
		{"x-one", []Header{{"X-One", "1"}}, "The header x-one is not safelisted"},
		{"content-type", []Header{{"Content-Type", "application/json"}}, `Content-Type "application/json" is none of the three that forms send`},
		{"range", []Header{{"Range", "bytes=-5"}}, `The value "bytes=-5" of range is not safelisted`},
		{"accept", []Header{{"Accept", "("}}, `The value "(" of accept is not safelisted`},
		{"accept", []Header{long}, "The value of accept has 129 bytes, more than 128"},
		{"accept", many, "The values of the safelisted headers, accept among them, have more than 1024 bytes together"},
	} {
		f := fetching{Request: Request{Header: test.headers}}
		if got := f.whyUnsafe(test.name); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestShort(t *testing.T) {
	if got, want := short("a\x1b[31m\u009b\u202eb\xff\n"), "a\uFFFD[31m\uFFFD\uFFFDb\uFFFD\uFFFD"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := short(strings.Repeat("x", 1000)); len(got) != maxShown+3 {
		t.Errorf("%d bytes", len(got))
	}
}
