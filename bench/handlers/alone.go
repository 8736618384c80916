package handlers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	caddycors "github.com/seed-9442523e/caddy-cors"
	"github.com/seed-9442523e/caddy-cors/bench/internal/provision"
)

// This is the name of this module among the contenders.
const This = "this module"

// serving serves one request, of which the path of a server before it is done.
type serving func(w http.ResponseWriter, r *http.Request) error

// contender is one of those that are compared.
type contender struct {
	name string
	serving
}

// backend is what stands behind all contenders: it sets fields and writes a header.
type backend struct {
	fields http.Header
	calls  int
}

func (b *backend) serve(w http.ResponseWriter) {
	b.calls++
	for name, values := range b.fields {
		w.Header()[name] = values
	}
	w.WriteHeader(http.StatusOK)
}

// forCaddy and forPeers are the backend as each of the two calls it.
func (b *backend) forCaddy() caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		b.serve(w)
		return nil
	})
}

func (b *backend) forPeers() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { b.serve(w) })
}

// writer is a response writer that is used again for each request, so that what is
// measured is the contender.
type writer struct{ header http.Header }

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) WriteHeader(int)             {}
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }

// alone returns the contenders that can have a policy, each in front of the backend with
// nothing around it, and why others are left out.
func alone(p caddycors.Policy, b *backend) (contenders []contender, leftOut map[string]error, err error) {
	own := p // of which the handler drops a long list of origins
	h := &caddycors.Handler{Policies: []*caddycors.Policy{&own}}
	if err := provision.Handler(h); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", This, err)
	}
	next := b.forCaddy()
	contenders = append(contenders, contender{This, func(w http.ResponseWriter, r *http.Request) error {
		return h.ServeHTTP(w, r, next)
	}})
	leftOut = make(map[string]error)
	for _, peer := range peers() {
		wrap, err := peer.configure(p)
		if err != nil {
			leftOut[peer.name] = err
			continue
		}
		wrapped := wrap(b.forPeers())
		contenders = append(contenders, contender{peer.name, func(w http.ResponseWriter, r *http.Request) error {
			wrapped.ServeHTTP(w, r)
			return nil
		}})
	}
	return contenders, leftOut, nil
}

// prepared returns r with the variables and the replacer that Caddy gives each request, as
// a handler of Caddy's needs them, and what makes them as new.
func prepared(r *http.Request) (_ *http.Request, renew func()) {
	vars, replacer := make(map[string]any), caddy.NewReplacer()
	replacer.Map(func(string) (any, bool) { return nil, false }) // as Caddy does
	fresh := *replacer
	ctx := context.WithValue(context.Background(), caddy.ReplacerCtxKey, replacer)
	ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, vars)
	return r.WithContext(ctx), func() {
		clear(vars)
		*replacer = fresh
	}
}

// repeatAlone returns what serves one request again and again, as if it were new.
func repeatAlone(serve serving, r *http.Request) func() error {
	r, renew := prepared(r)
	w := &writer{make(http.Header)}
	return func() error {
		clear(w.header)
		renew()
		return serve(w, r)
	}
}
