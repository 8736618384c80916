package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/internal/process"
	"github.com/seed-9442523e/caddy-cors/bench/page"
)

// endpoint answers whether an origin is allowed, as that of a service would: after a look
// into its database.
type endpoint struct {
	server  *http.Server
	address string

	asks, underWay, most atomic.Int64
}

// lookUp is how long the endpoint takes for an answer.
const lookUp = 10 * time.Millisecond

// newEndpoint serves an endpoint that allows the origins of customers.
func newEndpoint() (*endpoint, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &endpoint{address: listener.Addr().String()}
	e.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asks.Add(1)
		now := e.underWay.Add(1)
		defer e.underWay.Add(-1)
		for most := e.most.Load(); now > most && !e.most.CompareAndSwap(most, now); most = e.most.Load() {
			continue
		}
		time.Sleep(lookUp)
		if !strings.HasPrefix(r.URL.Query().Get("origin"), customerPrefix) {
			w.WriteHeader(http.StatusForbidden)
		}
	})}
	go func() { _ = e.server.Serve(listener) }()
	return e, nil
}

const customerPrefix = "https://customer-"

// flood shows what a flood of forged origins does to a Caddy that asks for each origin, and
// to the requests of customers meanwhile.
func (l *lab) flood(ctx context.Context) (page.Table, error) {
	duration := time.Minute
	if l.options.Quick {
		duration = 2 * time.Second
	}
	const forgedRate, customerRate, customers = 10_000, 200, 1000
	e, err := newEndpoint()
	if err != nil {
		return page.Table{}, err
	}
	defer e.server.Close()
	caddy, address, err := l.runCaddy(ctx, "cors "+listed+" https://app.example.com\ncors {\nallow_origins_from ask http://"+e.address+"/\n}\nrespond hello")
	if err != nil {
		return page.Table{}, err
	}
	defer caddy.Stop()
	url := "http://" + address + "/"
	ofCustomers := load{url: url, rate: customerRate, client: newClient(), fault: wantAllowed, origin: func(i int) string { return customerPrefix + strconv.Itoa(i%customers) + ".example" }}
	if _, err := ofCustomers.run(ctx, customers*time.Second/customerRate); err != nil { // each is asked for
		return page.Table{}, err
	}

	// during runs customers' requests beside a flood of a path, or alone.
	var sent, asked []int
	var half, most, memory []string
	during := func(duration time.Duration, path string) error {
		before, start := e.asks.Load(), time.Now()
		watched := watchMemory(ctx, caddy)
		flooded := make(chan error, 1)
		n := 0
		go func() {
			var err error
			if path != "" {
				n, err = forgery{address, path, forgedRate}.run(ctx, duration)
			}
			flooded <- err
		}()
		took, err := ofCustomers.run(ctx, duration)
		if err := errors.Join(err, <-flooded); err != nil {
			return err
		}
		sent, asked = append(sent, int(float64(n)/time.Since(start).Seconds())), append(asked, int(e.asks.Load()-before))
		half, most = append(half, fmt.Sprintf("%.2f", part(took, 0.5))), append(most, fmt.Sprintf("%.2f", part(took, 0.99)))
		memory = append(memory, fmt.Sprint(watched()>>20))
		return nil
	}
	l.options.Logf("customers alone for %s, and with a flood twice for %[1]s", duration)
	if err := errors.Join(during(duration, ""), during(duration, listed), during(duration, "/")); err != nil {
		return page.Table{}, err
	}
	return page.Table{
		Title: "A flood of forged origins",
		About: fmt.Sprintf("%s distinct forged origins a second for %s, while %d customers send %d requests a second; the endpoint takes %s for each answer. It was asked %s times, "+
			"%d at a time at most. All customers' requests were allowed, and no forged one. Beside it, the same flood of a path that has its origins in the config, where nothing is asked.",
			page.Count(float64(sent[2])), duration, customers, customerRate, lookUp, page.Count(float64(asked[2])), e.most.Load()),
		Columns: []string{"", "customers alone", "with a flood where nothing is asked", "with a flood of what asks"},
		Rows: [][]string{
			append([]string{"forged origins a second"}, page.Count(float64(sent[0])), page.Count(float64(sent[1])), page.Count(float64(sent[2]))),
			append([]string{"half of the customers' requests, ms"}, half...),
			append([]string{"99 of 100, ms"}, most...),
			append([]string{"most memory of Caddy, MiB"}, memory...),
		},
	}, nil
}

// listed is a path whose origins are in the config.
const listed = "/listed"

// watchMemory looks how much memory a process has, until it is asked for the most.
func watchMemory(ctx context.Context, p *process.Process) func() int {
	ctx, cancel := context.WithCancel(ctx)
	most := make(chan int)
	go func() {
		size := 0
		for {
			size = max(size, residentBytes(p.PID()))
			select {
			case <-ctx.Done():
				most <- size
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() int {
		cancel()
		return <-most
	}
}

// residentBytes returns how much memory a process has, or 0 if it is not known.
func residentBytes(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return pages * os.Getpagesize()
}
