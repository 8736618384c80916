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
	headerSecFetchMode   = "Sec-Fetch-Mode"
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
	headerCookie        = "Cookie"
	headerDate          = "Date"
	headerLocation      = "Location"
	headerTrailer       = "Trailer"
	headerVary          = "Vary"
)

const prefixCORS = "Access-Control-"

// isCORSHeader reports whether name is one of CORS, in any case.
func isCORSHeader(name string) bool {
	return len(name) > len(prefixCORS) && name[0]|0x20 == 'a' && strings.EqualFold(name[:len(prefixCORS)], prefixCORS)
}

// isCORSResponseHeader reports whether name is a response header by which a server
// grants something to other origins, in any case.
func isCORSResponseHeader(name string) bool {
	if !isCORSHeader(name) {
		return false
	}
	name = name[len(prefixCORS):]
	const allow = "Allow-"
	return len(name) >= len(allow) && strings.EqualFold(name[:len(allow)], allow) ||
		strings.EqualFold(name, headerExposeHeaders[len(prefixCORS):]) ||
		strings.EqualFold(name, headerMaxAge[len(prefixCORS):])
}

// removeTrailerNames takes out of the names that a response announces as its trailers
// those of CORS and Vary: over HTTP/3, an announced trailer hides the header.
func removeTrailerNames(h http.Header, lines []string) {
	var kept []string
	removed := false
	for _, line := range lines {
		for name := range listItems(line) {
			if isCORSHeader(name) || strings.EqualFold(name, headerVary) {
				removed = true
			} else {
				kept = append(kept, name)
			}
		}
	}
	switch {
	case !removed:
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

const (
	// maxRequestedBytes is how long Access-Control-Request-Headers may be, and
	// maxEmptyItems how many empty items it may have: some must be put up with, but not
	// as many as make work (RFC 9110, section 5.6.1.2). Browsers send none.
	maxRequestedBytes = 64 << 10
	maxEmptyItems     = 16
)

// eachRequestedName reports whether all names that the lines of
// Access-Control-Request-Headers list pass a test. They do not if the list is too long or
// has too many empty items, whatever their test says.
func eachRequestedName(lines []string, test func(name string) bool) bool {
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	if size > maxRequestedBytes {
		return false
	}
	empty := 0
	for _, line := range lines {
		for more := true; more; {
			var item string
			item, line, more = strings.Cut(line, ",")
			if item = trimSpace(item); item == "" {
				empty++
			} else if !test(item) {
				return false
			}
			if empty > maxEmptyItems {
				return false
			}
		}
	}
	return true
}

// listItems iterates over the items of a comma-separated field value, without the
// white space around them and without empty ones (RFC 9110, section 5.6.1.2).
func listItems(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			// Empty items are passed over here, as a hostile list may have nothing else.
			for line != "" && (line[0] == ',' || line[0] == ' ' || line[0] == '\t') {
				line = line[1:]
			}
			if line == "" {
				return
			}
			var item string
			item, line, _ = strings.Cut(line, ",")
			if !yield(trimSpace(item)) {
				return
			}
		}
	}
}

// trimSpace takes off the white space around an item, of which a field value has two
// kinds (RFC 9110, section 5.6.3).
func trimSpace(item string) string {
	for item != "" && (item[0] == ' ' || item[0] == '\t') {
		item = item[1:]
	}
	for item != "" && (item[len(item)-1] == ' ' || item[len(item)-1] == '\t') {
		item = item[:len(item)-1]
	}
	return item
}

// normalizeNames joins the header names in lines, which are tokens, as browsers do: in
// lower case and with commas alone. What already is so is returned as it is.
func normalizeNames(lines []string) string {
	if len(lines) == 1 && isNormalized(lines[0]) {
		return lines[0]
	}
	size := 0
	for _, line := range lines {
		size += len(line) + 1
	}
	var joined strings.Builder
	joined.Grow(size)
	due := false // whether a comma is
	for _, line := range lines {
		for i := range len(line) {
			switch c := line[i]; c {
			case ' ', '\t':
			case ',':
				due = joined.Len() > 0
			default:
				if due {
					joined.WriteByte(',')
					due = false
				}
				if 'A' <= c && c <= 'Z' {
					c |= 0x20
				}
				joined.WriteByte(c)
			}
		}
		due = joined.Len() > 0
	}
	return joined.String()
}

// isNormalized reports whether normalizeNames would leave line as it is.
func isNormalized(line string) bool {
	ahead := byte(',')
	for i := range len(line) {
		c := line[i]
		if c == ' ' || c == '\t' || 'A' <= c && c <= 'Z' || c == ',' && ahead == ',' {
			return false
		}
		ahead = c
	}
	return ahead != ','
}
