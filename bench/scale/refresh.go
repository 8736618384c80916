package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/internal/tenants"
	"github.com/seed-9442523e/caddy-cors/bench/page"
	"github.com/seed-9442523e/caddy-cors/bench/stats"
)

// refresh compares what requests take while a list of a million origins is read again with
// what they take while it is not, for each interval: the more time there is, the less is felt.
func (l *lab) refresh(ctx context.Context) (page.Table, error) {
	t := page.Table{
		Title:   "A list that is read again while requests are answered",
		Columns: []string{"interval", "in force after", "at most", "half of the requests, as it is", "read again", "ratio", "99 of 100, as it is", "read again", "ratio"},
	}
	origins, rounds, intervals := tenants.Origins(1_000_000), 12, []time.Duration{5 * time.Second, 15 * time.Second}
	if l.options.Quick {
		origins, rounds, intervals = origins[:10_000], 1, []time.Duration{time.Second}
	}
	for _, interval := range intervals {
		l.options.Logf("a list of %d origins that is read again each %s", len(origins), interval)
		row, err := l.refreshEach(ctx, interval, origins, rounds)
		if err != nil {
			return page.Table{}, err
		}
		t.Rows = append(t.Rows, row)
	}
	t.About = fmt.Sprintf("%s origins in a file, %d requests a second of random ones of them, %d rounds of one interval with the file as it is, and as many in which a new one "+
		"takes its place, is read and put in force. Seconds until that, and milliseconds from when a request was due; medians of the rounds.", page.Count(float64(len(origins))), refreshRate, rounds)
	return t, nil
}

// refreshRate is how many requests a second are sent meanwhile.
const refreshRate = 1000

// refreshEach measures one interval.
func (l *lab) refreshEach(ctx context.Context, interval time.Duration, origins []string, rounds int) ([]string, error) {
	path := filepath.Join(l.dir, "origins.txt")
	version := 0
	text := strings.Join(origins, "\n") + "\n"
	// prepare writes the next version beside the list, to the disk, so that it is no part of what
	// is measured. Nor is what the kernel has to do for a file that is gone, and what this process
	// has to clean up.
	prepare := func() error {
		err := writeSynced(path+".new", text, versionOrigin(version+1)+"\n")
		if err == nil && version > 0 {
			_ = os.Remove(path + ".old")
			err = os.Link(path, path+".old")
		}
		runtime.GC()
		return err
	}
	publish := func() error {
		version++
		return os.Rename(path+".new", path)
	}
	if err := errors.Join(prepare(), publish()); err != nil {
		return nil, err
	}
	caddy, address, err := l.runCaddy(ctx, "cors {\nallow_origins_from file "+path+" {\ninterval "+interval.String()+"\n}\n}\nrespond hello")
	if err != nil {
		return nil, err
	}
	defer caddy.Stop()
	shuffled := tenants.Shuffled(origins)
	next := 0
	requests := load{url: "http://" + address + "/", rate: refreshRate, client: newClient(), fault: wantAllowed, origin: func(i int) string { return shuffled[(next+i)%len(shuffled)] }}

	var p50s, p99s [2][]float64
	var inForce []float64 // seconds until a list was
	shot := func(refreshing bool) (float64, error) {
		next += 7919
		if err := prepare(); err != nil {
			return 0, err
		}
		start := time.Now()
		if refreshing {
			if err := publish(); err != nil {
				return 0, err
			}
		}
		watched := make(chan error, 1)
		go func() {
			allowed, err := requests.firstAllowed(ctx, versionOrigin(version), start.Add(interval))
			if refreshing && err == nil {
				inForce = append(inForce, allowed.Sub(start).Seconds())
			}
			watched <- err
		}()
		took, err := requests.run(ctx, interval)
		if err := errors.Join(err, <-watched); err != nil {
			return 0, err
		}
		i := 0
		if refreshing {
			i = 1
		}
		p50s[i], p99s[i] = append(p50s[i], part(took, 0.5)), append(p99s[i], part(took, 0.99))
		return part(took, 0.99), nil
	}
	if _, err := stats.Alternate(rounds, func() (float64, error) { return shot(false) }, func() (float64, error) { return shot(true) }); err != nil {
		return nil, err
	}
	if late := slices.Max(inForce); late > interval.Seconds() {
		return nil, fmt.Errorf("a list was in force after %.1f s, and the interval is %s", late, interval)
	}
	row := []string{interval.String(), fmt.Sprintf("%.1f", stats.Median(inForce)), fmt.Sprintf("%.1f", slices.Max(inForce))}
	for _, values := range [][2][]float64{p50s, p99s} {
		row = append(row, fmt.Sprintf("%.2f", stats.Median(values[0])), fmt.Sprintf("%.2f", stats.Median(values[1])), fmt.Sprintf("%.2f", stats.Ratio(values[1], values[0])))
	}
	return row, nil
}

// writeSynced writes a file that is on the disk then.
func writeSynced(path string, texts ...string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, text := range texts {
		if _, err := file.WriteString(text); err != nil {
			return err
		}
	}
	return file.Sync()
}

// firstAllowed asks for an origin at times until then, and longer if it was not allowed yet. It
// returns when it was allowed first. It asks on after that, so that it is part of each
// measurement alike.
func (l load) firstAllowed(ctx context.Context, origin string, until time.Time) (first time.Time, err error) {
	for now := time.Now(); now.Before(until) || first.IsZero(); now = time.Now() {
		allowed, err := l.ask(ctx, origin)
		if err != nil {
			return first, err
		}
		if allowed == origin && first.IsZero() {
			first = time.Now()
		}
		if now.After(until.Add(time.Minute)) {
			return first, fmt.Errorf("%s is not allowed in time", origin)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return first, nil
}

// versionOrigin is the origin that only one version of the list has.
func versionOrigin(version int) string { return fmt.Sprintf("https://version-%d.example", version) }
