package caddycors

import (
	"regexp"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// matcher is the compiled form of all that a policy says of origins.
type matcher struct {
	patterns *origin.Set
	regexps  []*regexp.Regexp
}

// any reports whether every origin matches, a malformed one too.
func (m *matcher) any() bool { return m.patterns.Any() }

// match reports whether o matches a pattern or a regular expression. The latter see
// only origins with a scheme and a host: "null" would be any site's.
func (m *matcher) match(o origin.Origin) bool {
	if m.patterns.Contains(o) {
		return true
	}
	if o.Opaque() {
		return false
	}
	for _, re := range m.regexps {
		if re.MatchString(o.String()) {
			return true
		}
	}
	return false
}

// compileRegex compiles expr so that it matches whole origins only. It is compiled
// alone first: "a)|(b" would be valid inside the anchors' group.
func compileRegex(expr string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(expr); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + expr + `)\z`)
}

// literalOfRegex returns the text that every match of expr starts with, and whether
// that is all of it. It reports known as false if it cannot tell.
func literalOfRegex(expr string) (literal string, complete, known bool) {
	expr = strings.TrimSuffix(strings.TrimPrefix(expr, "^"), "$") // it is anchored anyway
	re, err := regexp.Compile(expr)
	if err != nil {
		return "", false, false
	}
	literal, complete = re.LiteralPrefix()
	return literal, complete, true
}

// couldStartHTTP reports whether an http:// origin could start with literal.
func couldStartHTTP(literal string) bool {
	const insecure = "http:"
	n := min(len(literal), len(insecure))
	return literal[:n] == insecure[:n]
}
