package caddycors

import (
	"regexp"

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
