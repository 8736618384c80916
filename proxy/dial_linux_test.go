package corsproxy

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// silent returns a port of 127.0.0.1 where connections are neither taken nor refused.
func silent(t *testing.T) (port int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port = name.(*syscall.SockaddrInet4).Port
	for { // until its queue is full
		conn, err := net.DialTimeout("tcp", fmt.Sprint("127.0.0.1:", port), 300*time.Millisecond)
		if err != nil {
			return port
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}

// TestAttemptsEnd shows that attempts to connect end when nobody waits for them.
func TestAttemptsEnd(t *testing.T) {
	url := fmt.Sprint("http://127.0.0.1:", silent(t))
	site := runProxy(t, "targets "+url+"\ntimeout 20s\nmax_per_target 9")
	attempts := func() int {
		stacks := make([]byte, 4<<20)
		return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "net.(*netFD).connect(")
	}
	most := 0
	for range 10 { // clients that do not wait
		conn, err := net.Dial("tcp", site.Address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n\r\n", url, site.Address, page); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); attempts() == 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nothing connects")
			}
		}
		most = max(most, attempts())
		_ = conn.Close()
		for deadline := time.Now().Add(5 * time.Second); attempts() > 0 && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); attempts() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("attempts to connect do not end")
		}
	}
	if most != 1 {
		t.Errorf("up to %d attempts to connect were under way at once, want 1", most)
	}
}

// TestSecondAddresses shows that a host is reached by its second address if nothing comes from
// its first one.
func TestSecondAddresses(t *testing.T) {
	port := silent(t)
	listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.2:", port))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	serveDNS(t, map[string][]string{"two.example": {"127.0.0.1,127.0.0.2"}})
	url := fmt.Sprint("http://two.example:", port)
	start := time.Now()
	if r := runProxy(t, "allow_networks 127.0.0.2\ntargets "+url+"\ntimeout 9s").Do(ask(url)); r.StatusCode != http.StatusOK || time.Since(start) < time.Second {
		t.Errorf("after %v: %s", time.Since(start), r)
	}
}
