package caddycors

import (
	"net/http"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// Kind says what a request is to CORS.
type Kind uint8

const (
	// KindOther is a request without an Origin header.
	KindOther Kind = iota
	// KindActual is a request with an Origin header that is no preflight.
	KindActual
	// KindPreflight is a request by which a browser asks whether it may send another
	// one: OPTIONS with Origin and Access-Control-Request-Method (Fetch,
	// "CORS-preflight request").
	KindPreflight
)

// String returns the kind as logs have it.
func (k Kind) String() string { return [...]string{"other", "actual", "preflight"}[k] }

// Outcome is what was decided of a request.
type Outcome uint8

const (
	// OutcomeNotCORS is that of a request without an Origin header.
	OutcomeNotCORS Outcome = iota
	// OutcomeSameOrigin is that of a request of this server's own pages.
	OutcomeSameOrigin
	// OutcomeAllowed means that a policy allows the request.
	OutcomeAllowed
	// OutcomeDenied means that the browser will keep the response from the page.
	OutcomeDenied
)

// String returns the outcome as logs have it.
func (o Outcome) String() string {
	return [...]string{"not_cors", "same_origin", "allowed", "denied"}[o]
}

// Reason says why a request was denied.
type Reason uint8

const (
	// ReasonNone is that of every outcome but [OutcomeDenied].
	ReasonNone Reason = iota
	// ReasonOriginNotAllowed means that no policy allows the origin.
	ReasonOriginNotAllowed
	// ReasonOriginMalformed means that no browser sends such an Origin header, and
	// that no policy allows every origin.
	ReasonOriginMalformed
	// ReasonMethodNotAllowed means that the origin's policy does not allow the method
	// that a preflight asks for.
	ReasonMethodNotAllowed
	// ReasonHeaderNotAllowed means that the origin's policy does not allow a request
	// header that a preflight asks for, or that their list is malformed.
	ReasonHeaderNotAllowed
)

// String returns the reason as logs have it; [ReasonNone] is empty.
func (r Reason) String() string {
	return [...]string{"", "origin_not_allowed", "origin_malformed", "method_not_allowed", "header_not_allowed"}[r]
}

// Decision is what the policies of a handler say of one request. All else that the
// module does about the request follows from it.
type Decision struct {
	Kind    Kind
	Outcome Outcome
	Reason  Reason

	policy *policy // nil if none matched
	origin string  // the request's, if a policy matched and it is well-formed
}

// Policy returns the name of the policy that decided, or "" if none did.
func (d Decision) Policy() string {
	if d.policy == nil {
		return ""
	}
	return d.policy.name
}

// decide applies the policies to a request. It writes nothing, and its time and
// memory are bounded by the size of the request's header.
func (ps *policies) decide(r *http.Request) Decision {
	lines := r.Header[headerOrigin]
	if len(lines) == 0 {
		return Decision{Kind: KindOther, Outcome: OutcomeNotCORS}
	}
	kind := KindActual
	if isPreflight(r) {
		kind = KindPreflight
	}
	var o origin.Origin
	wellFormed := false
	if len(lines) == 1 { // several are no header that a browser sends
		o, wellFormed = origin.Parse(lines[0])
	}

	for _, p := range ps.list {
		if !p.matches(o, wellFormed) {
			continue
		}
		d := Decision{Kind: kind, Outcome: OutcomeAllowed, policy: p, origin: o.String()}
		if kind == KindPreflight {
			d.Reason = p.preflightReason(r)
		}
		if d.Reason != ReasonNone {
			d.Outcome = OutcomeDenied
		}
		return d
	}

	switch {
	case kind != KindPreflight && sameOrigin(r, o, wellFormed):
		return Decision{Kind: kind, Outcome: OutcomeSameOrigin}
	case !wellFormed:
		return Decision{Kind: kind, Outcome: OutcomeDenied, Reason: ReasonOriginMalformed}
	}
	return Decision{Kind: kind, Outcome: OutcomeDenied, Reason: ReasonOriginNotAllowed}
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
func (p *policy) preflightReason(r *http.Request) Reason {
	if methods := r.Header[headerRequestMethod]; len(methods) != 1 || !p.allowsMethod(methods[0]) {
		return ReasonMethodNotAllowed
	}
	if !p.allowsHeaders(r.Header[headerRequestHeaders]) {
		return ReasonHeaderNotAllowed
	}
	return ReasonNone
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
