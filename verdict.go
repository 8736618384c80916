package caddycors

import (
	"maps"
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

// judge applies the rules of browsers to the response. What no browser asks for is
// blocked.
func (c corsHeaders) judge(r *http.Request) verdict {
	asked := fetch.Asked{
		Origin:      r.Header.Get(headerOrigin),
		Method:      r.Header.Get(headerRequestMethod),
		UnsafeNames: slices.Collect(maps.Keys(nameSet(strings.Join(r.Header[headerRequestHeaders], ",")))),
	}
	response := make(http.Header, len(c.values))
	for name, value := range c.values {
		response[name] = []string{value}
	}
	passes := func(credentials bool) bool {
		asked.Credentials = credentials
		if c.kind != kindPreflight {
			return asked.Check(response) == nil
		}
		return asked.CheckPreflight(c.status, response) == nil
	}
	switch {
	case c.kind == kindPreflight && !asked.ByBrowser():
		return verdictBlocked
	case !passes(false):
		return verdictBlocked
	case !passes(true):
		return verdictAllowed
	}
	return verdictAllowedWithCredentials
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
// once, and without what needs no permission.
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
