package caddycors

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// decidedVar is the request variable that holds the [responseWriter] of the handler
// that decided. Its name is none that a config would use.
const decidedVar = "{cors}"

// ServeHTTP decides about the request, then answers it if it is a preflight, or
// applies the decision to what the next handler writes.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.ReportOnly {
		return h.report(w, r, next)
	}
	if decided, ok := caddyhttp.GetVar(r.Context(), decidedVar).(*responseWriter); ok {
		if writerAhead(w) != nil {
			return next.ServeHTTP(w, r)
		}
		return decided.again(w).serve(r, next)
	}

	d := h.policies.decide(r)
	h.observe(d, r)
	switch {
	case d.kind == kindPreflight && !h.ForwardPreflights:
		h.answerPreflight(w, r, d)
		return nil
	case d.kind == kindActual && d.outcome == outcomeDenied && h.Enforce:
		refuse(w, d)
		return nil
	}
	rw := h.newResponseWriter(w, r, d)
	caddyhttp.SetVar(r.Context(), decidedVar, rw)
	return rw.serve(r, next)
}
