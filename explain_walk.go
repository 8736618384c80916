package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// walk follows one request through the routes of a site, and notes what it meets. The
// matchers are the config's, as are the handlers that edit the request. No other handler
// is loaded, so that nothing is dialled or written; matchers may look at files.
type walk struct {
	ctx     caddy.Context
	site    *site
	loaded  map[string]*Handler // those of cors, by their path, of all walks
	request *http.Request
	groups  map[string]bool       // of routes, those that had their match
	around  []*caddyhttp.Route    // the routes that the walk is in
	named   int                   // how many of them were invoked by name
	walked  int                   // how many routes there were
	looked  map[matcherTrait]bool // what the matchers looked at, up to the decision

	met     []visit
	missed  []missedRoute
	matched bool // whether the request matched any route

	decided *decidedVisit
	gate    *visit  // what asks for credentials ahead of the decision
	ending  *ending // what answered, or nil if nothing did
}

// visit is a handler that the request met.
type visit struct {
	name    string // of its module, such as "headers"
	path    string // in the config
	raw     json.RawMessage
	cors    *Handler // if it is one of this module
	decided bool     // whether a cors handler had decided before
	always  bool     // whether the routes around it and its own have no matchers but that of the site
	byPage  bool     // whether a matcher around it looks at Origin
}

// decidedVisit is the cors handler that decided about the request.
type decidedVisit struct {
	*visit
	decision decision
	request  *http.Request // as the handler got it
}

// ending is the handler that answers the request, and how.
type ending struct {
	*visit
	status   int  // 0 if the config does not tell
	redirect bool // whether it has a Location
}

// missedRoute is a route with a cors handler that the request did not match.
type missedRoute struct {
	path string
	by   []matcherTrait // what did not match
	cors *visit         // the first cors handler in it
}

// maxNamed bounds how deep routes may invoke one another by name, and maxRoutes how many
// routes are walked in all.
const (
	maxNamed  = 100
	maxRoutes = 100_000
)

// walkSite follows a request through a site. An error means that Caddy would not load
// the config.
func walkSite(ctx caddy.Context, s *site, loaded map[string]*Handler, r *http.Request) (*walk, error) {
	r = r.WithContext(ctx)
	w := &walk{
		ctx: ctx, site: s, loaded: loaded, groups: make(map[string]bool), looked: make(map[matcherTrait]bool),
		request: caddyhttp.PrepareRequest(r, caddy.NewReplacer(), discard{}, s.server),
	}
	_, err := w.routes(s.routes)
	if ended := new(endedError); errors.As(err, &ended) {
		return w, nil
	}
	return w, err
}

// endedError is the error that a matcher or a handler ends a request with, as it would
// in Caddy.
type endedError struct{ error }

