package source

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// TestAskLimit shows how many questions are asked at a time, what becomes of the others,
// and that those about origins that are known have room kept free.
func TestAskLimit(t *testing.T) {
	none := caddy.Duration(0)
	for name, stale := range map[string]*caddy.Duration{"stale": nil, "stale off": &none} {
		t.Run(name, func(t *testing.T) { testAskLimit(t, stale) })
	}
}

func testAskLimit(t *testing.T, stale *caddy.Duration) {
	e := newEndpoint(t, answers(http.StatusOK))
	a := asking(t, e, Ask{TTL: caddy.Duration(100 * time.Millisecond), Timeout: caddy.Duration(time.Minute), Stale: stale})
	if !a.AllowsOrigin(tenant, "https://known.example") {
		t.Fatal("not allowed")
	}
	begin := make(chan struct{})
	e.does(func(_ http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.FormValue("origin"), "forged") {
			<-begin
		}
	})
	var waiting sync.WaitGroup
	for i := range maxNewAsks {
		waiting.Go(func() { a.AllowsOrigin(tenant, "https://forged"+strconv.Itoa(i)+".example") })
	}
	soon(t, "all questions", func() bool { return e.asks.Load() == 1+maxNewAsks })
	const refused = "https://one-more.example"
	for range 10 {
		if a.AllowsOrigin(tenant, refused) { // a minute later, if it waited
			t.Error("allowed without asking")
		}
	}
	if s := a.Asks(); s.Refused != 10 || s.Denied != 0 {
		t.Errorf("what is refused is not counted, or kept: %+v", s)
	}
	asked := a.Asks().AskedAllowed
	soon(t, "that a known one is asked about", func() bool {
		return a.AllowsOrigin(tenant, "https://known.example") && a.Asks().AskedAllowed > asked
	})
	close(begin)
	waiting.Wait()
	soon(t, "room for the next one", func() bool { return a.AllowsOrigin(tenant, refused) })
}

// memory returns how many bytes are in use.
func memory() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestAskFlood sends many forged origins, as many at a time as there may be requests, to
// an endpoint that is slow. Memory is bounded, the endpoint is asked a bounded number of
// questions at a time, and an origin that is allowed stays so, at once.
func TestAskFlood(t *testing.T) {
	const forged, clients, entries = 100_000, 500, 1000
	var now, most atomic.Int64
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		for n := now.Add(1); n > most.Load(); {
			most.CompareAndSwap(most.Load(), n)
		}
		defer now.Add(-1)
		time.Sleep(5 * time.Millisecond)
		knows("https://known.example")(w, r)
	})
	a := asking(t, e, Ask{MaxEntries: entries, TTL: caddy.Duration(time.Second)})
	if !a.AllowsOrigin(tenant, "https://known.example") {
		t.Fatal("not allowed")
	}
	before := memory()

	var sent atomic.Int64
	var flood, known sync.WaitGroup
	for range clients {
		flood.Go(func() {
			// As of HTTP/1 with a whole URL in the request line: the host is part of it.
			line := strings.Repeat("x", 10_000) + "api.example.com"
			r := page(line[10_000:])
			for n := sent.Add(1); n <= forged; n = sent.Add(1) {
				if a.AllowsOrigin(r, "https://forged"+strconv.FormatInt(n, 10)+".example") {
					t.Error("a forged origin is allowed")
				}
			}
		})
	}
	over := make(chan struct{})
	var hits int
	known.Go(func() {
		for ; ; hits++ {
			select {
			case <-over:
				return
			default:
			}
			if !a.AllowsOrigin(tenant, "https://known.example") {
				t.Error("the known origin is denied")
				return
			}
		}
	})
	flood.Wait()
	close(over)
	known.Wait()

	s := a.Asks()
	t.Logf("%d questions, %d at a time at most; %d answers for the known origin meanwhile; %+v", e.asks.Load(), most.Load(), hits, s)
	if most.Load() > maxAsks {
		t.Errorf("the endpoint was asked %d questions at a time", most.Load())
	}
	if s.Denied > entries || s.Allowed != 1 {
		t.Errorf("%d answers that deny and %d that allow are kept", s.Denied, s.Allowed)
	}
	if s.AskedDenied+s.Refused+s.AskedFailed != forged {
		t.Errorf("not all of them were asked about, or refused: %+v", s)
	}
	soon(t, "the end of all questions", func() bool { return a.flights() == 0 })
	if after := memory(); after > before+4<<20 {
		t.Errorf("%d bytes more are in use than before", after-before)
	}
}

