package corsproxy

import (
	"net/netip"
	"sync"
)

// underWay counts the requests that are under way, by who they are of. It holds no more
// than these.
type underWay struct {
	most int

	mu    sync.Mutex
	count map[string]int
}

func newUnderWay(most int) *underWay { return &underWay{most: most, count: make(map[string]int)} }

// enter counts a request, unless that is one too many.
func (u *underWay) enter(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count[key] >= u.most {
		return false
	}
	u.count[key]++
	return true
}

// leave counts off a request that entered.
func (u *underWay) leave(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count[key]--; u.count[key] <= 0 {
		delete(u.count, key)
	}
}

// clientKey returns what counts as one client: an IPv4 address, or the IPv6 addresses that
// one connection to the Internet has.
func clientKey(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return ip
	}
	return network.String()
}
