package corsproxy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// resolver looks up the hosts of targets. It is nil, for the system's, but in tests.
var resolver *net.Resolver

// guard refuses connections by their address. It is asked by the dialer itself, after names
// were looked up, about the very address of each attempt: no later answer of a DNS server
// can change it.
type guard struct {
	allowed []netip.Prefix
	app     *caddyhttp.App // whose servers are not connected to
}

// addressError says which address was refused. It is for the log: pages are not told.
type addressError struct {
	addr netip.AddrPort
	why  string
}

func (e *addressError) Error() string { return fmt.Sprintf("%s is refused: %s", e.addr, e.why) }

// dialer returns a dialer that connects to no other addresses, for so long at most, which it
// shares out between the addresses of a host: 2 seconds for each, if it has these.
func (g *guard) dialer(most time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout:   most,
		KeepAlive: 30 * time.Second,
		Resolver:  resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			addr, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return g.check(addr)
		},
	}
}

// check refuses an address that is of no public server, unless it is in a network that the
// config allows. This server itself is refused in any case: by its addresses, or, in a network
// that is allowed, by the ports that it listens on.
func (g *guard) check(addr netip.AddrPort) error {
	ip := addr.Addr().Unmap()
	in := func(network netip.Prefix) bool { return network.Contains(ip) }
	allowed := slices.ContainsFunc(g.allowed, in)
	if why := specialPurpose(ip); why != "" && !allowed {
		return &addressError{addr, why}
	}
	own, err := isOwn(reached(ip))
	if err != nil {
		return err
	}
	switch {
	case own && !allowed:
		return &addressError{addr, "an address of this machine"}
	case own && g.listensOn(addr):
		return &addressError{addr, "this server"}
	}
	return nil
}

// isOwn reports whether connections to an address stay on this machine.
func isOwn(ip netip.Addr) (bool, error) {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true, nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(addrs, func(addr net.Addr) bool {
		network, err := netip.ParsePrefix(addr.String())
		return err == nil && network.Addr().Unmap() == ip
	}), nil
}

// listensOn reports whether this Caddy listens on the port of an address of this machine: the
// servers of its config do, or anything else does, such as its admin endpoint. Of the latter,
// Caddy knows how the config spells their addresses, so the common spellings are tried.
func (g *guard) listensOn(addr netip.AddrPort) bool {
	port := uint(addr.Port())
	if g.app != nil {
		for _, server := range g.app.Servers {
			for _, listen := range server.Listen {
				network, err := caddy.ParseNetworkAddress(listen)
				if err == nil && !network.IsUnixNetwork() && network.StartPort <= port && port <= network.EndPort {
					return true
				}
			}
		}
	}
	hosts := []string{"", "0.0.0.0", "::", "localhost", "127.0.0.1", "::1", addr.Addr().Unmap().String()}
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	for _, network := range []string{"tcp", "tcp4", "tcp6"} {
		for _, host := range hosts {
			if caddy.ListenerUsage(network, net.JoinHostPort(host, strconv.FormatUint(uint64(port), 10))) > 0 {
				return true
			}
		}
	}
	return false
}
