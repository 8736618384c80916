package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestHTTPChanges(t *testing.T) {
	s := serveList(t, a)
	h, err := fetching(t, s.URL, emptyStorage(t), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	wantSoon(t, h, a, b)
	s.answer(answerList(b, "# "+a))
	wantSoon(t, h, b, a)
	s.answer(answerList(a, c))
	wantSoon(t, h, a, b)
}

// TestHTTPAsksForTheVersion shows that a list that did not change is not sent again, and
// counts as found good.
func TestHTTPAsksForTheVersion(t *testing.T) {
	s := serveList(t)
	var sent atomic.Int32
	s.answer(answerVersion(a+"\n", &sent))
	h, err := fetching(t, s.URL, emptyStorage(t), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	first := h.Status().Last
	s.awaitRequests(t, 4)
	if s := h.Status(); sent.Load() != 1 || s.Refreshes != 1 || s.Failures != 0 || !s.Last.After(first) {
		t.Errorf("the list was sent %d times, and its status is %+v", sent.Load(), s)
	}
	seen := s.requests()
	if seen[0].header.Get("If-None-Match") != "" || seen[1].header.Get("If-None-Match") == "" {
		t.Errorf("the versions asked for are of %v, and %v", seen[0].header, seen[1].header)
	}
	s.answer(answerVersion(b+"\n", &sent))
	wantSoon(t, h, b, a)
	s.awaitRequests(t, 3)
	if n := sent.Load(); n != 2 {
		t.Errorf("the lists were sent %d times", n)
	}
}

// TestHTTPAsksForTheDate shows that a server may tell versions by their date.
func TestHTTPAsksForTheDate(t *testing.T) {
	const date = "Thu, 01 Jan 2026 00:00:00 GMT"
	s := serveList(t)
	s.answer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Last-Modified", date)
		if r.Header.Get("If-Modified-Since") == date {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		answerList(a)(w, r)
	})
	h, err := fetching(t, s.URL, emptyStorage(t), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	s.awaitRequests(t, 3)
	if s := h.Status(); s.Refreshes != 1 || s.Failures != 0 {
		t.Errorf("its status is %+v", s)
	}
}

// hijack takes over the connection of a request, and sends it just this.
func hijack(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

// status answers with a list, which does not count for its status.
func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		answerList(b)(w, r)
	}
}

// bomb is a gzip stream of many mebibytes of line ends.
func bomb(t *testing.T, mebibytes int) []byte {
	t.Helper()
	var one bytes.Buffer
	z := gzip.NewWriter(&one)
	_, err := z.Write(bytes.Repeat([]byte("\n"), 1<<20))
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(one.Bytes(), mebibytes) // of members, which are one text together
}

// TestHTTPKeepsTheLastGoodList shows that nothing that a server does takes away what it
// allowed before, or allows more, and that the list is taken again when it is good.
func TestHTTPKeepsTheLastGoodList(t *testing.T) {
	zipped := bomb(t, 4096)
	for name, spoil := range map[string]http.HandlerFunc{
		"an error":           status(500),
		"not found":          status(404),
		"nothing to say":     status(204),
		"a part":             status(206, "Content-Range: bytes 0-1/2"),
		"created":            status(201),
		"not asked for":      status(304),
		"a redirect":         status(302, "Location: /other"),
		"a page":             status(200, "Content-Type: text/html; charset=utf-8"),
		"a page in XHTML":    status(200, "Content-Type: application/xhtml+xml"),
		"what is no gzip":    status(200, "Content-Encoding: gzip"),
		"a bad line":         answerList(b, b+"/path"),
		"a risk":             answerList(b, "http://b.example"),
		"a cut line":         func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, b+"\nhttps://c.exam") },
		"JSON":               answerList(`["` + b + `"]`),
		"garbage":            answerList(strings.Repeat("\x00\xff\n", 100_000)),
		"nothing":            func(http.ResponseWriter, *http.Request) {},
		"no HTTP":            hijack("SSH-2.0-OpenSSH_9.9\r\n" + strings.Repeat("\x00", 1000)),
		"no answer":          hijack(""),
		"a cut one":          hijack("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b + "\n"),
		"a cut chunk":        hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + b + "\n"),
		"cut without length": hijack("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b),
		"a long header":      func(w http.ResponseWriter, r *http.Request) { status(200, "X-Long: "+strings.Repeat("x", 1<<20))(w, r) },
		"a stall":            func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a stall inside": func(w http.ResponseWriter, r *http.Request) {
			answerList(b)(w, r)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"drops": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, b+"\n")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(interval / 2)
			}
		},
		"gigabytes said": status(200, "Content-Length: 3000000000"),
		"gigabytes zipped": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveList(t, a)
			h, err := fetching(t, s.URL, emptyStorage(t), Rules{Credentials: true})
			if err != nil {
				t.Fatal(err)
			}
			s.answer(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/other" {
					t.Error("the redirect is followed")
				}
				spoil(w, r)
			})
			for deadline := time.Now().Add(30 * time.Second); h.Status().Failures == 0; time.Sleep(interval / 10) {
				if !h.AllowsOrigin(nil, a) || h.AllowsOrigin(nil, b) || time.Now().After(deadline) {
					t.Fatalf("the list in force is another one: %+v", h.Status())
				}
			}
			if s := h.Status(); s.Origins != 1 || !h.AllowsOrigin(nil, a) || h.AllowsOrigin(nil, b) {
				t.Errorf("the list in force is another one: %+v", s)
			}
			s.answer(answerList(c))
			wantSoon(t, h, c, a)
		})
	}
}

