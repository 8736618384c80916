//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The oracle of the load test says what an answer has to be. It is written from the
// README and from the Fetch standard, and calls nothing of the module.

const (
	loadAlways = "https://app.example.com"   // allowed by every generation
	loadEvil   = "https://evil.example.net"  // allowed by those with "*" alone
	loadDev    = "https://x.dev.example.com" // allowed by those with a pattern for it
)

// loadGeneration is what one config says of CORS.
type loadGeneration struct {
	number   int
	policies []loadPolicy
}

// loadPolicy is a policy as a config has it, which is what the oracle reads too.
type loadPolicy struct {
	AllowOrigins     []string `json:"allow_origins"`
	AllowMethods     []string `json:"allow_methods,omitempty"`
	AllowHeaders     []string `json:"allow_headers,omitempty"`
	ExposeHeaders    []string `json:"expose_headers,omitempty"`
	AllowCredentials bool     `json:"allow_credentials,omitempty"`
	MaxAge           string   `json:"max_age,omitempty"`
}

// loadOrigin is an origin that only one generation names.
func loadOrigin(generation int) string {
	return fmt.Sprintf("https://g%d.example.org", generation)
}

// newLoadGeneration returns a generation unlike the ones around it: each differs in
// every option, and all that it grants can be told from what others do.
func newLoadGeneration(number int) loadGeneration {
	own := loadPolicy{
		AllowOrigins:  []string{loadAlways, loadOrigin(number)},
		ExposeHeaders: []string{fmt.Sprintf("X-Gen-%d", number)},
		MaxAge:        fmt.Sprintf("%ds", 100+number%1000),
	}
	policies := []loadPolicy{own}
	switch p := &policies[0]; number % 5 {
	case 0: // the defaults
	case 1:
		p.AllowCredentials = true
		p.AllowMethods, p.AllowHeaders = []string{"*"}, []string{"*"}
	case 2:
		p.AllowOrigins = []string{"*"}
	case 3:
		p.AllowCredentials = true
		p.AllowMethods = []string{"PUT", fmt.Sprintf("M%d", number)}
		p.AllowHeaders = []string{"Content-Type", fmt.Sprintf("X-H%d", number)}
		policies = append(policies, loadPolicy{
			AllowOrigins:  []string{"*"},
			AllowMethods:  []string{"GET"},
			AllowHeaders:  []string{"none"},
			ExposeHeaders: []string{fmt.Sprintf("X-All-%d", number)},
			MaxAge:        "off",
		})
	case 4:
		p.AllowOrigins = append(p.AllowOrigins, "https://*.dev.example.com")
		p.AllowMethods, p.AllowHeaders = []string{"*"}, []string{"*"}
	}
	return loadGeneration{number, policies}
}

// preflightStatus is the status of the answer to an allowed preflight.
func (g loadGeneration) preflightStatus() int { return http.StatusOK + g.number%2*4 }

// loadAnswer is what of an answer the oracle knows.
type loadAnswer struct {
	statuses []int
	grants   []string // field lines without "Access-Control-", sorted
	vary     []string // names in lower case, sorted
	size     int      // of the body, or -1
}

// prescribe returns the answer of a generation to a request. A backend that dies and
// comes back makes two statuses right; which of them it was decides on the rest.
func (g loadGeneration) prescribe(r *loadRequest, status int) loadAnswer {
	if r.path == "/report" {
		return r.withoutModule(status)
	}
	p := g.policyFor(r)
	_, sent := r.header["Origin"]
	preflight := r.isPreflight()
	forward := r.path == "/forward"
	if sent && p == nil && (preflight && !forward || !preflight && r.path == "/enforced" && !r.sameOrigin) {
		return loadAnswer{statuses: []int{http.StatusForbidden}, vary: []string{"origin"}, size: -1}
	}
	if preflight && !forward {
		return loadAnswer{statuses: []int{g.preflightStatus()}, grants: p.preflightGrants(r), vary: g.vary(nil, p.preflightVary())}
	}

	a := r.withoutModule(status)
	switch {
	case r.path == "/keep" && a.grants != nil:
		a.vary = union(a.vary, []string{"origin"}) // all else stands
	case preflight && p != nil:
		a.grants, a.vary = p.preflightGrants(r), g.vary(a.vary, p.preflightVary())
	default:
		if !sent && g.open() {
			p = &g.policies[0]
		}
		a.grants, a.vary = p.grants(r), g.vary(a.vary, []string{"origin"})
	}
	return a
}

