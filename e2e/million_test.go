//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const (
	millionClients  = 8
	millionInterval = 3 * time.Millisecond // between the requests of a client

	// millionSilence is how long Caddy may give no answer at all, or a tenth of the time of
	// the reload, where that is more because the machine has much else to do.
	millionSilence = time.Second

	// millionWarmUp is how long clients ask ahead of a reload, which takes seconds, most of
	// them for what Caddy does with 40 MB of JSON. In it, they have to be answered at least
	// a millionSlowdown as often: it takes half of a machine with two processors.
	millionWarmUp   = time.Second
	millionSlowdown = 5

	// millionFailures is how many connections of each client Caddy may close unanswered in
	// a reload, as it does without the module too.
	millionFailures = 3
)

// TestReloadAmongAMillion changes one of a million origins while clients ask, by a PATCH
// of that origin and by loading a whole config. The requests have to be answered all the
// time, those of all other origins as ever.
func TestReloadAmongAMillion(t *testing.T) {
	m := newMillion(t)
	for i, by := range []struct {
		name    string
		request func(index int, origin string) string
	}{
		{"PATCH", func(index int, origin string) string {
			return fmt.Sprintf("PATCH /id/million/policies/0/allow_origins/%d\nContent-Type: application/json\n\n%q", index, origin)
		}},
		{"load", func(int, string) string { return m.loadRequest() }},
	} {
		t.Run(by.name, func(t *testing.T) {
			index := (i + 1) * len(m.origins) / 3
			before, after := m.origins[index], fmt.Sprintf("https://new-%d.example.net", i)
			m.origins[index] = after
			m.reload(t, index, before, after, by.request(index, after))
		})
	}
	for _, complaint := range complaints(m.caddy.output.String()) {
		t.Errorf("Caddy's log has\n%s", complaint)
	}
}

// million is a Caddy whose site allows a million origins.
type million struct {
	origins []string
	address string
	caddy   *caddyServer
}

func newMillion(t *testing.T) *million {
	m := &million{address: corstest.FreeAddress(t)}
	for i := range 1_000_000 {
		m.origins = append(m.origins, fmt.Sprintf("https://tenant-%d.shop%d.example.com", i, i%7))
	}
	m.caddy = startCaddy(t, "", "http://"+m.address+" {\n respond starting\n}\n")
	sent := time.Now()
	m.change(t, m.loadRequest())
	t.Logf("the first load takes %v", time.Since(sent))
	return m
}

// loadRequest returns a request to load the whole config.
func (m *million) loadRequest() string {
	config, err := json.Marshal(object{
		"admin":   object{"listen": m.caddy.admin.Address, "config": object{"persist": false}},
		"logging": object{"logs": object{"default": object{"exclude": []string{"http.handlers.cors"}}}}, // which logs denials
		"apps": object{"http": object{"servers": object{"site": object{
			"listen":    []string{m.address},
			"protocols": []string{"h1", "h2c"},
			"routes": []object{{"handle": []object{
				{"@id": "million", "handler": "cors", "policies": []object{{"allow_origins": m.origins}}},
				{"handler": "static_response", "body": "hello"},
			}}},
		}}}},
	})
	if err != nil {
		panic(err) // it is made of strings
	}
	return "POST /load\nContent-Type: application/json\n\n" + string(config)
}

// change changes the config. The admin endpoint is reloaded too, so that its answer may
// get lost: then the same change once more changes nothing.
func (m *million) change(t *testing.T, request string) {
	t.Helper()
	for range 3 {
		r, err := m.caddy.admin.Try(request)
		if err != nil {
			t.Logf("asked again, as there was no answer: %v", err)
			continue
		}
		if r.StatusCode != http.StatusOK {
			t.Fatalf("the config does not load: %s", r)
		}
		return
	}
	t.Fatal("the config does not load")
}

