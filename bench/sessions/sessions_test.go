package sessions

import (
	"os"
	"slices"
	"testing"

	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
)

// TestRun has a browser work with each contender. It shows that this module's defaults
// need one preflight for each URL and no more, and that with credentials no defaults need
// fewer than its own.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts browsers")
	}
	for _, p := range []program{chromium, node, npm} {
		if _, err := p.path(); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	result, err := Run(t.Context(), how.Options{Quick: true, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range result.Tables() {
		t.Log("\n" + table.String())
	}
	if len(result.Rows) != len(contenders) {
		t.Fatalf("%d rows", len(result.Rows))
	}
	own := result.Rows[0]
	if fewest := len(endpoints); own.Plain.First != fewest {
		t.Errorf("%d preflights, want %d", own.Plain.First, fewest)
	}
	if own.Plain.AtOnce != 0 || own.Credentials.AtOnce != 0 {
		t.Errorf("preflights for what browsers remember: %+v", own)
	}
	for _, row := range result.Rows {
		if row.Own {
			continue
		}
		if own.Plain.First > row.Plain.First || own.Credentials.First > row.Credentials.First {
			t.Errorf("%+v needs fewer than %+v", row, own)
		}
	}
}

// TestSession shows that the session is what the tables say of it.
func TestSession(t *testing.T) {
	requests := session()
	if want := len(endpoints) * len(methods) * 3; len(requests) != want {
		t.Errorf("%d requests, want %d", len(requests), want)
	}
	sets := make(map[string]int)
	for _, r := range requests {
		if (r.Body != "") != slices.Contains([]string{"POST", "PATCH", "PUT"}, r.Method) {
			t.Errorf("%s has the body %q", r.Method, r.Body)
		}
		if r.Body != "" && r.Headers["Content-Type"] != "application/json" {
			t.Errorf("%s %s: a body without its type: %v", r.Method, r.Path, r.Headers)
		}
		for name := range r.Headers {
			if !slices.Contains(names, name) {
				t.Errorf("%s is not allowed", name)
			}
		}
		sets[r.Method] += len(r.Headers)
	}
	for _, method := range methods {
		if sets[method] == 0 {
			t.Errorf("%s has no headers", method)
		}
	}
}

// TestMissingProgram shows that who lacks a program learns what to install.
func TestMissingProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Run(t.Context(), how.Options{Quick: true})
	const want = "it needs chromium: apt-get install chromium"
	if err == nil || err.Error()[:len(want)] != want {
		t.Errorf("the error is %v", err)
	}
}
