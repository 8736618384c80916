package corsproxy

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// warn tells of what loads and is dangerous, or cannot work.
func (h *Handler) warn(logger *zap.Logger, g *guard) {
	for _, t := range h.targets {
		o, ok := origin.Parse(t.pattern.String())
		if !ok {
			continue
		}
		addrs := knownAddresses(o.Host())
		var err error
		for _, addr := range addrs {
			if err = g.check(netip.AddrPortFrom(addr, portOf(o))); err == nil {
				break
			}
		}
		if err != nil {
			logger.Warn("connections to this target are refused; if it is another server than this one, and you mean it, add its network to "+optionAllowNetworks, zap.Stringer("target", t), zap.Error(err))
		}
	}
	for _, s := range h.secrets {
		if s.unset != nil {
			logger.Warn("this header is not sent, as something in its value is empty; set it, and load the config again", zap.String("header", s.name), zap.Stringers("targets", s.targets), zap.Error(s.unset))
			continue
		}
		for _, t := range s.targets {
			if t.pattern.Insecure() {
				logger.Warn("this header goes over plain HTTP, where whoever is on the network can read it; write https://", zap.String("header", s.name), zap.Stringer("target", t))
			}
		}
	}
	if len(g.allowed) > 0 {
		logger.Warn("pages can reach what listens in these networks, on the ports of the targets, if a target's name has an address there", zap.Stringers("networks", g.allowed))
	}
}

// portOf returns the port of an origin as a number.
func portOf(o origin.Origin) uint16 {
	port, _ := strconv.ParseUint(cmp.Or(o.Port(), origin.DefaultPort(o.Scheme())), 10, 16)
	return uint16(port)
}

// knownAddresses returns the addresses of a host that nobody need look up.
func knownAddresses(host string) []netip.Addr {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return []netip.Addr{addr}
	}
	if origin.IsLoopback(host) {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	return nil
}
