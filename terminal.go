package caddycors

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// Styles of a terminal (ECMA-48, SGR).
const (
	styleBold  = "1"
	styleFaint = "2"
	styleRed   = "31"
	styleGreen = "32"
	styleAmber = "33"
)

// page is text for a person, with styles if it is for a terminal.
type page struct {
	strings.Builder
	styled bool
}

// newPage returns an empty page for a writer. It has styles if the writer is a
// terminal, unless NO_COLOR is set (https://no-color.org).
func newPage(w io.Writer) *page {
	file, ok := w.(*os.File)
	return &page{styled: ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// line writes a line, in a style if there is one. Later lines of the text are as far
// from the margin as the first one.
func (p *page) line(indent int, style, text string) {
	for line := range strings.Lines(text) {
		line = printable(strings.TrimSuffix(line, "\n"))
		if p.styled && style != "" {
			line = "\x1b[" + style + "m" + line + "\x1b[m"
		}
		p.WriteString(strings.Repeat(" ", indent) + line + "\n")
	}
}

func (p *page) blank() { p.WriteByte('\n') }

// maxPrinted is how many bytes a line of a page has at most: some are a server's.
const maxPrinted = 1000

// printable returns a line as a terminal may have it: what it would take for a command
// is replaced, and what is very long is cut.
func printable(s string) string {
	cut := len(s) > maxPrinted
	if cut {
		s = s[:maxPrinted]
	}
	s = strings.Map(func(c rune) rune {
		if c != '\t' && !strconv.IsPrint(c) {
			return '\uFFFD'
		}
		return c
	}, s)
	if cut {
		s += "..."
	}
	return s
}
