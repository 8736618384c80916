package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is requests that are sent at a rate, whether the ones before were answered or not,
// as those of many clients are.
type load struct {
	url    string
	rate   int                                 // a second
	origin func(i int) string                  // of the request of a number
	fault  func(origin, allowed string) string // what is wrong with an answer, or ""
	client *http.Client
}

// workers is how many requests may be under way. More are sent late, and their time runs.
const workers = 64

// newClient returns a client that keeps its connections.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}, Timeout: 30 * time.Second}
}

// run sends requests for a time. It returns how long each took from when it was due,
// sorted; those that are due but cannot be sent in time are left out. An error is that of
// an answer that is not as it should be.
func (l load) run(ctx context.Context, duration time.Duration) ([]time.Duration, error) {
	n := int(duration.Seconds() * float64(l.rate))
	took := make([]time.Duration, n)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	end := start.Add(duration)
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil || time.Now().After(end) {
					return
				}
				due := start.Add(time.Duration(i) * time.Second / time.Duration(l.rate))
				time.Sleep(time.Until(due))
				if err := l.send(ctx, l.origin(i)); err != nil {
					cancel(err)
					return
				}
				took[i] = time.Since(due)
			}
		})
	}
	group.Wait()
	slices.Sort(took)
	for len(took) > 0 && took[0] == 0 {
		took = took[1:]
	}
	return took, context.Cause(ctx)
}

// send sends one request.
func (l load) send(ctx context.Context, origin string) error {
	allowed, err := l.ask(ctx, origin)
	if err != nil {
		return err
	}
	if fault := l.fault(origin, allowed); fault != "" {
		return fmt.Errorf("%s: %s", origin, fault)
	}
	return nil
}

// ask sends a request, and returns which origin is allowed to read the response.
func (l load) ask(ctx context.Context, origin string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Origin", origin)
	resp, err := l.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: status %d", origin, resp.StatusCode)
	}
	return resp.Header.Get("Access-Control-Allow-Origin"), nil
}

// wantAllowed is the fault of an answer that does not allow its origin.
func wantAllowed(origin, allowed string) string {
	if allowed != origin {
		return fmt.Sprintf("%q is allowed", allowed)
	}
	return ""
}

// part returns the time within which a part of all requests was answered.
func part(took []time.Duration, part float64) float64 {
	return float64(took[min(int(part*float64(len(took))), len(took)-1)]) / float64(time.Millisecond)
}
