package origin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/origintest"
)

func TestSetContains(t *testing.T) {
	for _, test := range []struct {
		patterns string
		matches  []string
		others   []string
	}{
		{"https://example.com",
			[]string{"https://example.com"},
			[]string{"http://example.com", "https://example.com.", "https://example.com:8443", "https://a.example.com", "https://example.co", "https://example.comm", "https://xexample.com", "null", "file://"}},
		{"https://example.com:8443", []string{"https://example.com:8443"}, []string{"https://example.com", "https://example.com:8444"}},
		{"https://example.com.", []string{"https://example.com."}, []string{"https://example.com"}},
		{"http://localhost:*",
			[]string{"http://localhost", "http://localhost:1", "http://localhost:65535"},
			[]string{"https://localhost", "http://localhost.:1", "http://a.localhost:1", "http://localhost.evil.example:1"}},
		{"http://[::1]:*", []string{"http://[::1]", "http://[::1]:3000"}, []string{"http://[::2]", "https://[::1]"}},
		{"http://127.0.0.1:*", []string{"http://127.0.0.1:3000"}, []string{"http://127.0.0.2:3000", "http://127.0.0.1.example:3000"}},
		{"https://*.example.com",
			[]string{"https://a.example.com", "https://a.b.example.com", "https://_-.example.com", "https://1.example.com"},
			[]string{"https://example.com", "https://a.example.com:8443", "https://a.example.com.", "http://a.example.com", "https://aexample.com", "https://a.example.com.evil.example", "https://a.example.org", "https://com", "null"}},
		{"https://*.example.com:*", []string{"https://a.example.com", "https://a.example.com:1"}, []string{"https://example.com:1"}},
		{"https://*.example.com:8443", []string{"https://a.example.com:8443"}, []string{"https://a.example.com", "https://a.example.com:8444"}},
		{"https://*.example.com.", []string{"https://a.example.com."}, []string{"https://a.example.com", "https://example.com."}},
		{"https://shop-*.example.com",
			[]string{"https://shop-1.example.com", "https://shop--.example.com", "https://shop-shop-.example.com"},
			[]string{"https://shop-.example.com", "https://shop-a.b.example.com", "https://a.shop-b.example.com", "https://xshop-1.example.com", "https://shop-1.example.com:8443", "https://shop-1.example.org"}},
		{"https://a*b.example.com",
			[]string{"https://axb.example.com", "https://aabb.example.com"},
			[]string{"https://ab.example.com", "https://axbc.example.com", "https://xaxb.example.com"}},
		{"https://shop-*.example.com https://*.example.com:8443", []string{"https://shop-1.example.com", "https://shop-1.example.com:8443", "https://x.example.com:8443"}, []string{"https://x.example.com"}},
		{"https://shop-*.example.com:1 https://shop-*.example.com:2", []string{"https://shop-1.example.com:1", "https://shop-1.example.com:2"}, []string{"https://shop-1.example.com"}},
		{"http://dev-*", []string{"http://dev-1"}, []string{"http://dev-", "http://dev-1.example", "http://x"}},
		{"https://*",
			[]string{"https://a", "https://a.example", "https://1.2.3.4", "https://[::1]", "https://a.example."},
			[]string{"http://a", "https://a:8443", "null"}},
		{"https://*:*", []string{"https://a:8443", "https://[::1]:8443"}, []string{"http://a"}},
		{"http://*.example", nil, []string{"http://[::1]", "http://[2001:db8::1]"}},
		{"vscode-webview://*", []string{"vscode-webview://1e2f"}, []string{"https://1e2f"}},
		{"null", []string{"null"}, []string{"file://", "https://null"}},
		{"file://", []string{"file://"}, []string{"null"}},
		{"none", nil, []string{"https://none", "null"}},
		{"*", []string{"https://a.example", "null", "file://", "http://[::1]:3"}, nil},
		{"https://a.example https://b.example http://c.example:*", []string{"https://a.example", "https://b.example", "http://c.example:5"}, []string{"https://c.example"}},
	} {
		set := NewSet(parseAll(t, test.patterns)...)
		if set.Any() != (test.patterns == "*") {
			t.Errorf("%q: Any() is %v", test.patterns, set.Any())
		}
		for _, s := range test.matches {
			if !set.Contains(mustParseOrigin(t, s)) {
				t.Errorf("%q does not match %q", test.patterns, s)
			}
		}
		for _, s := range test.others {
			if set.Contains(mustParseOrigin(t, s)) {
				t.Errorf("%q matches %q", test.patterns, s)
			}
		}
	}
}