// open reports whether nothing depends on the origin.
func (g loadGeneration) open() bool { return len(g.policies) == 1 && g.policies[0].open() }

func (g loadGeneration) vary(names, more []string) []string {
	if g.open() {
		return names
	}
	return union(names, more)
}

// policyFor returns the first policy whose origins match, or nil.
func (g loadGeneration) policyFor(r *loadRequest) *loadPolicy {
	lines, sent := r.header["Origin"]
	for i := range g.policies {
		if p := &g.policies[i]; sent && (p.open() || !r.malformed && p.lists(lines[0])) {
			return p
		}
	}
	return nil
}

func (p *loadPolicy) open() bool { return p.AllowOrigins[0] == "*" }

func (p *loadPolicy) lists(origin string) bool {
	wildcard := p.AllowOrigins[len(p.AllowOrigins)-1] == "https://*.dev.example.com"
	return slices.Contains(p.AllowOrigins, origin) || origin == loadDev && wildcard
}

// grants returns the lines of an answer that is none to a preflight.
func (p *loadPolicy) grants(r *loadRequest) []string {
	if p == nil {
		return nil
	}
	origin := "*"
	if !p.open() {
		origin = r.header["Origin"][0]
	}
	lines := []string{"Allow-Origin: " + origin}
	if p.AllowCredentials {
		lines = append(lines, "Allow-Credentials: true")
	}
	lines = append(lines, "Expose-Headers: "+strings.Join(p.ExposeHeaders, ", "))
	slices.Sort(lines)
	return lines
}

// preflightGrants returns the lines of the answer to a preflight: the lists of the
// policy, or where "*" is no wildcard what was asked for.
func (p *loadPolicy) preflightGrants(r *loadRequest) []string {
	methods, headers := p.AllowMethods, p.AllowHeaders
	if methods == nil {
		methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
	}
	if headers == nil {
		headers = []string{"*", "Authorization"}
	}
	grants := map[string]string{
		"Allow-Methods": strings.Join(methods, ", "),
		"Allow-Headers": strings.TrimSuffix(strings.Join(headers, ", "), "none"),
		"Max-Age":       strings.TrimSuffix(strings.Replace(p.MaxAge, "off", "0", 1), "s"),
	}
	if p.AllowCredentials && methods[0] == "*" {
		grants["Allow-Methods"] = strings.Join(r.allowedByWildcard(r.header["Access-Control-Request-Method"], "TRACE"), ",")
	}
	if p.AllowCredentials && headers[0] == "*" {
		grants["Allow-Headers"] = strings.ToLower(strings.Join(r.allowedByWildcard(r.requestedHeaders(), "Authorization"), ","))
	}
	lines := p.grants(r)
	for name, value := range grants {
		if value != "" {
			lines = append(lines, name+": "+value)
		}
	}
	slices.Sort(lines)
	return lines
}

// preflightVary returns what the answer to a preflight depends on.
func (p *loadPolicy) preflightVary() []string {
	names := []string{"origin"}
	if p.AllowCredentials && p.AllowMethods[0] == "*" {
		names = append(names, "access-control-request-headers", "access-control-request-method")
	}
	slices.Sort(names)
	return names
}

// union merges two sorted lists of names.
func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// isPreflight reports whether a browser's fetch would send this as a preflight (Fetch,
// "CORS-preflight request").
func (r *loadRequest) isPreflight() bool {
	return r.method == http.MethodOptions && r.header["Origin"] != nil && r.header["Access-Control-Request-Method"] != nil
}

// requestedHeaders returns the names in Access-Control-Request-Headers, without the
// empty items that lists may have, or none if there are more than 16 of these (RFC 9110,
// section 5.6.1.2).
func (r *loadRequest) requestedHeaders() []string {
	list := strings.ReplaceAll(strings.Join(r.header["Access-Control-Request-Headers"], ","), " ", "")
	names := slices.DeleteFunc(strings.Split(list, ","), func(item string) bool { return item == "" })
	if strings.Count(list, ",")+1-len(names) > 16 {
		return nil
	}
	return names
}

// allowedByWildcard returns names if "*" allows them all, and none if one of them is
// not covered, or is no token: the load has no others than those with "[".
func (*loadRequest) allowedByWildcard(names []string, uncovered string) []string {
	for _, name := range names {
		if strings.EqualFold(name, uncovered) || strings.Contains(name, "[") {
			return nil
		}
	}
	return names
}
