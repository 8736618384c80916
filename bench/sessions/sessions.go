// Package sessions counts the preflights that a real Chromium sends while a page works
// with an API of another origin, under what several servers answer to them.
//
// The page calls ten endpoints by five methods with three sets of headers. What is
// counted is what arrives at the API.
package sessions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
)

// pause is how long the page does nothing before it does the same again: longer than
// the 5 seconds for which browsers remember a preflight whose answer does not say how
// long (Fetch, CORS-preflight fetch, "max-age").
const pause = 6 * time.Second

// Result is what was counted.
type Result struct {
	Requests int // of one session, preflights aside
	Pause    time.Duration
	Chromium string // version
	Node     string // version
	Rows     []Row
}

// Row is what one contender was asked.
type Row struct {
	Contender   string
	Own         bool   // whether it is this module, in one of its configs
	Config      string // what it is told beside the origin, for readers
	Plain       Count
	Credentials Count // with credentials, which it is told to allow
}

// Count has the preflights of a session, of the same one at once behind it, and of the
// same one after a pause.
type Count struct{ First, AtOnce, Later int }

// Run counts the preflights of all contenders, one after another, each with a Chromium
// of its own, since what browsers remember is kept by the browser.
func Run(ctx context.Context, o how.Options) (_ *Result, err error) {
	dir, err := os.MkdirTemp("", "sessions")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, removeAll(dir)) }()

	result := &Result{Requests: len(session()), Pause: pause}
	if o.Quick {
		result.Pause = 0
	}
	if result.Chromium, err = version(ctx, chromium); err != nil {
		return nil, err
	}
	if result.Node, err = version(ctx, node); err != nil {
		return nil, err
	}
	o.Logf("building Caddy, and installing the packages of Express")
	programs, err := prepare(ctx, dir)
	if err != nil {
		return nil, err
	}
	for _, c := range contenders {
		row, err := countPreflights(ctx, programs, c, result.Pause)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		o.Logf("%s: %d preflights, %d with credentials", c.name, row.Plain.First, row.Credentials.First)
		result.Rows = append(result.Rows, row)
	}
	return result, nil
}

// countPreflights has a page work with two APIs of one contender, one of which allows
// credentials, then pause, and do all of it again.
func countPreflights(ctx context.Context, programs *programs, c contender, pause time.Duration) (row Row, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p, err := openTab()
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	row = Row{Contender: c.name, Own: c.own, Config: c.config}
	var apis [2]*api
	for i := range apis {
		apis[i], err = c.start(ctx, programs, p.origin, i == 1)
		if err != nil {
			return row, err
		}
		defer func() { err = errors.Join(err, apis[i].close()) }()
	}
	counts := [2]*Count{&row.Plain, &row.Credentials}
	for i, count := range counts {
		for _, n := range []*int{&count.First, &count.AtOnce} {
			if *n, err = p.work(ctx, apis[i], i == 1); err != nil {
				return row, err
			}
		}
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
		return row, ctx.Err()
	}
	for i, count := range counts {
		if count.Later, err = p.work(ctx, apis[i], i == 1); err != nil {
			return row, err
		}
	}
	return row, nil
}
