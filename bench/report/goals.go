package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// goal is what this module wants to be, and the figures that tell whether it is.
type goal struct {
	text   string // without a full stop
	limit  float64
	least  bool // the figures have to be at least the limit, not at most
	remark string

	figures []figure
}

// figure is what was found in one case.
type figure struct {
	name  string
	value float64
}

// String writes the value with three digits that count.
func (f figure) String() string {
	value := strconv.FormatFloat(f.value, 'g', 3, 64)
	if f.name == "" {
		return value
	}
	return value + " in " + f.name
}

func (g *goal) add(name string, value float64) { g.figures = append(g.figures, figure{name, value}) }

// missed returns the figures that miss the goal.
func (g *goal) missed() []figure {
	return slices.DeleteFunc(slices.Clone(g.figures), func(f figure) bool {
		if g.least {
			return f.value >= g.limit
		}
		return f.value <= g.limit
	})
}

// worst returns the figure that is nearest to missing the goal, or misses it most.
func (g *goal) worst() figure { return slices.MaxFunc(g.figures, g.compare) }

// compare is positive if a is nearer to missing the goal than b, or misses it more.
func (g *goal) compare(a, b figure) int {
	if g.least {
		a, b = b, a
	}
	return cmp.Compare(a.value, b.value)
}

// mostMissed is how many of the figures that miss a goal are named.
const mostMissed = 5

// String returns the goal as an item of a list.
func (g *goal) String() string {
	missed := g.missed()
	verdict, found := "Met", ""
	if len(missed) > 0 {
		verdict = "Not met"
	}
	switch {
	case len(g.figures) == 0:
		verdict = "Not measured"
	case len(g.figures) == 1:
		found = fmt.Sprintf(" It is %v.", g.figures[0])
	case len(missed) == 0:
		found = fmt.Sprintf(" So it is in all %d cases, at worst %v.", len(g.figures), g.worst())
	default:
		slices.SortStableFunc(missed, func(a, b figure) int { return -g.compare(a, b) })
		var cases []string
		for _, f := range missed[:min(mostMissed, len(missed))] {
			cases = append(cases, f.String())
		}
		found = fmt.Sprintf(" It is missed in %d of %d cases: %s", len(missed), len(g.figures), strings.Join(cases, "; "))
		if more := len(missed) - len(cases); more > 0 {
			found += fmt.Sprintf("; and less in %d more, which the tables have", more)
		}
		found += "."
	}
	if g.remark != "" {
		found += " " + g.remark
	}
	return fmt.Sprintf("- **%s:** %s.%s\n", verdict, g.text, found)
}

// goals returns those of the parts that were run.
func (r *Results) goals() []*goal {
	var all []*goal
	if r.Handlers != nil {
		all = append(all, handlerGoals(r.Handlers)...)
	}
	if r.Size != nil {
		all = append(all, sizeGoals(r.Size)...)
	}
	if r.Servers != nil {
		all = append(all, serverGoals(r.Servers)...)
	}
	if r.Sessions != nil {
		all = append(all, sessionGoals(r.Sessions)...)
	}
	return all
}
