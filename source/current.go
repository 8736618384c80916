package source

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// current is the list that is in force: the last good one of those that were got. All
// kinds of lists have one, which is shared by the sources that have the list.
type current struct {
	list    atomic.Pointer[List]
	reading turn // where several may read it

	mu     sync.Mutex
	err    error // of the last try to get it
	counts Counts
	ended  bool // whether its last line has an end
}

// allows reports whether the list in force allows an origin.
func (c *current) allows(origin string) bool { return c.list.Load().Allows(origin) }

// parse puts what a text lists in force, all of it or nothing. With an error, which tells
// why there is no text, it keeps what is in force, too. It takes its time, within a time,
// where there is a list in force. It returns what was wrong.
func (c *current) parse(text string, rules Rules, within time.Duration, err error) error {
	var list *List
	if err == nil {
		list, err = parseListGently(text, rules, c.pauses(text, within))
	}
	if err == nil { // last, as a line that is refused tells more
		err = c.checkWhole(text)
	}
	c.take(text, list, err)
	return err
}

// pauses returns what pauses while a text is parsed. A config that loads does not wait, nor does
// who wants to read, or to change, the list next.
func (c *current) pauses(text string, within time.Duration) (pause func()) {
	if c.list.Load() == nil {
		return runtime.Gosched
	}
	p := newPace(text, within)
	return func() {
		if c.reading.awaited() {
			runtime.Gosched()
		} else {
			p.pause()
		}
	}
}

// checkWhole refuses what looks like the beginning of a list, see [checkWhole].
func (c *current) checkWhole(text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return checkWhole(text, c.ended)
}

// take puts the list of a text in force, or notes why there is none.
func (c *current) take(text string, list *List, err error) {
	if err == nil {
		c.list.Store(list)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.counts.add(err)
	if err == nil {
		c.ended = endsLines(text)
	}
}

// follow goes on where the list was that was in force before this one.
func (c *current) follow(old *current) {
	old.mu.Lock()
	defer old.mu.Unlock()
	c.counts, c.ended = old.counts, old.ended
}

// confirm notes that the list in force is what there is to be had now.
func (c *current) confirm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = nil
	c.counts.Last = time.Now()
}

// failed returns why the last try failed, or nil.
func (c *current) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// lastGood returns when it was last found good.
func (c *current) lastGood() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts.Last
}

func (c *current) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Status{Shared: c, Origins: c.list.Load().Len(), Counts: c.counts}
}

// every calls a function in each interval, until stop is called.
func every(interval time.Duration, call func()) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				call()
			}
		}
	}()
	return cancel
}
