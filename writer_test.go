package caddycors

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// waysToRespond are handlers by what they do first.
var waysToRespond = map[string]caddyhttp.HandlerFunc{
	"nothing":     func(http.ResponseWriter, *http.Request) error { return nil },
	"WriteHeader": func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(http.StatusAccepted); return nil },
	"Write":       func(w http.ResponseWriter, _ *http.Request) error { _, err := w.Write([]byte("hi")); return err },
	"ReadFrom": func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("hi"))
		return err
	},
	"Flush":      func(w http.ResponseWriter, _ *http.Request) error { w.(http.Flusher).Flush(); return nil },
	"FlushError": func(w http.ResponseWriter, _ *http.Request) error { return http.NewResponseController(w).Flush() },
	"an error":   func(http.ResponseWriter, *http.Request) error { return caddyhttp.Error(500, errors.New("no")) },
	"a panic":    func(http.ResponseWriter, *http.Request) error { panic("no") },
	"two WriteHeader": func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusOK)
		return nil
	},
	"odd case": func(w http.ResponseWriter, _ *http.Request) error {
		w.Header()["access-control-allow-origin"] = []string{"*"}
		w.Header()["ACCESS-CONTROL-ALLOW-PRIVATE-NETWORK"] = []string{"true"}
		w.Header()["access-control-expose-headers"] = []string{"*"}
		w.Header()["Access-control-max-age"] = []string{"5"}
		return nil
	},
}

// TestEveryWayToRespond shows that the headers are there once, whatever a handler
// does first.
func TestEveryWayToRespond(t *testing.T) {
	statuses := map[string]int{"WriteHeader": 202, "an error": 500, "a panic": 500, "two WriteHeader": 201}
	for name, next := range waysToRespond {
		t.Run(name, func(t *testing.T) {
			a := runNext(t, "", next)
			status := statuses[name]
			if status == 0 {
				status = http.StatusOK
			}
			for _, protocol := range overTLS {
				c := a.Over(protocol)
				c.Do(get).Want(t, status, allowApp, vary)
				c.Do(getOther).Want(t, status, vary)
			}
		})
	}
}

// TestLiveHeaderMap shows what the header map holds in the end, which HTTP/3 and
// writers that buffer may send late.
func TestLiveHeaderMap(t *testing.T) {
	cookies := Policy{AllowOrigins: []string{"https://app.example.com"}, AllowCredentials: true, ExposeHeaders: []string{"*"}}
	add := func(name, value string) caddyhttp.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusOK)
			w.Header().Add(name, value)
			return nil
		}
	}
	credentials := "Allow-Credentials: true"
	for _, test := range []struct {
		name  string
		mode  string
		next  caddyhttp.HandlerFunc
		lines []string
	}{
		{"nothing late", "", add("X-Late", "1"), []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
		{"a late grant", "", add(headerAllowOrigin, "*"), []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
		{"a late Vary", "", add(headerVary, "Accept"), []string{allowApp, credentials, "Expose-Headers: Date, Vary", "Vary: Origin, Accept"}},
		{"a late Vary, kept", "keep", add(headerVary, "Accept"), []string{allowApp, credentials, "Expose-Headers: Date, Vary", "Vary: Origin, Accept"}},
		{"a flush that is swallowed", "", func(w http.ResponseWriter, _ *http.Request) error {
			w.(http.Flusher).Flush()
			w.Header().Add(headerAllowOrigin, "*")
			w.Header().Set(headerExposeHeaders, "X-One")
			w.WriteHeader(http.StatusOK)
			return nil
		}, []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := provision(t, &Handler{UpstreamHeaders: test.mode, Policies: []*Policy{&cookies}})
			w := newRecorder()
			if err := h.ServeHTTP(w, newRequest("GET\nOrigin: https://app.example.com"), test.next); err != nil {
				t.Fatal(err)
			}
			if vary := w.header[headerVary]; len(vary) > 1 { // lines that say the same
				w.header[headerVary] = []string{strings.Join(vary, ", ")}
			}
			response{Response: &http.Response{StatusCode: w.status, Header: w.header}, Asked: test.name}.Want(t, 200, test.lines...)
		})
	}
}

