package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/handlers"
	"github.com/seed-9442523e/caddy-cors/bench/servers"
	"github.com/seed-9442523e/caddy-cors/bench/sessions"
	"github.com/seed-9442523e/caddy-cors/bench/size"
)

// results are small ones of all parts.
func results() *Results {
	r := &Results{
		Date: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Command: "go -C bench run ./report",
		Machine:  Machine{CPU: "a processor", Cores: 2, MemoryGiB: 8, System: "a system", Versions: []Version{{"Go", "1.26.0"}}},
		Handlers: new(handlers.Result),
		Size: &size.Result{
			Heap: []size.Heap{
				{Contender: size.This, Origins: 1_000_000, RawBytes: 30_000_000, HeapBytes: 90_000_000, Ratio: 3},
			},
			Load: []size.Load{{Contender: size.Jub0bs, Origins: 1_000_000, Seconds: 1, Ratio: 0.4}},
		},
		Servers:  new(servers.Result),
		Sessions: &sessions.Result{Requests: 150, Pause: 6 * time.Second},
	}
	for _, contender := range []string{handlers.This, "jub0bs/cors", "rs/cors"} {
		for _, scenario := range mainScenarios {
			r.Handlers.Rows = append(r.Handlers.Rows, handlers.Row{
				Setting: handlers.SettingAlone, Scenario: scenario, Contender: contender, Nanoseconds: 100, Allocs: 1, Ratio: 1,
			})
		}
		for _, origins := range []int{1, 100_000, 1_000_000} {
			for _, request := range []handlers.Request{handlers.Actual, handlers.Preflight} {
				r.Handlers.Rows = append(r.Handlers.Rows, handlers.Row{
					Setting: handlers.SettingOrigins, Scenario: string(request), Contender: contender, Nanoseconds: 100, Ratio: 0.4,
					Origins: origins, Request: request, Pick: handlers.Random,
				})
			}
		}
	}
	for _, contender := range []string{handlers.Bare, handlers.This, handlers.Idle, handlers.Adapter} {
		r.Handlers.Rows = append(r.Handlers.Rows, handlers.Row{Setting: handlers.SettingChain, Scenario: "allowed", Contender: contender, Ratio: 1})
	}
	for _, protocol := range []string{servers.HTTP1, servers.HTTP2} {
		for _, handler := range []string{servers.Respond, servers.ReverseProxy, servers.FileServer} {
			cell := servers.Cell{Protocol: protocol, Handler: handler}
			for server, ratio := range map[string]float64{servers.WithCORS: 0.99, servers.WithSnippet: 0.95, servers.WithLines: 0.97, servers.Again: 1.01} {
				r.Servers.Comparisons = append(r.Servers.Comparisons, servers.Comparison{
					Cell: cell, Request: servers.Allowed, Server: server, To: servers.Without, Throughput: ratio, P99: 1, CPU: 1,
				})
			}
		}
	}
	r.Sessions.Rows = []sessions.Row{
		{Contender: handlers.This, Own: true, Plain: sessions.Count{First: 10}, Credentials: sessions.Count{First: 30}},
		{Contender: "rs/cors", Plain: sessions.Count{First: 120, AtOnce: 110, Later: 120}, Credentials: sessions.Count{First: 20}},
	}
	return r
}

