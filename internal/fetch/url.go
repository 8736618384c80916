package fetch

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// ParseURL parses a URL of HTTP as browsers do, as far as that matters here: it mends what
// the URL Standard lets pass and [url.Parse] does not, and normalises the host. It is
// relative to base, if that is not nil. The fragment is left out.
func ParseURL(base *url.URL, text string) (*url.URL, error) {
	mended := mend(base, text)
	u, err := url.Parse(mended)
	if refused := new(url.Error); errors.As(err, &refused) {
		return nil, refused.Err
	}
	if strings.HasPrefix(mended, "//") && u.Host == "" {
		return nil, errNoHost
	}
	if base == nil {
		base = new(url.URL)
	}
	u = base.ResolveReference(u) // which takes dot segments out, too
	if u.Scheme == "http" || u.Scheme == "https" {
		if u.Hostname() == "" {
			return nil, errNoHost
		}
		u.Host = normalizeHost(u.Scheme, u.Host)
		if u.Path == "" {
			u.Path = "/"
		}
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

var errNoHost = errors.New(`it has no host; write it like "https://api.example.com/items"`)

// mend takes out of a URL what the URL Standard takes out or changes first: white space,
// backslashes for slashes, any number of slashes ahead of a host, and what has to be
// escaped.
func mend(base *url.URL, text string) string {
	text = strings.TrimFunc(text, func(c rune) bool { return c <= ' ' })
	text = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(text)
	text, _, _ = strings.Cut(text, "#")
	path, query, hasQuery := strings.Cut(text, "?")
	path = mendPath(base, path)
	if hasQuery {
		path += "?" + escape(query, ` "#<>'`)
	}
	return path
}

// mendPath is mend for what is ahead of the query.
func mendPath(base *url.URL, path string) string {
	scheme, rest, hasColon := strings.Cut(path, ":")
	special := hasColon && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
	switch {
	case hasColon && isScheme(scheme) && !special:
		return path // out of HTTP
	case special && base != nil && strings.EqualFold(scheme, base.Scheme) && !strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, `\\`):
		path = rest // it is relative
	case special:
		rest = strings.TrimLeft(strings.ReplaceAll(rest, `\`, "/"), "/")
		return scheme + "://" + escapeStray(escape(rest, ""))
	}
	path = strings.ReplaceAll(path, `\`, "/")
	first, _, _ := strings.Cut(path, "/")
	switch {
	case strings.HasPrefix(path, "//"):
		path = "//" + strings.TrimLeft(path, "/")
	case strings.Contains(first, ":"):
		path = "./" + path // else it would be a scheme
	}
	return escapeStray(escape(path, ""))
}

// escape escapes the control characters in s, and those that are listed. In a query,
// where some are, it escapes all beyond ASCII.
func escape(s, listed string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == 0x7F || c >= 0x80 && listed != "" || strings.IndexByte(listed, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isScheme reports whether s is the scheme of a URL.
func isScheme(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return s != "" && strings.Contains(letters, s[:1]) && strings.Trim(s, letters+"0123456789+-.") == ""
}

// escapeStray escapes the per cent signs that no two hexadecimal digits follow.
func escapeStray(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		if s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			b.WriteString("25")
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// normalizeHost returns a host with its port as browsers write them, or as it is if it is
// none.
func normalizeHost(scheme, host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && isDigits(host[i+1:]) {
		port := strings.TrimLeft(host[i+1:], "0")
		if port == "" {
			port = host[i+1:][:min(1, len(host)-i-1)] // "0", or nothing
		}
		host = strings.TrimSuffix(host[:i]+":"+port, ":")
	}
	pattern, err := origin.ParsePattern(scheme + "://" + host)
	if err != nil || strings.Contains(host, "*") {
		return strings.ToLower(host)
	}
	return strings.TrimPrefix(pattern.String(), scheme+"://")
}
