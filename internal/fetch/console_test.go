package fetch

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The sentences of this file are those that real browsers said; see TestConsoles in e2e.

const (
	chromiumBlocked   = "Access to fetch at 'http://api.example/' from origin 'http://app.example' has been blocked by CORS policy: "
	chromiumPreflight = chromiumBlocked + "Response to preflight request doesn't pass access control check: "
	chromiumFix       = " Have the server send the header with a valid value."
	firefoxBlockedAt  = "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at http://api.example/. (Reason: "
)

// blocked completes a block of http://app.example at http://api.example/.
func blocked(b Block) Block {
	if b.URL == "" {
		b.URL = "http://api.example/"
	}
	if b.Origin == "" {
		b.Origin = "http://app.example"
	}
	if b.Status == 0 {
		b.Status = 200
	}
	if b.Page == "" {
		b.Page = b.Origin
	}
	if b.First == "" {
		b.First = b.URL
	}
	return b
}

func TestConsole(t *testing.T) {
	for _, test := range []struct {
		block Block
		want  [3]string // of Chromium, Firefox and WebKit
	}{
		{Block{Rule: RuleForbiddenMethod, Subject: "TRACE"}, [3]string{"", "", ""}},
		{Block{Rule: RuleBadPort, URL: "http://127.0.0.1:6000/"}, [3]string{
			"Failed to load resource: net::ERR_UNSAFE_PORT",
			"",
			"Not allowed to use restricted network port 6000: http://127.0.0.1:6000/",
		}},
		{Block{Rule: RuleMixedContent, Origin: "https://app.example"}, [3]string{
			"Mixed Content: The page at 'https://app.example/' was loaded over HTTPS, but requested an insecure resource 'http://api.example/'. This request has been blocked; the content must be served over HTTPS.",
			"Blocked loading mixed active content “http://api.example/”",
			"[blocked] The page at https://app.example/ requested insecure content from http://api.example/. This content was blocked and must be served over HTTPS.",
		}},
		{Block{Rule: RuleAllowOriginMissing, Status: 404}, [3]string{
			chromiumBlocked + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			firefoxBlockedAt + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 404.",
			"Origin http://app.example is not allowed by Access-Control-Allow-Origin. Status code: 404",
		}},
		{Block{Rule: RuleAllowOriginMissing, Preflight: true, Status: 405}, [3]string{
			chromiumPreflight + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			firefoxBlockedAt + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 405.",
			"Preflight response is not successful. Status code: 405",
		}},
		{Block{Rule: RuleAllowOriginMissing, Preflight: true, Status: 308}, [3]string{
			chromiumPreflight + "Redirect is not allowed for a preflight request.",
			firefoxBlockedAt + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 308.",
			"Preflight response is not successful. Status code: 308",
		}},
		{Block{Rule: RuleAllowOriginWildcard, Value: "*"}, [3]string{
			chromiumBlocked + "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'.",
			"Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at ‘http://api.example/’. (Reason: Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’).",
			"Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.",
		}},
		{Block{Rule: RuleAllowOriginSeveral, Value: "*, *"}, [3]string{
			chromiumBlocked + "The 'Access-Control-Allow-Origin' header contains multiple values '*, *', but only one is allowed." + chromiumFix,
			firefoxBlockedAt + "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed).",
			"Access-Control-Allow-Origin cannot contain more than one origin.",
		}},
		{Block{Rule: RuleAllowOriginSeveral, Value: "https://a.example https://b.example"}, [3]string{
			chromiumBlocked + "The 'Access-Control-Allow-Origin' header contains multiple values 'https://a.example https://b.example', but only one is allowed." + chromiumFix,
			firefoxBlockedAt + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘https://a.example https://b.example’).",
			"Origin http://app.example is not allowed by Access-Control-Allow-Origin. Status code: 200",
		}},
		{Block{Rule: RuleAllowOriginMismatch, Value: "http://app.example/"}, [3]string{
			chromiumBlocked + "The 'Access-Control-Allow-Origin' header has a value 'http://app.example/' that is not equal to the supplied origin." + chromiumFix,
			firefoxBlockedAt + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘http://app.example/’).",
			"Origin http://app.example is not allowed by Access-Control-Allow-Origin. Status code: 200",
		}},
		{Block{Rule: RuleAllowOriginMismatch, Value: "app.example"}, [3]string{
			chromiumBlocked + "The 'Access-Control-Allow-Origin' header contains the invalid value 'app.example'." + chromiumFix,
			firefoxBlockedAt + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘app.example’).",
			"Origin http://app.example is not allowed by Access-Control-Allow-Origin. Status code: 200",
		}},
		{Block{Rule: RuleAllowCredentials, Value: "True"}, [3]string{
			chromiumBlocked + "The value of the 'Access-Control-Allow-Credentials' header in the response is 'True' which must be 'true' when the request's credentials mode is 'include'.",
			firefoxBlockedAt + "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’).",
			`Credentials flag is true, but Access-Control-Allow-Credentials is not "true".`,
		}},
		{Block{Rule: RulePreflightRedirect, Preflight: true, Status: 307, Value: "/login"}, [3]string{
			chromiumPreflight + "Redirect is not allowed for a preflight request.",
			firefoxBlockedAt + "CORS request external redirect not allowed).",
			"Preflight response is not successful. Status code: 307",
		}},
		{Block{Rule: RulePreflightStatus, Preflight: true, Status: 401}, [3]string{
			chromiumPreflight + "It does not have HTTP ok status.",
			firefoxBlockedAt + "CORS preflight response did not succeed). Status code: 401.",
			"Preflight response is not successful. Status code: 401",
		}},
		{Block{Rule: RuleAllowMethodsMalformed, Preflight: true, Value: `GET, "PUT"`}, [3]string{
			chromiumBlocked + "Cannot parse Access-Control-Allow-Methods response header field in preflight response.",
			firefoxBlockedAt + "invalid token ‘\"PUT\"’ in CORS header ‘Access-Control-Allow-Methods’).",
			`Header Access-Control-Allow-Methods has an invalid value: GET, "PUT"`,
		}},
		{Block{Rule: RuleAllowHeadersMalformed, Preflight: true, Value: "X-One, X Two, X-Three"}, [3]string{
			chromiumBlocked + "Cannot parse Access-Control-Allow-Headers response header field in preflight response.",
			firefoxBlockedAt + "invalid token ‘X Two’ in CORS header ‘Access-Control-Allow-Headers’).",
			"Header Access-Control-Allow-Headers has an invalid value: X-One, X Two, X-Three",
		}},
		{Block{Rule: RuleAllowMethods, Preflight: true, Subject: "patch", Value: "PATCH"}, [3]string{
			chromiumBlocked + "Method patch is not allowed by Access-Control-Allow-Methods in preflight response.",
			firefoxBlockedAt + "Did not find method in CORS header ‘Access-Control-Allow-Methods’).",
			"Method patch is not allowed by Access-Control-Allow-Methods.",
		}},
		{Block{Rule: RuleAllowHeadersAuthorization, Preflight: true, Subject: "authorization", Value: "*"}, [3]string{"", "", ""}},
		{Block{Rule: RuleAllowHeaders, Preflight: true, Subject: "authorization", Value: "X-One"}, [3]string{
			chromiumBlocked + "Request header field authorization is not allowed by Access-Control-Allow-Headers in preflight response.",
			firefoxBlockedAt + "header ‘authorization’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response).",
			"Request header field Authorization is not allowed by Access-Control-Allow-Headers.",
		}},
		{Block{Rule: RuleAllowHeaders, Preflight: true, Subject: "x-one"}, [3]string{
			chromiumBlocked + "Request header field x-one is not allowed by Access-Control-Allow-Headers in preflight response.",
			firefoxBlockedAt + "header ‘x-one’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response).",
			"Request header field X-One is not allowed by Access-Control-Allow-Headers.",
		}},
		{Block{Rule: RuleRedirectLocation, Status: 302, Value: "http://[/"}, [3]string{
			"Failed to load resource: net::ERR_INVALID_REDIRECT",
			firefoxBlockedAt + "CORS request did not succeed). Status code: (null).",
			"Cross-origin redirection to http://[/ denied by Cross-Origin Resource Sharing policy: not allowed to follow a cross-origin CORS redirection with non CORS scheme",
		}},
		{Block{Rule: RuleRedirectScheme, Status: 302, Value: "app://localhost/"}, [3]string{
			"Access to fetch at 'app://localhost/' (redirected from 'http://api.example/') from origin 'http://app.example' has been blocked by CORS policy: Cross origin requests are only supported for protocol schemes: chrome, chrome-experimental-site-token-provider, chrome-extension, chrome-untrusted, data, http, https, isolated-app.",
			"Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at app://localhost/. (Reason: CORS request not http).",
			"Cross-origin redirection to app://localhost/ denied by Cross-Origin Resource Sharing policy: not allowed to follow a cross-origin CORS redirection with non CORS scheme",
		}},
		{Block{Rule: RuleRedirectScheme, Status: 302, Value: "data:text/plain,hello"}, [3]string{
			"Failed to load resource: net::ERR_UNSAFE_REDIRECT",
			"Redirecting to data: URI not allowed (Blocked loading of: “data:text/plain,hello”)",
			"Cross-origin redirection to data:text/plain,hello denied by Cross-Origin Resource Sharing policy: not allowed to follow a cross-origin CORS redirection with non CORS scheme",
		}},
		{Block{Rule: RuleRedirectScheme, Status: 302, Value: "file:///etc/hosts"}, [3]string{
			"Failed to load resource: net::ERR_UNSAFE_REDIRECT",
			"Security Error: Content at http://api.example/ may not load or link to file:///etc/hosts.",
			"Cross-origin redirection to file:///etc/hosts denied by Cross-Origin Resource Sharing policy: not allowed to follow a cross-origin CORS redirection with non CORS scheme",
		}},
		{Block{Rule: RuleRedirectScheme, Status: 302, Value: "ftp://api.example/"}, [3]string{
			"Access to fetch at 'ftp://api.example/' (redirected from 'http://api.example/') from origin 'http://app.example' has been blocked by CORS policy: Cross origin requests are only supported for protocol schemes: chrome, chrome-experimental-site-token-provider, chrome-extension, chrome-untrusted, data, http, https, isolated-app.",
			"Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at ftp://api.example/. (Reason: CORS request not http).",
			"FTP URLs are disabled",
		}},
		{Block{Rule: RuleRedirectCount, Status: 302, Value: "/"}, [3]string{
			"Failed to load resource: net::ERR_TOO_MANY_REDIRECTS",
			firefoxBlockedAt + "CORS request did not succeed). Status code: (null).",
			"Load cannot follow more than 20 redirections",
		}},
		{Block{Rule: RuleRedirectCredentials, Status: 302, Value: "http://user:password@other.example/"}, [3]string{
			chromiumBlocked + "Redirect location '' contains a username and password, which is disallowed for cross-origin requests.",
			firefoxBlockedAt + "CORS request did not succeed). Status code: (null).",
			"Cross-origin redirection to http://other.example/ denied by Cross-Origin Resource Sharing policy: redirection URL http://user:password@other.example/ has credentials",
		}},
	} {
		block := blocked(test.block)
		for i, engine := range Engines {
			if got := block.Console(engine); got != test.want[i] {
				t.Errorf("%+v: %s says\n%s\nwant\n%s", block, engine, got, test.want[i])
			}
		}
	}
}

