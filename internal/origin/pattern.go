package origin

import (
	"fmt"
	"net/netip"
	"strings"
)

// kind says what part of an origin a [Pattern] leaves open.
type kind uint8

const (
	kindNone      kind = iota // matches nothing
	kindAny                   // matches everything
	kindOpaque                // "null" or "file://", compared literally
	kindExact                 // one host
	kindAnyHost               // every host of a scheme
	kindSubdomain             // "*." before a host name
	kindLabel                 // "*" inside the leftmost label
)

// maxPatternLength is the length in bytes that no pattern needs: a host may take more
// bytes in Unicode than it has in ASCII.
const maxPatternLength = 5 * maxLength

// anyPort is the port of a pattern that matches every port.
const anyPort = "*"

// Pattern is a parsed origin pattern, normalised to what browsers send. The zero
// value is the pattern "none".
type Pattern struct {
	text      string // the whole of it, but of the zero value
	kind      kind
	hostStart uint16 // of those that have a scheme, a host and perhaps a port; else 0
	hostEnd   uint16
}

// newPattern returns the pattern of these parts. The host is with its "*", if it has
// one; the port is "" for the scheme's default, and "*" for any.
func newPattern(kind kind, scheme, host, port string) Pattern {
	text := scheme + schemeSeparator + host
	p := Pattern{kind: kind, hostStart: uint16(len(scheme + schemeSeparator)), hostEnd: uint16(len(text))}
	if port != "" {
		text += ":" + port
	}
	p.text = text
	return p
}

func (p Pattern) scheme() string {
	return strings.TrimSuffix(p.text[:p.hostStart], schemeSeparator)
}

func (p Pattern) host() string { return p.text[p.hostStart:p.hostEnd] }

func (p Pattern) port() string { return strings.TrimPrefix(p.text[p.hostEnd:], ":") }

// withoutPort returns the scheme and the host as they stand in the pattern.
func (p Pattern) withoutPort() string { return p.text[:p.hostEnd] }

// ParsePattern parses one pattern: an origin, an origin with a wildcard ("*" as the
// port, as the host, as the first label of the host or inside it), "*", "none",
// "null" or "file://". It normalises what a browser would (case, IDNA, default
// ports, spellings of IP addresses) and refuses what no browser can send. The error
// is a [*PatternError].
func ParsePattern(s string) (Pattern, error) {
	switch s {
	case "*":
		return Pattern{kind: kindAny, text: s}, nil
	case "none":
		return Pattern{kind: kindNone}, nil
	case Null, File:
		return Pattern{kind: kindOpaque, text: s}, nil
	}
	if p, ok := parsePlain(s); ok {
		return p, nil
	}
	p, err := parseTuple(s)
	if err == nil {
		return p, nil
	}
	err.Fix = workingFix(err.Fix)
	if looksLikeRegexp(s) && (err.Fix == "" && err.Advice == "" || strings.Contains(s, `\.`)) {
		err = &PatternError{Reason: "this is a regular expression, not an origin", Regexp: true}
	}
	return Pattern{}, err
}

// parsePlain parses what long lists are made of: an origin as browsers send it, where
// nothing is to be normalised. [parseTuple] would parse it to the same in several times
// the time.
func parsePlain(s string) (Pattern, bool) {
	o, ok := Parse(s)
	if !ok || o.Scheme() != "https" && o.Scheme() != "http" || needsIDNA(o.Host(), true) {
		return Pattern{}, false
	}
	return Pattern{kind: kindExact, text: s, hostStart: uint16(o.hostStart), hostEnd: uint16(o.hostEnd)}, true
}

// parseTuple parses a pattern of a scheme, a host and perhaps a port.
func parseTuple(s string) (Pattern, *PatternError) {
	if s == "" {
		return Pattern{}, &PatternError{Reason: "an origin is not empty"}
	}
	if err := checkEdges(s); err != nil {
		return Pattern{}, err
	}
	if lower := strings.ToLower(s); lower == "none" || lower == Null {
		return Pattern{}, &PatternError{Reason: fmt.Sprintf("%q is written in lower case", lower), Fix: lower}
	}
	if err := checkSeparators(s); err != nil {
		return Pattern{}, err
	}
	if len(s) > maxPatternLength {
		return Pattern{}, &PatternError{Reason: "an origin is not that long"}
	}
	if err := checkVariable(s); err != nil {
		return Pattern{}, err
	}
	scheme, authority, ok := strings.Cut(s, schemeSeparator)
	if !ok || scheme == "" || strings.ContainsAny(scheme, "/#") {
		return Pattern{}, &PatternError{Reason: "an origin starts with a scheme", Fix: withScheme(s)}
	}
	normal := lowerASCII(scheme)
	if err := checkScheme(normal, scheme, authority); err != nil {
		return Pattern{}, err
	}
	if err := checkAuthority(scheme, authority); err != nil {
		return Pattern{}, err
	}
	written := authority[:hostLength(authority)]
	if written == "" {
		return Pattern{}, &PatternError{Reason: "an origin has a host"}
	}
	port, err := parsePort(normal, written, authority[len(written):])
	if err != nil {
		return Pattern{}, err
	}
	kind, host, err := parseHost(normal, written, authority[len(written):])
	if err != nil {
		return Pattern{}, err
	}
	return newPattern(kind, normal, host, port), nil
}

