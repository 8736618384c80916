package fetch

import (
	"errors"
	"net/url"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// ParseURL parses a URL of HTTP as browsers do, as far as that matters here: it mends what
// the URL Standard lets pass and [url.Parse] does not, and normalises the host. It is
// relative to base, if that is not nil. The fragment is left out.
func ParseURL(base *url.URL, text string) (*url.URL, error) {
	u, err := url.Parse(mend(base, text))
	if refused := new(url.Error); errors.As(err, &refused) {
		return nil, refused.Err
	}
	if base == nil {
		base = new(url.URL)
	}
	u = base.ResolveReference(u) // which takes dot segments out, too
	if u.Scheme == "http" || u.Scheme == "https" {
		u.Host = normalizeHost(u.Scheme, u.Host)
		if u.Path == "" {
			u.Path = "/"
		}
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// mend takes out of a URL what the URL Standard takes out or changes first: white space,
// backslashes for slashes, any number of slashes ahead of a host, and per cent signs that
// escape nothing.
func mend(base *url.URL, text string) string {
	text = strings.Trim(text, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	text = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(text)
	text, _, _ = strings.Cut(text, "#")
	path, query, hasQuery := strings.Cut(text, "?")
	scheme, rest, ok := strings.Cut(path, ":")
	special := strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
	switch {
	case ok && special:
		rest = strings.ReplaceAll(rest, `\`, "/")
		path = scheme + "://" + strings.TrimLeft(rest, "/")
		if base != nil && strings.EqualFold(scheme, base.Scheme) && !strings.HasPrefix(rest, "//") {
			path = rest // it is relative
		}
	case base != nil && (!ok || !isScheme(scheme)):
		path = strings.ReplaceAll(path, `\`, "/")
		if strings.HasPrefix(path, "//") {
			path = "//" + strings.TrimLeft(path, "/")
		} else if ok && !strings.Contains(scheme, "/") {
			path = "./" + path // its first segment has a colon
		}
	}
	path = escapeStray(path)
	if hasQuery {
		path += "?" + query
	}
	return path
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
