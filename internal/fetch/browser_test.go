package fetch_test

import (
	"bufio"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// request is what the page of a fault asks for.
func request(t *testing.T, f corstest.Fault, place corstest.Place) fetch.Request {
	t.Helper()
	u, err := fetch.ParseURL(nil, f.URLAt(place))
	if err != nil {
		t.Fatal(err)
	}
	r := fetch.Request{URL: u, Origin: place.Origin, Method: f.Method, Credentials: f.Credentials, Unsafe: true}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	for _, line := range f.Headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header = append(r.Header, fetch.Header{Name: name, Value: value})
	}
	return r
}

// TestFaults holds what [fetch.Browser] says of servers that get CORS wrong against what
// the standard says.
func TestFaults(t *testing.T) {
	at := corstest.ServeFaults(t, "http://app.example:3000", "https://app.example")
	browser := fetch.Browser{Transport: insecureTransport(t)}
	for _, f := range corstest.Faults {
		t.Run(f.Name, func(t *testing.T) {
			place := at(f)
			result, err := browser.Fetch(t.Context(), request(t, f, place))
			if err != nil {
				t.Fatal(err)
			}
			var got fetch.Block
			if result.Block != nil {
				got = *result.Block
			}
			if want := f.BlockAt(place); want.Lines == 0 {
				got.Lines = 0
			}
			if got != f.BlockAt(place) {
				t.Errorf("got\n%+v\nwant\n%+v", got, f.BlockAt(place))
			}
			if f.Suspect && len(result.Warnings) == 0 && len(f.Hidden) == 0 {
				t.Error("no warning")
			}
			for _, name := range f.Shown {
				if !slices.Contains(result.Readable, name) {
					t.Errorf("the page can read %v, and not %s", result.Readable, name)
				}
			}
			for _, name := range f.Hidden {
				if !slices.Contains(result.Hidden, name) {
					t.Errorf("kept from the page is %v, and not %s", result.Hidden, name)
				}
			}
		})
	}
}

// insecureTransport takes any certificate.
func insecureTransport(t *testing.T) *http.Transport {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig.InsecureSkipVerify = true
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// recorded is a transport that answers each request with the next of its answers, and
// keeps the requests.
type recorded struct {
	answers  []string // lines of status and header
	requests []string // lines of method, URL and header
}

func (r *recorded) RoundTrip(request *http.Request) (*http.Response, error) {
	var b strings.Builder
	b.WriteString(request.Method + " " + request.URL.String())
	for _, name := range []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Authorization", "Content-Type", "Cookie", "X-One", "Referer", "Sec-Fetch-Site"} {
		for _, value := range request.Header[name] {
			b.WriteString("\n" + name + ": " + value)
		}
	}
	r.requests = append(r.requests, b.String())
	if len(r.answers) == 0 {
		return nil, errors.New("no answer")
	}
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 "+strings.ReplaceAll(r.answers[0], "\n", "\r\n")+"\r\n\r\n")), request)
	r.answers = r.answers[1:]
	return response, err
}

