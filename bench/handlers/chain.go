package handlers

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	caddycors "github.com/seed-9442523e/caddy-cors"
	"github.com/seed-9442523e/caddy-cors/bench/internal/provision"
)

// The contenders that only Caddy's route chain has. The first three know nothing of CORS:
// they show what it costs to be in the chain.
const (
	Bare    = "no CORS"
	Idle    = "idle handler"
	Adapter = "idle peer"
	Named   = "`header` for one origin"
	Echo    = "`header` for every origin"
)

// WithoutCORS reports whether a contender is one of these.
func WithoutCORS(contender string) bool {
	return contender == Bare || contender == Idle || contender == Adapter
}

// idle is a handler that does nothing.
type idle struct{}

func (idle) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

// adapter makes a handler of Caddy's of a peer. It takes a ticket from a pool and
// allocates nothing. What it costs is what [Adapter] takes more than [Idle].
type adapter struct{ peer http.Handler }

// ticket goes through a peer as its response writer, and takes with it what Caddy calls
// next. No peer here wraps the writer.
type ticket struct {
	http.ResponseWriter
	next caddyhttp.Handler
	err  error
}

var tickets = sync.Pool{New: func() any { return new(ticket) }}

// redeem is the handler behind each peer.
func redeem(w http.ResponseWriter, r *http.Request) {
	t := w.(*ticket)
	t.err = t.next.ServeHTTP(t.ResponseWriter, r)
}

func newAdapter(wrap middleware) adapter { return adapter{wrap(http.HandlerFunc(redeem))} }

func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	t := tickets.Get().(*ticket)
	*t = ticket{ResponseWriter: w, next: next}
	a.peer.ServeHTTP(t, r)
	err := t.err
	*t = ticket{}
	tickets.Put(t)
	return err
}

// inChain returns the contenders of a scenario, each as routes that Caddy compiles as it
// does those of a server, and why peers are left out.
func inChain(s scenario, b *backend) (contenders []contender, leftOut map[string]error, err error) {
	ctx, cancel, err := provision.Context()
	if err != nil {
		return nil, nil, err
	}
	defer cancel()
	add := func(name string, routes caddyhttp.RouteList, err error) error {
		if err == nil {
			err = routes.Provision(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		contenders = append(contenders, contender{name, chain(routes, b)})
		return nil
	}
	for name, caddyfile := range caddyfiles(s) {
		routes, err := adapt(caddyfile)
		if err := add(name, routes, err); err != nil {
			return nil, nil, err
		}
	}
	route := func(h caddyhttp.MiddlewareHandler) caddyhttp.RouteList {
		return caddyhttp.RouteList{{Handlers: []caddyhttp.MiddlewareHandler{h}}}
	}
	if err := add(Idle, route(idle{}), nil); err != nil {
		return nil, nil, err
	}
	leftOut = make(map[string]error)
	nothing := func(caddycors.Policy) (middleware, error) {
		return func(next http.Handler) http.Handler { return next }, nil
	}
	for _, peer := range append(peers(), peer{Adapter, nothing}) {
		wrap, err := peer.configure(s.policy)
		if err != nil {
			leftOut[peer.name] = err
			continue
		}
		if err := add(peer.name, route(newAdapter(wrap)), nil); err != nil {
			return nil, nil, err
		}
	}
	return contenders, leftOut, nil
}

// chain compiles routes in front of the backend. To serve a request is then what a server
// of Caddy's does with it, but for its log and what it does about errors.
func chain(routes caddyhttp.RouteList, b *backend) serving {
	compiled := routes.Compile(b.forCaddy())
	server := new(caddyhttp.Server)
	return func(w http.ResponseWriter, r *http.Request) error {
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, server)
		return compiled.ServeHTTP(w, r)
	}
}

// repeatInChain returns what serves one request again and again.
func repeatInChain(serve serving, r *http.Request) func() error {
	w := &writer{make(http.Header)}
	return func() error {
		clear(w.header)
		return serve(w, r)
	}
}
