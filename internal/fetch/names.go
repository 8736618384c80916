// Package fetch is the browser's side of CORS, as the Fetch standard has it
// (https://fetch.spec.whatwg.org/): which requests ask for permission, which answers give it,
// and what a page can read. [Browser] does all that a browser does with a request.
package fetch

import "strings"

// IsToken reports whether s is a token (RFC 9110, section 5.6.2): what a method and a
// header name are made of.
func IsToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isTokenByte[s[i]] {
			return false
		}
	}
	return s != ""
}

// isTokenByte tells which bytes a token is made of.
var isTokenByte = func() (is [256]bool) {
	for c := range is {
		is[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c < 0x80 && strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
	}
	return is
}()

// NormalizeMethod upper-cases the methods that browsers upper-case, and leaves all
// others as they are: "get" becomes "GET", "patch" stays (Fetch, "normalize a
// method").
func NormalizeMethod(method string) string {
	switch lower := lowerASCII(method); lower {
	case "delete", "get", "head", "options", "post", "put":
		return strings.ToUpper(lower)
	}
	return method
}

// lowerASCII is "byte-lowercase" (Infra): letters beyond ASCII stay as they are.
func lowerASCII(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c | 0x20
		}
		return c
	}, s)
}

// IsForbiddenMethod reports whether no script can send method (Fetch, "forbidden
// method").
func IsForbiddenMethod(method string) bool {
	switch strings.ToUpper(method) {
	case "CONNECT", "TRACE", "TRACK":
		return true
	}
	return false
}

// IsSafelistedMethod reports whether method needs no permission of the server (Fetch,
// "CORS-safelisted method").
func IsSafelistedMethod(method string) bool {
	return method == "GET" || method == "HEAD" || method == "POST"
}

// IsForbiddenRequestHeader reports whether no script can set the request header name,
// in any case (Fetch, "forbidden request-header"). The headers that are forbidden for
// some values only are not.
func IsForbiddenRequestHeader(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "accept-charset", "accept-encoding", "access-control-request-headers",
		"access-control-request-method", "connection", "content-length", "cookie",
		"cookie2", "date", "dnt", "expect", "host", "keep-alive", "origin", "referer",
		"set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via":
		return true
	}
	return strings.HasPrefix(name, "proxy-") || strings.HasPrefix(name, "sec-")
}

// IsSafelistedResponseHeader reports whether pages can read the response header name,
// in any case, without permission of the server (Fetch, "CORS-safelisted response-header
// name").
func IsSafelistedResponseHeader(name string) bool {
	switch strings.ToLower(name) {
	case "cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma":
		return true
	}
	return false
}

// IsForbiddenResponseHeader reports whether no script can read the response header
// name, in any case (Fetch, "forbidden response-header name").
func IsForbiddenResponseHeader(name string) bool {
	return strings.EqualFold(name, "Set-Cookie") || strings.EqualFold(name, "Set-Cookie2")
}