// TestFrom shows that the page can be made again of the results that it was written with,
// and that each picture which it shows is there.
func TestFrom(t *testing.T) {
	first, again := t.TempDir(), t.TempDir()
	if err := results().write(first); err != nil {
		t.Fatal(err)
	}
	if err := report(t.Context(), []string{"-from", filepath.Join(first, plotsDir, "results.json"), "-out", again}); err != nil {
		t.Fatal(err)
	}
	read := func(dir string) string {
		text, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := read(again)
	if text != read(first) {
		t.Errorf("the page is another one:\n%s", text)
	}
	for _, want := range []string{
		"2 March 2026, by `go -C bench run ./report`, on a system: a processor, 2 cores, 8 GiB.",
		"| Go | 1.26.0 |", "## Middleware against middleware", "## A million origins in memory", "## Whole servers", "## What browsers ask",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, quickWarning) {
		t.Error("the page takes itself for a quick one")
	}
	pictures := regexp.MustCompile(`(?:src|srcset)="([^"]+)"`).FindAllStringSubmatch(text, -1)
	if len(pictures) != 2*len(results().plots()) {
		t.Errorf("%d pictures of %d plots", len(pictures), len(results().plots()))
	}
	for _, match := range pictures {
		if _, err := os.Stat(filepath.Join(again, match[1])); err != nil {
			t.Error(err)
		}
	}
}

func TestQuickPage(t *testing.T) {
	r := results()
	r.Quick = true
	text := r.page()
	if !strings.Contains(text, quickWarning) || strings.Contains(text, "**Met") || strings.Contains(text, "**Not met") {
		t.Errorf("the page takes its figures for real ones:\n%s", text)
	}
	dir := t.TempDir()
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.plots() {
		svg, err := os.ReadFile(filepath.Join(dir, plotsDir, p.name+"-light.svg"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(svg), "figures mean nothing") {
			t.Errorf("the plot %s takes its figures for real ones", p.name)
		}
	}
}

func TestArguments(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "results.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-only", "handler"},
		{"-from", broken},
		{"-from", broken + ".gone"},
		{"quick"},
		{"-slow"},
	} {
		if err := report(t.Context(), append([]string{"-out", t.TempDir()}, args...)); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestCommand(t *testing.T) {
	for _, test := range []struct {
		only  []string
		quick bool
		want  string
	}{
		{parts, false, "go -C bench run ./report"},
		{parts, true, "go -C bench run ./report -quick"},
		{parts[:2], false, "go -C bench run ./report -only handlers,size"},
	} {
		if got := command(test.only, test.quick); got != test.want {
			t.Errorf("command(%v, %v) = %q, want %q", test.only, test.quick, got, test.want)
		}
	}
}

func TestGoals(t *testing.T) {
	text := results().verdict()
	for _, want := range []string{
		"- **Met:** Alone, this module takes no longer than the fastest peer",
		"- **Met:** With 100,000 origins, a preflight takes at most half as long",
		"- **Not met:** With 100,000 origins, a preflight takes at most a thousandth of what it takes in rs/cors. It is 0.4 in “preflight”.",
		"- **Not met:** A million distinct origins take at most 1.3 times their bytes of the heap. It is 3.",
		"- **Met:** They load in at most half the time that jub0bs/cors takes. It is 0.4.",
		"- **Met:** Caddy with this module has at least 0.98 of the throughput of Caddy without it. So it is in all 6 cases, at worst 0.99 in HTTP/1.1, `respond`, allowed. A Caddy without the module was up to 1.0 % off itself, which is noise. Preflights aside, of 6 cases this module misses it in 0, Caddy's own `header` with the same lines and no look at the request in 6, and Caddy itself in 0.",
		"- **Not measured:** Its throughput is ahead of that with a `header` snippet (as a ratio).",
		"It is missed in 1 of 4 cases: 10 in a first session with cookies (rs/cors).",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the goals have no %q:\n%s", want, text)
		}
	}
}

// TestVerdicts shows that figures are judged as they were measured, and not as they are
// written, with three digits.
func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		least bool
		value float64
		met   bool
	}{
		{false, 1, true},
		{false, 1.0004, false},
		{true, 1, true},
		{true, 0.9996, false},
	} {
		g := goal{limit: 1, least: test.least}
		g.add("a case", test.value)
		if met := len(g.missed()) == 0; met != test.met {
			t.Errorf("%v, at least %v: met is %v", test.value, test.least, met)
		}
	}
}

func TestDescribe(t *testing.T) {
	m, err := describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Cores == 0 || m.CPU == "" || m.System == "" || len(m.Versions) == 0 || m.Versions[0].Name != "Go" {
		t.Errorf("%+v", m)
	}
	if _, err := json.Marshal(m); err != nil {
		t.Error(err)
	}
}
