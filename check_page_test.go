package caddycors

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

const checkPage = "docs/check.md"

// TestCheckPageFaults holds the table of faulty servers against what the command says of
// each.
func TestCheckPageFaults(t *testing.T) {
	at := corstest.ServeFaults(t, "http://app.example:3000", "https://app.example")
	var want []string
	for _, f := range corstest.Faults {
		if f.Readable() && !f.Suspect {
			continue
		}
		place := at(f)
		report, _ := checkJSON(t, faultArgs(f, place)...)
		want = append(want, strings.NewReplacer(
			place.API, "http://api.example",
			place.Other, "http://other.example",
			place.TLS, "https://api.example",
			strings.Replace(place.Other, "://", "://user:password@", 1), "http://user:password@other.example",
		).Replace(faultRow(f, place, report)))
	}
	if len(want) < 25 {
		t.Errorf("%d faulty servers", len(want))
	}
	const head = "\n| the page sends | the server answers | verdict |\n| --- | --- | --- |\n"
	text := readPage(t, checkPage)
	before, _, _ := strings.Cut(text, head)
	comparePage(t, checkPage, text, before+head+strings.Join(want, "\n")+"\n")
}

func readPage(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// comparePage holds a page against what it should be, line by line.
func comparePage(t *testing.T, file, got, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Errorf("%s:%d: (to write what it should have: go test . -update)\ngot  %s\nwant %s", file, i+1, gotLines[i], wantLines[i])
			return
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Errorf("%s has %d lines, want %d", file, len(gotLines), len(wantLines))
	}
}

// markdown makes of a text what shows as that text. "**" is ours.
var markdown = strings.NewReplacer("**", "**", `\`, `\\`, "*", `\*`)

// faultRow is a fault's row in the table.
func faultRow(f corstest.Fault, place corstest.Place, report checkReport) string {
	asks := "`" + strings.Join(append([]string{report.Method}, f.Headers...), "` `") + "`"
	if u := f.URLAt(place); u != place.API+"/" {
		asks += " to `" + u + "`"
	}
	if f.Credentials {
		asks += " with credentials"
	}
	switch {
	case f.Sandboxed:
		asks += " from a sandboxed frame"
	case f.Secure:
		asks += " from `https://app.example`"
	}
	var answers []string
	for _, server := range []corstest.Server{f.API, f.Other, f.TLS} {
		for _, key := range []string{"OPTIONS", "/", "", "/login"} {
			a, ok := server[key]
			if !ok || key == "" && f.Preflighted() && f.Block.URL == "" {
				continue // it is not asked for
			}
			answer := "`" + strings.Join(append([]string{strconv.Itoa(a.Status)}, a.Lines...), "` `") + "`"
			if key == "OPTIONS" {
				answer = "preflight " + answer
			}
			answers = append(answers, place.Expand(answer))
		}
	}
	warnings := strings.Join(report.Warnings, " ")
	verdict := "**readable**, but: " + warnings
	switch {
	case report.Blocked != nil && f.Block.Rule == fetch.RuleAllowHeadersAuthorization:
		verdict = "**blocked** by the standard: " + report.Blocked.Reason + " " + strings.Join(report.Warnings, " ")
	case report.Blocked != nil:
		verdict = "**blocked**: " + report.Blocked.Reason
	case warnings == "":
		verdict = "**readable**, without `" + strings.Join(f.Hidden, "`, `") + "`"
	}
	verdict = markdown.Replace(verdict)
	return "| " + asks + " | " + strings.Join(answers, ", then ") + " | " + verdict + " |"
}

// transcript is a command of a page, and what it writes.
var transcript = regexp.MustCompile("(?ms)^```console\n\\$ caddy cors ([^\n]*)\n(.*?)^```$")

// TestCheckPageTranscripts runs the commands of the page on its site.
func TestCheckPageTranscripts(t *testing.T) {
	site := runSecure(t, codeBlocks(t, checkPage)["site"], func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Total-Count", "3")
		_, _ = io.WriteString(w, "hello")
	})
	text := readPage(t, checkPage)
	want := transcript.ReplaceAllStringFunc(text, func(block string) string {
		line := transcript.FindStringSubmatch(block)[1]
		return "```console\n$ caddy cors " + line + "\n" + site.command(t, line) + "```"
	})
	if n := strings.Count(text, "```console"); n != len(transcript.FindAllString(text, -1)) || n < 2 {
		t.Fatalf("%d transcripts, not all of which were read", n)
	}
	comparePage(t, checkPage, text, want)
}
