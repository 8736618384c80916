package caddycors

import (
	"net/http"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// requestKind says what a request is to CORS.
type requestKind uint8

const (
	// kindOther is a request without an Origin header.
	kindOther requestKind = iota
	// kindActual is a request with an Origin header that is no preflight.
	kindActual
	// kindPreflight is a request by which a browser asks whether it may send another
	// one: OPTIONS with Origin and Access-Control-Request-Method (Fetch,
	// "CORS-preflight request").
	kindPreflight

	kinds = iota // how many there are
)

// String returns the kind as logs have it.
func (k requestKind) String() string { return [...]string{"other", "actual", "preflight"}[k] }

// outcome is what was decided of a request.
type outcome uint8

const (
	// outcomeNotCORS is that of a request without an Origin header.
	outcomeNotCORS outcome = iota
	// outcomeSameOrigin is that of a request of this server's own pages.
	outcomeSameOrigin
	// outcomeAllowed means that a policy allows the request.
	outcomeAllowed
	// outcomeDenied means that the browser will keep the response from the page.
	outcomeDenied
)

// String returns the outcome as logs have it.
func (o outcome) String() string {
	return [...]string{"not_cors", "same_origin", "allowed", "denied"}[o]
}

// denyReason says why a request was denied.
type denyReason uint8

const (
	// reasonNone is that of every outcome but [outcomeDenied].
	reasonNone denyReason = iota
	// reasonOriginNotAllowed means that no policy allows the origin.
	reasonOriginNotAllowed
	// reasonOriginMalformed means that no browser sends such an Origin header, and
	// that no policy allows every origin.
	reasonOriginMalformed
	// reasonMethodNotAllowed means that the origin's policy does not allow the method
	// that a preflight asks for.
	reasonMethodNotAllowed
	// reasonHeaderNotAllowed means that the origin's policy does not allow a request
	// header that a preflight asks for, or that their list is malformed.
	reasonHeaderNotAllowed

	reasons // how many there are
)

// String returns the reason as logs have it; [reasonNone] is empty.
func (r denyReason) String() string {
	return [...]string{"", "origin_not_allowed", "origin_malformed", "method_not_allowed", "header_not_allowed"}[r]
}

// decision is what the policies of a handler say of one request. All else that the
// module does about the request follows from it.
type decision struct {
	kind    requestKind
	outcome outcome
	reason  denyReason

	// withheld means that credentials are not granted: [WithholdCredentials]. It is the
	// only part that is not decided by the policies.
	withheld bool

	policy *policy // nil if none matched
	origin string  // the one that it grants, which is well-formed; "" if it is "*" or none
}

// policyName returns the name of the policy that decided, or "" if none did.
func (d decision) policyName() string {
	if d.policy == nil {
		return ""
	}
	return d.policy.name
}

// decide applies the policies to a request. It writes nothing, and its time and
// memory are bounded by the size of the request's header.
func (ps *policies) decide(r *http.Request) decision {
	sent, ok := requestOrigin(r)
	if !ok {
		return decision{kind: kindOther, outcome: outcomeNotCORS}
	}
	kind := kindActual
	if isPreflight(r) {
		kind = kindPreflight
	}

	for _, p := range ps.list {
		if !p.matches(r, &sent) {
			continue
		}
		d := decision{kind: kind, outcome: outcomeAllowed, policy: p}
		if !p.grantsAll() {
			d.origin = sent.String()
		}
		if kind == kindPreflight {
			d.reason = p.preflightReason(r)
		}
		if d.reason != reasonNone {
			d.outcome = outcomeDenied
		}
		return d
	}

	o, wellFormed := sent.Origin()
	switch {
	case kind != kindPreflight && sameOrigin(r, o, wellFormed):
		return decision{kind: kind, outcome: outcomeSameOrigin}
	case !wellFormed:
		return decision{kind: kind, outcome: outcomeDenied, reason: reasonOriginMalformed}
	}
	return decision{kind: kind, outcome: outcomeDenied, reason: reasonOriginNotAllowed}
}

// requestOrigin returns the origin that a request sends, and whether it has an Origin
// header at all. Several lines are not what a browser sends; together they are malformed,
// as one that is empty.
func requestOrigin(r *http.Request) (sent origin.Sent, ok bool) {
	lines := r.Header[headerOrigin]
	if len(lines) == 1 {
		sent = origin.NewSent(lines[0])
	}
	return sent, len(lines) > 0
}

// isPreflight reports whether a request with an Origin header is a CORS-preflight
// request. An OPTIONS that asks for no method is one that a script sent, or another
// protocol's.
func isPreflight(r *http.Request) bool {
	if r.Method != http.MethodOptions {
		return false
	}
	_, ok := r.Header[headerRequestMethod]
	return ok
}

// preflightReason tests a preflight's method, then its headers (Fetch, CORS-preflight
// fetch, steps 7.5 to 7.7).
func (p *policy) preflightReason(r *http.Request) denyReason {
	if methods := r.Header[headerRequestMethod]; len(methods) != 1 || !p.allowsMethod(methods[0]) {
		return reasonMethodNotAllowed
	}
	if !p.allowsHeaders(r.Header[headerRequestHeaders]) {
		return reasonHeaderNotAllowed
	}
	return reasonNone
}

// sameOrigin reports whether a request comes from this server's own pages, which send
// an Origin header with all methods but GET and HEAD. Browsers say so in
// Sec-Fetch-Site, which no script can set; over plain HTTP they leave it out, and the
// Host header tells. Schemes are not compared, as TLS may end ahead of this server.
func sameOrigin(r *http.Request, o origin.Origin, wellFormed bool) bool {
	if site, ok := r.Header[headerSecFetchSite]; ok {
		return len(site) == 1 && site[0] == "same-origin"
	}
	if !wellFormed || o.Opaque() {
		return false
	}
	host := r.Host
	if port := origin.DefaultPort(o.Scheme()); port != "" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return strings.EqualFold(o.Authority(), host)
}