// TestRequests shows what a browser sends, for a page of https://app.example.com.
func TestRequests(t *testing.T) {
	const (
		leave = "204 No Content\nAccess-Control-Allow-Origin: https://app.example.com\nAccess-Control-Allow-Credentials: true\nAccess-Control-Allow-Methods: PUT, PURGE\nAccess-Control-Allow-Headers: x-one, authorization, content-type"
		ok    = "200 OK\nContent-Length: 0\nAccess-Control-Allow-Origin: https://app.example.com\nAccess-Control-Allow-Credentials: true"
		other = "307 Temporary Redirect\nContent-Length: 0\nLocation: https://other.example/\nAccess-Control-Allow-Origin: *"
		end   = "\nReferer: https://app.example.com/\nSec-Fetch-Site: cross-site"
		page  = "\nOrigin: https://app.example.com"
	)
	for _, test := range []struct {
		name    string
		request fetch.Request
		url     string
		answers []string
		want    []string
	}{
		{"a simple request", fetch.Request{Method: "get"}, "https://api.example/a?b#c", []string{ok},
			[]string{"GET https://api.example/a?b" + page + end}},
		{"its own origin", fetch.Request{Method: "GET"}, "https://APP.example.com:443/", []string{ok},
			[]string{"GET https://app.example.com/\nReferer: https://app.example.com/\nSec-Fetch-Site: same-origin"}},
		{"its own origin, a method that is not safe", fetch.Request{Method: "PUT", Unsafe: true}, "https://app.example.com/", []string{ok},
			[]string{"PUT https://app.example.com/" + page + "\nReferer: https://app.example.com/\nSec-Fetch-Site: same-origin"}},
		{"the same site", fetch.Request{Method: "GET"}, "https://api.example.com/", []string{ok},
			[]string{"GET https://api.example.com/" + page + "\nReferer: https://app.example.com/\nSec-Fetch-Site: same-site"}},
		{"a preflight, without credentials", fetch.Request{Method: "PUT", Credentials: true, Cookie: "a=b", Unsafe: true,
			Header: []fetch.Header{{"X-One", " 1 "}, {"Authorization", "Bearer x"}, {"Content-Type", "application/json"}, {"Cookie", "c=d"}}},
			"https://api.example/", []string{leave, ok}, []string{
				"OPTIONS https://api.example/" + page + "\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: authorization,content-type,x-one" + end,
				"PUT https://api.example/" + page + "\nAuthorization: Bearer x\nContent-Type: application/json\nCookie: a=b\nX-One: 1" + end,
			}},
		{"an upload that is listened to", fetch.Request{Method: "POST", Upload: true, Unsafe: true}, "https://api.example/", []string{leave, ok}, []string{
			"OPTIONS https://api.example/" + page + "\nAccess-Control-Request-Method: POST" + end,
			"POST https://api.example/" + page + end,
		}},
		{"no cookies without credentials", fetch.Request{Method: "GET", Cookie: "a=b"}, "https://api.example/", []string{ok},
			[]string{"GET https://api.example/" + page + end}},
		{"not sent", fetch.Request{Method: "PURGE"}, "https://api.example/", []string{leave}, []string{
			"OPTIONS https://api.example/" + page + "\nAccess-Control-Request-Method: PURGE" + end}},
		{"redirected to another origin, with a preflight again", fetch.Request{Method: "PUT", Unsafe: true, Header: []fetch.Header{{"Authorization", "Bearer x"}, {"X-One", "1"}}},
			"https://api.example/", []string{leave, other, strings.Replace(leave, "https://app.example.com", "null", 1), strings.Replace(ok, "https://app.example.com", "*", 1)}, []string{
				"OPTIONS https://api.example/" + page + "\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: authorization,x-one" + end,
				"PUT https://api.example/" + page + "\nAuthorization: Bearer x\nX-One: 1" + end,
				"OPTIONS https://other.example/\nOrigin: null\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: x-one" + end,
				"PUT https://other.example/\nOrigin: null\nX-One: 1" + end,
			}},
		{"redirected from its own origin", fetch.Request{Method: "GET"}, "https://app.example.com/", []string{other, ok}, []string{
			"GET https://app.example.com/\nReferer: https://app.example.com/\nSec-Fetch-Site: same-origin",
			"GET https://other.example/" + page + end,
		}},
		{"a POST becomes a GET", fetch.Request{Method: "POST", Unsafe: true, Header: []fetch.Header{{"Content-Type", "text/plain"}}}, "https://api.example/",
			[]string{"302 Found\nContent-Length: 0\nLocation: /b\nAccess-Control-Allow-Origin: *", ok}, []string{
				"POST https://api.example/" + page + "\nContent-Type: text/plain" + end,
				"GET https://api.example/b" + page + end,
			}},
		{"a PUT becomes a GET by 303", fetch.Request{Method: "PUT", Unsafe: true}, "https://app.example.com/",
			[]string{"303 See Other\nContent-Length: 0\nLocation: https://api.example/", ok}, []string{
				"PUT https://app.example.com/" + page + "\nReferer: https://app.example.com/\nSec-Fetch-Site: same-origin",
				"GET https://api.example/" + page + end,
			}},
		{"cookies go by host", fetch.Request{Method: "GET", Origin: "http://app.example.com", Credentials: true, Cookie: "a=b"}, "http://api.example/",
			[]string{"302 Found\nContent-Length: 0\nLocation: https://api.example/\nAccess-Control-Allow-Origin: http://app.example.com\nAccess-Control-Allow-Credentials: true",
				"302 Found\nContent-Length: 0\nLocation: https://other.example/\nAccess-Control-Allow-Origin: null\nAccess-Control-Allow-Credentials: true",
				"200 OK\nContent-Length: 0\nAccess-Control-Allow-Origin: null\nAccess-Control-Allow-Credentials: true"}, []string{
				"GET http://api.example/\nOrigin: http://app.example.com\nCookie: a=b\nReferer: http://app.example.com/",
				"GET https://api.example/\nOrigin: null\nCookie: a=b\nReferer: http://app.example.com/\nSec-Fetch-Site: cross-site",
				"GET https://other.example/\nOrigin: null\nReferer: http://app.example.com/\nSec-Fetch-Site: cross-site",
			}},
		{"an empty user in a redirect", fetch.Request{Method: "GET"}, "https://api.example/",
			[]string{"302 Found\nContent-Length: 0\nLocation: https://@API.example:443/b\nAccess-Control-Allow-Origin: *", ok}, []string{
				"GET https://api.example/" + page + end,
				"GET https://@api.example/b" + page + end,
			}},
		{"from a page in clear text", fetch.Request{Method: "GET", Origin: "http://app.example.com"}, "http://api.example/", []string{"200 OK\nContent-Length: 0\nAccess-Control-Allow-Origin: *"},
			[]string{"GET http://api.example/\nOrigin: http://app.example.com\nReferer: http://app.example.com/"}},
		{"from a sandboxed frame", fetch.Request{Method: "GET", Origin: "null"}, "https://api.example/", []string{"200 OK\nContent-Length: 0\nAccess-Control-Allow-Origin: *"},
			[]string{"GET https://api.example/\nOrigin: null\nSec-Fetch-Site: cross-site"}},
		{"a header in Latin-1", fetch.Request{Method: "PUT", Unsafe: true, Header: []fetch.Header{{"X-One", "é"}, {"Accept", strings.Repeat("é", 128)}}}, "https://api.example/", []string{leave, ok}, []string{
			"OPTIONS https://api.example/" + page + "\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: x-one" + end,
			"PUT https://api.example/" + page + "\nX-One: \xe9" + end,
		}},
		{"trusted to be served over TLS later", fetch.Request{Method: "GET", Trusted: true}, "http://api.example/", []string{ok},
			[]string{"GET http://api.example/" + page}},
	} {
		u, err := fetch.ParseURL(nil, test.url)
		if err != nil {
			t.Fatal(err)
		}
		test.request.URL = u
		if test.request.Origin == "" {
			test.request.Origin = "https://app.example.com"
		}
		transport := &recorded{answers: test.answers}
		result, err := (&fetch.Browser{Transport: transport}).Fetch(t.Context(), test.request)
		if err != nil || result.Block != nil {
			t.Errorf("%s: %v, %+v", test.name, err, result.Block)
		}
		if got, want := strings.Join(transport.requests, "\n\n"), strings.Join(test.want, "\n\n"); got != want {
			t.Errorf("%s: sent\n%s\n\nwant\n%s", test.name, got, want)
		}
	}
}