func TestSetCovers(t *testing.T) {
	for _, test := range []struct {
		patterns, pattern string
		covers            bool
	}{
		{"*", "https://a.example", true},
		{"*", "*", true},
		{"*", "null", true},
		{"https://*:*", "*", false},
		{"https://a.example", "none", true},
		{"https://a.example", "https://a.example", true},
		{"https://a.example", "https://b.example", false},
		{"https://a.example", "https://a.example:*", false},
		{"https://a.example:*", "https://a.example", true},
		{"https://a.example:*", "https://a.example:8443", true},
		{"https://a.example:*", "https://a.example:*", true},
		{"https://*.example", "https://a.example", true},
		{"https://*.example", "https://a.example:8443", false},
		{"https://*.example", "https://a.example:*", false},
		{"https://*.example:*", "https://a.example:*", true},
		{"https://*.example", "https://*.example", true},
		{"https://*.example", "https://*.a.example", true},
		{"https://*.a.example", "https://*.example", false},
		{"https://*.example", "https://shop-*.example", true},
		{"https://shop-*.example", "https://*.example", false},
		{"https://shop-*.example", "https://shop-1.example", true},
		{"https://shop-*.example", "https://shop-a*.example", true},
		{"https://shop-a*.example", "https://shop-*.example", false},
		{"https://shop-*.example", "https://shop-*.example", true},
		{"https://shop-*.example", "https://shop-*.a.example", false},
		{"https://*", "https://*.example", true},
		{"https://*", "https://*:*", false},
		{"https://*:*", "https://*", true},
		{"https://*", "http://a.example", false},
		{"null", "null", true},
		{"null", "file://", false},
	} {
		if got := NewSet(parseAll(t, test.patterns)...).Covers(mustParse(t, test.pattern)); got != test.covers {
			t.Errorf("%q covers %q: %v", test.patterns, test.pattern, got)
		}
	}
}

// TestPairs holds the set against the table of pairs, and the table against the slow
// matcher.
func TestPairs(t *testing.T) {
	pairs, err := origintest.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for _, pair := range pairs {
		p := mustParse(t, pair.Pattern)
		if got := matches(NewSet(p), pair.Origin); got != pair.Accepted {
			t.Errorf("line %d: %q matches %q: %v", pair.Line, pair.Pattern, pair.Origin, got)
		}
		if got := origintest.Matches(p.String(), pair.Origin); got != pair.Accepted {
			t.Errorf("line %d: by the slow matcher, %q matches %q: %v", pair.Line, pair.Pattern, pair.Origin, got)
		}
		if pair.Accepted {
			accepted++
		}
	}
	if refused := len(pairs) - accepted; refused < 200 || accepted < 100 {
		t.Errorf("%d refused and %d accepted pairs, want 200 and 100", refused, accepted)
	}
}

// matches reports whether the value of an Origin header matches, as a policy does.
func matches(s *Set, sent string) bool {
	o, ok := Parse(sent)
	return ok && s.Contains(o) || s.Any()
}

func FuzzSetContains(f *testing.F) {
	pairs, err := origintest.Pairs()
	if err != nil {
		f.Fatal(err)
	}
	for _, pair := range pairs {
		f.Add(pair.Pattern, pair.Origin)
		f.Add("https://*.example.com https://shop-*.example.com:* "+pair.Pattern, pair.Origin)
	}
	f.Fuzz(func(t *testing.T, pattern, sent string) {
		var all []Pattern
		want := false
		for s := range strings.FieldsSeq(pattern) {
			p, err := ParsePattern(s)
			if err != nil {
				return
			}
			if covered := len(all) > 0 && NewSet(all...).Covers(p); covered && !want && origintest.Matches(p.String(), sent) {
				t.Fatalf("%q cover %q, but do not match %q", all, p, sent)
			}
			all = append(all, p)
			want = want || origintest.Matches(p.String(), sent)
		}
		set := NewSet(all...)
		got := matches(set, sent)
		if got != want {
			t.Fatalf("%q match %q: %v, by the slow matcher %v", all, sent, got, want)
		}
		if len(all) != 1 {
			return
		}
		p := all[0]
		if got && !p.Any() && !origintest.WellFormed(sent) {
			t.Fatalf("%q matches %q, which is malformed", p, sent)
		}
		if !strings.Contains(p.String(), "*") && !p.None() && got != (sent == p.String()) {
			t.Fatalf("%q, which has no wildcard, matches %q: %v", p, sent, got)
		}
		// What covers an origin's own pattern matches the origin.
		if exact, err := ParsePattern(sent); err == nil && exact.String() == sent && origintest.WellFormed(sent) && set.Covers(exact) != got {
			t.Fatalf("%q covers %q: %v", p, sent, set.Covers(exact))
		}
	})
}

