package caddycors

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// What becomes of a decision beside the response: it is counted, logged, and told to the
// access log and to placeholders.

const (
	placeholderOutcome = "http.cors.outcome"
	placeholderReason  = "http.cors.reason"
	placeholderPolicy  = "http.cors.policy"

	accessFieldName = "cors"
)

// observe counts and logs the decision of a handler that acts on it, and tells it to the
// access log and to placeholders.
func (h *Handler) observe(d decision, r *http.Request) {
	rec := h.policies.record(d)
	rec.count.Add(1)
	h.log(d, r)
	if repl := replacer(r); repl != nil {
		repl.Map(rec.placeholders)
	}
	h.tellAccessLog(rec, r)
}

// mayHaveAccessLogs reports whether a server of the HTTP app that is loaded has an access
// log. If none has, no request needs to look for its server.
func mayHaveAccessLogs(ctx caddy.Context) bool {
	for _, module := range ctx.Modules() {
		app, ok := module.(*caddyhttp.App)
		if !ok {
			continue
		}
		for _, server := range app.Servers {
			if server.Logs != nil {
				return true
			}
		}
	}
	return false
}

// observeTrial is observe for a handler that only reports. What a handler that acts
// decided about the same request, be it ahead or behind, is told in its place. Requests
// that no policy matched are counted by [Handler.countUnmatched].
func (h *Handler) observeTrial(d decision, r *http.Request) {
	rec := h.policies.record(d)
	if d.policy != nil {
		rec.count.Add(1)
	}
	h.log(d, r)
	repl := replacer(r)
	if repl == nil {
		return
	}
	if _, told := repl.Get(placeholderOutcome); told {
		return
	}
	repl.Map(func(key string) (any, bool) {
		if _, acted := decidedOf(r); acted {
			return nil, false // it is asked next
		}
		return rec.replace(key)
	})
	h.tellAccessLog(rec, r)
}

// countUnmatched counts a request that no policy of a trial matched, once it was handled,
// unless a handler that acts counted it: no policy would tell the two apart.
func (h *Handler) countUnmatched(d decision, r *http.Request) {
	if d.policy != nil {
		return
	}
	_, acted := decidedOf(r)
	counted, _ := caddyhttp.GetVar(r.Context(), countedVar).(bool) // by another trial
	if acted || counted {
		return
	}
	h.policies.record(d).count.Add(1)
	caddyhttp.SetVar(r.Context(), countedVar, true)
}

// countedVar is the request variable that tells trials of one another. Its name is none
// that a config would use.
const countedVar = "{cors counted}"

// replacer returns what replaces the placeholders of a request, or nil.
func replacer(r *http.Request) *caddy.Replacer {
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	return repl
}

// replace returns the value of a placeholder. It is a [caddy.ReplacerFunc].
func (rec *record) replace(key string) (any, bool) {
	switch key {
	case placeholderOutcome:
		return rec.outcome.String(), true
	case placeholderReason:
		return rec.reason.String(), true
	case placeholderPolicy:
		return rec.policy, true
	}
	return nil, false
}

func (rec *record) newAccessField() zap.Field {
	return zap.Dict(accessFieldName,
		zap.Stringer("outcome", rec.outcome), zap.Stringer("reason", rec.reason), zap.String("policy", rec.policy))
}

// tellAccessLog adds the decision to the line that the access log will have of a request
// with an Origin header, if the server has such a log: this allocates. What a handler
// that only reports told before is replaced.
func (h *Handler) tellAccessLog(rec *record, r *http.Request) {
	if !h.accessLogs || rec.kind == kindOther {
		return
	}
	ctx := r.Context()
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); !ok || server.Logs == nil {
		return
	}
	if extra, ok := ctx.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(rec.accessField)
	}
}
