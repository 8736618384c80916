package corsproxy

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// TestCacheChanges shows that what a page changes is not kept.
func TestCacheChanges(t *testing.T) {
	var last atomic.Int64
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("X-Number", strconv.FormatInt(last.Add(1), 10))
		if r.Method == http.MethodPut {
			http.Redirect(w, r, "/x", http.StatusSeeOther)
		}
	})
	site := runProxy(t, "targets "+a.URL+"\nmethods GET HEAD POST PUT DELETE\ncache 5m")
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		first := number(t, site.Do(ask(a.URL+"/x")))
		other := number(t, site.Do(ask(a.URL+"/y")))
		site.Do("HEAD /?" + a.URL + "/x\nOrigin: " + page)
		if number(t, site.Do(ask(a.URL+"/x"))) != first {
			t.Error("HEAD drops what is kept")
		}
		site.Do(method + " /?" + a.URL + "/x\nOrigin: " + page)
		if number(t, site.Do(ask(a.URL+"/x"))) == first {
			t.Errorf("%s does not drop what is kept", method)
		}
		if number(t, site.Do(ask(a.URL+"/y"))) != other {
			t.Errorf("%s drops another URL", method)
		}
	}
}

// staged is an API whose responses may be kept, and which waits, where the User-Agent of a request
// says so, until it is told to go on: ahead of its header, or between that and its body.
type staged struct {
	*api
	waits, goOn chan struct{}
	number      atomic.Int64
}

func serveStaged(t *testing.T) *staged {
	s := &staged{waits: make(chan struct{}), goOn: make(chan struct{})}
	s.api = serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		wait := func() {
			select {
			case s.waits <- struct{}{}:
			case <-r.Context().Done():
			}
			select {
			case <-s.goOn:
			case <-r.Context().Done():
			}
		}
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("X-Number", strconv.FormatInt(s.number.Add(1), 10))
		switch r.Header.Get("User-Agent") {
		case "header":
			wait()
		case "body":
			_ = http.NewResponseController(w).Flush()
			wait()
		}
	})
	return s
}

// during sends a request, and does something while the API waits in it.
func (s *staged) during(t *testing.T, site *corstest.Client, request string, do func()) {
	t.Helper()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if _, err := site.Try(request); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-s.waits:
	case <-time.After(20 * time.Second):
		t.Fatal("the API is not asked")
	}
	do()
	s.goOn <- struct{}{}
	<-answered
}

// TestCacheChangesMeanwhile shows that what was got while, or before, its URL was changed is not
// kept, and that what has other URLs is.
func TestCacheChangesMeanwhile(t *testing.T) {
	a := serveStaged(t)
	site := runProxy(t, "targets "+a.URL+"\nmethods GET POST\ncache 5m")
	post := func(path string) string { return strings.Replace(ask(a.URL+path), "GET", "POST", 1) }
	for path, kept := range map[string]bool{"/x": false, "/y": true} {
		request := ask(a.URL+path, "User-Agent: header")
		a.during(t, site, request, func() { site.Do(post("/x")) })
		again := make(chan corstest.Response, 1)
		go func() {
			r, _ := site.Try(request)
			again <- r
		}()
		select {
		case <-a.waits: // it is asked for again
			a.goOn <- struct{}{}
			<-again
			if kept {
				t.Errorf("%s is not kept", path)
			}
		case r := <-again:
			if !kept {
				t.Errorf("%s is kept: %s", path, r)
			}
		}
	}
	// A change takes until the end of its response.
	a.during(t, site, post("/z")+"User-Agent: body", func() { site.Do(ask(a.URL + "/z")) })
	if r := site.Do(ask(a.URL + "/z")); r.Header["Age"] != nil {
		t.Error("what was got during a change is kept")
	}
}

// TestCacheUnchanged shows that a request that no target saw has nothing dropped.
func TestCacheUnchanged(t *testing.T) {
	a := serveStaged(t)
	site := runProxy(t, "targets "+a.URL+"\nmethods GET POST\ncache 5m\nmax_per_target 1")
	site.Do(ask(a.URL + "/x"))
	a.during(t, site, ask(a.URL+"/y", "User-Agent: header"), func() {
		wantRefusal(t, site.Do(strings.Replace(ask(a.URL+"/x"), "GET", "POST", 1)), refusedTargetLoad, allowPage)
	})
	if r := site.Do(ask(a.URL + "/x")); r.Header["Age"] == nil {
		t.Error("it was dropped")
	}
}

// TestCacheVariants shows that what came late for one browser is kept although another one asked
// later, and got its own sooner.
func TestCacheVariants(t *testing.T) {
	a := serveStaged(t)
	site := runProxy(t, "targets "+a.URL+"\ncache 5m")
	slow := ask(a.URL+"/x", "User-Agent: header")
	a.during(t, site, slow, func() { site.Do(ask(a.URL+"/x", "User-Agent: fast")) })
	for _, request := range []string{slow, ask(a.URL+"/x", "User-Agent: fast")} {
		if r := site.Do(request); r.Header["Age"] == nil {
			t.Errorf("not kept: %s", request)
		}
	}
}