// TestNoRequest shows what no script can ask for.
func TestNoRequest(t *testing.T) {
	for _, test := range []struct {
		url     string
		request fetch.Request
		want    string
	}{
		{"ftp://api.example/", fetch.Request{Method: "GET"}, `"ftp://api.example/" is no URL of HTTP`},
		{"https://user@api.example/", fetch.Request{Method: "GET"}, "a script cannot fetch a URL with a user or a password in it"},
		{"https://api.example/", fetch.Request{Method: "a b"}, `"a b" is no method`},
		{"https://api.example/", fetch.Request{Method: "GET", Header: []fetch.Header{{"a b", ""}}}, `"a b" is no header name`},
		{"https://api.example/", fetch.Request{Method: "GET", Header: []fetch.Header{{"X-One", "a\nb"}}}, "the value of X-One has a line break or a NUL"},
		{"https://api.example/", fetch.Request{Method: "GET", Header: []fetch.Header{{"X-One", "→"}}}, "the value of X-One has a character that no script can send"},
		{"https://api.example/", fetch.Request{Method: "GET"}, "no answer"},
		{"https://api.example/", fetch.Request{Method: "PUT"}, "no answer"},
	} {
		u, err := fetch.ParseURL(nil, test.url)
		if err != nil {
			t.Fatal(err)
		}
		test.request.URL, test.request.Origin = u, "https://app.example.com"
		if _, err := (&fetch.Browser{Transport: new(recorded)}).Fetch(t.Context(), test.request); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", test.url, err, test.want)
		}
	}
}

