//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// scenario is a fetch of a page.
type scenario struct {
	Name        string      `json:"name"`
	URL         string      `json:"url"`
	Method      string      `json:"method"`
	Headers     [][2]string `json:"headers"`
	Body        string      `json:"body,omitempty"`
	Credentials string      `json:"credentials"`
}

// outcome is what the page saw of it.
type outcome struct {
	Name    string
	Error   string   // that its script caught; empty where it could read the response
	Headers []string // that it saw, in lower case
}

// scenarioPage runs scenarios one after another, with the console's name for what
// follows ahead of each, reports all outcomes at once, and goes to the next page, if
// there is one.
const scenarioPage = `<!doctype html><title>scenarios</title><script>
const settle = () => new Promise(done => setTimeout(done, 50))
async function run({name, url, ...options}) {
	try {
		const response = await fetch(url, options)
		await response.text()
		return {name, headers: [...response.headers.keys()]}
	} catch (error) {
		return {name, error: String(error)}
	}
}
onload = async () => {
	const outcomes = []
	for (const scenario of $SCENARIOS) {
		reportError("scenario " + scenario.name)
		outcomes.push(await run(scenario))
		await settle()
	}
	reportError("scenario end")
	await fetch("$ORIGIN/report", {method: "POST", body: JSON.stringify(outcomes)})
	if ("$NEXT") location = "$NEXT"
}
</script>`

// runScenarios runs lists of scenarios in a browser: those of a page, of one in a
// sandbox, and of one that was loaded over TLS. It returns the outcomes and what the
// console said, by the scenario's name.
func runScenarios(t *testing.T, engine fetch.Engine, plain, secure *pages, lists [3][]scenario) (map[string]outcome, map[string][]string) {
	t.Helper()
	html := func(p *pages, list []scenario, next string) string {
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer("$SCENARIOS", string(text), "$ORIGIN", p.origin, "$NEXT", next).Replace(scenarioPage)
	}
	first := html(plain, lists[0], plain.origin+"/sandboxed")
	second := html(plain, lists[1], secure.origin+"/")
	third := html(secure, lists[2], "")
	plain.handle = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sandboxed" {
			w.Header().Set("Content-Security-Policy", "sandbox allow-scripts")
			_, _ = io.WriteString(w, second)
			return
		}
		_, _ = io.WriteString(w, first)
	}
	secure.handle = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, third) }

	b := openBrowser(t, engine, plain.origin+"/")
	outcomes := make(map[string]outcome)
	for _, p := range []*pages{plain, plain, secure} {
		var list []outcome
		p.report(t, b, &list)
		for _, o := range list {
			outcomes[o.Name] = o
		}
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
	return outcomes, said
}

// TestConsoles holds the table of faults, and the words of [fetch.Block.ConsoleLines],
// against real browsers.
func TestConsoles(t *testing.T) {
	for _, engine := range fetch.Engines {
		t.Run(engine.String(), func(t *testing.T) {
			plain, secure := servePages(t, false), servePages(t, true)
			at := corstest.ServeFaults(t, plain.origin, secure.origin)
			var lists [3][]scenario
			for _, f := range corstest.Faults {
				s := scenarioOf(f, at(f))
				switch {
				case f.Sandboxed:
					lists[1] = append(lists[1], s)
				case f.Secure:
					lists[2] = append(lists[2], s)
				default:
					lists[0] = append(lists[0], s)
				}
			}
			outcomes, said := runScenarios(t, engine, plain, secure, lists)
			for _, f := range corstest.Faults {
				block := f.BlockIn(engine, at(f))
				checkOutcome(t, f, block, engine, outcomes[f.Name])
				if block.Rule == "" {
					continue
				}
				want := block.ConsoleLines(engine)
				slices.Sort(want) // Firefox says some lines in either order
				slices.Sort(said[f.Name])
				if !slices.Equal(said[f.Name], want) {
					t.Errorf("%s: the console says\n%s\nwant\n%s", f.Name, strings.Join(said[f.Name], "\n"), strings.Join(want, "\n"))
				}
			}
		})
	}
}

func scenarioOf(f corstest.Fault, p corstest.Place) scenario {
	s := scenario{Name: f.Name, URL: f.URLAt(p), Method: f.Method, Headers: [][2]string{}, Body: f.Body, Credentials: "omit"}
	if s.Method == "" {
		s.Method = http.MethodGet
	}
	if f.Credentials {
		s.Credentials = "include"
	}
	for _, line := range f.Headers {
		name, value, _ := strings.Cut(line, ": ")
		s.Headers = append(s.Headers, [2]string{name, value})
	}
	return s
}

// checkOutcome fails unless the page saw just what the fault lets it see.
func checkOutcome(t *testing.T, f corstest.Fault, block fetch.Block, engine fetch.Engine, got outcome) {
	t.Helper()
	if got.Name == "" {
		t.Errorf("%s: the page reports nothing", f.Name)
		return
	}
	if block.Rule != "" {
		if want := block.Exception(engine); got.Error != want {
			t.Errorf("%s: the page catches %q, want %q", f.Name, got.Error, want)
		}
		return
	}
	if got.Error != "" {
		t.Errorf("%s: the page catches %q, but could read the response", f.Name, got.Error)
		return
	}
	for _, name := range f.Shown {
		if !slices.Contains(got.Headers, strings.ToLower(name)) {
			t.Errorf("%s: the page sees no %s", f.Name, name)
		}
	}
	for _, name := range f.Hidden {
		if slices.Contains(got.Headers, strings.ToLower(name)) {
			t.Errorf("%s: the page sees %s", f.Name, name)
		}
	}
}
