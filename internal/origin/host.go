package origin

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// domainToASCII maps host names as browsers do (URL standard, "domain to ASCII" with
// beStrict false): UTS 46, non-transitional, no rule on hyphens or DNS lengths.
var domainToASCII = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
	idna.CheckHyphens(false),
	idna.CheckJoiners(true),
	idna.BidiRule(),
	idna.VerifyDNSLength(false),
)

// normalizeHost writes a host without wildcard as a browser serialises it, or says
// why no browser can send it.
func normalizeHost(scheme, host string) (string, *PatternError) {
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", &PatternError{Reason: fmt.Sprintf("%q is not an IPv6 address", host)}
		}
		return serializeIPv6(addr), nil
	}
	normal := lowerASCII(host)
	if special := DefaultPort(scheme) != ""; needsIDNA(normal, special) {
		if !special {
			return "", &PatternError{Reason: fmt.Sprintf("with the scheme %s, browsers keep the host as bytes; it has only letters, digits, \"-\", \"_\" and dots", scheme)}
		}
		ascii, ok := toASCII(host)
		if !ok {
			return "", &PatternError{Reason: fmt.Sprintf("%q is not a host name that browsers accept", host)}
		}
		normal = ascii
	}
	if len(strings.TrimSuffix(normal, ".")) > maxHostLength {
		return "", &PatternError{Reason: fmt.Sprintf("a host has at most %d bytes", maxHostLength)}
	}
	if !validName(normal) {
		return "", &PatternError{Reason: fmt.Sprintf("%q is not a host name: it is made of letters, digits, \"-\", \"_\" and single dots", host)}
	}
	if endsInNumber(normal) {
		addr, ok := parseIPv4(normal)
		if !ok {
			return "", &PatternError{Reason: fmt.Sprintf("browsers read %q as an IPv4 address, because it ends in a number, and it is not one", host)}
		}
		return addr.String(), nil
	}
	return normal, nil
}

// toASCII maps a host name with Unicode. What it returns maps to itself: else no
// browser would send it. It has no label less than host, which "xn--" would be: else
// "example.com.xn--" would be another host, with a trailing dot.
func toASCII(host string) (string, bool) {
	if !utf8.ValidString(host) {
		return "", false
	}
	ascii, err := domainToASCII.ToASCII(host)
	if err != nil || strings.HasSuffix(ascii, ".") != strings.ContainsAny(lastRune(host), ".\u3002\uff0e\uff61") {
		return "", false
	}
	again, err := domainToASCII.ToASCII(ascii)
	return ascii, err == nil && again == ascii
}

func lastRune(s string) string {
	_, size := utf8.DecodeLastRuneInString(s)
	return s[len(s)-size:]
}

// needsIDNA reports whether a host name has Unicode in it, plain or, if its scheme is
// special, encoded.
func needsIDNA(host string, special bool) bool {
	for i := 0; i < len(host); i++ {
		if host[i] >= 0x80 {
			return true
		}
	}
	return special && (strings.HasPrefix(host, "xn--") || strings.Contains(host, ".xn--"))
}

// parseIPv4 reads the spellings of an IPv4 address that browsers accept: one to four
// numbers, decimal, octal or hex, of which the last fills the remaining bytes (URL
// standard, "IPv4 parser").
func parseIPv4(host string) (netip.Addr, bool) {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var ip uint64
	for i, part := range parts {
		n, ok := parseIPv4Number(part)
		if !ok {
			return netip.Addr{}, false
		}
		limit := uint64(256)
		if i == len(parts)-1 {
			limit = 1 << (8 * (5 - len(parts)))
		}
		if n >= limit {
			return netip.Addr{}, false
		}
		if i == len(parts)-1 {
			ip += n
		} else {
			ip += n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}), true
}

// parseIPv4Number reads one number of an IPv4 address (URL standard, "IPv4 number
// parser").
func parseIPv4Number(s string) (uint64, bool) {
	base := 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = hex, 16
	} else if len(s) > 1 && s[0] == '0' {
		s, base = s[1:], 8
	}
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(s, base, 64)
	return n, err == nil
}

// lowerASCII lower-cases the letters A to Z, and no others: the Kelvin sign is no "k".
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
