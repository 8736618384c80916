package source

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// flights returns how many questions are being asked.
func (a *Ask) flights() int {
	a.asker.value.mu.Lock()
	defer a.asker.value.mu.Unlock()
	return len(a.asker.value.flights)
}

// TestAskOnce shows that what many requests want to know at once is asked once, for each
// origin and each host.
func TestAskOnce(t *testing.T) {
	begin := make(chan struct{})
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		<-begin
		knows("https://a.example")(w, r)
	})
	a := asking(t, e, Ask{Timeout: caddy.Duration(time.Minute)})
	const requests = 200
	var allowed, denied atomic.Int64
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			host := []string{"one.example", "Two.example:8443"}[i%2]
			origin := []string{"https://a.example", "https://b.example"}[i/2%2]
			if a.AllowsOrigin(page(host), origin) {
				allowed.Add(1)
			} else {
				denied.Add(1)
			}
		})
	}
	soon(t, "all questions", func() bool { return e.asks.Load() == 4 })
	close(begin)
	all.Wait()
	if allowed.Load() != requests/2 || denied.Load() != requests/2 || e.asks.Load() != 4 {
		t.Errorf("%d allowed, %d denied, asked %d times", allowed.Load(), denied.Load(), e.asks.Load())
	}
}

// TestAskAgain shows that answers count for their time, and not longer.
func TestAskAgain(t *testing.T) {
	const long, short = caddy.Duration(time.Hour), caddy.Duration(200 * time.Millisecond)
	for name, test := range map[string]struct {
		before, after http.HandlerFunc
		options       Ask
		allowed       bool // at first
		changes       bool
	}{
		"an allowed one":               {answers(200), answers(403), Ask{TTL: short, NegativeTTL: long, Stale: lasting(0)}, true, true},
		"an allowed one, in its time":  {answers(200), answers(403), Ask{TTL: long, NegativeTTL: short, Stale: lasting(0)}, true, false},
		"a denied one":                 {answers(403), answers(200), Ask{TTL: long, NegativeTTL: short}, false, true},
		"a denied one, in its time":    {answers(403), answers(200), Ask{TTL: short, NegativeTTL: long}, false, false},
		"after a failure":              {answers(500), answers(200), Ask{TTL: long, NegativeTTL: long}, false, true},
		"after a failure, quickly":     {answers(500), answers(200), Ask{TTL: long, NegativeTTL: short}, false, true},
		"stale, and allowed no more":   {answers(200), answers(403), Ask{TTL: short, NegativeTTL: long, Stale: lasting(time.Hour)}, true, true},
		"stale, while it fails":        {answers(200), answers(500), Ask{TTL: short, NegativeTTL: short, Stale: lasting(time.Hour)}, true, false},
		"stale, while it says nothing": {answers(200), stalls, Ask{TTL: short, NegativeTTL: short, Timeout: short, Stale: lasting(time.Hour)}, true, false},
		"stale for too long":           {answers(200), answers(500), Ask{TTL: short, NegativeTTL: long, Stale: lasting(time.Second)}, true, true},
		"not stale, and it fails":      {answers(200), answers(500), Ask{TTL: short, NegativeTTL: long, Stale: lasting(0)}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, test.before)
			a := asking(t, e, test.options)
			if a.AllowsOrigin(tenant, "https://a.example") != test.allowed {
				t.Fatalf("allowed: %v", !test.allowed)
			}
			e.does(test.after)
			if test.changes {
				soon(t, "another answer", func() bool { return a.AllowsOrigin(tenant, "https://a.example") != test.allowed })
			}
			for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				if allowed := a.AllowsOrigin(tenant, "https://a.example"); allowed != (test.allowed != test.changes) {
					t.Fatalf("allowed: %v", allowed)
				}
			}
			if s := a.Asks(); s.Allowed+s.Denied != 1 {
				t.Errorf("one answer is kept as %+v", s)
			}
			if n := e.asks.Load(); n > 40 { // of hundreds of requests
				t.Errorf("it was asked %d times", n)
			}
		})
	}
}

// TestAskStaleAtOnce shows that nobody waits for an endpoint to allow again what it
// allowed.
func TestAskStaleAtOnce(t *testing.T) {
	e := newEndpoint(t, answers(http.StatusOK))
	a := asking(t, e, Ask{TTL: caddy.Duration(100 * time.Millisecond), Timeout: caddy.Duration(time.Hour)})
	if !a.AllowsOrigin(tenant, "https://a.example") {
		t.Fatal("not allowed")
	}
	e.does(stalls)
	soon(t, "a second question", func() bool { return a.AllowsOrigin(tenant, "https://a.example") && e.asks.Load() == 2 })
	for range 1000 {
		if !a.AllowsOrigin(tenant, "https://a.example") { // an hour later, if it waited
			t.Fatal("not allowed")
		}
	}
	if s := a.Asks(); s.HitsStale < 1000 || e.asks.Load() != 2 {
		t.Errorf("it was asked %d times: %+v", e.asks.Load(), s)
	}
}

// TestAskGivesUp shows that a request that ends waits no more, and that the answer is there
// for the next one.
func TestAskGivesUp(t *testing.T) {
	begin := make(chan struct{})
	e := newEndpoint(t, func(http.ResponseWriter, *http.Request) { <-begin })
	a := asking(t, e, Ask{Timeout: caddy.Duration(time.Minute)})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if a.AllowsOrigin(tenant.WithContext(ctx), "https://a.example") {
		t.Error("allowed without an answer")
	}
	close(begin)
	soon(t, "an answer", func() bool { return a.Asks().Allowed == 1 })
	if !a.AllowsOrigin(tenant, "https://a.example") || e.asks.Load() != 1 {
		t.Errorf("it was asked %d times", e.asks.Load())
	}
}

// TestAskReadsTheStatus shows that nobody waits for the body of an answer.
func TestAskReadsTheStatus(t *testing.T) {
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		stalls(w, r)
	})
	a := asking(t, e, Ask{Timeout: caddy.Duration(time.Minute)})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if !a.AllowsOrigin(tenant.WithContext(ctx), "https://a.example") {
		t.Error("not allowed within ten seconds")
	}
}
