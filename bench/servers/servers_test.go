package servers

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
)

// TestRun measures all servers, as short as it can be.
func TestRun(t *testing.T) {
	result, err := Run(t.Context(), how.Options{Quick: true, Log: t.Logf})
	if missing := (*MissingError)(nil); errors.As(err, &missing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range result.Rows {
		if r.Requests == 0 || r.Throughput <= 0 || r.P50 <= 0 || r.P99 < r.P50 || r.CPU <= 0 {
			t.Errorf("a row that cannot be: %+v", r)
		}
	}
	for _, c := range result.Comparisons {
		if c.Throughput <= 0 || c.P99 <= 0 || c.CPU <= 0 {
			t.Errorf("a comparison that cannot be: %+v", c)
		}
	}
	for _, table := range result.Tables() {
		for _, row := range table.Rows {
			if len(row) != len(table.Columns) || slices.Contains(row[:4], "") {
				t.Errorf("%s: a row that lacks something: %q", table.Title, row)
			}
		}
		t.Log(table)
	}
}

// TestMissingProgram shows that the error says what to install.
func TestMissingProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Run(t.Context(), how.Options{Quick: true})
	if missing := (*MissingError)(nil); !errors.As(err, &missing) || !strings.Contains(err.Error(), "apt-get install nghttp2-client") {
		t.Errorf("the error is %v", err)
	}
}

func TestParseLog(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		log       string
		latencies []time.Duration // or none, if it is refused
		took      time.Duration
		err       string
	}{
		"in order of their ends": {
			log:       "1700000000005000\t204\t1000\n1700000000001000\t204\t9000\n1700000000003000\t204\t8000\n",
			latencies: []time.Duration{ms, 8 * ms, 9 * ms},
			took:      10 * ms,
		},
		"more columns":          {log: "1700000000000000\t204\t1000\tmore\n", latencies: []time.Duration{ms}, took: ms},
		"nothing":               {},
		"another status":        {log: "1700000000000000\t204\t1000\n1700000000000000\t502\t1000\n", err: "status 502, want 204"},
		"a stream that failed":  {log: "1700000000000000\t-1\t1000\n", err: "status -1, want 204"},
		"a line that is cut":    {log: "1700000000000000\t204\n", err: `the line "1700000000000000\t204"`},
		"what is not a number":  {log: "1700000000000000\t204\tsoon\n", err: `"soon"`},
		"columns of some other": {log: "GET 204 1000\n", err: `the line "GET 204 1000"`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parseLog(strings.NewReader(test.log), 204)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("the error is %v, want %s", err, test.err)
				}
				return
			}
			if err != nil || s.took != test.took || !slices.Equal(s.latencies, test.latencies) {
				t.Errorf("%v in %v (%v), want %v in %v", s.latencies, s.took, err, test.latencies, test.took)
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, test := range []struct {
		sorted []time.Duration
		part   float64
		want   time.Duration
	}{
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
		{hundred[:1], 0.5, 1},
		{hundred[:3], 0.99, 3},
	} {
		if got := quantile(test.sorted, test.part); got != test.want {
			t.Errorf("of %d, the quantile %v is %v, want %v", len(test.sorted), test.part, got, test.want)
		}
	}
}
