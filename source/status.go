package source

import (
	"errors"
	"time"

	"go.uber.org/zap"
)

// Lister is a source that has a list, for metrics.
type Lister interface {
	Source
	// Status tells how the list is.
	Status() Status
}

// Status is how a list is.
type Status struct {
	// Shared can be compared. It is the same for sources that share the list, so that it
	// counts once, or nil if none do.
	Shared any
	// Origins is how many origins, and patterns of them, are in force.
	Origins int
	// Counts has how often the list was got.
	Counts
}

// Counts has how often a list was got, well or not.
type Counts struct {
	// Last is when it was last found good.
	Last time.Time
	// Refreshes is how often it was got and taken, Failures how often it was refused, or
	// could not be had.
	Refreshes, Failures uint64
}

// add counts one try.
func (c *Counts) add(err error) {
	if err != nil {
		c.Failures++
		return
	}
	c.Refreshes++
	c.Last = time.Now()
}

// Asker is a source that asks about origins, for metrics.
type Asker interface {
	Source
	// Asks tells what was asked.
	Asks() AskStatus
}

// AskStatus is what was asked of an endpoint, and what is known of it.
type AskStatus struct {
	// Shared can be compared. It is the same for sources that share what they know, so that
	// it counts once, or nil if none do.
	Shared any
	// Allowed and Denied are how many answers are kept.
	Allowed, Denied int
	// AskCounts has how often it was asked.
	AskCounts
}

// AskCounts has how often an endpoint was asked, and how often it need not be.
type AskCounts struct {
	// Results is how often it answered so, or failed.
	AskedAllowed, AskedDenied, AskedFailed uint64
	// Refused is how often it was not asked, as too much was being asked.
	Refused uint64
	// HitsAllowed, HitsDenied and HitsStale are how often there was an answer that was kept;
	// the last one allows, and is older than it should be.
	HitsAllowed, HitsDenied, HitsStale uint64
	// Took is how long the endpoint took, in all.
	Took time.Duration
	// Within is how often it took no longer than each of [AskBuckets].
	Within [len(AskBuckets)]uint64
}

// AskBuckets are the times that answers of an endpoint are counted by.
var AskBuckets = [...]time.Duration{5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, 2500 * time.Millisecond}

// Asked returns how often the endpoint was asked.
func (c AskCounts) Asked() uint64 { return c.AskedAllowed + c.AskedDenied + c.AskedFailed }

// Add adds other counts to these.
func (c *AskCounts) Add(other AskCounts) {
	c.AskedAllowed += other.AskedAllowed
	c.AskedDenied += other.AskedDenied
	c.AskedFailed += other.AskedFailed
	c.Refused += other.Refused
	c.HitsAllowed += other.HitsAllowed
	c.HitsDenied += other.HitsDenied
	c.HitsStale += other.HitsStale
	c.Took += other.Took
	for i, n := range other.Within {
		c.Within[i] += n
	}
}

// askResult is what came of a question.
type askResult uint8

const (
	askAllowed askResult = iota
	askDenied
	askFailed
)

// add counts one question.
func (c *AskCounts) add(result askResult, took time.Duration) {
	switch result {
	case askAllowed:
		c.AskedAllowed++
	case askDenied:
		c.AskedDenied++
	case askFailed:
		c.AskedFailed++
	}
	c.Took += took
	for i, bound := range AskBuckets {
		if took <= bound {
			c.Within[i]++
		}
	}
}

// logRefresh logs that a list was got: each line that is refused, or how long it is.
func logRefresh(logger *zap.Logger, list *List, err error) {
	if err == nil {
		logger.Info("the list of origins was read again", zap.Int("origins", list.Len()))
		return
	}
	for _, err := range joined(err) {
		if refused := new(LineError); errors.As(err, &refused) {
			logger.Error("a line of the list of origins is refused", zap.Int("line", refused.Line), zap.String("text", refused.shown()), zap.String("reason", refused.Reason))
			continue
		}
		logger.Error("the list of origins cannot be taken", zap.Error(err))
	}
	logger.Warn("the last good list of origins stays in force", zap.Int("origins", list.Len()))
}

// joined returns the errors that err joins, or err itself.
func joined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return []error{err}
}
