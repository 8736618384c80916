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

// answer is what a response says to the page of another origin that asked.
type answer struct {
	kind    requestKind
	status  int
	values  map[string]string // of CORS headers, by canonical name; lines are joined
	verdict verdict
}

func newAnswer(d decision, r *http.Request, status int, header http.Header) answer {
	a := answer{kind: d.kind, status: status, values: make(map[string]string)}
	for name, lines := range header {
		if isCORSResponseHeader(name) && len(lines) > 0 {
			name = http.CanonicalHeaderKey(name)
			if before, ok := a.values[name]; ok {
				lines = append([]string{before}, lines...)
			}
			a.values[name] = strings.Join(lines, ", ")
		}
	}
	a.verdict = a.judge(r)
	return a
}

// judge is the CORS check of the Fetch standard, and for a preflight the rest of
// CORS-preflight fetch, steps 7.1 to 7.7.
func (a answer) judge(r *http.Request) verdict {
	origin, allowed := r.Header.Get(headerOrigin), a.values[headerAllowOrigin]
	switch {
	case allowed == origin && a.values[headerAllowCredentials] == "true" && a.passes(r, true):
		return verdictAllowedWithCredentials
	case (allowed == origin || allowed == "*") && a.passes(r, false):
		return verdictAllowed
	}
	return verdictBlocked
}

// passes reports whether a preflight for a request with credentials, or without, goes
// on after the CORS check. Any other request does.
func (a answer) passes(r *http.Request, credentials bool) bool {
	if a.kind != kindPreflight {
		return true
	}
	methods, headers := a.values[headerAllowMethods], a.values[headerAllowHeaders]
	if a.status < 200 || a.status > 299 || !isTokenList(methods) || !isTokenList(headers) {
		return false
	}
	method := r.Header.Get(headerRequestMethod)
	wild := !credentials && containsItem(methods, "*")
	if !wild && !fetch.IsSafelistedMethod(method) && !slices.Contains(slices.Collect(listItems(methods)), method) {
		return false
	}
	for _, line := range r.Header[headerRequestHeaders] {
		for name := range listItems(line) {
			wild := !credentials && containsItem(headers, "*") && !strings.EqualFold(name, headerAuthorization)
			if !wild && !containsItem(headers, name) {
				return false
			}
		}
	}
	return true
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

// exposes reports whether a exposes all that b does.
func (a answer) exposes(b answer) bool {
	mine := a.values[headerExposeHeaders]
	for name := range listItems(b.values[headerExposeHeaders]) {
		wild := a.verdict != verdictAllowedWithCredentials && containsItem(mine, "*")
		if !wild && !containsItem(mine, name) {
			return false
		}
	}
	return true
}

// statusName stands for the status among the names of headers.
const statusName = "status"

// differences returns the names of the headers that are not the same in two answers, of
// those that browsers read; "status" if it is that alone.
func (a answer) differences(b answer) (names []string) {
	read := []string{headerAllowOrigin, headerAllowCredentials, headerExposeHeaders}
	if a.kind == kindPreflight {
		read = []string{headerAllowOrigin, headerAllowCredentials, headerAllowMethods, headerAllowHeaders, headerMaxAge}
	}
	for _, name := range read {
		if sameForm(name, a.values[name]) != sameForm(name, b.values[name]) {
			names = append(names, name)
		}
	}
	if len(names) == 0 && a.verdict != b.verdict {
		names = append(names, statusName)
	}
	return names
}

// sameForm brings lists that say the same to one form: in order, each item once, and
// without the methods that need no leave.
func sameForm(name, value string) string {
	switch name {
	case headerAllowOrigin, headerAllowCredentials, headerMaxAge:
		return value
	case headerAllowHeaders, headerExposeHeaders:
		value = strings.ToLower(value)
	}
	items := slices.Sorted(listItems(value))
	if name == headerAllowMethods {
		items = slices.DeleteFunc(items, fetch.IsSafelistedMethod)
	}
	return strings.Join(slices.Compact(items), ",")
}

// loggable returns the answer as logs have it, with the headers of these names.
func (a answer) loggable(names []string) zapcore.ObjectMarshaler {
	return zapcore.ObjectMarshalerFunc(func(o zapcore.ObjectEncoder) error {
		o.AddString("verdict", a.verdict.String())
		if a.kind == kindPreflight {
			o.AddInt(statusName, a.status)
		}
		for _, name := range names {
			if value, ok := a.values[name]; ok {
				o.AddString(name, loggable([]string{value}))
			}
		}
		return nil
	})
}