func parseAll(t testing.TB, patterns string) (all []Pattern) {
	t.Helper()
	for _, s := range strings.Fields(patterns) {
		all = append(all, mustParse(t, s))
	}
	return all
}

func mustParseOrigin(t testing.TB, s string) Origin {
	t.Helper()
	o, ok := Parse(s)
	if !ok {
		t.Fatalf("Parse(%q): malformed", s)
	}
	return o
}

func TestSetContainsDoesNotAllocate(t *testing.T) {
	set := NewSet(parseAll(t, "https://a.example http://localhost:* https://*.example.com https://shop-*.example.org")...)
	for _, s := range []string{"https://a.example", "http://localhost:3", "https://x.y.example.com", "https://shop-1.example.org", "https://no.example"} {
		o := mustParseOrigin(t, s)
		if n := testing.AllocsPerRun(100, func() { set.Contains(o) }); n != 0 {
			t.Errorf("Contains(%q) allocates %v times", s, n)
		}
	}
}

func TestSetShapes(t *testing.T) {
	for patterns, want := range map[string]int{
		"https://a.example https://*.example https://*":                                         0,
		"https://a-*.example https://b-*.example https://*-c.example http://a-*.example":        2,
		"https://a-* https://*b https://*c https://a*b":                                         3,
		"https://a-*.a.example https://aa-*.a.example https://a-*.b.example https://*a.example": 2,
	} {
		if got := NewSet(parseAll(t, patterns)...).Shapes(); got != want {
			t.Errorf("%s: %d", patterns, got)
		}
	}
}

// BenchmarkSetContains shows that a look-up costs the same however many origins and
// subdomain patterns there are.
func BenchmarkSetContains(b *testing.B) {
	for _, kind := range []struct{ name, pattern, origin string }{
		{"exact", "https://app%d.example.com", "https://app7.example.com"},
		{"subdomain", "https://*.tenant%d.example.com", "https://www.tenant7.example.com"},
		{"missing", "https://app%d.example.com", "https://app7.example.org"},
	} {
		for _, n := range []int{10, 1_000, 100_000} {
			var patterns []Pattern
			for i := range n {
				patterns = append(patterns, mustParse(b, fmt.Sprintf(kind.pattern, i)))
			}
			set := NewSet(patterns...)
			b.Run(fmt.Sprintf("%s/%d", kind.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					o, _ := Parse(kind.origin)
					set.Contains(o)
				}
			})
		}
	}
}

// BenchmarkSetContainsLength shows that the cost is linear in the length of the
// origin, by many labels, by a long label that has as many shapes to try as there may
// be, and for what is no origin.
func BenchmarkSetContainsLength(b *testing.B) {
	patterns := parseAll(b, "https://example.com http://localhost:* https://*.b.example https://*.b.a.a.a.a.example https://*:1")
	for i := range MaxShapes {
		patterns = append(patterns, mustParse(b, fmt.Sprintf("https://%s*%s.example", strings.Repeat("a", i/10), strings.Repeat("b", i%10+1))))
	}
	set := NewSet(patterns...)
	for _, kind := range []struct{ name, part, end string }{
		{"labels", "a.", "example"}, {"label", "aa", ".example"}, {"malformed", "a.", "/"},
	} {
		for _, length := range []int{30, 60, 120, 240} {
			sent := "https://" + strings.Repeat(kind.part, length/2) + kind.end
			b.Run(fmt.Sprintf("%s/%d", kind.name, length), func(b *testing.B) {
				for b.Loop() {
					o, ok := Parse(sent)
					if ok {
						set.Contains(o)
					}
				}
			})
		}
	}
}
