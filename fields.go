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

// restoreGrants puts back into h what was granted there and was replaced since, by what
// was found there.
func (f fields) restoreGrants(h http.Header, found survey) {
	for field, value := range f {
		if field != fieldVary && value != "" && !found.has(field) {
			f.put(h, field, value)
		}
	}
}

// put sets one field of h to a value of its own.
func (f fields) put(h http.Header, field int, value string) {
	f[field] = value
	h[fieldNames[field]] = f[field : field+1 : field+1]
}

// place returns the place of the field that values are, or -1.
func (f fields) place(values []string) int {
	if len(values) == 1 {
		for i := range f {
			if &values[0] == &f[i] {
				return i
			}
		}
	}
	return -1
}

// grantOrigin writes Access-Control-Allow-Origin and -Credentials (Fetch, "CORS
// check").
func (f fields) grantOrigin(h http.Header, p *policy, d decision) {
	if p.grantsAll() {
		f.put(h, fieldAllowOrigin, "*")
		return
	}
	f.put(h, fieldAllowOrigin, d.origin)
	if p.credentials && !d.withheld {
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
		if len(name) != len(headerAllowOrigin) || !strings.EqualFold(name, headerAllowOrigin) || f.place(values) >= 0 {
			continue
		}
		for _, value := range values {
			lines += 1 + strings.Count(value, ",")
		}
	}
	return lines == 1
}

// survey is what a walk over a header map found there that stays.
type survey struct {
	own  uint16   // a bit for each of the response's own fields that stands in its place
	vary []string // the lines of Vary
}

// has reports whether a field of the response stands in its place.
func (s survey) has(field int) bool { return s.own&(1<<field) != 0 }

// removeOthers takes out of h what another handler or a backend granted, in trailers
// and, unless they are kept, in fields, and brings a Vary that was set under another
// case to its canonical key. It walks the map, because handlers can set keys that are
// not canonical. What it returns is all that is asked of the map, since a look-up of one
// name takes as long as several steps of a walk (BenchmarkHandler).
func (f fields) removeOthers(h http.Header, kept bool) survey {
	var found survey
	for name, values := range h {
		if name == "" {
			continue
		}
		switch name[0] | 0x20 {
		case 'a':
			if place := f.place(values); place >= 0 && name == fieldNames[place] {
				found.own |= 1 << place
			} else if !kept && isCORSResponseHeader(name) {
				delete(h, name)
			}
		case 't':
			if name == headerTrailer {
				removeTrailerNames(h, values)
			} else if trailer, ok := strings.CutPrefix(name, http.TrailerPrefix); ok && isCORSHeader(trailer) {
				delete(h, name)
			}
		case 'v':
			switch {
			case name == headerVary:
				found.vary = values
				if f.place(values) == fieldVary {
					found.own |= 1 << fieldVary
				}
			case len(name) == len(headerVary) && strings.EqualFold(name, headerVary):
				delete(h, name)
				found.own &^= 1 << fieldVary // it is longer now
				found.vary = append(slices.Clip(h[headerVary]), values...)
				h[headerVary] = found.vary
			}
		}
	}
	return found
}

// mergeVary makes sure that each of names, a comma-joined list, is in the Vary of h, which
// has these lines, exactly once. What else stands there stays, and so does "*", which says it all
// (RFC 9110, section 12.5.5).
func (f fields) mergeVary(h http.Header, lines []string, names string) {
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
