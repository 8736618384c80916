// Package origintest has what tests hold the matching of origins against: a table of
// pairs, and a slow matcher that shares no code with the one it is held against.
package origintest

import (
	_ "embed"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Pair is a pattern and the value of an Origin header.
type Pair struct {
	Line     int // of the table
	Pattern  string
	Origin   string
	Accepted bool
}

//go:embed pairs.txt
var table string

// Pairs returns the table of pairs. Its form stands at its head.
func Pairs() ([]Pair, error) {
	var pairs []Pair
	pattern, number := "", 0
	for line := range strings.Lines(table) {
		number++
		line = strings.TrimSuffix(line, "\n")
		value, below := strings.CutPrefix(line, "\t")
		switch {
		case line == "", line[0] == '#':
			continue
		case !below:
			pattern = line
			continue
		case pattern == "" || len(value) < 3 || value[:2] != "+ " && value[:2] != "- ":
			return nil, fmt.Errorf("line %d of the table: %q", number, line)
		}
		sent := value[2:]
		if unquoted, err := strconv.Unquote(sent); err == nil {
			sent = unquoted
		}
		pairs = append(pairs, Pair{number, pattern, sent, value[0] == '+'})
	}
	return pairs, nil
}

var (
	tuple = regexp.MustCompile(`\A([a-z][a-z0-9+.-]{0,63})://(\[[0-9a-f:]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?)(?::([1-9][0-9]{0,4}))?\z`)

	endsInNumber = regexp.MustCompile(`(?:\A|\.)(?:[0-9]+|0x[0-9a-f]*)\.?\z`)
	ipv4         = regexp.MustCompile(`\A(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.|\z)){4}\z`)

	defaultPorts = map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443", "ftp": "21"}
)

// WellFormed reports whether a browser can send s as an origin.
func WellFormed(s string) bool {
	if s == "null" || s == "file://" {
		return true
	}
	if len(s) > 400 { // far longer than any; the expression below is slow
		return false
	}
	parts := tuple.FindStringSubmatch(s)
	if parts == nil {
		return false
	}
	scheme, host, port := parts[1], parts[2], parts[3]
	number, _ := strconv.Atoi(port)
	switch {
	case scheme == "file", number > 65535, port != "" && port == defaultPorts[scheme]:
		return false
	case host[0] == '[':
		addr, err := netip.ParseAddr(host[1 : len(host)-1])
		return err == nil && host == "["+compress(addr.As16())+"]"
	case endsInNumber.MatchString(host):
		return ipv4.MatchString(host) && !strings.HasSuffix(host, ".")
	}
	return len(strings.TrimSuffix(host, ".")) <= 253
}

// compress writes an IPv6 address with "::" in place of the first of its longest runs
// of two zeros or more.
func compress(b [16]byte) string {
	var pieces []string
	for i := 0; i < len(b); i += 2 {
		pieces = append(pieces, strconv.FormatUint(uint64(b[i])<<8|uint64(b[i+1]), 16))
	}
	for length := len(pieces); length > 1; length-- {
		for i := 0; i+length <= len(pieces); i++ {
			if strings.Trim(strings.Join(pieces[i:i+length], ""), "0") == "" {
				return strings.Join(pieces[:i], ":") + "::" + strings.Join(pieces[i+length:], ":")
			}
		}
	}
	return strings.Join(pieces, ":")
}

// Matches is the pattern table of the documentation, read aloud: it reports whether a
// normalised pattern matches the value of an Origin header.
func Matches(pattern, sent string) bool {
	switch {
	case pattern == "*":
		return true
	case pattern == "none" || !WellFormed(sent):
		return false
	case sent == "null", sent == "file://", pattern == "null", pattern == "file://":
		return pattern == sent
	}
	patternScheme, patternRest, _ := strings.Cut(pattern, "://")
	originScheme, originRest, _ := strings.Cut(sent, "://")
	patternHost, patternPort := splitPort(patternRest)
	originHost, originPort := splitPort(originRest)
	if patternScheme != originScheme || patternPort != "*" && patternPort != originPort {
		return false
	}
	before, after, hasWildcard := strings.Cut(patternHost, "*")
	if !hasWildcard {
		return patternHost == originHost
	}
	if patternHost == "*" {
		return true
	}
	if strings.HasPrefix(originHost, "[") || len(originHost) <= len(before)+len(after) ||
		!strings.HasPrefix(originHost, before) || !strings.HasSuffix(originHost, after) {
		return false
	}
	middle := originHost[len(before) : len(originHost)-len(after)]
	if strings.HasPrefix(patternHost, "*.") {
		return !strings.HasPrefix(middle, ".") && !strings.HasSuffix(middle, ".")
	}
	return !strings.Contains(middle, ".")
}

func splitPort(s string) (host, port string) {
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		return s[:i], s[i+1:]
	}
	return s, ""
}
