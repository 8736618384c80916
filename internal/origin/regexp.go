package origin

import (
	"regexp"
	"strings"
)

// Regexp is a regular expression (RE2) of origins. It matches whole origins only,
// whatever anchors it has.
type Regexp struct {
	expr string
	re   *regexp.Regexp
}

// CompileRegexp compiles expr.
func CompileRegexp(expr string) (*Regexp, error) {
	// Alone first: "a)|(b" would be valid inside the group.
	if _, err := regexp.Compile(expr); err != nil {
		return nil, err
	}
	if parts := pieces(expr); len(parts) > 0 && parts[len(parts)-1].kind == pieceOpenQuote {
		expr += `\E`
	}
	re, err := regexp.Compile(`\A(?:` + expr + `)\z`)
	if err != nil {
		return nil, err
	}
	return &Regexp{expr, re}, nil
}

// Matches reports whether the expression matches the whole of o. It never matches
// "null" and "file://", which are no site's. Its time is linear in the length of o.
func (r *Regexp) Matches(o Origin) bool { return !o.Opaque() && r.re.MatchString(o.raw) }

// Opaque returns "null" or "file://" if the expression spells that out, which it never
// gets to see, and else "".
func (r *Regexp) Opaque() string {
	for _, test := range [][2]string{{Null, "nulx"}, {File, "filx://"}} {
		if r.re.MatchString(test[0]) && !r.re.MatchString(test[1]) {
			return test[0]
		}
	}
	return ""
}

// MatchesAnyHost reports whether the expression matches hosts whatever they are, as far
// as two that nobody has tell.
func (r *Regexp) MatchesAnyHost() bool {
	return r.re.MatchString("https://zq.invalid") && r.re.MatchString("https://7-_7.qz.invalid")
}

// literal returns what all matches start with, and whether that is all of them.
func (r *Regexp) literal() (prefix string, complete bool) {
	inner, err := regexp.Compile(strings.TrimSuffix(strings.TrimPrefix(r.expr, "^"), "$"))
	if err != nil { // the last of it was `\$`
		return "", false
	}
	return inner.LiteralPrefix()
}

// pieceKind is a kind of [piece].
type pieceKind uint8

const (
	pieceOther       pieceKind = iota // an operator, or a character that is itself
	pieceDot                          // "."
	pieceEscape                       // "\." and what else stands for one character or for none
	pieceEscapeClass                  // "\d", "\pN"
	pieceClass                        // "[...]"
	pieceQuote                        // "\Q...\E"
	pieceOpenQuote                    // "\Q" to the end
)

// piece is a part of the source of a regular expression that compiles.
type piece struct {
	kind pieceKind
	text string
}

// pieces takes the source of a regular expression apart. Put together, the pieces are
// the source again.
func pieces(expr string) []piece {
	var all []piece
	for expr != "" {
		p := firstPiece(expr)
		all = append(all, p)
		expr = expr[len(p.text):]
	}
	return all
}

func firstPiece(expr string) piece {
	switch {
	case expr[0] == '.':
		return piece{pieceDot, expr[:1]}
	case expr[0] == '[':
		return piece{pieceClass, expr[:classLength(expr)]}
	case strings.HasPrefix(expr, "(?") && strings.ContainsAny(expr, ":>)"): // "(?:", "(?P<name>", "(?i)"
		return piece{pieceOther, expr[:strings.IndexAny(expr, ":>)")+1]}
	case expr[0] != '\\' || len(expr) == 1:
		return piece{pieceOther, expr[:1]}
	case expr[1] == 'Q':
		if end := strings.Index(expr, `\E`); end >= 0 {
			return piece{pieceQuote, expr[:end+2]}
		}
		return piece{pieceOpenQuote, expr}
	case strings.IndexByte("dDsSwW", expr[1]) >= 0:
		return piece{pieceEscapeClass, expr[:2]}
	case expr[1] == 'p' || expr[1] == 'P':
		length := min(3, len(expr)) // "\pN"
		if strings.HasPrefix(expr[2:], "{") {
			length = strings.IndexByte(expr, '}') + 1
		}
		return piece{pieceEscapeClass, expr[:max(2, length)]}
	}
	return piece{pieceEscape, expr[:2]}
}

// classLength returns the length of the class that expr starts with.
func classLength(expr string) int {
	i := 1
	if strings.HasPrefix(expr[i:], "^") {
		i++
	}
	if strings.HasPrefix(expr[i:], "]") {
		i++ // that stands first and is one of the class
	}
	for i < len(expr) && expr[i] != ']' {
		switch {
		case expr[i] == '\\':
			i += 2
		case strings.HasPrefix(expr[i:], "[:") && strings.Contains(expr[i+2:], ":]"):
			i += 2 + strings.Index(expr[i+2:], ":]") + 2
		default:
			i++
		}
	}
	return min(i+1, len(expr))
}

// UnescapedDots returns where in expr a dot stands like one of a host name, between
// letters, digits, groups and classes, but matches any character: the offsets of
// these dots, in bytes.
func UnescapedDots(expr string) []int {
	var dots []int
	all := pieces(expr)
	offset := 0
	for i, p := range all {
		next := piece{text: "$"} // the end
		if i+1 < len(all) {
			next = all[i+1]
		}
		if p.kind == pieceDot && i > 0 && (endsAtom(all[i-1]) && followsDot(next) || opensGroup(all[i-1]) && startsName(next)) {
			dots = append(dots, offset)
		}
		offset += len(p.text)
	}
	return dots
}

// EscapeDots returns expr with a backslash ahead of the dots at these offsets.
func EscapeDots(expr string, dots []int) string {
	var escaped strings.Builder
	last := 0
	for _, dot := range dots {
		escaped.WriteString(expr[last:dot] + `\`)
		last = dot
	}
	return escaped.String() + expr[last:]
}

// is reports whether p is one of these characters, and no more.
func (p piece) is(characters string) bool {
	return p.kind == pieceOther && len(p.text) == 1 && strings.IndexByte(characters, p.text[0]) >= 0
}

// endsAtom reports whether p is the end of what stands for part of a host name.
func endsAtom(p piece) bool {
	return startsName(p) || p.is(")+*?}")
}

// opensGroup reports whether p is the beginning of a group or of an alternative.
func opensGroup(p piece) bool {
	return p.kind == pieceOther && p.text[0] == '(' && !strings.HasSuffix(p.text, ")") || p.is("|")
}

// followsDot reports whether p may stand behind the dot of a host name. A quantifier
// does not, as ".*" is meant to match anything, nor does a dot that is escaped.
func followsDot(p piece) bool {
	return startsName(p) || p.kind == pieceOther && p.text[0] == '(' || p.is(")|$")
}

// startsName reports whether p stands for the characters of a host name.
func startsName(p piece) bool {
	return p.kind == pieceClass || p.kind == pieceEscapeClass ||
		p.kind == pieceOther && isAlphanumeric(p.text[0]) || p.is("-_")
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
