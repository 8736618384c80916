package caddycors

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const troubleshootingPage = "docs/troubleshooting.md"

// said is a block of what consoles say, by browser.
var said = regexp.MustCompile("(?ms)^```text\n(.*?)^```$")

// TestTroubleshooting runs each entry of the page: with its first Caddyfile the command
// says what the entry has, and the consoles the same; with its second one the page can
// read the response.
func TestTroubleshooting(t *testing.T) {
	text := readPage(t, troubleshootingPage)
	blocks, driven := codeBlocks(t, troubleshootingPage), make(map[string]bool)
	sections := strings.Split(text, "\n## ")
	for i, section := range sections {
		var broken, fixed string
		for _, match := range codeBlock.FindAllStringSubmatch(section, -1) {
			driven[match[1]] = true
			if strings.HasSuffix(match[1], " broken") {
				broken = match[1]
			} else {
				fixed = match[1]
			}
		}
		name := strings.TrimSuffix(broken, " broken")
		if broken != "" && (fixed != name+" fixed" || blocks[broken] == "" || blocks[fixed] == "") {
			t.Fatalf("the entry has the Caddyfiles %q and %q", broken, fixed)
		}
		command := transcript.FindStringSubmatch(section)
		switch {
		case command != nil && broken != "":
			t.Run(name, func(t *testing.T) {
				sections[i] = runEntry(t, name, section, command[1], blocks[broken], blocks[fixed])
			})
		case command != nil: // nothing is there
			report, _ := freeSite(t).check(t, command[1])
			sections[i] = quoteOutput(section, command[1], "NO ANSWER: "+report.Error+"\n")
		case broken != "":
			t.Run(name, func(t *testing.T) { runSockets(t, blocks[broken], blocks[fixed]) })
		}
	}
	allDriven(t, blocks, driven)
	comparePage(t, troubleshootingPage, text, strings.Join(sections, "\n## "))
}

// runEntry runs an entry's command on its sites, and returns the entry as it should be.
func runEntry(t *testing.T, name, entry, command, broken, fixed string) string {
	t.Helper()
	backend := func(w http.ResponseWriter, r *http.Request) {
		if name == "several values" {
			w.Header().Set(headerAllowOrigin, "*")
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("X-Total-Count", "3")
		_, _ = io.WriteString(w, "hello")
	}
	site := runSecure(t, strings.Replace(broken, "http://api.example.com {", "api.example.com {", 1), backend)
	report, out := site.check(t, command)
	sentences, shown := "", out
	if report.Blocked != nil {
		sentences = report.Blocked.consoles()
		shown = "BLOCKED: " + report.Blocked.Reason + "\n"
	}
	if i := strings.Index(out, "\nREADABLE"); i >= 0 {
		shown = out[i+1:]
	}

	site = runSecure(t, fixed, backend)
	report, out = site.check(t, strings.Replace(command, "http://", "https://", 1))
	if report.Verdict != checkReadable && report.Verdict != checkSendable || len(report.Warnings) > 0 {
		t.Errorf("with the second Caddyfile\n%s", out)
	}
	if name == "exposed" && !slices.Contains(report.Readable, "X-Total-Count") {
		t.Errorf("the page can read %q", report.Readable)
	}

	return quoteOutput(said.ReplaceAllLiteralString(entry, "```text\n"+sentences+"```"), command, shown)
}

// quoteOutput returns an entry with what its command writes.
func quoteOutput(entry, command, output string) string {
	return transcript.ReplaceAllLiteralString(entry, "```console\n$ caddy cors "+command+"\n"+output+"```")
}

// runSockets asks for a WebSocket on the sites of an entry.
func runSockets(t *testing.T, broken, fixed string) {
	t.Helper()
	backend := serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for caddyfile, want := range map[string]int{broken: http.StatusForbidden, fixed: http.StatusTeapot} {
		site := runCaddy(t, strings.NewReplacer("api.example.com {", "http://$A {", "localhost:9000", backend).Replace(caddyfile))
		r := site.Do("GET /socket\nOrigin: https://app.example.com\nConnection: Upgrade\nUpgrade: websocket")
		if r.StatusCode != want {
			t.Errorf("%s\n%s", caddyfile, r)
		}
	}
}
