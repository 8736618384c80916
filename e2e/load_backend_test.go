//go:build linux

package e2e

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// loadBackendGrants is what the backend says of CORS, all of it wrong.
var loadBackendGrants = []string{"Allow-Credentials: true", "Allow-Origin: *", "Expose-Headers: *", "Max-Age: 5"}

// loadBackend is a backend that dies and comes back.
type loadBackend struct {
	address string
	kills   int
}

func newLoadBackend(t *testing.T) *loadBackend {
	return &loadBackend{address: corstest.FreeAddress(t)}
}

// run lets the backend live and die by turns until the context is done. It ends dead,
// with all its connections closed.
func (b *loadBackend) run(ctx context.Context) {
	for ctx.Err() == nil {
		listener, err := net.Listen("tcp", b.address)
		if err != nil {
			// A connection that goes out may have the port by chance, for a while.
			sleep(ctx, 10*time.Millisecond)
			continue
		}
		//nolint:gosec // It serves the test alone.
		server := &http.Server{Handler: http.HandlerFunc(serveLoad)}
		go func() { _ = server.Serve(listener) }()
		sleep(ctx, time.Duration(100+rand.IntN(400))*time.Millisecond)
		_ = server.Close()
		b.kills++
		sleep(ctx, time.Duration(20+rand.IntN(100))*time.Millisecond)
	}
}

// serveLoad answers with CORS headers of its own, also ahead of the answer and after
// it.
func serveLoad(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	for _, line := range loadBackendGrants {
		name, value, _ := strings.Cut(line, ": ")
		w.Header().Set("Access-Control-"+name, value)
	}
	w.Header().Set("Vary", "Accept-Language")
	if r.Header.Get("Upgrade") != "" {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_, _ = io.WriteString(conn, loadText)
			_ = conn.Close()
		}
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if query.Has("hints") {
		w.WriteHeader(http.StatusEarlyHints)
	}
	if query.Has("trailers") {
		w.Header().Set("Trailer", "X-Sum, Access-Control-Allow-Origin, Vary")
	}
	size, _ := strconv.Atoi(query.Get("size"))
	_, _ = io.CopyN(w, zeros{}, int64(size))
	if query.Has("trailers") {
		w.Header().Set("X-Sum", strconv.Itoa(size))
		w.Header().Set(http.TrailerPrefix+"Access-Control-Allow-Credentials", "true")
	}
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// sleep waits for a while, or until the context is done.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