// TestConsoleLines shows what redirects add, and what follows the line of the reason.
func TestConsoleLines(t *testing.T) {
	const (
		firefoxFailed = "CORS request did not succeed). Status code: (null)."
		webkitFailed  = "Fetch API cannot load http://api.example/ due to access control checks."
	)
	for _, test := range []struct {
		engine Engine
		block  Block
		want   []string
	}{
		{Chromium, Block{Rule: RuleAllowOriginMissing, Origin: "null", Page: "http://app.example", First: "http://first.example/"}, []string{
			"Access to fetch at 'http://api.example/' (redirected from 'http://first.example/') from origin 'http://app.example' has been blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			"Failed to load resource: net::ERR_FAILED",
		}},
		{Chromium, Block{Rule: RuleForbiddenMethod}, nil},
		{Firefox, Block{Rule: RuleAllowOriginSeveral, Value: "https://a.example, https://b.example", Lines: 1}, []string{
			firefoxBlockedAt + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘https://a.example, https://b.example’).",
		}},
		{Firefox, Block{Rule: RuleAllowMethods, Preflight: true}, []string{
			firefoxBlockedAt + "Did not find method in CORS header ‘Access-Control-Allow-Methods’).",
			firefoxBlockedAt + firefoxFailed,
		}},
		{Firefox, Block{Rule: RuleAllowOriginMissing, Status: 302}, []string{
			firefoxBlockedAt + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 302.",
			firefoxBlockedAt + firefoxFailed,
		}},
		{Firefox, Block{Rule: RuleAllowOriginMissing, Preflight: true, Status: 302}, []string{
			firefoxBlockedAt + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 302.",
			firefoxBlockedAt + firefoxFailed,
			firefoxBlockedAt + firefoxFailed,
		}},
		{Firefox, Block{Rule: RulePreflightRedirect, Preflight: true, Status: 307}, []string{
			firefoxBlockedAt + "CORS request external redirect not allowed).",
			firefoxBlockedAt + "CORS preflight response did not succeed). Status code: 307.",
			firefoxBlockedAt + firefoxFailed,
		}},
		{WebKit, Block{Rule: RuleAllowOriginWildcard, Status: 302, Location: "/next"}, []string{
			"Cross-origin redirection to http://api.example/next denied by Cross-Origin Resource Sharing policy: Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.",
			webkitFailed,
		}},
		{WebKit, Block{Rule: RuleMixedContent, URL: "http://127.0.0.1:3000/", Origin: "https://app.example"}, []string{
			"[blocked] The page at https://app.example/ requested insecure content from http://127.0.0.1:3000/. This content was blocked and must",
			"Not allowed to request resource",
			"Fetch API cannot load http://127.0.0.1:3000/ due to access control checks.",
		}},
		{Engine(9), Block{Rule: RuleAllowOriginMissing}, nil},
	} {
		block := blocked(test.block)
		if got := block.ConsoleLines(test.engine); !slices.Equal(got, test.want) {
			t.Errorf("%+v\n%s", block, strings.Join(got, "\n"))
		}
	}
}

