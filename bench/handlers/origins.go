package handlers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/seed-9442523e/caddy-cors/bench/internal/tenants"
	"github.com/seed-9442523e/caddy-cors/bench/page"
)

// Request is what kind of request is measured by number of origins.
type Request string

// Actual is a GET, and Preflight one for a PUT with two headers.
const (
	Actual    Request = "actual"
	Preflight Request = "preflight"
)

// text returns the request of an origin.
func (k Request) text(origin string) string {
	if k == Preflight {
		return preflight(origin, asking("authorization,content-type"))
	}
	return actual(origin)
}

// Pick is which of the origins requests come from.
type Pick string

// Middle is the one in the middle of the list, again and again, so that it is in the
// processor's caches; Random another one each time, as in life; Stranger is one that the
// list does not have.
const (
	Middle   Pick = "middle"
	Random   Pick = "random"
	Stranger Pick = "denied"
)

// originCounts are how many origins policies have.
func originCounts(quick bool) []int {
	counts := []int{1, 10, 1000, 100_000, 1_000_000}
	if quick {
		return counts[:4]
	}
	return counts
}

// runOrigins measures a policy of n origins.
func (r *Result) runOrigins(ctx context.Context, e effort, n int) error {
	origins := tenants.Origins(n)
	b := new(backend)
	policy := permitting(origins...)
	contenders, _, err := alone(policy, b)
	if err != nil {
		return err
	}
	picks := map[Pick][]string{
		Middle:   origins[n/2 : n/2+1],
		Random:   tenants.Shuffled(origins),
		Stranger: {tenants.Stranger},
	}
	for _, kind := range []Request{Actual, Preflight} {
		for _, pick := range []Pick{Middle, Random, Stranger} {
			of := picks[pick]
			s := scenario{name: originsScenario(n, kind, pick), policy: policy, request: kind.text(of[0])}
			if pick == Stranger {
				s.verdict = denied
			}
			for _, origin := range across(of) {
				s.request = kind.text(origin)
				if err := r.judgeAll(s, contenders, b); err != nil {
					return fmt.Errorf("%s, of %s: %w", s.name, origin, err)
				}
			}
			operations := make([]func() error, len(contenders))
			for i, c := range contenders {
				operations[i] = repeatOf(c.serving, newRequest(s.request), of)
			}
			label := Row{Setting: SettingOrigins, Scenario: s.name, Origins: n, Request: kind, Pick: pick}
			if err := r.measure(ctx, e, label, contenders, operations); err != nil {
				return err
			}
		}
	}
	return nil
}

// across returns some of a list, from its first to its last.
func across(list []string) (some []string) {
	const most = 20
	for i := range min(most, len(list)) {
		some = append(some, list[i*(len(list)-1)/max(1, min(most, len(list))-1)])
	}
	return some
}

func originsScenario(n int, kind Request, pick Pick) string {
	origins := "1 origin"
	if n > 1 {
		origins = page.Count(float64(n)) + " origins"
	}
	return fmt.Sprintf("%s, %s, %s", origins, kind, pick)
}

// repeatOf returns what serves a request again and again, each time of the next origin.
func repeatOf(serve serving, r *http.Request, origins []string) func() error {
	again := repeatAlone(serve, r)
	line := r.Header["Origin"]
	next := 0
	return func() error {
		line[0] = origins[next]
		if next++; next == len(origins) {
			next = 0
		}
		return again()
	}
}

// Series is a line of a plot: what one contender took by number of origins.
type Series struct {
	Contender   string
	Origins     []int
	Nanoseconds []float64
}

// ByOrigins returns a line for each contender, this module's first.
func (r *Result) ByOrigins(kind Request, pick Pick) []Series {
	var all []Series
	index := make(map[string]int)
	for _, row := range r.Rows {
		if row.Setting != SettingOrigins || row.Request != kind || row.Pick != pick {
			continue
		}
		i, ok := index[row.Contender]
		if !ok {
			i = len(all)
			index[row.Contender] = i
			all = append(all, Series{Contender: row.Contender})
		}
		all[i].Origins = append(all[i].Origins, row.Origins)
		all[i].Nanoseconds = append(all[i].Nanoseconds, row.Nanoseconds)
	}
	return all
}
