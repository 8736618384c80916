//go:build linux

package e2e

import (
	_ "embed"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

//go:embed scenario_page.html
var scenarioPageHTML string

// obedientPage is at "/frame" of each origin, and all other paths that no page has: it runs
// what the page around it posts.
const obedientPage = `<!doctype html><script>onmessage = ({data}) => (0, eval)(data)</script>`

// scenarioPage is a page that runs steps one after another, and reports what came of
// them.
type scenarioPage struct {
	url     string
	sandbox bool // whether its origin is opaque
	steps   []pageStep
	pause   int // milliseconds after each step, so that the console is in its order
}

// html returns the page, which reports to its own origin, or to that of another page if
// its own is opaque, and then goes to the next one.
func (p scenarioPage) html(t *testing.T, reportTo, next string) string {
	t.Helper()
	steps, err := json.Marshal(p.steps)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("$STEPS", string(steps), "$PAUSE", strconv.Itoa(p.pause), "$ORIGIN", reportTo, "$NEXT", next, "$NOTHING", nothingHappens).Replace(scenarioPageHTML)
}

// runPages opens a list of pages in a browser, in the order of the list. They are served by
// some servers of pages, which share their reports. It returns what came of all steps,
// in their order, and what the console said, by the steps' names.
func runPages(t *testing.T, engine fetch.Engine, servers []*pages, list []scenarioPage) ([]result, map[string][]string) {
	t.Helper()
	html, sandboxed := make(map[string]string), make(map[string]bool) // by host and path
	for i, page := range list {
		next := ""
		if i+1 < len(list) {
			next = list[i+1].url
		}
		html[hostOf(page.url)], sandboxed[hostOf(page.url)] = page.html(t, origin(page.url), next), page.sandbox
	}
	for _, s := range servers {
		s.reports = servers[0].reports
		s.handle = func(w http.ResponseWriter, r *http.Request) {
			text, listed := html[r.Host+r.URL.Path]
			switch {
			case sandboxed[r.Host+r.URL.Path]:
				w.Header().Set("Content-Security-Policy", "sandbox allow-scripts")
			case !listed:
				text = obedientPage
			}
			_, _ = io.WriteString(w, text)
		}
	}
	b := openBrowser(t, engine, list[0].url)
	var results []result
	for range list {
		var some []result
		servers[0].report(t, b, &some)
		results = append(results, some...)
	}
	said := make(map[string][]string)
	var name string
	for _, line := range b.console(t) {
		if _, next, marks := strings.Cut(line, "scenario "); marks {
			name = next
		} else {
			said[name] = append(said[name], line)
		}
	}
	return results, said
}

// origin returns the origin of a URL that has a path.
func origin(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}
