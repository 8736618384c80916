package caddycors

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// serveNext serves a handler for https://app.example.com in front of next, without a
// Caddy around it. A panic of next is turned into a 500, as a plugin could.
func serveNext(t *testing.T, h *Handler, next caddyhttp.HandlerFunc) *client {
	t.Helper()
	h.Policies = append(h.Policies, &Policy{AllowOrigins: []string{"https://app.example.com"}})
	provision(t, h)
	return corstest.NewClient(t, serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, make(map[string]any)))
		if err := h.ServeHTTP(w, r, next); err != nil {
			w.WriteHeader(http.StatusTeapot)
		}
	})))
}

// TestEveryWayToRespond shows that the headers are there once, whatever a handler
// does first.
func TestEveryWayToRespond(t *testing.T) {
	statuses := map[string]int{"WriteHeader": 202, "an error": http.StatusTeapot, "a panic": 500, "two WriteHeader": 201}
	for name, next := range map[string]caddyhttp.HandlerFunc{
		"nothing":     func(http.ResponseWriter, *http.Request) error { return nil },
		"WriteHeader": func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(http.StatusAccepted); return nil },
		"Write":       func(w http.ResponseWriter, _ *http.Request) error { _, err := w.Write([]byte("hi")); return err },
		"ReadFrom": func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("hi"))
			return err
		},
		"Flush":      func(w http.ResponseWriter, _ *http.Request) error { w.(http.Flusher).Flush(); return nil },
		"FlushError": func(w http.ResponseWriter, _ *http.Request) error { return http.NewResponseController(w).Flush() },
		"an error":   func(http.ResponseWriter, *http.Request) error { return errors.New("no") },
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
	} {
		t.Run(name, func(t *testing.T) {
			c := serveNext(t, new(Handler), next)
			status := statuses[name]
			if status == 0 {
				status = http.StatusOK
			}
			c.Do(get).Want(t, status, allowApp, vary)
			c.Do(getOther).Want(t, status, vary)
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
		{"nothing late", "", add("X-Late", "1"), []string{allowApp, credentials, "Expose-Headers: Vary", vary}},
		{"a late grant", "", add(headerAllowOrigin, "*"), []string{allowApp, credentials, "Expose-Headers: Vary", vary}},
		{"a late Vary", "", add(headerVary, "Accept"), []string{allowApp, credentials, "Expose-Headers: Vary", "Vary: Origin, Accept"}},
		{"a late Vary, kept", "keep", add(headerVary, "Accept"), []string{allowApp, credentials, "Expose-Headers: Vary", "Vary: Origin, Accept"}},
		{"a flush that is swallowed", "", func(w http.ResponseWriter, _ *http.Request) error {
			w.(http.Flusher).Flush()
			w.Header().Add(headerAllowOrigin, "*")
			w.Header().Set(headerExposeHeaders, "X-One")
			w.WriteHeader(http.StatusOK)
			return nil
		}, []string{allowApp, credentials, "Expose-Headers: Vary", vary}},
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
	c := serveNext(t, new(Handler), func(w http.ResponseWriter, _ *http.Request) error {
		w.Header()["vary"] = []string{"Accept"}
		w.Header()["Access-Control-Request-Method"] = []string{"PUT"} // a request header; harmless, and not ours
		w.Header()["Access-Control-Allowance"] = []string{"1"}
		return nil
	})
	c.Do(get).Want(t, 200, "Allowance: 1", allowApp, "Request-Method: PUT", "Vary: Accept, Origin")
}

func TestKeepFindsOddCase(t *testing.T) {
	c := serveNext(t, &Handler{UpstreamHeaders: "keep"}, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header()["access-control-allow-origin"] = []string{"https://own.example"}
		return nil
	})
	c.Do(get).Want(t, 200, "Allow-Origin: https://own.example", vary)
}

// TestInformationalResponses shows that 103 passes and grants nothing, and that the
// final response is as ever.
func TestInformationalResponses(t *testing.T) {
	for mode, hints := range map[string]string{"replace": "", "keep": "https://early.example"} {
		c := serveNext(t, &Handler{UpstreamHeaders: mode}, func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.Header().Set(headerAllowOrigin, "https://early.example")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Del(headerAllowOrigin)
			w.WriteHeader(http.StatusOK)
			return nil
		})
		var seen []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
			seen = append(seen, header.Get("Link"), header.Get(headerAllowOrigin), header.Get(headerVary))
			return nil
		}})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(headerOrigin, "https://app.example.com")
		resp, err := c.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if strings.Join(seen, "|") != "</style.css>; rel=preload|"+hints+"|" {
			t.Errorf("%s: the 103 had %q", mode, seen)
		}
		response{Response: resp, Asked: "GET /"}.Want(t, 200, allowApp, vary)
	}
}

// TestUpgrade shows that a WebSocket handshake is answered by the backend, through
// the hijacked connection, with the headers on its 101.
func TestUpgrade(t *testing.T) {
	c := serveNext(t, new(Handler), func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set(headerAllowOrigin, "*")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = io.WriteString(conn, "frames")
		return err
	})
	conn, err := net.Dial("tcp", c.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://app.example.com\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	response{Response: resp, Asked: "upgrade"}.Want(t, 101, allowApp, vary)
	if frames, err := io.ReadAll(reader); err != nil || string(frames) != "frames" {
		t.Errorf("%q, %v", frames, err)
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
