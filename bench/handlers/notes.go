package handlers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-9442523e/caddy-cors/bench/stats"
)

// notes tells who is left out of a setting, and how contenders answer that the settings
// before it do not have.
func (r *Result) notes(setting string, before ...string) string {
	lines := append(r.leftOutLines(setting), r.differenceLines(setting, before)...)
	return "Browsers make the same of all answers. What else there is to know:\n\n- " + strings.Join(lines, "\n- ")
}

func (r *Result) leftOutLines(setting string) (lines []string) {
	type reason struct{ contender, text string }
	scenarios := make(map[reason][]string)
	var reasons []reason
	for _, l := range r.LeftOut {
		if l.Setting != setting {
			continue
		}
		why := reason{l.Contender, l.Reason}
		if scenarios[why] == nil {
			reasons = append(reasons, why)
		}
		scenarios[why] = append(scenarios[why], l.Scenario)
	}
	for _, why := range reasons {
		lines = append(lines, fmt.Sprintf("%s is not in “%s”: %s.", why.contender, strings.Join(scenarios[why], "”, “"), why.text))
	}
	return lines
}

// differenceLines has a line for each difference, with all who have it.
func (r *Result) differenceLines(setting string, before []string) (lines []string) {
	contenders := make(map[string][]string)
	var texts []string
	for _, d := range r.Differences {
		known := func(setting string) bool { return r.has(setting, d.Contender) }
		if !known(setting) || slices.ContainsFunc(before, known) {
			continue
		}
		if contenders[d.Text] == nil {
			texts = append(texts, d.Text)
		}
		contenders[d.Text] = append(contenders[d.Text], d.Contender)
	}
	for _, text := range texts {
		lines = append(lines, fmt.Sprintf("%s: %s.", strings.Join(contenders[text], ", "), text))
	}
	return lines
}

// has reports whether a contender was measured in a setting.
func (r *Result) has(setting, contender string) bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Setting == setting && row.Contender == contender })
}

// idleNote tells what it costs to be in Caddy's chain at all, and what peers pay for the
// adapter.
func (r *Result) idleNote() string {
	adds := func(contender string) (nanoseconds, allocs float64) {
		var times, counts []float64
		for _, row := range r.Rows {
			if row.Contender == contender {
				times = append(times, row.AddedNanoseconds)
				counts = append(counts, row.AddedAllocs)
			}
		}
		return stats.Median(times), stats.Median(counts)
	}
	idle, allocs := adds(Idle)
	peer, _ := adds(Adapter)
	return fmt.Sprintf("Of what each of them adds, %.0f ns and %s allocations are what Caddy takes for any handler in a route. "+
		"Peers need an adapter to be such a handler, which takes %.0f ns more and allocates nothing.", idle, count(allocs), max(0, peer-idle))
}
