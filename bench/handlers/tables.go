package handlers

import (
	"fmt"

	"github.com/seed-9442523e/caddy-cors/bench/page"
)

// Tables returns what was measured, for readers.
func (r *Result) Tables() []page.Table {
	return []page.Table{r.aloneTable(), r.profileTable(), r.chainTable(), r.originsTable(), r.growthTable()}
}

func (r *Result) aloneTable() page.Table {
	t := page.Table{
		Title: "The middleware alone",
		About: fmt.Sprintf("Each middleware by itself, with one exact origin where nothing else is said, in front of a handler that "+
			"writes a header and no more. The request, with the headers that Chromium sends, and the response writer are used again each time. "+
			"The first column has the time and the allocations of a request in this module; the others have the time as a ratio, "+
			"**this module : peer, so that less than 1 means that this module is faster**, and then the peer's own figures. "+
			"This module also removes what the handler behind it granted by itself, counts each decision, tells it to placeholders, and logs those that deny, a sample of them; no peer does any of it. "+
			"There is no access log here; a line in it costs this module three allocations more. Servers see no list of 1 MiB unless they are told to: "+
			"Caddy takes 16 KiB of header by default.\n\n%s",
			r.notes(SettingAlone)),
		Columns: append([]string{"scenario", This}, peerNames()...),
	}
	for _, scenario := range r.Scenarios(SettingAlone) {
		row := []string{scenario, cost(r.Row(SettingAlone, scenario, This))}
		for _, name := range peerNames() {
			row = append(row, compared(r.Row(SettingAlone, scenario, name)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r *Result) chainTable() page.Table {
	names := append(peerNames(), Named, Echo)
	t := page.Table{
		Title: "In Caddy's route chain",
		About: "The same requests through routes that Caddy compiled, with the context and the replacer that it makes for each request. " +
			"The second column is the chain without CORS. The others have what a contender adds to that; for all but this module with a ratio " +
			"of the whole before it, **this module : contender**. A `header` snippet stands for this module's line in the Caddyfile, " +
			"in two kinds: the one that compares the origin, with a `respond` for preflights, and the one that sends back any. " + r.idleNote() +
			"\n\n" + r.notes(SettingChain, SettingAlone),
		Columns: append([]string{"scenario", Bare, This}, names...),
	}
	for _, scenario := range r.Scenarios(SettingChain) {
		bare, _ := r.Row(SettingChain, scenario, Bare)
		this, _ := r.Row(SettingChain, scenario, This)
		row := []string{scenario, page.Nanoseconds(bare.Nanoseconds), addition(this)}
		for _, name := range names {
			other, ok := r.Row(SettingChain, scenario, name)
			cell := "–"
			if ok {
				cell = fmt.Sprintf("**%s** %s", ratio(other.Ratio), addition(other))
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r *Result) originsTable() page.Table {
	t := page.Table{
		Title: "From one origin to a million",
		About: "The time of a request by how many exact origins are allowed, alone as above: of the origin in the middle of the list, " +
			"again and again; of another one each time, in a random order, as in life; and of one that is not in the list. " +
			"The preflight asks for two headers. The origins are distinct, of 24 to 39 bytes, below five domains. " +
			"Ratios are **this module : peer**.",
		Columns: append([]string{"origins", "request", "origin", This}, peerNames()...),
	}
	for _, scenario := range r.Scenarios(SettingOrigins) {
		this, _ := r.Row(SettingOrigins, scenario, This)
		row := []string{page.Count(float64(this.Origins)), string(this.Request), string(this.Pick), cost(this, true)}
		for _, name := range peerNames() {
			row = append(row, compared(r.Row(SettingOrigins, scenario, name)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r *Result) growthTable() page.Table {
	t := page.Table{
		Title: "Requests that no browser sends",
		About: fmt.Sprintf("What this module takes for a hostile request, and for one of %[1]d times the size. The cost grows no faster than "+
			"the request does where the ratio is about %[1]d or less.", GrowthFactor),
		Columns: []string{"request", "bytes", "time", fmt.Sprintf("time at %d times the size", GrowthFactor), "ratio", "bytes allocated", "at the larger size"},
	}
	for _, g := range r.Growth {
		t.Rows = append(t.Rows, []string{
			g.Scenario, page.Count(float64(g.Size)), page.Nanoseconds(g.Nanoseconds), page.Nanoseconds(g.LargeNanoseconds), ratio(g.Ratio),
			page.Count(g.Bytes), page.Count(g.LargeBytes),
		})
	}
	return t
}

func peerNames() []string {
	var names []string
	for _, peer := range peers() {
		names = append(names, peer.name)
	}
	return names
}
