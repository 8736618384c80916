package sessions

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

//go:embed page.html
var pageHTML []byte

// tab is a page in a Chromium, and the server that it comes from and that tells it what
// to do.
type tab struct {
	origin  string
	browser *browser
	server  *http.Server
	passes  chan pass
	done    chan string // what went wrong in a pass
}

// pass is one session with an API.
type pass struct {
	API         string    `json:"api"`
	Credentials string    `json:"credentials"` // credentials mode of fetch
	Requests    []request `json:"requests"`
}

// openTab starts a Chromium with the page.
func openTab() (*tab, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &tab{origin: "http://" + listener.Addr().String(), passes: make(chan pass), done: make(chan string)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(pageHTML) })
	mux.HandleFunc("GET /next", p.next)
	mux.HandleFunc("POST /done", p.finish)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }()
	p.browser, err = startChromium(p.origin + "/")
	if err != nil {
		return nil, errors.Join(err, p.server.Close())
	}
	return p, nil
}

func (p *tab) close() error { return errors.Join(p.browser.close(), p.server.Close()) }

// next tells the page what to do, as soon as there is something.
func (p *tab) next(w http.ResponseWriter, r *http.Request) {
	select {
	case next := <-p.passes:
		_ = json.NewEncoder(w).Encode(next)
	case <-r.Context().Done():
	}
}

// finish takes what went wrong.
func (p *tab) finish(_ http.ResponseWriter, r *http.Request) {
	wrong, err := io.ReadAll(io.LimitReader(r.Body, 10_000))
	if err != nil {
		wrong = []byte(err.Error())
	}
	select {
	case p.done <- string(wrong):
	case <-r.Context().Done():
	}
}

// work has the page do the session with an API, and returns how many preflights arrived
// there. It is an error if a request did not arrive, or its response was not readable.
func (p *tab) work(ctx context.Context, a *api, credentials bool) (int, error) {
	next := pass{API: a.url, Credentials: "omit", Requests: session()}
	if credentials {
		next.Credentials = "include"
	}
	a.arrived.Store(0)
	a.preflights.Store(0)
	select {
	case p.passes <- next:
	case <-p.browser.exited:
		return 0, fmt.Errorf("chromium ended by itself:\n%s", p.browser.output())
	case <-ctx.Done():
		return 0, fmt.Errorf("the page does not start: %w\n%s", ctx.Err(), p.browser.output())
	}
	select {
	case wrong := <-p.done:
		if wrong != "" {
			return 0, fmt.Errorf("the page failed with credentials mode %q: %s", next.Credentials, wrong)
		}
	case <-ctx.Done():
		return 0, fmt.Errorf("the page does not finish: %w", ctx.Err())
	}
	if arrived := int(a.arrived.Load()); arrived != len(next.Requests) {
		return 0, fmt.Errorf("%d of %d requests arrived", arrived, len(next.Requests))
	}
	return int(a.preflights.Load()), nil
}
