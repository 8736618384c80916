//go:build linux

package e2e

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// playgroundDriver is a page that has the playground in a frame, presses what is there to
// be pressed, and reports what it saw.
//
//go:embed playground/drive.html
var playgroundDriver string

// playgroundStranger is a page that has no business with the playground, asks its frame
// to work all the same, and tells the page around it what it hears.
const playgroundStranger = `<!doctype html><title>stranger</title>
<iframe src="http://localhost:3000/?frame" onload="ask()"></iframe><script>
function ask() {
	frames[0].postMessage({id: 1}, "*")
	setTimeout(() => parent.postMessage("silence", "*"), 1000)
}
onmessage = ({data}) => parent.postMessage(data.outcome, "*")
</script>`

// playgroundSite is the playground of a test, on ports of its own.
type playgroundSite struct {
	dir       string
	ports     *strings.Replacer // from the ports of the example
	caddyfile string            // as the page reads it
	transport http.RoundTripper
}

// startPlayground starts the built Caddy with the example, on ports that are chosen, and
// with an edited Caddyfile.
func startPlayground(t *testing.T, choose func(t *testing.T, port string) string, edit func(caddyfile string) string) *playgroundSite {
	t.Helper()
	site := &playgroundSite{dir: t.TempDir(), transport: &http.Transport{DisableKeepAlives: true}}
	var pairs []string
	for _, port := range []string{"3000", "3001", "8000"} {
		pairs = append(pairs, ":"+port, ":"+choose(t, port))
	}
	site.ports = strings.NewReplacer(pairs...)
	for _, name := range []string{"index.html", "Caddyfile"} {
		text, err := os.ReadFile(filepath.Join("..", "examples", "playground", name))
		if err != nil {
			t.Fatal(err)
		}
		replaced := site.ports.Replace(string(text))
		if name == "Caddyfile" {
			replaced = site.ports.Replace(edit(string(text)))
			replaced = strings.ReplaceAll(replaced, "output file examples/playground", "output file "+site.dir)
			replaced = strings.ReplaceAll(replaced, " examples/playground", " "+site.dir)
			replaced = strings.ReplaceAll(replaced, "{file.examples/playground", "{file."+site.dir)
			site.caddyfile = replaced
		}
		writeFile(t, filepath.Join(site.dir, name), replaced)
	}
	_, sites, found := strings.Cut(site.caddyfile, "\n}\n") // after the global options
	if !found {
		t.Fatal("the example has no global options")
	}
	startCaddy(t, "", sites)
	return site
}

func asItIs(caddyfile string) string { return caddyfile }

// freePort returns any port, and samePort that of the example.
func freePort(t *testing.T, _ string) string {
	t.Helper()
	_, port, _ := strings.Cut(corstest.FreeAddress(t), ":")
	return port
}

func samePort(_ *testing.T, port string) string { return port }

// playgroundReport is what the driver page saw.
type playgroundReport struct {
	Failure  string // of the driver itself
	Notice   string
	Policies []struct{ Name, Lines string }
	Unread   []struct{ Lines, Why string }
	Cells    []playgroundCell
	Panels   []struct{ Request, Text string }
	Changed  string // the fields of the form, once a request of the grid was put there
	Form     []playgroundAnswer
	Refused  []playgroundRefusal
	Nameless []string // controls without a name, by their HTML
	Headers  []string // the scopes of header cells
	Lang     string
	Moves    []string // names of the cells that arrow keys lead to
	Tabbable int      // cells in the order of the Tab key
	Narrow   []string // the policies that a narrow window shows
	Friend   string   // what the frame of the playground answers a page of the playground
	Stranger string   // what it answers a page of the test's server
}

type playgroundCell struct {
	Origin, Policy, Request string
	Expected, Seen          string
	Name, Text              string
}

// playgroundAnswer is what is put into the form, and what it says.
type playgroundAnswer struct {
	Origin      string `json:"origin"`
	Policy      string `json:"policy"`
	Method      string `json:"method"`
	Headers     string `json:"headers"`
	Credentials bool   `json:"credentials"`

	Expected string `json:"expected"`
	Seen     string `json:"seen"`
	Passed   string `json:"passed"` // "yes" if the page's server passed it on, else "no"
	Lines    string `json:"lines"`
}

// playgroundRefusal is what the form does not take, and what it says.
type playgroundRefusal struct {
	Field string `json:"field"`
	Text  string `json:"text"`
	Fault string `json:"fault"`
}

// run has the driver page work in a browser.
func (s *playgroundSite) run(t *testing.T, engine fetch.Engine, form []playgroundAnswer, refused []playgroundRefusal) playgroundReport {
	t.Helper()
	reports := servePages(t, false)
	var pairs []string
	reports.handle = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, s.ports.Replace(playgroundStranger))
	}
	for name, value := range map[string]any{"$REPORT": reports.origin + "/report", "$STRANGER": reports.origin + "/stranger", "$FORM": form, "$REFUSED": refused} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, name, string(text))
	}
	writeFile(t, filepath.Join(s.dir, "drive.html"), strings.NewReplacer(pairs...).Replace(playgroundDriver))
	b := openBrowser(t, engine, s.ports.Replace("http://localhost:3000/drive.html"))
	var report playgroundReport
	reports.report(t, b, &report)
	if report.Failure != "" {
		t.Fatalf("the driver fails: %s", report.Failure)
	}
	return report
}

