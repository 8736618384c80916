package main

import (
	"fmt"
	"strings"

	"github.com/seed-9442523e/caddy-cors/bench/handlers"
	"github.com/seed-9442523e/caddy-cors/bench/page"
	"github.com/seed-9442523e/caddy-cors/bench/servers"
	"github.com/seed-9442523e/caddy-cors/bench/sessions"
	"github.com/seed-9442523e/caddy-cors/bench/size"
)

func handlerGoals(r *handlers.Result) []*goal {
	fastest := &goal{
		text: "Alone, this module takes no longer than the fastest peer, in each kind of request and with each number of origins (time, as a ratio)", limit: 1,
		remark: "“Where the time goes” shows why.",
	}
	allocations := &goal{
		text: "It allocates no more often than the peer that does so least (allocations, as a difference)", limit: 0.05,
		remark: "That it is one more than none is the response writer, and the values of its own that each response has.",
	}
	chain := &goal{text: "In Caddy's route chain, a request takes no longer than with the fastest peer or `header` snippet (time, as a ratio)", limit: 1}
	for _, own := range r.Rows {
		if own.Contender != handlers.This {
			continue
		}
		quickest, leanest := bestPeers(r, own)
		name := fmt.Sprintf("“%s” (%s)", own.Scenario, quickest.Contender)
		if own.Setting == handlers.SettingChain {
			chain.add(name, quickest.Ratio)
			continue
		}
		fastest.add(name, quickest.Ratio)
		allocations.add(fmt.Sprintf("“%s” (%s)", own.Scenario, leanest.Contender), own.Allocs-leanest.Allocs)
	}

	half := &goal{text: "With 100,000 origins, a preflight takes at most half as long as in jub0bs/cors", limit: 0.5}
	thousandth := &goal{text: "With 100,000 origins, a preflight takes at most a thousandth of what it takes in rs/cors", limit: 0.001}
	million := &goal{text: "With a million origins, a request of a random one of them takes at most half as long as in jub0bs/cors", limit: 0.5}
	for _, row := range r.Rows {
		if row.Setting != handlers.SettingOrigins {
			continue
		}
		switch {
		case row.Origins == 100_000 && row.Request == handlers.Preflight && row.Contender == "jub0bs/cors":
			half.add(fmt.Sprintf("“%s”", row.Scenario), row.Ratio)
		case row.Origins == 100_000 && row.Request == handlers.Preflight && row.Contender == "rs/cors":
			thousandth.add(fmt.Sprintf("“%s”", row.Scenario), row.Ratio)
		case row.Origins == 1_000_000 && row.Pick == handlers.Random && row.Contender == "jub0bs/cors":
			million.add(fmt.Sprintf("“%s”", row.Scenario), row.Ratio)
		}
	}

	growth := &goal{
		text:  fmt.Sprintf("No request costs more than in proportion to its size: one of %d times the size, that many times the time", handlers.GrowthFactor),
		limit: handlers.GrowthFactor * 1.25, remark: "A quarter more than that is left to the processor's caches, and to noise.",
	}
	for _, g := range r.Growth {
		growth.add(fmt.Sprintf("“%s”, %s bytes", g.Scenario, page.Count(float64(g.Size))), g.Ratio)
	}
	return []*goal{fastest, allocations, chain, half, thousandth, million, growth}
}

// bestPeers returns the rows of the peers that were the fastest, and that allocated least,
// in the scenario of a row.
func bestPeers(r *handlers.Result, own handlers.Row) (fastest, leanest handlers.Row) {
	for _, row := range r.Rows {
		if row.Setting != own.Setting || row.Scenario != own.Scenario || row.Contender == handlers.This || handlers.WithoutCORS(row.Contender) {
			continue
		}
		if fastest.Contender == "" || row.Ratio > fastest.Ratio { // this module : peer
			fastest = row
		}
		if leanest.Contender == "" || row.Allocs < leanest.Allocs {
			leanest = row
		}
	}
	return fastest, leanest
}

