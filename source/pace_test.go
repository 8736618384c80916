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
	for _, lines := range []int{0, 1, 249, 250, 251, 750, 12_345} {
		var text strings.Builder
		for i := range lines {
			fmt.Fprintf(&text, "https://tenant%d.example.com\n", i)
		}
		for _, text := range []string{text.String(), strings.TrimSuffix(text.String(), "\n")} {
			pauses := 0
			if _, err := parseListGently(text, Rules{}, func() { pauses++ }); err != nil {
				t.Fatal(err)
			}
			if most := pausesOf(text); pauses > most || pauses < most-3 {
				t.Errorf("%d lines: %d pauses, want %d at most", lines, pauses, most)
			}
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
		"no longer than requests need":     {lines(1_000_000), time.Hour, 40 * time.Second},
		"a short one at once":              {lines(10_000), time.Second, 400 * time.Millisecond},
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

// TestPaceIsKept shows that pauses last until their steps, and that time that was lost is made up
// for.
func TestPaceIsKept(t *testing.T) {
	p := newPace(strings.Repeat("\n", 10_000), time.Hour)
	for range 10 {
		p.pause()
	}
	if took := time.Since(p.start); took < 10*slowest {
		t.Errorf("10 steps took %v, want %v at least", took, 10*slowest)
	}
	p.start = p.start.Add(-time.Hour)
	lost := time.Now()
	for range 60 {
		p.pause()
	}
	if took := time.Since(lost); took > 60*slowest {
		t.Errorf("60 steps that were due long ago took %v", took)
	}
}

// TestPauseForWhoWaits shows that a list that is read slowly is read at once when somebody waits
// for it.
func TestPauseForWhoWaits(t *testing.T) {
	c := new(current)
	c.list.Store(new(List))
	pause := c.pauses(strings.Repeat("\n", 1_000_000), time.Hour) // 40 seconds
	c.reading.Lock()
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		c.reading.Lock()
		c.reading.Unlock() //nolint:staticcheck // it is about the waiting alone
	}()
	start := time.Now()
	for range 8000 {
		pause()
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	c.reading.Unlock()
	<-waited
}

// TestParsedInTime shows that a file is parsed within what is left of the interval, and without
// pauses where that is nothing, as after a change while the one before was parsed.
func TestParsedInTime(t *testing.T) {
	const second = time.Second
	for since, want := range map[time.Duration]time.Duration{3 * second: 6 * second, 7 * second: 2 * second, 9 * second: 0, 20 * second: -11 * second} {
		w := &watchedFile{key: fileKey{interval: 10 * second}, since: time.Now().Add(-since)}
		if got := w.left(); got > want || got < want-second {
			t.Errorf("%v after a change: %v, want %v", since, got, want)
		}
	}
}
