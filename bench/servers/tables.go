package servers

import (
	"fmt"

	"github.com/seed-9442523e/caddy-cors/bench/page"
	"github.com/seed-9442523e/caddy-cors/bench/stats"
)

// Tables shows what was measured: ratios first, to Caddy without the module, and at the
// end what CORS costs in other servers.
func (r *Result) Tables() []page.Table {
	return []page.Table{
		r.ratios("Throughput of a whole server",
			"Requests a second, divided by those of Caddy without the module that is asked the same: above 1 is faster.\n\n"+r.about(),
			func(c Comparison) float64 { return c.Throughput }),
		r.ratios("Latency of a whole server",
			"The 99th percentile of the time until the answer, divided by that of Caddy without the module: below 1 is faster. "+
				"It is taken in each round and then the median of the rounds, so that a disturbance does not decide it; but few requests do, so it is the noisiest of the three.",
			func(c Comparison) float64 { return c.P99 }),
		r.ratios("Processor time of a request",
			"All that the server's process used, divided by that of Caddy without the module: below 1 is less. It is the steadiest of the three.",
			func(c Comparison) float64 { return c.CPU }),
		r.others(),
	}
}

// about tells how was measured.
func (r *Result) about() string {
	cores := "All share the machine's only processor."
	if r.Pinned {
		cores = "The server has one processor for itself; `h2load` and the backend, an nginx, share another."
	}
	return fmt.Sprintf("The real Caddy, over HTTP/1.1 in the clear and over HTTP/2 with TLS, with %d requests under way at a time. %s "+
		"`respond` and the backend answer %q, `file_server` has a file of 4 KiB. "+
		"What is compared answers in turns, and each ratio is the median of the ratios of %d rounds. "+
		"All that is compared is in one process, as sites of their own, since two processes are never quite alike. "+
		"In the last column a second site without the module is compared with the first: what it is off 1 is noise.\n\n"+
		"To have something to compare preflights with, a Caddy without the module answers every OPTIONS with an empty 204, by a matcher and `respond`. "+
		"The snippet compares the origin, writes `Access-Control-Allow-Origin`, and answers every OPTIONS by `respond`. It writes no `Vary` and "+
		"no `Access-Control-Max-Age`, and does not look at what a preflight asks for, so it does less than `cors`.\n\n"+
		"The same lines by `header` are those that `cors` writes to the response, `Vary` and for an allowed origin `Access-Control-Allow-Origin`, written "+
		"to every response without a look at the request. It is nobody's CORS, but the least that these lines can cost in Caddy.",
		inFlight, cores, hello, r.Rounds)
}

// ratios makes a table of one ratio: a row for each cell and kind of request, and medians
// of those, in which there is less noise: of the requests and of the preflights, as not all
// is compared for the latter.
func (r *Result) ratios(title, about string, value func(Comparison) float64) page.Table {
	t := page.Table{Title: title, About: about, Columns: []string{"", "`cors`", "`header` snippet", "`cors` : snippet", "same lines by `header`", "Caddy : itself"}}
	medians := []struct {
		name    string
		columns [5][]float64
	}{{name: "median of requests"}, {name: "median of preflights"}}
	for _, c := range r.Comparisons {
		if c.Server != WithCORS || c.To == WithSnippet {
			continue
		}
		row := []string{fmt.Sprintf("%s, `%s`, %s", c.Protocol, c.Handler, c.Request)}
		of := &medians[0]
		if c.Request == Preflight {
			of = &medians[1]
		}
		for i, pair := range [][2]string{{WithCORS, c.To}, {WithSnippet, c.To}, {WithCORS, WithSnippet}, {WithLines, c.To}, {Again, c.To}} {
			text := ""
			if other, ok := r.comparison(c.Cell, c.Request, pair[0], pair[1]); ok {
				of.columns[i] = append(of.columns[i], value(other))
				text = fmt.Sprintf("%.3f", value(other))
			}
			row = append(row, text)
		}
		t.Rows = append(t.Rows, row)
	}
	for _, of := range medians {
		if of.columns[0] == nil {
			continue
		}
		row := []string{"**" + of.name + "**"}
		for _, values := range of.columns {
			text := ""
			if values != nil {
				text = fmt.Sprintf("**%.3f**", stats.Median(values))
			}
			row = append(row, text)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// others makes the table of what CORS costs in each kind of server.
func (r *Result) others() page.Table {
	t := page.Table{
		Title: "What CORS costs in other servers",
		About: "For the record: nginx with a `map` of `$http_origin` and `add_header`, and HAProxy with its rules, each compared with " +
			"itself without CORS, answering the same requests. Where a server is about as fast as the generator, its throughput says " +
			"little, and its processor time more. The servers are not compared with one another in turns.",
		Columns: []string{"", "requests/s without", "with CORS", "ratio", "µs of processor time without", "with CORS", "ratio", "p99 ratio"},
	}
	for _, c := range r.Comparisons {
		inOther := c.Server == NginxMap || c.Server == HAProxyRules
		inCaddy := c.Server == WithCORS && c.To != WithSnippet && c.Handler != FileServer && (c.Request == Allowed || c.Request == Preflight)
		if !inOther && !inCaddy {
			continue
		}
		without, with := r.row(c.Cell, c.Request, c.To), r.row(c.Cell, c.Request, c.Server)
		name := c.Server
		if inCaddy {
			name = "Caddy with `cors`"
		}
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%s, %s, %s, %s", name, c.Protocol, whatAnswers[c.Handler], c.Request),
			fmt.Sprintf("%.0f", without.Throughput), fmt.Sprintf("%.0f", with.Throughput), fmt.Sprintf("%.3f", c.Throughput),
			fmt.Sprintf("%.1f", without.CPU), fmt.Sprintf("%.1f", with.CPU), fmt.Sprintf("%.3f", c.CPU), fmt.Sprintf("%.3f", c.P99),
		})
	}
	return t
}

// whatAnswers has names of the handlers that fit all servers.
var whatAnswers = map[string]string{Respond: "short text", ReverseProxy: "proxied"}

func (r *Result) comparison(cell Cell, request, server, to string) (Comparison, bool) {
	for _, c := range r.Comparisons {
		if c.Cell == cell && c.Request == request && c.Server == server && c.To == to {
			return c, true
		}
	}
	return Comparison{}, false
}

func (r *Result) row(cell Cell, request, server string) Row {
	for _, row := range r.Rows {
		if row.Cell == cell && row.Request == request && row.Server == server {
			return row
		}
	}
	return Row{}
}
