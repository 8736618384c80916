package caddycors

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the golden files should have; read the difference before you keep it")

const dashes = "----------"

// TestCaddyfile adapts the Caddyfile in each golden file and compares the result, or
// the error, with what stands below its line of dashes.
func TestCaddyfile(t *testing.T) {
	files, err := filepath.Glob("testdata/caddyfile/*.caddyfiletest")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			caddyfile, want, ok := strings.Cut(string(golden), dashes+"\n")
			if !ok && !*update {
				t.Fatalf("%s has no line of dashes", file)
			}
			got := adapted(caddyfile)
			if *update {
				if err := os.WriteFile(file, []byte(caddyfile+dashes+"\n"+got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != strings.TrimSuffix(want, "\n") {
				t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
			}
		})
	}
}

// adapted returns the JSON that a Caddyfile adapts to, or the error.
func adapted(caddyfile string) string {
	config, err := adaptCaddyfile(caddyfile)
	if err != nil {
		return err.Error()
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, config, "", "\t"); err != nil {
		return err.Error()
	}
	return pretty.String()
}
