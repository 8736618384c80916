package corsproxy

import "net/netip"

// addressBlock is a block of addresses that are no server of the public Internet.
type addressBlock struct {
	prefix netip.Prefix
	name   string
}

// specialBlocks are those of the IANA registries of special-purpose addresses for IPv4 and
// IPv6 (RFC 6890), and of multicast, that stand for this machine, for its networks, for its
// cloud's services, or for nobody. Of IPv6, what is not global unicast (RFC 4291, section 2.4)
// is refused as a whole: [globalUnicast].
//
// Blocks that the registries call globally reachable, as those of AS112, are left out, but
// for what an IPv4 address can be hidden in.
var specialBlocks = []addressBlock{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"}, // 0.0.0.0 connects to this machine
	{netip.MustParsePrefix("10.0.0.0/8"), "private use"},
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT"}, // some clouds' metadata are in it
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("168.63.129.16/32"), "cloud services of Azure"}, // in no registry
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},                // most clouds' metadata are in it
	{netip.MustParsePrefix("172.16.0.0/12"), "private use"},
	{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignments"}, // 192.0.0.192 is metadata of Oracle
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relays"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private use"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"}, // and 255.255.255.255

	{netip.MustParsePrefix("2001::/23"), "protocol assignments"}, // Teredo, which holds IPv4 addresses, benchmarking, ORCHID
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("2002::/16"), "6to4"}, // it holds an IPv4 address, and nobody uses it
	{netip.MustParsePrefix("3fff::/20"), "documentation"},
}

var (
	// globalUnicast has all IPv6 addresses that were ever given to servers. Outside of it are
	// ::, ::1, IPv4-compatible and IPv4-translated ones, fc00::/7, fe80::/10, fec0::/10,
	// 100::/64, 5f00::/16, 64:ff9b:1::/48 and ff00::/8.
	globalUnicast = netip.MustParsePrefix("2000::/3")

	// nat64 has the IPv4 address, in its last four bytes, that a translator connects to (RFC
	// 6052, section 2.1). Networks without IPv4 reach public servers by it.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

// specialPurpose returns what an address stands for if it is no server of the public
// Internet, else "".
func specialPurpose(addr netip.Addr) string {
	if addr.Zone() != "" {
		return "of one link"
	}
	addr = reached(addr)
	for _, block := range specialBlocks {
		if block.prefix.Contains(addr) {
			return block.name
		}
	}
	if !addr.Is4() && !globalUnicast.Contains(addr) {
		return "no global unicast"
	}
	return ""
}

// reached returns the address at which a connection ends.
func reached(addr netip.Addr) netip.Addr {
	if nat64.Contains(addr) {
		bytes := addr.As16()
		return netip.AddrFrom4([4]byte(bytes[12:]))
	}
	return addr.Unmap()
}
