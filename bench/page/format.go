package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Count writes a whole number with commas between thousands.
func Count(n float64) string {
	digits := strconv.FormatInt(int64(math.Round(n)), 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Nanoseconds writes a time in the unit that suits it, with three digits that count.
func Nanoseconds(ns float64) string {
	unit := "ns"
	for _, larger := range []string{"µs", "ms", "s"} {
		if math.Round(ns) < 1000 {
			break
		}
		ns /= 1000
		unit = larger
	}
	return significant(ns) + " " + unit
}

// Ratio writes a ratio, with a × behind it.
func Ratio(r float64) string { return fmt.Sprintf("%.2f×", r) }

// significant writes a number with three digits that count, and without zeros at the end
// of a fraction.
func significant(v float64) string {
	decimals := 2
	if v != 0 {
		decimals = max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	s := strconv.FormatFloat(v, 'f', min(decimals, 4), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
