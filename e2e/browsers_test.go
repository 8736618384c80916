//go:build linux

package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// browser is a real browser that has opened a page. It takes any certificate, asks no
// host but this one, and ends with the test.
type browser struct {
	engine  fetch.Engine
	process *process
	// console returns what the console has said of pages, line by line.
	console func(t *testing.T) []string
}

// openBrowser starts a browser at a URL. Every host is this one.
func openBrowser(t *testing.T, engine fetch.Engine, url string) *browser {
	t.Helper()
	switch engine {
	case fetch.Chromium:
		return openChromium(t, url)
	case fetch.Firefox:
		return openFirefox(t, url)
	default:
		return openWebKit(t, url)
	}
}

// homeless returns an empty directory, and the environment of a browser that leaves all
// that it writes there.
func homeless(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// What the browser has started may still write for a moment.
		for range 100 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s cannot be removed", dir)
	})
	return dir, []string{"HOME=" + dir, "TMPDIR=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_CACHE_HOME=" + dir, "XDG_DATA_HOME=" + dir}
}

// pages are what a server of the test shows to browsers. What their scripts post to
// "/report" are reports.
type pages struct {
	origin  string // "http://localhost:<port>"
	handle  http.HandlerFunc
	reports chan []byte
}

// servePages starts a server of pages, in the clear or over TLS. Its handler may be set
// until a browser is opened.
func servePages(t *testing.T, secure bool) *pages {
	t.Helper()
	p := &pages{reports: make(chan []byte, 100)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/report":
			report, _ := io.ReadAll(r.Body)
			p.reports <- report
			w.Header().Set("Access-Control-Allow-Origin", "*") // for sandboxed pages
		case "/favicon.ico":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			p.handle(w, r)
		}
	})
	scheme, server := "http", httptest.NewUnstartedServer(handler)
	if secure {
		scheme = "https"
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p.origin = scheme + "://localhost:" + port
	return p
}

// report waits for the next report, and decodes it.
func (p *pages) report(t *testing.T, b *browser, into any) {
	t.Helper()
	select {
	case report := <-p.reports:
		if err := json.Unmarshal(report, into); err != nil {
			t.Fatalf("%v: %s", err, report)
		}
	case <-b.process.exited:
		t.Fatalf("%s ended by itself", b.engine)
	case <-time.After(3 * time.Minute): // a slow machine has hundreds of steps to do
		t.Fatalf("the page in %s reports nothing", b.engine)
	}
}
