package page

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var bars = Bars{
	Title: "Time of a request", Note: "Less is better.", Format: Nanoseconds, Mark: 100,
	Groups: []Group{
		{"allowed", []Bar{{"this module", 90, true}, {"jub0bs/cors", 130, false}, {"rs/cors", 210, false}, {"gorilla/handlers", 480, false}}},
		{"preflight", []Bar{{"this module", 240, true}, {"jub0bs/cors", 390, false}, {"rs/cors", 460, false}, {"gorilla/handlers", 1210, false}}},
	},
}

var lines = Lines{
	Title: "Time of a request by number of origins", Note: "Less is better. Both axes are logarithmic.",
	XLabel: "origins", FormatX: Count, FormatY: Nanoseconds,
	Series: []Series{
		{"this module", []Point{{1, 90}, {10, 92}, {1000, 100}, {100_000, 120}, {1_000_000, 150}}, true},
		{"jub0bs/cors", []Point{{1, 130}, {10, 140}, {1000, 190}, {100_000, 290}, {1_000_000, 420}}, false},
		{"rs/cors", []Point{{1, 110}, {10, 150}, {1000, 3_100}, {100_000, 320_000}, {1_000_000, 3_300_000}}, false},
		{"go-chi/cors", []Point{{1, 120}, {10, 160}, {1000, 3_300}, {100_000, 330_000}, {1_000_000, 3_400_000}}, false},
		{"gorilla/handlers", []Point{{1, 150}, {10, 190}, {1000, 2_900}, {100_000, 300_000}, {1_000_000, 3_100_000}}, false},
	},
}

// TestWrite shows that plots are files that browsers take, with all that has a name, in
// fonts that readers have. Set PLOTS to a directory to look at them.
func TestWrite(t *testing.T) {
	dir := os.Getenv("PLOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	for name, p := range map[string]Plot{"bars": bars, "lines": lines} {
		if err := Write(dir, name, p); err != nil {
			t.Fatal(err)
		}
		for _, theme := range []string{"light", "dark"} {
			file := filepath.Join(dir, name+"-"+theme+".svg")
			svg, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := xml.Unmarshal(svg, new(struct{})); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			for _, want := range []string{">Time of a request", ">Less is better.", ">this module<", ">rs/cors<", ">gorilla/handlers<", "sans-serif"} {
				if !strings.Contains(string(svg), want) {
					t.Errorf("%s has no %q", file, want)
				}
			}
			if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
				t.Errorf("%s has what is no number", file)
			}
		}
	}
}

func TestNothingToPlot(t *testing.T) {
	for name, p := range map[string]Plot{
		"no bars":          Bars{Format: Count},
		"bars of zero":     Bars{Format: Count, Groups: []Group{{"", []Bar{{"a", 0, true}}}}},
		"no lines":         Lines{},
		"an empty line":    Lines{Series: []Series{{Name: "a"}}},
		"zero on log axes": Lines{Series: []Series{{"a", []Point{{1, 0}}, false}}},
	} {
		if err := Write(t.TempDir(), "plot", p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPicture(t *testing.T) {
	const want = `<picture>
  <source media="(prefers-color-scheme: dark)" srcset="docs/plots/time-dark.svg">
  <img alt="Time &lt; 1 ms." src="docs/plots/time-light.svg">
</picture>
`
	if got := Picture("docs/plots", "time", "Time < 1 ms."); got != want {
		t.Errorf("Picture: %s", got)
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct{ places, want []float64 }{
		{[]float64{0, 10, 20}, []float64{0, 10, 20}},
		{[]float64{0, 2}, []float64{-4, 6}},
		{[]float64{0, 0, 0, 100}, []float64{-10, 0, 10, 100}},
		{[]float64{0, 11, 12, 13}, []float64{-6, 4, 14, 24}},
	} {
		got := slices.Clone(test.places)
		spread(got, 10)
		if !slices.Equal(got, test.want) {
			t.Errorf("spread(%v) = %v, want %v", test.places, got, test.want)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Count(7), "7"},
		{Count(1_000), "1,000"},
		{Count(1_234_567), "1,234,567"},
		{Count(-123), "-123"},
		{Nanoseconds(0.5), "0.5 ns"},
		{Nanoseconds(7.654), "7.65 ns"},
		{Nanoseconds(87.654), "87.7 ns"},
		{Nanoseconds(100), "100 ns"},
		{Nanoseconds(999.6), "1 µs"},
		{Nanoseconds(1_234), "1.23 µs"},
		{Nanoseconds(3_300_000), "3.3 ms"},
		{Nanoseconds(45e9), "45 s"},
		{Ratio(0.5), "0.50×"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}
