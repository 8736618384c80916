//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// loadTally counts what happens to requests.
type loadTally struct {
	mutex    sync.Mutex
	sent     map[string]map[string]int // by kind and protocol
	failures map[string]int            // by class
	stale    int                       // answered by a config that was replaced before
	failed   int                       // wrong answers
	examples []string                  // the first of them
}

func (l *loadTally) count(protocol string, r *loadRequest) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.sent[r.kind] == nil {
		l.sent[r.kind] = make(map[string]int)
	}
	l.sent[r.kind][protocol]++
}

func (l *loadTally) countStale() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.stale++
}

// wrong notes a wrong answer.
func (l *loadTally) wrong(r *loadRequest, format string, args ...any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.failed++
	if len(l.examples) < 5 {
		l.examples = append(l.examples, fmt.Sprintf("%s: %s %s?%s %.500q\n", r.kind, r.method, r.path, r.query, r.header)+fmt.Sprintf(format, args...))
	}
}

// fail notes a request that got no answer, or not all of it.
func (l *loadTally) fail(r *loadRequest, err error) {
	class := failureClass(r, err)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.failures[class]++
}

// Classes of failures. Those that Caddy itself makes, when it is reloaded or when a
// backend dies, come in numbers that vary.
const (
	failedAborted  = "aborted by the client"
	failedTooLong  = "header beyond the limit not sent, or cut off"
	failedClosed   = "connection closed"
	failedCut      = "body cut short"
	failedTimedOut = "timed out"
	failedQUIC     = "HTTP/3 connection or stream closed"
)

// failureClass returns the class of a failure. One that has no class of its own is
// its own text, without numbers.
func failureClass(r *loadRequest, err error) string {
	var (
		application *quic.ApplicationError
		stream      *quic.StreamError
		transport   *quic.TransportError
		reset       *quic.StatelessResetError
		h3          *http3.Error
		timeout     net.Error
	)
	text := err.Error()
	switch {
	case r.manner == abortSending:
		return failedAborted
	case r.rejected != 0:
		return failedTooLong
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		return failedTimedOut
	case errors.As(err, &application), errors.As(err, &stream), errors.As(err, &transport), errors.As(err, &reset), errors.As(err, &h3),
		strings.Contains(text, "http3: "):
		return failedQUIC
	case errors.Is(err, io.ErrUnexpectedEOF), strings.HasPrefix(text, "stream error"):
		return failedCut
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed),
		strings.Contains(text, "server closed"), strings.Contains(text, "http2: "):
		return failedClosed
	}
	if sent := (*url.Error)(nil); errors.As(err, &sent) {
		text = sent.Err.Error()
	}
	return digits.ReplaceAllString(text, "#")
}

var digits = regexp.MustCompile(`[0-9]+`)

// compare fails if the module makes anything worse. Failures come by chance, some
// classes of them often, some once in a while, so their numbers are compared with room
// for that: a fault that every request of a kind meets would be there in hundreds.
func (l *loadRun) compare(t *testing.T, without *loadRun) {
	atMost := func(limit int, what string, of func(l *loadRun) int) {
		if got := of(l); got > limit {
			t.Errorf("%s: %d with the module, %d without, and at most %d will do", what, got, of(without), limit)
		}
	}
	for class := range l.failures {
		before := 3 * without.failures[class]
		limit := before + 2
		switch class {
		case failedAborted, failedTooLong:
			continue // they do it themselves
		case failedClosed:
			limit = before + l.total()/500
		case failedCut, failedQUIC, failedTimedOut:
			limit = before + 10
		}
		atMost(limit, class, func(l *loadRun) int { return l.failures[class] })
	}
	atMost(3*without.stale+l.total()/100, "answers of a config that was replaced before", func(l *loadRun) int { return l.stale })
	atMost(max(0, goroutinesMore(without))+10, "goroutines more than before the load", goroutinesMore)
	// Caddy keeps some of the configs that were replaced, by chance: 6 MB of them were seen.
	atMost(2*max(0, heapMore(without))+10<<20, "bytes of heap more than before the load", heapMore)
}

func goroutinesMore(l *loadRun) int { return l.after.goroutines - l.before.goroutines }
func heapMore(l *loadRun) int       { return l.after.heap - l.before.heap }

func (l *loadRun) total() (n int) {
	for _, protocols := range l.sent {
		for _, sent := range protocols {
			n += sent
		}
	}
	return n
}

// loadReport shows what was done and what came of it.
func loadReport(with, without *loadRun) string {
	var b strings.Builder
	line := func(what string, of func(l *loadRun) any) {
		fmt.Fprintf(&b, "%-46s %26v %26v\n", what, of(with), of(without))
	}
	line("", func(l *loadRun) any { return map[bool]string{true: "with the module", false: "without"}[l.site.module] })
	line("clients", func(*loadRun) any { return loadClients })
	line("requests sent", func(l *loadRun) any { return l.total() })
	for _, protocol := range slices.Sorted(maps.Keys(sumProtocols(with))) {
		line("  over "+protocol, func(l *loadRun) any { return sumProtocols(l)[protocol] })
	}
	for _, kind := range slices.Sorted(maps.Keys(with.sent)) {
		line("  "+kind, func(l *loadRun) any {
			n := 0
			for _, sent := range l.sent[kind] {
				n += sent
			}
			return n
		})
	}
	line("reloads", func(l *loadRun) any { return l.loaded.Load() })
	line("configs refused", func(l *loadRun) any { return l.refused })
	line("backend killed and started", func(l *loadRun) any { return l.backend.kills })
	classes := maps.Clone(with.failures)
	maps.Copy(classes, without.failures)
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		line("no answer: "+class, func(l *loadRun) any { return l.failures[class] })
	}
	line("answers of a config that was replaced before", func(l *loadRun) any { return l.stale })
	line("goroutines before and after", func(l *loadRun) any { return fmt.Sprintf("%d %d", l.before.goroutines, l.after.goroutines) })
	line("heap before and after, in MB", func(l *loadRun) any {
		return fmt.Sprintf("%.1f %.1f", float64(l.before.heap)/(1<<20), float64(l.after.heap)/(1<<20))
	})
	line("wrong answers", func(l *loadRun) any { return l.failed })
	return b.String()
}

func sumProtocols(l *loadRun) map[string]int {
	sum := make(map[string]int)
	for _, protocols := range l.sent {
		for protocol, n := range protocols {
			sum[protocol] += n
		}
	}
	return sum
}
