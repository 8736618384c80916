package size

import (
	"fmt"
	"slices"

	"github.com/seed-9442523e/caddy-cors/bench/page"
)

// Tables returns what was measured, for readers.
func (r *Result) Tables() []page.Table {
	return []page.Table{r.heapTable(), r.loadTable()}
}

func (r *Result) heapTable() page.Table {
	t := page.Table{
		Title: "The heap of a long list",
		About: "What is on the heap, after garbage collection, for a policy of distinct origins of 24 to 39 bytes: **in bytes for each byte of the origins**, " +
			"and all together. Each contender gets a list of its own, of which it keeps what it likes. " +
			"Caddy itself keeps the config as JSON beside this, whatever its handlers are.",
		Columns: []string{""},
	}
	var counts []int
	for _, h := range r.Heap {
		if !slices.Contains(counts, h.Origins) {
			counts = append(counts, h.Origins)
			t.Columns = append(t.Columns, page.Count(float64(h.Origins))+" origins")
		}
	}
	raw := []string{"the origins, byte by byte"}
	for _, n := range counts {
		h, _ := r.HeapOf(This, n)
		raw = append(raw, "**1** "+megabytes(h.RawBytes))
	}
	t.Rows = append(t.Rows, raw)
	for _, c := range holders() {
		row := []string{c.name}
		for _, n := range counts {
			h, _ := r.HeapOf(c.name, n)
			row = append(row, fmt.Sprintf("**%.2f** %s", h.Ratio, megabytes(h.HeapBytes)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r *Result) loadTable() page.Table {
	t := page.Table{
		Title: "The load of a long list",
		About: "How long it takes from a list of strings to a handler that is ready, behind a garbage collection each time. " +
			"What it takes to read the config is not in it. The ratio is **this module : peer**.",
		Columns: []string{"", "origins", "seconds", "ratio"},
	}
	for _, l := range r.Load {
		t.Rows = append(t.Rows, []string{l.Contender, page.Count(float64(l.Origins)), fmt.Sprintf("%.3f", l.Seconds), fmt.Sprintf("**%.2f**", l.Ratio)})
	}
	return t
}

// HeapOf returns what a contender holds for n origins, if that was measured.
func (r *Result) HeapOf(contender string, n int) (Heap, bool) {
	i := slices.IndexFunc(r.Heap, func(h Heap) bool { return h.Contender == contender && h.Origins == n })
	if i < 0 {
		return Heap{}, false
	}
	return r.Heap[i], true
}

func megabytes(bytes int) string { return fmt.Sprintf("%.3g MB", float64(bytes)/1e6) }
