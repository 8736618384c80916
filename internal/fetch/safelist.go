package fetch

import (
	"slices"
	"strings"
)

// Header is a header of a request, as a script sets it.
type Header struct{ Name, Value string }

// isForbidden reports whether browsers ignore that a script sets the header (Fetch,
// "forbidden request-header").
func (h Header) isForbidden() bool {
	switch strings.ToLower(h.Name) {
	case "x-http-method", "x-http-method-override", "x-method-override":
		for method := range strings.SplitSeq(h.Value, ",") {
			if IsForbiddenMethod(strings.Trim(method, whitespace)) {
				return true
			}
		}
	}
	return IsForbiddenRequestHeader(h.Name)
}

// Limits of the values of request headers that need no permission of the server, in bytes
// (Fetch, "CORS-safelisted request-header", step 1, and "CORS-unsafe request-header
// names", step 5).
const (
	maxSafelistedValue  = 128
	maxSafelistedValues = 1024
)

// UnsafeNames returns the names of the headers for which a browser asks
// permission in a preflight: in lower case, sorted, each once (Fetch, "CORS-unsafe
// request-header names").
func UnsafeNames(headers []Header) []string {
	var unsafe, safelisted []string
	size := 0
	for _, h := range headers {
		name := strings.ToLower(h.Name)
		if !IsSafelistedRequestHeader(h) {
			unsafe = append(unsafe, name)
			continue
		}
		safelisted = append(safelisted, name)
		size += len(h.Value)
	}
	if size > maxSafelistedValues {
		unsafe = append(unsafe, safelisted...)
	}
	slices.Sort(unsafe)
	return slices.Compact(unsafe)
}

// IsSafelistedRequestHeader reports whether a request header needs no permission of
// the server (Fetch, "CORS-safelisted request-header").
func IsSafelistedRequestHeader(h Header) bool {
	if len(h.Value) > maxSafelistedValue {
		return false
	}
	switch strings.ToLower(h.Name) {
	case "accept":
		return !containsUnsafeByte(h.Value)
	case "accept-language", "content-language":
		return strings.IndexFunc(h.Value, isNoLanguageByte) < 0
	case "content-type":
		return !containsUnsafeByte(h.Value) && isSafelistedType(h.Value)
	case "range":
		return isSafelistedRange(h.Value)
	}
	return false
}

// containsUnsafeByte reports whether one of the bytes of s is a CORS-unsafe
// request-header byte.
func containsUnsafeByte(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7F || strings.IndexByte(`"():<>?@[\]{}`, c) >= 0 {
			return true
		}
	}
	return false
}

func isNoLanguageByte(c rune) bool {
	letterOrDigit := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
	return !letterOrDigit && !strings.ContainsRune(" *,-.;=", c)
}

// isSafelistedType reports whether the essence of a MIME type is one that forms have
// always sent (MIME Sniffing, "parse a MIME type").
func isSafelistedType(value string) bool {
	essence, _, _ := strings.Cut(strings.TrimLeft(value, whitespace), ";")
	switch lowerASCII(strings.TrimRight(essence, whitespace)) {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return true
	}
	return false
}

// whitespace is HTTP whitespace.
const whitespace = "\t\n\r "

// isSafelistedRange reports whether a Range asks for one range that has a start (Fetch,
// "parse a single range header value").
func isSafelistedRange(value string) bool {
	first, last, ok := strings.Cut(strings.TrimPrefix(value, "bytes="), "-")
	if !ok || !strings.HasPrefix(value, "bytes=") || first == "" || !isDigits(first) || !isDigits(last) {
		return false
	}
	first, last = strings.TrimLeft(first, "0"), strings.TrimLeft(last, "0")
	ordered := len(first) < len(last) || len(first) == len(last) && first <= last
	return strings.HasSuffix(value, "-") || ordered
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
