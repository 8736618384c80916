package source

import (
	"runtime"
	"strings"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// pace spreads the reading of a long list over time, so that requests are answered beside it:
// without, they would wait for as long as the scheduler lets one goroutine run, which is 10
// milliseconds.
type pace struct {
	step  time.Duration // from one pause to the next
	start time.Time
	due   int // how many pauses were due
}

// slowest is the most that a step takes, which is several times as long as it works in it.
const slowest = 5 * time.Millisecond

// newPace returns the pace at which a text is parsed within a time, or sooner if it is short.
func newPace(text string, within time.Duration) *pace {
	steps := pausesOf(text) + 1
	return &pace{step: min(within/time.Duration(steps), slowest), start: time.Now()}
}

// pausesOf returns how many pauses are due at most while a text is parsed, and compiled.
func pausesOf(text string) int { return 2 * (strings.Count(text, "\n") / origin.PauseEvery) }

// pause waits until the next step. Where there is no time to wait, it lets those run that are
// ready to.
func (p *pace) pause() {
	p.due++
	if left := time.Until(p.start.Add(time.Duration(p.due) * p.step)); left > 0 {
		time.Sleep(left)
	} else {
		runtime.Gosched()
	}
}
