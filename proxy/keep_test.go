package corsproxy

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// numbered is an API whose every response has another number, and the header lines that its
// query says, with "+" for a space and "&" between them.
func numbered(t *testing.T) *api {
	var last atomic.Int64
	return serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		for line := range strings.SplitSeq(strings.NewReplacer("+", " ", "%22", `"`).Replace(r.URL.RawQuery), "&") {
			name, value, _ := strings.Cut(line, ":")
			switch name {
			case "":
			case "status":
				status, _ := strconv.Atoi(value)
				defer w.WriteHeader(status)
			default:
				w.Header()[name] = append(w.Header()[name], value)
			}
		}
		w.Header().Set("X-Number", strconv.FormatInt(last.Add(1), 10))
	})
}

// number returns which response of a numbered API this is.
func number(t *testing.T, r corstest.Response) string {
	t.Helper()
	if r.Header.Get("X-Number") == "" {
		t.Fatalf("%s\n%s", r.Asked, r)
	}
	return r.Header.Get("X-Number")
}

// query writes header lines for a numbered API.
func query(lines ...string) string { return strings.ReplaceAll(strings.Join(lines, "&"), " ", "+") }

// encoded writes a URL as encodeURIComponent does.
func encoded(url string) string { return escape(url, isUnreserved) }

// TestCachedResponses shows which responses are kept, by what they say.
func TestCachedResponses(t *testing.T) {
	a := numbered(t)
	site := runProxy(t, "targets "+a.URL+"\nheader_up X-Key s3cret for "+a.URL+"/keyed\ncache 5m")
	at := func(d time.Duration) string { return time.Now().UTC().Add(d).Format(http.TimeFormat) }
	for response, kept := range map[string]bool{
		"":                                false,
		query("Cache-Control:max-age=60"): true, query("Cache-Control:max-age=60", "status:201"): false, query("Cache-Control:max-age=60", "status:404"): false,
		query("Cache-Control:max-age=60", "status:203"): false, query("Cache-Control:max-age=60", "status:206", "Content-Range:bytes 0-0/1"): false,
		query("Cache-Control:max-age=0"): false, query("Cache-Control:max-age"): false, query("Cache-Control:max-age=x"): false, query("Cache-Control:max-age=-1"): false,
		query("Cache-Control:max-age=\"60\""): false, query("Cache-Control:max-age=99999999999999999999999"): true, query("cache-control:Max-Age=60"): true,
		query("Cache-Control:max-age=0, max-age=60"): false, query("Cache-Control:max-age=60", "Cache-Control:max-age=61"): false, query("Cache-Control:max-age=60, max-age=60"): true,
		query("Cache-Control:max-age=60, max-age=0"): false, query("Cache-Control:max-age=60", "Cache-Control:max-age=0"): false, query("Cache-Control:max-age=60", "Cache-Control:no-store"): false,
		query("Cache-Control:s-maxage=60"): true, query("Cache-Control:max-age=0, s-maxage=60"): true, query("Cache-Control:max-age=60, s-maxage=0"): false, query("Cache-Control:s-maxage=x,max-age=60"): false,
		query("Cache-Control:max-age=60, no-store"): false, query("Cache-Control:max-age=60, no-cache"): false, query("Cache-Control:max-age=60, NO-CACHE=Set-Cookie"): false,
		query("Cache-Control:max-age=60, private"): false, query("Cache-Control:private=\"x, max-age=60\""): false, query("Cache-Control:public, max-age=60, private=x"): false,
		query("Cache-Control:x=\"no-store, y\", max-age=60"): false, query("Cache-Control:public"): false, query("Cache-Control:must-revalidate, max-age=60"): true,
		query("Cache-Control:max-age=60", "Pragma:no-cache"): false, query("Cache-Control:max-age=60", "Set-Cookie:a=b"): false, query("Cache-Control:max-age=60", "Content-Range:x"): false,
		query("Cache-Control:max-age=60", "Vary:*"): false, query("Cache-Control:max-age=60", "Vary:Accept, *"): false, query("Cache-Control:max-age=60", "Vary:Origin"): true,
		query("Expires:" + at(time.Hour)): true, query("Expires:" + at(-time.Hour)): false, query("Expires:0"): false, query("Expires:Mon, 01 Jan 0001 00:00:00 GMT"): false,
		query("Expires:"+at(time.Hour), "Expires:"+at(time.Hour)): false, query("Expires:"+at(time.Hour), "Cache-Control:max-age=0"): false, query("Expires:"+at(-time.Hour), "Cache-Control:max-age=60"): true,
		query("Expires:"+at(time.Hour), "Date:"+at(time.Hour)): false, query("Expires:"+at(0), "Date:"+at(-time.Hour)): false, query("Cache-Control:max-age=60", "Date:"+at(-time.Hour)): false,
		query("Cache-Control:max-age=60", "Date:"+at(time.Hour)): true, query("Cache-Control:max-age=60", "Date:x"): true,
		query("Cache-Control:max-age=60", "Age:30"): true, query("Cache-Control:max-age=60", "Age:60"): false, query("Cache-Control:max-age=60", "Age:x"): false, query("Cache-Control:max-age=60", "Age:0", "Age:0"): false,
		query("Last-Modified:" + at(-24*time.Hour)): false, query("ETag:\"x\""): false,
	} {
		url := a.URL + "/?" + response
		first, again := site.Do(ask("url="+encoded(url))), site.Do(ask("url="+encoded(url)))
		if got := number(t, first) == number(t, again); got != kept || kept != (again.Header["Age"] != nil && again.Header.Get("Age") != "x" && again.Header.Get("Age") != "60" && len(again.Header["Age"]) == 1) {
			t.Errorf("%s: %t, %s", response, got, again)
		}
	}
	// What is asked for with a header of the config is kept if the target says so.
	for response, kept := range map[string]bool{
		"Cache-Control:max-age=60": false, "Expires:" + at(time.Hour): false, "Cache-Control:public,max-age=60": true, "Cache-Control:s-maxage=60": true, "Cache-Control:public,private,max-age=60": false, "Cache-Control:x=\",public,\",max-age=60": false,
	} {
		url := a.URL + "/keyed?" + query(response)
		first, again := site.Do(ask("url="+encoded(url))), site.Do(ask("url="+encoded(url)))
		if got := number(t, first) == number(t, again); got != kept {
			t.Errorf("with a secret, %s: %s", response, again)
		}
	}
}