// playgroundRequest is a request of the grid that is a fetch.
type playgroundRequest struct {
	path, method string
	header       []fetch.Header
	credentials  bool
	upload       bool
	origin       string // if it is not that of the page
}

// playgroundRequests are the requests of the grid. The one that CORS is not about is nil.
var playgroundRequests = map[string]*playgroundRequest{
	"get":       {},
	"json":      {method: "POST", header: []fetch.Header{{Name: "Content-Type", Value: "application/json"}}},
	"put":       {method: "PUT"},
	"delete":    {method: "DELETE"},
	"header":    {header: []fetch.Header{{Name: "X-Playground", Value: "1"}}},
	"bearer":    {header: []fetch.Header{{Name: "Authorization", Value: "Bearer playground"}}},
	"cookies":   {credentials: true},
	"exposed":   {},
	"redirect":  {path: "old"},
	"error":     {path: "missing"},
	"sandboxed": {origin: "null"},
	"socket":    nil,
	"events":    {path: "events"},
	"upload":    {method: "POST", upload: true},
}

// fetch runs a request with this module's own browser.
func (s *playgroundSite) fetch(t *testing.T, at, origin string, r playgroundRequest) *fetch.Result {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	if r.method == "" {
		r.method = http.MethodGet
	}
	request := fetch.Request{URL: u, Origin: origin, Method: r.method, Header: r.header, Credentials: r.credentials, Upload: r.upload, Unsafe: true}
	result, err := (&fetch.Browser{Transport: s.transport}).Fetch(t.Context(), request)
	if err != nil {
		t.Fatalf("%s from %s: %v", at, origin, err)
	}
	return result
}

// TestPlayground runs the whole grid of the playground, and its form, in each browser.
// Every cell agrees with what the page expects, and with what this module's own browser
// makes of the same request.
func TestPlayground(t *testing.T) {
	for _, engine := range fetch.Engines {
		t.Run(engine.String(), func(t *testing.T) {
			t.Parallel()
			site := startPlayground(t, freePort, asItIs)
			form := make([]playgroundAnswer, len(playgroundForm))
			for i, answer := range playgroundForm {
				answer.Origin = site.ports.Replace(answer.Origin)
				form[i] = answer
			}
			report := site.run(t, engine, form, playgroundRefused)
			site.checkGrid(t, report)
			checkPlaygroundPage(t, report)
			if want := site.ports.Replace("http://localhost:3000 any POST Content-Type: application/json"); report.Changed != want {
				t.Errorf("the form is filled with %q, want %q", report.Changed, want)
			}
			site.checkForm(t, report.Form)
			if len(report.Refused) != len(playgroundRefused) {
				t.Errorf("%d refusals, want %d", len(report.Refused), len(playgroundRefused))
			}
			for i, refused := range report.Refused {
				if want := playgroundRefused[i].Fault; refused.Fault != want {
					t.Errorf("%s %q: the form says %q, want %q", refused.Field, refused.Text, refused.Fault, want)
				}
			}
		})
	}
}

// policyLines finds the policies in the Caddyfile.
var policyLines = regexp.MustCompile(`(?m)^\tcors /([\w-]+)/\* [^{\n]*(?:\{\n(?:\t\t.*\n)+\t\})?$`)

func (s *playgroundSite) checkGrid(t *testing.T, report playgroundReport) {
	t.Helper()
	if report.Notice != "" {
		t.Errorf("the page warns: %s", report.Notice)
	}
	policies := policyLines.FindAllStringSubmatch(s.caddyfile, -1)
	if len(policies) != 9 || len(report.Policies) != len(policies) {
		t.Fatalf("the Caddyfile has %d policies, the page %d", len(policies), len(report.Policies))
	}
	for i, policy := range policies {
		want := strings.ReplaceAll(policy[0][1:], "\n\t", "\n")
		if shown := report.Policies[i]; shown.Name != policy[1] || shown.Lines != want {
			t.Errorf("the page shows the policy %s\n%s\nwant %s\n%s", shown.Name, shown.Lines, policy[1], want)
		}
	}
	s.checkCells(t, report)
}

