//go:build linux

package e2e

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// loadPatience is how long a client waits for an answer.
const loadPatience = 20 * time.Second

// loadClient sends requests, one after the other, and judges the answers.
type loadClient struct {
	*loadRun
	loadAsker
	client *corstest.Client
}

func (l *loadRun) newClient(i int, protocol string) *loadClient {
	address := l.site.tls
	if protocol == corstest.H1 {
		address = l.site.plain
	}
	return &loadClient{
		loadRun:   l,
		loadAsker: loadAsker{Rand: rand.New(rand.NewPCG(1, uint64(i))), protocol: protocol, address: address},
		client:    corstest.NewClient(l.t, address).Over(protocol),
	}
}

// run sends requests until stop is done: most of them on connections that are kept,
// and with pauses, since two cores have to be enough for everything.
func (c *loadClient) run(stop context.Context) {
	defer c.client.HTTP.CloseIdleConnections()
	for stop.Err() == nil {
		if c.IntN(10) == 0 {
			c.client.HTTP.CloseIdleConnections()
		}
		c.generation = int(c.loaded.Load())
		r := c.next()
		c.count(c.protocol, r)
		if r.manner == pipelined || r.manner == abandoned {
			c.sendRaw(r)
		} else {
			c.send(r)
		}
		sleep(stop, time.Duration(10+c.IntN(40))*time.Millisecond)
	}
}

// send sends a request and reads the answer, in the manner of the request.
func (c *loadClient) send(r *loadRequest) {
	ctx, cancel := context.WithTimeout(c.ctx, loadPatience)
	defer cancel()
	oldest := c.loaded.Load()
	resp, err := c.client.HTTP.Do(c.request(ctx, cancel, r))
	if err != nil {
		c.fail(r, err)
		return
	}
	defer resp.Body.Close()
	want, judged := c.judge(r, resp, oldest)

	size, err := receive(ctx, cancel, r.manner, resp.Body)
	switch {
	case err != nil:
		c.fail(r, err)
	case judged && r.manner != abortReading:
		c.judgeEnd(r, resp, want, size)
	}
}

// request makes the request that net/http sends.
func (c *loadClient) request(ctx context.Context, cancel context.CancelFunc, r *loadRequest) *http.Request {
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		if got, _ := corsOf(http.Header(header)); c.site.module && got != nil {
			c.wrong(r, "a %d that has %q", code, got)
		}
		return nil
	}}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), r.method, c.client.URL(r.path+"?"+r.query), nil)
	if err != nil {
		panic(err) // the load test makes its URLs itself
	}
	maps.Copy(req.Header, r.header)
	if r.body == 0 {
		return req
	}
	req.ContentLength = int64(r.body)
	if r.manner == abortSending {
		req.Body = io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, int64(r.body/2)), aborter(cancel)))
		return req
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, int64(r.body))), nil }
	req.Body, _ = req.GetBody()
	return req
}

// aborter is the rest of a body of which the client thinks better.
type aborter func()

func (a aborter) Read([]byte) (int, error) {
	a()
	return 0, context.Canceled
}

// receive reads a body, and returns its size.
func receive(ctx context.Context, cancel context.CancelFunc, manner loadManner, body io.Reader) (size int64, err error) {
	switch manner {
	case abortReading:
		_, err = io.CopyN(io.Discard, body, 10<<10)
		cancel()
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return 0, err
	case readSlowly:
		for err == nil {
			var n int64
			n, err = io.CopyN(io.Discard, body, 16<<10)
			size += n
			sleep(ctx, 30*time.Millisecond)
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return size, err
	}
	return io.Copy(io.Discard, body)
}

// sendRaw sends what net/http would not, on a connection of its own.
func (c *loadClient) sendRaw(r *loadRequest) {
	conn, err := net.DialTimeout("tcp", c.address, loadPatience)
	if err != nil {
		c.fail(r, err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(loadPatience))
	wire := r.wire(c.address)
	if r.manner == abandoned {
		_, _ = conn.Write(wire[:len(wire)/2])
		return
	}
	first := r.preflightFor()
	oldest := c.loaded.Load()
	if _, err := conn.Write(append(first.wire(c.address), wire...)); err != nil {
		c.fail(r, err)
		return
	}
	reader := bufio.NewReader(conn)
	for _, r := range []*loadRequest{first, r} {
		resp, err := http.ReadResponse(reader, &http.Request{Method: r.method})
		if err != nil {
			c.fail(r, err)
			return
		}
		want, judged := c.judge(r, resp, oldest)
		size, err := io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		switch {
		case err != nil:
			c.fail(r, err)
			return
		case judged:
			c.judgeEnd(r, resp, want, size)
		}
		if resp.Close {
			return
		}
	}
}

// judge holds the header of an answer against the oracle, and returns what the rest
// has to be. Requests that the header does not bring so far are done with.
//
// The config that answers is one that was loaded, or being loaded, while the request
// was under way. Caddy lets one that was replaced answer on connections that it still
// has, so an older one is counted; but it must answer by its own policies.
func (c *loadClient) judge(r *loadRequest, resp *http.Response, oldest int64) (loadAnswer, bool) {
	newest := c.begun.Load()
	got, vary := corsOf(resp.Header)
	text := resp.Header.Get("X-Config")
	if text == "" {
		if r.rejected == 0 || resp.StatusCode != r.rejected || got != nil || vary != nil {
			c.wrong(r, "no handler gave this answer: %s", shown(resp))
		}
		return loadAnswer{}, false
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 || number > newest {
		c.wrong(r, "between generations %d and %d: %s", oldest, newest, shown(resp))
		return loadAnswer{}, false
	}
	if number < oldest {
		c.countStale()
	}
	if !c.site.module {
		want := r.withoutModule(resp.StatusCode)
		if !slices.Contains(want.statuses, resp.StatusCode) {
			c.wrong(r, "want status %d: %s", want.statuses, shown(resp))
		}
		return want, true
	}
	want := c.generations[number].prescribe(r, resp.StatusCode)
	if !slices.Contains(want.statuses, resp.StatusCode) || !slices.Equal(got, want.grants) || !slices.Equal(vary, want.vary) {
		c.wrong(r, "want one of status %d, %q, Vary %q: %s", want.statuses, want.grants, want.vary, shown(resp))
	}
	return want, true
}

// judgeEnd judges the size of the body, and the trailers, which may grant nothing.
func (c *loadClient) judgeEnd(r *loadRequest, resp *http.Response, want loadAnswer, size int64) {
	if want.size >= 0 && int64(want.size) != size {
		c.wrong(r, "%d bytes, want %d: %s", size, want.size, shown(resp))
	}
	if got, _ := corsOf(resp.Trailer); c.site.module && got != nil {
		c.wrong(r, "trailers %v", resp.Trailer)
	}
}

// corsOf returns the CORS headers, sorted and as the oracle has them, and the names in
// Vary. A header or name that comes twice is there twice.
func corsOf(header http.Header) (grants, vary []string) {
	for line := range strings.Lines(corstest.Response{Response: &http.Response{Header: header}}.CORS()) {
		line = strings.TrimSuffix(line, "\n")
		if names, ok := strings.CutPrefix(line, "Vary: "); ok {
			for name := range strings.SplitSeq(strings.ToLower(names), ",") {
				vary = append(vary, strings.TrimSpace(name))
			}
		} else {
			grants = append(grants, line)
		}
	}
	slices.Sort(vary)
	return grants, vary
}

func shown(resp *http.Response) string { return corstest.Response{Response: resp}.String() }
