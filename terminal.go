package caddycors

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// Styles of a terminal (ECMA-48, SGR).
const (
	styleBold  = "1"
	styleFaint = "2"
	styleRed   = "31"
	styleGreen = "32"
	styleAmber = "33"
)

// screen is text for a person, with styles if it is for a terminal.
type screen struct {
	strings.Builder
	styled bool
}

// newScreen returns an empty screen for a writer. It has styles if the writer is a
// terminal, unless NO_COLOR is set (https://no-color.org).
func newScreen(w io.Writer) *screen {
	file, ok := w.(*os.File)
	return &screen{styled: ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// line writes a line, in a style if there is one. Later lines of the text are as far
// from the margin as the first one.
func (s *screen) line(indent int, style, text string) {
	for line := range strings.Lines(text) {
		text := strings.TrimLeft(strings.TrimSuffix(line, "\n"), "\t")
		tabs := strings.Repeat("\t", len(line)-len(strings.TrimLeft(line, "\t")))
		line = tabs + fetch.Printable(text, maxPrinted)
		if s.styled && style != "" {
			line = "\x1b[" + style + "m" + line + "\x1b[m"
		}
		s.WriteString(strings.Repeat(" ", indent) + line + "\n")
	}
}

func (s *screen) blank() { s.WriteByte('\n') }

// maxPrinted is how many bytes a line has at most: some are a server's.
const maxPrinted = 1000
