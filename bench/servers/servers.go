// Package servers puts whole servers under load, on this machine: Caddy without the cors
// module, with it, and with a `header` snippet in its place; for the record also nginx and
// HAProxy, without and with their usual CORS rules.
//
// What is compared answers in turns, in rounds of short shots: the server on one
// processor, the generator (h2load) and the backend on another. Ahead of its first shot,
// each server has to show that it answers right.
package servers

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
)

// Result is what was measured.
type Result struct {
	Rows        []Row
	Comparisons []Comparison

	Rounds int  // of each cell
	Pinned bool // whether the servers had a processor of their own
}

// Cell is where servers meet: all of a cell answer in turns.
type Cell struct {
	Protocol string // [HTTP1] or [HTTP2]
	Handler  string // [Respond], [ReverseProxy] or [FileServer]
}

// The protocols. HTTP/1.1 is in the clear, HTTP/2 over TLS.
const (
	HTTP1 = "HTTP/1.1"
	HTTP2 = "HTTP/2"
)

// The handlers of Caddy, and what does the same in other servers.
const (
	Respond      = "respond"
	ReverseProxy = "reverse_proxy"
	FileServer   = "file_server"
)

// Row is what one server did with one kind of request: medians of all rounds.
type Row struct {
	Cell
	Server  string // such as [WithCORS]
	Request string // such as [Allowed]

	Requests   int     // that were answered, in all rounds
	Throughput float64 // requests a second
	P50, P99   float64 // microseconds until the answer
	CPU        float64 // microseconds of the server's processor time a request
}

// Comparison has ratios of what one server did to what another did in the same round: the
// medians of all rounds.
type Comparison struct {
	Cell
	Request string
	Server  string
	To      string

	Throughput float64 // above 1, the server is the faster one
	P99        float64 // below 1, the server is the faster one
	CPU        float64 // below 1, the server is the faster one
}

// plan says how much is measured.
type plan struct {
	rounds int
	shot   time.Duration // about how long it takes
	least  int           // requests in a shot
}

var (
	full  = plan{rounds: 20, shot: 300 * time.Millisecond, least: 1000}
	quick = plan{rounds: 1, least: 200}
)

// Run measures all servers. It takes about twelve minutes; Quick, half of one.
func Run(ctx context.Context, o how.Options) (*Result, error) {
	plan := full
	if o.Quick {
		plan = quick
	}
	l, err := newLab(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()

	result := &Result{Rounds: plan.rounds, Pinned: l.pinned()}
	for _, protocol := range []string{HTTP1, HTTP2} {
		for _, handler := range []string{Respond, ReverseProxy, FileServer} {
			cell := Cell{protocol, handler}
			for _, g := range groups(handler) {
				o.Logf("%s, %s: %s", protocol, handler, g.name)
				if err := l.measure(ctx, plan, cell, g, result); err != nil {
					return nil, fmt.Errorf("%s, %s, %s: %w", protocol, handler, g.name, err)
				}
			}
		}
	}
	return result, nil
}
