package origin

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// Regexp is a regular expression (RE2) of origins. It matches whole origins only,
// whatever anchors it has.
type Regexp struct{ re *regexp.Regexp }

// CompileRegexp compiles expr.
func CompileRegexp(expr string) (*Regexp, error) {
	// Alone first: "a)|(b" would be valid inside the group.
	if _, err := regexp.Compile(expr); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(`\A(?:` + expr + `)\z`)
	if err != nil {
		return nil, err
	}
	return &Regexp{re}, nil
}

// Matches reports whether the expression matches the whole of o. It never matches
// "null" and "file://", which are no site's. Its time is linear in the length of o.
func (r *Regexp) Matches(o Origin) bool { return !o.Opaque() && r.re.MatchString(o.raw) }

// UnescapedDots returns where in expr a dot stands like one of a host name, between
// letters, digits, groups and classes, but matches any character: the offsets of
// these dots, in bytes.
func UnescapedDots(expr string) []int {
	var dots []int
	class := false // inside [...]
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\':
			i = endOfEscape(expr, i)
		case class && strings.HasPrefix(expr[i:], "[:"):
			i += strings.Index(expr[i:], ":]") + 1 // "[:alpha:]"
		case class:
			class = c != ']'
		case c == '[':
			class = true
			for i+1 < len(expr) && (expr[i+1] == '^' || expr[i+1] == ']') && expr[i] != ']' {
				i++ // a "]" that stands first is one of the class
			}
		case c == '.' && i > 0 && i+1 < len(expr) && endsAtom(expr[i-1]) && startsAtom(expr[i+1]):
			dots = append(dots, i)
		}
	}
	return dots
}

// EscapeDots returns expr with a backslash ahead of the dots at these offsets.
func EscapeDots(expr string, dots []int) string {
	var escaped []byte
	last := 0
	for _, dot := range dots {
		escaped = append(escaped, expr[last:dot]...)
		escaped = append(escaped, '\\')
		last = dot
	}
	return string(append(escaped, expr[last:]...))
}

// endOfEscape returns the offset of the last byte of the escape sequence at i.
func endOfEscape(expr string, i int) int {
	rest := expr[i:]
	if len(rest) > 1 && rest[1] == 'Q' {
		for end := 2; end+1 < len(rest); end++ {
			if rest[end:end+2] == `\E` {
				return i + end + 1
			}
		}
		return len(expr)
	}
	return i + 1
}

// endsAtom reports whether c is the last byte of what stands for part of a host name.
func endsAtom(c byte) bool {
	return isAlphanumeric(c) || c == '-' || c == '_' || c == ']' || c == ')' || c == '+' || c == '*' || c == '?' || c == '}'
}

// startsAtom reports whether c is the first byte of what stands for part of a host
// name. A quantifier is none: ".*" is meant to match anything.
func startsAtom(c byte) bool {
	return isAlphanumeric(c) || c == '-' || c == '_' || c == '[' || c == '('
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// parseProg compiles expr to the program that the analysis reads.
func parseProg(expr string) (*syntax.Prog, error) {
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return syntax.Compile(parsed.Simplify())
}
