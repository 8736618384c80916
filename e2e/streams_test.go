//go:build linux

package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"golang.org/x/net/http2"
	"golang.org/x/net/websocket"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const (
	app   = "Origin: " + knownOrigin
	other = "Origin: " + evilOrigin

	allowApp = "Allow-Origin: " + knownOrigin
	vary     = "Vary: Origin"
)

// withAndWithout runs a test on a Caddy that has this module in front of the site's
// directives, and on one that has not: what works without it has to work with it. The
// site speaks HTTP/1.1, HTTP/2 and HTTP/3.
func withAndWithout(t *testing.T, options, site string, test func(t *testing.T, a *corstest.Client, cors bool)) {
	t.Helper()
	for name, directive := range map[string]string{"without": "", "with": "cors https://app.example.com"} {
		t.Run(name, func(t *testing.T) {
			test(t, startTLS(t, options, directive+"\n"+site), directive != "")
		})
	}
}

// startTLS starts a Caddy with a site that speaks HTTP/1.1, HTTP/2 and HTTP/3 over TLS,
// and extended CONNECT.
func startTLS(t *testing.T, options, site string) *corstest.Client {
	t.Helper()
	a := corstest.NewClient(t, corstest.FreeAddress(t))
	cert, key := corstest.Certificate(t)
	startCaddy(t, options, "https://"+a.Address+" {\ntls "+cert+" "+key+"\n"+site+"\n}\n", "GODEBUG=http2xconnect=1")
	return a
}

// overTLS are the protocols of such a site.
var overTLS = []string{corstest.H1S, corstest.H2, corstest.H3}

// corsLines is what a response to https://app.example.com has of CORS, with this
// module or without.
func corsLines(cors bool) []string {
	if cors {
		return []string{allowApp, vary}
	}
	return nil
}

// TestServerSentEvents shows that each event arrives before the next one is written.
func TestServerSentEvents(t *testing.T) {
	next := make(chan bool)
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		for i := range 3 {
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
		}
	}))
	withAndWithout(t, "", "encode\nreverse_proxy "+backend, func(t *testing.T, a *corstest.Client, cors bool) {
		for _, protocol := range overTLS {
			go func() { next <- true }() // the headers come with the first event
			r, err := a.Over(protocol).Send("GET /\n" + app)
			if err != nil {
				t.Fatal(err)
			}
			events := bufio.NewScanner(r.Body)
			for i := range 3 {
				if !events.Scan() || events.Text() != fmt.Sprint("data: ", i) || !events.Scan() {
					t.Fatalf("%s: event %d is %q, %v", protocol, i, events.Text(), events.Err())
				}
				if i < 2 {
					next <- true
				}
			}
			r.Body.Close()
			if cors {
				r.Want(t, 200, allowApp, "Vary: Accept-Encoding, Origin")
			}
		}
	})
}

// TestFullDuplex shows that a response is read while its request is still written,
// chunk by chunk, neither of known length.
func TestFullDuplex(t *testing.T) {
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		if err := control.Flush(); err != nil {
			t.Error(err)
		}
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, "echo", lines.Text())
			_ = control.Flush()
		}
	}))
	site := "reverse_proxy " + backend + " {\nflush_interval -1\n}"
	withAndWithout(t, "servers {\nenable_full_duplex\n}", site, func(t *testing.T, a *corstest.Client, cors bool) {
		for _, protocol := range overTLS {
			c := a.Over(protocol)
			body, write := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL("/"), body)
			if err != nil {
				t.Fatal(err)
			}
			corstest.AddHeaders(req, app)
			resp, err := c.HTTP.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			corstest.Response{Response: resp, Asked: protocol}.Want(t, 200, corsLines(cors)...)
			echoes := bufio.NewScanner(resp.Body)
			for i := range 3 {
				fmt.Fprintln(write, i)
				if !echoes.Scan() || echoes.Text() != fmt.Sprint("echo ", i) {
					t.Errorf("%s: echo %d is %q, %v", protocol, i, echoes.Text(), echoes.Err())
				}
			}
			_ = write.Close()
			if echoes.Scan() || echoes.Err() != nil {
				t.Errorf("%s: after the end came %q, %v", protocol, echoes.Text(), echoes.Err())
			}
		}
	})
}

