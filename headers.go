package caddycors

import (
	"iter"
	"net/http"
	"strings"
)

// Names of header fields, in the canonical form of [http.Header].
const (
	headerOrigin         = "Origin"
	headerRequestMethod  = "Access-Control-Request-Method"
	headerRequestHeaders = "Access-Control-Request-Headers"
	headerSecFetchSite   = "Sec-Fetch-Site"

	headerAllowOrigin      = "Access-Control-Allow-Origin"
	headerAllowCredentials = "Access-Control-Allow-Credentials"
	headerAllowMethods     = "Access-Control-Allow-Methods"
	headerAllowHeaders     = "Access-Control-Allow-Headers"
	headerExposeHeaders    = "Access-Control-Expose-Headers"
	headerMaxAge           = "Access-Control-Max-Age"

	headerAuthorization = "Authorization"
	headerCacheControl  = "Cache-Control"
	headerContentType   = "Content-Type"
	headerDate          = "Date"
	headerTrailer       = "Trailer"
	headerVary          = "Vary"
)

// isCORSResponseHeader reports whether name is a response header by which a server
// grants something to other origins, in any case.
func isCORSResponseHeader(name string) bool {
	const prefix = "Access-Control-"
	if len(name) <= len(prefix) || name[0]|0x20 != 'a' || !strings.EqualFold(name[:len(prefix)], prefix) {
		return false
	}
	name = name[len(prefix):]
	const allow = "Allow-"
	return len(name) >= len(allow) && strings.EqualFold(name[:len(allow)], allow) ||
		strings.EqualFold(name, headerExposeHeaders[len(prefix):]) ||
		strings.EqualFold(name, headerMaxAge[len(prefix):])
}

// removeTrailerNames takes out of the names that a response announces as its trailers
// CORS headers and Vary: over HTTP/3, an announced trailer hides the header.
func removeTrailerNames(h http.Header, lines []string) {
	ours := func(name string) bool { return isCORSResponseHeader(name) || strings.EqualFold(name, headerVary) }
	var kept []string
	all := true
	for _, line := range lines {
		for name := range listItems(line) {
			if ours(name) {
				all = false
			} else {
				kept = append(kept, name)
			}
		}
	}
	switch {
	case all:
	case len(kept) == 0:
		delete(h, headerTrailer)
	default:
		h[headerTrailer] = []string{strings.Join(kept, ", ")}
	}
}

// containsItem reports whether item is one of list, without case.
func containsItem(list, item string) bool {
	for other := range listItems(list) {
		if strings.EqualFold(other, item) {
			return true
		}
	}
	return false
}

// listItems iterates over the items of a comma-separated field value, without the
// white space around them and without empty ones (RFC 9110, section 5.6.1.2).
func listItems(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := true; more; {
			var item string
			item, line, more = strings.Cut(line, ",")
			if item = trimOWS(item); item != "" && !yield(item) {
				return
			}
		}
	}
}

// trimOWS takes optional white space off both ends of s (RFC 9110, section 5.6.3).
func trimOWS(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// normalizeNames joins the header names in lines as browsers do, in lower case and
// with commas alone. What already is so is returned as it is.
func normalizeNames(lines []string) string {
	if len(lines) == 1 && !strings.ContainsAny(lines[0], " \t") && !strings.Contains(","+lines[0]+",", ",,") {
		return strings.ToLower(lines[0])
	}
	var names []string
	for _, line := range lines {
		for name := range listItems(line) {
			names = append(names, strings.ToLower(name))
		}
	}
	return strings.Join(names, ",")
}
