package origin

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
)

// What people write in place of an origin, and what they may mean.

// PatternError says why a pattern does not parse.
type PatternError struct {
	// Reason is what is wrong, such as "an origin has no path".
	Reason string
	// Fix is what to write instead, or "" if that cannot be guessed.
	Fix string
	// Regexp means that it reads like a regular expression.
	Regexp bool
}

// Error returns the reason and the fix in one line.
func (e *PatternError) Error() string {
	if e.Fix == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s; write %q", e.Reason, e.Fix)
}

// workingFix mends a suggestion that has a mistake of its own, so that what it
// returns parses. It gives up, with "", after some steps.
func workingFix(fix string) string {
	for range 10 {
		switch fix {
		case "", "*", "none", Null, File:
			return fix
		}
		_, err := parseTuple(fix)
		if err == nil {
			return fix
		}
		fix = err.Fix
	}
	return ""
}

// looksLikeRegexp reports whether s, which is no pattern, may be meant as a regular
// expression.
func looksLikeRegexp(s string) bool {
	for _, part := range []string{`\.`, "://.*", ".+", "]+", "]*", "[^", "(", "|", "^", "$", "?:"} {
		if strings.Contains(s, part) {
			_, err := CompileRegexp(s)
			return err == nil
		}
	}
	return false
}

// checkEdges refuses what people leave around an origin.
func checkEdges(s string) *PatternError {
	space := func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || '\u200b' <= r && r <= '\u200d' }
	if trimmed := strings.TrimFunc(s, space); trimmed != s {
		return &PatternError{Reason: "an origin has no white space", Fix: trimmed}
	}
	if trimmed := strings.Trim(s, "\"'`<>"); trimmed != s {
		return &PatternError{Reason: "an origin has no quotes around it", Fix: trimmed}
	}
	if trimmed := strings.TrimRight(s, ",;"); trimmed != s {
		return &PatternError{Reason: "an origin ends with its host or port", Fix: trimmed}
	}
	return nil
}

// checkSeparators refuses several origins in one, and white space.
func checkSeparators(s string) *PatternError {
	separates := func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == ',' || r == ';' && strings.Count(s, schemeSeparator) > 1
	}
	i := strings.IndexFunc(s, separates)
	if i < 0 {
		return nil
	}
	parts := strings.FieldsFunc(s, separates)
	if len(parts) == 2 && (strings.HasSuffix(parts[0], "/") || strings.ContainsAny(parts[1][:1], ":./")) { // "https:// example.com"
		return &PatternError{Reason: "an origin has no white space", Fix: parts[0] + parts[1]}
	}
	return &PatternError{Reason: fmt.Sprintf("an origin has no %q in it; give each origin as a value of its own: %q", s[i], parts)}
}

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
	lower := strings.ToLower(s)
	if lower == "all" || lower == "any" {
		return "*"
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
	case isLoopback(host):
		return "http" + schemeSeparator + s
	case strings.Contains(host, "."):
		return "https" + schemeSeparator + s
	}
	return "" // a word that stands for something else
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
