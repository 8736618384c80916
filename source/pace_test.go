package source

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestPauses shows that no more pauses are due than a pace is made for, or else a list is not
// parsed in its time, and hardly fewer.
func TestPauses(t *testing.T) {
	for _, lines := range []int{0, 1, 999, 1000, 1001, 12_345} {
		var text strings.Builder
		for i := range lines {
			fmt.Fprintf(&text, "https://tenant%d.example.com\n", i)
		}
		pauses := 0
		if _, err := parseListGently(text.String(), Rules{}, func() { pauses++ }); err != nil {
			t.Fatal(err)
		}
		if most := pausesOf(text.String()); pauses > most || pauses < most-3 {
			t.Errorf("%d lines: %d pauses, want %d at most", lines, pauses, most)
		}
	}
}

// TestPace shows for how long a list is parsed at most, beside requests.
func TestPace(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("\n", n) }
	for name, test := range map[string]struct {
		text   string
		within time.Duration
		most   time.Duration
	}{
		"a million in their time":          {lines(1_000_000), 2500 * time.Millisecond, 2500 * time.Millisecond},
		"no longer than requests need":     {lines(1_000_000), time.Hour, 6 * time.Second},
		"a short one at once":              {lines(10_000), time.Second, 60 * time.Millisecond},
		"without time, without waiting":    {lines(1_000_000), 0, 0},
		"and with less than none likewise": {lines(1_000_000), -time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPace(test.text, test.within)
			if last := p.step * time.Duration(pausesOf(test.text)); last > test.most || test.most-last > test.most/10 && test.most > 0 {
				t.Errorf("the last pause ends after %v, want %v at most", last, test.most)
			}
		})
	}
}

// TestPaceIsKept shows that pauses last until their steps, and no pause makes up for time that
// was lost.
func TestPaceIsKept(t *testing.T) {
	p := newPace(strings.Repeat("\n", 10_000), time.Hour)
	for range 10 {
		p.pause()
	}
	if took := time.Since(p.start); took < 10*slowest {
		t.Errorf("10 steps took %v, want %v at least", took, 10*slowest)
	}
}