// TestRanges shows parts of a file, one and several.
func TestRanges(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/digits.txt", "0123456789")
	withAndWithout(t, "", "root "+dir+"\nfile_server", func(t *testing.T, a *corstest.Client, _ bool) {
		for _, protocol := range overTLS {
			c := a.Over(protocol)
			part := c.Do("GET /digits.txt\nRange: bytes=2-4\n" + app)
			if part.StatusCode != http.StatusPartialContent || part.Text != "234" || part.Header.Get("Content-Range") != "bytes 2-4/10" {
				t.Errorf("%s", part)
			}
			parts := c.Do("GET /digits.txt\nRange: bytes=0-0,-1\n" + app)
			if parts.StatusCode != http.StatusPartialContent || !strings.HasPrefix(parts.Header.Get("Content-Type"), "multipart/byteranges") ||
				!strings.Contains(parts.Text, "\r\n\r\n0\r\n") || !strings.Contains(parts.Text, "\r\n\r\n9\r\n") {
				t.Errorf("%s", parts)
			}
			if beyond := c.Do("GET /digits.txt\nRange: bytes=20-\n" + app); beyond.StatusCode != http.StatusRequestedRangeNotSatisfiable {
				t.Errorf("%s", beyond)
			}
			stale := c.Do("GET /digits.txt\nRange: bytes=2-4\nIf-Range: \"other\"\n" + app)
			if stale.StatusCode != http.StatusOK || stale.Text != "0123456789" {
				t.Errorf("%s", stale)
			}
		}
	})
}

// TestGRPC shows calls with their trailers: one that succeeds, one that fails, one of
// which the status is all that comes, and a stream.
func TestGRPC(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("x-sum", "1", "access-control-allow-origin", "*"))
		return handler(ctx, req)
	}))
	checks := health.NewServer()
	checks.SetServingStatus("known", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, checks)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	site := "reverse_proxy h2c://" + listener.Addr().String()
	withAndWithout(t, "", site, func(t *testing.T, a *corstest.Client, cors bool) {
		//nolint:gosec // The certificate is the test's own.
		insecure := credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
		conn, err := grpc.NewClient(a.Address, grpc.WithTransportCredentials(insecure))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		client := grpc_health_v1.NewHealthClient(conn)
		ctx := metadata.AppendToOutgoingContext(t.Context(), "origin", knownOrigin)

		var header, trailer metadata.MD
		known := &grpc_health_v1.HealthCheckRequest{Service: "known"}
		answer, err := client.Check(ctx, known, grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING || fmt.Sprint(trailer["x-sum"]) != "[1]" {
			t.Errorf("%v, %v, trailer %v", answer, err, trailer)
		}
		if grants := trailer["access-control-allow-origin"]; cors != (len(grants) == 0) {
			t.Errorf("the trailer grants %q", grants)
		}
		if grants := fmt.Sprint(header["access-control-allow-origin"]); cors && grants != "["+knownOrigin+"]" {
			t.Errorf("the header grants %s", grants)
		}
		_, err = client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "unknown"}, grpc.Trailer(&trailer))
		if status.Code(err) != codes.NotFound || fmt.Sprint(trailer["x-sum"]) != "[1]" {
			t.Errorf("%v, trailer %v", err, trailer)
		}
		if err := conn.Invoke(ctx, "/no.Service/Call", known, answer); status.Code(err) != codes.Unimplemented {
			t.Error(err)
		}

		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := client.Watch(ctx, known)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []grpc_health_v1.HealthCheckResponse_ServingStatus{
			grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING, grpc_health_v1.HealthCheckResponse_SERVING,
		} {
			checks.SetServingStatus("known", want)
			if update, err := stream.Recv(); err != nil || update.GetStatus() != want {
				t.Errorf("%v, %v, want %v", update, err, want)
			}
		}
	})
}

// echoFrames returns the address of a WebSocket server that sends back what it gets.
func echoFrames(t *testing.T) string {
	t.Helper()
	return serve(t, websocket.Handler(func(conn *websocket.Conn) { _, _ = io.Copy(conn, conn) }))
}

// TestWebSocket shows a WebSocket over HTTP/1.1.
func TestWebSocket(t *testing.T) {
	withAndWithout(t, "", "reverse_proxy "+echoFrames(t), func(t *testing.T, a *corstest.Client, _ bool) {
		for _, origin := range []string{knownOrigin, evilOrigin} {
			conn, err := dialWebSocket(a, origin)
			if err != nil {
				t.Fatal(err)
			}
			echo := make([]byte, 5)
			if _, err := conn.Write([]byte("hello")); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(conn, echo); err != nil || string(echo) != "hello" {
				t.Errorf("%q, %v", echo, err)
			}
			_ = conn.Close()
		}
	})
}

