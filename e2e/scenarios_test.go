//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// TestScenarios holds what pages can do with servers of this module, and of others, in
// three real browsers and by internal/fetch, against what the Fetch standard and the
// policies promise. It prints a table of all, which docs/browsers.md keeps:
//
//	go test ./e2e -run TestScenarios -update
func TestScenarios(t *testing.T) {
	var all []scenario
	for _, group := range allScenarios {
		all = append(all, group.scenarios...)
	}
	checkScenarios(t, all)
	report := make(report)
	var standard *scenarioRun
	t.Run("standard", func(t *testing.T) {
		s := serveScenarios(t, all)
		standard = s.seen(t, standardRun(t, s))
		for i, sc := range all {
			standard.checkStandard(t, i)
			report.add("standard", cell(sc.wants(), standard.preflightsByStandard(i)))
		}
	})
	if standard == nil {
		t.Fatal("there is nothing to hold the browsers against")
	}
	runs := make([]*scenarioRun, len(fetch.Engines))
	t.Run("engines", func(t *testing.T) {
		for _, engine := range fetch.Engines {
			t.Run(engine.String(), func(t *testing.T) {
				t.Parallel() // they wait most of the time
				s := serveScenarios(t, all)
				run := s.seen(t, s.run(t, engine))
				for i := range all {
					run.checkEngine(t, engine, i, standard)
				}
				runs[engine] = run
			})
		}
	})
	for _, engine := range fetch.Engines {
		for i := range all {
			if run := runs[engine]; run != nil {
				report.add(engine.String(), cell(texts(run.results[i]), run.preflights(i)))
			}
		}
	}
	report.check(t)
}

// checkScenarios fails unless names are unique, and each difference has its note, and says
// something of each step, or of none.
func checkScenarios(t *testing.T, all []scenario) {
	t.Helper()
	names := make(map[string]bool)
	for _, sc := range all {
		if names[sc.name] {
			t.Errorf("two scenarios are called %q", sc.name)
		}
		names[sc.name] = true
		if sc.arrives == nil && !sc.cached && !sc.isCORS() {
			t.Errorf("%s: nothing says what has to arrive", sc.name)
		}
		if (sc.note != "") != (len(sc.differ) > 0) {
			t.Errorf("%s: the note is %q, and %d engines differ", sc.name, sc.note, len(sc.differ))
		}
		for engine, d := range sc.differ {
			if d.wants != nil && len(d.wants) != len(sc.steps) || d.wants == nil && d.arrives == nil {
				t.Fatalf("%s: the difference of %s is %+v", sc.name, engine, d)
			}
		}
	}
}

// scenarioRun is what came of the steps of all scenarios, and what arrived.
type scenarioRun struct {
	*scenarioServers
	results  [][]result
	arrivals [][]arrival
}

// seen returns what was seen of a run.
func (s *scenarioServers) seen(t *testing.T, results [][]result) *scenarioRun {
	t.Helper()
	return &scenarioRun{s, results, s.arrived(t)}
}

// checkStandard fails unless internal/fetch says of a scenario what the standard says.
func (r *scenarioRun) checkStandard(t *testing.T, i int) {
	t.Helper()
	sc := r.scenarios[i]
	for n, s := range sc.steps {
		if !s.isCORS() {
			continue
		}
		want, _, _ := strings.Cut(s.want, " ")
		if want != "blocked" && want[0] > '9' {
			want = "200" // it is what the page makes of the response
		}
		r.checkStep(t, i, n, want)
	}
	if sc.arrives != nil && !sc.cached && sc.isCORS() {
		r.checkArrivals(t, i, sc.arrives)
	}
}

// checkEngine fails unless an engine does in a scenario what the standard says, or what it is
// known to do otherwise.
func (r *scenarioRun) checkEngine(t *testing.T, engine fetch.Engine, i int, standard *scenarioRun) {
	t.Helper()
	sc := r.scenarios[i]
	otherwise := sc.differ[engine]
	for n, s := range sc.steps {
		r.checkStep(t, i, n, sc.wantIn(engine, n))
		if s.act != "" || !s.isCORS() || otherwise.wants != nil {
			continue
		}
		if got, want := r.results[i][n].names(), standard.results[i][n].names(); got != want {
			t.Errorf("%s: %s %s: the script sees the headers %q, by the standard %q", sc.name, s.method, s.target(), got, want)
		}
	}
	switch {
	case otherwise.arrives != nil:
		r.checkArrivals(t, i, otherwise.arrives)
	case sc.arrives != nil:
		r.checkArrivals(t, i, sc.arrives)
	case !sc.cached && sc.isCORS():
		r.checkArrivals(t, i, standard.lines(i))
	}
}

