package tenants_test

import (
	"slices"
	"testing"

	"github.com/seed-9442523e/caddy-cors/bench/internal/tenants"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

func TestOrigins(t *testing.T) {
	const n = 1_000_000
	origins := tenants.Origins(n)
	seen := map[string]bool{tenants.Stranger: true}
	for _, o := range origins {
		if seen[o] {
			t.Fatalf("%s is there twice", o)
		}
		seen[o] = true
		if len(o) < 20 || len(o) > 40 {
			t.Fatalf("%s has %d bytes", o, len(o))
		}
	}
	for _, o := range append(origins[:1000], tenants.Stranger) {
		if _, ok := origin.Parse(o); !ok {
			t.Errorf("no browser sends %s", o)
		}
	}
	if !slices.Equal(tenants.Origins(10), origins[:10]) {
		t.Error("a shorter list is another list")
	}
}

func TestShuffled(t *testing.T) {
	origins := tenants.Origins(1000)
	shuffled := tenants.Shuffled(origins)
	if slices.Equal(shuffled, origins) {
		t.Error("they are in the same order")
	}
	if !slices.Equal(slices.Sorted(slices.Values(shuffled)), slices.Sorted(slices.Values(origins))) {
		t.Error("they are others")
	}
}

func TestBytes(t *testing.T) {
	if n := tenants.Bytes([]string{"https://a.example", "null"}); n != 21 {
		t.Errorf("they have %d bytes, want 21", n)
	}
}
