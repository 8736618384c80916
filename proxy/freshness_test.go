package corsproxy

import (
	"net/http"
	"testing"
	"time"
)

// TestFreshness shows how old a response is when it comes.
func TestFreshness(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 500_000_000, time.UTC)
	for _, test := range []struct {
		date, age string
		took      time.Duration
		want      time.Duration
		ok        bool
	}{
		{"", "", 0, 0, true},
		{"", "", time.Second, time.Second, true},
		{"", "7", time.Second, 8 * time.Second, true},
		{"", "-7", 0, 0, false}, {"", "x", 0, 0, false}, {"", "7.5", 0, 0, false}, {"", "99999999999999999999", 0, 0, false},
		{"Mon, 04 May 2026 03:02:01 GMT", "", 0, 0, true},
		{"Mon, 04 May 2026 03:01:01 GMT", "", time.Second, time.Minute, true},
		{"Mon, 04 May 2026 03:01:01 GMT", "90", time.Second, 91 * time.Second, true},
		{"Mon, 04 May 2026 04:00:00 GMT", "7", 0, 7 * time.Second, true},
		{"yesterday", "7", 0, 7 * time.Second, true},
	} {
		h := make(http.Header)
		if test.date != "" {
			h.Set("Date", test.date)
		}
		if test.age != "" {
			h.Set("Age", test.age)
		}
		if got, ok := ageOf(h, now.Add(-test.took), now); ok != test.ok || ok && got != test.want {
			t.Errorf("%+v: %s, %t", test, got, ok)
		}
	}
}
