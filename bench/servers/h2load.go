package servers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// inFlight is how many requests the generator has under way: over HTTP/1.1 on as many
// connections, over HTTP/2 on a few of streams.
const (
	inFlight = 16
	streams  = 4 // in each connection
)

// shot is what one run of the generator measured.
type shot struct {
	took      time.Duration   // from the first request to the last answer
	latencies []time.Duration // of each request, sorted
	cpu       time.Duration   // that the server had
}

func (s shot) throughput() float64 { return float64(len(s.latencies)) / s.took.Seconds() }

func (s shot) p50() float64 { return microseconds(quantile(s.latencies, 0.5)) }
func (s shot) p99() float64 { return microseconds(quantile(s.latencies, 0.99)) }

func (s shot) cpuEach() float64 { return microseconds(s.cpu) / float64(len(s.latencies)) }

// quantile returns the time within which a part of all requests was answered. It is the
// nearest rank's: one that a request really had.
func quantile(sorted []time.Duration, part float64) time.Duration {
	rank := int(math.Ceil(part * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// fire has the generator send a number of requests to a running server.
func (l *lab) fire(ctx context.Context, r running, requests int) (shot, error) {
	log := filepath.Join(l.dir, "shot")
	defer os.Remove(log)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	before, err := r.process.CPU()
	if err != nil {
		return shot{}, err
	}
	out, err := l.command(ctx, l.loadCore, l.h2load, r.arguments(requests, log)...).CombinedOutput()
	if err != nil {
		return shot{}, fmt.Errorf("h2load: %w\n%s", err, out)
	}
	after, err := r.process.CPU()
	if err != nil {
		return shot{}, err
	}
	file, err := os.Open(log)
	if err != nil {
		return shot{}, err
	}
	defer file.Close()
	s, err := parseLog(file, r.request.status())
	if err == nil && len(s.latencies) != requests {
		err = fmt.Errorf("%d of %d requests were answered:\n%s", len(s.latencies), requests, out)
	}
	s.cpu = after - before
	return s, err
}

// arguments returns those of h2load.
func (r running) arguments(requests int, log string) []string {
	args := []string{"--threads=1", "--requests=" + strconv.Itoa(requests), "--log-file=" + log, "--header=:method: " + r.request.method}
	for _, line := range r.request.header {
		args = append(args, "--header="+line[0]+": "+line[1])
	}
	if r.cell.Protocol == HTTP1 {
		args = append(args, "--h1", "--clients="+strconv.Itoa(inFlight))
	} else {
		args = append(args, "--clients="+strconv.Itoa(inFlight/streams), "--max-concurrent-streams="+strconv.Itoa(streams))
	}
	return append(args, r.url())
}

// parseLog reads the log of h2load: a line for each request, of its start in microseconds
// of the epoch, its status, and the microseconds until its end. All must have one status.
func parseLog(log io.Reader, status int) (shot, error) {
	var s shot
	var first, last int64
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) < 3 {
			return shot{}, fmt.Errorf("h2load's log has the line %q", lines.Text())
		}
		var values [3]int64
		for i := range values {
			value, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return shot{}, fmt.Errorf("h2load's log has the line %q: %w", lines.Text(), err)
			}
			values[i] = value
		}
		start, took := values[0], values[2]
		if values[1] != int64(status) {
			return shot{}, fmt.Errorf("a request was answered with status %d, want %d", values[1], status)
		}
		if s.latencies == nil || start < first {
			first = start
		}
		last = max(last, start+took)
		s.latencies = append(s.latencies, time.Duration(took)*time.Microsecond)
	}
	s.took = time.Duration(last-first) * time.Microsecond
	slices.Sort(s.latencies)
	return s, lines.Err()
}
