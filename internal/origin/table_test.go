package origin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func pack(list ...string) (p packed) {
	for _, s := range list {
		p.add(s)
	}
	return p
}

// TestTable holds tables of many sizes against a map.
func TestTable(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 100, 5000} {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("https://%s%d.example", strings.Repeat("a", i%250), i)
		}
		table := newTable(pack(list...), func() {})
		for _, s := range list {
			if !table.has(s) {
				t.Fatalf("%d strings: %q is missing", n, s)
			}
			// Neither what stands in the text from the middle of a string on, nor a part of it.
			for _, other := range []string{s[1:], s[:len(s)-1], s + "x", s + s, string(table.text), ""} {
				if table.has(other) {
					t.Fatalf("%d strings: %q is there", n, other)
				}
			}
		}
		for i := range 1000 {
			if s := fmt.Sprintf("https://b%d.example", i); table.has(s) {
				t.Fatalf("%d strings: %q is there", n, s)
			}
		}
		if table.empty() != (n == 0) {
			t.Errorf("%d strings: it is empty: %v", n, table.empty())
		}
	}
}

// TestTableSize shows how much there is beside the bytes of the strings: their lengths,
// and their share of where buckets start.
func TestTableSize(t *testing.T) {
	const n = 9000
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("https://%d.example", i)
	}
	table := newTable(pack(list...), func() {})
	if size := len(strings.Join(list, "")); len(table.text) != size+lengthBytes*n {
		t.Errorf("the text has %d bytes, want %d", len(table.text), size+lengthBytes*n)
	}
	if len(table.starts) > n/tableBucket+2 {
		t.Errorf("there are %d starts", len(table.starts))
	}
}

// TestTableSpreads shows that no bucket is much fuller than others, so that a look-up
// compares few strings.
func TestTableSpreads(t *testing.T) {
	list := make([]string, 100_000)
	for i := range list {
		list[i] = fmt.Sprintf("https://tenant%d.example.com", i)
	}
	table := newTable(pack(list...), func() {})
	fullest := 0
	for b := range len(table.starts) - 1 {
		fullest = max(fullest, table.starts[b+1]-table.starts[b])
	}
	if each := len(table.text) / len(list); fullest > 25*each { // of 3 strings on average
		t.Errorf("a bucket has %d strings", fullest/each)
	}
}

// TestTableHasNothingTwice shows that a string which is given many times makes no bucket
// of many.
func TestTableHasNothingTwice(t *testing.T) {
	const a, b = "https://a.example", "https://bb.example"
	table := newTable(pack(append(slices.Repeat([]string{a, b}, 100_000), "https://c.example")...), func() {})
	if want := len(newTable(pack(a, b, "https://c.example"), func() {}).text); len(table.text) != want {
		t.Errorf("the text has %d bytes, want %d", len(table.text), want)
	}
	for _, s := range []string{a, b, "https://c.example"} {
		if !table.has(s) {
			t.Errorf("%q is missing", s)
		}
	}
}

// BenchmarkNewTable shows what it takes to build a table, a string.
func BenchmarkNewTable(b *testing.B) {
	const n = 1_000_000
	var list packed
	for i := range n {
		list.add(fmt.Sprintf("https://tenant%07d.example.com", i*7919%n))
	}
	for b.Loop() {
		newTable(list, func() {})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/string")
}
