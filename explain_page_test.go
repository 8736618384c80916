package caddycors

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const explainPage = "docs/explain.md"

// consoleBlock is a block of commands in a page, with what they write.
var consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

// TestExplainPageExamples runs each command of the page beside the Caddyfile ahead of it.
func TestExplainPageExamples(t *testing.T) {
	blocks, driven := codeBlocks(t, explainPage), make(map[string]bool)
	text, err := os.ReadFile(explainPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, console := range consoleBlock.FindAllStringSubmatchIndex(page, -1) {
		ahead := codeBlock.FindAllStringSubmatch(page[:console[0]], -1)
		name := ahead[len(ahead)-1][1]
		driven[name] = true
		command, want, _ := strings.Cut(page[console[2]:console[3]], "\n")
		out, _, err := explainIn(t, blocks[name], shellWords(strings.TrimPrefix(command, consoleCommand))...)
		if out != want || err != nil {
			t.Errorf("%s\n%v, got\n%s\nwant\n%s", command, err, out, want)
		}
	}
	allDriven(t, blocks, driven)
}

// warningCode finds the codes of warnings in their source.
var warningCode = regexp.MustCompile(`warn\("([a-z_]+)"`)

// TestExplainPage holds the tables of the page against the command, its warnings and its
// JSON.
func TestExplainPage(t *testing.T) {
	source, err := os.ReadFile("explain_warnings.go")
	if err != nil {
		t.Fatal(err)
	}
	warnings := []string{"mixed_content", "several_servers"} // which have tests of their own
	for _, test := range explainWarnings {
		warnings = append(warnings, test.code)
	}
	want := map[string][]string{"warnings that have a test": warnings, "members": jsonMembers[explanation](), "members of a request": jsonMembers[explainedRequest]()}
	for _, match := range warningCode.FindAllStringSubmatch(string(source), -1) {
		want["warnings"] = append(want["warnings"], match[1])
	}
	want["options"] = regexp.MustCompile("--[a-z]+").FindAllString(explainCommand().Flags().FlagUsages(), -1)
	got := map[string][]string{"warnings that have a test": want["warnings"]}
	gather := func(what string) func(row []string) {
		return func(row []string) { got[what] = append(got[what], codes(row[0])...) }
	}
	testTables(t, explainPage, map[string]func(row []string){
		"option | what it is":              gather("options"),
		"code | what it means":             gather("warnings"),
		"member | what it is":              gather("members"),
		"member of a request | what it is": gather("members of a request"),
	})
	for what := range want {
		for _, names := range [][]string{got[what], want[what]} {
			slices.Sort(names)
		}
		if got, want := slices.Compact(got[what]), slices.Compact(want[what]); !slices.Equal(got, want) {
			t.Errorf("%s: the page has\n%q\nand there are\n%q", what, got, want)
		}
	}
}

// jsonMembers returns the names of a struct's members in JSON, with a "?" if they may be
// missing.
func jsonMembers[T any]() (names []string) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, omitted, _ := strings.Cut(field.Tag.Get("json"), ",")
		if omitted != "" {
			name += "?"
		}
		names = append(names, name)
	}
	return names
}
