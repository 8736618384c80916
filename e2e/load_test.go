//go:build linux

package e2e

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const (
	loadClients  = 64
	loadInterval = 150 * time.Millisecond // between reloads
	loadWarmUp   = 3                      // reloads ahead of the first look at the memory
)

// TestLoad lets 64 clients send requests of all kinds to a Caddy that is reloaded all
// the time, refuses configs, and has a backend that dies and comes back. Every answer
// has to be the one that the policies of the config that gave it prescribe.
//
// What Caddy itself does to connections at a reload is no fault of the module: the
// same is done to a Caddy whose config is without it, and the two are compared.
//
// CORS_E2E_LOAD=long makes it 200 reloads instead of 25, in about four minutes.
func TestLoad(t *testing.T) {
	reloads := 25
	if os.Getenv("CORS_E2E_LOAD") == "long" {
		reloads = 200
	}
	var without, with *loadRun
	t.Run("without the module", func(t *testing.T) { without = runLoad(t, false, reloads) })
	if t.Failed() {
		return // then it is the test that is wrong
	}
	t.Run("with the module", func(t *testing.T) { with = runLoad(t, true, reloads) })
	if with == nil || with.after == (footprint{}) {
		return
	}
	t.Log(loadReport(with, without))
	with.compare(t, without)
}

// loadRun is the load on one Caddy, and what came of it.
type loadRun struct {
	t           *testing.T
	ctx         context.Context
	site        *loadSite
	backend     *loadBackend
	caddy       *caddyServer
	generations []loadGeneration
	loaded      atomic.Int64 // the newest generation that is loaded
	begun       atomic.Int64 // the newest one that is loaded or being loaded
	refused     int

	before, after footprint
	loadTally
}

func runLoad(t *testing.T, module bool, reloads int) *loadRun {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+time.Duration(reloads)*2*time.Second)
	defer cancel()
	backend := newLoadBackend(t)
	site := newLoadSite(t, module, backend.address)
	caddy := startCaddy(t, "", "http://"+site.plain+" {\n respond starting\n}\n")
	site.admin = caddy.admin.Address
	l := &loadRun{t: t, ctx: ctx, site: site, backend: backend, caddy: caddy}
	l.sent, l.failures = make(map[string]map[string]int), make(map[string]int)
	for number := range loadWarmUp + reloads + 1 {
		l.generations = append(l.generations, newLoadGeneration(number))
	}

	l.load(0)
	l.phase(loadWarmUp)
	l.before = l.footprint()
	l.phase(reloads)
	l.after = l.footprint()

	if l.failed > 0 {
		t.Errorf("%d answers are wrong, such as\n\n%s", l.failed, strings.Join(l.examples, "\n\n"))
	}
	for _, complaint := range complaints(caddy.output.String()) {
		t.Errorf("Caddy's log has\n%s", complaint)
	}
	return l
}

var (
	panicked = regexp.MustCompile(`.*(panic serving|superfluous|fatal error|"level":"(panic|fatal)").*`)
	raced    = regexp.MustCompile(`(?s)WARNING: DATA RACE.*?={10}`)
)

// complaints returns the first of what Caddy, net/http and the race detector print of a
// handler that is wrong. Caddy's reverse_proxy has races of its own.
func complaints(log string) []string {
	found := panicked.FindAllString(log, 3)
	for _, race := range raced.FindAllString(log, -1) {
		if strings.Contains(race, "caddy-cors") && len(found) < 6 {
			found = append(found, race)
		}
	}
	return found
}

// phase lets the clients send, while the config is reloaded and the backend dies and
// comes back. It ends when all have got their answers.
func (l *loadRun) phase(reloads int) {
	ctx, stop := context.WithCancel(l.ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() { l.backend.run(ctx) })
	protocols := []string{corstest.H1, corstest.H1S, corstest.H2, corstest.H3}
	for i := range loadClients {
		client := l.newClient(i, protocols[i%len(protocols)])
		all.Go(func() { client.run(ctx) })
	}
	for range reloads {
		sleep(ctx, loadInterval)
		l.refuse(int(l.loaded.Load()))
		l.load(l.loaded.Load() + 1)
	}
	sleep(ctx, loadInterval)
}

// load loads the config of a generation.
func (l *loadRun) load(number int64) {
	l.begun.Store(number)
	config := l.site.config(l.generations[number])
	for l.ctx.Err() == nil {
		r, err := l.caddy.admin.Try("POST /load\nContent-Type: application/json\n\n" + config)
		if err == nil && r.StatusCode != http.StatusOK {
			l.t.Fatalf("generation %d does not load: %s", number, r)
		}
		if err == nil || l.running() == number { // it may be the answer that got lost
			l.loaded.Store(number)
			return
		}
	}
	l.t.Fatalf("generation %d does not load in time", number)
}

// running returns the generation whose config runs, or -1.
func (l *loadRun) running() int64 {
	r, err := l.caddy.admin.Try("GET /config/apps/http/servers/secure/routes/0/handle/0/response/set/X-Config/0")
	if err != nil {
		return -1
	}
	number, err := strconv.ParseInt(strings.Trim(r.Text, "\"\n"), 10, 64)
	if err != nil {
		return -1
	}
	return number
}

// refuse sends a config that must not load.
func (l *loadRun) refuse(number int) {
	configs := l.site.refused(number)
	c := configs[number%len(configs)]
	r, err := l.caddy.admin.Try("POST /load\nContent-Type: application/json\n\n" + c.config)
	for err != nil && l.ctx.Err() == nil {
		r, err = l.caddy.admin.Try("POST /load\nContent-Type: application/json\n\n" + c.config)
	}
	if err != nil || r.StatusCode != http.StatusBadRequest || !strings.Contains(r.Text, c.reason) {
		l.t.Fatalf("a config that must be refused because of %q: %v %s", c.reason, err, r)
	}
	if running := l.running(); running != l.loaded.Load() {
		l.t.Fatalf("a config that is refused because of %q leaves %d running", c.reason, running)
	}
	l.refused++
}

// footprint is what a Caddy holds when it has nothing to do.
type footprint struct{ goroutines, heap int }

// footprint waits until Caddy has done with its old configs and connections.
func (l *loadRun) footprint() footprint {
	var last footprint
	for same := 0; same < 3 && l.ctx.Err() == nil; sleep(l.ctx, 500*time.Millisecond) {
		now := footprint{l.profile("goroutine?debug=1", "goroutine profile: total "), l.profile("heap?gc=1&debug=1", "# HeapAlloc = ")}
		if same++; now.goroutines != last.goroutines {
			same = 0
		}
		last = now
	}
	return last
}

// profile returns the number that follows some text in a profile.
func (l *loadRun) profile(path, text string) int {
	r, err := l.caddy.admin.Try("GET /debug/pprof/" + path)
	if err != nil {
		l.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(r.Text, text)
	number, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(number)
	if err != nil {
		l.t.Fatalf("no %q in %s", text, path)
	}
	return n
}
