package caddycors

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// reusedWriter is a response writer whose header map is emptied for each request, so
// that what is measured is the handler.
type reusedWriter struct{ header http.Header }

func (w *reusedWriter) Header() http.Header         { return w.header }
func (w *reusedWriter) WriteHeader(int)             {}
func (w *reusedWriter) Write(p []byte) (int, error) { return len(p), nil }

var writeHeader = caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusOK)
	return nil
})

// scenario is a request under a policy, and how often the handler may allocate.
type scenario struct {
	name    string
	policy  Policy
	request string
	allocs  float64
	enforce bool
}

func scenarios() []scenario {
	lean := Policy{AllowOrigins: []string{"https://app.example.com"}}
	cookies := Policy{AllowOrigins: []string{"https://app.example.com"}, AllowCredentials: true, ExposeHeaders: []string{"X-Total-Count"}, AllowHeaders: []string{"Content-Type"}}
	open := Policy{AllowOrigins: []string{"*"}}
	const preflight = "OPTIONS\nOrigin: https://app.example.com\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: content-type"
	return []scenario{
		{"no origin", lean, "GET", 1, false},
		{"allowed", lean, "GET\nOrigin: https://app.example.com", 1, false},
		{"denied", lean, "GET\nOrigin: https://evil.example", 1, false},
		{"every origin", open, "GET\nOrigin: https://app.example.com", 1, false},
		{"credentials and exposed headers", cookies, "GET\nOrigin: https://app.example.com", 1, false},
		{"preflight", lean, preflight, 1, false},
		{"preflight with credentials", cookies, preflight, 1, false},
		{"denied preflight", lean, strings.Replace(preflight, "app", "evil", 1), 1, false},
		{"refused", lean, "GET\nOrigin: https://evil.example", 1, true},
	}
}

// handle returns a function that handles one request of s.
func (s scenario) handle(tb testing.TB) func() {
	h := provision(tb, &Handler{Policies: []*Policy{&s.policy}, Enforce: s.enforce})
	vars := make(map[string]any)
	r := newRequest(s.request)
	r = r.WithContext(context.WithValue(context.Background(), caddyhttp.VarsCtxKey, vars))
	w := &reusedWriter{make(http.Header)}
	return func() {
		clear(w.header)
		clear(vars)
		if err := h.ServeHTTP(w, r, writeHeader); err != nil {
			tb.Fatal(err)
		}
	}
}

// handleIn returns a function that handles one request of s as a server of Caddy does,
// with a context and a replacer of its own; and one that makes the request alone.
func (s scenario) handleIn(tb testing.TB, server *caddyhttp.Server) (handled, alone func()) {
	h := provision(tb, &Handler{Policies: []*Policy{&s.policy}, Enforce: s.enforce})
	h.accessLogs = server.Logs != nil
	bare := newRequest(s.request)
	bare.URL = &url.URL{Path: "/"}
	w := &reusedWriter{make(http.Header)}
	prepare := func() *http.Request {
		clear(w.header)
		return caddyhttp.PrepareRequest(bare, caddy.NewReplacer(), w, server)
	}
	return func() {
		if err := h.ServeHTTP(w, prepare(), writeHeader); err != nil {
			tb.Fatal(err)
		}
	}, func() { prepare() }
}

func TestAllocations(t *testing.T) {
	logged := &caddyhttp.Server{Logs: new(caddyhttp.ServerLogConfig)}
	for _, s := range scenarios() {
		if n := testing.AllocsPerRun(1000, s.handle(t)); n > s.allocs {
			t.Errorf("%s: %v allocations a request, at most %v", s.name, n, s.allocs)
		}
		handled, alone := s.handleIn(t, new(caddyhttp.Server))
		if n := testing.AllocsPerRun(1000, handled) - testing.AllocsPerRun(1000, alone); n > s.allocs {
			t.Errorf("%s: %v allocations more in a request of Caddy's, at most %v", s.name, n, s.allocs)
		}
		handled, alone = s.handleIn(t, logged)
		if n := testing.AllocsPerRun(1000, handled) - testing.AllocsPerRun(1000, alone); n > s.allocs+accessLogAllocs {
			t.Errorf("%s: %v allocations more with an access log, at most %v", s.name, n, s.allocs+accessLogAllocs)
		}
	}
}

// accessLogAllocs is how often the field of the access log makes Caddy allocate.
const accessLogAllocs = 3

// TestLaterHandlersCostNothing shows that a handler behind one that decided does not
// allocate.
func TestLaterHandlersCostNothing(t *testing.T) {
	outer := provision(t, &Handler{Policies: []*Policy{{AllowOrigins: []string{"*"}}}})
	later := provision(t, &Handler{Policies: []*Policy{{AllowOrigins: []string{"https://app.example.com"}}}})
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return later.ServeHTTP(w, r, writeHeader)
	})
	vars := make(map[string]any)
	r := newRequest("GET\nOrigin: https://app.example.com")
	r = r.WithContext(context.WithValue(context.Background(), caddyhttp.VarsCtxKey, vars))
	w := &reusedWriter{make(http.Header)}
	if n := testing.AllocsPerRun(1000, func() {
		clear(w.header)
		clear(vars)
		if err := outer.ServeHTTP(w, r, next); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHandler(b *testing.B) {
	for _, s := range scenarios() {
		handle := s.handle(b)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				handle()
			}
		})
	}
}

