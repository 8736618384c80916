// Package origin parses, normalises and matches web origins: the values of the
// Origin request header, and the patterns that a config allows them by.
//
// It is stricter than a URL parser. A request's origin is compared byte for byte,
// so nothing is normalised on the way in: what no browser sends is malformed.
package origin

import (
	"net/netip"
	"strings"
)

const (
	// Null is the serialisation of an opaque origin (HTML, "serialization of an
	// origin"): sandboxed frames, data: URLs and redirects across origins send it.
	Null = "null"

	// File is what some engines send for pages opened from disk.
	File = "file://"

	schemeSeparator = "://"
	maxSchemeLength = 64
	maxHostLength   = 253 // without a trailing dot (RFC 1035, section 2.3.4)

	// maxLength is the length in bytes of the longest well-formed origin. Anything
	// longer is refused before a byte of it is read.
	maxLength = maxSchemeLength + len(schemeSeparator) + maxHostLength + len(".") + len(":65535")
)

// Origin is a well-formed serialised origin. It holds the very bytes it was parsed
// from. The zero value is not an origin; get one from [Parse].
type Origin struct {
	raw       string
	hostStart int // 0 for "null" and "file://", which have no parts
	hostEnd   int
}

// Parse reads s as the value of an Origin request header. It reports false unless s
// is what a browser can send: the ABNF of the Fetch standard ("Origin" header),
// widened by what engines let through, which is an underscore or a hyphen anywhere
// in a label and one trailing dot. It allocates nothing and its time is bounded by
// a constant length.
func Parse(s string) (Origin, bool) {
	if s == Null || s == File {
		return Origin{raw: s}, true
	}
	if len(s) > maxLength {
		return Origin{}, false
	}
	schemeEnd := strings.Index(s, schemeSeparator)
	if schemeEnd < 0 || !validScheme(s[:schemeEnd]) || s[:schemeEnd] == "file" {
		return Origin{}, false
	}
	o := Origin{raw: s, hostStart: schemeEnd + len(schemeSeparator)}
	o.hostEnd = o.hostStart + hostLength(s[o.hostStart:])
	if !validHost(o.Host()) {
		return Origin{}, false
	}
	if port := s[o.hostEnd:]; port != "" {
		if port[0] != ':' || !validPort(port[1:]) || port[1:] == DefaultPort(o.Scheme()) {
			return Origin{}, false
		}
	}
	return o, true
}

// String returns the origin as it was sent.
func (o Origin) String() string { return o.raw }

// Opaque reports whether the origin has no scheme, host and port: it is "null" or
// "file://".
func (o Origin) Opaque() bool { return o.hostStart == 0 }

// Scheme returns the scheme, such as "https", or "" if the origin is opaque.
func (o Origin) Scheme() string {
	if o.Opaque() {
		return ""
	}
	return o.raw[:o.hostStart-len(schemeSeparator)]
}

// Host returns the host without the port, an IPv6 address in its brackets, or "" if
// the origin is opaque.
func (o Origin) Host() string { return o.raw[o.hostStart:o.hostEnd] }

// Port returns the port's digits, or "" if it is the scheme's default.
func (o Origin) Port() string {
	if o.hostEnd == len(o.raw) || o.Opaque() {
		return ""
	}
	return o.raw[o.hostEnd+1:]
}

// Authority returns the host with the port, if it has one: what follows "://". It
// is "" if the origin is opaque.
func (o Origin) Authority() string {
	if o.Opaque() {
		return ""
	}
	return o.raw[o.hostStart:]
}

// withoutPort returns the scheme and the host as they stand in the origin.
func (o Origin) withoutPort() string { return o.raw[:o.hostEnd] }

// DefaultPort returns the port that browsers leave out of the origins of scheme, or
// "" if the scheme has none (URL standard, "special scheme").
func DefaultPort(scheme string) string {
	switch scheme {
	case "https", "wss":
		return "443"
	case "http", "ws":
		return "80"
	case "ftp":
		return "21"
	}
	return ""
}

// hostLength returns how many bytes of an authority are its host.
func hostLength(authority string) int {
	if strings.HasPrefix(authority, "[") {
		return strings.IndexByte(authority, ']') + 1 // 0, an empty host, if it is missing
	}
	if colon := strings.IndexByte(authority, ':'); colon >= 0 {
		return colon
	}
	return len(authority)
}

// validScheme reports whether s is a scheme in lower case (RFC 3986, section 3.1).
func validScheme(s string) bool {
	if s == "" || len(s) > maxSchemeLength || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

// validPort reports whether s is a port from 1 to 65535 in the digits that a browser
// writes: no sign, no leading zero.
func validPort(s string) bool {
	if s == "" || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}

// validHost reports whether s is a host as browsers serialise it.
func validHost(s string) bool {
	if strings.HasPrefix(s, "[") {
		addr, err := netip.ParseAddr(strings.TrimSuffix(s[1:], "]"))
		return err == nil && addr.Is6() && addr.Zone() == "" && serializeIPv6(addr) == s
	}
	if !validName(s) {
		return false
	}
	if endsInNumber(s) {
		addr, err := netip.ParseAddr(s)
		return err == nil && addr.Is4()
	}
	return true
}

// validName reports whether s is made of non-empty labels of a-z 0-9 - _ with, at
// most, one trailing dot, and is no longer than DNS allows.
func validName(s string) bool {
	if s == "" || len(strings.TrimSuffix(s, ".")) > maxHostLength {
		return false
	}
	before := nameDot
	for i := range len(s) {
		class := nameBytes[s[i]]
		if class == nameOther || class == nameDot && before == nameDot {
			return false
		}
		before = class
	}
	return true
}

// nameByte says what a byte is in a host name.
type nameByte uint8

const (
	nameOther nameByte = iota
	nameLabel          // stands in a label, so that a wildcard matches it
	nameDot
)

// nameBytes has what each byte is: hosts are long, and all of their bytes are looked at.
var nameBytes = func() (bytes [256]nameByte) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789-_") {
		bytes[c] = nameLabel
	}
	bytes['.'] = nameDot
	return bytes
}()

// endsInNumber reports whether a browser reads host as an IPv4 address because its
// last label is a number (URL standard, "ends in a number checker").
func endsInNumber(host string) bool {
	last := strings.TrimSuffix(host, ".")
	last = last[strings.LastIndexByte(last, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return onlyDigits(hex, true)
	}
	return last != "" && onlyDigits(last, false)
}

// onlyDigits reports whether s has only decimal digits, or those of hex in lower case.
func onlyDigits(s string, hex bool) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (!hex || c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// serializeIPv6 writes addr in brackets (URL standard, "IPv6 serializer"). It differs
// from netip only where an IPv4 address is embedded: browsers write it in hex.
func serializeIPv6(addr netip.Addr) string {
	if !addr.Is4In6() {
		return "[" + addr.String() + "]"
	}
	b := addr.As16()
	return "[::ffff:" + hexPiece(b[12], b[13]) + ":" + hexPiece(b[14], b[15]) + "]"
}

// hexPiece writes two bytes as one piece of an IPv6 address, without leading zeros.
func hexPiece(hi, lo byte) string {
	const digits = "0123456789abcdef"
	piece := []byte{digits[hi>>4], digits[hi&15], digits[lo>>4], digits[lo&15]}
	for len(piece) > 1 && piece[0] == '0' {
		piece = piece[1:]
	}
	return string(piece)
}
