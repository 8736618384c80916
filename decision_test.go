package caddycors

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/origintest"
)

// provision loads a handler as Caddy does, but for its log.
func provision(t testing.TB, h *Handler) *Handler {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	h.logger = zap.NewNop()
	return h
}

func TestDecide(t *testing.T) {
	listed := &Policy{AllowOrigins: []string{"https://app.example.com", "http://localhost:*"}, AllowMethods: []string{"PUT", "get"}, AllowHeaders: []string{"X-One", "Authorization"}}
	every := &Policy{AllowOrigins: []string{"*"}}
	all := &Policy{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}}
	withCookies := &Policy{AllowOrigins: []string{"*"}, AllowCredentials: true, DangerouslyAllow: []string{"any_origin_with_credentials"}}
	none := &Policy{AllowOrigins: []string{"none"}}
	opaque := &Policy{AllowOrigins: []string{"null", "file://"}, DangerouslyAllow: []string{"null_origin"}}
	regex := &Policy{AllowOriginRegex: []string{`https://pr-[0-9]+\.example\.net|https://x\.example`, `.*`}}
	narrow := &Policy{Name: "narrow", AllowOrigins: []string{"https://app.example.com"}, AllowMethods: []string{"GET"}}
	wide := &Policy{Name: "wide", AllowOrigins: []string{"https://*.example.com"}}

	const preflight = "OPTIONS\nAccess-Control-Request-Method: PUT\nOrigin: https://app.example.com"
	for _, test := range []struct {
		name     string
		policies []*Policy
		request  string // method, then header lines
		want     string // kind, outcome, reason, policy
	}{
		{"no origin", []*Policy{listed}, "GET", "other not_cors"},
		{"no origin, every origin allowed", []*Policy{every}, "GET", "other not_cors"},
		{"a preflight without an origin is no CORS", []*Policy{listed}, "OPTIONS\nAccess-Control-Request-Method: PUT", "other not_cors"},
		{"an allowed origin", []*Policy{listed}, "GET\nOrigin: https://app.example.com", "actual allowed policy0"},
		{"any port", []*Policy{listed}, "GET\nOrigin: http://localhost:5173", "actual allowed policy0"},
		{"another origin", []*Policy{listed}, "GET\nOrigin: https://evil.example", "actual denied origin_not_allowed"},
		{"another scheme", []*Policy{listed}, "GET\nOrigin: http://app.example.com", "actual denied origin_not_allowed"},
		{"null", []*Policy{listed}, "GET\nOrigin: null", "actual denied origin_not_allowed"},
		{"an empty origin is malformed", []*Policy{listed}, "GET\nOrigin: ", "actual denied origin_malformed"},
		{"upper case is malformed", []*Policy{listed}, "GET\nOrigin: https://App.example.com", "actual denied origin_malformed"},
		{"two origins are malformed", []*Policy{listed}, "GET\nOrigin: https://app.example.com\nOrigin: https://app.example.com", "actual denied origin_malformed"},
		{"a malformed origin matches *", []*Policy{every}, "GET\nOrigin: https://app.example.com/", "actual allowed policy0"},
		{"two origins match *", []*Policy{every}, "GET\nOrigin: https://a.example\nOrigin: https://b.example", "actual allowed policy0"},
		{"a malformed origin does not match * with credentials", []*Policy{withCookies}, "GET\nOrigin: https://app.example.com/", "actual denied origin_malformed"},
		{"null matches *", []*Policy{every}, "GET\nOrigin: null", "actual allowed policy0"},
		{"null matches * with credentials", []*Policy{withCookies}, "GET\nOrigin: null", "actual allowed policy0"},
		{"none", []*Policy{none}, "GET\nOrigin: https://a.example", "actual denied origin_not_allowed"},
		{"null where it is listed", []*Policy{opaque}, "GET\nOrigin: null", "actual allowed policy0"},
		{"file:// where it is listed", []*Policy{opaque}, "GET\nOrigin: file://", "actual allowed policy0"},
		{"a regex matches", []*Policy{regex}, "GET\nOrigin: https://pr-17.example.net", "actual allowed policy0"},
		{"a regex sees no null", []*Policy{regex}, "GET\nOrigin: null", "actual denied origin_not_allowed"},
		{"a regex sees no malformed origin", []*Policy{regex}, "GET\nOrigin: https://a.example/", "actual denied origin_malformed"},
		{"the first policy that matches decides", []*Policy{narrow, wide}, preflight, "preflight denied method_not_allowed narrow"},
		{"a policy that does not match is passed over", []*Policy{narrow, wide}, strings.Replace(preflight, "app", "b", 1), "preflight allowed wide"},

		{"a method of a request is not tested", []*Policy{listed}, "DELETE\nOrigin: https://app.example.com", "actual allowed policy0"},
		{"GET with Access-Control-Request-Method is no preflight", []*Policy{listed}, "GET\nOrigin: https://app.example.com\nAccess-Control-Request-Method: DELETE", "actual allowed policy0"},
		{"OPTIONS without Access-Control-Request-Method is no preflight", []*Policy{listed}, "OPTIONS\nOrigin: https://app.example.com", "actual allowed policy0"},
		{"preflight", []*Policy{listed}, preflight, "preflight allowed policy0"},
		{"preflight of another origin", []*Policy{listed}, strings.Replace(preflight, "app", "evil", 1), "preflight denied origin_not_allowed"},
		{"preflight of a malformed origin", []*Policy{listed}, preflight + "/", "preflight denied origin_malformed"},
		{"preflight of the same origin", []*Policy{none}, preflight + "\nHost: app.example.com", "preflight denied origin_not_allowed"},
		{"a method that is not allowed", []*Policy{listed}, strings.Replace(preflight, "PUT", "DELETE", 1), "preflight denied method_not_allowed policy0"},
		{"methods have a case", []*Policy{listed}, strings.Replace(preflight, "PUT", "put", 1), "preflight denied method_not_allowed policy0"},
		{"POST is always allowed", []*Policy{listed}, strings.Replace(preflight, "PUT", "POST", 1), "preflight allowed policy0"},
		{"GET is always allowed", []*Policy{listed}, strings.Replace(preflight, "PUT", "GET", 1), "preflight allowed policy0"},
		{"PATCH by default", []*Policy{every}, strings.Replace(preflight, "PUT", "PATCH", 1), "preflight allowed policy0"},
		{"* allows any method", []*Policy{all}, strings.Replace(preflight, "PUT", "patch", 1), "preflight allowed policy0"},
		{"* does not allow a forbidden method", []*Policy{all}, strings.Replace(preflight, "PUT", "Trace", 1), "preflight denied method_not_allowed policy0"},
		{"* does not allow what is no method", []*Policy{all}, strings.Replace(preflight, "PUT", "a b", 1), "preflight denied method_not_allowed policy0"},
		{"an empty method", []*Policy{all}, strings.Replace(preflight, "PUT", "", 1), "preflight denied method_not_allowed policy0"},
		{"two methods", []*Policy{all}, preflight + "\nAccess-Control-Request-Method: PUT", "preflight denied method_not_allowed policy0"},

		{"an allowed header", []*Policy{listed}, preflight + "\nAccess-Control-Request-Headers: x-one", "preflight allowed policy0"},
		{"headers in any case and order, with spaces and empty items", []*Policy{listed}, preflight + "\nAccess-Control-Request-Headers: ,X-ONE ,\t, authorization,", "preflight allowed policy0"},
		{"headers over several lines", []*Policy{listed}, preflight + "\nAccess-Control-Request-Headers: x-one\nAccess-Control-Request-Headers: Authorization", "preflight allowed policy0"},
		{"no headers in an empty line", []*Policy{listed}, preflight + "\nAccess-Control-Request-Headers: ", "preflight allowed policy0"},
		{"a header that is not allowed", []*Policy{listed}, preflight + "\nAccess-Control-Request-Headers: x-one,x-two", "preflight denied header_not_allowed policy0"},
		{"a header that is not allowed, on the second line", []*Policy{listed}, preflight + "\nAccess-Control-Request-Headers: x-one\nAccess-Control-Request-Headers: x-two", "preflight denied header_not_allowed policy0"},
		{"as many empty items as are put up with", []*Policy{listed}, preflight + "\nAccess-Control-Request-Headers: x-one" + strings.Repeat(",", maxEmptyItems), "preflight allowed policy0"},
		{"more empty items than that", []*Policy{all}, preflight + "\nAccess-Control-Request-Headers: x-one" + strings.Repeat(", \t", maxEmptyItems+1), "preflight denied header_not_allowed policy0"},
		{"more empty lines than that", []*Policy{all}, preflight + strings.Repeat("\nAccess-Control-Request-Headers: ", maxEmptyItems+1), "preflight denied header_not_allowed policy0"},
		{"as long a list as may be", []*Policy{all}, preflight + "\nAccess-Control-Request-Headers: x-one\nAccess-Control-Request-Headers: " + strings.Repeat("a", maxRequestedBytes-len("x-one")), "preflight allowed policy0"},
		{"a longer list", []*Policy{all}, preflight + "\nAccess-Control-Request-Headers: x-one\nAccess-Control-Request-Headers: " + strings.Repeat("a", maxRequestedBytes), "preflight denied header_not_allowed policy0"},
		{"a malformed list", []*Policy{listed}, preflight + "\nAccess-Control-Request-Headers: x-one;x-one", "preflight denied header_not_allowed policy0"},
		{"a letter that only looks like k", []*Policy{{AllowOrigins: []string{"*"}, AllowHeaders: []string{"x-token"}}}, preflight + "\nAccess-Control-Request-Headers: X-to\u212Aen", "preflight denied header_not_allowed policy0"},
		{"a malformed list under *", []*Policy{all}, preflight + "\nAccess-Control-Request-Headers: x one", "preflight denied header_not_allowed policy0"},
		{"* allows any header", []*Policy{all}, preflight + "\nAccess-Control-Request-Headers: x-any,content-type", "preflight allowed policy0"},
		{"* does not allow Authorization", []*Policy{all}, preflight + "\nAccess-Control-Request-Headers: authorization", "preflight denied header_not_allowed policy0"},
		{"* does not allow Authorization in any case", []*Policy{all}, preflight + "\nAccess-Control-Request-Headers: AUTHORIZATION", "preflight denied header_not_allowed policy0"},
		{"Authorization by default", []*Policy{every}, preflight + "\nAccess-Control-Request-Headers: authorization,x-any", "preflight allowed policy0"},
		{"the method is tested first", []*Policy{listed}, strings.Replace(preflight, "PUT", "DELETE", 1) + "\nAccess-Control-Request-Headers: x-two", "preflight denied method_not_allowed policy0"},

		{"same origin by Sec-Fetch-Site", []*Policy{listed}, "POST\nOrigin: https://api.example.com\nSec-Fetch-Site: same-origin", "actual same_origin"},
		{"same origin by Sec-Fetch-Site, whatever the Origin", []*Policy{listed}, "POST\nOrigin: null\nSec-Fetch-Site: same-origin", "actual same_origin"},
		{"Sec-Fetch-Site overrules Host", []*Policy{listed}, "POST\nOrigin: https://api.example.com\nHost: api.example.com\nSec-Fetch-Site: same-site", "actual denied origin_not_allowed"},
		{"a repeated Sec-Fetch-Site is none", []*Policy{listed}, "POST\nOrigin: https://api.example.com\nHost: api.example.com\nSec-Fetch-Site: same-origin\nSec-Fetch-Site: same-origin", "actual denied origin_not_allowed"},
		{"an empty Sec-Fetch-Site is none", []*Policy{listed}, "POST\nOrigin: https://api.example.com\nHost: api.example.com\nSec-Fetch-Site: ", "actual denied origin_not_allowed"},
		{"same origin by Host", []*Policy{listed}, "POST\nOrigin: https://api.example.com\nHost: api.example.com", "actual same_origin"},
		{"same origin by Host, without case", []*Policy{listed}, "POST\nOrigin: https://api.example.com\nHost: API.example.com", "actual same_origin"},
		{"same origin by Host with the default port", []*Policy{listed}, "POST\nOrigin: https://api.example.com\nHost: api.example.com:443", "actual same_origin"},
		{"the other scheme's default port is a port", []*Policy{listed}, "POST\nOrigin: https://api.example.com\nHost: api.example.com:80", "actual denied origin_not_allowed"},
		{"same origin by Host and port", []*Policy{none}, "POST\nOrigin: http://localhost:8000\nHost: localhost:8000", "actual same_origin"},
		{"another port is another origin", []*Policy{none}, "POST\nOrigin: http://localhost:3000\nHost: localhost:8000", "actual denied origin_not_allowed"},
		{"schemes are not compared", []*Policy{none}, "POST\nOrigin: https://localhost:8000\nHost: localhost:8000", "actual same_origin"},
		{"a malformed origin is never the same", []*Policy{none}, "POST\nOrigin: https://api.example.com/\nHost: api.example.com/", "actual denied origin_malformed"},
		{"null is never the same by Host", []*Policy{none}, "POST\nOrigin: null\nHost: ", "actual denied origin_not_allowed"},
		{"a policy comes before the same origin", []*Policy{listed}, "POST\nOrigin: https://app.example.com\nHost: app.example.com", "actual allowed policy0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := provision(t, &Handler{Policies: test.policies})
			d := h.policies.decide(newRequest(test.request))
			got := strings.Join(strings.Fields(d.kind.String()+" "+d.outcome.String()+" "+d.reason.String()+" "+d.policyName()), " ")
			if got != test.want {
				t.Errorf("%s\ngot %s, want %s", test.request, got, test.want)
			}
		})
	}
}