func sizeGoals(r *size.Result) []*goal {
	const million = 1_000_000
	heap := &goal{text: "A million distinct origins take at most 1.3 times their bytes of the heap", limit: 1.3}
	if h, ok := r.HeapOf(size.This, million); ok {
		heap.add("", h.Ratio)
	}
	load := &goal{text: "They load in at most half the time that jub0bs/cors takes", limit: 0.5}
	for _, l := range r.Load {
		if l.Contender == size.Jub0bs && l.Origins == million {
			load.add("", l.Ratio)
		}
	}
	return []*goal{heap, load}
}

func serverGoals(r *servers.Result) []*goal {
	throughput := &goal{text: "Caddy with this module has at least 0.98 of the throughput of Caddy without it", limit: 0.98, least: true}
	latency := &goal{text: "Its 99th percentile of latency is at most 1.02 times that of Caddy without it", limit: 1.02}
	snippet := &goal{text: "Its throughput is ahead of that with a `header` snippet (as a ratio)", limit: 1, least: true}
	var noise [2]goal
	// The same lines by `header`, and beside them this module and Caddy itself.
	var beside [3]goal
	for i := range beside {
		beside[i] = goal{limit: throughput.limit, least: true}
	}
	for _, c := range r.Comparisons {
		name := fmt.Sprintf("%s, `%s`, %s", c.Protocol, c.Handler, c.Request)
		switch {
		case c.Server == servers.Again:
			if c.Request != servers.Preflight {
				beside[2].add(name, c.Throughput)
			}
			noise[0].add(name, apart(c.Throughput))
			noise[1].add(name, apart(c.P99))
		case c.Server == servers.WithLines:
			beside[0].add(name, c.Throughput)
		case c.Server == servers.WithCORS && c.To == servers.WithSnippet:
			snippet.add(name, c.Throughput)
		case c.Server == servers.WithCORS:
			if c.Request != servers.Preflight {
				beside[1].add(name, c.Throughput)
			}
			throughput.add(name, c.Throughput)
			latency.add(name, c.P99)
		}
	}
	if len(noise[0].figures) > 0 {
		const remark = "A Caddy without the module was up to %.1f %% off itself, which is noise."
		throughput.remark = fmt.Sprintf(remark, 100*noise[0].worst().value)
		latency.remark = fmt.Sprintf(remark, 100*noise[1].worst().value)
	}
	if n := len(beside[0].figures); n > 0 {
		throughput.remark = strings.TrimSpace(throughput.remark + fmt.Sprintf(" Preflights aside, of %d cases this module misses it in %d, Caddy's own `header` with the same lines and no look at the request in %d, and Caddy itself in %d.",
			n, len(beside[1].missed()), len(beside[0].missed()), len(beside[2].missed())))
	}
	return []*goal{throughput, latency, snippet}
}

// apart returns how far a ratio is from 1.
func apart(ratio float64) float64 { return max(ratio, 1/ratio) - 1 }

func sessionGoals(r *sessions.Result) []*goal {
	fewest := &goal{text: "Chromium sends no server fewer preflights than one with this module and its defaults (preflights, as a difference)", limit: 0}
	var own sessions.Row
	for _, row := range r.Rows {
		if row.Contender == handlers.This {
			own = row
		}
	}
	for _, row := range r.Rows {
		if row.Own {
			continue
		}
		for _, c := range []struct {
			name      string
			own, peer int
		}{
			{"a first session", own.Plain.First, row.Plain.First},
			{"a later one", own.Plain.Later, row.Plain.Later},
			{"a first session with cookies", own.Credentials.First, row.Credentials.First},
			{"a later one with cookies", own.Credentials.Later, row.Credentials.Later},
		} {
			fewest.add(fmt.Sprintf("%s (%s)", c.name, row.Contender), float64(c.own-c.peer))
		}
	}
	return []*goal{fewest}
}
