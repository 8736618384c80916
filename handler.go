package caddycors

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// decidedVar is the request variable that holds what was decided, as a [*decided]. Its
// name is none that a config would use.
const decidedVar = "{cors}"

// decided is a decision, and the handler that took it and acts on it.
type decided struct {
	handler   *Handler
	decision  decision
	preflight *preflightGrant // of a preflight that is passed on, else nil
}

// decidedOf returns what a handler that acts on it decided about a request.
func decidedOf(r *http.Request) (*decided, bool) {
	d, ok := caddyhttp.GetVar(r.Context(), decidedVar).(*decided)
	return d, ok
}

// ServeHTTP decides about the request, then answers it if it is a preflight, or
// applies the decision to what the next handler writes.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.ReportOnly {
		return h.report(w, r, next)
	}
	d, ok := decidedOf(r)
	switch {
	case !ok:
		d := decided{handler: h, decision: h.policies.decide(r)}
		h.observe(d.decision, r)
		return d.serve(w, r, next)
	case writerAhead(w) != nil:
		return next.ServeHTTP(w, r) // the decision will be applied there
	}
	// This is another response to the request, which is not written to the first one:
	// that of an error route, or of a handler ahead that did not take the first. What
	// was set for that one goes, as it would pass for a backend's.
	fields(nil).removeOthers(w.Header(), false)
	return d.serve(w, r, next)
}

// serve does what was decided, and lets later cors handlers know.
func (d decided) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	kind, denied := d.decision.kind, d.decision.outcome == outcomeDenied
	if kind == kindPreflight && !d.handler.ForwardPreflights || kind == kindActual && denied && d.handler.Enforce {
		a := &answer{decided: d}
		caddyhttp.SetVar(r.Context(), decidedVar, &a.decided)
		a.write(w, r)
		return nil
	}
	rw := newResponseWriter(w, r, d)
	caddyhttp.SetVar(r.Context(), decidedVar, &rw.decided)
	return rw.serve(r, next)
}