// TestChromiumURL has values that Chromium says are invalid, and values that it says
// are only not equal.
func TestChromiumURL(t *testing.T) {
	for value, want := range map[string]bool{
		"null": true, "https://*.example.com": true, "http://LOCALHOST": true, "localhost:3000": true, "example.com:443": true,
		"app://localhost": true, "https:app.example.com": true, "https:///app.example.com": true, "https://a.example;https://b.example": true,
		"": false, "NULL": false, "undefined": false, "all": false, "example.com": false, "1.2.3.4": false, "http://": false,
		"//app.example.com": false, "https://app.example.com:99999": false, "http://localhost:*": false, "https://[::1": false,
		"https://a%25.example": false, `/\.example\.com$/`: false, `"*"`: false,
	} {
		if isChromiumURL(value) != want {
			t.Errorf("%q: %v", value, !want)
		}
	}
}

func TestException(t *testing.T) {
	for _, engine := range Engines {
		if got := (Block{Rule: RuleAllowOriginMissing}).Exception(engine); !slices.Contains([]string{
			"TypeError: Failed to fetch", "TypeError: NetworkError when attempting to fetch resource.", "TypeError: Load failed",
		}, got) {
			t.Errorf("%s: %s", engine, got)
		}
	}
	forbidden := Block{Rule: RuleForbiddenMethod, Subject: "TRACE"}
	for engine, want := range map[Engine]string{
		Chromium:  "TypeError: Failed to execute 'fetch' on 'Window': 'TRACE' HTTP method is unsupported.",
		Firefox:   "TypeError: Window.fetch: Invalid request method TRACE.",
		WebKit:    "TypeError: Method is forbidden.",
		Engine(9): "",
	} {
		if got := forbidden.Exception(engine); got != want {
			t.Errorf("%s", got)
		}
	}
}

