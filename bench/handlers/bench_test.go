package handlers

import (
	"fmt"
	"testing"

	"github.com/seed-9442523e/caddy-cors/bench/internal/tenants"
	"github.com/seed-9442523e/caddy-cors/bench/page"
)

// BenchmarkHandlers is [Run] for those who look into one scenario: setting/scenario/contender.
func BenchmarkHandlers(b *testing.B) {
	b.Run(SettingAlone, func(b *testing.B) {
		for _, s := range append(usual(), unusual()...) {
			b.Run(s.name, func(b *testing.B) {
				contenders, _, err := alone(s.policy, &backend{fields: s.fields})
				if err != nil {
					b.Fatal(err)
				}
				for _, c := range contenders {
					bench(b, c.name, repeatAlone(c.serving, newRequest(s.request)))
				}
			})
		}
	})
	b.Run(SettingChain, func(b *testing.B) {
		for _, s := range usual() {
			b.Run(s.name, func(b *testing.B) {
				contenders, _, err := inChain(s, &backend{fields: s.fields})
				if err != nil {
					b.Fatal(err)
				}
				for _, c := range contenders {
					bench(b, c.name, repeatInChain(c.serving, newRequest(s.request)))
				}
			})
		}
	})
	b.Run(SettingOrigins, func(b *testing.B) {
		for _, n := range originCounts(false) {
			b.Run(page.Count(float64(n)), func(b *testing.B) { benchmarkOrigins(b, n) })
		}
	})
}

func benchmarkOrigins(b *testing.B, n int) {
	origins := tenants.Origins(n)
	behind := new(backend)
	contenders, _, err := alone(permitting(origins...), behind)
	if err != nil {
		b.Fatal(err)
	}
	shuffled := tenants.Shuffled(origins)
	for _, c := range contenders {
		for _, origin := range across(shuffled) {
			s := scenario{policy: permitting(origins...), request: actual(origin)}
			if _, err := judge(s, c.serving, behind); err != nil {
				b.Fatalf("%s, %s: %v", c.name, origin, err)
			}
		}
	}
	for _, kind := range []Request{Actual, Preflight} {
		for _, c := range contenders {
			bench(b, fmt.Sprintf("%s/%s", kind, c.name), repeatOf(c.serving, newRequest(kind.text(app)), shuffled))
		}
	}
}

func bench(b *testing.B, name string, operation func() error) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := operation(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
