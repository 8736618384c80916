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
	preflight *forwarded // of a preflight that is passed on, else nil
}

// decidedOf returns what a handler that acts on it decided about a request.
func decidedOf(r *http.Request) (*decided, bool) {
	d, ok := requestVars(r)[decidedVar].(*decided)
	return d, ok
}

// requestVars returns the variables of a request. A request that Caddy serves has some;
// to look for them takes a walk over its context, so that it is done once.
func requestVars(r *http.Request) map[string]any {
	vars, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	if !ok {
		return make(map[string]any)
	}
	return vars
}

// ServeHTTP decides about the request, then answers it if it is a preflight, or
// applies the decision to what the next handler writes.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.ReportOnly {
		return h.report(w, r, next)
	}
	vars := requestVars(r)
	d, ok := vars[decidedVar].(*decided)
	switch {
	case !ok:
		d := decided{handler: h, decision: h.policies.decide(r)}
		h.observe(d.decision, r)
		return d.serve(w, r, next, vars)
	case writerAhead(w) != nil:
		return next.ServeHTTP(w, r) // the decision will be applied there
	}
	// This is another response to the request, which is not written to the first one:
	// that of an error route, or of a handler ahead that did not take the first. What
	// was set for that one goes, as it would pass for a backend's.
	fields(nil).removeOthers(w.Header(), false)
	return d.serve(w, r, next, vars)
}

// serve does what was decided, and lets later cors handlers know by the variables of the
// request.
func (d decided) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, vars map[string]any) error {
	if d.handler.answers(d.decision) {
		a := &answer{decided: d}
		vars[decidedVar] = &a.decided
		a.write(w, r)
		return nil
	}
	rw := newResponseWriter(w, r, d)
	vars[decidedVar] = &rw.decided
	return rw.serve(r, next)
}

// answers reports whether the handler answers a request itself, so that the next one
// never gets it.
func (h *Handler) answers(d decision) bool {
	if d.kind == kindPreflight {
		return !h.ForwardPreflights
	}
	return d.kind == kindActual && d.outcome == outcomeDenied && h.Enforce
}
