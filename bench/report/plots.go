package main

import (
	"fmt"

	"github.com/seed-9442523e/caddy-cors/bench/handlers"
	"github.com/seed-9442523e/caddy-cors/bench/page"
	"github.com/seed-9442523e/caddy-cors/bench/servers"
	"github.com/seed-9442523e/caddy-cors/bench/sessions"
	"github.com/seed-9442523e/caddy-cors/bench/size"
)

// plotsDir is where plots are, below the directory of the page.
const plotsDir = "benchmarks"

// plot is a plot of the page.
type plot struct {
	name string // of its files
	alt  string // for those who do not see it
	page.Plot
}

func (p plot) write(dir string) error { return page.Write(dir, p.name, p.Plot) }

func (p plot) String() string { return page.Picture(plotsDir, p.name, p.alt) }

// plots returns all plots of what was run.
func (r *Results) plots() []plot {
	var all []plot
	if r.Handlers != nil {
		all = append(all, handlerPlots(r.Handlers)...)
	}
	if r.Size != nil {
		all = append(all, sizePlots(r.Size)...)
	}
	if r.Servers != nil {
		all = append(all, serverPlots(r.Servers)...)
	}
	if r.Sessions != nil {
		all = append(all, sessionPlots(r.Sessions)...)
	}
	if r.Quick {
		for i := range all {
			all[i].Plot = warned(all[i].Plot)
		}
	}
	return all
}

// warned returns a plot of a quick run, which may be seen without its page.
func warned(p page.Plot) page.Plot {
	const note = "A quick run, which shows that the measurement works. Its figures mean nothing."
	switch p := p.(type) {
	case page.Lines:
		p.Note = note
		return p
	case page.Bars:
		p.Note = note
		return p
	}
	return p
}

func handlerPlots(r *handlers.Result) []plot {
	var all []plot
	for _, request := range []handlers.Request{handlers.Actual, handlers.Preflight} {
		lines := page.Lines{
			Title:  map[handlers.Request]string{handlers.Actual: "Time of a request", handlers.Preflight: "Time of a preflight"}[request],
			Note:   "by the number of origins that are allowed, from another one of them each time; less is better",
			XLabel: "allowed origins", FormatX: page.Count, FormatY: page.Nanoseconds,
		}
		for _, s := range r.ByOrigins(request, handlers.Random) {
			line := page.Series{Name: s.Contender, Own: s.Contender == handlers.This}
			for i := range s.Origins {
				line.Points = append(line.Points, page.Point{X: float64(s.Origins[i]), Y: s.Nanoseconds[i]})
			}
			lines.Series = append(lines.Series, line)
		}
		all = append(all, plot{"origins-" + string(request), lines.Title + " by number of allowed origins. The table has the figures.", lines})
	}

	bars := page.Bars{
		Title: "Time of a request", Note: "each middleware by itself, one allowed origin; less is better",
		Format: page.Nanoseconds,
	}
	for _, scenario := range mainScenarios {
		group := page.Group{Name: scenario}
		for _, row := range r.Rows {
			if row.Setting == handlers.SettingAlone && row.Scenario == scenario {
				group.Bars = append(group.Bars, page.Bar{Name: row.Contender, Value: row.Nanoseconds, Own: row.Contender == handlers.This})
			}
		}
		bars.Groups = append(bars.Groups, group)
	}
	return append(all, plot{"requests", "Time of the main kinds of requests in each middleware. The table has the figures.", bars})
}

// mainScenarios are those of the plot; the tables have all.
var mainScenarios = []string{"no Origin", "allowed", "denied", "preflight", "preflight for 2 headers"}

func sizePlots(r *size.Result) []plot {
	var most int
	for _, h := range r.Heap {
		most = max(most, h.Origins)
	}
	group := page.Group{}
	for _, h := range r.Heap {
		if h.Origins == most {
			group.Bars = append(group.Bars, page.Bar{Name: h.Contender, Value: h.Ratio, Own: h.Contender == size.This})
		}
	}
	return []plot{{"heap", fmt.Sprintf("Heap that %s origins take, by contender. The table has the figures.", page.Count(float64(most))), page.Bars{
		Title:  fmt.Sprintf("Heap of %s origins", page.Count(float64(most))),
		Note:   "for each byte of the origins themselves (the dashed line); less is better",
		Format: page.Ratio, Mark: 1, Groups: []page.Group{group},
	}}}
}

func serverPlots(r *servers.Result) []plot {
	bars := page.Bars{
		Title:  "Throughput of a whole server",
		Note:   "relative to Caddy without the module (the dashed line), for requests of an allowed origin; more is better",
		Format: func(v float64) string { return fmt.Sprintf("%.3f", v) }, Mark: 1,
	}
	names := []struct{ server, name string }{
		{servers.WithCORS, "this module"},
		{servers.WithSnippet, "header snippet"},
		{servers.Again, "Caddy, once more"},
	}
	for _, protocol := range []string{servers.HTTP1, servers.HTTP2} {
		for _, handler := range []string{servers.Respond, servers.ReverseProxy, servers.FileServer} {
			group := page.Group{Name: protocol + ", " + handler}
			for _, n := range names {
				for _, c := range r.Comparisons {
					if c.Cell == (servers.Cell{Protocol: protocol, Handler: handler}) && c.Request == servers.Allowed && c.Server == n.server && c.To == servers.Without {
						group.Bars = append(group.Bars, page.Bar{Name: n.name, Value: c.Throughput, Own: n.server == servers.WithCORS})
					}
				}
			}
			bars.Groups = append(bars.Groups, group)
		}
	}
	return []plot{{"throughput", "Throughput of Caddy with this module, and with a header snippet, for requests of an allowed origin, relative to Caddy without either. The table has the figures.", bars}}
}

func sessionPlots(r *sessions.Result) []plot {
	bars := page.Bars{
		Title:  "Preflights that Chromium sends",
		Note:   fmt.Sprintf("in a session of %d requests for ten URLs, under each server's defaults; less is better", r.Requests),
		Format: page.Count,
	}
	for _, g := range []struct {
		name  string
		count func(sessions.Row) int
	}{
		{"a first session", func(row sessions.Row) int { return row.Plain.First }},
		{"a first session, with cookies", func(row sessions.Row) int { return row.Credentials.First }},
		{fmt.Sprintf("the one without cookies again, after %.0f seconds", r.Pause.Seconds()), func(row sessions.Row) int { return row.Plain.Later }},
	} {
		group := page.Group{Name: g.name}
		for _, row := range r.Rows {
			group.Bars = append(group.Bars, page.Bar{Name: row.Contender, Value: float64(g.count(row)), Own: row.Own})
		}
		bars.Groups = append(bars.Groups, group)
	}
	return []plot{{"preflights", "How many preflights Chromium sends in a session, by server, each under its defaults. The table has the figures.", bars}}
}