// TestCachedNegotiation shows that requests for other representations get their own, also of
// targets that do not say what they go by.
func TestCachedNegotiation(t *testing.T) {
	a := numbered(t)
	site := runProxy(t, "targets "+a.URL+"\ncache 5m")
	url := a.URL + "/?Cache-Control:public,max-age=60"
	seen := make(map[string]string)
	for _, lines := range []string{"Accept: application/json", "Accept: text/html", "Accept-Language: de", "Accept-Language: nb", "User-Agent: x", "User-Agent: y"} {
		first := number(t, site.Do(ask(url, lines)))
		if other, there := seen[first]; there {
			t.Errorf("%s gets what was for %s", lines, other)
		}
		seen[first] = lines
		if again := number(t, site.Do(ask(url, lines))); again != first {
			t.Errorf("%s: it is not kept", lines)
		}
	}
}

// TestCachedRequests shows which requests are answered by what is kept, and whose responses
// are kept.
func TestCachedRequests(t *testing.T) {
	a := numbered(t)
	site := runProxy(t, "targets "+a.URL+"\nmethods GET HEAD POST\ncache 5m")
	for i, test := range []struct {
		request        string
		answered, kept bool
	}{
		{"GET", true, true}, {"GET\nVia: 1.1 cdn", true, true},
		{"GET\nAccept: application/json", false, false}, {"GET\nAccept-Language: de", false, false}, {"GET\nUser-Agent: x", false, false}, // which others have not
		{"GET\nReferer: https://app.example.com/x\nSec-Fetch-Mode: cors\nDNT: 1\nX-Forwarded-For: 192.0.2.1\nAccept-Encoding: gzip", true, true},
		{"GET\nCache-Control: no-cache", false, true}, {"GET\nPragma: no-cache", false, true}, {"GET\nCache-Control: max-age=0", false, true}, {"GET\nCache-Control: max-age=60", false, false}, {"GET\nPragma: k", false, false},
		{"GET\nCache-Control: no-store", false, false}, {"GET\nCache-Control: max-age=0\nCache-Control: No-Store", false, false}, {"GET\nCache-Control: x=\"", false, false},
		{"GET\nRange: bytes=0-", false, false}, {"GET\nIf-None-Match: \"x\"", false, false}, {"GET\nIf-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT", false, false}, {"GET\nIf-Match: *", false, false}, {"GET\nIf-Range: \"x\"", false, false},
		{"GET\nAuthorization: Bearer x", false, false}, {"GET\nProxy-Authorization: Basic x", false, false}, {"GET\nCookie: a=b", false, false},
		{"GET\nX-Api-Key: k", false, false}, {"GET\nX-Custom: 1", false, false}, {"GET\nContent-Type: text/plain", false, false}, {"GET\nAccept: (k)", false, false}, {"GET\nAccept-Language: k:", false, false},
		{"GET\nAccept: " + strings.Repeat("k", 129), false, false}, {"GET\nAccept: a\nAccept: (k)", false, false},
		{"HEAD", false, false},
	} {
		url := fmt.Sprintf("%s/%d?Cache-Control:public,max-age=60", a.URL, i)
		method, lines, _ := strings.Cut(test.request, "\n")
		request := strings.Replace(ask(url, lines), "GET", method, 1)
		if method != http.MethodHead {
			// Is what it got kept for others?
			first := number(t, site.Do(request))
			if kept := number(t, site.Do(ask(url))) == first; kept != test.kept {
				t.Errorf("%s: kept: %t", test.request, kept)
			}
		}
		// Does it get what others did?
		first := number(t, site.Do(ask(url, "Cache-Control: no-cache")))
		if answered := number(t, site.Do(request)) == first; answered != test.answered {
			t.Errorf("%s: answered: %t", test.request, answered)
		}
		if test.kept != test.answered { // What goes through, and is kept, replaces what was.
			continue
		}
		if number(t, site.Do(ask(url))) != first {
			t.Errorf("%s: it replaced what was kept", test.request)
		}
	}
}

