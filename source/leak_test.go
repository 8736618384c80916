package source

import (
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// TestNothingLeaks loads and drops many configs whose sources get what they know over the
// network, some of which fail, and shows that nothing of them stays: no goroutine, and no
// connection to a server.
func TestNothingLeaks(t *testing.T) {
	const configs = 50
	lists, answering := newEndpoint(t, answerList(a)), newEndpoint(t, answers(http.StatusOK))
	failing, stalling := newEndpoint(t, answers(http.StatusInternalServerError)), newEndpoint(t, stalls)
	running := runCaddy(t, t.TempDir())
	before := runtime.NumGoroutine()
	for i := range configs {
		query := "?config=" + strconv.Itoa(i) // so that none is shared
		ctx, cancel := caddy.NewContext(running)
		h, asks, waits := &HTTP{URL: lists.URL + query}, &Ask{URL: answering.URL + query}, &Ask{URL: stalling.URL + query, Timeout: caddy.Duration(leastTime)}
		for _, module := range []caddy.Provisioner{h, asks, waits} {
			if err := module.Provision(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := (&HTTP{URL: failing.URL + query}).Provision(ctx); err == nil {
			t.Fatal("what fails loads")
		}
		for n := range 5 {
			if !h.AllowsOrigin(nil, a) || !asks.AllowsOrigin(page("api"+strconv.Itoa(n)+".example"), a) {
				t.Fatal("not allowed")
			}
		}
		asked := make(chan bool)
		go func() { asked <- waits.AllowsOrigin(tenant, a) }()
		if i%2 == 0 && <-asked { // or else it is asked while the config goes
			t.Error("allowed without an answer")
		}
		cancel()
		for _, module := range []caddy.CleanerUpper{h, asks, waits} {
			if err := module.Cleanup(); err != nil {
				t.Fatal(err)
			}
		}
		if i%2 != 0 {
			<-asked
		}
	}
	for name, server := range map[string]*endpoint{"lists": lists, "answers": answering, "failures": failing, "nothing": stalling} {
		t.Logf("%d connections were opened to the server of %s", server.opened.Load(), name)
		if server.opened.Load() < configs/2 {
			t.Errorf("%d connections were opened to the server of %s", server.opened.Load(), name)
		}
		soon(t, "the end of all connections to the server of "+name, func() bool { return server.conns.Load() == 0 })
	}
	soon(t, "the end of all goroutines", func() bool { return runtime.NumGoroutine() <= before })
}

// TestAskEndsAtAnyTime shows that a question that is asked just as the last config goes
// leaves no connection open.
func TestAskEndsAtAnyTime(t *testing.T) {
	e := newEndpoint(t, answers(http.StatusOK))
	u, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		a, err := newAsker(u, askOptions{timeout: time.Minute, maxEntries: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, f := a.look(question{"https://a.example", "api.example.com"})
		_ = a.Destruct() // before it is sent, now and then
		<-f.done
	}
	soon(t, "the end of all connections", func() bool { return e.conns.Load() == 0 })
}
