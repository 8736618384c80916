package caddycors

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// hostileRequests are request headers that no browser sends, by what is odd in them,
// of a size in bytes.
func hostileRequests(size int) map[string]string {
	actual := func(lines string) string { return "GET / HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n\r\n" }
	preflight := func(lines string) string {
		return "OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example.com\r\n" + lines + "\r\n\r\n"
	}
	asked := func(names string) string {
		return preflight("Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: " + names)
	}
	names := make([]string, size/32)
	for i := range names {
		names[i] = fmt.Sprintf("X-%029d", i)
	}
	many := func(line string) string { return strings.Repeat(line+"\r\n", size/len(line)) + "X: 1" }
	return map[string]string{
		"commas":                 asked(strings.Repeat(",", size)),
		"names":                  asked(strings.Join(names, ", ")),
		"short names":            asked(strings.Repeat("A, ", size/3)),
		"a name":                 asked(strings.Repeat("A", size)),
		"no list":                asked(strings.Repeat("a b,", size/4)),
		"lines of names":         preflight("Access-Control-Request-Method: PUT\r\n" + many("Access-Control-Request-Headers: X-One , x-two")),
		"lines of methods":       preflight(many("Access-Control-Request-Method: PUT")),
		"a method":               preflight("Access-Control-Request-Method: " + strings.Repeat("A", size)),
		"lines of origins":       actual(many("Origin: https://app.example.com")),
		"a label":                actual("Origin: https://" + strings.Repeat("a", size) + ".example.com"),
		"labels":                 actual("Origin: https://" + strings.Repeat("a.", size/2) + "example.com"),
		"a scheme":               actual("Origin: " + strings.Repeat("a", size) + "://app.example.com"),
		"digits":                 actual("Origin: https://app.example.com:" + strings.Repeat("1", size)),
		"binary":                 actual("Origin: https://" + strings.Repeat("\xff\x80", size/2)),
		"a whole host of labels": actual("Origin: https://" + strings.Repeat("a.", 115) + "example.com"),
		"a whole host":           actual("Origin: https://" + strings.Repeat("a", 240) + ".example.com"),
	}
}

// hostileHandlers are the handlers that have most to do, and what is behind them.
func hostileHandlers(t testing.TB) map[string]func(w http.ResponseWriter, r *http.Request) error {
	origins := []string{"https://app.example.com", "https://*.example.com", "https://shop-*.example.com", "https://*.a.a.a.a.example.com"}
	open := &Policy{AllowOrigins: origins}
	lists := &Policy{AllowOrigins: origins, AllowMethods: []string{"PUT"}, AllowHeaders: []string{"X-One", "X-Two"}}
	echo := &Policy{AllowOrigins: origins, AllowOriginRegex: []string{`https://[a-z]+(-[a-z]+)*\.example\.com`}, AllowCredentials: true, AllowMethods: []string{"*"}}
	handlers := make(map[string]func(w http.ResponseWriter, r *http.Request) error)
	for name, h := range map[string]*Handler{
		"open":      {Policies: []*Policy{open}},
		"lists":     {Policies: []*Policy{lists}},
		"echo":      {Policies: []*Policy{echo}},
		"forwarded": {Policies: []*Policy{echo}, ForwardPreflights: true},
		"trial":     {Policies: []*Policy{echo}, ReportOnly: true},
	} {
		provision(t, h)
		h.logger = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(io.Discard), zap.InfoLevel))
		handlers[name] = func(w http.ResponseWriter, r *http.Request) error {
			return h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				// A backend that says yes to all that it is asked.
				w.Header()[headerAllowOrigin] = r.Header[headerOrigin]
				w.Header()[headerAllowCredentials] = []string{"true"}
				w.Header()[headerAllowMethods] = r.Header[headerRequestMethod]
				w.Header()[headerAllowHeaders] = r.Header[headerRequestHeaders]
				w.WriteHeader(http.StatusOK)
				return nil
			}))
		}
	}
	return handlers
}

func readRequest(tb testing.TB, text string) *http.Request {
	tb.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		tb.Fatal(err)
	}
	return r.WithContext(context.WithValue(context.Background(), caddyhttp.VarsCtxKey, make(map[string]any)))
}