// TestCachedBodies shows that what is kept is all of a response.
func TestCachedBodies(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		size, _ := strconv.Atoi(r.URL.RawQuery)
		switch r.URL.Path {
		case "/known":
			w.Header().Set("Content-Length", r.URL.RawQuery)
		case "/packed":
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			defer packed.Close()
			_, _ = packed.Write(make([]byte, size))
			return
		case "/aborted":
			_, _ = w.Write(make([]byte, size))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(make([]byte, size))
	})
	closing := serveBytes(t, "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\nhello")
	short := serveBytes(t, "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nhello")
	site := runProxy(t, "targets "+a.URL+" "+closing+" "+short+"\ncache 5m\nmax_response 2MB")
	for url, kept := range map[string]bool{
		a.URL + "/known?0": true, a.URL + "/known?1000000": true, a.URL + "/known?1048576": true, a.URL + "/known?1048577": false,
		a.URL + "/unknown?1048576": true, a.URL + "/unknown?1048577": false, a.URL + "/packed?1048576": true, a.URL + "/packed?1048577": false, a.URL + "/packed?3000000": false,
		a.URL + "/unknown?2000001": false, a.URL + "/aborted?5000": false, closing: false, short: false,
	} {
		first, firstErr := site.Try(ask(url))
		again, againErr := site.Try(ask(url))
		if got := again.Response != nil && again.Header["Age"] != nil; got != kept || kept && (first.Text != again.Text || firstErr != nil || againErr != nil) || !kept && (firstErr == nil) != (againErr == nil) {
			t.Errorf("%s: %t, %d bytes, %v, then %d bytes, %v", url, got, len(first.Text), firstErr, len(again.Text), againErr)
		}
		if encoding := again.Response; kept && encoding.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %v", url, encoding.Header)
		}
	}
	// A client that goes has nothing stored of what it did not read.
	r, err := site.Send(ask(a.URL + "/unknown?1040000"))
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r := site.Do(ask(a.URL + "/unknown?1040000")); len(r.Text) != 1040000 {
		t.Errorf("%d bytes", len(r.Text))
	}
}

// TestCachedRedirects shows that what was redirected is not kept: for how long its redirects
// are, nobody said.
func TestCachedRedirects(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		redirecting(w, r)
	})
	site := runProxy(t, "targets "+a.URL+"\ncache 5m")
	for range 2 {
		if r := site.Do(ask(a.URL + "/to?/x")); r.StatusCode != http.StatusOK || len(a.requests()) != 2 {
			t.Errorf("%s", r)
		}
	}
	for range 2 {
		site.Do(ask(a.URL + "/x"))
	}
	if len(a.requests()) != 1 {
		t.Error("what redirects lead to is not kept if it is asked for by itself")
	}
}