// checkStep fails unless a script got of a step what it should.
func (r *scenarioRun) checkStep(t *testing.T, i, n int, want string) {
	t.Helper()
	sc, s, got := r.scenarios[i], r.scenarios[i].steps[n], r.results[i][n]
	switch {
	case s.act == "pause":
		return
	case got.String() != want:
		t.Errorf("%s: %s %s: the script gets %s, want %s (%s)", sc.name, s.method, r.values[i].Replace(s.target()), got, want, got.Error)
		return
	}
	for _, line := range s.shows {
		if !got.shows(line) {
			t.Errorf("%s: the script sees no %s, but %q", sc.name, line, got.Headers)
		}
	}
	for _, name := range s.hides {
		if got.shows(name) {
			t.Errorf("%s: the script sees %s", sc.name, name)
		}
	}
}

// checkArrivals fails unless just that has arrived at a scenario's servers. Lines are such
// as "PUT api/ | Origin: null | Cookie:". After each bar stands a header that the request
// has to have, with "*" for any value; without a value, one that it may not have.
func (r *scenarioRun) checkArrivals(t *testing.T, i int, want []string) {
	t.Helper()
	got, lines := r.arrivals[i], r.lines(i)
	ok := len(want) == len(lines)
	for n := 0; ok && n < len(want); n++ {
		parts := strings.Split(r.values[i].Replace(want[n]), " | ")
		ok = parts[0] == lines[n] && got[n].has(parts[1:])
	}
	if ok {
		return
	}
	var all strings.Builder
	for n, line := range lines {
		all.WriteString("\n\t" + line + got[n].String())
	}
	t.Errorf("%s: arrived:%s\nwant:\n\t%s", r.scenarios[i].name, all.String(), strings.Join(want, "\n\t"))
}

// lines returns what arrived at a scenario's servers, as in "GET api/path".
func (r *scenarioRun) lines(i int) (lines []string) {
	for _, a := range r.arrivals[i] {
		lines = append(lines, a.Request.Method+" "+r.serverAt(a.Request.Host)+strings.TrimPrefix(a.Request.URI, slug(i)))
	}
	return lines
}

// isCORS reports whether all steps are requests in mode "cors".
func (s scenario) isCORS() bool {
	return !slices.ContainsFunc(s.steps, func(s step) bool { return !s.isCORS() && s.act != "pause" })
}

// wants is what a script gets of all steps, by the standard.
func (s scenario) wants() (all []string) {
	for _, step := range s.steps {
		all = append(all, step.want)
	}
	return all
}

// preflights is how many preflights arrived at a scenario's servers.
func (r *scenarioRun) preflights(i int) (n int) {
	for _, a := range r.arrivals[i] {
		if a.Request.Headers.Get("Access-Control-Request-Method") != "" {
			n++
		}
	}
	return n
}

// preflightsByStandard is how many should arrive. internal/fetch sends more where they are
// remembered.
func (r *scenarioRun) preflightsByStandard(i int) (n int) {
	sc := r.scenarios[i]
	if !sc.cached || sc.arrives == nil {
		return r.preflights(i)
	}
	for _, line := range sc.arrives {
		if strings.HasPrefix(line, "OPTIONS ") {
			n++
		}
	}
	return n
}

// texts are the results' texts.
func texts(results []result) (all []string) {
	for _, r := range results {
		all = append(all, r.String())
	}
	return all
}

// run opens the pages of all scenarios in a browser, and returns the results of their
// steps.
func (s *scenarioServers) run(t *testing.T, engine fetch.Engine) [][]result {
	t.Helper()
	var list []scenarioPage
	var order []int // of the scenarios that have the results
	for _, name := range pageNames {
		page := scenarioPage{url: s.addresses[name] + "/"}
		for i, sc := range s.scenarios {
			if sc.pageName() != name {
				continue
			}
			for _, step := range sc.steps {
				page.steps = append(page.steps, step.forPage(sc.name, s.values[i]))
				order = append(order, i)
			}
		}
		list = append(list, page)
	}
	results, _ := runPages(t, engine, []*pages{s.pages}, list)
	if len(results) != len(order) {
		t.Fatalf("%d results of %d steps", len(results), len(order))
	}
	all := make([][]result, len(s.scenarios))
	for n, i := range order {
		all[i] = append(all[i], results[n])
	}
	return all
}
