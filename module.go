// Package caddycors is a Caddy module that answers cross-origin requests as the Fetch
// standard asks (https://fetch.spec.whatwg.org/#http-cors-protocol): the HTTP handler
// http.handlers.cors and the Caddyfile directive cors.
package caddycors

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler lets pages of other origins read what this server answers (CORS).
//
// It answers preflight requests, and puts exactly one set of CORS headers on every
// other response: on errors, on responses of a proxied backend, and on empty ones.
// What a backend or another handler set of them is replaced.
//
// The policies are tried in order; the first one whose origins match the request
// decides. The first cors handler that a request meets decides; later ones leave it
// alone. In an error route, the decision that was already taken is applied.
//
// A config that is dangerous or cannot work does not load.
type Handler struct {
	// Who may read what. At least one policy is needed.
	Policies []*Policy `json:"policies,omitempty"`

	// Refuse requests of origins that no policy allows with status 403, instead of
	// leaving it to the browser to keep the response from the page. Preflights are
	// refused in any case. Requests of the same origin and requests without an Origin
	// header pass. Default: false.
	Enforce bool `json:"enforce,omitempty"`

	// Decide and log, also where the CORS headers of the response are not what would be
	// written, but change nothing and answer nothing. It decides for itself, whatever
	// other cors handlers do. Default: false.
	ReportOnly bool `json:"report_only,omitempty"`

	// What becomes of the CORS headers that the response already has: `replace`
	// removes them, `keep` lets a response with one Access-Control-Allow-Origin have
	// its own. Default: `replace`.
	UpstreamHeaders string `json:"upstream_headers,omitempty"`

	// Pass preflights on to the next handler, whose status and body are kept, instead
	// of answering them here. Default: false.
	ForwardPreflights bool `json:"forward_preflights,omitempty"`

	// The status of the answer to a preflight whose origin is allowed, from 200 to
	// 299. Default: 204.
	PreflightStatus int `json:"preflight_status,omitempty"`

	policies   *policies
	accessLogs bool // whether the server may have an access log
	logger     *zap.Logger
	sampleKeys [samples]string
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.cors",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision compiles the policies, and loads their sources. The error joins the mistakes in
// the config, each a [*ConfigError], and what sources fail with. Caddy cleans up the sources
// that did load then, too.
func (h *Handler) Provision(ctx caddy.Context) error {
	c := compiler{replacer: caddy.NewReplacer()}
	h.policies = c.compile(h)
	var errs []error
	for _, err := range c.errs {
		errs = append(errs, err)
	}
	for _, p := range h.policies.list {
		errs = append(errs, p.loadSources(ctx)...)
	}
	if err := joinErrors(errs); err != nil {
		return err
	}
	for _, w := range c.warnings {
		ctx.Logger().Warn(w.message, w.fields...)
	}
	if err := h.policies.register(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	h.dropOrigins()
	h.accessLogs = mayHaveAccessLogs(ctx)
	h.logger = ctx.Logger()
	h.sampleKeys = sampleKeys()
	if h.PreflightStatus == 0 {
		h.PreflightStatus = defaultPreflightStatus
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
