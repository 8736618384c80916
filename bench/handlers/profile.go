package handlers

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/seed-9442523e/caddy-cors/bench/page"
)

// Profile is where the time of a request goes in this module's handler, alone, by the
// samples of the processor's profile.
type Profile struct {
	Scenario string
	Shares   map[string]float64 // by part of the work; together 1
}

// The parts of the work. All but the last two are bounds of the runtime, and of what a
// handler of Caddy's has to do.
const (
	partAllocation = "memory for the response writer, and its collection"
	partContext    = "look-ups in the request's context"
	partMaps       = "maps of header fields and of Caddy's variables"
	partBackend    = "the handler behind it"
	partOwn        = "this module's own code"
)

// workParts are the parts in the order of the table, with the beginnings of the names of the functions
// that tell them. A sample belongs to the first part that has one of its functions.
var workParts = []struct {
	name      string
	functions []string
}{
	{partAllocation, []string{"runtime.newobject", "runtime.mallocgc", "runtime.gc", "runtime.bgsweep", "runtime.wbBufFlush"}},
	{partContext, []string{"context."}},
	{partMaps, []string{"runtime.map", "internal/runtime/maps."}},
	{partOwn, []string{"github.com/seed-9442523e/caddy-cors."}},
}

// profileFor is how long a scenario runs to be profiled.
func (e effort) profileFor() time.Duration { return 100 * e.shot }

// runProfiles profiles the scenarios that have a peer which is faster for what it leaves out.
func (r *Result) runProfiles(ctx context.Context, e effort) error {
	for _, s := range usual()[:3] {
		shares, err := profileOf(ctx, e, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		r.Profiles = append(r.Profiles, Profile{s.name, shares})
	}
	return nil
}

func profileOf(ctx context.Context, e effort, s scenario) (map[string]float64, error) {
	contenders, _, err := alone(s.policy, new(backend))
	if err != nil {
		return nil, err
	}
	operation := repeatAlone(contenders[0].serving, newRequest(s.request))
	var samples bytes.Buffer
	if err := pprof.StartCPUProfile(&samples); err != nil {
		return nil, err
	}
	for end := time.Now().Add(e.profileFor()); time.Now().Before(end) && err == nil; {
		_, err = shoot(ctx, 1000, operation)
	}
	pprof.StopCPUProfile()
	if err != nil {
		return nil, err
	}
	p, err := profile.Parse(&samples)
	if err != nil {
		return nil, err
	}
	return sharesOf(p), nil
}

// sharesOf returns how much of the samples each part of the work has, of those in this
// module's handler.
func sharesOf(p *profile.Profile) map[string]float64 {
	shares, total := make(map[string]float64), 0.0
	for _, sample := range p.Sample {
		// Functions from the one that ran up to the handler.
		functions := functionsOf(sample)
		handler := slices.Index(functions, "github.com/seed-9442523e/caddy-cors.(*Handler).ServeHTTP")
		if handler < 0 {
			continue
		}
		shares[partOf(functions[:handler+1])] += float64(sample.Value[0])
		total += float64(sample.Value[0])
	}
	for part := range shares {
		shares[part] /= total
	}
	return shares
}

func functionsOf(sample *profile.Sample) (names []string) {
	for _, location := range sample.Location {
		for _, line := range location.Line {
			names = append(names, line.Function.Name)
		}
	}
	return names
}

// partOf returns the part of the work that the functions of a sample belong to, from the
// one that ran up.
func partOf(functions []string) string {
	for _, function := range functions {
		if strings.Contains(function, "(*backend).serve") {
			return partBackend // and nothing of this module ran below it
		}
		for _, part := range workParts {
			if slices.ContainsFunc(part.functions, func(prefix string) bool { return strings.HasPrefix(function, prefix) }) {
				return part.name
			}
		}
	}
	return partOwn
}

func (r *Result) profileTable() page.Table {
	t := page.Table{
		Title: "Where the time goes",
		About: "What a peer can leave out, and this module cannot, is a response writer of its own for each request: only when the header is written " +
			"is it known what a backend granted by itself. Nor does a peer tell Caddy's other handlers, placeholders and logs what was decided. " +
			"No header value is shared between responses, since handlers edit values in place; a value of its own takes memory. " +
			"These are shares of the processor's profile of this module's handler, alone. The two last rows hold what they come to, without its own code, " +
			"against all the time of the fastest peer: where it is more, no code of its own would make it as fast.",
		Columns: []string{"part of the work"},
	}
	for _, p := range r.Profiles {
		t.Columns = append(t.Columns, p.Scenario)
	}
	for _, part := range []string{partAllocation, partContext, partMaps, partBackend, partOwn} {
		row := []string{part}
		for _, p := range r.Profiles {
			row = append(row, fmt.Sprintf("%.0f %%", 100*p.Shares[part]))
		}
		t.Rows = append(t.Rows, row)
	}
	foreign, fastest := []string{"**all but its own code, about**"}, []string{"**the fastest peer, in all**"}
	for _, p := range r.Profiles {
		own, peer := r.timesAlone(p.Scenario)
		foreign = append(foreign, page.Nanoseconds(own*(1-p.Shares[partOwn])))
		fastest = append(fastest, page.Nanoseconds(peer))
	}
	t.Rows = append(t.Rows, foreign, fastest)
	return t
}

// timesAlone returns the nanoseconds of this module and of the fastest peer in a scenario,
// alone.
func (r *Result) timesAlone(scenario string) (own, fastest float64) {
	for _, row := range r.Rows {
		switch {
		case row.Setting != SettingAlone || row.Scenario != scenario:
		case row.Contender == This:
			own = row.Nanoseconds
		case fastest == 0 || row.Nanoseconds < fastest:
			fastest = row.Nanoseconds
		}
	}
	return own, fastest
}
