// Package handlers measures this module's handler against other middleware for CORS:
// alone, in the route chain of Caddy, and with up to a million origins.
package handlers

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
	"github.com/seed-9442523e/caddy-cors/bench/stats"
)

// effortOf returns how much is done.
func effortOf(o how.Options) effort {
	if o.Quick {
		return quick
	}
	return full
}

// The settings that a contender is measured in.
const (
	SettingAlone   = "alone"
	SettingChain   = "in Caddy's route chain"
	SettingOrigins = "by number of origins"
)

// Row is what one contender took for one request of a scenario: the median of all rounds.
type Row struct {
	Setting, Scenario, Contender string

	Nanoseconds, Allocs, Bytes float64

	// Ratio is what this module took to what the contender took: the median of the
	// ratios of each round. It is below 1 where this module is faster.
	Ratio float64

	// In Caddy's route chain, what the contender adds to a chain without CORS.
	AddedNanoseconds, AddedAllocs float64

	// By number of origins, what the scenario is made of.
	Origins int
	Request Request
	Pick    Pick
}

// LeftOut says why a contender is not in a scenario.
type LeftOut struct{ Setting, Scenario, Contender, Reason string }

// Difference is what a contender does in some scenarios otherwise than this module, where
// a browser does not mind.
type Difference struct {
	Contender, Text string
	Scenarios       []string
}

// Result is all that was measured.
type Result struct {
	Rows        []Row
	Growth      []Growth
	Profiles    []Profile
	LeftOut     []LeftOut
	Differences []Difference
}

// Run measures all of it. A contender that answers what a browser would take for another
// policy is an error.
func Run(ctx context.Context, o how.Options) (*Result, error) {
	r := new(Result)
	for _, s := range append(usual(), unusual()...) {
		o.Logf("handlers, %s: %s", SettingAlone, s.name)
		if err := r.runAlone(ctx, effortOf(o), s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for _, s := range usual() {
		o.Logf("handlers, %s: %s", SettingChain, s.name)
		if err := r.runInChain(ctx, effortOf(o), s); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.name, SettingChain, err)
		}
	}
	for _, n := range originCounts(o.Quick) {
		o.Logf("handlers, %s: %d", SettingOrigins, n)
		if err := r.runOrigins(ctx, effortOf(o), n); err != nil {
			return nil, fmt.Errorf("%d origins: %w", n, err)
		}
	}
	o.Logf("handlers, requests of four times the size")
	if err := r.runGrowth(ctx, effortOf(o)); err != nil {
		return nil, err
	}
	o.Logf("handlers, profiles")
	return r, r.runProfiles(ctx, effortOf(o))
}

func (r *Result) runAlone(ctx context.Context, e effort, s scenario) error {
	b := &backend{fields: s.fields}
	contenders, leftOut, err := alone(s.policy, b)
	if err != nil {
		return err
	}
	if err := r.judgeAll(s, contenders, b); err != nil {
		return err
	}
	r.leaveOut(SettingAlone, s.name, leftOut)
	operations := make([]func() error, len(contenders))
	for i, c := range contenders {
		operations[i] = repeatAlone(c.serving, newRequest(s.request))
	}
	return r.measure(ctx, e, Row{Setting: SettingAlone, Scenario: s.name}, contenders, operations)
}

func (r *Result) runInChain(ctx context.Context, e effort, s scenario) error {
	b := &backend{fields: s.fields}
	contenders, leftOut, err := inChain(s, b)
	if err != nil {
		return err
	}
	judged := slices.DeleteFunc(slices.Clone(contenders), func(c contender) bool { return WithoutCORS(c.name) })
	if err := r.judgeAll(s, judged, b); err != nil {
		return err
	}
	r.leaveOut(SettingChain, s.name, leftOut)
	operations := make([]func() error, len(contenders))
	for i, c := range contenders {
		operations[i] = repeatInChain(c.serving, newRequest(s.request))
	}
	return r.measure(ctx, e, Row{Setting: SettingChain, Scenario: s.name}, contenders, operations)
}

// measure adds a row for each contender to those that there are. All have the same label.
func (r *Result) measure(ctx context.Context, e effort, label Row, contenders []contender, operations []func() error) error {
	measured, err := measure(ctx, e, operations)
	if err != nil {
		return err
	}
	figuresOf := make(map[string]figures)
	for i, c := range contenders {
		figuresOf[c.name] = measured[i]
	}
	this := figuresOf[This]
	bare, inChain := figuresOf[Bare]
	for i, c := range contenders {
		row := label
		row.Contender = c.name
		row.Nanoseconds = stats.Median(measured[i].nanoseconds)
		row.Allocs = stats.Median(measured[i].allocs)
		row.Bytes = stats.Median(measured[i].bytes)
		row.Ratio = stats.Ratio(this.nanoseconds, measured[i].nanoseconds)
		if inChain {
			row.AddedNanoseconds = added(measured[i].nanoseconds, bare.nanoseconds)
			row.AddedAllocs = added(measured[i].allocs, bare.allocs)
		}
		r.Rows = append(r.Rows, row)
	}
	return nil
}

// added returns the median of what a has more than b, round by round.
func added(a, b []float64) float64 {
	more := make([]float64, len(a))
	for i := range a {
		more[i] = a[i] - b[i]
	}
	return stats.Median(more)
}

// judgeAll tries each contender before it is measured.
func (r *Result) judgeAll(s scenario, contenders []contender, b *backend) error {
	for _, c := range contenders {
		differences, err := judge(s, c.serving, b)
		if err != nil {
			return fmt.Errorf("%s answers wrongly: %w", c.name, err)
		}
		for _, text := range differences {
			r.differ(c.name, text, s.name)
		}
	}
	return nil
}

// differ notes a difference, once for each scenario.
func (r *Result) differ(contender, text, scenario string) {
	i := slices.IndexFunc(r.Differences, func(d Difference) bool { return d.Contender == contender && d.Text == text })
	if i < 0 {
		i = len(r.Differences)
		r.Differences = append(r.Differences, Difference{Contender: contender, Text: text})
	}
	if d := &r.Differences[i]; !slices.Contains(d.Scenarios, scenario) {
		d.Scenarios = append(d.Scenarios, scenario)
	}
}

func (r *Result) leaveOut(setting, scenario string, leftOut map[string]error) {
	for _, peer := range peers() {
		if err := leftOut[peer.name]; err != nil {
			r.LeftOut = append(r.LeftOut, LeftOut{setting, scenario, peer.name, err.Error()})
		}
	}
}

// Scenarios returns the names of the scenarios of a setting, in order.
func (r *Result) Scenarios(setting string) []string {
	var names []string
	for _, row := range r.Rows {
		if row.Setting == setting && !slices.Contains(names, row.Scenario) {
			names = append(names, row.Scenario)
		}
	}
	return names
}

// Row returns what a contender took in a scenario, if it is there.
func (r *Result) Row(setting, scenario, contender string) (Row, bool) {
	i := slices.IndexFunc(r.Rows, func(row Row) bool {
		return row.Setting == setting && row.Scenario == scenario && row.Contender == contender
	})
	if i < 0 {
		return Row{}, false
	}
	return r.Rows[i], true
}
