package caddycors

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// runCommand runs `caddy cors` with arguments in the current directory, and returns
// what it writes, its exit status and its error.
func runCommand(t *testing.T, args ...string) (out string, status int, err error) {
	t.Helper()
	cors := &cobra.Command{Use: "cors", SilenceErrors: true, SilenceUsage: true}
	caddycmd.Commands()["cors"].CobraFunc(cors)
	var written bytes.Buffer
	cors.SetOut(&written)
	cors.SetErr(&written)
	cors.SetArgs(args)
	err = cors.Execute()
	switch {
	case err == nil:
	case err.Error() == "exiting with status 2": // of a type that Caddy does not export
		status, err = 2, nil
	default:
		status = 1
	}
	return written.String(), status, err
}

// explainIn runs `caddy cors explain` beside a Caddyfile.
func explainIn(t *testing.T, caddyfile string, args ...string) (out string, status int, err error) {
	t.Helper()
	t.Chdir(t.TempDir())
	writeFile(t, "Caddyfile", caddyfile)
	return runCommand(t, append([]string{"explain"}, args...)...)
}

// shellWords splits a command line at spaces, but for those in single quotes.
func shellWords(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// consoleCommand begins a command in an example, ahead of what it writes.
const consoleCommand = "$ caddy cors explain "

// TestExplain runs the commands of each file in testdata/explain, which stand below its
// Caddyfile, and holds what they write against what follows. A last line has the exit
// status, if that is not 0.
func TestExplain(t *testing.T) {
	t.Setenv("CORS_ORIGINS", "https://a.example, https://app.example.com")
	files, err := filepath.Glob("testdata/explain/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			caddyfile, examples, _ := strings.Cut(string(text), dashes+"\n")
			var all strings.Builder
			for _, example := range strings.Split(examples, consoleCommand)[1:] {
				line, _, _ := strings.Cut(example, "\n")
				all.WriteString(consoleCommand + line + "\n")
				out, status, err := explainIn(t, caddyfile, shellWords(line)...)
				all.WriteString(out)
				if err != nil {
					all.WriteString(err.Error() + "\n")
				}
				if status != 0 {
					fmt.Fprintf(&all, "exit status %d\n", status)
				}
			}
			if *update {
				writeFile(t, golden, caddyfile+dashes+"\n"+all.String())
			} else if all.String() != examples {
				t.Errorf("%s: got\n%s\nwant\n%s", file, all.String(), examples)
			}
		})
	}
}
