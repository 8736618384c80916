package source

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// TestHandshakesEnd shows that a server which takes connections, and says nothing then, not
// even about TLS, is left alone when time is up.
func TestHandshakesEnd(t *testing.T) {
	const timeout = leastTime
	for name, get := range map[string]func(t *testing.T, u *url.URL){
		"http": func(_ *testing.T, u *url.URL) {
			_, _ = newListClient(u, make(http.Header), "", timeout).fetch(t.Context(), validators{})
		},
		"ask": func(t *testing.T, u *url.URL) {
			a := &Ask{URL: u.String(), Timeout: caddy.Duration(timeout)}
			if err := openAsk(t, a, Rules{}); err != nil {
				t.Fatal(err)
			}
			a.AllowsOrigin(tenant, "https://a.example")
		},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			var opened, closed atomic.Int64
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					opened.Add(1)
					go func() {
						_, _ = io.Copy(io.Discard, conn) // until the other side closes
						conn.Close()
						closed.Add(1)
					}()
				}
			}()
			get(t, &url.URL{Scheme: "https", Host: listener.Addr().String()})
			soon(t, "the end of all connections", func() bool { return opened.Load() > 0 && closed.Load() == opened.Load() })
		})
	}
}
