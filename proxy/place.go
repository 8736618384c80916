package corsproxy

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// maxURLLength bounds the URLs that are asked for, and those of redirects.
const maxURLLength = 8192

// place is a URL in the one spelling that is compared with the targets, and sent.
//
// It is made by no lenient parser: what two parsers could read in two ways is refused, or
// written so that there is one way to read it.
type place struct {
	origin origin.Origin
	path   string // escaped; it starts with "/"
	query  string // without its "?"
}

// parsePlace reads an absolute URL. A fragment is taken off, as browsers do.
func parsePlace(text string) (place, *refusal) {
	if len(text) > maxURLLength {
		return place{}, refusedLongURL
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, isNoURLCharacter) {
		return place{}, refusedURL
	}
	text, _, _ = strings.Cut(text, "#")
	scheme, rest, ok := strings.Cut(text, "://")
	if scheme = strings.ToLower(scheme); !ok || scheme != "http" && scheme != "https" {
		return place{}, refusedURL
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, rest := rest[:end], rest[end:]
	if strings.Contains(authority, "@") {
		return place{}, refusedUserInfo
	}
	// A pattern without a wildcard is an origin, of which the spelling is normalised.
	pattern, err := origin.ParsePattern(scheme + "://" + authority)
	if err != nil || strings.Contains(authority, "*") {
		return place{}, refusedURL
	}
	o, ok := origin.Parse(pattern.String())
	if !ok || o.Opaque() {
		return place{}, refusedURL
	}
	path, query, _ := strings.Cut(rest, "?")
	p := place{origin: o, query: escape(query, isQueryByte)}
	if p.path, ok = canonicalPath(path); !ok {
		return place{}, refusedURL
	}
	if hasDotSegments(p.path) {
		return place{}, refusedDotSegments
	}
	return p, nil
}

// isNoURLCharacter reports whether r is a character of no URL: control characters, white
// space, and the backslash, which browsers read as a slash, and servers do not.
func isNoURLCharacter(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }

// canonicalPath writes a path so that equal ones are equal in bytes (RFC 3986, section
// 6.2.2): nothing is escaped that need not be, all else is, in upper case. It reports false
// if an escape is none.
func canonicalPath(path string) (string, bool) {
	if path == "" {
		return "/", true
	}
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(path, "%")
		b.WriteString(escape(plain, isPathByte))
		if !found {
			return b.String(), true
		}
		c, ok := unescapeByte(rest)
		if !ok {
			return "", false
		}
		if isUnreserved(c) {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(rest[:2]))
		}
		path = rest[2:]
	}
}

// unescapeByte reads the two hex digits that s starts with.
func unescapeByte(s string) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	text, err := url.PathUnescape("%" + s[:2])
	if err != nil {
		return 0, false
	}
	return text[0], true
}

// escape escapes the bytes of s that may not stand as they are.
func escape(s string, stands func(c byte) bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; stands(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// isUnreserved reports whether a byte means the same escaped or not (RFC 3986, section 2.3).
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// isPathByte reports whether a byte stands in a path as it is (RFC 3986, section 3.3).
func isPathByte(c byte) bool { return isUnreserved(c) || strings.IndexByte("/:@!$&'()*+,;=", c) >= 0 }

// isQueryByte reports whether a byte stands in a query as it is. Browsers check no escapes in
// it, and let brackets and the like stand.
func isQueryByte(c byte) bool { return c > ' ' && c < 0x7f && strings.IndexByte(`"<>`, c) < 0 }

// hasDotSegments reports whether a path has a segment that leads elsewhere. Browsers send
// none.
func hasDotSegments(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// lookalikes are what some servers make slashes and backslashes of, beside what Unicode does.
const lookalikes = "\u2044\u2215\u2216\u29f5\u29f8"

// isAmbiguous reports whether servers differ in which path they take a canonical one for:
// some decode escaped slashes, or decode twice, merge empty segments, map what looks alike, as
// one sign for "a/c", or cut off what stands behind a semicolon, a NUL, "?" or "#".
func isAmbiguous(path string) bool {
	text, err := url.PathUnescape(path)
	if err != nil || !utf8.ValidString(text) || strings.Contains(path, "//") {
		return true
	}
	mapped := norm.NFKC.String(text)
	for _, c := range []string{"/", "."} {
		if strings.Count(mapped, c) != strings.Count(path, c) {
			return true
		}
	}
	return strings.ContainsAny(mapped, lookalikes+`\%;?#`) ||
		strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 })
}

// url returns the place for a client of net/http.
func (p place) url() *url.URL {
	path, err := url.PathUnescape(p.path)
	if err != nil {
		path = "/" // it was checked
	}
	return &url.URL{Scheme: p.origin.Scheme(), Host: p.origin.Authority(), Path: path, RawPath: p.path, RawQuery: p.query}
}

// String returns the URL.
func (p place) String() string {
	text := p.origin.String() + p.path
	if p.query != "" {
		text += "?" + p.query
	}
	return text
}
