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
	"golang.org/x/net/websocket"

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
	set := func(name, value string) caddyhttp.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusOK)
			w.Header().Set(name, value)
			return nil
		}
	}
	held := func(edit func(http.Header)) caddyhttp.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) error {
			h := w.Header()
			w.WriteHeader(http.StatusOK)
			edit(h)
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
		{"a late grant in place of the right one", "", set(headerAllowOrigin, "*"), []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
		{"a late Vary in place of the right one", "", set(headerVary, "Accept"), []string{allowApp, credentials, "Expose-Headers: Date, Vary", "Vary: Accept, Origin"}},
		{"a late grant in place of another name", "", func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("X-One", "1")
			w.WriteHeader(http.StatusOK)
			w.Header().Del("X-One")
			w.Header().Set(headerMaxAge, "600")
			return nil
		}, []string{allowApp, credentials, "Expose-Headers: Date, Vary, X-One", vary}},
		{"a late grant, kept", "keep", add(headerAllowOrigin, "*"), []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
		{"a late name that is exposed", "", add(headerExposeHeaders, "X-One"), []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
		{"a late grant after a 304", "", func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusNotModified)
			w.Header().Add(headerAllowOrigin, "*")
			return nil
		}, []string{allowApp, credentials, vary}},
		{"a late name, in a map from before", "", held(func(h http.Header) { h.Set(headerMaxAge, "600") }), []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
		{"a late grant, in a map from before", "", held(func(h http.Header) { h.Set(headerAllowOrigin, "*") }), []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
		{"another Vary, in a map from before", "", held(func(h http.Header) { h.Set(headerVary, "Accept") }), []string{allowApp, credentials, "Expose-Headers: Date, Vary", "Vary: Accept, Origin"}},
		{"a late Vary in odd case", "", held(func(h http.Header) { h["vary"] = []string{"Accept"} }), []string{allowApp, credentials, "Expose-Headers: Date, Vary", "Vary: Origin, Accept"}},
		{"a trailer, in a map from before", "", held(func(h http.Header) {
			delete(h, headerAllowCredentials)
			h.Set(http.TrailerPrefix+headerAllowOrigin, "*")
		}), []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
		{"a late grant while the body is copied", "", func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.Copy(w, readerFunc(func([]byte) (int, error) {
				w.Header().Set(headerAllowOrigin, "*")
				w.Header().Set(http.TrailerPrefix+headerAllowOrigin, "*")
				return 0, io.EOF
			}))
			return err
		}, []string{allowApp, credentials, "Expose-Headers: Date, Vary", vary}},
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
			response{Response: &http.Response{StatusCode: w.status, Header: w.header}, Asked: test.name}.Want(t, w.status, test.lines...)
		})
	}
}

// readerFunc is a reader of what a function returns.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

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
	a = runNext(t, "upstream_headers keep", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header()[headerAllowOrigin] = nil // which is not in the response
		return nil
	})
	a.Over(corstest.H2).Do(get).Want(t, 200, allowApp, vary)
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
	for _, mode := range []string{"replace", "keep"} {
		for _, handler := range []string{"test_next", "reverse_proxy " + backend} {
			a := runCaddyTLS(t, "route {\ncors https://app.example.com {\nupstream_headers "+mode+"\n}\n"+handler+"\n}", "")
			for _, protocol := range overTLS {
				c := a.Over(protocol)
				var seen []string
				c.Informed = func(status int, h http.Header) {
					seen = append(seen, fmt.Sprint(status, h.Get("Link"), h.Get(headerVary), h.Get(headerAllowOrigin), "|", h.Get(headerExposeHeaders)))
				}
				c.Do(get).Want(t, 200, allowApp, vary)
				const hint = "103</style.css>; rel=preload|"
				if strings.Join(seen, "\n") != hint+"\n"+hint {
					t.Errorf("%s, %s over %s: the 103 had\n%s\nwant\n%s", mode, handler, protocol, strings.Join(seen, "\n"), hint)
				}
			}
		}
	}
}

