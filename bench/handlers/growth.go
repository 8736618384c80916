package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-9442523e/caddy-cors/bench/stats"

	caddycors "github.com/seed-9442523e/caddy-cors"
)

// Growth is what this module takes for a hostile request of one size, and for one that is
// [GrowthFactor] times as large.
type Growth struct {
	Scenario string
	Size     int // of what grows, in bytes, for the smaller one

	Nanoseconds, LargeNanoseconds float64
	Bytes, LargeBytes             float64 // of memory that was allocated

	// Ratio is the median of the ratios of each round, of the larger request to the
	// smaller one. It is about GrowthFactor where the time grows as the request does.
	Ratio float64
}

// GrowthFactor is how many times as large the larger request is.
const GrowthFactor = 4

// hostile is a request that can be of any size.
type hostile struct {
	name    string
	policy  caddycors.Policy
	request func(size int) string
	verdict verdict
	sizes   []int
}

func hostiles() []hostile {
	lists, all, allWithCookies := permitting(app), everyHeader(app), everyHeader(app)
	allWithCookies.AllowCredentials = true
	patterns := permitting(app, "https://*.example.com", "https://shop-*.example.com", "https://*.a.a.a.a.example.com")

	list := func(text func(size int) string) func(int) string {
		return func(size int) string { return preflight(app, asking(text(size))) }
	}
	lines := func(size int) string {
		line := asking("authorization,content-type")
		return preflight(app, strings.TrimSuffix(strings.Repeat(line+"\n", size/len(line)), "\n"))
	}
	label := func(size int) string { return actual("https://" + strings.Repeat("a", size) + ".example.com") }
	labels := func(size int) string { return actual("https://" + strings.Repeat("a.", size/2) + "example.com") }

	// The larger one of 64 KiB is as long as is read.
	read, tooLong := []int{1 << 10, 1 << 14}, []int{1 << 18, 1 << 20}
	return []hostile{
		{"a list of commas", lists, list(commas), either, slices.Concat(read, tooLong)},
		{"a list of names, one of them not allowed", lists, list(lastNotAllowed), denied, slices.Concat(read, tooLong)},
		{"a list of names, every header allowed", all, list(names), allowed, read},
		{"a list of names, every header allowed, with credentials", allWithCookies, list(names), allowed, read},
		{"a list of names that is too long, with credentials", allWithCookies, list(names), either, tooLong},
		{"a list of one name", all, list(oneName), allowed, read},
		{"many lists", lists, lines, either, slices.Concat(read, tooLong)},
		{"an origin of one label", patterns, label, denied, []int{1 << 10, 1 << 20}},
		{"an origin of many labels", patterns, labels, denied, []int{1 << 10, 1 << 20}},
		{"an origin of many labels, of a length that a host may have", patterns, labels, allowed, []int{56}},
	}
}

func oneName(size int) string { return strings.Repeat("a", size) }

// lastNotAllowed is a list that has to be read to its end.
func lastNotAllowed(size int) string {
	const allowed = "authorization,content-type,"
	return strings.Repeat(allowed, size/len(allowed)) + "x"
}

func (r *Result) runGrowth(ctx context.Context, e effort) error {
	for _, h := range hostiles() {
		for _, size := range h.sizes {
			g, err := h.grow(ctx, e, size)
			if err != nil {
				return fmt.Errorf("%s of %d: %w", h.name, size, err)
			}
			r.Growth = append(r.Growth, g)
		}
	}
	return nil
}

// grow measures a request of a size beside the larger one.
func (h hostile) grow(ctx context.Context, e effort, size int) (Growth, error) {
	b := new(backend)
	contenders, _, err := alone(h.policy, b)
	if err != nil {
		return Growth{}, err
	}
	this := contenders[0]
	var operations []func() error
	for _, size := range []int{size, GrowthFactor * size} {
		s := scenario{policy: h.policy, request: h.request(size), verdict: h.verdict}
		if _, err := judge(s, this.serving, b); err != nil {
			return Growth{}, err
		}
		operations = append(operations, repeatAlone(this.serving, newRequest(s.request)))
	}
	measured, err := measure(ctx, e, operations)
	if err != nil {
		return Growth{}, err
	}
	small, large := measured[0], measured[1]
	return Growth{
		Scenario: h.name, Size: size,
		Nanoseconds: stats.Median(small.nanoseconds), LargeNanoseconds: stats.Median(large.nanoseconds),
		Bytes: stats.Median(small.bytes), LargeBytes: stats.Median(large.bytes),
		Ratio: stats.Ratio(large.nanoseconds, small.nanoseconds),
	}, nil
}
