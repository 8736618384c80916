package handlers

import (
	"context"
	"runtime"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/stats"
)

// effort is how much is done to measure.
type effort struct {
	rounds int
	shot   time.Duration // how long one contender runs in a round
}

// The full effort; and one that only shows that all of it works.
var (
	full  = effort{rounds: 11, shot: 20 * time.Millisecond}
	quick = effort{rounds: 1, shot: 0}
)

// figures are what one operation took, by round.
type figures struct{ nanoseconds, allocs, bytes []float64 }

// measure runs operations in turns, each as often as fits into a shot. Each round starts
// behind a garbage collection, and with another operation.
func measure(ctx context.Context, e effort, operations []func() error) ([]figures, error) {
	measured := make([]figures, len(operations))
	shots := make([]func() (float64, error), len(operations))
	collected := 0 // rounds
	for i, operation := range operations {
		n, err := fit(ctx, e.shot, operation)
		if err != nil {
			return nil, err
		}
		shots[i] = func() (float64, error) {
			if len(measured[i].allocs) == collected {
				runtime.GC()
				collected++
			}
			s, err := shoot(ctx, n, operation)
			measured[i].allocs = append(measured[i].allocs, s.allocs)
			measured[i].bytes = append(measured[i].bytes, s.bytes)
			return s.nanoseconds, err
		}
	}
	nanoseconds, err := stats.Alternate(e.rounds, shots...)
	if err != nil {
		return nil, err
	}
	for i := range measured {
		measured[i].nanoseconds = nanoseconds[i]
	}
	return measured, nil
}

// fit returns how often an operation fits into a shot. It warms the operation up.
func fit(ctx context.Context, shot time.Duration, operation func() error) (int, error) {
	for n := 1; ; {
		s, err := shoot(ctx, n, operation)
		if err != nil {
			return 0, err
		}
		fits := max(1, int(float64(shot)/s.nanoseconds))
		if fits <= 8*n {
			return fits, nil
		}
		n = min(fits/4, 100*n)
	}
}

// shot is what one of n operations took.
type shot struct{ nanoseconds, allocs, bytes float64 }

// shoot runs an operation n times.
func shoot(ctx context.Context, n int, operation func() error) (shot, error) {
	if err := ctx.Err(); err != nil {
		return shot{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	for range n {
		if err := operation(); err != nil {
			return shot{}, err
		}
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	each := func(total uint64) float64 { return float64(total) / float64(n) }
	return shot{
		nanoseconds: float64(took.Nanoseconds()) / float64(n),
		allocs:      each(after.Mallocs - before.Mallocs),
		bytes:       each(after.TotalAlloc - before.TotalAlloc),
	}, nil
}
