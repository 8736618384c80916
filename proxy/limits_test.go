package corsproxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTime shows that the time of a request is bounded, from its first connection to its
// last byte.
func TestTime(t *testing.T) {
	wait := func(r *http.Request, d time.Duration) {
		select {
		case <-r.Context().Done():
		case <-time.After(d):
		}
	}
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/silent":
			wait(r, 3*time.Second)
		case "/redirects":
			wait(r, 400*time.Millisecond)
			http.Redirect(w, r, "/redirects", http.StatusFound)
		case "/drip":
			for r.Context().Err() == nil {
				fmt.Fprint(w, "a")
				_ = http.NewResponseController(w).Flush()
				wait(r, 50*time.Millisecond)
			}
		}
	})
	listeners, port := listen(t, "127.0.0.1") // takes connections, and says nothing
	_ = listeners
	site := runProxy(t, "targets "+a.URL+" http://127.0.0.1:"+port+" https://127.0.0.1:"+port+"\ntimeout 1s\nredirects 20\nmethods GET POST")
	within := func(what string, do func()) {
		t.Helper()
		start := time.Now()
		do()
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s took %s", what, took)
		}
	}
	for _, url := range []string{a.URL + "/silent", a.URL + "/redirects", "http://127.0.0.1:" + port, "https://127.0.0.1:" + port} {
		within(url, func() { wantRefusal(t, site.Do(ask(url)), failedTime, allowPage) })
	}
	within("/drip", func() {
		if r, err := site.Try(ask(a.URL + "/drip")); err == nil || !strings.HasPrefix(r.Text, "a") {
			t.Errorf("%v, %q", err, r.Text)
		}
	})
	within("a slow body", func() {
		reader, writer := io.Pipe()
		defer writer.Close()
		go func() { _, _ = writer.Write([]byte("a")) }()
		wantRefusal(t, post(t, site, a.URL+"/silent", reader), failedTime, allowPage)
	})
}

// TestUnderWay shows how many requests may be under way, and that each makes place for
// another one when it ends.
func TestUnderWay(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{}, 10)
	a := serveAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			entered <- struct{}{}
			<-release
		}
	})
	b := serveAPI(t, redirecting)
	other := serveAPI(t, func(http.ResponseWriter, *http.Request) {})
	for options, want := range map[string]*refusal{"max_per_client 2": refusedClientLoad, "max_per_target 2": refusedTargetLoad} {
		site := runProxy(t, "targets "+a.URL+" "+b.URL+" "+other.URL+"\n"+options)
		done := make(chan error, 2)
		for range 2 {
			go func() {
				r, err := site.Try(ask(a.URL + "/wait"))
				if err == nil && r.StatusCode != http.StatusOK {
					err = fmt.Errorf("%s", r)
				}
				done <- err
			}()
			<-entered
		}
		for _, url := range []string{a.URL, b.URL + "/to?" + a.URL} {
			r := site.Do(ask(url))
			wantRefusal(t, r, want, allowPage)
			if r.Header.Get("Retry-After") != "1" {
				t.Errorf("%s", r)
			}
		}
		if r := site.Do(ask(other.URL)); (r.StatusCode == http.StatusOK) != (want == refusedTargetLoad) {
			t.Errorf("%s: %s", options, r)
		}
		for range 2 {
			release <- struct{}{}
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for range 5 {
			if r := site.Do(ask(a.URL)); r.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", options, r)
			}
		}
	}
}

func TestClientKey(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "@": "@",
	} {
		if got := clientKey(ip); got != want {
			t.Errorf("%q: %q", ip, got)
		}
	}
}

// TestGoneClients shows that a target is asked no longer than its client waits.
func TestGoneClients(t *testing.T) {
	asked, gone := make(chan struct{}), make(chan struct{})
	a := serveAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(gone)
	})
	site := runProxy(t, "targets "+a.URL+"\ntimeout 1h")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL("/?"+a.URL), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", page)
	go func() {
		<-asked
		cancel()
	}()
	if response, err := site.HTTP.Do(request); err == nil {
		_ = response.Body.Close()
		t.Error("it was answered")
	}
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Error("the target is still asked")
	}
}
