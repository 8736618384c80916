package source

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// listServer is a server of a list, whose answers change.
type listServer struct {
	*httptest.Server
	handler atomic.Pointer[http.HandlerFunc]

	mu   sync.Mutex
	seen []seenRequest
}

type seenRequest struct {
	at     time.Time
	header http.Header
}

// serveList starts a server that answers with these lines.
func serveList(t *testing.T, lines ...string) *listServer {
	t.Helper()
	s := new(listServer)
	s.answer(answerList(lines...))
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.CloseClientConnections() // of those that stall
		s.Close()
	})
	return s
}

func (s *listServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, seenRequest{time.Now(), r.Header.Clone()})
	s.mu.Unlock()
	(*s.handler.Load())(w, r)
}

func (s *listServer) answer(handler http.HandlerFunc) { s.handler.Store(&handler) }

func (s *listServer) requests() []seenRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seenRequest(nil), s.seen...)
}

// awaitRequests waits until the server has got some requests more.
func (s *listServer) awaitRequests(t *testing.T, more int) {
	t.Helper()
	n := len(s.requests()) + more
	for deadline := time.Now().Add(30 * time.Second); len(s.requests()) < n; time.Sleep(interval / 10) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests, want %d", len(s.requests()), n)
		}
	}
}

// answerList answers with a list.
func answerList(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n") }
}

// answerVersion answers with a list as it stands, and its version.
func answerVersion(list string, sent *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		etag := `"` + sumOf(list) + `"`
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent.Add(1)
		_, _ = io.WriteString(w, list)
	}
}

// fetching returns a source that fetches the list at a URL, more often than a config may,
// until the test is over.
func fetching(t *testing.T, rawURL string, storage certmagic.Storage, rules Rules) (*HTTP, error) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := fetchList(storage, httpKey{url: rawURL, interval: interval, timeout: 5 * interval, rules: rules}, u, make(http.Header))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = l.Destruct() })
	return &HTTP{fetched: share[*fetchedList]{value: l}}, nil
}
