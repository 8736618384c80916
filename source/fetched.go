package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"
	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
)

// fetchedLists are the lists that sources of this process fetch, by their httpKey.
var fetchedLists = caddy.NewUsagePool()

const (
	// jitter is by which part the time between two fetches is shorter or longer, so that
	// many servers do not ask at once.
	jitter = 0.1

	// After failures, the next fetch is later and later, up to these many intervals, and to
	// maxBackOff where that is longer than an interval.
	maxBackOffIntervals = 8
	maxBackOff          = 15 * time.Minute

	// maxRetryAfter bounds what a server may ask for in Retry-After.
	maxRetryAfter = time.Hour

	// mostKeptWait is how long a config that has its list from the storage waits for the server
	// of it: most answer within this time, and Caddy starts before anybody who waits for it
	// gives up, with several lists too.
	mostKeptWait = 2 * time.Second

	// keepDelay is how often a list of a config that loads is tried to be kept: before the
	// config runs, it has no storage to keep it in.
	keepDelay = time.Second
)

// fetchedList is a list that is fetched from time to time, for all sources that have it.
type fetchedList struct {
	current
	key    httpKey
	client *listClient
	stop   context.CancelFunc

	// What follows is of the one goroutine that fetches.
	version validators // of the list in force
	sum     string     // of its text
	backOff backoff.ExponentialBackOff
	keptKey string
	unkept  *keptList // what is still to be kept, or nil
}

// fetchList gets a list, from the storage if it cannot be fetched, and goes on to fetch it.
func fetchList(storage certmagic.Storage, key httpKey, u *url.URL, headers http.Header) (*fetchedList, error) {
	l := &fetchedList{
		key:     key,
		client:  newListClient(u, headers, key.ca, key.timeout),
		keptKey: keptKey(key),
		backOff: backoff.ExponentialBackOff{
			InitialInterval:     key.interval,
			RandomizationFactor: jitter,
			Multiplier:          2,
			MaxInterval:         max(key.interval, min(maxBackOffIntervals*key.interval, maxBackOff)),
		},
	}
	kept := l.useKept(storage)
	var ctx context.Context
	ctx, l.stop = context.WithCancel(context.Background())
	first := make(chan error, 1)
	go l.run(ctx, kept != nil, first)
	if kept == nil {
		if err := <-first; err != nil {
			l.stop()
			return nil, fmt.Errorf("url %s: %w", shownURL(u), err)
		}
		return l, nil
	}
	select {
	case err := <-first:
		if err == nil {
			return l, nil
		}
	case <-time.After(mostKeptWait):
		l.logger().Warn("the server of the list of origins has not answered yet", zap.Duration("waited", mostKeptWait))
	}
	l.logger().Warn("the list of origins that was kept in the storage is in force", zap.Time("fetched", kept.Fetched), zap.Duration("age", time.Since(kept.Fetched).Round(time.Second)))
	return l, nil
}

// Destruct ends the fetches. The list stays, for requests of a config that goes.
func (l *fetchedList) Destruct() error {
	l.stop()
	return nil
}

// logger returns where to log, as the config has it that runs: it may be a later one.
func (l *fetchedList) logger() *zap.Logger {
	return caddy.Log().Named(Namespace + ".http").With(zap.String("url", shownURL(l.client.url)))
}

// useKept puts the list in force that is kept in the storage, if there is one and it is
// good. It returns nil if there is none.
func (l *fetchedList) useKept(storage certmagic.Storage) *keptList {
	kept, err := loadKept(storage, l.keptKey)
	if kept == nil && err == nil {
		return nil
	}
	var list *List
	if err == nil {
		list, err = ParseList(kept.text, l.key.rules)
	}
	if err != nil {
		l.logger().Warn("the list of origins that was kept in the storage is of no use", zap.Error(err))
		return nil
	}
	l.list.Store(list)
	l.counts.Last, l.ended = kept.Fetched, endsLines(kept.text)
	l.version, l.sum = kept.validators, kept.Sum
	return kept
}

// run fetches the list until ctx is done, or there is none at first. It tells what the first
// fetch came to.
func (l *fetchedList) run(ctx context.Context, kept bool, first chan<- error) {
	defer l.client.CloseIdleConnections()
	err := l.refresh(ctx, kept)
	first <- err
	if l.list.Load() == nil {
		return
	}
	next := time.NewTimer(l.wait(err))
	defer next.Stop()
	keeps := time.NewTimer(keepDelay)
	defer keeps.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-keeps.C:
			if !l.keep() {
				keeps.Reset(keepDelay)
			}
		case <-next.C:
			began := time.Now()
			err := l.refresh(ctx, l.isKept())
			if ctx.Err() != nil {
				return
			}
			l.keep()
			wait := l.wait(err)
			if err == nil {
				wait = max(0, wait-time.Since(began)) // a list that takes long is not fetched less often
			}
			next.Reset(wait)
		}
	}
}

// refresh fetches the list, and logs what is new about it. That there is none at first, it
// leaves to the config that fails.
func (l *fetchedList) refresh(ctx context.Context, kept bool) error {
	before, failed := l.list.Load(), l.failed() != nil
	err := l.fetch(ctx, kept)
	if list := l.list.Load(); ctx.Err() == nil && before != nil && (err != nil || failed || list != before) {
		logRefresh(l.logger(), list, err)
	}
	return err
}

// wait returns how long to wait after a fetch.
func (l *fetchedList) wait(err error) time.Duration {
	if err == nil {
		l.backOff.Reset()
		defer l.backOff.Reset() // the first failure does not wait for longer
	}
	wait := l.backOff.NextBackOff()
	if refused := new(statusError); errors.As(err, &refused) {
		wait = max(wait, min(refused.retryAfter, max(maxRetryAfter, l.key.interval)))
	}
	return wait
}

// fetch gets the list, and takes it if it is good. If it is not kept, the version that is
// in force is asked for again. It returns what was wrong.
func (l *fetchedList) fetch(ctx context.Context, kept bool) error {
	version := l.version
	if !kept {
		version = validators{}
	}
	got, err := l.client.fetch(ctx, version)
	if err == nil && got.unchanged {
		l.confirm()
		return nil
	}
	sum := sumOf(got.text)
	if err == nil && sum == l.sum {
		l.confirm()
	} else if err := l.parse(got.text, l.key.rules, l.key.interval/10, err); err != nil {
		return err
	}
	if sum != l.sum || !kept {
		l.unkept = &keptList{URL: shownURL(l.client.url), validators: got.validators, Fetched: time.Now(), Sum: sum, text: got.text}
	}
	l.version, l.sum = got.validators, sum
	return nil
}

// keep stores the last good list, if it is not kept yet. If that fails, it is tried again
// after the next fetch. It reports false if there is no storage yet.
func (l *fetchedList) keep() bool {
	storage := runningStorage()
	if l.unkept == nil || storage == nil {
		return l.unkept == nil
	}
	if err := keep(storage, l.keptKey, l.unkept); err != nil {
		l.logger().Error("the list of origins cannot be kept in the storage, for a start while its server is down", zap.Error(err))
		return true
	}
	l.unkept = nil
	return true
}

// isKept reports whether the list is kept, or about to be. It is not where the config has
// another storage than before.
func (l *fetchedList) isKept() bool {
	storage := runningStorage()
	return l.unkept != nil || storage == nil || isKept(storage, l.keptKey)
}
