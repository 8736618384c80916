package sessions

import (
	"fmt"
	"strconv"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/page"
)

// Tables returns the result for readers: a table of requests without credentials, and one
// of requests with them.
func (r *Result) Tables() []page.Table {
	plain := r.table("Preflights of a session", func(row Row) Count { return row.Plain })
	plain.About = fmt.Sprintf(`A page in Chromium works with the API of another origin, by %d requests: ten endpoints, five methods, and three
sets of headers, as a visitor, then with a token, then with two headers of its own as well. Each contender is told
the origin, and what else it must be told to let this pass, and keeps its defaults beyond that. Each has a browser
that has never run before. What is counted is the OPTIONS requests that arrive at the API.

Browsers remember an answer for one URL, so ten are the fewest that there can be. "At once" is the same session
again, right behind the first one; "later", again after %d seconds. Where the answer does not say for how long,
browsers remember it for 5 seconds: all peers have an option for that, which by default sends nothing.`, r.Requests, int(r.Pause/time.Second))
	credentials := r.table("Preflights of a session with cookies", func(row Row) Count { return row.Credentials })
	credentials.About = "The same session with `credentials: \"include\"`, which each contender is told to allow. A `*` is no wildcard then."
	return []page.Table{plain, credentials}
}

func (r *Result) table(title string, count func(Row) Count) page.Table {
	t := page.Table{Title: title, Columns: []string{"", "first", "at once", "later", "told beside the origin"}}
	for _, row := range r.Rows {
		c := count(row)
		t.Rows = append(t.Rows, []string{
			row.Contender, strconv.Itoa(c.First), strconv.Itoa(c.AtOnce), strconv.Itoa(c.Later), row.Config,
		})
	}
	return t
}
