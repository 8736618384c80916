package caddycors

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestReportOnly shows what report_only logs of a backend that answers for itself.
// Lines are without what they say of the request.
func TestReportOnly(t *testing.T) {
	const (
		differs = "the response's CORS headers are not the policy's: "
		denied  = "cross-origin request denied: "
		addIt   = ", if you trust this origin, write \"allow_origins https://evil.example\""
		opens   = ", browsers keep this response from the page now; under the policy they would not"
	)
	put := preflight + "\nAccess-Control-Request-Headers: x-one"
	for _, test := range []struct {
		name, options, backend, request string
		want                            []string
	}{
		{"the same", "", "header Access-Control-Allow-Origin https://app.example.com", get, nil},
		{"the same, and what browsers do not read", "", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Methods PUT", get, nil},
		{"nothing", "", "respond hi", get, []string{
			differs + "map[verdict:blocked] map[Access-Control-Allow-Origin:https://app.example.com verdict:allowed]" + opens,
		}},
		{"every origin, of one that is allowed", "", "header Access-Control-Allow-Origin *", get, []string{
			differs + "map[Access-Control-Allow-Origin:* verdict:allowed] map[Access-Control-Allow-Origin:https://app.example.com verdict:allowed]",
		}},
		{"every origin, of one that is not", "", "header Access-Control-Allow-Origin *", getOther, []string{
			denied + addIt[2:],
			differs + "map[Access-Control-Allow-Origin:* verdict:allowed] map[verdict:blocked]" + addIt,
		}},
		{"twice", "", "header Access-Control-Allow-Origin *\nheader +Access-Control-Allow-Origin *", get, []string{
			differs + "map[Access-Control-Allow-Origin:*, * verdict:blocked] map[Access-Control-Allow-Origin:https://app.example.com verdict:allowed]" + opens,
		}},
		{"no origin", "", "header Access-Control-Allow-Origin *", getNoOrigin, nil},
		{"same origin", "", "header Access-Control-Allow-Origin *", "POST /\nOrigin: http://$A", nil},
		{"cookies", "", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Credentials true", get, []string{
			differs + "map[Access-Control-Allow-Credentials:true verdict:allowed_with_credentials] map[verdict:allowed], if pages send cookies, write allow_credentials",
		}},
		{"names that are exposed", "expose_headers x-two X-One", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Expose-Headers X-One,X-Two", get, nil},
		{"more names that are exposed", "expose_headers X-One", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Expose-Headers *", get, []string{
			differs + "map[Access-Control-Expose-Headers:* verdict:allowed] map[Access-Control-Expose-Headers:X-One verdict:allowed], if pages read these headers, name them in expose_headers",
		}},
		{"fewer names that are exposed", "expose_headers *", "header Access-Control-Allow-Origin https://app.example.com", get, []string{
			differs + "map[verdict:allowed] map[Access-Control-Expose-Headers:* verdict:allowed]",
		}},
		{"names that are exposed with credentials", "allow_credentials\nexpose_headers *", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Credentials true\nheader Access-Control-Expose-Headers X-Other\nheader -Server", get, []string{
			differs + "map[Access-Control-Expose-Headers:X-Other verdict:allowed_with_credentials] map[Access-Control-Expose-Headers:Content-Length, Content-Type, Date, Vary, Via verdict:allowed_with_credentials], if pages read these headers, name them in expose_headers",
		}},
		{"a star exposes nothing with credentials", "allow_credentials\nexpose_headers X-One", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Credentials true\nheader Access-Control-Expose-Headers *,X-One", get, []string{
			differs + "map[Access-Control-Expose-Headers:*,X-One verdict:allowed_with_credentials] map[Access-Control-Expose-Headers:X-One verdict:allowed_with_credentials]",
		}},
		{"names that need no leave", "", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Expose-Headers Content-Length,Set-Cookie", get, nil},
		{"a preflight does not expose", "allow_methods PUT", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Methods PUT\nheader Access-Control-Allow-Headers X-One\nheader Access-Control-Expose-Headers X-Two\nheader Access-Control-Max-Age 600\nrespond 204", put, []string{
			differs + "map[Access-Control-Allow-Headers:X-One status:204 verdict:allowed] map[Access-Control-Allow-Headers:*, Authorization status:204 verdict:allowed]",
		}},
		{"more with cookies", "allow_credentials", "header Access-Control-Allow-Origin *", get, []string{
			differs + "map[Access-Control-Allow-Origin:* verdict:allowed] map[Access-Control-Allow-Credentials:true Access-Control-Allow-Origin:https://app.example.com verdict:allowed_with_credentials], under the policy, pages may send cookies, too",
		}},
		{"a 304", "", "respond 304", get, nil},
		{"a name twice", "expose_headers X-One", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Expose-Headers X-One,x-one", get, nil},
		{"credentials that are not true", "", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Credentials false", get, nil},
		{"a navigation", "", "respond hi", "POST /\nOrigin: https://app.example.com\nSec-Fetch-Mode: navigate", nil},
		{"a fetch", "", "header Access-Control-Allow-Origin https://app.example.com", get + "\nSec-Fetch-Mode: cors", nil},
		{"a WebSocket", "", "respond hi 101", get + webSocket, nil},
		{"a list that no page has", "", "respond hi", preflight + "\nAccess-Control-Request-Headers: " + strings.Repeat("x-a,", 1000) + "\nAccess-Control-Request-Headers: " + strings.Repeat("x-b,", 1100), nil},
		{"a list that no backend has", "", "header Access-Control-Expose-Headers " + strings.Repeat("x-a,", 2100), get, nil},
		{"kept", "upstream_headers keep", "header Access-Control-Allow-Origin *", get, nil},
		{"no answer", "", "abort", get, []string{
			differs + "map[verdict:blocked] map[Access-Control-Allow-Origin:https://app.example.com verdict:allowed]" + opens,
		}},

		{"the same preflight", "", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Methods \"PATCH, DELETE,PUT\"\nheader Access-Control-Allow-Headers authorization,*\nheader Access-Control-Max-Age 600\nrespond 200", put, nil},
		{"a preflight that fails by its status", "", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Methods \"PATCH, DELETE,PUT\"\nheader Access-Control-Allow-Headers authorization,*\nheader Access-Control-Max-Age 600\nrespond 405", put, []string{
			differs + "map[status:405 verdict:blocked] map[status:204 verdict:allowed]" + opens,
		}},
		{"a preflight of fewer methods", "allow_methods GET", "header Access-Control-Allow-Origin *\nheader Access-Control-Allow-Methods *\nheader Access-Control-Allow-Headers *\nheader Access-Control-Max-Age 5\nrespond 204", put, []string{
			denied + "add \"PUT\" to allow_methods",
			differs + "map[Access-Control-Allow-Headers:* Access-Control-Allow-Methods:* Access-Control-Allow-Origin:* Access-Control-Max-Age:5 status:204 verdict:allowed]" +
				" map[Access-Control-Allow-Headers:*, Authorization Access-Control-Allow-Methods:GET Access-Control-Allow-Origin:https://app.example.com Access-Control-Max-Age:600 status:204 verdict:blocked], add \"PUT\" to allow_methods",
		}},
		{"a preflight for Authorization, under a star", "allow_methods PUT\nallow_headers Authorization\nmax_age 5s", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Methods PUT\nheader Access-Control-Allow-Headers *\nheader Access-Control-Max-Age 5\nrespond 204", preflight + "\nAccess-Control-Request-Headers: authorization", []string{
			differs + "map[Access-Control-Allow-Headers:* status:204 verdict:blocked] map[Access-Control-Allow-Headers:Authorization status:204 verdict:allowed]" + opens,
		}},
		{"a preflight of an origin that is not allowed", "", "header Access-Control-Allow-Origin *\nheader Access-Control-Allow-Methods PUT\nheader Access-Control-Allow-Headers X-One\nrespond 204", strings.Replace(put, "app.example.com", "evil.example", 1), []string{
			denied + addIt[2:],
			differs + "map[Access-Control-Allow-Headers:X-One Access-Control-Allow-Methods:PUT Access-Control-Allow-Origin:* status:204 verdict:allowed] map[status:403 verdict:blocked]" + addIt,
		}},
		{"a preflight that neither answers", "", "respond 404", strings.Replace(put, "app.example.com", "evil.example", 1), []string{denied + addIt[2:]}},
		{"a preflight that ends in an error", "allow_methods PUT\nallow_headers X-One", "abort", put, []string{
			differs + "map[status:502 verdict:blocked] map[Access-Control-Allow-Headers:X-One Access-Control-Allow-Methods:PUT Access-Control-Allow-Origin:https://app.example.com Access-Control-Max-Age:600 status:204 verdict:allowed]" + opens,
		}},
		{"wildcards with credentials", "allow_credentials\nallow_methods PUT\nallow_headers X-One", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Credentials true\nheader Access-Control-Allow-Methods *\nheader Access-Control-Allow-Headers *\nheader Access-Control-Max-Age 600\nrespond 204", put, []string{
			differs + "map[Access-Control-Allow-Headers:* Access-Control-Allow-Methods:* status:204 verdict:allowed] map[Access-Control-Allow-Headers:X-One Access-Control-Allow-Methods:PUT status:204 verdict:allowed_with_credentials]" + ", under the policy, pages may send cookies, too",
		}},
		{"a wildcard for methods with credentials", "allow_credentials\nallow_methods PUT\nallow_headers X-One", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Credentials true\nheader Access-Control-Allow-Methods *\nheader Access-Control-Allow-Headers X-One\nheader Access-Control-Max-Age 600\nrespond 204", put, []string{
			differs + "map[Access-Control-Allow-Methods:* status:204 verdict:allowed] map[Access-Control-Allow-Methods:PUT status:204 verdict:allowed_with_credentials]" + ", under the policy, pages may send cookies, too",
		}},
		{"a wildcard for headers with credentials", "allow_credentials\nallow_methods PUT\nallow_headers X-One", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Credentials true\nheader Access-Control-Allow-Methods PUT\nheader Access-Control-Allow-Headers *\nheader Access-Control-Max-Age 600\nrespond 204", put, []string{
			differs + "map[Access-Control-Allow-Headers:* status:204 verdict:allowed] map[Access-Control-Allow-Headers:X-One status:204 verdict:allowed_with_credentials]" + ", under the policy, pages may send cookies, too",
		}},
		{"a preflight that is passed on", "forward_preflights", "header Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Methods PUT,PATCH,DELETE\nheader Access-Control-Allow-Headers *,authorization\nheader Access-Control-Max-Age 600\nrespond 404", put, nil},
		{"a list that browsers cannot read", "", "header Access-Control-Allow-Origin *\nheader Access-Control-Allow-Methods PUT\nheader Access-Control-Allow-Headers \"X-One, X Two\"\nrespond 204", put, []string{
			differs + "map[Access-Control-Allow-Headers:X-One, X Two Access-Control-Allow-Methods:PUT Access-Control-Allow-Origin:* status:204 verdict:blocked]" +
				" map[Access-Control-Allow-Headers:*, Authorization Access-Control-Allow-Methods:GET, HEAD, POST, PUT, PATCH, DELETE Access-Control-Allow-Origin:https://app.example.com Access-Control-Max-Age:600 status:204 verdict:allowed]" + opens,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(test.backend, "respond") && test.backend != "abort" {
				test.backend += "\nrespond hi"
			}
			// The backend gets no Origin: what the page asked is known all the same.
			site := "cors https://app.example.com {\nreport_only\n" + test.options + "\n}\nrequest_header -Origin\nreverse_proxy $B"
			var got []string
			for _, line := range runLogged(t, "INFO", site, "http://$B {\n"+test.backend+"\n}", test.request) {
				got = append(got, shortened(line))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// shortened leaves of a line of runLogged its message, both answers, and the hint.
func shortened(line string) string {
	message, _, _ := strings.Cut(strings.TrimPrefix(line, "info "), " policy=")
	_, answers, _ := strings.Cut(line, " response=")
	answers, hint, _ := strings.Cut(answers, " hint=")
	if answers == "" {
		_, hint, _ = strings.Cut(line, " hint=")
	}
	is, would, found := strings.Cut(answers, " decision=")
	short := message + ": " + is
	if found {
		short += " " + would
	}
	if hint != "" && found {
		short += ", "
	}
	return short + hint
}

// TestATrialBesideAPolicy shows that report_only compares what is in force with what
// it would do, ahead of the handler that decides and behind it.
func TestATrialBesideAPolicy(t *testing.T) {
	const (
		live     = "cors https://app.example.com https://old.example\n"
		trial    = "cors /* https://app.example.com {\nreport_only\n}\n"
		exposing = "cors https://app.example.com {\nallow_credentials\nexpose_headers *\nreport_only\n}\nheader Access-Control-Allow-Origin https://app.example.com\nheader Access-Control-Allow-Credentials true\n"
		keep     = "cors * {\nupstream_headers keep\n}\n"
	)
	trust := func(origin string) string { return "if you trust this origin, write \"allow_origins " + origin + "\"" }
	denied := func(origin string) string {
		return "info cross-origin request denied policy= kind=actual reason=origin_not_allowed origin=" + origin + " method=GET report_only=true hint=" + trust(origin)
	}
	differs := func(policy, reason, origin, response, decision string) string {
		return "info the response's CORS headers are not the policy's policy=" + policy + " kind=actual reason=" + reason + " origin=" + origin +
			" method=GET report_only=true response=map[" + response + "] decision=map[" + decision + "] hint="
	}
	const old = "https://old.example"
	oldLoses := []string{denied(old), differs("", "origin_not_allowed", old, "Access-Control-Allow-Origin:"+old+" verdict:allowed", "verdict:blocked") + trust(old)}
	for i, test := range []struct {
		site, origin string
		lines, want  []string
	}{
		{live + trial + "respond hi", old, []string{"Allow-Origin: " + old, vary}, oldLoses},
		{live + "handle {\n" + trial + "respond hi\n}", old, []string{"Allow-Origin: " + old, vary}, oldLoses},
		{live + "handle {\n" + trial + "}", old, []string{"Allow-Origin: " + old, vary}, oldLoses},
		{live + trial + "error 503", old, []string{"Allow-Origin: " + old, vary}, oldLoses},
		{live + "handle {\n" + trial + "error 503\n}", old, []string{"Allow-Origin: " + old, vary}, oldLoses},
		{live + trial + "respond hi", "https://app.example.com", []string{allowApp, vary}, nil},
		{live + "handle {\n" + trial + "respond hi\n}", "https://app.example.com", []string{allowApp, vary}, nil},
		{live + "handle {\n" + trial + "reverse_proxy $B\n}", "https://app.example.com", []string{allowApp, vary}, nil},
		{keep + "handle {\n" + trial + "reverse_proxy $B\n}", "https://evil.example", []string{allowAll, vary}, []string{
			denied("https://evil.example"),
			differs("", "origin_not_allowed", "https://evil.example", "Access-Control-Allow-Origin:* verdict:allowed", "verdict:blocked") + trust("https://evil.example"),
		}},
		{"header {\nAccess-Control-Allow-Origin " + old + "\n-Server\n}\nhandle {\n" + trial + "respond hi\n}", old, []string{"Allow-Origin: " + old}, oldLoses},
		{trial + "error 503\nhandle_errors {\nheader Access-Control-Allow-Origin https://app.example.com\nrespond sorry\n}", "https://app.example.com", []string{allowApp}, nil},
		{exposing + "error 503", "https://app.example.com", []string{allowApp, "Allow-Credentials: true"}, nil},
		{exposing + "respond 304", "https://app.example.com", []string{allowApp, "Allow-Credentials: true"}, nil},
		{"cors https://app.example.com https://old.example {\nallow_credentials\nexpose_headers *\n}\nhandle {\ncors /* https://app.example.com https://old.example {\nallow_credentials\nexpose_headers *\nreport_only\n}\nerror 503\n}", old, []string{"Allow-Credentials: true", "Allow-Origin: " + old, vary}, nil},
		{live + "error 503\nhandle_errors {\n" + trial + "header +Access-Control-Allow-Origin *\nrespond sorry 200\n}", "https://app.example.com", []string{allowApp, allowAll, vary}, []string{
			differs("default", "", "https://app.example.com", "Access-Control-Allow-Origin:https://app.example.com, * verdict:blocked", "Access-Control-Allow-Origin:https://app.example.com verdict:allowed") + "browsers keep this response from the page now; under the policy they would not",
		}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "log")
			a := runLog(t, file, "INFO", test.site, "http://$B {\nheader Access-Control-Allow-Origin *\nrespond hi\n}")
			r := a.Do("GET /\nOrigin: " + test.origin)
			r.Want(t, r.StatusCode, test.lines...)
			if got := readLog(t, file); !slices.Equal(got, test.want) {
				t.Errorf("%s\ngot\n%s\nwant\n%s", test.site, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestAFloodOfDifferencesIsSampled shows that one that pages do not notice does not hide
// one that they would.
func TestAFloodOfDifferencesIsSampled(t *testing.T) {
	requests := make([]string, 300, 301)
	for i := range requests {
		requests[i] = get // which gets a star
	}
	lines := runLogged(t, "INFO", "cors https://app.example.com {\nreport_only\n}\nheader Access-Control-Allow-Origin *\nrespond hi", "", append(requests, getOther)...)
	if n := len(lines); n < logBurst+2 || n > len(requests)/2 {
		t.Errorf("%d lines for %d differences", n, len(requests))
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "decision=map[verdict:blocked]") {
		t.Errorf("the last line is %s", last)
	}
}

// TestReportOnlySeesEveryWayToRespond shows that a response is looked at once, whatever
// a handler does first, and left as it is.
func TestReportOnlySeesEveryWayToRespond(t *testing.T) {
	for name, next := range waysToRespond {
		if name == "a panic" {
			continue // there is no response
		}
		t.Run(name, func(t *testing.T) {
			h := provision(t, &Handler{ReportOnly: true, Policies: []*Policy{{AllowOrigins: []string{"https://app.example.com"}}}})
			core, logs := observer.New(zap.InfoLevel)
			h.logger = zap.New(core)
			w, bare := fullRecorder{httptest.NewRecorder()}, fullRecorder{httptest.NewRecorder()}
			err := h.ServeHTTP(w, newRequest("GET\nOrigin: https://app.example.com"), next)
			bareErr := next(bare, newRequest("GET\nOrigin: https://app.example.com"))
			if logs.Len() != 1 {
				t.Errorf("logged %v", logs.All())
			}
			if w.Code != bare.Code || w.Flushed != bare.Flushed || w.Body.String() != bare.Body.String() ||
				!maps.EqualFunc(w.Header(), bare.Header(), slices.Equal) || (err == nil) != (bareErr == nil) {
				t.Errorf("got %+v %v, without it %+v %v", w, err, bare, bareErr)
			}
		})
	}
}

// fullRecorder is a recorder that reads from readers.
type fullRecorder struct{ *httptest.ResponseRecorder }

func (w fullRecorder) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.ResponseRecorder, r) }

// TestReportOnlyLooksAtFinalResponses shows that a 103 is none.
func TestReportOnlyLooksAtFinalResponses(t *testing.T) {
	h := provision(t, &Handler{ReportOnly: true, Policies: []*Policy{{AllowOrigins: []string{"https://app.example.com"}}}})
	core, logs := observer.New(zap.InfoLevel)
	h.logger = zap.New(core)
	w := newRecorder()
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusEarlyHints)
		w.Header()["access-control-allow-origin"] = []string{"https://app.example.com"} // in odd case
		w.WriteHeader(http.StatusOK)
		return nil
	})
	if err := h.ServeHTTP(w, newRequest("GET\nOrigin: https://app.example.com"), next); err != nil || logs.Len() != 0 {
		t.Errorf("%v, logged %v", err, logs.All())
	}
}

// TestLinesAreJoined shows that what stands in several lines, in any case, counts as
// browsers count it.
func TestLinesAreJoined(t *testing.T) {
	r := newRequest("GET\nOrigin: https://app.example.com")
	for _, header := range []http.Header{
		{"Access-Control-Allow-Origin": {"*"}, "access-control-allow-origin": {"https://app.example.com"}},
		{"access-control-allow-origin": {"*"}, "Access-Control-Allow-Origin": {"https://app.example.com"}},
		{"access-control-allow-origin": {"*", "https://app.example.com"}},
	} {
		for range 20 { // in whatever order the map is walked
			c := newCORSHeaders(decision{kind: kindActual}, r, http.StatusOK, header)
			if c.values[headerAllowOrigin] != "*, https://app.example.com" || c.verdict != verdictBlocked {
				t.Fatalf("%v: %+v", header, c)
			}
		}
	}
}

// TestAnEmptyOriginIsNotAllowed shows that no header does not match an empty one.
func TestAnEmptyOriginIsNotAllowed(t *testing.T) {
	c := newCORSHeaders(decision{kind: kindActual}, newRequest("GET\nOrigin: "), http.StatusOK, http.Header{})
	if c.verdict != verdictBlocked {
		t.Errorf("%+v", c)
	}
}
