package origin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-9442523e/caddy-cors/internal/suffix"
)

// What people write in place of an origin, and what they may mean.

// PatternError says why a pattern does not parse.
type PatternError struct {
	// Reason is what is wrong, such as "an origin has no path".
	Reason string
	// Fix is what to write instead, or "" if that cannot be guessed.
	Fix string
	// Advice is what to do about it, or "" if there is a fix or nothing to be said.
	Advice string
	// Regexp means that it reads like a regular expression.
	Regexp bool
}

// Error returns the reason, and the fix or the advice, in one line.
func (e *PatternError) Error() string {
	switch {
	case e.Fix != "":
		return fmt.Sprintf("%s; write %q", e.Reason, e.Fix)
	case e.Advice != "":
		return e.Reason + "; " + e.Advice
	}
	return e.Reason
}

// workingFix mends a suggestion that has a mistake of its own, so that what it
// returns parses. It gives up, with "", after some steps, and where a guess would let
// strangers in.
func workingFix(fix string) string {
	for range 10 {
		switch fix {
		case "", "*", "none", Null, File:
			return fix
		}
		p, err := parseTuple(fix)
		switch {
		case err != nil:
			fix = err.Fix
		case suffix.Open(p.WildcardParent()) != "":
			return ""
		default:
			return fix
		}
	}
	return ""
}

// looksLikeRegexp reports whether s, which is no pattern, may be meant as a regular
// expression.
func looksLikeRegexp(s string) bool {
	for _, part := range []string{`\.`, "://.*", ".+", "]+", "]*", "[^", "(", "|", "?:"} {
		if strings.Contains(s, part) {
			return true
		}
	}
	return strings.HasPrefix(s, "^") || strings.HasSuffix(s, "$")
}

// SuggestRegexp returns the expression that expr may be meant as: without the slashes
// or the tilde that go with it elsewhere, with a scheme, in lower case, with its dots
// escaped. It returns "" unless that matches something, and no strangers.
func SuggestRegexp(expr string) string {
	bare := expr
	if rest, ok := strings.CutPrefix(expr, "~"); ok { // "~*^https://..."
		bare = strings.TrimLeft(strings.TrimPrefix(rest, "*"), " ")
	}
	if inner, ok := strings.CutPrefix(bare, "/"); ok {
		if end := strings.LastIndexByte(inner, '/'); end >= 0 && strings.Trim(inner[end+1:], "gimsuy") == "" {
			bare = inner[:end]
		}
	}
	bare = strings.ReplaceAll(bare, `\/`, "/")
	if _, err := CompileRegexp(bare); err != nil {
		return ""
	}
	hosts := strings.TrimPrefix(bare, "^")
	if strings.Contains(hosts, "|") {
		hosts = "(?:" + hosts + ")"
	}
	guesses := []string{
		bare,
		lowerLiterals(bare),
		strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(bare, "$"), ".*"), "/"),
		"https://" + hosts,
	}
	if strings.HasPrefix(hosts, `\.`) {
		guesses = append(guesses, "https://.*"+hosts)
	}
	for _, guess := range guesses {
		guess = EscapeDots(guess, UnescapedDots(guess))
		re, err := CompileRegexp(guess)
		if err != nil {
			continue
		}
		if a := re.Analyze(); !a.Impossible() && a.Hosts("").Known {
			return guess
		}
	}
	return ""
}

// lowerLiterals lower-cases what stands for itself in a regular expression.
func lowerLiterals(expr string) string {
	var lower strings.Builder
	for _, p := range pieces(expr) {
		if p.kind == pieceOther {
			p.text = lowerASCII(p.text)
		}
		lower.WriteString(p.text)
	}
	return lower.String()
}

// unescapeLiterals takes the backslashes off what a pattern may have.
var unescapeLiterals = strings.NewReplacer(`\.`, ".", `\/`, "/", `\-`, "-")

// SuggestPattern returns the pattern with a wildcard that a regular expression may be
// meant as, or "".
func SuggestPattern(expr string) string {
	bare := strings.TrimSuffix(strings.TrimPrefix(unescapeLiterals.Replace(expr), "^"), "$")
	if strings.HasPrefix(bare, "*.") {
		bare = withScheme(bare)
	}
	bare = strings.Replace(bare, "https?://", "https://", 1)
	p, err := ParsePattern(bare)
	if err != nil || !strings.Contains(p.String(), "*") {
		return ""
	}
	return p.String()
}

// checkEdges refuses what people leave around an origin.
func checkEdges(s string) *PatternError {
	space := func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || '\u200b' <= r && r <= '\u200d' }
	if trimmed := strings.TrimFunc(s, space); trimmed != s {
		return &PatternError{Reason: "an origin has no white space", Fix: trimmed}
	}
	quotes := "\"'`<>"
	if strings.HasPrefix(s, `["`) || strings.HasSuffix(s, `"]`) {
		quotes += "[]"
	}
	if trimmed := strings.Trim(s, quotes); trimmed != s {
		return &PatternError{Reason: "an origin has no quotes around it", Fix: trimmed}
	}
	if trimmed := strings.TrimRight(s, ",;"); trimmed != s {
		return &PatternError{Reason: "an origin ends with its host or port", Fix: trimmed}
	}
	return nil
}

