package caddycors

import (
	"iter"
	"net/http"
	"net/textproto"
	"slices"
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
	return len(name) > len(allow) && strings.EqualFold(name[:len(allow)], allow) ||
		strings.EqualFold(name, headerExposeHeaders[len(prefix):]) ||
		strings.EqualFold(name, headerMaxAge[len(prefix):])
}

// removeCORSHeaders takes out of h what another handler or a backend granted, in
// fields and in trailers, and brings a Vary that was set under another case to its
// canonical key. It walks the map, because handlers can set keys that are not
// canonical.
func removeCORSHeaders(h http.Header) {
	for name, values := range h {
		switch {
		case isCORSResponseHeader(name):
			delete(h, name)
		case name[:min(len(name), len(http.TrailerPrefix))] == http.TrailerPrefix:
			if isCORSResponseHeader(name[len(http.TrailerPrefix):]) {
				delete(h, name)
			}
		case name == headerTrailer:
			removeTrailerNames(h, values)
		case len(name) == len(headerVary) && name != headerVary && strings.EqualFold(name, headerVary):
			delete(h, name)
			h[headerVary] = append(slices.Clip(h[headerVary]), values...)
		}
	}
}

// removeTrailerNames takes CORS headers out of the names that a response announces
// as its trailers.
func removeTrailerNames(h http.Header, lines []string) {
	announces := func(line string) bool {
		for name := range listItems(line) {
			if isCORSResponseHeader(name) {
				return true
			}
		}
		return false
	}
	if !slices.ContainsFunc(lines, announces) {
		return
	}
	var kept []string
	for _, line := range lines {
		for name := range listItems(line) {
			if !isCORSResponseHeader(name) {
				kept = append(kept, name)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, headerTrailer)
		return
	}
	h[headerTrailer] = []string{strings.Join(kept, ", ")}
}

// mergeVary makes sure that each of names, a comma-joined list, is in the Vary of h
// exactly once. What else stands there stays, and so does "*", which says it all
// (RFC 9110, section 12.5.5). The value is put as [putHeader] does.
func mergeVary(h http.Header, slots []string, names string) {
	lines := h[headerVary]
	switch {
	case len(lines) == 0:
		putHeader(h, slots, headerVary, names)
		return
	case len(lines) == 1 && lines[0] == names:
		return
	}
	asIs := true
	for name := range listItems(names) {
		count := 0
		for _, line := range lines {
			for item := range listItems(line) {
				if item == "*" {
					return
				}
				if strings.EqualFold(item, name) {
					count++
				}
			}
		}
		asIs = asIs && count == 1
	}
	if asIs {
		return
	}
	var b strings.Builder
	for _, line := range lines {
		for item := range listItems(line) {
			if !containsItem(names, item) {
				b.WriteString(item + ", ")
			}
		}
	}
	b.WriteString(names)
	putHeader(h, slots, headerVary, b.String())
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
			if item = textproto.TrimString(item); item != "" && !yield(item) {
				return
			}
		}
	}
}

// putHeader sets one field of h in the first of slots and returns the others. The
// slots belong to one response: handlers edit header values in place, so a value
// that two requests shared would change for both.
func putHeader(h http.Header, slots []string, name, value string) []string {
	if len(slots) == 0 {
		slots = make([]string, 1)
	}
	slots[0] = value
	h[name] = slots[:1:1]
	return slots[1:]
}