// TestNotModified holds a 304 against the 200 that the client has stored.
func TestNotModified(t *testing.T) {
	for _, options := range []string{"", "allow_credentials", "expose_headers X-One", "expose_headers *", "allow_credentials\nexpose_headers X-One ETag"} {
		for _, origins := range []string{"https://app.example.com", "https://app.example.com https://b.example", "none", "*"} {
			if origins == "none" && options != "" || origins == "*" && strings.Contains(options, "credentials") {
				continue // does not load
			}
			a := runCaddyTLS(t, "cors "+origins+" {\n"+options+"\n}\nroot testdata/errors\nfile_server", "")
			for _, protocol := range overTLS {
				c := a.Over(protocol)
				for _, request := range []string{get, getOther, getNoOrigin} {
					request = strings.Replace(request, "/", "/418.html", 1)
					whole := c.Do(request)
					etag := whole.Header.Get("Etag")
					part := c.Do(request + "\nIf-None-Match: " + etag)
					if whole.StatusCode != http.StatusOK || part.StatusCode != http.StatusNotModified || etag == "" || part.CORS() != whole.CORS() || !strings.Contains(part.CORS(), "Vary") {
						t.Errorf("%s, %s:\n%s\n\nwas\n%s", origins, options, part, whole)
					}
				}
			}
		}
	}
}

// TestNotModifiedExposesNoNames shows that a 304 leaves alone which names the stored
// response exposes: it does not have them all.
func TestNotModifiedExposesNoNames(t *testing.T) {
	a := runCaddyTLS(t, "cors https://app.example.com {\nallow_credentials\nexpose_headers *\n}\nroot testdata/errors\nfile_server", "")
	r := a.Over(corstest.H2).Do(strings.Replace(get, "/", "/418.html", 1) + "\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT")
	r.Want(t, 304, allowApp, "Allow-Credentials: true", "Vary: Accept-Encoding, Origin")
}

// TestAbort shows that a connection that a handler drops stays dropped, and that the
// server goes on.
func TestAbort(t *testing.T) {
	a := runCaddyTLS(t, "cors https://app.example.com\nabort /abort\nrespond hi", "")
	for _, protocol := range overTLS {
		c := a.Over(protocol)
		if r, err := c.Try(strings.Replace(get, "/", "/abort", 1)); err == nil {
			t.Errorf("%s: got %s", protocol, r)
		}
		c.Do(get).Want(t, 200, allowApp, vary)
	}
}

// TestErrorAfterTheHeader shows that a response that fails once its header is written
// keeps it, error routes or not.
func TestErrorAfterTheHeader(t *testing.T) {
	next = func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set(headerAllowOrigin, "*")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set(headerAllowOrigin, "*") // over HTTP/3, it is not too late
		return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("no"))
	}
	for _, errorRoutes := range []string{"", "handle_errors {\nrespond sorry\n}", "handle_errors {\ncors https://app.example.com\nheader Access-Control-Allow-Origin *\nrespond sorry\n}"} {
		a := runCaddyTLS(t, "cors https://app.example.com\nroute {\ntest_next\n}\n"+errorRoutes, "")
		for _, protocol := range overTLS {
			a.Over(protocol).Do(get).Want(t, 202, allowApp, vary)
			a.Over(protocol).Do(getOther).Want(t, 202, vary)
		}
	}
}

