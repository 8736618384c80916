package source

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// turn is a lock of which the one who has it can tell whether others wait.
type turn struct {
	mu      sync.Mutex
	waiting atomic.Int32
}

func (t *turn) Lock() {
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	t.mu.Lock()
}

func (t *turn) Unlock() { t.mu.Unlock() }

// hurry makes the one who has it believe that others wait, for good.
func (t *turn) hurry() { t.waiting.Add(1) }

func (t *turn) awaited() bool { return t.waiting.Load() > 0 }

// pace spreads the reading of a long list over time, so that requests are answered beside it:
// without, they would wait for as long as the scheduler lets one goroutine run, which is 10
// milliseconds.
type pace struct {
	step  time.Duration // from one pause to the next
	start time.Time
	due   int // how many pauses were due
}

// slowest is the most that a step takes, of which it works in a fiftieth: a million origins take
// 40 seconds then.
const slowest = 5 * time.Millisecond

// newPace returns the pace at which a text is parsed within a time, or sooner if it is short.
func newPace(text string, within time.Duration) *pace {
	steps := pausesOf(text) + 1
	return &pace{step: min(within/time.Duration(steps), slowest), start: time.Now()}
}

// pausesOf returns how many pauses are due at most while a text is parsed, and compiled.
func pausesOf(text string) int { return 2 * ((strings.Count(text, "\n") + 1) / origin.PauseEvery) }

// pause waits until the next step. Where that is over, it only lets those run that are ready to.
func (p *pace) pause() {
	p.due++
	if left := time.Until(p.start.Add(time.Duration(p.due) * p.step)); left > 0 {
		time.Sleep(left)
	} else {
		runtime.Gosched()
	}
}
