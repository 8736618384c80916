package source

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// askers are the askers of this process, by their askOptions.
var askers = caddy.NewUsagePool()

const (
	// maxNewAsks is how many questions about origins that are not known are asked at a
	// time. Forged ones can take no more, so that those that are known are asked about
	// again in time: to stay allowed, or not.
	maxNewAsks = maxAsks * 3 / 4

	// maxFailedTTL is how long a failure counts, at most: an endpoint that is well again is
	// asked soon, and one that is not has a pause.
	maxFailedTTL = 2 * time.Second

	// logPause is between lines of the log about failures.
	logPause = 10 * time.Second

	// maxErrorBytes bounds what a line has of an error, some of which endpoints write.
	maxErrorBytes = 300
)

// askOptions tell askers apart.
type askOptions struct {
	url         string
	ttl         time.Duration
	negativeTTL time.Duration
	timeout     time.Duration
	maxEntries  int
	stale       time.Duration
}

// question is what the endpoint is asked, and what answers are kept by.
type question struct{ origin, host string }

// flight is a question that is being asked.
type flight struct {
	done    chan struct{} // closed when it is answered
	allowed bool          // may be read then
}

// asker asks an endpoint, and keeps what it answers, for all sources that ask the same
// in the same way.
//
// Answers that allow are kept apart from those that deny, so that forged origins, of which
// there are as many as somebody likes, push none of them out. That forged hosts do not is
// up to [grants].
type asker struct {
	options  askOptions
	endpoint *url.URL // without question
	client   *http.Client

	mu      sync.Mutex
	allowed *grants
	denied  *simplelru.LRU[question, time.Duration] // until when
	flights map[question]*flight
	ended   bool // no config has it any more
	counts  AskCounts
	losses  losses
	logTime time.Duration // when the log may tell of them
}

// losses are what was not answered since the log told of it.
type losses struct {
	failed, refused uint64
	question        question // the last one that failed
	err             error    // and why
}

func newAsker(endpoint *url.URL, options askOptions) (*asker, error) {
	denied, err := simplelru.NewLRU[question, time.Duration](options.maxEntries, nil)
	if err != nil {
		return nil, err
	}
	return &asker{
		options:  options,
		endpoint: withoutQuestion(endpoint),
		client: newClient(options.timeout, &http.Transport{
			DisableCompression:     true,
			MaxConnsPerHost:        maxAsks,
			MaxIdleConns:           maxAsks,
			MaxIdleConnsPerHost:    maxAsks,
			MaxResponseHeaderBytes: maxAnswerHeaderBytes,
		}),
		allowed: newGrants(options.maxEntries),
		denied:  denied,
		flights: make(map[question]*flight),
	}, nil
}

// Destruct ends the asking. What is known stays, for requests of a config that goes.
func (a *asker) Destruct() error {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.client.CloseIdleConnections()
	return nil
}

var started = time.Now()

// uptime is the time since the process started: a clock that is quick to read, and that
// nobody sets.
func uptime() time.Duration { return time.Since(started) }

// allows answers a question, from what is known if it can. Who asks gives up when ctx
// ends; the question is asked to the end, for the next one.
func (a *asker) allows(ctx context.Context, q question) bool {
	allowed, f := a.look(q)
	if f == nil {
		return allowed
	}
	select {
	case <-f.done:
		return f.allowed
	case <-ctx.Done():
		return false
	}
}

// look answers from what is known, or returns the flight to wait for.
func (a *asker) look(q question) (bool, *flight) {
	now := uptime()
	a.mu.Lock()
	defer a.mu.Unlock()
	known, wasAllowed := a.allowed.Get(q)
	if wasAllowed && now < known.until {
		if now >= known.again {
			a.launch(q, maxAsks)
		}
		if now < known.until-a.options.stale {
			a.counts.HitsAllowed++
		} else {
			a.counts.HitsStale++
		}
		return true, nil
	}
	if until, ok := a.denied.Get(q); ok && now < until {
		a.counts.HitsDenied++
		return false, nil
	}
	if wasAllowed { // and most likely is again
		return false, a.launch(q, maxAsks)
	}
	return false, a.launch(q, maxNewAsks)
}

// launch asks a question, unless it is being asked. It returns nil if it must not be
// asked now.
func (a *asker) launch(q question, most int) *flight {
	if f := a.flights[q]; f != nil {
		return f
	}
	if a.ended || !isHost(q.host) {
		return nil
	}
	if len(a.flights) >= most {
		a.counts.Refused++
		a.losses.refused++
		return nil
	}
	// These may be parts of a request's header, which is large, and would be kept whole.
	q = question{strings.Clone(q.origin), strings.Clone(q.host)}
	f := &flight{done: make(chan struct{})}
	a.flights[q] = f
	go a.fly(q, f)
	return f
}

// fly asks the endpoint.
func (a *asker) fly(q question, f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), a.options.timeout)
	defer cancel()
	start := uptime()
	response, err := a.client.Do(q.request(ctx, a.endpoint))
	result, failure := resultOf(response, err)
	a.keep(q, result, uptime()-start)
	f.allowed = result == askAllowed
	close(f.done)
	if err == nil {
		discard(response)
	}
	a.log(a.land(q, failure))
}

// keep keeps an answer that took some time.
func (a *asker) keep(q question, result askResult, took time.Duration) {
	now := uptime()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.add(result, took)
	switch result {
	case askAllowed:
		again := now + a.options.ttl
		a.allowed.Add(q, grant{again, again + a.options.stale})
		a.denied.Remove(q)
	case askDenied:
		a.denied.Add(q, now+a.options.negativeTTL)
		a.allowed.Remove(q)
	case askFailed:
		again := now + min(a.options.negativeTTL, maxFailedTTL)
		if known, ok := a.allowed.Peek(q); ok && now < known.until {
			a.allowed.Add(q, grant{again, known.until})
			return
		}
		a.denied.Add(q, again)
		a.allowed.Remove(q)
	}
}

// land makes room for the next question. It returns what the log has to tell now.
func (a *asker) land(q question, failure error) (lost losses) {
	now := uptime()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.flights, q)
	if a.ended {
		a.client.CloseIdleConnections() // Destruct may have been too early for this one
	}
	if failure != nil {
		a.losses.failed++
		a.losses.question, a.losses.err = q, failure
	}
	if a.losses != (losses{}) && now >= a.logTime {
		lost, a.losses = a.losses, losses{}
		a.logTime = now + logPause
	}
	return lost
}

// log tells what was not answered.
func (a *asker) log(lost losses) {
	if lost == (losses{}) {
		return
	}
	logger := caddy.Log().Named(Namespace + ".ask").With(zap.String("endpoint", shownURL(a.endpoint)))
	if lost.failed > 0 {
		logger.Error("the endpoint that is asked about origins fails",
			zap.Uint64("failures", lost.failed),
			zap.String("error", fetch.Printable(lost.err.Error(), maxErrorBytes)),
			zap.String("origin", fetch.Printable(lost.question.origin, maxShownBytes)),
			zap.String("host", fetch.Printable(lost.question.host, maxShownBytes)))
	}
	if lost.refused > 0 {
		logger.Warn("origins were denied without asking, as too many are being asked about",
			zap.Uint64("refused", lost.refused), zap.Int("at_a_time", maxNewAsks))
	}
}

// status tells how many answers are known, and what was asked.
func (a *asker) status() AskStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	return AskStatus{Shared: a, Allowed: a.allowed.Len(), Denied: a.denied.Len(), AskCounts: a.counts}
}
