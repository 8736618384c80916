package caddycors

import "net/http"

// What handlers behind a cors handler may ask it about a request.

// AllowedBy returns the name of the policy by which a cors handler ahead lets a page read
// the response to a request. It reports false if there is no such handler, none but with
// report_only, if it denied the request, or if that is a preflight, has no Origin, or was
// let pass because it is same-origin.
func AllowedBy(r *http.Request) (policy string, ok bool) {
	d, ok := decidedOf(r)
	if !ok || d.decision.kind != kindActual || d.decision.outcome != outcomeAllowed {
		return "", false
	}
	return d.decision.policyName(), true
}

// WithholdCredentials makes a cors handler ahead leave Access-Control-Allow-Credentials off
// the response to a request, whatever its policy says, so that browsers keep the response
// from pages that send credentials. It comes too late once the header is written. It reports
// false if there is no such handler, or none but with report_only.
func WithholdCredentials(r *http.Request) bool {
	d, ok := decidedOf(r)
	if ok {
		d.decision.withheld = true
	}
	return ok
}