// reload has a request change an origin from before to after, while clients ask.
func (m *million) reload(t *testing.T, index int, before, after, request string) {
	m.want(t, before, true)
	m.want(t, after, false)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	clients := make([]*millionClient, millionClients)
	var all sync.WaitGroup
	for i := range clients {
		protocol := []string{corstest.H1, corstest.H2C}[i%2]
		clients[i] = &millionClient{
			million: m, Rand: rand.New(rand.NewPCG(uint64(index), uint64(i))), client: corstest.NewClient(t, m.address).Over(protocol),
			changed: index, changing: []string{before, after},
		}
		all.Go(func() { clients[i].run(ctx) })
	}
	sleep(ctx, millionWarmUp)
	sent := time.Now()
	m.change(t, request)
	returned := time.Now()
	m.want(t, before, false)
	m.want(t, after, true)
	sleep(ctx, millionWarmUp)
	stop()
	all.Wait()

	answered := m.judge(t, clients, sent, returned)
	var silence time.Duration
	for i := range answered[1:] {
		silence = max(silence, answered[i+1].Sub(answered[i]))
	}
	took := returned.Sub(sent)
	during, quiet := float64(len(answered)-2)/took.Seconds(), 0.0
	for _, c := range clients {
		quiet += float64(len(c.answersIn(sent.Add(-millionWarmUp), sent))) / millionWarmUp.Seconds()
	}
	t.Logf("the reload takes %v; meanwhile %.0f answers a second come, %.0f ahead of it; the longest time without one is %v", took, during, quiet, silence)
	if during < quiet/millionSlowdown {
		t.Errorf("%.0f answers a second came, %.0f ahead of the reload", during, quiet)
	}
	if silence > max(millionSilence, took/10) {
		t.Errorf("no answer came for %v", silence)
	}
}

// judge fails if a client got wrong answers, or none in a reload. It returns when the
// reload began, when answers came in it, and when it ended.
func (*million) judge(t *testing.T, clients []*millionClient, sent, returned time.Time) []time.Time {
	answered := []time.Time{sent, returned}
	for i, c := range clients {
		during := c.answersIn(sent, returned)
		if len(during) == 0 {
			t.Errorf("client %d got no answer during the reload", i)
		}
		if len(c.failures) > millionFailures {
			t.Errorf("client %d got no answer %d times, such as: %s", i, len(c.failures), c.failures[0])
		}
		for _, failure := range c.failures {
			if failure != failedClosed {
				t.Errorf("client %d got no answer: %s", i, failure)
			}
		}
		if c.wrong > 0 {
			t.Errorf("client %d got %d wrong answers, such as\n%s", i, c.wrong, c.example)
		}
		answered = append(answered, during...)
	}
	slices.SortFunc(answered, time.Time.Compare)
	return answered
}

// want fails unless the site allows an origin, or does not. It asks on a connection of its
// own, and again if Caddy closes that, as it does while it is reloaded.
func (m *million) want(t *testing.T, origin string, allowed bool) {
	t.Helper()
	var r corstest.Response
	err := context.DeadlineExceeded
	for range 10 {
		if r, err = corstest.NewClient(t, m.address).Try("GET /\nOrigin: " + origin); err == nil {
			break
		}
	}
	if err != nil || r.StatusCode != http.StatusOK || r.CORS() != millionGrants(origin, allowed) {
		t.Errorf("%s is to be allowed: %v; got %v %s", origin, allowed, err, r)
	}
}

// millionGrants are the CORS headers of an answer.
func millionGrants(origin string, allowed bool) string {
	if allowed {
		return "Allow-Origin: " + origin + "\nVary: Origin"
	}
	return "Vary: Origin"
}

// millionClient asks for pages of a million origins, one after the other.
type millionClient struct {
	*million
	*rand.Rand
	client   *corstest.Client
	changed  int      // the place of the origin that is changed
	changing []string // the two origins that are there, by and by

	answered []time.Time // when right answers came
	failures []string    // their classes
	wrong    int
	example  string
}

// answersIn returns when right answers came, between two times.
func (c *millionClient) answersIn(from, to time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(c.answered), func(at time.Time) bool { return at.Before(from) || at.After(to) })
}

func (c *millionClient) run(ctx context.Context) {
	for ctx.Err() == nil {
		origin := c.changing[c.IntN(len(c.changing))]
		grants := []string{millionGrants(origin, true), millionGrants(origin, false)}
		if i := c.IntN(len(c.origins)); i != c.changed && c.IntN(2) == 0 {
			origin = c.origins[i]
			grants = []string{millionGrants(origin, true)}
		}
		r, err := c.client.Try("GET /\nOrigin: " + origin)
		switch {
		case err != nil:
			c.failures = append(c.failures, failureClass(&loadRequest{}, err))
		case r.StatusCode != http.StatusOK || r.Text != "hello" || !slices.Contains(grants, r.CORS()):
			c.wrong++
			c.example = r.Asked + "\n\n" + r.String()
		default:
			c.answered = append(c.answered, time.Now())
		}
		sleep(ctx, millionInterval)
	}
}
