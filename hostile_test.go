package caddycors

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// hostileRequests are request headers that no browser sends, by what is odd in them.
// They are as large as a server lets them be that has raised its limit.
func hostileRequests() map[string]string {
	const size = 1 << 20
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
	return map[string]string{
		"1,024 commas":             asked(strings.Repeat(",", 1024)),
		"1 MiB of commas":          asked(strings.Repeat(",", size)),
		"1 MiB of names":           asked(strings.Join(names, ", ")),
		"1 MiB of short names":     asked(strings.Repeat("A, ", size/3)),
		"1 MiB of a name":          asked(strings.Repeat("A", size)),
		"1 MiB of no list":         asked(strings.Repeat("a b,", size/4)),
		"10,000 lines of names":    preflight("Access-Control-Request-Method: PUT" + strings.Repeat("\r\nAccess-Control-Request-Headers: X-One , x-two", 10_000)),
		"10,000 lines of methods":  preflight(strings.Repeat("Access-Control-Request-Method: PUT\r\n", 10_000) + "X: 1"),
		"1 MiB of a method":        preflight("Access-Control-Request-Method: " + strings.Repeat("A", size)),
		"10,000 lines of origins":  actual(strings.Repeat("Origin: https://app.example.com\r\n", 10_000) + "X: 1"),
		"1 MiB of a label":         actual("Origin: https://" + strings.Repeat("a", size) + ".example.com"),
		"1 MiB of labels":          actual("Origin: https://" + strings.Repeat("a.", size/2) + "example.com"),
		"1 MiB of a scheme":        actual("Origin: " + strings.Repeat("a", size) + "://app.example.com"),
		"1 MiB of digits":          actual("Origin: https://app.example.com:" + strings.Repeat("1", size)),
		"1 MiB of binary":          actual("Origin: https://" + strings.Repeat("\xff\x80", size/2)),
		"a long origin of labels":  actual("Origin: https://" + strings.Repeat("a.", 115) + "example.com"),
		"a long origin of a label": actual("Origin: https://" + strings.Repeat("a", 240) + ".example.com"),
	}
}

// hostilePolicies are the policies that have most to do.
func hostilePolicies() map[string]*Policy {
	origins := []string{"https://app.example.com", "https://*.example.com", "https://shop-*.example.com", "https://*.a.a.a.a.example.com"}
	return map[string]*Policy{
		"default": {AllowOrigins: origins},
		"lists":   {AllowOrigins: origins, AllowMethods: []string{"PUT"}, AllowHeaders: []string{"X-One", "X-Two"}},
		"echo":    {AllowOrigins: origins, AllowOriginRegex: []string{`https://[a-z]+(-[a-z]+)*\.example\.com`}, AllowCredentials: true, AllowMethods: []string{"*"}},
	}
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
// the names that were asked for in it.
func TestHostileRequestsTakeLittleMemory(t *testing.T) {
	for policyName, p := range hostilePolicies() {
		h := provision(t, &Handler{Policies: []*Policy{p}})
		for name, text := range hostileRequests() {
			const runs = 10
			var before, after runtime.MemStats
			r := readRequest(t, text)
			w := &reusedWriter{make(http.Header)}
			runtime.ReadMemStats(&before)
			for range runs {
				clear(w.header)
				if err := h.ServeHTTP(w, r, writeHeader); err != nil {
					t.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			if n := (after.TotalAlloc - before.TotalAlloc) / runs; n > uint64(2*len(text)+4096) {
				t.Errorf("%s, %s: %d bytes for a header of %d", policyName, name, n, len(text))
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
	for name, text := range hostileRequests() {
		r := a.Raw(strings.Replace(text, "Host: x", "Host: "+a.Address, 1))
		allowed := r.Header.Get(headerAllowOrigin)
		switch {
		case strings.HasPrefix(text, "OPTIONS"):
			if r.StatusCode != http.StatusNoContent || allowed != "https://app.example.com" || strings.Contains(r.Header.Get(headerAllowHeaders), "a b") {
				t.Errorf("%s: got %.1000s", name, r)
			}
		case strings.HasPrefix(name, "a long origin"):
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
	for policyName, p := range hostilePolicies() {
		h := provision(b, &Handler{Policies: []*Policy{p}})
		for name, text := range hostileRequests() {
			b.Run(policyName+"/"+name, func(b *testing.B) {
				var reading, handling time.Duration
				w := &reusedWriter{make(http.Header)}
				for b.Loop() {
					start := time.Now()
					r := readRequest(b, text)
					read := time.Now()
					clear(w.header)
					if err := h.ServeHTTP(w, r, writeHeader); err != nil {
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
