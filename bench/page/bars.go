package page

import (
	"errors"
	"image/color"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bars are horizontal bars that start at zero, in groups. Each has its name and its value
// beside it.
type Bars struct {
	Title, Note string
	Groups      []Group
	Format      func(float64) string // of values
	Mark        float64              // a line at this value, if it is not zero
}

// Group is some bars below a name, which may be empty.
type Group struct {
	Name string
	Bars []Bar
}

// Bar is one bar.
type Bar struct {
	Name  string
	Value float64
	Own   bool // this module's, which stands out
}

const (
	rowHeight   = 19
	groupHeight = 24
	groupGap    = 10
	barHeight   = 12
)

func (b Bars) height() vg.Length {
	height := vg.Length(headingHeight)
	for i, g := range b.Groups {
		if i > 0 {
			height += groupGap
		}
		if g.Name != "" {
			height += groupHeight
		}
		height += vg.Length(len(g.Bars)) * rowHeight
	}
	return height + 4
}

func (b Bars) draw(c draw.Canvas, t theme) error {
	names, values := style(t.ink, textSize), style(t.ink, textSize)
	names.XAlign = text.XRight
	var greatest float64
	var nameWidth, valueWidth vg.Length
	for _, g := range b.Groups {
		for _, bar := range g.Bars {
			greatest = max(greatest, bar.Value)
			nameWidth = max(nameWidth, bold(names).Width(bar.Name))
			valueWidth = max(valueWidth, bold(values).Width(b.Format(bar.Value)))
		}
	}
	if greatest <= 0 {
		return errors.New("no bar has a length")
	}
	c = heading(c, t, b.Title, b.Note)
	left := c.Min.X + nameWidth + 8
	scale := float64(c.Max.X-valueWidth-14-left) / max(greatest, b.Mark)
	mark := left + vg.Length(b.Mark*scale)

	y := c.Max.Y
	for i, g := range b.Groups {
		if i > 0 {
			y -= groupGap
		}
		if g.Name != "" {
			c.FillText(bold(style(t.faint, textSize)), vg.Point{X: left, Y: y - groupHeight/2}, g.Name)
			y -= groupHeight
		}
		top := y
		for _, bar := range g.Bars {
			middle := y - rowHeight/2
			end := left + max(1, vg.Length(bar.Value*scale))
			name, value, fill := names, values, t.rest
			if bar.Own {
				name, value, fill = bold(names), bold(values), t.accent
			}
			c.FillText(name, vg.Point{X: left - 8, Y: middle}, bar.Name)
			fillBar(c, fill, left, end, middle)
			figure := b.Format(bar.Value)
			x := end + 6
			if b.Mark != 0 && x-6 < mark && mark < x+value.Width(figure)+6 {
				x = mark + 6 // the line would go through it
			}
			c.FillText(value, vg.Point{X: x, Y: middle}, figure)
			y -= rowHeight
		}
		if b.Mark != 0 {
			c.StrokeLine2(draw.LineStyle{Color: t.ink, Width: 1, Dashes: []vg.Length{3, 3}}, mark, top, mark, y)
		}
	}
	return nil
}

// fillBar fills a bar between two places of a row.
func fillBar(c draw.Canvas, fill color.Color, from, to, middle vg.Length) {
	c.SetColor(fill)
	c.Fill(vg.Rectangle{
		Min: vg.Point{X: from, Y: middle - barHeight/2},
		Max: vg.Point{X: to, Y: middle + barHeight/2},
	}.Path())
}