// TestHTTPBoundsTheList shows that of what a server sends, zipped or not, no more is read
// than a list may have, if there is time for all of it.
func TestHTTPBoundsTheList(t *testing.T) {
	zipped, lines := bomb(t, 64), bytes.Repeat([]byte("\n"), 1<<20)
	for name, send := range map[string]func(w http.ResponseWriter) error{
		"endless": func(w http.ResponseWriter) (err error) {
			for err == nil {
				_, err = w.Write(lines)
			}
			return err
		},
		"zipped": func(w http.ResponseWriter) error {
			w.Header().Set("Content-Encoding", "gzip")
			_, err := w.Write(zipped)
			return err
		},
		"said": func(w http.ResponseWriter) error {
			w.Header().Set("Content-Length", "8388609")
			w.WriteHeader(http.StatusOK)
			return http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveList(t)
			s.answer(func(w http.ResponseWriter, _ *http.Request) { _ = send(w) })
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			c := newListClient(u, make(http.Header), "", time.Minute)
			if c.most != maxListBytes {
				t.Errorf("a list may have %d bytes", c.most)
			}
			c.most = 8 << 20
			if _, err := c.fetch(t.Context(), validators{}); !errors.Is(err, errTooLong) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestHTTPBacksOff shows that a server that fails is asked less and less often, and as often
// as before when it is well.
func TestHTTPBacksOff(t *testing.T) {
	s := serveList(t, a)
	h, err := fetching(t, s.URL, emptyStorage(t), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	s.answer(status(500))
	start := len(s.requests())
	s.awaitRequests(t, 5)
	seen := s.requests()[start:]
	// After these, it waits for 1, 2, 4 and 8 intervals, less a tenth each. The machine may
	// be busy, which makes it only later but for the first.
	if took := seen[4].at.Sub(seen[0].at); took < 12*interval {
		t.Errorf("5 failures are within %s", took)
	}
	s.answer(answerList(b))
	wantSoon(t, h, b, a)
	start = len(s.requests())
	s.awaitRequests(t, 12) // 1 interval apart each, and not 8
	seen = s.requests()[start:]
	if took := seen[11].at.Sub(seen[0].at); took < 8*interval || took > 60*interval {
		t.Errorf("12 fetches take %s when it is well", took)
	}
}

// TestHTTPRetryAfter shows that a server may ask for more time, but not for all of it.
func TestHTTPRetryAfter(t *testing.T) {
	s := serveList(t, a)
	if _, err := fetching(t, s.URL, emptyStorage(t), Rules{}); err != nil {
		t.Fatal(err)
	}
	s.answer(status(503, "Retry-After: 2"))
	s.awaitRequests(t, 2)
	seen := s.requests()
	if gap := seen[len(seen)-1].at.Sub(seen[len(seen)-2].at); gap < 1500*time.Millisecond {
		t.Errorf("it is asked again after %s", gap)
	}

	for after, want := range map[string][2]time.Duration{
		"":                       {0, 2 * time.Second},
		"0":                      {0, 2 * time.Second},
		"-5":                     {0, 2 * time.Second},
		"30":                     {30 * time.Second, 30 * time.Second},
		"999999999":              {maxRetryAfter, maxRetryAfter},
		"9999999999999999999999": {0, 2 * time.Second},
		"soon":                   {0, 2 * time.Second},
		time.Now().Add(5 * time.Minute).UTC().Format(http.TimeFormat):  {4 * time.Minute, 5 * time.Minute},
		time.Now().Add(-5 * time.Minute).UTC().Format(http.TimeFormat): {0, 2 * time.Second},
		"Fri, 31 Dec 9999 23:59:59 GMT":                                {maxRetryAfter, maxRetryAfter},
	} {
		l := &fetchedList{key: httpKey{interval: time.Second}}
		l.backOff.InitialInterval, l.backOff.MaxInterval, l.backOff.Multiplier = time.Second, time.Second, 2
		err := fmt.Errorf("wrapped: %w", newStatusError(&http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {after}}}))
		if wait := l.wait(err); wait < want[0] || wait > want[1] {
			t.Errorf("Retry-After: %s: it waits for %s", after, wait)
		}
	}
}

// TestHTTPEnds shows that a fetch that stalls ends with the last config that has its list.
func TestHTTPEnds(t *testing.T) {
	s := serveList(t, a)
	ended := make(chan struct{})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := fetchList(emptyStorage(t), httpKey{url: s.URL, interval: interval, timeout: time.Hour}, u, make(http.Header))
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	s.answer(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		once.Do(func() { close(ended) })
	})
	s.awaitRequests(t, 1)
	_ = l.Destruct()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}

// TestHTTPLogsWhereTheConfigSays shows that a list that outlives its config logs to where the
// config that runs says.
func TestHTTPLogsWhereTheConfigSays(t *testing.T) {
	runCaddyLogging(t, t.TempDir())
	s := serveList(t, a)
	if _, err := fetching(t, s.URL, emptyStorage(t), Rules{}); err != nil {
		t.Fatal(err)
	}
	_, logged := runCaddyLogging(t, t.TempDir())
	s.answer(answerList("nonsense"))
	soon(t, "a line about it", func() bool {
		return len(linesOf(logged(), "a line of the list of origins is refused", `"url":"`+s.URL+`"`)) > 0
	})
}
