package size

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	jub0bs "github.com/jub0bs/cors"
	rs "github.com/rs/cors"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	caddycors "github.com/seed-9442523e/caddy-cors"
	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
	"github.com/seed-9442523e/caddy-cors/bench/internal/tenants"
)

func TestRun(t *testing.T) {
	r, err := Run(t.Context(), how.Options{Quick: true, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range r.Heap {
		if h.RawBytes < 24*h.Origins || h.RawBytes > 39*h.Origins {
			t.Errorf("the origins have no such size: %+v", h)
		}
		if h.Ratio < 0.8 || h.Ratio > 20 {
			t.Errorf("odd: %+v", h)
		}
	}
	if l := r.Load[0]; len(r.Load) != 2 || l.Contender != This || l.Ratio != 1 || l.Seconds <= 0 {
		t.Errorf("the loads are %+v", r.Load)
	}
	for _, table := range r.Tables() {
		if text := table.String(); strings.Contains(text, "%!") || strings.Contains(text, "NaN") {
			t.Error(text)
		}
		for _, row := range table.Rows {
			if len(row) != len(table.Columns) {
				t.Errorf("%s: %d cells, %d columns: %q", table.Title, len(row), len(table.Columns), row)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, how.Options{Quick: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// TestHeapOf shows that what is kept counts, and what is not does not.
func TestHeapOf(t *testing.T) {
	const n = 10_000
	raw := tenants.Bytes(tenants.Origins(n))
	for _, test := range []struct {
		name        string
		build       func(origins []string) (any, error)
		least, most int
	}{
		{"nothing", func([]string) (any, error) { return nil, nil }, -raw / 20, raw / 20},
		{"one string", func(origins []string) (any, error) { return strings.Join(origins, ""), nil }, raw * 9 / 10, raw * 12 / 10},
		{"the list", func(origins []string) (any, error) { return origins, nil }, raw + 16*n*9/10, 2*raw + 16*n},
	} {
		size, err := heapOf(n, test.build)
		if err != nil {
			t.Fatal(err)
		}
		if size < test.least || size > test.most {
			t.Errorf("%s: %d bytes, want %d to %d", test.name, size, test.least, test.most)
		}
	}
	broken := errors.New("broken")
	if _, err := heapOf(1, func([]string) (any, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
}

// TestContenders shows that each of them tells the origins of the list from others.
func TestContenders(t *testing.T) {
	origins := tenants.Origins(1000)
	for _, c := range holders() {
		built, err := c.build(tenants.Origins(1000))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, origin := range origins {
			if !allows(t, built, origin) {
				t.Fatalf("%s does not allow %s", c.name, origin)
			}
		}
		if allows(t, built, tenants.Stranger) {
			t.Errorf("%s allows %s", c.name, tenants.Stranger)
		}
	}
}

// allows asks what a contender built about an origin.
func allows(t *testing.T, built any, origin string) bool {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Origin", origin)
	w := httptest.NewRecorder()
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	switch c := built.(type) {
	case *caddycors.Handler:
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, make(map[string]any)))
		err := c.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
	case *jub0bs.Middleware:
		c.Wrap(next).ServeHTTP(w, r)
	case *rs.Cors:
		c.Handler(next).ServeHTTP(w, r)
	case map[string]struct{}:
		_, ok := c[origin]
		return ok
	default:
		t.Fatalf("what is a %T?", built)
	}
	return w.Header().Get("Access-Control-Allow-Origin") == origin
}

func BenchmarkLoad(b *testing.B) {
	origins := tenants.Origins(100_000)
	for _, c := range loaders() {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.build(origins); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHeap(b *testing.B) {
	const n = 100_000
	raw := float64(tenants.Bytes(tenants.Origins(n)))
	for _, c := range holders() {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				size, err := heapOf(n, c.build)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(size)/raw, "heap/raw")
			}
		})
	}
}
