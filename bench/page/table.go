// Package page makes the parts of docs/benchmarks.md: tables and plots.
package page

import "strings"

// Table is a table of Markdown. The first column is left aligned, all others right.
type Table struct {
	Title   string // a heading of level 3
	About   string // paragraphs above the table
	Columns []string
	Rows    [][]string
}

// String returns the table as Markdown, with its heading and an empty line behind it.
func (t Table) String() string {
	var b strings.Builder
	b.WriteString("### " + t.Title + "\n\n")
	if t.About != "" {
		b.WriteString(t.About + "\n\n")
	}
	row := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	row(t.Columns)
	b.WriteString("| --- |" + strings.Repeat(" ---: |", len(t.Columns)-1) + "\n")
	for _, cells := range t.Rows {
		row(cells)
	}
	b.WriteString("\n")
	return b.String()
}