// TestHostileConsole shows that a server's bytes neither reach a terminal nor grow.
func TestHostileConsole(t *testing.T) {
	value := "\x1b[31m\u202e\u0085\xff\x00" + strings.Repeat("é", 100_000)
	for _, rule := range []Rule{RuleAllowOriginMismatch, RuleAllowOriginSeveral, RuleAllowCredentials, RuleAllowHeadersMalformed,
		RuleAllowMethodsMalformed, RuleAllowMethods, RuleAllowHeaders, RuleRedirectLocation, RuleRedirectScheme, RuleRedirectCredentials, RuleMixedContent, RuleBadPort} {
		block := Block{Rule: rule, URL: value, Origin: value, Value: value, Subject: value, Page: value, First: value, Location: value}
		for _, engine := range Engines {
			for _, line := range append(block.ConsoleLines(engine), block.Exception(engine)) {
				if !utf8.ValidString(line) || strings.ContainsAny(line, "\x1b\u202e\u0085\x00") || len(line) > 8000 {
					t.Errorf("%s, %s: %d bytes: %q", rule, engine, len(line), line[:min(len(line), 200)])
				}
			}
		}
	}
}

func TestEngines(t *testing.T) {
	for i, want := range []string{"chromium", "firefox", "webkit"} {
		if got := Engines[i].String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