func dialWebSocket(a *corstest.Client, origin string) (*websocket.Conn, error) {
	config, err := websocket.NewConfig("wss://"+a.Address+"/", origin)
	if err != nil {
		return nil, err
	}
	//nolint:gosec // The certificate is the test's own.
	config.TlsConfig = &tls.Config{InsecureSkipVerify: true}
	return websocket.DialConfig(config)
}

// TestWebSocketOverExtendedConnect shows a WebSocket over HTTP/2 (RFC 8441) and HTTP/3
// (RFC 9220).
func TestWebSocketOverExtendedConnect(t *testing.T) {
	withAndWithout(t, "", "reverse_proxy "+echoFrames(t), func(t *testing.T, a *corstest.Client, cors bool) {
		for _, protocol := range []string{corstest.H2, corstest.H3} {
			body, write := io.Pipe()
			r := extendedConnect(t, a, protocol, app, body)
			r.Want(t, 200, corsLines(cors)...)
			// A text frame "hi", masked with zeros as a client has to (RFC 6455, 5.2).
			if _, err := write.Write([]byte{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'}); err != nil {
				t.Error(err)
			}
			echo := make([]byte, 4)
			if _, err := io.ReadFull(r.Body, echo); err != nil || string(echo[2:]) != "hi" {
				t.Errorf("%s: %q, %v", protocol, echo, err)
			}
			_ = write.Close()
			_ = r.Body.Close()
		}
	})
}

// extendedConnect asks for a WebSocket over HTTP/2 or HTTP/3. What is read from body is
// what the client sends.
func extendedConnect(t *testing.T, a *corstest.Client, protocol, origin string, body io.Reader) corstest.Response {
	t.Helper()
	c := a.Over(protocol)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, c.URL("/"), body)
	if err != nil {
		t.Fatal(err)
	}
	corstest.AddHeaders(req, origin+"\nSec-WebSocket-Version: 13")
	transport := c.HTTP.Transport
	switch protocol {
	case corstest.H2: // the transport of net/http refuses this
		//nolint:gosec,staticcheck // The certificate is the test's own; nothing else speaks extended CONNECT.
		h2 := &http2.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		t.Cleanup(h2.CloseIdleConnections) //nolint:staticcheck // as above
		transport = h2
		req.Header[":protocol"] = []string{"websocket"}
	case corstest.H3:
		req.Proto = "websocket"
	}
	resp, err := transport.RoundTrip(req) //nolint:bodyclose // It is the caller's.
	if err != nil {
		t.Fatal(err)
	}
	return corstest.Response{Response: resp, Asked: "CONNECT"}
}

// TestEnforcedWebSockets shows that enforce refuses the handshake of an origin that is
// not allowed, over each protocol, and of no other.
func TestEnforcedWebSockets(t *testing.T) {
	reached := make(chan string, 8)
	backend := serve(t, websocket.Handler(func(conn *websocket.Conn) {
		reached <- conn.Request().Header.Get("Origin")
		_, _ = io.Copy(conn, conn)
	}))
	a := startTLS(t, "", "cors https://app.example.com {\nenforce\n}\nreverse_proxy "+backend)
	for _, protocol := range []string{corstest.H2, corstest.H3} {
		for origin, status := range map[string]int{app: 200, other: 403} {
			body, write := io.Pipe()
			r := extendedConnect(t, a, protocol, origin, body)
			if r.StatusCode != status {
				t.Errorf("%s: %s got %s", protocol, origin, r)
			}
			_ = write.Close()
			_ = r.Body.Close()
		}
	}
	if conn, err := dialWebSocket(a, knownOrigin); err != nil {
		t.Error(err)
	} else {
		_ = conn.Close()
	}
	if _, err := dialWebSocket(a, evilOrigin); err == nil {
		t.Error("the handshake of an origin that is not allowed succeeds")
	}
	for range 3 {
		if origin := <-reached; origin != knownOrigin {
			t.Errorf("%s reached the backend", origin)
		}
	}
	if len(reached) > 0 {
		t.Errorf("%s reached the backend", <-reached)
	}
}
