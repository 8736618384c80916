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

// The places of the fields; the first ones are those of all responses, the others
// those of answers to preflights.
const (
	fieldAllowOrigin = iota
	fieldAllowCredentials
	fieldExposeHeaders
	fieldVary
	actualFields

	fieldAllowMethods = iota - 1 // after fieldVary, as actualFields is a number and no field
	fieldAllowHeaders
	fieldMaxAge
	allFields
)

// grantNames are the names of the fields by which something is granted.
var grantNames = [allFields]string{
	fieldAllowOrigin:      headerAllowOrigin,
	fieldAllowCredentials: headerAllowCredentials,
	fieldExposeHeaders:    headerExposeHeaders,
	fieldAllowMethods:     headerAllowMethods,
	fieldAllowHeaders:     headerAllowHeaders,
	fieldMaxAge:           headerMaxAge,
}

// restoreGrants puts back into h what was put there and was replaced since.
func (f fields) restoreGrants(h http.Header) {
	for field, name := range grantNames[:len(f)] {
		if name != "" && f[field] != "" && !f.own(h[name]) {
			f.put(h, field, name, f[field])
		}
	}
}

// put sets one field of h to a value of its own.
func (f fields) put(h http.Header, field int, name, value string) {
	f[field] = value
	h[name] = f[field : field+1 : field+1]
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
	if p.origins.any() && !p.credentials {
		f.put(h, fieldAllowOrigin, headerAllowOrigin, "*")
		return
	}
	f.put(h, fieldAllowOrigin, headerAllowOrigin, origin)
	if p.credentials {
		f.put(h, fieldAllowCredentials, headerAllowCredentials, "true")
	}
}

// grantPreflight writes the fields that only an answer to a preflight has.
func (f fields) grantPreflight(h http.Header, p *policy, grant preflightGrant) {
	if grant.methods != "" {
		f.put(h, fieldAllowMethods, headerAllowMethods, grant.methods)
	}
	if grant.headers != "" {
		f.put(h, fieldAllowHeaders, headerAllowHeaders, grant.headers)
	}
	f.put(h, fieldMaxAge, headerMaxAge, p.maxAge)
}

// grantExposure writes Access-Control-Expose-Headers, unless there are no names.
func (f fields) grantExposure(h http.Header, names string) {
	if names != "" {
		f.put(h, fieldExposeHeaders, headerExposeHeaders, names)
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
		f.put(h, fieldVary, headerVary, names)
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
	f.put(h, fieldVary, headerVary, b.String())
}
