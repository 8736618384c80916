package caddycors

import (
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap/zapcore"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// verdict is what a browser makes of an answer.
type verdict uint8

const (
	// verdictBlocked keeps the response from the page.
	verdictBlocked verdict = iota
	// verdictAllowed gives it to the page, if the request had no credentials.
	verdictAllowed
	// verdictAllowedWithCredentials gives it to the page in any case.
	verdictAllowedWithCredentials
)

// String returns the verdict as logs have it.
func (v verdict) String() string {
	return [...]string{"blocked", "allowed", "allowed_with_credentials"}[v]
}

// corsHeaders are what a response says to the page of another origin that asked, and
// what a browser makes of it.
type corsHeaders struct {
	kind    requestKind
	status  int
	values  map[string]string // by canonical name; lines are joined
	verdict verdict
}

func newCORSHeaders(d decision, r *http.Request, status int, header http.Header) corsHeaders {
	c := corsHeaders{kind: d.kind, status: status, values: make(map[string]string)}
	for name, lines := range header {
		if !isCORSResponseHeader(name) || len(lines) == 0 {
			continue
		}
		name = http.CanonicalHeaderKey(name)
		if other, ok := c.values[name]; ok { // it was set under another case, too
			lines = append([]string{other}, lines...)
			slices.Sort(lines)
		}
		c.values[name] = strings.Join(lines, ", ")
	}
	c.verdict = c.judge(r)
	return c
}

// judge is the CORS check of the Fetch standard, and for a preflight the rest of
// CORS-preflight fetch, steps 7.1 to 7.7.
func (c corsHeaders) judge(r *http.Request) verdict {
	origin, allowed := r.Header.Get(headerOrigin), c.values[headerAllowOrigin]
	v := verdictBlocked
	switch {
	case allowed == "":
	case allowed == origin && c.values[headerAllowCredentials] == "true":
		v = verdictAllowedWithCredentials
	case allowed == origin || allowed == "*":
		v = verdictAllowed
	}
	if c.kind == kindPreflight {
		v = min(v, c.judgePreflight(r))
	}
	return v
}

// judgePreflight returns the best verdict that the status and the lists leave. "*" is
// no wildcard for requests with credentials, and none for Authorization.
func (c corsHeaders) judgePreflight(r *http.Request) verdict {
	methods, headers := c.values[headerAllowMethods], c.values[headerAllowHeaders]
	if c.status < 200 || c.status > 299 || !isTokenList(methods) || !isTokenList(headers) {
		return verdictBlocked
	}
	best := verdictAllowedWithCredentials
	method := r.Header.Get(headerRequestMethod)
	if !fetch.IsSafelistedMethod(method) && !hasItem(methods, method) {
		if !hasItem(methods, "*") || !fetch.IsToken(method) || fetch.IsForbiddenMethod(method) {
			return verdictBlocked
		}
		best = verdictAllowed
	}
	granted := nameSet(headers)
	for _, line := range r.Header[headerRequestHeaders] {
		for name := range listItems(strings.ToLower(line)) {
			if granted[name] {
				continue
			}
			if !granted["*"] || name == "authorization" || !fetch.IsToken(name) {
				return verdictBlocked
			}
			best = verdictAllowed
		}
	}
	return best
}

// hasItem reports whether item is one of list, in this case.
func hasItem(list, item string) bool {
	for other := range listItems(list) {
		if other == item {
			return true
		}
	}
	return false
}

// isTokenList reports whether all items of a list are tokens. Browsers take no other.
func isTokenList(list string) bool {
	for item := range listItems(list) {
		if !fetch.IsToken(item) {
			return false
		}
	}
	return true
}

// exposes reports whether c, which a policy made, exposes all names that other does.
// With credentials, "*" is no wildcard, and no policy writes it.
func (c corsHeaders) exposes(other corsHeaders) bool {
	mine := nameSet(c.values[headerExposeHeaders])
	for name := range nameSet(other.values[headerExposeHeaders]) {
		literal := name == "*" && other.verdict == verdictAllowedWithCredentials
		if !literal && !mine[name] && !mine["*"] && !exposedAnyway(name) {
			return false
		}
	}
	return true
}

// exposedAnyway reports whether it makes no difference to expose a response header:
// pages can read it in any case, or in none.
func exposedAnyway(name string) bool {
	return fetch.IsSafelistedResponseHeader(name) || fetch.IsForbiddenResponseHeader(name)
}

// nameSet returns the header names in a list, in lower case. Lists come from requests
// and from backends, so they may be long.
func nameSet(list string) map[string]bool {
	names := make(map[string]bool)
	for name := range listItems(strings.ToLower(list)) {
		names[name] = true
	}
	return names
}

// differences returns the names of the headers that are not the same in two responses,
// of those that browsers read.
func (c corsHeaders) differences(other corsHeaders) (names []string) {
	read := []string{headerAllowOrigin, headerAllowCredentials, headerExposeHeaders}
	if c.kind == kindPreflight {
		read = []string{headerAllowOrigin, headerAllowCredentials, headerAllowMethods, headerAllowHeaders, headerMaxAge}
	}
	for _, name := range read {
		if sameForm(name, c.values[name]) != sameForm(name, other.values[name]) {
			names = append(names, name)
		}
	}
	return names
}

// sameForm brings values that say the same to one form: lists in order, with each item
// once, and without what needs no leave.
func sameForm(name, value string) string {
	switch name {
	case headerAllowOrigin, headerMaxAge:
		return value
	case headerAllowCredentials:
		if value != "true" {
			return "" // browsers read no other value
		}
		return value
	case headerAllowHeaders, headerExposeHeaders:
		value = strings.ToLower(value)
	}
	items := slices.Sorted(listItems(value))
	switch name {
	case headerAllowMethods:
		items = slices.DeleteFunc(items, fetch.IsSafelistedMethod)
	case headerExposeHeaders:
		items = slices.DeleteFunc(items, exposedAnyway)
	}
	return strings.Join(slices.Compact(items), ",")
}

// loggable returns the response as logs have it, with the headers of these names.
func (c corsHeaders) loggable(names []string) zapcore.ObjectMarshaler {
	return zapcore.ObjectMarshalerFunc(func(o zapcore.ObjectEncoder) error {
		o.AddString("verdict", c.verdict.String())
		if c.kind == kindPreflight {
			o.AddInt("status", c.status)
		}
		for _, name := range names {
			if value, ok := c.values[name]; ok {
				o.AddString(name, loggable([]string{value}))
			}
		}
		return nil
	})
}
