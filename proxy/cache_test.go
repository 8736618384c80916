package corsproxy

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCacheIsOff shows that nothing is kept where the config does not say for how long.
func TestCacheIsOff(t *testing.T) {
	a := numbered(t)
	site := runProxy(t, "targets "+a.URL)
	url := a.URL + "/?Cache-Control:public,max-age=60"
	if first := number(t, site.Do(ask(url))); number(t, site.Do(ask(url))) == first {
		t.Error("it was kept")
	}
}

// TestCacheAnswers shows what an answer of the cache is: the target's, with its age, and
// with the CORS headers that each page gets anew.
func TestCacheAnswers(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Type", "text/x")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Strict-Transport-Security", "max-age=1")
		w.Header().Set("Age", "300")
		w.Header().Set("Vary", "Accept-Language, origin")
		fmt.Fprint(w, "hello ", r.Header.Get("Accept-Language"))
	})
	site := runCaddy(t, "http://$A {\nmetrics /metrics\ncors https://*.example.com\ncors_proxy {\nallow_networks 127.0.0.1\ntargets "+a.URL+"\ncache 5m\nmax_per_target 1\n}\n}")
	before := counted(t, site)
	for i, test := range []struct{ page, language string }{{page, "de"}, {page, "de"}, {"https://b.example.com", "de"}, {page, "fr"}, {"https://b.example.com", "fr"}, {page, ""}, {page, "de"}} {
		lines := "GET /?" + a.URL + "/x\nOrigin: " + test.page
		if test.language != "" {
			lines += "\nAccept-Language: " + test.language
		}
		r := site.Do(lines)
		r.Want(t, http.StatusOK, "Allow-Origin: "+test.page, "Vary: Accept-Language, origin")
		h := r.Header
		if r.Text != "hello "+test.language || h.Get("Content-Type") != "text/x" || h.Get("Strict-Transport-Security") != "" || h.Get("Age") < "300" || len(h["Age"]) != 1 || h.Get("Content-Security-Policy") != "sandbox" ||
			len(h["Via"]) != 1 || r.ContentLength != int64(len(r.Text)) {
			t.Errorf("%d: %s", i, r)
		}
	}
	if n := len(a.requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
	after := counted(t, site)
	if passed, cached := after[a.URL+" passed"]-before[a.URL+" passed"], after[a.URL+" cached"]-before[a.URL+" cached"]; passed != 3 || cached != 4 {
		t.Errorf("passed: %g, cached: %g", passed, cached)
	}
	// All checks are made of each request.
	url := "/?" + a.URL + "/x"
	wantRefusal(t, site.Do("GET "+url), refusedOrigin)
	wantRefusal(t, site.Do("GET "+url+"\nOrigin: null"), refusedNullOrigin)
	wantRefusal(t, site.Do("GET "+url+"\nOrigin: https://evil.example"), refusedPolicy)
	wantRefusal(t, site.Do(ask(a.URL+"/x", "Sec-Fetch-Mode: navigate")), refusedNavigation, allowPage)
	wantRefusal(t, site.Do("POST "+url+"\nOrigin: "+page), refusedMethod, allowPage)
	if r := site.Do(ask(a.URL+"/x", "Accept-Language: de")); r.Text != "hello de" || len(a.requests()) > 0 {
		t.Errorf("%s", r)
	}
}

// TestCacheTime shows that the config bounds how long a response is kept, which tells its age.
func TestCacheTime(t *testing.T) {
	a := numbered(t)
	site := runProxy(t, "targets "+a.URL+"\ncache 2s")
	url, start := a.URL+"/?Cache-Control:max-age=1000", time.Now()
	first := number(t, site.Do(ask(url)))
	for got := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		least := time.Since(got)
		r := site.Do(ask(url))
		most := time.Since(start)
		if number(t, r) != first {
			if most < 2*time.Second {
				t.Errorf("it was kept for %s", most)
			}
			return
		}
		// A Date has whole seconds, so that the age may be one more.
		age, err := strconv.Atoi(r.Header.Get("Age"))
		if err != nil || age < int(least.Seconds()) || age > int(most.Seconds())+1 {
			t.Errorf("Age: %s, after %s", r.Header.Get("Age"), least)
		}
		if least > 10*time.Second {
			t.Fatal("it is still kept")
		}
	}
}

// TestCacheSpares shows that what is kept needs no target.
func TestCacheSpares(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		if r.URL.Path == "/wait" {
			entered <- struct{}{}
			<-release
		}
	})
	site := runProxy(t, "targets "+a.URL+"\ncache 5m\nmax_per_target 1")
	site.Do(ask(a.URL + "/x"))
	done := make(chan error, 1)
	go func() {
		_, err := site.Try(ask(a.URL + "/wait"))
		done <- err
	}()
	<-entered
	wantRefusal(t, site.Do(ask(a.URL+"/y")), refusedTargetLoad, allowPage)
	if r := site.Do(ask(a.URL + "/x")); r.StatusCode != http.StatusOK {
		t.Errorf("%s", r)
	}
	release <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestCacheAtOnce shows that many clients get whole responses, each its own.
