package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// pattern parses a pattern.
func pattern(t *testing.T, text string) origin.Pattern {
	t.Helper()
	p, err := origin.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEdits shows what an edit makes of a list.
func TestEdits(t *testing.T) {
	for name, test := range map[string]struct {
		text, add, remove string
		want              string
		changed           bool
	}{
		"the first one":                    {"", a, "", a + "\n", true},
		"one more":                         {"# ours\n" + b + " # b\n", a, "", "# ours\n" + b + " # b\n" + a + "\n", true},
		"behind a line that does not end":  {b, a, "", b + "\n" + a + "\n", true},
		"in another spelling":              {"", "HTTPS://A.Example:443", "", a + "\n", true},
		"there already":                    {"# ours\n" + a + " # a\n", a, "", "# ours\n" + a + " # a\n", false},
		"there in another spelling":        {"https://A.example:443\r\n", a, "", "https://A.example:443\r\n", false},
		"behind a byte order mark":         {"\ufeff" + a + "\n", a, "", "\ufeff" + a + "\n", false},
		"a pattern beside what it matches": {a + "\n", "https://*.example", "", a + "\nhttps://*.example\n", true},
		"out":                              {"# ours\n" + a + " # of tenant 5\n\n" + b + "\n", "", a, "# ours\n\n" + b + "\n", true},
		"the last one":                     {a + "\n", "", a, emptyList, true},
		"the first one again":              {emptyList, a, "", emptyList + a + "\n", true},
		"all of them":                      {a + "\n" + b + "\nhttps://A.example\n" + a, "", a, b + "\n", true},
		"what a comment says":              {"# " + a + "\n", "", a, "# " + a + "\n", false},
		"what a pattern matches":           {"https://*.example\n", "", a, "https://*.example\n", false},
		"none":                             {b + "\n", "", a, b + "\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			storage := runCaddy(t, t.TempDir()).Storage()
			if test.text != "" {
				store(t, storage, test.text)
			}
			s, err := following(t, storage, Rules{})
			if err != nil {
				t.Fatal(err)
			}
			e := &editor{storage, "tenants", []*storedList{s.stored.value}, time.Minute}
			changed, err := false, error(nil)
			if test.add != "" {
				changed, err = e.add(pattern(t, test.add))
			} else {
				changed, err = e.remove(test.remove)
			}
			if err != nil || changed != test.changed {
				t.Errorf("changed: %v, %v", changed, err)
			}
			text, err := os.ReadFile(fileOf(storage))
			if string(text) != test.want {
				t.Errorf("the list is %q, %v, want %q", text, err, test.want)
			}
			inForce, err := ParseList(test.want, Rules{})
			if err != nil || s.Status().Origins != inForce.Len() || s.AllowsOrigin(nil, a) != inForce.Allows(a) {
				t.Errorf("another list is in force: %v", err)
			}
		})
	}
}

