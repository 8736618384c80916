//go:build linux

package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// wordings are the versions whose words internal/fetch has.
var wordings = map[fetch.Engine]string{fetch.Chromium: "Chromium 156", fetch.Firefox: "Firefox ESR 153.7", fetch.WebKit: "WebKitGTK 2.50"}

// TestConsoles holds the table of faults, and the words of [fetch.Block.ConsoleLines],
// against real browsers. Other versions have other words; in CI that is a failure.
func TestConsoles(t *testing.T) {
	for _, engine := range fetch.Engines {
		t.Run(engine.String(), func(t *testing.T) {
			plain, secure := servePages(t, false), servePages(t, true)
			at := corstest.ServeFaults(t, plain.origin, secure.origin)
			list := []scenarioPage{{url: plain.origin + "/"}, {url: plain.origin + "/sandboxed", sandbox: true}, {url: secure.origin + "/"}}
			var faults []corstest.Fault // in the pages' order
			for page := range list {
				list[page].pause = 50
				for _, f := range corstest.Faults {
					if f.Sandboxed == (page == 1) && f.Secure == (page == 2) {
						list[page].steps = append(list[page].steps, stepOf(f, at(f)))
						faults = append(faults, f)
					}
				}
			}
			worded := wordings[engine] == engineVersions()[engine] || os.Getenv("CI") != ""
			if !worded {
				t.Logf("the words of %s are not compared with those of %s", engineVersions()[engine], wordings[engine])
			}
			results, said := runPages(t, engine, []*pages{plain, secure}, list)
			if len(results) != len(corstest.Faults) {
				t.Fatalf("%d results of %d", len(results), len(corstest.Faults))
			}
			for i, f := range faults {
				block := f.BlockIn(engine, at(f))
				checkResult(t, f, block, engine, results[i])
				if block.Rule == "" || !worded {
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

// stepOf is what the page of a fault does.
func stepOf(f corstest.Fault, p corstest.Place) pageStep {
	s := step{url: f.URLAt(p), method: f.Method, headers: f.Headers, body: f.Body}
	if f.Credentials {
		s.credentials = "include"
	}
	return s.forPage(f.Name, strings.NewReplacer())
}

// checkResult fails unless the page saw just what the fault lets it see.
func checkResult(t *testing.T, f corstest.Fault, block fetch.Block, engine fetch.Engine, got result) {
	t.Helper()
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
		if !got.shows(name) {
			t.Errorf("%s: the page sees no %s", f.Name, name)
		}
	}
	for _, name := range f.Hidden {
		if got.shows(name) {
			t.Errorf("%s: the page sees %s", f.Name, name)
		}
	}
}
