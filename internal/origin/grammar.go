package origin

import (
	"slices"
	"strings"
)

// The grammar of well-formed origins, as an automaton that reads them from the left. It
// lets through somewhat more than [Parse]: what is too long, numbers and colons that
// are no address, ports above 65535, and the default ports of schemes other than http
// and https.

// charset is a set of the characters of well-formed origins, a bit each.
type charset uint64

const originChars = "0123456789abcdefghijklmnopqrstuvwxyz-_.:/[]+"

func chars(s string) (set charset) {
	for i := 0; i < len(s); i++ {
		set |= 1 << strings.IndexByte(originChars, s[i])
	}
	return set
}

var (
	digits      = chars("0123456789")
	letters     = chars("abcdefghijklmnopqrstuvwxyz")
	labelChars  = digits | letters | chars("-_")
	schemeChars = digits | letters | chars("+-.")
	ipv6Chars   = chars("0123456789abcdef:")
)

// phase is a place in the grammar of origins.
type phase uint8

const (
	inScheme   phase = iota // of which n bytes are the first of "https"
	differing               // in another scheme
	afterColon              // the one behind the scheme
	afterSlash
	beforeHost
	inLabel
	afterDot
	inBrackets // an IPv6 address
	afterBrackets
	beforePort
	inDefaultPort // of which n digits are the first of the scheme's default
	inPort        // of n digits
)

// where is a state of the automaton of the grammar.
type where struct {
	phase phase
	known uint8 // which of knownSchemes the scheme is
	n     uint8
}

// knownSchemes are the schemes that the analysis tells apart. All others are 0.
var knownSchemes = [...]string{"", "http", "https"}

// step is a transition of the automaton of the grammar.
type step struct {
	over charset
	to   where
}

// steps returns the transitions from w.
func (w where) steps() []step {
	to := func(p phase) where { return where{phase: p, known: w.known} }
	switch w.phase {
	case inScheme:
		return w.schemeSteps()
	case differing:
		return []step{{schemeChars, to(differing)}, {chars(":"), to(afterColon)}}
	case afterColon:
		return []step{{chars("/"), to(afterSlash)}}
	case afterSlash:
		return []step{{chars("/"), to(beforeHost)}}
	case beforeHost:
		return []step{{labelChars, to(inLabel)}, {chars("["), to(inBrackets)}}
	case inLabel:
		return []step{{labelChars, to(inLabel)}, {chars("."), to(afterDot)}, {chars(":"), to(beforePort)}}
	case afterDot:
		return []step{{labelChars, to(inLabel)}, {chars(":"), to(beforePort)}}
	case inBrackets:
		return []step{{ipv6Chars, to(inBrackets)}, {chars("]"), to(afterBrackets)}}
	case afterBrackets:
		return []step{{chars(":"), to(beforePort)}}
	}
	return w.portSteps()
}

func (w where) schemeSteps() []step {
	const longest = "https"
	var steps []step
	var first charset
	if int(w.n) < len(longest) {
		first = chars(longest[w.n : w.n+1])
		steps = append(steps, step{first, where{phase: inScheme, n: w.n + 1}})
	}
	if w.n == 0 {
		return append(steps, step{letters &^ first, where{phase: differing}})
	}
	known := max(0, slices.Index(knownSchemes[:], longest[:w.n]))
	return append(steps, step{schemeChars &^ first, where{phase: differing}}, step{chars(":"), where{phase: afterColon, known: uint8(known)}})
}

func (w where) portSteps() []step {
	if w.n == 5 {
		return nil
	}
	next := digits
	if w.phase == beforePort {
		next &^= chars("0")
	}
	other := where{inPort, w.known, w.n + 1}
	if port := DefaultPort(knownSchemes[w.known]); w.phase != inPort && int(w.n) < len(port) {
		first := chars(port[w.n : w.n+1])
		return []step{{first, where{inDefaultPort, w.known, w.n + 1}}, {next &^ first, other}}
	}
	return []step{{next, other}}
}

// accepts reports whether an origin may end at w.
func (w where) accepts() bool {
	switch w.phase {
	case inLabel, afterDot, afterBrackets, inPort:
		return true
	case inDefaultPort:
		return int(w.n) != len(DefaultPort(knownSchemes[w.known]))
	}
	return false
}