// TestEditsAreRefused shows what is not done, and what the answer says.
func TestEditsAreRefused(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	lax, err := following(t, storage, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	strict, err := following(t, storage, Rules{Credentials: true})
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{storage, "tenants", []*storedList{lax.stored.value, strict.stored.value}, time.Second}
	want := func(status int, says string, err error) {
		t.Helper()
		refused, ok := err.(caddy.APIError) //nolint:errorlint // Caddy asks for it in this way
		if !ok || refused.HTTPStatus != status || !strings.Contains(refused.Err.Error(), says) {
			t.Errorf("the error is %v, want %d %s", err, status, says)
		}
	}
	for text, says := range map[string]string{
		"http://a.example":    "dangerously_allow insecure_origins",
		"https://*.github.io": "dangerously_allow public_suffixes",
		"https://*":           "dangerously_allow any_origin_with_credentials",
		"null":                "dangerously_allow null_origin",
		"*":                   "stands alone",
		"none":                "stands alone",
	} {
		_, err := e.add(pattern(t, text))
		want(http.StatusBadRequest, says, err)
	}
	if _, err := os.Stat(fileOf(storage)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a list now: %v", err)
	}

	store(t, storage, a+"\n"+b)
	wantSoon(t, strict, b, "")
	store(t, storage, a+"\nnonsense\n"+b+"\n")
	_, err = e.add(pattern(t, c))
	want(http.StatusConflict, "correct it first: line 2: ", err)
	_, err = e.remove(b)
	want(http.StatusConflict, "is allowed by this list no more, but ", err)
	if text, err := os.ReadFile(fileOf(storage)); string(text) != a+"\nnonsense\n" {
		t.Errorf("the list is %q, %v", text, err)
	}
	for _, s := range []*Storage{lax, strict} {
		if s.AllowsOrigin(nil, b) || !s.AllowsOrigin(nil, a) {
			t.Error("what was taken out is in force, or more is out")
		}
	}

	store(t, storage, a+"\n")
	wantGood(t, strict)
	store(t, storage, a+"\nhttps://b.exam")
	_, err = e.add(pattern(t, c))
	want(http.StatusConflict, "correct it first: the last line has no end", err)
	_, err = e.remove(a)
	want(http.StatusConflict, "is allowed by this list no more, but ", err)
	if strict.AllowsOrigin(nil, a) || strict.AllowsOrigin(nil, "https://b.exam") {
		t.Error("what was taken out is in force, or a line that is cut")
	}

	var shapes strings.Builder
	for i := range origin.MaxShapes {
		fmt.Fprintf(&shapes, "https://%s*%s.example\n", strings.Repeat("a", 1+i%25), strings.Repeat("b", 1+i/25))
	}
	store(t, storage, shapes.String())
	_, err = e.add(pattern(t, "https://"+strings.Repeat("a", 30)+"*.example"))
	want(http.StatusConflict, "would be refused with this: what stands around", err)

	store(t, storage, a+"\n")
	if err := storage.Lock(t.Context(), "cors_origins_tenants"); err != nil {
		t.Fatal(err)
	}
	_, err = e.add(pattern(t, b))
	want(http.StatusServiceUnavailable, "is being edited elsewhere", err)
	if err := storage.Unlock(t.Context(), "cors_origins_tenants"); err != nil {
		t.Fatal(err)
	}
	end, err := awaitTurn(t.Context(), "tenants")
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.add(pattern(t, b))
	want(http.StatusServiceUnavailable, "is being edited elsewhere", err)
	end()
	if _, err := e.add(pattern(t, b)); err != nil || !strict.AllowsOrigin(nil, b) || !lax.AllowsOrigin(nil, b) {
		t.Errorf("the lock stays: %v", err)
	}

	remove(t, fileOf(storage))
	mkdir(t, fileOf(storage))
	_, err = e.add(pattern(t, b))
	want(http.StatusServiceUnavailable, "cannot be loaded", err)
}

// TestEditsOfACutList shows that a list whose last line is cut is in force again when that line
// is taken out, and that one whose lines were never ended gets an end.
func TestEditsOfACutList(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	store(t, storage, a+"\n")
	s, err := following(t, storage, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{storage, "tenants", []*storedList{s.stored.value}, time.Minute}
	store(t, storage, a+"\n"+b+"\nhttps://c.exam")
	if removed, err := e.remove("https://c.exam"); err != nil || !removed || !s.AllowsOrigin(nil, b) || s.AllowsOrigin(nil, "https://c.exam") {
		t.Errorf("%v, %v", removed, err)
	}
	wantGood(t, s)

	store(t, storage, a+"\n"+b+"\nhttps://c.exam")
	_, err = e.remove(b)
	if refused, ok := err.(caddy.APIError); !ok || refused.HTTPStatus != http.StatusConflict || s.AllowsOrigin(nil, b) || s.AllowsOrigin(nil, "https://c.exam") { //nolint:errorlint // Caddy asks for it in this way
		t.Errorf("a line that is cut still: %v", err)
	}
	store(t, storage, a+"\n"+b+"/\n")
	if removed, err := e.remove(b + "/"); err != nil || !removed {
		t.Errorf("a line that is no origin: %v, %v", removed, err)
	}
	wantGood(t, s)

	const open = a + "\n" + c // as it may stay, but for edits
	storage = runCaddy(t, t.TempDir()).Storage()
	store(t, storage, open)
	if s, err = following(t, storage, Rules{}); err != nil {
		t.Fatal(err)
	}
	e = &editor{storage, "tenants", []*storedList{s.stored.value}, time.Minute}
	if removed, err := e.remove(a); err != nil || !removed {
		t.Errorf("%v, %v", removed, err)
	}
	if text, err := os.ReadFile(fileOf(storage)); string(text) != c+"\n" {
		t.Errorf("the list is %q, %v", text, err)
	}
}

// TestEditsAreOfTheNewestList shows that a lost list is stored again as the policy has it that
// saw it last.
func TestEditsAreOfTheNewestList(t *testing.T) {
	for range 10 {
		storage := runCaddy(t, t.TempDir()).Storage()
		store(t, storage, a+"\n"+b+"\n")
		key := storedKey{storageName(storage), "tenants", time.Hour, Rules{}}
		first, err := followList(storage, key, nil)
		if err != nil {
			t.Fatal(err)
		}
		store(t, storage, a+"\n")
		key.rules.Credentials = true
		second, err := followList(storage, key, nil) // which sees that b is out
		if err != nil {
			t.Fatal(err)
		}
		remove(t, fileOf(storage))
		e, err := newEditor("tenants")
		if err != nil {
			t.Fatal(err)
		}
		if added, err := e.add(pattern(t, c)); err != nil || !added {
			t.Errorf("%v, %v", added, err)
		}
		if text, err := os.ReadFile(fileOf(storage)); string(text) != a+"\n"+c+"\n" {
			t.Errorf("the list is %q, %v", text, err)
		}
		if err := errors.Join(first.Destruct(), second.Destruct()); err != nil {
			t.Error(err)
		}
	}
}

// TestEditsWhileAConfigLoads shows that an edit is in force in a config that is being loaded,
// too, also where that has read the list already.
func TestEditsWhileAConfigLoads(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	store(t, storage, a+"\n"+b+"\n")
	slow, edited := removeOnceRead(storage, b)
	l, err := followList(slow, storedKey{storageName(storage), "tenants", time.Hour, Rules{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Destruct() }()
	if err := <-edited; err != nil || l.allows(b) || !l.allows(a) {
		t.Errorf("what was taken out is in force: %v", err)
	}
}

// TestEditsOfALostListWhileAConfigLoads shows the same where the list is gone, so that the
// config does not load.
func TestEditsOfALostListWhileAConfigLoads(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	store(t, storage, a+"\n"+b+"\n")
	key := storedKey{storageName(storage), "tenants", time.Hour, Rules{}}
	old, err := followList(storage, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Destruct() }()
	remove(t, fileOf(storage))
	slow, edited := removeOnceRead(storage, b)
	if _, err := followList(slow, key, old); err == nil || !strings.Contains(err.Error(), "it is gone") {
		t.Errorf("the error is %v", err)
	}
	if err := <-edited; err != nil || old.allows(b) || !old.allows(a) {
		t.Errorf("what was taken out is in force: %v", err)
	}
}

// removeOnceRead returns a slow storage, and takes an entry out of the list once that was read
// from it.
func removeOnceRead(storage certmagic.Storage, entry string) (*pausedStorage, <-chan error) {
	read, edited := make(chan struct{}), make(chan error, 1)
	go func() {
		<-read
		e, err := newEditor("tenants")
		if err == nil {
			_, err = e.remove(entry)
		}
		edited <- err
	}()
	return &pausedStorage{FileStorage: *storage.(*certmagic.FileStorage), loaded: read}, edited
}

// pausedStorage is a storage that tells when it loaded something, and takes its time then.
type pausedStorage struct {
	certmagic.FileStorage
	loaded chan struct{}
	once   sync.Once
}

func (s *pausedStorage) Load(ctx context.Context, key string) ([]byte, error) {
	text, err := s.FileStorage.Load(ctx, key)
	s.once.Do(func() { close(s.loaded) })
	time.Sleep(interval)
	return text, err
}

// TestEditsAfterACrashOfABusyServer shows that a lock goes which a server left behind, and
// which another one goes on to refresh, as it had one just before.
func TestEditsAfterACrashOfABusyServer(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	s, err := following(t, storage, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{storage, "tenants", []*storedList{s.stored.value}, time.Second}
	locks := filepath.Join(storage.(*certmagic.FileStorage).Path, "locks")
	mkdir(t, locks)
	for left, free := range map[time.Duration]bool{time.Second: false, 2 * lockTimeout: true} {
		created := time.Now().Add(-left).Format(time.RFC3339Nano)
		write(t, filepath.Join(locks, "cors_origins_tenants.lock"), fmt.Sprintf(`{"created": %q, "updated": %q}`, created, time.Now().Format(time.RFC3339Nano)))
		added, err := e.add(pattern(t, "https://t"+strconv.Itoa(int(left.Seconds()))+".example"))
		if added != free || free != (err == nil) {
			t.Errorf("after %s: %v, %v", left, added, err)
		}
	}
}

// wantGood fails unless a list is good within some seconds.
func wantGood(t *testing.T, s *Storage) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); s.stored.value.failed() != nil; time.Sleep(interval / 10) {
		if time.Now().After(deadline) {
			t.Fatal(s.stored.value.failed())
		}
	}
}

// TestEditsOfALostList shows that an edit of a list that is gone from the storage, or lost its
// text, begins with the one that is in force.
func TestEditsOfALostList(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, storage certmagic.Storage){
		"gone":    func(t *testing.T, storage certmagic.Storage) { remove(t, fileOf(storage)) },
		"no text": func(t *testing.T, storage certmagic.Storage) { store(t, storage, "") },
	} {
		t.Run(name, func(t *testing.T) {
			storage := runCaddy(t, t.TempDir()).Storage()
			store(t, storage, "# ours\n"+a+"\n")
			s, err := following(t, storage, Rules{})
			if err != nil {
				t.Fatal(err)
			}
			e := &editor{storage, "tenants", []*storedList{s.stored.value}, time.Minute}
			lose(t, storage)
			if added, err := e.add(pattern(t, a)); err != nil || added {
				t.Errorf("what is in force is added: %v, %v", added, err)
			}
			lose(t, storage)
			if added, err := e.add(pattern(t, b)); err != nil || !added {
				t.Errorf("%v, %v", added, err)
			}
			if text, err := os.ReadFile(fileOf(storage)); string(text) != "# ours\n"+a+"\n"+b+"\n" {
				t.Errorf("the list is %q, %v", text, err)
			}
			if !s.AllowsOrigin(nil, a) || !s.AllowsOrigin(nil, b) {
				t.Error("not all of it is in force")
			}
		})
	}
}

// TestEditsAtOnce shows that of many edits at once none is lost, and that each is in force
// when it is done, and stays.
func TestEditsAtOnce(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	s, err := following(t, storage, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{storage, "tenants", []*storedList{s.stored.value}, time.Minute}
	var edits sync.WaitGroup
	for i := range 20 {
		edits.Go(func() {
			for j := range 5 {
				o := fmt.Sprintf("https://t%d-%d.example", i, j)
				if added, err := e.add(pattern(t, o)); err != nil || !added {
					t.Errorf("%s: %v, %v", o, added, err)
				}
				if !s.AllowsOrigin(nil, o) {
					t.Errorf("%s is not in force", o)
				}
				if j == 4 {
					o := fmt.Sprintf("https://t%d-0.example", i)
					if removed, err := e.remove(o); err != nil || !removed {
						t.Errorf("%s: %v, %v", o, removed, err)
					}
					if s.AllowsOrigin(nil, o) {
						t.Errorf("%s is still in force", o)
					}
				}
			}
		})
	}
	edits.Wait()
	time.Sleep(2 * interval) // in which it is loaded
	if n := s.Status().Origins; n != 80 {
		t.Errorf("there are %d origins", n)
	}
}

// TestEditsOfNoList shows that to take something out of a list that is not there yet does no
// harm, nor does it if the last origin was taken out.
func TestEditsOfNoList(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	s, err := following(t, storage, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{storage, "tenants", []*storedList{s.stored.value}, time.Minute}
	for range 2 {
		if removed, err := e.remove(a); err != nil || removed {
			t.Errorf("%v, %v", removed, err)
		}
		before := s.Status().Last
		for deadline := time.Now().Add(10 * time.Second); !s.Status().Last.After(before.Add(interval)); time.Sleep(interval / 10) {
			if failures := s.Status().Failures; failures != 0 || time.Now().After(deadline) {
				t.Fatalf("%d failures: %v", failures, s.stored.value.failed())
			}
		}
		_, added := e.add(pattern(t, a))
		_, removed := e.remove(a)
		if err := errors.Join(added, removed); err != nil {
			t.Error(err)
		}
	}
}

// TestEditsAfterACrash shows that a lock which a server left behind goes.
func TestEditsAfterACrash(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	s, err := following(t, storage, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	locks := filepath.Join(storage.(*certmagic.FileStorage).Path, "locks")
	mkdir(t, locks)
	left := time.Now().Add(-8 * time.Second).Format(time.RFC3339Nano)
	write(t, filepath.Join(locks, "cors_origins_tenants.lock"), fmt.Sprintf(`{"created": %q, "updated": %[1]q}`, left))
	e := &editor{storage, "tenants", []*storedList{s.stored.value}, lockTimeout}
	if added, err := e.add(pattern(t, a)); err != nil || !added {
		t.Errorf("%v, %v", added, err)
	}
}
