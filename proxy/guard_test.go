package corsproxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// listen listens on one port of several hosts.
func listen(t testing.TB, hosts ...string) (listeners []net.Listener, port string) {
	t.Helper()
	for range 20 {
		listeners, port = nil, "0"
		for _, host := range hosts {
			listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
			if err != nil {
				break
			}
			t.Cleanup(func() { _ = listener.Close() })
			_, port, _ = net.SplitHostPort(listener.Addr().String())
			listeners = append(listeners, listener)
		}
		if len(listeners) == len(hosts) {
			return listeners, port
		}
	}
	t.Fatalf("no port is free on all of %v", hosts)
	return nil, ""
}

// counter is a server that counts connections and requests.
type counter struct{ connections, requests atomic.Int64 }

func (c *counter) serve(t testing.TB, listener net.Listener) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { c.requests.Add(1) }))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
}

// serveCounter serves on one port of several hosts.
func serveCounter(t testing.TB, hosts ...string) (c *counter, port string) {
	t.Helper()
	c = new(counter)
	listeners, port := listen(t, hosts...)
	for _, listener := range listeners {
		c.serve(t, listener)
	}
	return c, port
}

// roundTrip sends a GET by the dialer of a guard.
func roundTrip(t testing.TB, g *guard, p place) error {
	t.Helper()
	transport := &http.Transport{DialContext: g.dialer(time.Minute).DialContext, DisableKeepAlives: true}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	response, err := transport.RoundTrip((&http.Request{Method: http.MethodGet, URL: p.url(), Header: make(http.Header)}).WithContext(ctx))
	if err == nil {
		_ = response.Body.Close()
	}
	return err
}

// refusedHosts are spellings and addresses of what no page should reach, a host each.
const refusedHosts = `
	127.0.0.1 127.1 127.0.1 0x7f.0.0.1 0x7f000001 0x7F.1 0X7F000001 2130706433 017700000001 0177.0.0.1 0177.0.0.01 0177.1
	127.0.0.1. 127.000.000.001 00177.0x0.0.1 0x7f.0x0.0x0.0x1 127.0x1 127.65537 127.0.0x1 127.255.255.254 127.0.0.53
	１２７.０.０.１ 127。0。0。1 ①②⑦.0.0.1
	0 0.0.0.0 0x0 00 0.0 0x.0x.0 0.1.2.3
	[::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0:1] [::0.0.0.1] [::] [0::0] [::127.0.0.1] [::7f00:1]
	[::ffff:127.0.0.1] [::FFFF:7F00:1] [::ffff:7f00:0001] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:0.0.0.0] [::ffff:10.0.0.1] [::ffff:169.254.169.254] [::ffff:c0a8:1]
	[::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b::10.1.2.3] [64:ff9b:1::7f00:1]
	[2002:7f00:1::] [2002:7f00:0001::1] [2002:a9fe:a9fe::] [2002:c0a8:1::] [2002:a00:1::1] [2001::1] [2001:0:4136:e378:8000:63bf:80ff:fffe]
	[fc00::1] [fd00::1] [fd00:ec2::254] [fd20:ce::254] [fe80::1] [fec0::1] [ff02::1] [ff05::2] [2001:db8::1] [3fff::1] [100::1] [5f00::1]
	10.0.0.1 10.255.255.255 0xa000001 167772161 012.1 172.16.0.1 172.31.255.255 192.168.0.1 192.168.1 0xc0a80001 3232235521
	169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.43518 169.254.170.2 169.254.0.23 168.63.129.16 100.100.100.200 192.0.0.192
	100.64.0.1 100.127.255.255 192.0.0.1 192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 198.19.255.255 192.88.99.1
	224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 0xffffffff 4294967295`

