package main

import (
	"fmt"
	"strings"

	"github.com/seed-9442523e/caddy-cors/bench/page"
)

const intro = `# Benchmarks

What this module costs, and what others cost in the same place, all measured in one run on one machine.

<!-- Written by: go -C bench run ./report -->

## How to read this

What is compared took turns, round by round, so that what disturbed one disturbed all; a ratio is the median of the
ratios of the rounds. Ratios tell more than times: those are of this one machine, and change with the next. **A ratio
of times has this module first, so that less than 1 means that it is faster.** Of throughput, more is better.

To run all of it, which takes about twenty minutes on a machine that does nothing else:

` + "```sh" + `
apt-get install chromium nodejs npm nginx-light haproxy nghttp2-client
%s
` + "```" + `

` + "`-quick`" + ` does everything once, to show that it works; ` + "`-only`" + ` runs some of ` + "`%s`" + `; ` + "`-from`" + ` makes the page again,
without measuring, of [results.json](benchmarks/results.json), which has all figures.

`

const quickWarning = `**This page was written with ` + "`-quick`" + `: it shows that all of it works. Its figures mean nothing.**

`

// page returns the page as Markdown.
func (r *Results) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, intro, "go -C bench run ./report", strings.Join(parts, ","))
	if r.Quick {
		b.WriteString(quickWarning)
	}
	b.WriteString(r.where())
	b.WriteString(r.verdict())

	plots := make(map[string]plot)
	for _, p := range r.plots() {
		plots[p.name] = p
	}
	section := func(title string, tables []page.Table, pictures ...string) {
		b.WriteString("## " + title + "\n\n")
		for _, name := range pictures {
			b.WriteString(plots[name].String() + "\n")
		}
		for _, t := range tables {
			b.WriteString(t.String())
		}
	}
	if r.Handlers != nil {
		section("Middleware against middleware", r.Handlers.Tables(), "origins-actual", "origins-preflight", "requests")
	}
	if r.Size != nil {
		section("A million origins in memory", r.Size.Tables(), "heap")
	}
	if r.Servers != nil {
		section("Whole servers", r.Servers.Tables(), "throughput")
	}
	if r.Sessions != nil {
		section("What browsers ask", r.Sessions.Tables(), "preflights")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// where tells of the machine and the versions.
func (r *Results) where() string {
	m := r.Machine
	var b strings.Builder
	b.WriteString("## Where and when\n\n")
	fmt.Fprintf(&b, "%s, by `%s`, on %s: %s, %d cores, %.0f GiB.\n\n",
		r.Date.Format("2 January 2006"), r.Command, m.System, m.CPU, m.Cores, m.MemoryGiB)
	b.WriteString("| | version |\n| --- | --- |\n")
	for _, v := range m.Versions {
		fmt.Fprintf(&b, "| %s | %s |\n", v.Name, v.Version)
	}
	b.WriteString("\n")
	return b.String()
}

// verdict tells which goals are met.
func (r *Results) verdict() string {
	var b strings.Builder
	b.WriteString("## Goals\n\n")
	for _, g := range r.goals() {
		if r.Quick {
			fmt.Fprintf(&b, "- **Not judged:** %s.\n", g.text)
		} else {
			b.WriteString(g.String())
		}
	}
	b.WriteString("\n")
	return b.String()
}