func TestCacheAtOnce(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Vary", "Accept-Language")
		fmt.Fprint(w, strings.Repeat(r.URL.Path+r.Header.Get("Accept-Language"), 1000))
	})
	site := runProxy(t, "targets "+a.URL+"\ncache 5m\nmethods GET POST\nmax_per_client 100")
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for j := range 50 {
				path, language := fmt.Sprintf("/%d", j%3), fmt.Sprint("l", (i+j)%3)
				request := ask(a.URL+path, "Accept-Language: "+language)
				if j%10 == i {
					request = strings.Replace(request, "GET", "POST", 1)
				}
				if r, err := site.Try(request); err != nil || r.Text != strings.Repeat(path+language, 1000) {
					t.Errorf("%s: %v, %.50s", request, err, r.Text)
				}
			}
		})
	}
	clients.Wait()
}

// TestCacheReload shows that a config that is loaded starts with an empty cache.
func TestCacheReload(t *testing.T) {
	a := numbered(t)
	url := a.URL + "/?Cache-Control:max-age=60"
	first := number(t, runProxy(t, "targets "+a.URL+"\ncache 5m").Do(ask(url)))
	if number(t, runProxy(t, "targets "+a.URL+"\ncache 5m").Do(ask(url))) == first {
		t.Error("it is still there")
	}
}

// TestCacheCounts shows that what is kept counts as about what it takes, also where its header
// has many lines without much in them.
func TestCacheCounts(t *testing.T) {
	h := http.Header{"Cache-Control": {"max-age=60"}, "A": make([]string, 21_000)}
	e := &exchange{Handler: &Handler{cache: newCache(time.Hour)}, asked: time.Now()}
	response := &http.Response{StatusCode: http.StatusOK, ProtoMajor: 2, Header: h}
	const n = 100
	kept := make([]*stored, n)
	memory := func() (m runtime.MemStats) {
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m
	}
	before, counts := memory(), 0
	for i := range kept {
		kept[i] = e.storable(response, response)
		counts += kept[i].size
	}
	if takes := int(memory().HeapAlloc - before.HeapAlloc); takes > counts {
		t.Errorf("%d KiB count as %d KiB", takes>>10, counts>>10)
	}
	runtime.KeepAlive(kept)
}

// TestCacheBounds shows that what a cache has is bounded: by bytes, by URLs, and by variants
// of each.
func TestCacheBounds(t *testing.T) {
	c := newCache(time.Hour)
	now := time.Now()
	put := func(url, language string, vary []string, size int) {
		now = now.Add(time.Millisecond)
		header := http.Header{"Accept-Language": {language}}
		c.put(url, &stored{vary: vary, selection: selectionOf(header, vary), asked: now, until: now.Add(time.Hour), size: size}, new(flight))
	}
	has := func(url, language string) bool { return c.find(url, http.Header{"Accept-Language": {language}}) != nil }
	for i := range 100 {
		put(fmt.Sprint("large", i), "", nil, 1<<20)
	}
	if c.size > maxCacheBytes || c.variants.Len() != 64 || has("large35", "") || !has("large36", "") || !has("large99", "") {
		t.Errorf("%d bytes, %d URLs", c.size, c.variants.Len())
	}
	for i := range maxCachedURLs + 10 {
		put(fmt.Sprint("small", i), "", nil, 1)
	}
	if c.size != maxCachedURLs || c.variants.Len() != maxCachedURLs || has("small9", "") || !has("small10", "") {
		t.Errorf("%d bytes, %d URLs", c.size, c.variants.Len())
	}
	language := []string{"Accept-Language"}
	for i := range maxVariants + 2 {
		put("x", fmt.Sprint(i), language, 1)
		put("x", fmt.Sprint(i), language, 1) // it replaces the former
	}
	if has("x", "1") || !has("x", "2") || !has("x", fmt.Sprint(maxVariants+1)) || c.size != maxCachedURLs-1+maxVariants {
		t.Errorf("%d bytes", c.size)
	}
	// What is said last of what a response depends on holds.
	put("x", "de", []string{"Accept", "Accept-Language"}, 1)
	if has("x", "2") || !has("x", "de") || c.size != maxCachedURLs {
		t.Errorf("%d bytes", c.size)
	}
	c.put("x", &stored{asked: now.Add(-time.Second), until: now.Add(time.Hour)}, new(flight)) // it was asked for before what is there
	if has("x", "") || !has("x", "de") {
		t.Error("an older response replaced a newer one")
	}
	c.put("x", &stored{asked: now.Add(time.Second), until: time.Now()}, new(flight))
	if has("x", "") {
		t.Error("it is not fresh")
	}
	c.drop("x")
	c.drop("nothing")
	if c.size != maxCachedURLs-1 || c.variants.Len() != maxCachedURLs-1 {
		t.Errorf("%d bytes, %d URLs", c.size, c.variants.Len())
	}
}
