package corsproxy

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serveBytes starts a server that answers each connection with these bytes, as they are.
func serveBytes(t *testing.T, text string) (url string) {
	t.Helper()
	listeners, port := listen(t, "127.0.0.1")
	go func() {
		for {
			conn, err := listeners[0].Accept()
			if err != nil {
				return
			}
			go func(conn net.Conn) {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, text)
			}(conn)
		}
	}()
	return "http://127.0.0.1:" + port
}

// TestLyingTargets shows what becomes of answers that are none.
func TestLyingTargets(t *testing.T) {
	for text, want := range map[string]*refusal{
		"":                        failedConnection,
		"SSH-2.0-OpenSSH_9.6\r\n": failedConnection,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello":                    failedConnection,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: nonsense\r\n\r\nhello":                               failedConnection,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n":     failedProtocol,
		"HTTP/1.1 999 Nonsense\r\nContent-Length: 0\r\n\r\n":                                        failedProtocol,
		"HTTP/1.1 000 Nonsense\r\nContent-Length: 0\r\n\r\n":                                        failedProtocol,
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 200_000) + "\r\n\r\n":                        failedLength,
		strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("a", 1000)+"\r\n\r\n", 200): failedConnection,
	} {
		url := serveBytes(t, text)
		r := runProxy(t, "targets "+url).Do(ask(url))
		if want == failedConnection && r.Text == failedLength.Error()+"\n" {
			continue // a transport that counts informational responses, too
		}
		if r.StatusCode != want.status || r.Text != want.Error()+"\n" {
			t.Errorf("%.60q: %s; want %v", text, r, want)
		}
	}
}

// TestShortResponses shows that a response that ends early is no short success.
func TestShortResponses(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		url := serveBytes(t, text)
		site := runProxy(t, "targets "+url)
		if r, err := site.Try(ask(url)); err == nil {
			t.Errorf("%q: %s", text, r)
		}
	}
}

// TestTLS shows that targets have to prove who they are, over HTTP/1.1 and HTTP/2.
func TestTLS(t *testing.T) {
	serveDNS(t, map[string][]string{"example.com": {"127.0.0.1"}, "other.example": {"127.0.0.1"}})
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/long" {
				for i := range maxResponseHeader / 1000 {
					w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("a", 1000))
				}
			}
			fmt.Fprintf(w, "%d %s", r.ProtoMajor, r.Host)
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		defer server.Close()
		_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
		options := fmt.Sprintf("targets https://example.com:%s https://other.example:%s https://127.0.0.1:%s", port, port, port)
		site := runProxy(t, options)
		wantRefusal(t, site.Do(ask("https://example.com:"+port)), failedCertificate, allowPage)

		roots = x509.NewCertPool()
		roots.AddCert(server.Certificate())
		defer func() { roots = nil }()
		site = runProxy(t, options)
		want := "1 example.com:" + port
		if http2 {
			want = "2 example.com:" + port
		}
		if r := site.Do(ask("https://example.com:" + port)); r.Text != want {
			t.Errorf("%s", r)
		}
		wantRefusal(t, site.Do(ask("https://example.com:"+port+"/long")), failedLength, allowPage)
		wantRefusal(t, site.Do(ask("https://other.example:"+port)), failedCertificate, allowPage)
		wantRefusal(t, site.Do(ask("https://missing.example:"+port)), refusedTarget, allowPage)
		roots = nil
	}
	site := runProxy(t, "targets https://missing.example")
	wantRefusal(t, site.Do(ask("https://missing.example")), failedName, allowPage)
}

// TestEnvironment shows that a proxy that the environment names is not used: it would be
// what is connected to, in place of what was checked.
func TestEnvironment(t *testing.T) {
	other := serveAPI(t, func(http.ResponseWriter, *http.Request) {})
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, other.URL)
	}
	serveDNS(t, map[string][]string{"api.example": {"10.0.0.1"}})
	site := runProxy(t, "targets http://api.example")
	wantRefusal(t, site.Do(ask("http://api.example")), failedAddress, allowPage)
	if n := len(other.requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}
