// Package stats compares measurements that were taken in one run, in turns: what
// disturbs a noisy machine then disturbs all that is compared.
package stats

import (
	"fmt"
	"slices"
)

// Alternate calls each of the functions once a round, and starts each round with another
// one of them. It returns what they measured: a list for each function, with an entry for
// each round.
func Alternate(rounds int, measure ...func() (float64, error)) ([][]float64, error) {
	measured := make([][]float64, len(measure))
	for round := range rounds {
		for i := range measure {
			i = (i + round) % len(measure)
			value, err := measure[i]()
			if err != nil {
				return nil, fmt.Errorf("round %d: %w", round, err)
			}
			measured[i] = append(measured[i], value)
		}
	}
	return measured, nil
}

// Median returns the median of values, which must not be empty.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Ratio returns the median of the ratios of a to b, round by round.
func Ratio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return Median(ratios)
}
