package page

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"path/filepath"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Plot is a picture of figures: [Lines] or [Bars].
type Plot interface {
	height() vg.Length
	draw(c draw.Canvas, t theme) error
}

// width of all plots: 720 pixels, which is shown as it is on most pages.
const width = 540 * vg.Length(1)

// Write writes a plot as two files, NAME-light.svg and NAME-dark.svg.
func Write(dir, name string, p Plot) error {
	for _, t := range themes {
		svg, err := render(p, t)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+t.name+".svg"), svg, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Picture returns Markdown that shows what [Write] has written, in the reader's theme. The
// text is for those who do not see it.
func Picture(dir, name, alt string) string {
	return fmt.Sprintf("<picture>\n  <source media=\"(prefers-color-scheme: dark)\" srcset=\"%[1]s/%[2]s-dark.svg\">\n"+
		"  <img alt=\"%[3]s\" src=\"%[1]s/%[2]s-light.svg\">\n</picture>\n", dir, name, html.EscapeString(alt))
}

func render(p Plot, t theme) ([]byte, error) {
	canvas := vgsvg.New(width, p.height())
	if err := p.draw(draw.New(canvas), t); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	// The name alone would leave most readers with their browser's serif font.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif;")), nil
}

// heading writes title and note at the top of the canvas, and returns the rest of it.
func heading(c draw.Canvas, t theme, title, note string) draw.Canvas {
	c.FillText(bold(style(t.ink, titleSize)), vg.Point{X: c.Min.X, Y: c.Max.Y - 10}, title)
	c.FillText(style(t.faint, textSize), vg.Point{X: c.Min.X, Y: c.Max.Y - 28}, note)
	return draw.Crop(c, 0, 0, 0, -headingHeight)
}

const headingHeight = 46