// BenchmarkRequest shows what a handler adds to what Caddy does to make a request ready,
// with an access log and without.
func BenchmarkRequest(b *testing.B) {
	for name, server := range map[string]*caddyhttp.Server{"quiet": {}, "access log": {Logs: new(caddyhttp.ServerLogConfig)}} {
		for _, s := range scenarios() {
			handled, alone := s.handleIn(b, server)
			for part, run := range map[string]func(){"handled": handled, "alone": alone} {
				b.Run(name+"/"+s.name+"/"+part, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						run()
					}
				})
			}
		}
	}
}

// BenchmarkObserve shows what it takes to count a decision and to tell it to placeholders
// and to the access log, without the decision and what follows from it.
func BenchmarkObserve(b *testing.B) {
	h := provision(b, &Handler{Policies: []*Policy{{AllowOrigins: []string{"https://app.example.com"}}}})
	for _, request := range []string{"GET", "GET\nOrigin: https://app.example.com", "GET\nOrigin: https://evil.example"} {
		r := newRequest(request)
		r.URL = &url.URL{Path: "/"}
		repl := caddy.NewReplacer()
		r = caddyhttp.PrepareRequest(r, repl, &reusedWriter{make(http.Header)}, new(caddyhttp.Server))
		fresh := *repl
		d := h.policies.decide(r)
		b.Run(d.outcome.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				*repl = fresh
				h.observe(d, r)
			}
		})
	}
}

// floods returns what handles a denied request: of a handler that logs none, of one that
// logs as it does, and of one that starts anew for each, so that all are logged.
func floods(tb testing.TB) map[string]func() {
	denied := scenarios()[2]
	logger := func(level zapcore.Level) *zap.Logger {
		return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), level))
	}
	handle := func(level zapcore.Level, before func(h *Handler)) func() {
		h := provision(tb, &Handler{Policies: []*Policy{&denied.policy}})
		h.logger = logger(level)
		r := newRequest(denied.request)
		w := &reusedWriter{make(http.Header)}
		return func() {
			before(h)
			clear(w.header)
			if err := h.ServeHTTP(w, r, writeHeader); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return map[string]func(){
		"quiet":      handle(zap.ErrorLevel, func(*Handler) {}),
		"sampled":    handle(zap.InfoLevel, func(*Handler) {}),
		"all logged": handle(zap.InfoLevel, func(h *Handler) { h.sampleKeys = sampleKeys() }),
	}
}

// BenchmarkDeniedFlood shows what a flood of denials costs, each.
func BenchmarkDeniedFlood(b *testing.B) {
	for name, handle := range floods(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				handle()
			}
		})
	}
}

// TestAFloodOfDenialsAllocatesNothing shows that a denial which the log leaves out
// allocates no more than one of a handler that logs none.
func TestAFloodOfDenialsAllocatesNothing(t *testing.T) {
	flood := floods(t)
	quiet := testing.AllocsPerRun(100, flood["quiet"])
	var sampled float64
	for range 3 { // a second may begin, in which some are logged again
		for range 2 * logBurst {
			flood["sampled"]()
		}
		if sampled = testing.AllocsPerRun(logThinning/4, flood["sampled"]); sampled <= quiet {
			return
		}
	}
	t.Errorf("%v allocations, %v of a handler that logs none", sampled, quiet)
}

// TestManyOriginsTakeLittleMemory shows that a handler with a long list of origins holds
// on to little more than their bytes, and to nothing of the list.
func TestManyOriginsTakeLittleMemory(t *testing.T) {
	const n = 200_000
	list, size := make([]string, n), 0
	for i := range list {
		list[i] = fmt.Sprintf("https://tenant%d.example.com", i)
		size += len(list[i])
	}
	before := liveHeap()
	h := provision(t, &Handler{Policies: []*Policy{{AllowOrigins: list}}})
	heap := liveHeap() - before
	if ratio := float64(heap) / float64(size); ratio > 1.3 {
		t.Errorf("%d bytes of origins take %d bytes of heap, %.2f times as many", size, heap, ratio)
	}
	if kept := cap(h.Policies[0].AllowOrigins); kept > 2*maxNearValues {
		t.Errorf("%d origins of the list are kept", kept)
	}
	runtime.KeepAlive(list)
}

// liveHeap returns how many bytes of the heap are in use.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held on to
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// BenchmarkManyOrigins shows that a request costs the same however many exact origins
// a policy has.
func BenchmarkManyOrigins(b *testing.B) {
	for _, n := range []int{1, 1_000, 100_000} {
		p := Policy{}
		for i := range n {
			p.AllowOrigins = append(p.AllowOrigins, fmt.Sprintf("https://tenant%d.example.com", i))
		}
		handle := scenario{policy: p, request: "GET\nOrigin: " + p.AllowOrigins[n/2]}.handle(b)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				handle()
			}
		})
	}
}

// TestNothingOutlivesAHandler shows that a handler that a reload replaces is free to go,
// with all that it compiled: nothing in the process holds on to it.
func TestNothingOutlivesAHandler(t *testing.T) {
	freed := make(chan bool, 1)
	func() {
		h := provision(t, &Handler{Policies: []*Policy{{AllowOrigins: []string{"https://app.example.com", "https://*.example.org"}}}})
		runtime.AddCleanup(h.policies, func(freed chan bool) { freed <- true }, freed)
		for _, request := range []string{"GET\nOrigin: https://app.example.com", "GET\nOrigin: https://evil.example", "GET", "OPTIONS\nOrigin: https://app.example.com\nAccess-Control-Request-Method: PUT"} {
			for _, h.ReportOnly = range []bool{false, true} {
				r := newRequest(request)
				r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, make(map[string]any)))
				if err := h.ServeHTTP(&reusedWriter{make(http.Header)}, r, writeHeader); err != nil {
					t.Fatal(err)
				}
			}
		}
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-freed:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the policies are still there")
}