// TestAFlushThatIsSwallowed shows that the header does not count as written because
// somebody flushed: a writer below may put that off, as encode's does.
func TestAFlushThatIsSwallowed(t *testing.T) {
	h := provision(t, &Handler{Policies: []*Policy{{AllowOrigins: []string{"https://app.example.com"}}}})
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.(http.Flusher).Flush()
		w.Header().Add(headerAllowOrigin, "*")
		w.Header().Add(headerAllowCredentials, "true")
		w.WriteHeader(http.StatusOK)
		return nil
	})
	c := corstest.NewClient(t, serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h.ServeHTTP(lazyWriter{w}, r, next); err != nil {
			t.Error(err)
		}
	})))
	c.Do(get).Want(t, 200, allowApp, vary)
	c.Do(getOther).Want(t, 200, vary)
}

// lazyWriter does not flush.
type lazyWriter struct{ http.ResponseWriter }

func (lazyWriter) FlushError() error { return nil }

// TestOuterHandlersHaveTheLastWord shows that what a handler ahead of this one edits
// when the header is written is not undone.
func TestOuterHandlersHaveTheLastWord(t *testing.T) {
	h := provision(t, &Handler{Policies: []*Policy{{AllowOrigins: []string{"https://app.example.com"}}}})
	w := &editingWriter{newRecorder()}
	if err := h.ServeHTTP(w, newRequest("GET\nOrigin: https://app.example.com"), writeHeader); err != nil {
		t.Fatal(err)
	}
	if w.header.Get(headerAllowOrigin) != "edited" || w.header.Get(headerVary) != "edited" {
		t.Errorf("%v", w.header)
	}
}

// editingWriter edits values in place, as Caddy's header handler does.
type editingWriter struct{ *recorder }

func (w *editingWriter) WriteHeader(status int) {
	w.header[headerAllowOrigin][0] = "edited"
	w.header[headerVary][0] = "edited"
	w.recorder.WriteHeader(status)
}

func TestOtherHeadersStay(t *testing.T) {
	a := runNext(t, "", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header()["vary"] = []string{"Accept"}
		w.Header()["Access-Control-Request-Method"] = []string{"PUT"} // a request header; harmless, and not ours
		w.Header()["Access-Control-Allowance"] = []string{"1"}
		return nil
	})
	for _, protocol := range overTLS {
		a.Over(protocol).Do(get).Want(t, 200, "Allowance: 1", allowApp, "Request-Method: PUT", "Vary: Accept, Origin")
	}
}

func TestKeepFindsOddCase(t *testing.T) {
	a := runNext(t, "upstream_headers keep", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header()["access-control-allow-origin"] = []string{"https://own.example"}
		return nil
	})
	for _, protocol := range overTLS {
		a.Over(protocol).Do(get).Want(t, 200, "Allow-Origin: https://own.example", vary)
	}
}

// TestInformationalResponses shows that 103 passes and grants nothing, and that the
// final response is as ever, from a handler and from a backend.
func TestInformationalResponses(t *testing.T) {
	early := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.Header().Set(headerAllowOrigin, "https://early.example")
		w.Header()["access-control-expose-headers"] = []string{"X-One"}
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del(headerAllowOrigin)
		w.Header().Del(headerExposeHeaders)
		delete(w.Header(), "access-control-expose-headers")
		w.WriteHeader(http.StatusOK)
	})
	backend := serveBackend(t, early)
	next = func(w http.ResponseWriter, r *http.Request) error { early.ServeHTTP(w, r); return nil }
	for mode, grants := range map[string]string{"replace": "|", "keep": "https://early.example|X-One"} {
		for _, handler := range []string{"test_next", "reverse_proxy " + backend} {
			a := runCaddyTLS(t, "route {\ncors https://app.example.com {\nupstream_headers "+mode+"\n}\n"+handler+"\n}", "")
			for _, protocol := range overTLS {
				c := a.Over(protocol)
				var seen []string
				c.Informed = func(status int, h http.Header) {
					seen = append(seen, fmt.Sprint(status, h.Get("Link"), h.Get(headerVary), h.Get(headerAllowOrigin), "|", h.Get(headerExposeHeaders)))
				}
				c.Do(get).Want(t, 200, allowApp, vary)
				hint := "103</style.css>; rel=preload" + grants
				if strings.Join(seen, "\n") != hint+"\n"+hint {
					t.Errorf("%s, %s over %s: the 103 had\n%s\nwant\n%s", mode, handler, protocol, strings.Join(seen, "\n"), hint)
				}
			}
		}
	}
}

// TestFlushErrorIsPassedOn shows that a writer that cannot flush says so.
func TestFlushErrorIsPassedOn(t *testing.T) {
	h := provision(t, &Handler{Policies: []*Policy{{AllowOrigins: []string{"*"}}}})
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error { return http.NewResponseController(w).Flush() })
	if err := h.ServeHTTP(newRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), next); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("got %v", err)
	}
}