// checkSeparators refuses several origins in one, and white space.
func checkSeparators(s string) *PatternError {
	several := strings.Count(s, schemeSeparator) > 1
	separates := func(r rune) bool {
		return unicode.IsSpace(r) || r <= ' ' || r == 0x7f || r == ',' || several && (r == ';' || r == '|')
	}
	i := strings.IndexFunc(s, separates)
	if i < 0 {
		return nil
	}
	parts := strings.FieldsFunc(s, separates)
	switch {
	case len(parts) == 1: // a control character at an edge
		return &PatternError{Reason: "an origin has no white space", Fix: parts[0]}
	case len(parts) == 2 && !several && (strings.HasSuffix(parts[0], ":/") || strings.HasSuffix(parts[0], schemeSeparator) || parts[1][0] == ':'): // "https:// example.com"
		return &PatternError{Reason: "an origin has no white space", Fix: parts[0] + parts[1]}
	}
	separator, _ := utf8.DecodeRuneInString(s[i:])
	shown := strings.Join(parts[:min(3, len(parts))], " ")
	if len(parts) > 3 {
		shown += " ..."
	}
	return &PatternError{Reason: fmt.Sprintf("an origin has no %q in it", separator), Advice: "give each origin as a value of its own: " + shown}
}

// checkVariable refuses what is a variable elsewhere: "$NAME", "${NAME}", "%NAME%".
func checkVariable(s string) *PatternError {
	name := strings.Trim(s, "${}%")
	if !strings.HasPrefix(s, "$") && !strings.HasPrefix(s, "%") || name == "" || strings.Trim(strings.ToUpper(name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return nil
	}
	return &PatternError{Reason: "this is no origin", Advice: "for an environment variable, write {env." + name + "}"}
}

// misspelledSchemes are what is typed for http and https.
var misspelledSchemes = []string{"htp", "htps", "htttp", "htttps", "hhttp", "hhttps", "httpp", "httpps", "httpss", "htpp", "htpps", "ttp", "ttps", "hhtp", "hhtps", "thtp", "thtps", "shttp"}

// checkScheme refuses a scheme, in lower case and as it is written, that is none or
// that no page has.
func checkScheme(scheme, written, authority string) *PatternError {
	switch scheme {
	case "file":
		return &PatternError{Reason: "pages opened from disk have no host in their origin", Fix: File}
	case "ws", "wss":
		return &PatternError{Reason: "the origin of a WebSocket is that of its page", Fix: "http" + scheme[2:] + schemeSeparator + authority}
	case "ftp":
		return &PatternError{Reason: "browsers open no pages by FTP", Fix: "https" + schemeSeparator + authority}
	case "about", "blob", "data", "javascript":
		return &PatternError{Reason: fmt.Sprintf("pages of %s: URLs have the origin of the page that made them, or \"null\"", scheme)}
	}
	if slices.Contains(misspelledSchemes, scheme) {
		return &PatternError{Reason: fmt.Sprintf("%q is no scheme that pages have", written), Fix: "http" + strings.Repeat("s", min(1, strings.Count(scheme, "s"))) + schemeSeparator + authority}
	}
	if validScheme(scheme) {
		return nil
	}
	err := &PatternError{Reason: fmt.Sprintf("%q is not a URL scheme", written)}
	if strings.Trim(scheme, "htps*?()|[].") == "" { // "*", "http*", "https?", "http(s)", "(http|https)"
		err.Reason = "an origin has one scheme; http:// and https:// are two origins"
		err.Fix = "https" + schemeSeparator + authority
	}
	return err
}

// withScheme guesses what is meant by s, which has no scheme, or returns "".
func withScheme(s string) string {
	switch strings.ToLower(s) {
	case "all", "any":
		return "*"
	case "off", "no", "false", "self":
		return "none"
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Is6() {
		return "http" + schemeSeparator + "[" + s + "]"
	}
	s = strings.TrimLeft(s, ":/")
	for _, scheme := range []string{"https", "http"} { // "https:example.com", "http/example.com"
		if rest, ok := strings.CutPrefix(strings.ToLower(s), scheme); ok && strings.IndexAny(rest, ":/") == 0 {
			return scheme + schemeSeparator + strings.TrimLeft(rest, ":/")
		}
	}
	switch host := strings.ToLower(s[:hostLength(s)]); {
	case IsLoopback(host) || isIPv4(host):
		return "http" + schemeSeparator + s
	case strings.Contains(host, "."):
		return "https" + schemeSeparator + s
	}
	return "" // a word that stands for something else
}

// checkAuthority refuses, of what follows the scheme, all that is neither host nor port.
func checkAuthority(scheme, authority string) *PatternError {
	if _, err := netip.ParsePrefix(authority); err == nil {
		return &PatternError{Reason: "an origin is of one host, not of a range of addresses"}
	}
	if i := strings.IndexAny(authority, `/\?#`); i >= 0 {
		err := &PatternError{Reason: "an origin has no " + partName(authority[i:]), Fix: scheme + schemeSeparator + authority[:i]}
		if strings.Contains(authority[i:], "@") {
			err.Fix = "" // what is ahead of it may be a password, and no host
		}
		return err
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		err := &PatternError{Reason: "an origin has no user name or password", Fix: scheme + schemeSeparator + authority[i+1:]}
		if strings.Contains(authority[:i], ".") {
			err.Fix = "" // which of the two is the host?
		}
		return err
	}
	if addr, err := netip.ParseAddr(authority); err == nil && addr.Is6() {
		// No fix: the last number may be meant for the port.
		return &PatternError{Reason: `an IPv6 address stands in brackets, as in "http://[::1]:3000"`}
	}
	if strings.HasPrefix(authority, "[") && !strings.Contains(authority, "]") {
		return &PatternError{Reason: `the "]" behind the IPv6 address is missing`, Fix: scheme + schemeSeparator + authority + "]"}
	}
	return nil
}

// partName names the part of a URL that rest starts.
func partName(rest string) string {
	switch {
	case rest == "/":
		return "trailing slash"
	case rest[0] == '?':
		return "query"
	case rest[0] == '#':
		return "fragment"
	case rest[0] == '\\':
		return "backslash"
	}
	return "path"
}
