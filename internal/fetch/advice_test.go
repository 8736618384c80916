package fetch

import (
	"net/http"
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
		{"null", "https://app.example.com", "browsers send after some redirects, and from sandboxed pages and files"},
	} {
		b := Block{Rule: RuleAllowOriginMismatch, Origin: test.origin, Value: test.value, Lines: 1}
		if got := b.Reason(); !strings.HasSuffix(got, test.want+".") || test.want == "" && !strings.HasSuffix(got, `".`) {
			t.Errorf("%s for %s: %s", test.value, test.origin, got)
		}
	}
}

// TestAnswer shows which answer would have passed: it does.
func TestAnswer(t *testing.T) {
	const app = "https://app.example.com"
	put := Asked{Origin: app, Method: "PUT", UnsafeNames: []string{"authorization", "x-one"}}
	get := Asked{Origin: app, Method: "GET"}
	with := func(a Asked) Asked {
		a.Credentials = true
		return a
	}
	null := Asked{Origin: "null", Method: "GET"}
	const lowerCase = "patch"
	longList := "X-" + strings.Repeat("x", 90) + ", X-" + strings.Repeat("y", 90) + ", X-" + strings.Repeat("z", 90)
	patch := Asked{Origin: app, Method: lowerCase}
	for _, test := range []struct {
		asked Asked
		block Block
		want  string
	}{
		{get, Block{Rule: RuleAllowOriginMissing}, "Allow-Origin: " + app + "; Vary: Origin"},
		{with(get), Block{Rule: RuleAllowOriginWildcard}, "Allow-Origin: " + app + "; Allow-Credentials: true; Vary: Origin"},
		{null, Block{Rule: RuleAllowOriginMissing, Origin: "null"}, "Allow-Origin: *"},
		{with(null), Block{Rule: RuleAllowOriginMissing, Origin: "null"}, ""},
		{put, Block{Rule: RuleAllowOriginMissing}, "Allow-Origin: " + app + "; Vary: Origin"},
		{put, Block{Rule: RuleAllowOriginMissing, Preflight: true}, "204 No Content; Allow-Origin: " + app + "; Allow-Methods: PUT; Allow-Headers: authorization, x-one; Vary: Origin"},
		{put, Block{Rule: RulePreflightStatus, Preflight: true}, "204 No Content; Allow-Origin: " + app + "; Allow-Methods: PUT; Allow-Headers: authorization, x-one; Vary: Origin"},
		{put, Block{Rule: RulePreflightRedirect, Preflight: true, Value: "/login"}, "204 No Content; Allow-Origin: " + app + "; Allow-Methods: PUT; Allow-Headers: authorization, x-one; Vary: Origin"},
		{with(put), Block{Rule: RuleAllowMethods, Preflight: true, Value: "GET, put, *"}, "204 No Content; Allow-Origin: " + app + "; Allow-Credentials: true; Allow-Methods: GET, PUT; Allow-Headers: authorization, x-one; Vary: Origin"},
		{put, Block{Rule: RuleAllowHeadersAuthorization, Preflight: true, Value: "*"}, "204 No Content; Allow-Origin: " + app + "; Allow-Methods: PUT; Allow-Headers: *, authorization, x-one; Vary: Origin"},
		{put, Block{Rule: RuleAllowHeadersMalformed, Preflight: true, Value: `X-One "X-Two"`}, "204 No Content; Allow-Origin: " + app + "; Allow-Methods: PUT; Allow-Headers: X-Two, authorization, x-one; Vary: Origin"},
		{put, Block{Rule: RuleAllowHeaders, Preflight: true, Value: longList}, "204 No Content; Allow-Origin: " + app + "; Allow-Methods: PUT; Allow-Headers: " + longList + ", authorization, x-one; Vary: Origin"},
		{patch, Block{Rule: RuleAllowMethods, Preflight: true, Subject: "patch"}, "204 No Content; Allow-Origin: " + app + "; Allow-Methods: PATCH; Vary: Origin"},
		{get, Block{Rule: RuleMixedContent}, ""},
		{get, Block{Rule: RuleRedirectCount}, ""},
	} {
		lines := test.block.Answer(test.asked)
		if got := strings.ReplaceAll(strings.Join(lines, "; "), "Access-Control-", ""); got != test.want {
			t.Errorf("%+v\ngot  %s\nwant %s", test.block, got, test.want)
		}
		if lines == nil {
			continue
		}
		if test.asked.Method == lowerCase {
			test.asked.Method = http.MethodPatch
		}
		block := test.asked.Check(header(lines...))
		if test.block.Preflight {
			block = test.asked.CheckPreflight(204, header(lines...))
		}
		if block != nil {
			t.Errorf("%q does not pass: %s", lines, block.Reason())
		}
	}
}

func TestAdvice(t *testing.T) {
	for _, test := range []struct {
		block Block
		want  string // what it starts with
	}{
		{Block{Rule: RuleAllowOriginMissing, Status: 200}, ""},
		{Block{Rule: RuleAllowOriginMissing, Status: 302}, "Let the page call the URL that the redirect leads to."},
		{Block{Rule: RuleAllowOriginMissing, URL: "https://api.example/login", First: "https://api.example/"}, "The request was redirected to https://api.example/login. If that is a login page"},
		{Block{Rule: RuleAllowOriginMismatch, Origin: "null", Page: "https://app.example.com", URL: "https://login.example/", First: "https://api.example/"}, "The request was redirected to https://login.example/, and since that is yet another origin"},
		{Block{Rule: RuleAllowOriginMismatch, Origin: "null", Page: "null", URL: "https://api.example/", First: "https://api.example/"}, "The page is in a sandboxed frame, or a file"},
		{Block{Rule: RulePreflightRedirect, Status: 302}, "Let the page call the URL that the redirect leads to, or"},
		{Block{Rule: RulePreflightStatus, Status: 404}, "Answer preflights with status 204"},
		{Block{Rule: RuleForbiddenMethod}, "Let the page use another method."},
		{Block{Rule: RuleAllowMethods, Subject: "PUT"}, ""},
		{Block{Rule: RuleAllowMethods, Subject: "patch"}, "Let the page write PATCH."},
		{Block{Rule: RuleBadPort}, "Serve it on another port, such as 8080."},
		{Block{Rule: RuleMixedContent, URL: "http://api.example/x"}, "Let the page call https://api.example/x."},
		{Block{Rule: RuleRedirectLocation}, "Let the redirect have one Location"},
		{Block{Rule: RuleRedirectScheme}, "Let the redirect have one Location"},
		{Block{Rule: RuleRedirectCount}, "Let the page call the URL that the redirects are to lead to."},
		{Block{Rule: RuleRedirectCredentials}, "Take the user and the password out of the Location."},
	} {
		if got := test.block.Advice(); !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%+v: advice %q, want %q", test.block, got, test.want)
		}
		if test.block.Source() == "" || test.block.Reason() == "" {
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
