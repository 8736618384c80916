package fetch

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Names of response headers, in canonical form.
const (
	allowOrigin      = "Access-Control-Allow-Origin"
	allowCredentials = "Access-Control-Allow-Credentials"
	allowMethods     = "Access-Control-Allow-Methods"
	allowHeaders     = "Access-Control-Allow-Headers"
	exposeHeaders    = "Access-Control-Expose-Headers"
	maxAge           = "Access-Control-Max-Age"
	location         = "Location"
	vary             = "Vary"
)

// authorization is the only CORS non-wildcard request-header name, in lower case.
const authorization = "authorization"

// wildcard is every origin, method or header name, in requests without credentials.
const wildcard = "*"

// Asked is what a page's request asks of the server.
type Asked struct {
	Origin      string   // as the request's Origin header has it
	Method      string   // as the browser sends it
	UnsafeNames []string // of its headers, as [UnsafeNames] returns them
	Credentials bool     // whether the credentials mode is "include"
	Upload      bool     // whether the use-CORS-preflight flag is set
}

// NeedsPreflight reports whether a browser asks for permission before it sends the request
// (Fetch, main fetch, step 12).
func (a Asked) NeedsPreflight() bool {
	return !IsSafelistedMethod(a.Method) || len(a.UnsafeNames) > 0 || a.Upload
}

// ByBrowser reports whether a browser can ask for this: a script can send the method,
// and the names are names.
func (a Asked) ByBrowser() bool {
	return IsToken(a.Method) && !IsForbiddenMethod(a.Method) &&
		!slices.ContainsFunc(a.UnsafeNames, func(name string) bool { return !IsToken(name) })
}

// Check is the "CORS check" of the Fetch standard. It returns nil if the response
// passes.
func (a Asked) Check(response http.Header) *Block {
	lines := response[allowOrigin]
	value := strings.Join(lines, ", ")
	switch {
	case len(lines) == 0:
		return &Block{Rule: RuleAllowOriginMissing}
	case value == wildcard && !a.Credentials:
		return nil
	case value == wildcard:
		return &Block{Rule: RuleAllowOriginWildcard, Value: value, Lines: 1}
	case value != a.Origin && strings.ContainsAny(value, ", "):
		return &Block{Rule: RuleAllowOriginSeveral, Value: value, Lines: len(lines)}
	case value != a.Origin:
		return &Block{Rule: RuleAllowOriginMismatch, Value: value, Lines: len(lines)}
	case !a.Credentials:
		return nil
	}
	lines = response[allowCredentials]
	if value = strings.Join(lines, ", "); value != "true" {
		return &Block{Rule: RuleAllowCredentials, Value: value, Lines: len(lines)}
	}
	return nil
}

// CheckPreflight tests the answer to a preflight (Fetch, CORS-preflight fetch, steps 7
// and 8). It returns nil if the browser sends the request.
func (a Asked) CheckPreflight(status int, response http.Header) *Block {
	block := a.checkPreflight(status, response)
	if block != nil {
		block.Preflight, block.Status, block.Location = true, status, redirectTo(status, response)
	}
	return block
}

// checkPreflight looks for a redirect first: it fails whatever else the answer has, and
// then says most.
func (a Asked) checkPreflight(status int, response http.Header) *Block {
	if isRedirect(status) {
		block := newBlock(RulePreflightRedirect, response, location, "")
		block.NoAllowOrigin = len(response[allowOrigin]) == 0
		return block
	}
	if block := a.Check(response); block != nil {
		return block
	}
	if status < 200 || status > 299 {
		return &Block{Rule: RulePreflightStatus}
	}
	// Steps 7.4 and 7.5: an upload needs no list of methods.
	method, anyMethod := IsSafelistedMethod(a.Method) || a.Upload && len(response[allowMethods]) == 0, false
	if !eachItem(response[allowMethods], func(item string) {
		method = method || item == a.Method
		anyMethod = anyMethod || item == wildcard
	}) {
		return newBlock(RuleAllowMethodsMalformed, response, allowMethods, "")
	}
	names := make(map[string]bool)
	if !eachItem(response[allowHeaders], func(item string) { names[strings.ToLower(item)] = true }) {
		return newBlock(RuleAllowHeadersMalformed, response, allowHeaders, "")
	}
	if !method && (a.Credentials || !anyMethod) {
		return newBlock(RuleAllowMethods, response, allowMethods, a.Method)
	}
	return a.checkNames(names, response)
}

// checkNames is steps 7.6 and 7.7.
func (a Asked) checkNames(granted map[string]bool, response http.Header) *Block {
	anyName := granted[wildcard] && !a.Credentials
	if slices.Contains(a.UnsafeNames, authorization) && !granted[authorization] {
		rule := RuleAllowHeaders
		if anyName {
			rule = RuleAllowHeadersAuthorization
		}
		return newBlock(rule, response, allowHeaders, authorization)
	}
	for _, name := range a.UnsafeNames {
		if !granted[name] && !anyName {
			return newBlock(RuleAllowHeaders, response, allowHeaders, name)
		}
	}
	return nil
}

// newBlock returns a block of a rule about a response header.
func newBlock(rule Rule, response http.Header, name, subject string) *Block {
	lines := response[name]
	return &Block{Rule: rule, Value: strings.Join(lines, ", "), Lines: len(lines), Subject: subject}
}

// redirectTo returns the Location of a redirect.
func redirectTo(status int, response http.Header) string {
	if !isRedirect(status) {
		return ""
	}
	return strings.Join(response[location], ", ")
}

// isRedirect reports whether status is a redirect status.
func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// eachItem calls visit for each item of a header that lists tokens, in all of its lines,
// and reports whether the header is well-formed (Fetch, "extract header list values").
// Empty items are left out (RFC 9110, section 5.6.1.2).
func eachItem(lines []string, visit func(item string)) (wellFormed bool) {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			switch item = strings.Trim(item, " \t"); {
			case item == "":
			case !IsToken(item):
				return false
			default:
				visit(item)
			}
		}
	}
	return true
}

// Seconds for which browsers remember a preflight.
const (
	defaultMaxAge = 5
	maxMaxAge     = 1 << 31 // what is more is cut anyway
)

// MaxAge returns for how many seconds the answer to a preflight may be remembered
// before an engine applies its cap, and whether the response says so (Fetch,
// CORS-preflight fetch, steps 7.8 and 7.9).
func MaxAge(response http.Header) (seconds int, said bool) {
	lines := response[maxAge]
	if len(lines) != 1 || lines[0] == "" || !isDigits(lines[0]) {
		return defaultMaxAge, false
	}
	n, err := strconv.Atoi(lines[0])
	if err != nil || n > maxMaxAge {
		n = maxMaxAge
	}
	return n, true
}

// exposedNames returns whether a page can read the response header of a name (Fetch, main
// fetch, step 14.1, and "CORS-safelisted response-header name").
func exposedNames(response http.Header, credentials bool) func(name string) bool {
	names := make(map[string]bool)
	if !eachItem(response[exposeHeaders], func(item string) { names[strings.ToLower(item)] = true }) {
		clear(names)
	}
	all := names[wildcard] && !credentials
	return func(name string) bool {
		return !IsForbiddenResponseHeader(name) && (all || names[strings.ToLower(name)] || IsSafelistedResponseHeader(name))
	}
}