// routes walks a list of routes. It reports whether the request goes on behind them.
func (w *walk) routes(routes []locatedRoute) (bool, error) {
	for _, route := range routes {
		if on, err := w.route(route); !on || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (w *walk) route(route locatedRoute) (bool, error) {
	if w.groups[route.Group] {
		return true, nil
	}
	if w.walked++; w.walked > maxRoutes {
		return false, fmt.Errorf("%s: routes invoke one another too often to follow", route.path)
	}
	if err := route.ProvisionMatchers(w.ctx); err != nil {
		return false, fmt.Errorf("%s: %w", route.path, err)
	}
	if w.decided == nil {
		for _, trait := range traits(route.MatcherSets) {
			w.looked[trait] = true
		}
	}
	matches, err := route.MatcherSets.AnyMatchWithError(w.request)
	if err != nil {
		return false, w.end(&visit{name: "matcher", path: route.path}, err)
	}
	if !matches {
		if found := firstCORS(route.HandlersRaw); found != nil {
			cors := new(Handler)
			if err := json.Unmarshal(found, cors); err != nil {
				return false, fmt.Errorf("%s: %w", route.path, err)
			}
			w.missed = append(w.missed, missedRoute{route.path, w.failing(route.MatcherSets), &visit{name: "cors", path: route.path, raw: found, cors: cors}})
		}
		return true, nil
	}
	w.matched = true
	if route.Group != "" {
		w.groups[route.Group] = true
	}
	w.around = append(w.around, route.Route)
	defer func() { w.around = w.around[:len(w.around)-1] }()
	for i, raw := range route.HandlersRaw {
		path := route.path
		if path != automaticPath {
			path += "/handle/" + strconv.Itoa(i)
		}
		if on, err := w.handler(raw, path); !on || err != nil {
			return false, err
		}
	}
	return !route.Terminal, nil
}

// handler meets one handler. It reports whether the request goes on to the next one.
func (w *walk) handler(raw json.RawMessage, path string) (bool, error) {
	var module struct {
		Handler string `json:"handler"`
	}
	if err := json.Unmarshal(raw, &module); err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	v := &visit{name: module.Handler, path: path, raw: raw, decided: w.decided != nil, always: w.always(), byPage: w.byPage()}
	switch v.name {
	case "subroute":
		var subroute caddyhttp.Subroute
		if err := json.Unmarshal(raw, &subroute); err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
		return w.routes(located(subroute.Routes, path+"/routes"))
	case "invoke":
		return w.invoke(v)
	case "cors":
		return w.cors(v)
	case "rewrite", "vars", "map", "headers":
		w.met = append(w.met, *v)
		return w.edit(v)
	}
	w.met = append(w.met, *v)
	switch role, ending := roleOf(v, w.request); role {
	case roleAnswers:
		w.ending = ending
		return false, nil
	case roleAsks:
		if w.gate == nil {
			w.gate = v
		}
	}
	return true, nil
}

// invoke walks a named route.
func (w *walk) invoke(v *visit) (bool, error) {
	var invoke caddyhttp.Invoke
	if err := json.Unmarshal(v.raw, &invoke); err != nil {
		return false, fmt.Errorf("%s: %w", v.path, err)
	}
	route, ok := w.site.server.NamedRoutes[invoke.Name]
	if !ok || route == nil {
		return false, w.end(v, fmt.Errorf("there is no named route %q", invoke.Name))
	}
	if w.named++; w.named > maxNamed {
		return false, fmt.Errorf("%s: routes invoke one another without end", v.path)
	}
	defer func() { w.named-- }()
	return w.route(locatedRoute{route, w.site.path + "/named_routes/" + invoke.Name})
}

// cors takes the decision, if the handler does.
func (w *walk) cors(v *visit) (bool, error) {
	v.cors = w.loaded[v.path]
	if v.cors == nil { // sources are not to be waited for twice
		module, err := w.load(v)
		if err != nil {
			return false, err
		}
		v.cors = module.(*Handler)
		w.loaded[v.path] = v.cors
	}
	w.met = append(w.met, *v)
	if v.cors.ReportOnly || w.decided != nil {
		return true, nil
	}
	w.decided = &decidedVisit{v, v.cors.policies.decide(w.request), w.request.Clone(w.request.Context())}
	return !v.cors.answers(w.decided.decision), nil
}

// edit runs a handler that changes nothing but the request.
func (w *walk) edit(v *visit) (bool, error) {
	module, err := w.load(v)
	if err != nil {
		return false, err
	}
	err = module.(caddyhttp.MiddlewareHandler).ServeHTTP(discard{}, w.request, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		w.request = r
		return nil
	}))
	if err != nil {
		return false, w.end(v, err)
	}
	return true, nil
}

// load loads a handler by itself.
func (w *walk) load(v *visit) (any, error) {
	one := struct {
		Raw json.RawMessage `caddy:"namespace=http.handlers inline_key=handler"`
	}{slices.Clone(v.raw)}
	module, err := w.ctx.LoadModule(&one, "Raw")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.path, err)
	}
	return module, nil
}

// end notes that the request ends with an error, which Caddy answers.
func (w *walk) end(v *visit, err error) error {
	w.ending = &ending{visit: v, status: http.StatusInternalServerError}
	if withStatus := new(caddyhttp.HandlerError); errors.As(err, withStatus) {
		w.ending.status = withStatus.StatusCode
	}
	return &endedError{err}
}

// always reports whether a request that gets to this place of the site does so whatever
// it asks for: no route around it has a matcher but for the host.
func (w *walk) always() bool {
	for _, route := range w.around {
		for _, trait := range traits(route.MatcherSets) {
			if trait != traitHost {
				return false
			}
		}
	}
	return true
}

// byPage reports whether a matcher around this place looks at the Origin header.
func (w *walk) byPage() bool {
	return slices.ContainsFunc(w.around, func(route *caddyhttp.Route) bool {
		return slices.Contains(traits(route.MatcherSets), traitOrigin)
	})
}

// failing returns what did not match in that of the sets that came closest.
func (w *walk) failing(sets caddyhttp.MatcherSets) (closest []matcherTrait) {
	for i, set := range sets {
		var by []matcherTrait
		for _, matcher := range set {
			if matches, err := (caddyhttp.MatcherSet{matcher}).MatchWithError(w.request); err == nil && !matches {
				by = append(by, traitOf(matcher))
			}
		}
		if i == 0 || len(by) < len(closest) {
			closest = by
		}
	}
	slices.Sort(closest)
	return closest
}

// discard is a response that nobody gets.
type discard struct{}

func (discard) Header() http.Header         { return make(http.Header) }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
