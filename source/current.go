package source

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// refreshPause is how long the parsing of a list pauses, each time that a pause is due, while
// there is one in force: as long as it works in between. Without, it would hold up requests
// by the time that the scheduler gives to one goroutine, which is 10 milliseconds.
const refreshPause = time.Millisecond

// current is the list that is in force: the last good one of those that were got. All
// kinds of lists have one, which is shared by the sources that have the list.
type current struct {
	list atomic.Pointer[List]

	mu     sync.Mutex
	err    error // of the last try to get it
	counts Counts
}

// allows reports whether the list in force allows an origin.
func (c *current) allows(origin string) bool { return c.list.Load().Allows(origin) }

// parse puts what a text lists in force, all of it or nothing. With an error, which tells
// why there is no text, it keeps what is in force, too. It returns what was wrong.
func (c *current) parse(text string, rules Rules, err error) error {
	var list *List
	if err == nil {
		pause := func() {}
		if c.list.Load() != nil { // else a config waits for it
			pause = func() { time.Sleep(refreshPause) }
		}
		list, err = parseListGently(text, rules, pause)
	}
	c.take(list, err)
	return err
}

// take puts a list in force, or notes why there is none.
func (c *current) take(list *List, err error) {
	if err == nil {
		c.list.Store(list)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.counts.add(err)
}

// follow goes on with the counts of the list that was in force before this one.
func (c *current) follow(old *current) {
	old.mu.Lock()
	defer old.mu.Unlock()
	c.counts = old.counts
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
