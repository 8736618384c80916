package sessions

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// api is a contender's server, and counts what arrives there.
type api struct {
	url        string
	preflights atomic.Int64
	arrived    atomic.Int64 // other requests

	server *http.Server
	stop   func() // ends what is behind it
}

// serve starts an API at an address of its own. A contender that is not written in Go is
// behind a proxy, so that all of them are counted alike.
func serve(contender http.Handler, stop func()) (*api, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		stop()
		return nil, err
	}
	a := &api{url: "http://" + listener.Addr().String(), stop: stop}
	a.server = &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodOptions {
				a.preflights.Add(1)
			} else {
				a.arrived.Add(1)
			}
			contender.ServeHTTP(w, r)
		}),
	}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

func (a *api) close() error {
	defer a.stop()
	return a.server.Close()
}

// shop is the application behind a middleware.
var shop = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		http.Error(w, "a preflight was passed on", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{}"))
})
