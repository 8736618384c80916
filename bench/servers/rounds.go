package servers

import (
	"context"

	"github.com/seed-9442523e/caddy-cors/bench/stats"
	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// measure starts the servers of a group, lets them answer in turns, and adds to the result
// what came of it.
func (l *lab) measure(ctx context.Context, plan plan, cell Cell, g group, result *Result) error {
	all, stop, err := l.startAll(ctx, cell, g.turns)
	defer stop()
	if err != nil {
		return err
	}
	requests, err := l.warmUp(ctx, plan, all)
	if err != nil {
		return err
	}

	shots := make([][]shot, len(all))
	var turns []func() (float64, error)
	for i, r := range all {
		turns = append(turns, func() (float64, error) {
			s, err := l.fire(ctx, r, requests)
			shots[i] = append(shots[i], s)
			return s.throughput(), err
		})
	}
	throughput, err := stats.Alternate(max(1, plan.rounds/g.thinned), turns...)
	if err != nil {
		return err
	}

	for i, r := range all {
		result.Rows = append(result.Rows, Row{
			Cell: cell, Server: r.server.name, Request: r.request.name, Requests: requests * len(shots[i]),
			Throughput: stats.Median(throughput[i]),
			P50:        stats.Median(each(shots[i], shot.p50)),
			P99:        stats.Median(each(shots[i], shot.p99)),
			CPU:        stats.Median(each(shots[i], shot.cpuEach)),
		})
	}
	for _, pair := range g.compare {
		a, b := pair[0], pair[1]
		result.Comparisons = append(result.Comparisons, Comparison{
			Cell: cell, Request: all[a].request.name, Server: all[a].server.name, To: all[b].server.name,
			Throughput: stats.Ratio(throughput[a], throughput[b]),
			P99:        stats.Ratio(each(shots[a], shot.p99), each(shots[b], shot.p99)),
			CPU:        stats.Ratio(each(shots[a], shot.cpuEach), each(shots[b], shot.cpuEach)),
		})
	}
	return nil
}

func each(shots []shot, value func(shot) float64) []float64 {
	values := make([]float64, len(shots))
	for i, s := range shots {
		values[i] = value(s)
	}
	return values
}

// startAll starts the servers, and checks what they answer. Its stop ends them, in any
// case.
func (l *lab) startAll(ctx context.Context, cell Cell, turns []turn) (all []running, stop func(), err error) {
	stop = func() {}
	addresses := make(map[string]string)
	var sites []site
	for _, t := range turns {
		key := t.server.name + "\n" + t.server.rules
		address, ok := addresses[key]
		if !ok {
			if address, err = corstest.FindAddress(); err != nil {
				return nil, stop, err
			}
			addresses[key] = address
			sites = append(sites, site{address, t.server.rules})
		}
		all = append(all, running{turn: t, cell: cell, address: address})
	}
	p, err := turns[0].server.start(l, cell, sites)
	if err != nil {
		return nil, stop, err
	}
	stop = p.Stop
	for i := range all {
		all[i].process = p
		if err := p.Await(ctx, all[i].address); err != nil {
			return nil, stop, err
		}
		if err := all[i].check(ctx); err != nil {
			return nil, stop, err
		}
	}
	return all, stop, nil
}

// warmUp lets each server answer for a while, and returns how many requests the usual one
// answers in the planned time. All are then asked as many, so that rounds are alike.
func (l *lab) warmUp(ctx context.Context, plan plan, all []running) (int, error) {
	var throughput []float64
	for _, r := range all {
		s, err := l.fire(ctx, r, plan.least)
		if err != nil {
			return 0, err
		}
		throughput = append(throughput, s.throughput())
	}
	requests := max(plan.least, int(stats.Median(throughput)*plan.shot.Seconds()))
	return requests / inFlight * inFlight, nil // as many for each connection
}