// TestForbiddenHeaders shows that browsers ignore that a script sets them.
func TestForbiddenHeaders(t *testing.T) {
	u, _ := fetch.ParseURL(nil, "https://api.example/")
	transport := new(recorded)
	result, _ := (&fetch.Browser{Transport: transport}).Fetch(t.Context(), fetch.Request{URL: u, Origin: "https://app.example.com", Method: "GET",
		Header: []fetch.Header{{"Host", "x"}, {"sec-x", "x"}, {"X-HTTP-Method-Override", "GET, trace"}, {"Origin", "https://evil.example"}}})
	if len(transport.requests) != 1 || !strings.HasPrefix(transport.requests[0], "GET https://api.example/\nOrigin: https://app.example.com\nReferer") {
		t.Errorf("sent %q", transport.requests)
	}
	var ignored int
	for _, step := range result.Steps {
		if step.Source == "Fetch, forbidden request-header" {
			ignored++
		}
	}
	if ignored != 4 {
		t.Errorf("%d of 4 headers were ignored", ignored)
	}
}

// TestTrusted shows that only the URL itself is trusted to be served over TLS later, and
// no other one that a redirect leads to.
func TestTrusted(t *testing.T) {
	u, err := fetch.ParseURL(nil, "https://api.example/")
	if err != nil {
		t.Fatal(err)
	}
	transport := &recorded{answers: []string{"302 Found\nContent-Length: 0\nLocation: http://api.example/\nAccess-Control-Allow-Origin: *"}}
	result, err := (&fetch.Browser{Transport: transport}).Fetch(t.Context(), fetch.Request{URL: u, Origin: "https://app.example.com", Method: "GET", Trusted: true})
	if err != nil || result.Block == nil || result.Block.Rule != fetch.RuleMixedContent {
		t.Errorf("%v, %+v", err, result.Block)
	}
}

// TestSwitchingProtocols shows that a 101 is no answer: its connection may stay open for
// as long as the server likes.
func TestSwitchingProtocols(t *testing.T) {
	u, err := fetch.ParseURL(nil, "https://api.example/")
	if err != nil {
		t.Fatal(err)
	}
	transport := &recorded{answers: []string{"101 Switching Protocols\nUpgrade: x\nConnection: Upgrade\nAccess-Control-Allow-Origin: *"}}
	if _, err := (&fetch.Browser{Transport: transport}).Fetch(t.Context(), fetch.Request{URL: u, Origin: "https://app.example.com", Method: "GET"}); err == nil {
		t.Error("a 101 is taken for an answer")
	}
}

// TestUploadWithoutMethods shows a warning of what today's engines do otherwise.
func TestUploadWithoutMethods(t *testing.T) {
	u, err := fetch.ParseURL(nil, "https://api.example/")
	if err != nil {
		t.Fatal(err)
	}
	const answer = "200 OK\nContent-Length: 0\nAccess-Control-Allow-Origin: *\nAccess-Control-Max-Age: 60"
	for methods, warnings := range map[string]int{"": 1, "\nAccess-Control-Allow-Methods: PUT": 0} {
		transport := &recorded{answers: []string{answer + methods, answer}}
		result, err := (&fetch.Browser{Transport: transport}).Fetch(t.Context(), fetch.Request{URL: u, Origin: "https://app.example.com", Method: "PUT", Upload: true, Unsafe: true})
		if err != nil || result.Block != nil || len(result.Warnings) != warnings {
			t.Errorf("%q: %v, %+v, %q", methods, err, result.Block, result.Warnings)
		}
	}
}

// TestEmptyLocation shows that it is the same URL again, against what Chromium does.
func TestEmptyLocation(t *testing.T) {
	u, err := fetch.ParseURL(nil, "https://api.example/a?b")
	if err != nil {
		t.Fatal(err)
	}
	again := "302 Found\nContent-Length: 0\nLocation: \nAccess-Control-Allow-Origin: *"
	transport := &recorded{answers: slices.Repeat([]string{again}, 21)}
	result, err := (&fetch.Browser{Transport: transport}).Fetch(t.Context(), fetch.Request{URL: u, Origin: "https://app.example.com", Method: "GET"})
	if err != nil || result.Block == nil || result.Block.Rule != fetch.RuleRedirectCount || len(result.Warnings) != 1 {
		t.Errorf("%v, %+v, %q", err, result.Block, result.Warnings)
	}
	if last := transport.requests[20]; !strings.HasPrefix(last, "GET https://api.example/a?b\n") {
		t.Errorf("sent %s", last)
	}
}
