// Package size measures what a long list of origins takes of the heap, and how long it
// takes to load.
package size

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
	"github.com/seed-9442523e/caddy-cors/bench/internal/tenants"
	"github.com/seed-9442523e/caddy-cors/bench/stats"
)

// Heap is what a contender holds for a number of origins.
type Heap struct {
	Contender string
	Origins   int
	RawBytes  int // of the origins, without anything between them
	HeapBytes int // the median of all rounds

	// Ratio is HeapBytes to RawBytes.
	Ratio float64
}

// Load is how long a contender takes to load a number of origins: the median of all
// rounds.
type Load struct {
	Contender string
	Origins   int
	Seconds   float64

	// Ratio is what this module took to what the contender took: the median of the
	// ratios of each round.
	Ratio float64
}

// Result is all that was measured.
type Result struct {
	Heap []Heap
	Load []Load
}

// effort is how much is done to measure.
type effort struct {
	heapOrigins []int
	heapRounds  int
	loadOrigins int
	loadRounds  int
}

var (
	full  = effort{heapOrigins: []int{1000, 100_000, 1_000_000}, heapRounds: 3, loadOrigins: 1_000_000, loadRounds: 11}
	quick = effort{heapOrigins: []int{1000, 10_000}, heapRounds: 1, loadOrigins: 10_000, loadRounds: 1}
)

// Run measures all of it.
func Run(ctx context.Context, o how.Options) (*Result, error) {
	e := full
	if o.Quick {
		e = quick
	}
	r := new(Result)
	for _, n := range e.heapOrigins {
		o.Logf("size, heap of %d origins", n)
		if err := r.runHeap(ctx, n, e.heapRounds); err != nil {
			return nil, err
		}
	}
	o.Logf("size, load of %d origins", e.loadOrigins)
	return r, r.runLoad(ctx, e.loadOrigins, e.loadRounds)
}

func (r *Result) runHeap(ctx context.Context, n, rounds int) error {
	raw := tenants.Bytes(tenants.Origins(n))
	for _, c := range holders() {
		var bytes []float64
		for range rounds {
			if err := ctx.Err(); err != nil {
				return err
			}
			size, err := heapOf(n, c.build)
			if err != nil {
				return fmt.Errorf("%s, %d origins: %w", c.name, n, err)
			}
			bytes = append(bytes, float64(size))
		}
		size := stats.Median(bytes)
		r.Heap = append(r.Heap, Heap{c.name, n, raw, int(size), size / float64(raw)})
	}
	return nil
}

// heapOf returns what is more on the heap when build has made something of a list of
// origins, and the list is gone but for what was kept of it.
func heapOf(n int, build func(origins []string) (any, error)) (int, error) {
	before := live()
	built, err := build(tenants.Origins(n))
	if err != nil {
		return 0, err
	}
	after := live()
	runtime.KeepAlive(built)
	return after - before, nil
}

// live returns how much of the heap is in use, of what is not garbage. What pools hold is
// gone at the second collection.
func live() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func (r *Result) runLoad(ctx context.Context, n, rounds int) error {
	origins := tenants.Origins(n)
	contenders := loaders()
	times := make([]func() (float64, error), len(contenders))
	for i, c := range contenders {
		times[i] = func() (float64, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return loadTime(origins, c.build)
		}
	}
	measured, err := stats.Alternate(rounds, times...)
	if err != nil {
		return err
	}
	for i, c := range contenders {
		r.Load = append(r.Load, Load{c.name, n, stats.Median(measured[i]), stats.Ratio(measured[0], measured[i])})
	}
	return nil
}

// loadTime returns how many seconds build takes, behind a garbage collection. The strings
// are those of the caller, as a config that was read has them.
func loadTime(origins []string, build func(origins []string) (any, error)) (float64, error) {
	list := slices.Clone(origins) // which is build's own
	runtime.GC()
	start := time.Now()
	built, err := build(list)
	took := time.Since(start)
	runtime.KeepAlive(built)
	return took.Seconds(), err
}