// TestHostileRequestsTakeLittleMemory shows that no request makes the handler allocate
// more than a small multiple of its header. The answer to a preflight may have all of
// the names that were asked for in it; a trial copies the header of the request and
// that of the response, and compares lists up to a limit.
func TestHostileRequestsTakeLittleMemory(t *testing.T) {
	for _, size := range []int{maxComparedBytes / 2, 1 << 14, 1 << 20} {
		for handlerName, serve := range hostileHandlers(t) {
			for name, text := range hostileRequests(size) {
				const runs = 10
				r := readRequest(t, text)
				w := &reusedWriter{make(http.Header)}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range runs {
					clear(w.header)
					if err := serve(w, r); err != nil {
						t.Fatal(err)
					}
				}
				runtime.ReadMemStats(&after)
				limit := 2*len(text) + 4096
				if handlerName == "trial" {
					limit = 4*len(text) + 32*maxComparedBytes
				}
				if n := (after.TotalAlloc - before.TotalAlloc) / runs; n > uint64(limit) {
					t.Errorf("%s, %s: %d bytes for a header of %d", handlerName, name, n, len(text))
				}
			}
		}
	}
}

// TestHostileRequestsTakeLinearTime shows that the handler's time grows as the header
// does: for one that is 16 times as large, it would be 256 times as long were it
// quadratic.
func TestHostileRequestsTakeLinearTime(t *testing.T) {
	for handlerName, serve := range hostileHandlers(t) {
		// Noise makes it longer, never shorter.
		shortest := func(rounds int, text string) time.Duration {
			r := readRequest(t, text)
			w := &reusedWriter{make(http.Header)}
			best := time.Hour
			for range rounds {
				clear(w.header)
				start := time.Now()
				if err := serve(w, r); err != nil {
					t.Fatal(err)
				}
				best = min(best, time.Since(start))
			}
			return best
		}
		// Up to 8 KiB, a trial compares; 16 KiB is the usual limit of servers.
		for _, size := range []int{maxComparedBytes / 17, 1 << 14} {
			small, large := hostileRequests(size), hostileRequests(16*size)
			for name := range small {
				var s, l time.Duration
				linear := func(rounds int) bool {
					s, l = shortest(rounds, small[name]), shortest(rounds, large[name])
					return l <= 64*(s+10*time.Microsecond)
				}
				if !linear(5) && !linear(100) {
					t.Errorf("%s, %s: %v for %d bytes, %v for %d", handlerName, name, s, size, l, 16*size)
				}
			}
		}
	}
}

// TestHostileRequests sends them to a running Caddy. Each is answered, none is granted
// more than others, and what is logged of them is short.
func TestHostileRequests(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	large := strings.Replace(prelude, "output discard", "output file "+file, 1)
	large = strings.Replace(large, "{\n", "{\nservers {\nmax_header_size 4MB\n}\n", 1)
	a := runCaddyWith(t, large, "http://$A {\ncors https://app.example.com https://*.example.com {\nallow_credentials\nallow_methods *\n}\nrespond hi\n}")
	for name, text := range hostileRequests(1 << 20) {
		r := a.Raw(strings.Replace(text, "Host: x", "Host: "+a.Address, 1))
		allowed := r.Header.Get(headerAllowOrigin)
		switch {
		case strings.HasPrefix(text, "OPTIONS"):
			if r.StatusCode != http.StatusNoContent || allowed != "https://app.example.com" || strings.Contains(r.Header.Get(headerAllowHeaders), "a b") {
				t.Errorf("%s: got %.1000s", name, r)
			}
		case strings.HasPrefix(name, "a whole host"):
			if r.StatusCode != http.StatusOK || !strings.HasPrefix(allowed, "https://a") {
				t.Errorf("%s: got %.1000s", name, r)
			}
		default:
			r.Want(t, 200, vary)
		}
	}
	a.Do(get).Want(t, 200, allowApp, "Allow-Credentials: true", vary)
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "origin_malformed") {
		t.Errorf("nothing was logged: %s", log)
	}
	for line := range strings.Lines(string(log)) {
		if len(line) > 2048 {
			t.Errorf("a line of the log has %d bytes: %.300s", len(line), line)
		}
	}
}

// BenchmarkHostile shows what the handler takes of the time that it takes to read the
// request's header, in one run.
func BenchmarkHostile(b *testing.B) {
	for handlerName, serve := range hostileHandlers(b) {
		for _, size := range []int{maxComparedBytes / 2, 1 << 14, 1 << 20} {
			for name, text := range hostileRequests(size) {
				b.Run(fmt.Sprint(handlerName, "/", name, "/", size), func(b *testing.B) {
					var reading, handling time.Duration
					w := &reusedWriter{make(http.Header)}
					for b.Loop() {
						start := time.Now()
						r := readRequest(b, text)
						read := time.Now()
						clear(w.header)
						if err := serve(w, r); err != nil {
							b.Fatal(err)
						}
						reading += read.Sub(start)
						handling += time.Since(read)
					}
					b.ReportMetric(float64(handling)/float64(reading), "handle/read")
				})
			}
		}
	}
}
