package page

import (
	"errors"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Lines are lines in a field whose axes are both logarithmic, each with its name at its
// end.
type Lines struct {
	Title, Note      string
	XLabel           string
	Series           []Series
	FormatX, FormatY func(float64) string // of powers of ten
}

// Series is one line, from left to right.
type Series struct {
	Name   string
	Points []Point
	Own    bool // this module's, which stands out
}

// Point is a place on a line. Both coordinates are above zero.
type Point struct{ X, Y float64 }

func (Lines) height() vg.Length { return 330 }

func (l Lines) draw(c draw.Canvas, t theme) error {
	low, high := math.Inf(1), math.Inf(-1)
	var nameWidth vg.Length
	for _, s := range l.Series {
		if len(s.Points) == 0 {
			return errors.New("a line without points: " + s.Name)
		}
		nameWidth = max(nameWidth, bold(style(t.ink, textSize)).Width(s.Name))
		for _, p := range s.Points {
			if p.X <= 0 || p.Y <= 0 {
				return errors.New("no place on logarithmic axes: " + s.Name)
			}
			low, high = min(low, p.Y), max(high, p.Y)
		}
	}
	if len(l.Series) == 0 {
		return errors.New("no lines")
	}

	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Scale = plot.LogScale{}
		axis.Width = 0
		axis.Tick.Width = 0
		axis.Label.TextStyle = style(t.faint, textSize)
		axis.Label.TextStyle.XAlign, axis.Label.TextStyle.YAlign = text.XCenter, text.YBottom
	}
	p.X.Tick.Label = style(t.faint, textSize)
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = text.XCenter, text.YTop
	p.Y.Tick.Label = style(t.faint, textSize)
	p.Y.Tick.Label.XAlign = text.XRight
	p.X.Tick.Marker, p.Y.Tick.Marker = decades(l.FormatX), decades(l.FormatY)
	p.X.Label.Text = l.XLabel
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal = draw.LineStyle{Color: t.grid, Width: 1}
	p.Add(grid)

	colors := l.colors(t)
	for _, own := range []bool{false, true} { // on top of the others
		for i, s := range l.Series {
			if s.Own != own {
				continue
			}
			if err := addLine(p, s, colors[i]); err != nil {
				return err
			}
		}
	}
	p.Y.Min, p.Y.Max = decadeBelow(low), decadeAbove(high)

	field := draw.Crop(heading(c, t, l.Title, l.Note), 0, -nameWidth-12, 6, 0)
	p.Draw(field)
	l.drawNames(p, p.DataCanvas(field), colors)
	return nil
}

// addLine adds a line with a dot at each of its points.
func addLine(p *plot.Plot, s Series, c color.Color) error {
	var points plotter.XYs
	for _, point := range s.Points {
		points = append(points, plotter.XY(point))
	}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, 1.5
	dots.Color, dots.Shape, dots.Radius = c, draw.CircleGlyph{}, 2.5
	if s.Own {
		line.Width, dots.Radius = 3, 4
	}
	p.Add(line, dots)
	return nil
}

// colors returns the color of each line.
func (l Lines) colors(t theme) []color.Color {
	colors := make([]color.Color, len(l.Series))
	others := 0
	for i, s := range l.Series {
		if s.Own {
			colors[i] = t.accent
			continue
		}
		colors[i] = t.others[others%len(t.others)]
		others++
	}
	return colors
}

// decades are ticks at powers of ten.
func decades(format func(float64) string) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		var ticks []plot.Tick
		for v := decadeAbove(low); v <= high*1.0001; v *= 10 {
			ticks = append(ticks, plot.Tick{Value: v, Label: format(v)})
		}
		return ticks
	})
}

// decadeBelow and decadeAbove return the nearest power of ten, which may be the value
// itself but for what floating point takes off.
func decadeBelow(v float64) float64 { return math.Pow(10, math.Floor(math.Log10(v)+1e-9)) }
func decadeAbove(v float64) float64 { return math.Pow(10, math.Ceil(math.Log10(v)-1e-9)) }
