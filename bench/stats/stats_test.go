package stats_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/seed-9442523e/caddy-cors/bench/stats"
)

func TestAlternate(t *testing.T) {
	var order []float64
	count := func(value float64) func() (float64, error) {
		return func() (float64, error) {
			order = append(order, value)
			return value, nil
		}
	}
	measured, err := stats.Alternate(3, count(1), count(2))
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{1, 2, 2, 1, 1, 2}; !slices.Equal(order, want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
	if !slices.Equal(measured[0], []float64{1, 1, 1}) || !slices.Equal(measured[1], []float64{2, 2, 2}) {
		t.Errorf("measured %v", measured)
	}
	broken := errors.New("broken")
	if _, err := stats.Alternate(3, count(1), func() (float64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		median float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 100, 2}, 3},
	} {
		if median := stats.Median(test.values); median != test.median {
			t.Errorf("Median(%v) = %v, want %v", test.values, median, test.median)
		}
	}
}

// TestRatio shows that rounds are compared with one another, so that one in which the
// machine was slow counts like any other.
func TestRatio(t *testing.T) {
	if ratio := stats.Ratio([]float64{1, 10, 100}, []float64{2, 20, 50}); ratio != 0.5 {
		t.Errorf("the ratio is %v, want 0.5", ratio)
	}
}
