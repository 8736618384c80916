package caddycors

import (
	"net/http"
	"slices"
	"strings"
)

// fields are the values of the header fields that one response is given. Each has its
// place: what a header map holds is known by it to be of this response, and not a
// backend's.
//
// They belong to one response alone. Handlers edit header values in place, so a value
// that two requests shared would change for both.
type fields []string

// The places of the fields: first those of all responses, then those of answers to
// preflights, then those of answers that refuse.
const (
	fieldAllowOrigin = iota
	fieldAllowCredentials
	fieldExposeHeaders
	fieldVary
	fieldAllowMethods
	fieldAllowHeaders
	fieldMaxAge
	fieldContentType
	fieldCacheControl
)

// How many fields there are, of all responses, with those of answers to preflights, and
// with those of answers that refuse.
const (
	actualFields    = fieldVary + 1
	preflightFields = fieldMaxAge + 1
	answerFields    = fieldCacheControl + 1
)

// fieldNames are the names of the fields.
var fieldNames = [answerFields]string{
	fieldAllowOrigin:      headerAllowOrigin,
	fieldAllowCredentials: headerAllowCredentials,
	fieldExposeHeaders:    headerExposeHeaders,
	fieldVary:             headerVary,
	fieldAllowMethods:     headerAllowMethods,
	fieldAllowHeaders:     headerAllowHeaders,
	fieldMaxAge:           headerMaxAge,
	fieldContentType:      headerContentType,
	fieldCacheControl:     headerCacheControl,
}

// restoreGrants puts back into h what was granted there and was replaced since.
func (f fields) restoreGrants(h http.Header) {
	for field := range f {
		if field != fieldVary && f[field] != "" && !f.holds(h[fieldNames[field]], field) {
			f.put(h, field, f[field])
		}
	}
}

// holds reports whether values are one of the fields, the one of this place.
func (f fields) holds(values []string, field int) bool {
	return len(values) == 1 && &values[0] == &f[field]
}

// put sets one field of h to a value of its own.
func (f fields) put(h http.Header, field int, value string) {
	f[field] = value
	h[fieldNames[field]] = f[field : field+1 : field+1]
}

// own reports whether values are one of the fields.
func (f fields) own(values []string) bool {
	if len(values) != 1 {
		return false
	}
	for i := range f {
		if &values[0] == &f[i] {
			return true
		}
	}
	return false
}

// grantOrigin writes Access-Control-Allow-Origin and -Credentials (Fetch, "CORS
// check").
func (f fields) grantOrigin(h http.Header, p *policy, origin string) {
	if p.grantsAll() {
		f.put(h, fieldAllowOrigin, "*")
		return
	}
	f.put(h, fieldAllowOrigin, origin)
	if p.credentials {
		f.put(h, fieldAllowCredentials, "true")
	}
}

// grantPreflight writes the fields that only an answer to a preflight has.
func (f fields) grantPreflight(h http.Header, p *policy, grant preflightGrant) {
	if grant.methods != "" {
		f.put(h, fieldAllowMethods, grant.methods)
	}
	if grant.headers != "" {
		f.put(h, fieldAllowHeaders, grant.headers)
	}
	f.put(h, fieldMaxAge, p.maxAge)
}

// grantExposure writes Access-Control-Expose-Headers, unless there are no names.
func (f fields) grantExposure(h http.Header, names string) {
	if names != "" {
		f.put(h, fieldExposeHeaders, names)
	}
}

// othersAllow reports whether another handler or a backend set an
// Access-Control-Allow-Origin, in any case. One of several values counts as none, as it
// does to browsers.
func (f fields) othersAllow(h http.Header) bool {
	lines := 0
	for name, values := range h {
		if len(name) != len(headerAllowOrigin) || !strings.EqualFold(name, headerAllowOrigin) || f.own(values) {
			continue
		}
		for _, value := range values {
			lines += 1 + strings.Count(value, ",")
		}
	}
	return lines == 1
}

// removeOthers takes out of h what another handler or a backend granted, in trailers
// and, unless they are kept, in fields, and brings a Vary that was set under another
// case to its canonical key. It walks the map, because handlers can set keys that are
// not canonical.
func (f fields) removeOthers(h http.Header, kept bool) {
	for name, values := range h {
		switch {
		case isCORSResponseHeader(name):
			if !kept && !f.own(values) {
				delete(h, name)
			}
		case strings.HasPrefix(name, http.TrailerPrefix):
			if isCORSHeader(name[len(http.TrailerPrefix):]) {
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

// mergeVary makes sure that each of names, a comma-joined list, is in the Vary of h
// exactly once. What else stands there stays, and so does "*", which says it all
// (RFC 9110, section 12.5.5).
func (f fields) mergeVary(h http.Header, names string) {
	lines := h[headerVary]
	switch {
	case len(lines) == 0:
		f.put(h, fieldVary, names)
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
	f.put(h, fieldVary, b.String())
}
