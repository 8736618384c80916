package corsproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// TestSlowReaders shows that a client that does not read what it asked for holds its place,
// and that of the target, no longer than the timeout.
func TestSlowReaders(t *testing.T) {
	part := strings.Repeat("a", 64<<10)
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		for r.URL.Path == "/endless" && r.Context().Err() == nil {
			if _, err := io.WriteString(w, part); err != nil {
				return
			}
		}
	})
	for _, server := range []string{"", "servers {\ntimeouts {\nwrite 1h\n}\n}", "servers {\ntimeouts {\nwrite 500ms\n}\n}"} {
		site := runCaddyWith(t, server, "http://$A {\ncors "+page+"\ncors_proxy {\nallow_networks 127.0.0.1\ntargets "+a.URL+"\ntimeout 1s\nmax_response 1GB\nmax_per_client 2\nmax_per_target 1\n}\n}")
		for _, protocol := range []string{corstest.H1, corstest.H2C} {
			name := fmt.Sprintf("%s, with %q", protocol, server)
			if protocol == corstest.H1 {
				askAndNotRead(t, site, a.URL+"/endless")
			} else {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL("/?"+a.URL+"/endless"), http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Origin", page)
				response, err := site.Over(protocol).HTTP.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
			}
			r := site.Do(ask(a.URL))
			wantRefusal(t, r, refusedTargetLoad, allowPage)
			for start := time.Now(); r.StatusCode != http.StatusOK; r = site.Do(ask(a.URL)) {
				if time.Since(start) > 20*time.Second {
					t.Fatalf("%s: the place is still held: %s", name, r)
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
}

// askAndNotRead asks for a URL over a connection of which nothing more is read than that it
// is answered.
func askAndNotRead(t *testing.T, site *corstest.Client, url string) {
	t.Helper()
	conn, err := net.Dial("tcp", site.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n\r\n", url, site.Address, page); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
}

// TestConnectionsLiveOn shows that the timeout of a request is not that of its connection.
func TestConnectionsLiveOn(t *testing.T) {
	a := serveAPI(t, redirecting)
	site := runCaddy(t, "http://$A {\nhandle /slow {\nreverse_proxy "+strings.TrimPrefix(serveAPI(t, func(http.ResponseWriter, *http.Request) { time.Sleep(500 * time.Millisecond) }).URL, "http://")+
		"\n}\ncors "+page+"\ncors_proxy {\nallow_networks 127.0.0.1\ntargets "+a.URL+"\ntimeout 200ms\n}\n}")
	conn, err := net.Dial("tcp", site.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for i, path := range []string{"/?" + a.URL, "/slow", "/?" + a.URL, "/slow"} {
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n\r\n", path, site.Address, page); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if _, err = io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusOK {
			t.Errorf("request %d: %s, %v", i, r.Status, err)
		}
		_ = r.Body.Close()
	}
}
