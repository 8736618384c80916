package main

import (
	"context"
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
const lookUp = 2 * time.Millisecond

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
	caddy, address, err := l.runCaddy(ctx, "cors {\nallow_origins_from ask http://"+e.address+"/\n}\nrespond hello")
	if err != nil {
		return page.Table{}, err
	}
	defer caddy.Stop()
	url := "http://" + address + "/"
	ofCustomers := load{url: url, rate: customerRate, client: newClient(), fault: wantAllowed, origin: func(i int) string { return customerPrefix + strconv.Itoa(i%customers) + ".example" }}
	forged := load{url: url, rate: forgedRate, client: newClient(), fault: wantDenied, origin: func(i int) string { return fmt.Sprintf("https://forged-%d.example", i) }}
	if _, err := ofCustomers.run(ctx, customers*time.Second/customerRate); err != nil { // each is asked for
		return page.Table{}, err
	}

	l.options.Logf("customers alone for %s", duration/4)
	memory := watchMemory(ctx, caddy)
	alone, err := ofCustomers.run(ctx, duration/4)
	if err != nil {
		return page.Table{}, err
	}
	memoryAlone := memory()
	l.options.Logf("forged origins for %s", duration)
	before := e.asks.Load()
	memory = watchMemory(ctx, caddy)
	flooded := make(chan error, 1)
	sent := 0
	start := time.Now()
	go func() {
		took, err := forged.run(ctx, duration)
		sent = len(took)
		flooded <- err
	}()
	meanwhile, err := ofCustomers.run(ctx, duration)
	if ended := <-flooded; err == nil {
		err = ended
	}
	if err != nil {
		return page.Table{}, err
	}
	rate := float64(sent) / time.Since(start).Seconds()
	return page.Table{
		Title: "A flood of forged origins",
		About: fmt.Sprintf("%s distinct forged origins in %s, %.0f a second, while %d customers send %d requests a second; the endpoint takes %s for each answer. It was asked %s times, "+
			"%d at a time at most. All customers' requests were allowed, and no forged one.",
			page.Count(float64(sent)), duration, rate, customers, customerRate, lookUp, page.Count(float64(e.asks.Load()-before)), e.most.Load()),
		Columns: []string{"", "customers alone", "with the flood"},
		Rows: [][]string{
			{"half of the customers' requests, ms", fmt.Sprintf("%.2f", part(alone, 0.5)), fmt.Sprintf("%.2f", part(meanwhile, 0.5))},
			{"99 of 100, ms", fmt.Sprintf("%.2f", part(alone, 0.99)), fmt.Sprintf("%.2f", part(meanwhile, 0.99))},
			{"most memory of Caddy, MiB", fmt.Sprint(memoryAlone >> 20), fmt.Sprint(memory() >> 20)},
		},
	}, nil
}

// wantDenied is the fault of an answer that allows anything.
func wantDenied(_, allowed string) string {
	if allowed != "" {
		return fmt.Sprintf("%q is allowed", allowed)
	}
	return ""
}

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
