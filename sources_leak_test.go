package caddycors

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// openFiles returns how many files and connections this process has open, or 0 where that
// cannot be seen.
func openFiles() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}

// stacks returns the stack of each goroutine.
func stacks() []string {
	all := make([]byte, 16<<20)
	return strings.Split(string(all[:runtime.Stack(all, true)]), "\n\n")
}

// TestSourcesLeakNothing loads configs with sources many times, a third of which do not load,
// at each stage that one can fail at. Then no goroutine, no open file and no config is left.
func TestSourcesLeakNothing(t *testing.T) {
	first, second := writeList(t, "https://one.example"), writeList(t, "https://two.example")
	c := newCertificateLab(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	stored := filepath.Join(c.dir, "cors", "origins", "leaks")
	if err := os.MkdirAll(filepath.Dir(stored), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, stored, "https://three.example\n")
	sources := func(i int) string { // some of which go on in the next config, and some do not
		return fmt.Sprintf("%s\nallow_origins_from file %s {\ninterval %dms\n}\nallow_origins_from storage leaks {\ninterval %ds\n}\n%s", fromFile(first), second, 100+i, 1+i%2, fromCertificates)
	}
	failures := []struct{ cors, sites string }{
		{fromFile(first + ".none"), ""},                     // a source fails after others
		{"allow_origins {env.CORS_TEST_UNSET}", ""},         // the rest of the handler is wrong
		{"", "http://" + taken.Addr().String() + " {\n}\n"}, // it does not start
	}
	var configs []weak.Pointer[caddyhttp.App]
	run := func(loads int) {
		t.Helper()
		for i := range loads {
			failing := i % 3
			cors, sites := sources(i), sitesOf("a.example", fmt.Sprintf("b%d.example", i%2))
			if failing == 2 {
				failure := failures[i/3%len(failures)]
				cors, sites = cors+"\n"+failure.cors, sites+failure.sites
			}
			err := c.load(t, "", cors, sites)
			if (err != nil) != (failing == 2) {
				t.Fatalf("load %d: %v", i, err)
			}
			if err == nil {
				app, _ := caddy.ActiveContext().App("http")
				configs = append(configs, weak.Make(app.(*caddyhttp.App)))
			}
			if i%10 == 9 {
				if err := caddy.Stop(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, origin := range []string{"https://one.example", "https://two.example", "https://three.example", "https://a.example"} {
			allowedSoon(t, c.api, origin, true)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	run(3) // what is made once for the process
	before, files := len(stacks()), openFiles()
	run(53)
	const mostKept = 2 // Caddy itself keeps the last one, and now and then the one before
	left := func() (all []string) {
		now := stacks()
		for _, stack := range now {
			if strings.Contains(stack, "caddy-cors/source.") {
				all = append(all, stack)
			}
		}
		if len(now) > before {
			all = append(all, fmt.Sprintf("%d goroutines, and %d before:", len(now), before))
			all = append(all, now...)
		}
		if n := openFiles(); n > files {
			all = append(all, fmt.Sprintf("%d open files, and %d before", n, files))
		}
		runtime.GC()
		kept := 0
		for _, config := range configs {
			if config.Value() != nil {
				kept++
			}
		}
		if kept > mostKept {
			all = append(all, fmt.Sprintf("%d of %d configs", kept, len(configs)))
		}
		return all
	}
	// A lock in a storage is let go of after 5 seconds.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		all := left()
		if all == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("this is left:\n%s", strings.Join(all, "\n\n"))
		}
	}
}
