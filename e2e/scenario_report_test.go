//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/browsers.md")

// browsersPage keeps what was seen, after this line.
const (
	browsersPage  = "../docs/browsers.md"
	generatedLine = "<!-- What follows is written by: go test ./e2e -run TestScenarios -update -->\n"
)

// report has what came of each scenario, by column: "standard", and the engines' names.
type report map[string][]string

func (r report) add(column, cell string) { r[column] = append(r[column], cell) }

// cell tells what a script got of the steps, and how many preflights arrived.
func cell(got []string, preflights int) string {
	var words []string
	for _, text := range got {
		words = append(words, wordOf(text))
	}
	var parts []string
	for len(words) > 0 {
		n := 1
		for n < len(words) && words[n] == words[0] {
			n++
		}
		switch {
		case words[0] == "":
		case n > 2:
			parts = append(parts, fmt.Sprintf("%s ×%d", words[0], n))
		default:
			parts = append(parts, words[:n]...)
		}
		words = words[n:]
	}
	switch text := strings.Join(parts, ", "); preflights {
	case 0:
		return text
	case 1:
		return text + "; 1 preflight"
	default:
		return fmt.Sprintf("%s; %d preflights", text, preflights)
	}
}

// wordOf says in a word what a script got.
func wordOf(text string) string {
	switch text {
	case "blocked", "opaque", "shown", "sent", "open":
		return text
	case "opaqueredirect":
		return "opaque"
	case "", "later":
		return ""
	}
	if _, body, _ := strings.Cut(text, " "); len(body) == 1 {
		return "read " + body // the value of a cookie
	}
	return "read"
}

// text returns the tables, as the page has them.
func (r report) text(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n## Where engines differ from the standard\n\n")
	for _, group := range allScenarios {
		for _, sc := range group.scenarios {
			if engines := enginesOf(func(e fetch.Engine) bool { _, ok := sc.differ[e]; return ok }); engines != "" {
				fmt.Fprintf(&b, "- **%s**: %s (%q)\n", engines, sc.note, sc.name)
			}
		}
	}
	for _, f := range corstest.Faults {
		here, standard := "readable", "blocked"
		if f.Readable() {
			here, standard = standard, here
		}
		engines := enginesOf(func(e fetch.Engine) bool {
			block, ok := f.Engines[e]
			return ok && (block.Rule == "") != f.Readable()
		})
		if engines != "" {
			fmt.Fprintf(&b, "- **%s**: The response is %s, and %s by the standard. (%q of the [servers that get it wrong](check.md#servers-that-get-it-wrong))\n", engines, here, standard, f.Name)
		}
	}
	b.WriteString("\n## What guides begin with\n")
	for _, sc := range scenes {
		fmt.Fprintf(&b, "\n**%s.** %s\n\n```caddyfile\n%s```\n", strings.ToUpper(sc.name[:1])+sc.name[1:], sc.told(), sc.caddyfile())
	}
	fmt.Fprintf(&b, "\n## All scenarios\n")
	i := 0
	for _, group := range allScenarios {
		fmt.Fprintf(&b, "\n### %s\n\n| scenario | rule | standard |", group.title)
		for _, e := range fetch.Engines {
			fmt.Fprintf(&b, " %s |", engineVersions()[e])
		}
		b.WriteString("\n| --- | --- | --- | --- | --- | --- |\n")
		for _, sc := range group.scenarios {
			standard := r["standard"][i]
			fmt.Fprintf(&b, "| %s | %s | %s |", escape(sc.name), escape(sc.source), standard)
			for _, e := range fetch.Engines {
				_, differs := sc.differ[e]
				switch cells := r[e.String()]; {
				case len(cells) == 0:
					b.WriteString(" not run |")
				case differs:
					fmt.Fprintf(&b, " **%s** |", cells[i])
				default:
					fmt.Fprintf(&b, " %s |", cells[i])
				}
			}
			b.WriteString("\n")
			i++
		}
	}
	return b.String()
}

// guideValues are ports and names as guides have them.
var guideValues = strings.NewReplacer("{page}", "http://localhost:3000", "{page 2}", "http://localhost:4000",
	"{app}", "https://app.example.com", "{admin}", "https://admin.example.com",
	"rewrite {slug}{uri}\n", "", "{api 2 host}", "localhost:9000")