// TestAskHostFlood sends an origin that is allowed with many forged hosts, to an endpoint
// that looks at the origin alone. Whether it comes before other customers or after them, it
// pushes none of them out, nor do they then push out each other.
func TestAskHostFlood(t *testing.T) {
	const entries, customers, forged = 100, 60, 500
	e := newEndpoint(t, answers(http.StatusOK))
	a := asking(t, e, Ask{MaxEntries: entries, TTL: caddy.Duration(time.Hour)})
	flood := func() {
		for i := range forged {
			a.AllowsOrigin(page("forged"+strconv.Itoa(i)+".example"), "https://hostile.example")
		}
	}
	visit := func(from, to int) (asked int64) {
		before := e.asks.Load()
		for i := from; i < to; i++ {
			n := strconv.Itoa(i)
			if !a.AllowsOrigin(page("api"+n+".example"), "https://customer"+n+".example") {
				t.Errorf("customer %s is denied", n)
			}
		}
		return e.asks.Load() - before
	}
	visit(0, customers/2)
	flood()
	if n := visit(0, customers/2); n > 0 {
		t.Errorf("%d customers that were there before were pushed out", n)
	}
	visit(customers/2, customers)
	if n := visit(0, customers); n > 0 {
		t.Errorf("%d customers were pushed out by others, where one origin had more than all of them", n)
	}
	flood()
	if n := visit(0, customers); n > 0 {
		t.Errorf("%d customers were pushed out", n)
	}
	if s := a.Asks(); s.Allowed != entries {
		t.Errorf("%d answers are kept", s.Allowed)
	}
}

// TestAskMemory shows what the answers that are kept take, whatever request they are from,
// and that those that deny push out none that allow.
func TestAskMemory(t *testing.T) {
	const entries = 2000
	for name, test := range map[string]struct {
		handler         http.HandlerFunc
		oneOrigin       bool
		allowed, denied int
	}{
		"that deny":                    {knows("https://known.example"), false, 1, entries},
		"that allow many origins":      {answers(http.StatusOK), false, entries, 0},
		"that allow one at many hosts": {answers(http.StatusOK), true, entries, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, test.handler)
			a := asking(t, e, Ask{MaxEntries: entries, NegativeTTL: caddy.Duration(time.Hour)})
			if !a.AllowsOrigin(tenant, "https://known.example") {
				t.Fatal("not allowed")
			}
			before := memory()
			for i := range 2 * entries {
				// Both are parts of something large, as of the header of a request.
				header := strings.Repeat("x", 32<<10) + "https://" + strconv.Itoa(i) + ".example"
				origin, host := header[32<<10:], header[len(header)-len("0.example"):]
				if test.oneOrigin {
					origin, host = "https://known.example", header[32<<10+len("https://"):]
				}
				a.AllowsOrigin(page(host), origin)
			}
			e.CloseClientConnections()
			after := memory()
			if s := a.Asks(); s.Denied != test.denied || s.Allowed != test.allowed {
				t.Errorf("%d answers that deny and %d that allow are kept", s.Denied, s.Allowed)
			}
			if each := float64(after-min(before, after)) / entries; each > 1024 {
				t.Errorf("each takes %.0f bytes", each)
			} else {
				t.Logf("each takes %.0f bytes", each)
			}
		})
	}
}

// TestAskAllocations shows that what is known is told without an allocation.
func TestAskAllocations(t *testing.T) {
	e := newEndpoint(t, knows("https://a.example"))
	a := asking(t, e, Ask{})
	for _, host := range []string{"api.example.com", "api.example.com:8443"} {
		for _, origin := range []string{"https://a.example", "https://b.example"} {
			r := page(host)
			a.AllowsOrigin(r, origin)
			if n := testing.AllocsPerRun(1000, func() { a.AllowsOrigin(r, origin) }); n > 0 {
				t.Errorf("%s at %s: %v allocations", origin, host, n)
			}
		}
	}
	if n := e.asks.Load(); n != 2 {
		t.Errorf("it was asked %d times", n)
	}
}

// BenchmarkAsk measures an answer that is known, among as many as are kept.
func BenchmarkAsk(b *testing.B) {
	e := newEndpoint(b, answers(http.StatusOK))
	a := asking(b, e, Ask{TTL: caddy.Duration(time.Hour)})
	for i := range defaultMaxEntries {
		a.asker.value.keep(question{"https://tenant" + strconv.Itoa(i) + ".example", "api.example.com"}, askAllowed, 0)
	}
	const origin = "https://tenant5000.example"
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.AllowsOrigin(tenant, origin)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				a.AllowsOrigin(tenant, origin)
			}
		})
	})
	if n := e.asks.Load(); n > 0 {
		b.Errorf("it was asked %d times", n)
	}
}