// checkCells holds what each cell saw against what the page expects, and what this
// module's own browser makes of the same request.
func (s *playgroundSite) checkCells(t *testing.T, report playgroundReport) {
	t.Helper()
	seen := make(map[string]bool)
	for _, cell := range report.Cells {
		name := fmt.Sprintf("%s under %s from %s", cell.Request, cell.Policy, cell.Origin)
		seen[name] = true
		if cell.Seen == "" || cell.Seen != cell.Expected {
			t.Errorf("%s: seen %q, expected %q", name, cell.Seen, cell.Expected)
		}
		word, _, _ := strings.Cut(cell.Seen, ",")
		if !strings.HasSuffix(cell.Name, " under "+cell.Policy+": "+strings.Replace(cell.Seen, ",", "", 1)+", as expected") || !strings.HasPrefix(cell.Text, "✓ "+word) {
			t.Errorf("%s: the cell is called %q and shows %q", name, cell.Name, cell.Text)
		}
		r, known := playgroundRequests[cell.Request]
		if !known {
			t.Errorf("no test knows the request %s", cell.Request)
		}
		if r == nil {
			continue
		}
		origin, path := cell.Origin, "hello"
		if r.origin != "" {
			origin = r.origin
		}
		if r.path != "" {
			path = r.path
		}
		result := s.fetch(t, s.ports.Replace("http://localhost:8000/")+cell.Policy+"/"+path, origin, *r)
		if readable := result.Block == nil; readable != (word == "read") {
			t.Errorf("%s: seen %q, but caddy cors check says readable is %t", name, cell.Seen, readable)
		}
		if shown := slices.Contains(result.Readable, "X-Total-Count"); cell.Request == "exposed" && shown != (cell.Seen == "read, header shown") {
			t.Errorf("%s: seen %q, but caddy cors check shows %q", name, cell.Seen, result.Readable)
		}
	}
	if want := 3 * len(report.Policies) * len(playgroundRequests); len(seen) != want || len(report.Cells) != want {
		t.Errorf("%d cells, %d different ones, want %d", len(report.Cells), len(seen), want)
	}
}

// checkPlaygroundPage checks what the page is to those who do not see it, or use no mouse,
// and what it tells of a chosen cell.
func checkPlaygroundPage(t *testing.T, report playgroundReport) {
	t.Helper()
	for _, html := range report.Nameless {
		t.Errorf("this has no name: %s", html)
	}
	if report.Friend != "here" || report.Stranger != "silence" {
		t.Errorf("the frame answers %q to a page of the playground, and %q to a stranger", report.Friend, report.Stranger)
	}
	columns, rows := 0, 0
	for _, scope := range report.Headers {
		switch scope {
		case "col":
			columns++
		case "row":
			rows++
		}
	}
	if columns != 10 || rows != len(playgroundRequests) || columns+rows != len(report.Headers) {
		t.Errorf("the headers of the table have the scopes %q", report.Headers)
	}
	if report.Lang != "en" || report.Tabbable != 1 {
		t.Errorf("lang %q, and %d cells in the order of the Tab key", report.Lang, report.Tabbable)
	}
	want := []string{"get exact", "get several", "json several", "json exact", "json report-only", "json exact", "get exact", "get exact"}
	if !slices.Equal(report.Moves, want) {
		t.Errorf("the arrow keys lead to %q, want %q", report.Moves, want)
	}
	if !slices.Equal(report.Narrow, []string{"none"}) {
		t.Errorf("a narrow window shows the policies %q, want the chosen one", report.Narrow)
	}
	shown := make(map[string]string)
	for _, panel := range report.Panels {
		shown[panel.Request] = panel.Text
	}
	for request, words := range map[string][]string{
		"put":      {"Preflight: may I?", "OPTIONS /credentials/hello → 204", "Access-Control-Request-Method: PUT", "PUT /credentials/hello → 200", "Access-Control-Allow-Credentials: true", "allowed", "method: \"PUT\""},
		"delete":   {"OPTIONS /credentials/hello → 204", "method_not_allowed", "allow_methods does not name DELETE"},
		"cookies":  {"Cookie: REDACTED", "GET /credentials/hello → 200", "with the cookie 'blue'"},
		"bearer":   {"Authorization: REDACTED"},
		"redirect": {"GET /credentials/old → 302", "Where the redirect leads", "GET /credentials/new → 200"},
		"upload":   {"Access-Control-Request-Method: POST", "100000 bytes"},
		"socket":   {"GET /credentials/socket → 101", "Upgrade: websocket"},
	} {
		for _, word := range words {
			if !strings.Contains(shown[request], word) {
				t.Errorf("the panel of %s has no %q:\n%s", request, word, shown[request])
			}
		}
	}
}

// TestPlaygroundWithoutSubdomain runs the page where its third origin does not load.
func TestPlaygroundWithoutSubdomain(t *testing.T) {
	site := startPlayground(t, freePort, func(caddyfile string) string {
		return regexp.MustCompile(`, http://admin\.localhost:\d+ \{`).ReplaceAllString(caddyfile, " {")
	})
	report := site.run(t, fetch.Chromium, nil, nil)
	want := site.ports.Replace("No page of http://admin.localhost:3000 loads here")
	if !strings.HasPrefix(report.Notice, want) {
		t.Errorf("the page warns %q, want %q", report.Notice, want)
	}
	if n := 2 * 9 * len(playgroundRequests); len(report.Cells) != n {
		t.Errorf("%d cells, want %d", len(report.Cells), n)
	}
}
