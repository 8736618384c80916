package handlers

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/seed-9442523e/caddy-cors/bench/page"
)

// What stands in the cells of tables.

// cost is a cell with what a contender took.
func cost(r Row, ok bool) string {
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%s, %s", page.Nanoseconds(r.Nanoseconds), count(r.Allocs))
}

// compared is cost behind the ratio.
func compared(r Row, ok bool) string {
	if !ok {
		return "–"
	}
	return fmt.Sprintf("**%s** %s", ratio(r.Ratio), cost(r, ok))
}

// addition is a cell with what a contender adds.
func addition(r Row) string {
	return fmt.Sprintf("%+.0f ns, +%s", r.AddedNanoseconds, count(r.AddedAllocs))
}

// count is a mean of allocations. Those that happen less than once in twenty requests are
// not the request's.
func count(allocs float64) string {
	if allocs >= 100 {
		return page.Count(allocs)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", allocs), ".0")
}

// ratio has two decimal places, or two digits that count where that is more.
func ratio(x float64) string {
	switch {
	case x <= 0:
		return "0" // of what took no time that a clock shows
	case x >= 100:
		return page.Count(x)
	}
	places := max(2, 1-int(math.Floor(math.Log10(x))))
	return strconv.FormatFloat(x, 'f', places, 64)
}