// newRequest makes a request of a method and header lines.
func newRequest(text string) *http.Request {
	method, lines, _ := strings.Cut(text, "\n")
	r := &http.Request{Method: method, Header: make(http.Header), Host: "server.example"}
	corstest.AddHeaders(r, lines)
	return r
}

// FuzzDecide holds what a response may say against what a request asked.
func FuzzDecide(f *testing.F) {
	for _, seed := range [][4]string{
		{"GET", "https://app.example.com", "", ""},
		{"OPTIONS", "https://app.example.com", "PUT", "content-type,authorization"},
		{"OPTIONS", "https://x.example.org", "patch", "a,,b ,\tc"},
		{"OPTIONS", "null", "TRACE", "a b"},
		{"OPTIONS", "https://app.example.com/", "GET\r\nX: y", "x,\x00"},
		{"GET", "https://app.example.com\nhttps://x.example.org", "", ""},
		{"OPTIONS", "\nhttps://app.example.com", "PUT", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	patterns := []string{"https://app.example.com", "https://*.example.org", "https://shop-*.example.com", "http://localhost:*", "app://obsidian.md"}
	pairs, err := origintest.Pairs()
	if err != nil {
		f.Fatal(err)
	}
	for _, pair := range pairs {
		if slices.Contains(patterns, pair.Pattern) {
			f.Add("GET", pair.Origin, "", "")
		}
	}
	cookies := provision(f, &Handler{Policies: []*Policy{{AllowOrigins: patterns, AllowCredentials: true, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}}}})
	open := provision(f, &Handler{Policies: []*Policy{{AllowOrigins: []string{"*"}}}})
	f.Fuzz(func(t *testing.T, method, origin, requestMethod, requestHeaders string) {
		lines := strings.Split(origin, "\n")
		r := &http.Request{Method: method, Host: "server.example", Header: http.Header{
			headerOrigin: lines, headerRequestMethod: {requestMethod}, headerRequestHeaders: {requestHeaders},
		}}
		trusted := len(lines) == 1 && slices.ContainsFunc(patterns, func(pattern string) bool { return origintest.Matches(pattern, origin) })
		for _, h := range []*Handler{cookies, open} {
			d := h.policies.decide(r)
			if (d.outcome == outcomeDenied) != (d.reason != reasonNone) || (d.outcome == outcomeAllowed) && d.policy == nil {
				t.Fatalf("%+v", d)
			}
			w := newRecorder()
			if err := h.ServeHTTP(w, r, emptyHandler); err != nil {
				t.Fatal(err)
			}
			granted := w.header.Get(headerAllowOrigin)
			if h == open && (granted != "*" || w.header.Get(headerVary) != "") {
				t.Fatalf("every origin is allowed, and the answer is %d %v", w.status, w.header)
			}
			if h == cookies && (granted != "") != trusted || granted != "" && granted != "*" && granted != origin {
				t.Fatalf("Origin %q, which the slow matcher trusts: %v; Access-Control-Allow-Origin %q", origin, trusted, granted)
			}
			if d.kind == kindPreflight && (granted == "") != (w.status == http.StatusForbidden) {
				t.Fatalf("status %d, Access-Control-Allow-Origin %q", w.status, granted)
			}
			// A browser makes of the answer what was decided.
			verdict := newCORSHeaders(d, r, w.status, w.header).verdict
			if want := verdictOf(d); verdict != want {
				t.Fatalf("%+v is judged %s: %d %v", d, verdict, w.status, w.header)
			}
			for name, values := range w.header {
				if len(values) != 1 || strings.ContainsAny(values[0], "\r\n\x00") {
					t.Fatalf("%s: %q", name, values)
				}
			}
			if names := w.header.Get(headerAllowHeaders); h == cookies && (names != strings.ToLower(names) || strings.ContainsAny(names, " \t") || strings.Contains(names, ",,")) {
				t.Fatalf("Access-Control-Allow-Headers: %q", names)
			}
		}
	})
}

// verdictOf returns what a browser should make of the answer to a request.
func verdictOf(d decision) verdict {
	switch {
	case d.outcome != outcomeAllowed:
		return verdictBlocked
	case d.policy.credentials:
		return verdictAllowedWithCredentials
	}
	return verdictAllowed
}

// emptyHandler writes nothing.
var emptyHandler = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })

// recorder is a response writer that remembers.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func newRecorder() *recorder { return &recorder{header: make(http.Header)} }

func (w *recorder) Header() http.Header    { return w.header }
func (w *recorder) WriteHeader(status int) { w.status = status }
func (w *recorder) Write(p []byte) (int, error) {
	w.body = append(w.body, p...)
	return len(p), nil
}
