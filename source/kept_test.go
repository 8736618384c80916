package source

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// awaitKept waits until a list is kept in a storage.
func awaitKept(t *testing.T, storage certmagic.Storage, key, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(interval / 10) {
		kept, err := loadKept(storage, key)
		if err != nil {
			t.Fatal(err)
		}
		if kept != nil && kept.text == text {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v is kept, want %s", kept, text)
		}
	}
}

// TestHTTPStartsWithoutItsServer shows that the last good list is there after a start while
// its server is down, that this is not so under other rules, and that it goes on.
func TestHTTPStartsWithoutItsServer(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	s := serveList(t)
	var sent atomic.Int32
	s.answer(answerVersion(a+"\n", &sent))
	h, err := fetching(t, s.URL, storage, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	key := h.fetched.value.keptKey
	awaitKept(t, storage, key, a+"\n")
	s.answer(answerVersion(b+"\n", &sent))
	awaitKept(t, storage, key, b+"\n")
	s.answer(answerList("nonsense"))
	s.awaitRequests(t, 2)
	_ = h.fetched.value.Destruct()

	for name, down := range map[string]http.HandlerFunc{"down": hijack(""), "wrong": answerList("nonsense"), "unchanged": answerVersion(b+"\n", &sent)} {
		s.answer(down)
		before := sent.Load()
		again, err := fetching(t, s.URL, storage, Rules{})
		if err != nil || !again.AllowsOrigin(nil, b) || again.AllowsOrigin(nil, a) {
			t.Fatalf("%s: %v", name, err)
		}
		if status := again.Status(); (status.Failures == 0) != (name == "unchanged") || sent.Load() != before {
			t.Errorf("%s: its status is %+v, and the list was sent %d times", name, status, sent.Load()-before)
		}
		s.answer(answerList(c))
		wantSoon(t, again, c, b)
		awaitKept(t, storage, key, c+"\n")
		s.answer(answerVersion(b+"\n", &sent))
		awaitKept(t, storage, key, b+"\n")
		_ = again.fetched.value.Destruct()
	}

	s.answer(hijack(""))
	if _, err := fetching(t, s.URL, storage, Rules{Credentials: true}); err == nil {
		t.Error("the list is in force under other rules than it was kept under")
	}
	for name, spoil := range map[string]func(stored []byte) []byte{
		"cut":          func(stored []byte) []byte { return stored[:len(stored)-3] },
		"changed":      func(stored []byte) []byte { return append(stored, "https://evil.example\n"...) },
		"empty":        func([]byte) []byte { return nil },
		"garbage":      func([]byte) []byte { return bytes.Repeat([]byte{0, 0xff}, 1000) },
		"of bad lines": func([]byte) []byte { return fmt.Appendf(nil, "{\"sha256\": %q}\nnonsense\n", sumOf("nonsense\n")) },
	} {
		stored, err := storage.Load(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if err := storage.Store(t.Context(), key, spoil(stored)); err != nil {
			t.Fatal(err)
		}
		if _, err := fetching(t, s.URL, storage, Rules{}); err == nil {
			t.Errorf("%s: what is kept is in force", name)
		}
		if err := storage.Store(t.Context(), key, stored); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHTTPKeepsTheListAgain shows that a list is kept in another storage after a reload, and
// that a storage that fails does no harm.
func TestHTTPKeepsTheListAgain(t *testing.T) {
	first := runCaddy(t, t.TempDir()).Storage()
	s := serveList(t)
	var sent atomic.Int32
	s.answer(answerVersion(a+"\n", &sent))
	h, err := fetching(t, s.URL, first, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	awaitKept(t, first, h.fetched.value.keptKey, a+"\n")
	blocked := t.TempDir()
	write(t, filepath.Join(blocked, "cors"), "") // where there has to be a folder
	runCaddy(t, blocked)
	s.awaitRequests(t, 20) // in which it tries to keep it
	wantStill(t, h, a)
	second := runCaddy(t, t.TempDir()).Storage()
	awaitKept(t, second, h.fetched.value.keptKey, a+"\n")
}

// stalled starts a server of list b that says nothing yet, and keeps list a of it. Its answer
// has as much time as there is.
func stalled(t *testing.T, storage certmagic.Storage) (key httpKey, u *url.URL, answer func()) {
	t.Helper()
	begin := make(chan struct{})
	s := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-begin:
			answerList(b)(w, r)
		case <-r.Context().Done():
		}
	})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	key = httpKey{url: s.URL, interval: time.Hour, timeout: time.Hour}
	if err := keep(storage, keptKey(key), &keptList{Fetched: time.Now().Add(-time.Hour), Sum: sumOf(a), text: a}); err != nil {
		t.Fatal(err)
	}
	return key, u, func() { close(begin) }
}

// TestHTTPStartsWhileItsServerStalls shows that a config which has a list from the storage
// waits for its server for a moment only, and that what it answers then is in force, and in
// the log, as if it came later.
func TestHTTPStartsWhileItsServerStalls(t *testing.T) {
	ctx, logged := runCaddyLogging(t, t.TempDir())
	key, u, answer := stalled(t, ctx.Storage())
	start := time.Now()
	l, err := fetchList(ctx.Storage(), key, u, make(http.Header))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Destruct() }()
	h := &HTTP{fetched: share[*fetchedList]{value: l}}
	if took := time.Since(start); took < mostKeptWait || took > mostKeptWait+20*time.Second {
		t.Errorf("it loads within %s", took)
	}
	wantStill(t, h, a)
	if s := h.Status(); s.Origins != 1 || s.Refreshes != 0 || s.Failures != 0 || time.Since(s.Last) < time.Hour {
		t.Errorf("before there is an answer, its status is %+v", s)
	}
	for _, line := range []string{"has not answered yet", "kept in the storage is in force"} {
		if lines := linesOf(logged(), `"level":"warn"`, `"url":"`+u.String()+`"`, line); len(lines) != 1 {
			t.Errorf("the log says %s", logged())
		}
	}
	answer()
	wantSoon(t, h, b, a)
	soon(t, "a line about it", func() bool { return len(linesOf(logged(), `"level":"info"`, "read again", `"origins":1`)) == 1 })
	awaitKept(t, ctx.Storage(), l.keptKey, b+"\n")
	if s := h.Status(); s.Refreshes != 1 || s.Failures != 0 {
		t.Errorf("its status is %+v", s)
	}
}

// TestHTTPEndsWhileItsServerStalls shows that the first fetch of a list ends with the last
// config that has it.
func TestHTTPEndsWhileItsServerStalls(t *testing.T) {
	ctx, logged := runCaddyLogging(t, t.TempDir())
	key, u, _ := stalled(t, ctx.Storage())
	before := runtime.NumGoroutine()
	l, err := fetchList(ctx.Storage(), key, u, make(http.Header))
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Destruct()
	soon(t, "the end of all goroutines", func() bool { return runtime.NumGoroutine() <= before })
	if lines := linesOf(logged(), `"level":"error"`); len(lines) > 0 || !l.allows(a) {
		t.Errorf("the log says %s", lines)
	}
}