// TestRefusedURLs shows that no URL leads to an address that is refused, even if the targets
// had it.
func TestRefusedURLs(t *testing.T) {
	c, port := serveCounter(t, "127.0.0.1", "::1")
	urls := make(map[string]bool)
	for host := range strings.FieldsSeq(refusedHosts) {
		urls["http://"+host+":"+port+"/"] = true
	}
	if len(urls) < 100 {
		t.Fatalf("%d URLs", len(urls))
	}
	g := new(guard)
	for text := range urls {
		p, refused := parsePlace(text)
		if refused != nil {
			t.Errorf("%s: %v", text, refused) // all of these are URLs for a browser
			continue
		}
		var address *addressError
		if err := roundTrip(t, g, p); !errors.As(err, &address) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if n := c.connections.Load(); n > 0 {
		t.Errorf("%d connections", n)
	}
}

// TestRefusedNames shows that names are refused by the address that they have when they are
// dialled: of several, those are left out that are refused.
func TestRefusedNames(t *testing.T) {
	names := make(map[string][]string)
	for i, addr := range []string{
		"127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1", "192.0.2.1", "127.0.0.1,10.0.0.1",
		"::1", "::", "::ffff:127.0.0.1", "fd00:ec2::254", "fe80::1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "ff02::1", "::1,127.0.0.1",
	} {
		names[string(rune('a'+i))+".names.example"] = []string{addr}
	}
	serveDNS(t, names)
	c, port := serveCounter(t, "127.0.0.1", "::1")
	for name, answers := range names {
		p, refused := parsePlace("http://" + name + ":" + port)
		if refused != nil {
			t.Fatal(refused)
		}
		var address *addressError
		if err := roundTrip(t, new(guard), p); !errors.As(err, &address) {
			t.Errorf("%s, %v: %v", name, answers, err)
		}
	}
	if n := c.connections.Load(); n > 0 {
		t.Errorf("%d connections", n)
	}
}

// TestRebinding shows that what a name has later, or beside an address that is allowed, is
// refused too.
func TestRebinding(t *testing.T) {
	dns := serveDNS(t, map[string][]string{
		"rebind.example": {"127.0.0.2", "127.0.0.1"},
		"back.example":   {"127.0.0.1", "127.0.0.2"},
		"both.example":   {"127.0.0.1,127.0.0.2"},
		"six.example":    {"::1,127.0.0.2"},
	})
	good, bad := new(counter), new(counter)
	listeners, port := listen(t, "127.0.0.2", "127.0.0.1", "::1")
	good.serve(t, listeners[0])
	bad.serve(t, listeners[1])
	bad.serve(t, listeners[2])
	g := &guard{allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}
	for _, test := range []struct {
		name    string
		allowed []bool
	}{
		{"rebind.example", []bool{true, false, false}},
		{"back.example", []bool{false, true, true}},
		{"both.example", []bool{true, true, true}},
		{"six.example", []bool{true, true, true}},
	} {
		p, refused := parsePlace("http://" + test.name + ":" + port)
		if refused != nil {
			t.Fatal(refused)
		}
		for i, want := range test.allowed {
			err := roundTrip(t, g, p)
			var address *addressError
			if (err == nil) != want || !want && !errors.As(err, &address) {
				t.Errorf("%s, request %d: %v", test.name, i+1, err)
			}
		}
		if n := dns.lookups(test.name); n != len(test.allowed) {
			t.Errorf("%s was looked up %d times", test.name, n)
		}
	}
	if good.requests.Load() != 9 || bad.connections.Load() != 0 {
		t.Errorf("%d requests, and %d connections to what is refused", good.requests.Load(), bad.connections.Load())
	}
}

// TestOwnListeners shows that this server is refused in networks that are allowed, too.
func TestOwnListeners(t *testing.T) {
	everything := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	g := &guard{allowed: everything, app: &caddyhttp.App{Servers: map[string]*caddyhttp.Server{
		"a": {Listen: []string{":8443", "unix//run/x.sock"}}, "b": {Listen: []string{"own.example:9000-9010"}},
	}}}
	for text, want := range map[string]bool{
		"127.0.0.1:8443": false, "[::1]:8443": false, "127.9.9.9:9005": false, "0.0.0.0:9010": false, "[::ffff:127.0.0.1]:8443": false,
		"127.0.0.1:8442": true, "127.0.0.1:9011": true, "192.0.2.1:8443": true, "10.0.0.1:9000": true,
	} {
		if err := g.check(netip.MustParseAddrPort(text)); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		ip := netip.MustParsePrefix(addr.String()).Addr()
		if err := g.check(netip.AddrPortFrom(ip, 8443)); err == nil {
			t.Errorf("%s, of this machine, is not refused", ip)
		}
		if err := new(guard).check(netip.AddrPortFrom(ip, 1)); err == nil {
			t.Errorf("%s, of this machine, is not refused where no network is allowed", ip)
		}
	}
}
