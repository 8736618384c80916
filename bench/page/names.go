package page

import (
	"cmp"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// nameHeight is how far apart names are at least.
const nameHeight = 15

// drawNames writes the name of each line behind its end, or as near to it as the other
// names allow.
func (l Lines) drawNames(p *plot.Plot, field draw.Canvas, colors []color.Color) {
	_, toY := p.Transforms(&field)
	order := make([]int, len(l.Series))
	places := make([]float64, len(l.Series))
	for i, s := range l.Series {
		order[i] = i
		places[i] = float64(toY(s.Points[len(s.Points)-1].Y))
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(places[a], places[b]) })
	sorted := make([]float64, len(order))
	for i, n := range order {
		sorted[i] = places[n]
	}
	spread(sorted, nameHeight)
	for i, n := range order {
		s := style(colors[n], textSize)
		if l.Series[n].Own {
			s = bold(s)
		}
		field.FillText(s, vg.Point{X: field.Max.X + 10, Y: vg.Length(sorted[i])}, l.Series[n].Name)
	}
}

// spread moves places, which are in ascending order, so that each is at least gap above
// the one before it. It moves them no farther than it must: those that are in each
// other's way stand around the middle of where they were.
func spread(places []float64, gap float64) {
	// Less what it has to be above the first one, each place must not be below the one
	// before it: where it is, both are their mean, and so on.
	type block struct {
		mean  float64
		count int
	}
	var blocks []block
	for i, place := range places {
		last := block{place - float64(i)*gap, 1}
		for len(blocks) > 0 && blocks[len(blocks)-1].mean > last.mean {
			before := blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			count := before.count + last.count
			last = block{(before.mean*float64(before.count) + last.mean*float64(last.count)) / float64(count), count}
		}
		blocks = append(blocks, last)
	}
	i := 0
	for _, b := range blocks {
		for range b.count {
			places[i] = b.mean + float64(i)*gap
			i++
		}
	}
}