// parsePort parses what follows the host: nothing, or a colon and a port.
func parsePort(scheme, host, rest string) (string, *PatternError) {
	if rest == "" {
		return "", nil
	}
	base := scheme + schemeSeparator + host
	if rest[0] != ':' || strings.Count(rest, ":") > 1 {
		return "", &PatternError{Reason: "what follows the host is no port", Fix: base}
	}
	port := rest[1:]
	switch {
	case port == anyPort:
		return anyPort, nil
	case port == "":
		return "", &PatternError{Reason: "the port after the colon is missing", Fix: base}
	case validPort(strings.TrimLeft(port, "0")) && port[0] == '0':
		return "", &PatternError{Reason: "a port has no leading zero", Fix: base + ":" + strings.TrimLeft(port, "0")}
	case !validPort(port) && (strings.ContainsAny(port, "*-") || IsLoopback(host)): // "3*", "3000-3999"
		return "", &PatternError{Reason: fmt.Sprintf("%q is not a port; \"*\" is any port", port), Fix: base + ":" + anyPort}
	case !validPort(port):
		return "", &PatternError{Reason: fmt.Sprintf("%q is not a port from 1 to 65535", port), Fix: base}
	case port == DefaultPort(scheme):
		return "", nil
	}
	return port, nil
}

// parseHost normalises a host and tells what kind of pattern it makes. A fix has the
// rest, which is its origin's, too.
func parseHost(scheme, host, rest string) (kind, string, *PatternError) {
	subdomains := func(bare string) string { return scheme + schemeSeparator + "*." + bare + rest }
	if host == "*" {
		return kindAnyHost, host, nil
	}
	if bare, ok := strings.CutPrefix(host, "."); ok {
		return 0, "", &PatternError{Reason: "a host starts with no dot; \"*.\" is for what is below it", Fix: subdomains(bare)}
	}
	if !strings.Contains(host, "*") {
		normal, err := normalizeHost(scheme, host)
		return kindExact, normal, err
	}

	label, parent, hasParent := strings.Cut(host, ".")
	label = lowerASCII(label)
	switch {
	case strings.Count(host, "*") > 1:
		err := &PatternError{Reason: "a host has one \"*\" at most"}
		if bare := strings.TrimLeft(host, "*."); strings.HasSuffix(host, "."+bare) { // "**.example.com"
			err.Reason += ", and \"*.\" matches any number of labels"
			err.Fix = subdomains(bare)
		}
		return 0, "", err
	case !strings.Contains(label, "*"):
		return 0, "", &PatternError{Reason: "a \"*\" stands in the leftmost label of a host only"}
	case strings.HasPrefix(label, "xn--"):
		return 0, "", &PatternError{Reason: "a \"*\" cannot stand in a label that starts with \"xn--\", which encodes Unicode as a whole"}
	case !validName(strings.Replace(label, "*", "x", 1)):
		return 0, "", &PatternError{Reason: "a label with a \"*\" has only letters, digits, \"-\" and \"_\" beside it"}
	case !hasParent:
		return kindLabel, label, nil
	}
	normal, err := normalizeHost(scheme, parent)
	if err != nil {
		return 0, "", err
	}
	if endsInNumber(normal) {
		return 0, "", &PatternError{Reason: "an IP address has no \"*\""}
	}
	if len(strings.TrimSuffix(label+"."+normal, ".")) > maxHostLength {
		return 0, "", &PatternError{Reason: fmt.Sprintf("a host has at most %d bytes", maxHostLength)}
	}
	if label == "*" {
		return kindSubdomain, label + "." + normal, nil
	}
	return kindLabel, label + "." + normal, nil
}

// String returns the pattern normalised, as [ParsePattern] reads it.
func (p Pattern) String() string {
	if p.kind == kindNone {
		return "none"
	}
	return p.text
}

// Any reports whether the pattern is "*", which every origin matches.
func (p Pattern) Any() bool { return p.kind == kindAny }

// None reports whether the pattern is "none", which no origin matches.
func (p Pattern) None() bool { return p.kind == kindNone }

// Opaque reports whether the pattern is "null" or "file://".
func (p Pattern) Opaque() bool { return p.kind == kindOpaque }

// AnyHost reports whether the pattern leaves open the whole host, or the only label of
// it ("https://*", "chrome-extension://a*").
func (p Pattern) AnyHost() bool {
	return p.kind == kindAnyHost || p.kind == kindLabel && !strings.Contains(p.host(), ".")
}

// Insecure reports whether the pattern matches an origin that came over plain HTTP,
// which whoever sits on the network can forge. Loopback hosts do not count.
func (p Pattern) Insecure() bool { return p.scheme() == "http" && !IsLoopback(p.host()) }

// WildcardParent returns the host name to the right of a wildcard label, such as
// "github.io" in "https://*.github.io", or "" if there is none.
func (p Pattern) WildcardParent() string {
	if p.kind != kindSubdomain && p.kind != kindLabel {
		return ""
	}
	_, parent, _ := strings.Cut(p.host(), ".")
	return strings.TrimSuffix(parent, ".")
}

// IsLoopback reports whether host is always this machine: localhost, a name below it
// (RFC 6761, section 6.3), 127.0.0.0/8 or ::1, in brackets or not.
func IsLoopback(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "localhost" || host == "[::1]" || host == "::1" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Is4() && addr.IsLoopback()
}

func isIPv4(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Is4()
}
