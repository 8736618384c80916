package corsproxy

import (
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler fetches URLs of other servers for pages: of those that the config names, and that
// send no CORS headers themselves. A request asks for one as `/?url=<percent-encoded URL>`,
// `/?https://...` or `/https://...`.
//
// A `cors` handler has to stand ahead of it, whose policies say which origins' pages may read.
// Requests that none of them allows are refused, and so are those without an `Origin`, with
// the origin `null`, and navigations.
//
// Cookies, `Origin`, `Referer` and the like do not reach the targets, nor do their cookies and
// policies reach the browser. Connections are made to public addresses alone, which are
// checked as they are dialled, and every redirect is checked as the first URL was.
type Handler struct {
	// What may be fetched: origins and patterns of origins, as in the `allow_origins` of
	// `cors`, each with a path or without: `https://api.example`, `https://*.example.org/v2/*`.
	// `/v2` is that path and what is below it, `/v2/*` what is below it. The port is the
	// scheme's default unless one is written. A pattern that has servers of strangers, as
	// `https://*` or `https://*.github.io`, does not load. Placeholders `{env.*}`, `{file.*}`
	// and `{system.*}` may stand for one or several targets.
	Targets []string `json:"targets,omitempty"`

	// Header fields that are added to requests of some targets: keys that pages do not get to
	// see. They are not sent where a redirect leads to another origin.
	HeaderUp []HeaderUp `json:"header_up,omitempty"`

	// The targets that get the `Authorization` of the page's request. Default: none.
	ForwardAuthorization []string `json:"forward_authorization,omitempty"`

	// The methods that may be used. Default: GET and HEAD.
	Methods []string `json:"methods,omitempty"`

	// The longest body of a request, in bytes. Default: 1000000.
	MaxBody int64 `json:"max_body,omitempty"`

	// The longest body of a response, in bytes, as the page gets it. A longer one ends with an
	// error. Default: 10000000.
	MaxResponse int64 `json:"max_response,omitempty"`

	// How long a request may take, with its redirects and its response. Default: 10s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How many redirects are followed, of GET and HEAD. Default: 3.
	Redirects *int `json:"redirects,omitempty"`

	// How long responses are kept, at most, to answer other requests by. Kept is what any cache
	// may that clients share, as far as the target says for how long: responses to GET with the
	// status 200, asked for without credentials and without headers that a page needs permission
	// for. Up to 64 MiB of them are kept in memory, each of up to 1 MiB, until the config is
	// loaded anew. Default: none.
	Cache caddy.Duration `json:"cache,omitempty"`

	// How many requests of one client, which is an IPv4 address or an IPv6 network of 64 bits,
	// may be under way. Default: 20.
	MaxPerClient int `json:"max_per_client,omitempty"`

	// How many requests to one origin may be under way. Default: 100.
	MaxPerTarget int `json:"max_per_target,omitempty"`

	// Networks, as `10.1.0.0/16`, whose addresses may be connected to although they are not of
	// the public Internet. Whoever may use this proxy, or sets the DNS records of a target,
	// gets to what listens there, on the ports of the targets. Default: none.
	AllowNetworks []string `json:"allow_networks,omitempty"`

	targets           targets
	secrets           []secret
	takeAuthorization targets
	methods           []string
	maxBody           int64
	maxResponse       int64
	timeout           time.Duration
	redirects         int

	perClient, perTarget *underWay
	client               http.RoundTripper // which the guard watches
	proxy                *reverseproxy.Handler
	cache                *cache // nil if nothing is kept
	idle                 *http.Transport
	held                 bool   // whether the proxy is provisioned
	warnOfNoPolicy       func() // once
	logger               *zap.Logger
}

// HeaderUp is a header field that only some targets get.
type HeaderUp struct {
	// The name of the field. What a page sends under this name is replaced.
	Name string `json:"name,omitempty"`

	// Its value, which may have the placeholders `{env.*}`, `{file.*}` and `{system.*}`. If one
	// of them is empty when the config loads, or the value starts or ends in a space or a tab,
	// as where something in it was empty, the field is not sent, and a warning says so.
	Value string `json:"value,omitempty"`

	// The targets that get it: some of `targets`, or parts of them.
	For []string `json:"for,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.cors_proxy",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision checks the config. The error joins its mistakes.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := h.compile(); err != nil {
		return err
	}
	logger := ctx.Logger()
	h.logger = sampledLogger(logger)
	g := &guard{allowed: h.networks(), app: httpApp(ctx)}
	h.warn(logger, g)
	h.warnOfNoPolicy = sync.OnceFunc(func() {
		logger.Warn("no cors handler decides about requests ahead of this proxy, so it refuses them; write cors beside cors_proxy, and without report_only")
	})
	h.perClient, h.perTarget = newUnderWay(h.MaxPerClient), newUnderWay(h.MaxPerTarget)
	h.idle = newTransport(g, h.timeout, h.MaxPerTarget)
	h.client = h.idle
	if h.Cache > 0 {
		h.cache = newCache(time.Duration(h.Cache))
	}
	if err := registerMetrics(ctx); err != nil {
		return err
	}
	h.proxy = &reverseproxy.Handler{
		Transport: transport{},
		// One that is never dialled: where a request goes, its exchange says.
		Upstreams: reverseproxy.UpstreamPool{{Dial: "cors-proxy.invalid:443"}},
	}
	if err := h.proxy.Provision(ctx); err != nil {
		return err
	}
	h.held = true
	return nil
}

// Cleanup closes connections that are kept.
func (h *Handler) Cleanup() error {
	if !h.held {
		return nil
	}
	h.idle.CloseIdleConnections()
	return h.proxy.Cleanup()
}

// httpApp returns the HTTP app that is being loaded, or nil.
func httpApp(ctx caddy.Context) *caddyhttp.App {
	for _, module := range ctx.Modules() {
		if app, ok := module.(*caddyhttp.App); ok {
			return app
		}
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
