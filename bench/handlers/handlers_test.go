package handlers

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
)

// TestRun runs all of it, shortly. That nobody answers wrongly is part of it.
func TestRun(t *testing.T) {
	r, err := Run(t.Context(), how.Options{Quick: true, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		if row.Nanoseconds <= 0 || row.Ratio <= 0 || row.Allocs < 0 || row.Contender == This && row.Ratio != 1 {
			t.Errorf("odd: %+v", row)
		}
	}
	contenders := 1 + len(peers())
	for _, pick := range []Pick{Middle, Random, Stranger} {
		for _, kind := range []Request{Actual, Preflight} {
			series := r.ByOrigins(kind, pick)
			if len(series) != contenders || series[0].Contender != This {
				t.Errorf("%s, %s: %v", kind, pick, series)
			}
			for _, s := range series {
				if !slices.Equal(s.Origins, originCounts(true)) || len(s.Nanoseconds) != len(s.Origins) {
					t.Errorf("%s, %s: %v", kind, pick, s)
				}
			}
		}
	}
	if row, ok := r.Row(SettingChain, "allowed", Named); !ok || row.AddedAllocs < 1 {
		t.Errorf("the snippet took %+v", row)
	}
	for _, table := range r.Tables() {
		if text := table.String(); strings.Contains(text, "%!") || strings.Contains(text, "NaN") || len(table.Rows) == 0 {
			t.Error(text)
		}
		for _, row := range table.Rows {
			if len(row) != len(table.Columns) {
				t.Errorf("%s: %d cells, %d columns: %q", table.Title, len(row), len(table.Columns), row)
			}
		}
	}

	left := make(map[string][]string)
	for _, l := range r.LeftOut {
		if !slices.Contains(left[l.Contender], l.Reason) {
			left[l.Contender] = append(left[l.Contender], l.Reason)
		}
	}
	if want := map[string][]string{
		"jub0bs/cors":      {"it allows no credentials to every origin"},
		"gorilla/handlers": {"it has no wildcard for request headers", "it has no patterns for origins"},
	}; !reflect.DeepEqual(left, want) {
		t.Errorf("left out are %v, want %v", left, want)
	}
	differences := make(map[string][]string)
	for _, d := range r.Differences {
		differences[d.Contender] = append(differences[d.Contender], d.Text)
	}
	const (
		noVary        = "no `Vary: Origin`, so that a cache may give one origin's answer to another"
		needlessVary  = "`Vary: Origin`, though the answer is the same for all"
		noStar        = "nothing granted to requests without `Origin`, though `*` is for all"
		deniesCommas  = "a preflight denied that no browser sends"
		allowedBy200  = "status 200 to an allowed preflight"
		deniedWith200 = "status 200 to a denied preflight"
		deniedWith204 = "status 204 to a denied preflight"
	)
	if want := map[string][]string{
		"jub0bs/cors":      {deniesCommas},
		"rs/cors":          {noStar, needlessVary, deniedWith204, deniesCommas},
		"go-chi/cors":      {noStar, needlessVary, allowedBy200, deniedWith200},
		"gorilla/handlers": {noVary, noStar, allowedBy200, deniedWith200},
		Named:              {noVary, deniedWith204},
		Echo:               {noVary},
	}; !reflect.DeepEqual(differences, want) {
		t.Errorf("the differences are\n%v, want\n%v", differences, want)
	}
}

// TestJudge shows that what answers wrongly is not measured.
func TestJudge(t *testing.T) {
	get := scenario{policy: withCookies(app), request: actual(app)}
	stranger := scenario{policy: permitting(app), request: actual("https://evil.example"), verdict: denied}
	put := scenario{policy: permitting(app), request: preflight(app, asking("content-type"))}
	allow := []string{"Access-Control-Allow-Origin: " + app, "Access-Control-Allow-Credentials: true"}
	grant := []string{"Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: content-type", "Access-Control-Max-Age: 600"}
	for _, test := range []struct {
		name     string
		scenario scenario
		forward  bool
		lines    []string
		wrong    string
	}{
		{"all of it", get, true, append(allow, "Access-Control-Expose-Headers: x-total-count"), ""},
		{"nothing", get, true, nil, "has no Access-Control-Allow-Origin"},
		{"another origin", get, true, []string{"Access-Control-Allow-Origin: https://evil.example"}, "evil.example"},
		{"no credentials", get, true, allow[:1], "Access-Control-Allow-Credentials"},
		{"nothing exposed", get, true, allow, `it exposes ""`},
		{"not passed on", get, false, allow, "the backend was asked is false"},
		{"denied", stranger, true, nil, ""},
		{"not denied", stranger, true, []string{"Access-Control-Allow-Origin: *"}, "it is allowed"},
		{"a preflight", put, false, grant, ""},
		{"a preflight that is passed on", put, true, grant, "the backend was asked is true"},
		{"a preflight without a header", put, false, slices.Delete(slices.Clone(grant), 2, 3), "content-type"},
		{"a preflight without a method", put, false, slices.Delete(slices.Clone(grant), 1, 2), "PUT"},
		{"a preflight for 5 s", put, false, grant[:3], "remembered for 5 s"},
	} {
		b := new(backend)
		_, err := judge(test.scenario, func(w http.ResponseWriter, _ *http.Request) error {
			for _, line := range test.lines {
				name, value, _ := strings.Cut(line, ": ")
				w.Header().Set(name, value)
			}
			if test.forward {
				b.serve(w)
			}
			return nil
		}, b)
		switch {
		case test.wrong == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)):
			t.Errorf("%s: the error is %v, want %q", test.name, err, test.wrong)
		}
	}
}

// TestAdapter shows that an error of the handler behind a peer is Caddy's, and that an
// adapter allocates nothing.
func TestAdapter(t *testing.T) {
	a := newAdapter(func(next http.Handler) http.Handler { return next })
	broken := errors.New("broken")
	fail := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return broken })
	w, r := &writer{make(http.Header)}, newRequest("GET")
	if err := a.ServeHTTP(w, r, fail); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if n := testing.AllocsPerRun(1000, func() { _ = a.ServeHTTP(w, r, fail) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestMeasure shows that what an operation takes is what is told of it.
func TestMeasure(t *testing.T) {
	var kept []byte
	var runs int
	measured, err := measure(t.Context(), quick, []func() error{
		func() error { runs++; return nil },
		func() error { kept = make([]byte, 1<<20); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if runs == 0 || len(kept) == 0 {
		t.Error("an operation did not run")
	}
	if f := measured[1]; f.bytes[0] < 1<<20 || f.bytes[0] > 2<<20 || f.allocs[0] < 1 {
		t.Errorf("a MiB is %v bytes in %v allocations", f.bytes[0], f.allocs[0])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := measure(ctx, quick, []func() error{func() error { return nil }}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	broken := errors.New("broken")
	if _, err := measure(t.Context(), quick, []func() error{func() error { return broken }}); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
}

func TestCells(t *testing.T) {
	for got, want := range map[string]string{
		ratio(0.5): "0.50", ratio(0.0000876): "0.000088", ratio(12.34): "12.34", ratio(4535): "4,535", ratio(1): "1.00",
		count(1.0004): "1", count(0.5): "0.5", count(65544): "65,544",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
