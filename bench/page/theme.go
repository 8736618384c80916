package page

import (
	"image/color"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// theme has the colours of a plot, which has no background of its own: it is read on the
// page's, light or dark.
type theme struct {
	name   string
	ink    color.Color // what is to be read
	faint  color.Color // what explains it
	grid   color.Color
	accent color.Color   // this module
	others []color.Color // in the order in which they first appear
	rest   color.Color   // bars that need not be told apart by their colour
}

// The hues are those of Okabe and Ito, which colour-blind readers can tell apart, made
// darker or lighter so that they stand out from the background.
var themes = []theme{
	{
		name: "light", ink: rgb(0x1f2328), faint: rgb(0x59636e), grid: rgb(0xd8dee4), accent: rgb(0x0072b2),
		others: []color.Color{rgb(0xd55e00), rgb(0x00815e), rgb(0xb3548f), rgb(0x8a6d00), rgb(0x59636e)},
		rest:   rgb(0xb6bfc9),
	},
	{
		name: "dark", ink: rgb(0xf0f6fc), faint: rgb(0x9da7b1), grid: rgb(0x30363d), accent: rgb(0x56b4e9),
		others: []color.Color{rgb(0xff8b4a), rgb(0x2fc99b), rgb(0xe39ac9), rgb(0xe6c13d), rgb(0x9da7b1)},
		rest:   rgb(0x59636e),
	},
}

func rgb(hex uint32) color.Color {
	return color.RGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 0xff}
}

// Sizes of text, in points.
const (
	titleSize = 13
	textSize  = 11
)

// fonts knows how wide text is. Readers that do not have Liberation Sans see Helvetica or
// Arial, which are as wide.
var fonts = text.Plain{Fonts: font.NewCache(liberation.Collection())}

// style returns how text is written.
func style(c color.Color, size vg.Length) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		Handler: fonts,
		XAlign:  text.XLeft,
		YAlign:  text.YCenter,
	}
}

// bold returns a style in bold.
func bold(s text.Style) text.Style {
	s.Font.Weight = xfont.WeightBold
	return s
}