// TestTrailers shows that a backend grants nothing by its trailers either, declared or
// not, nor where its headers are kept. A trailer that is announced hides a header of
// the same name over HTTP/3.
func TestTrailers(t *testing.T) {
	upstream := serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/granted" {
			w.Header().Set("Access-Control-Allow-Origin", "https://own.example")
		}
		if r.URL.Path == "/only" {
			w.Header().Set("Trailer", "Access-Control-Allow-Origin")
		} else {
			w.Header().Set("Trailer", "X-Sum, access-control-allow-origin, Vary, Access-Control-Odd")
		}
		_, _ = w.Write([]byte("body"))
		w.(http.Flusher).Flush()
		w.Header().Set("X-Sum", "4")
		w.Header().Set("Access-Control-Allow-Origin", "https://declared.example")
		w.Header().Set("Vary", "declared")
		w.Header().Set(http.TrailerPrefix+"Access-Control-Allow-Credentials", "true")
		w.Header().Set(http.TrailerPrefix+"Access-Control-Strange", "true")
		w.Header().Set("Access-Control-Odd", "true")
		w.Header().Set(http.TrailerPrefix+"X-Late", "1")
	}))
	const all, late = "map[Vary:[declared] X-Late:[1] X-Sum:[4]]", "map[X-Late:[1]]"
	own := "Allow-Origin: https://own.example"
	for _, test := range []struct {
		mode, path, trailers string
		allowed, denied      []string
	}{
		{"replace", "/", all, []string{allowApp, vary}, []string{vary}},
		{"replace", "/only", late, []string{allowApp, vary}, []string{vary}},
		{"replace", "/granted", all, []string{allowApp, vary}, []string{vary}},
		{"keep", "/", all, []string{allowApp, vary}, []string{vary}},
		{"keep", "/only", late, []string{allowApp, vary}, []string{vary}},
		{"keep", "/granted", all, []string{own, vary}, []string{own, vary}},
	} {
		t.Run(test.mode+test.path, func(t *testing.T) {
			a := runCaddyTLS(t, "cors https://app.example.com {\n upstream_headers "+test.mode+"\n}\nreverse_proxy "+upstream, "")
			for _, protocol := range overTLS {
				for request, lines := range map[string][]string{get: test.allowed, getOther: test.denied} {
					r := a.Over(protocol).Do(strings.Replace(request, "/", test.path, 1))
					r.Want(t, 200, lines...)
					if got := fmt.Sprint(r.Trailer); got != test.trailers {
						t.Errorf("%s: trailers %v, want %s", r, got, test.trailers)
					}
				}
			}
		})
	}
}

// TestTrailersOfEncoded shows that they grant nothing where `encode` edits the header map
// while the response is written, ahead of the handler or behind it.
func TestTrailersOfEncoded(t *testing.T) {
	upstream := serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body := strings.Repeat("long ", 200)
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Vary", "Accept-Encoding")
		_, _ = io.WriteString(w, body)
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+headerAllowOrigin, "*")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "4")
	}))
	for _, order := range []string{"encode\ncors https://app.example.com", "cors https://app.example.com\nencode"} {
		a := runCaddyTLS(t, "route {\n"+order+"\nreverse_proxy "+upstream+"\n}", "")
		for _, protocol := range overTLS {
			r := a.Over(protocol).Do(get + "\nAccept-Encoding: gzip")
			r.Want(t, 200, allowApp, "Vary: Accept-Encoding, Origin")
			if got := fmt.Sprint(r.Header["Content-Encoding"], r.Trailer); got != "[gzip] map[X-Sum:[4]]" {
				t.Errorf("%s: %s: encoding and trailers %s", order, r, got)
			}
		}
	}
}

// TestUpgrade shows the headers on the answer to a WebSocket handshake.
func TestUpgrade(t *testing.T) {
	backend := serveBackend(t, websocket.Handler(func(*websocket.Conn) {}))
	a := runCaddy(t, "http://$A {\ncors https://app.example.com\nreverse_proxy "+backend+"\n}")
	for request, lines := range map[string][]string{get: {allowApp, vary}, getOther: {vary}} {
		a.Raw(strings.ReplaceAll(strings.Replace(request, "GET /", "GET / HTTP/1.1\nHost: "+a.Address, 1)+webSocket, "\n", "\r\n")+"\r\n\r\n").Want(t, 101, lines...)
	}
}

// TestKeptHeadersOutliveA103 shows that what a 103 may not have, the response that
// follows does.
func TestKeptHeadersOutliveA103(t *testing.T) {
	a := runNext(t, "upstream_headers keep", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set(headerExposeHeaders, "X-One")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set(headerAllowOrigin, "https://own.example")
		w.WriteHeader(http.StatusOK)
		return nil
	})
	for _, protocol := range overTLS {
		c := a.Over(protocol)
		c.Informed = func(_ int, h http.Header) {
			if h.Get(headerExposeHeaders) != "" {
				t.Errorf("%s: the 103 has %v", protocol, h)
			}
		}
		c.Do(get).Want(t, 200, "Allow-Origin: https://own.example", "Expose-Headers: X-One", vary)
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
