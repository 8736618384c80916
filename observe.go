package caddycors

import "net/http"

// observe counts and logs a decision.
func (h *Handler) observe(d decision, r *http.Request) {
	h.policies.record(d).count.Add(1)
	h.log(d, r)
}