// told says which page asks, what it does, and what it gets, as in "The page is at
// `http://localhost:3000`. GET: read. PUT with cookies: blocked."
func (s scenario) told() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The page is at `%s`.", guideValues.Replace("{"+s.pageName()+"}"))
	for _, step := range s.steps {
		method := step.method
		if method == "" {
			method = http.MethodGet
		}
		b.WriteString(" " + method)
		if _, path, _ := strings.Cut(step.target(), "}/"); path != "" {
			b.WriteString(" of `/" + path + "`")
		}
		if step.credentials == "include" {
			b.WriteString(" with cookies")
		}
		fmt.Fprintf(&b, ": %s.", wordOf(step.want))
	}
	return b.String()
}

// caddyfile returns the scenario's servers.
func (s scenario) caddyfile() string {
	own, api := "http://localhost:3000", "http://localhost:8000"
	if s.page == "{app}" || s.page == "{admin}" {
		own, api = "https://app.example.com", "https://api.example.com"
	}
	var b strings.Builder
	for _, server := range []struct{ address, lines string }{{api, s.api}, {"http://localhost:9000", s.api2}, {own, s.own}} {
		if server.lines != "" {
			lines := strings.ReplaceAll(guideValues.Replace(server.lines), "\n", "\n\t")
			fmt.Fprintf(&b, "%s {\n\t%s\n}\n", server.address, lines)
		}
	}
	return b.String()
}

// escape returns what Markdown shows as it is, in the cell of a table.
func escape(s string) string { return strings.NewReplacer("|", `\|`, "*", `\*`).Replace(s) }

// enginesOf names the engines that something holds for, with their versions.
func enginesOf(holds func(fetch.Engine) bool) string {
	var names []string
	for _, e := range fetch.Engines {
		if holds(e) {
			names = append(names, engineVersions()[e])
		}
	}
	return strings.Join(names, ", ")
}

var (
	versionNumber = regexp.MustCompile(`[0-9]+(\.[0-9]+)+`)
	versions      = regexp.MustCompile(`\b(Chromium|Firefox|WebKitGTK)( ESR)? [0-9.]+\b`)
)

// engineVersions are the names and the versions of the installed engines, as in
// "WebKitGTK 2.50".
var engineVersions = sync.OnceValue(func() map[fetch.Engine]string {
	all := make(map[fetch.Engine]string)
	firefox, program := "Firefox ESR", "firefox-esr"
	if _, err := exec.LookPath(program); err != nil {
		firefox, program = "Firefox", "firefox"
	}
	for engine, of := range map[fetch.Engine]struct {
		name    string
		parts   int // of the number
		command []string
	}{
		fetch.Chromium: {"Chromium", 1, []string{"chromium", "--version"}},
		fetch.Firefox:  {firefox, 2, []string{program, "--version"}},
		fetch.WebKit:   {"WebKitGTK", 2, []string{"dpkg-query", "-W", "-f", "${Version}", "webkit2gtk-driver"}},
	} {
		out, _ := exec.Command(of.command[0], of.command[1:]...).Output() // none if it is not installed
		number := strings.Split(versionNumber.FindString(string(out)), ".")
		all[engine] = strings.TrimSpace(of.name + " " + strings.Join(number[:min(of.parts, len(number))], "."))
	}
	return all
})

// check prints the tables, also to the file that CORS_E2E_TABLES names, and fails unless the
// page has them, whatever the versions. With -update it writes them there.
func (r report) check(t *testing.T) {
	t.Helper()
	text := r.text(t)
	t.Log(text)
	if file := os.Getenv("CORS_E2E_TABLES"); file != "" {
		writeFile(t, file, text)
	}
	old, err := os.ReadFile(browsersPage)
	if err != nil {
		t.Fatal(err)
	}
	head, kept, found := strings.Cut(string(old), generatedLine)
	switch complete := !slices.ContainsFunc(fetch.Engines, func(e fetch.Engine) bool { return len(r[e.String()]) == 0 }); {
	case !found:
		t.Errorf("%s has no line %q", browsersPage, generatedLine)
	case *update && complete && !t.Failed():
		writeFile(t, browsersPage, head+generatedLine+text)
	case *update:
		t.Error("the page needs all engines, and no failure")
	case complete && versions.ReplaceAllString(kept, "$1") != versions.ReplaceAllString(text, "$1"):
		t.Errorf("%s has other tables; they are rewritten by -update", browsersPage)
	}
}
