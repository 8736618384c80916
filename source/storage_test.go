package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"
)

// following returns a source that follows the list "tenants", more often than a config may,
// until the test is over.
func following(t *testing.T, storage certmagic.Storage, rules Rules) (*Storage, error) {
	t.Helper()
	l, err := followList(storage, storedKey{storageName(storage), "tenants", interval, rules}, nil)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = l.Destruct() })
	return &Storage{stored: share[*storedList]{value: l}}, nil
}

// store stores the list "tenants", as another server would.
func store(t *testing.T, storage certmagic.Storage, text string) {
	t.Helper()
	if err := storage.Store(t.Context(), "cors/origins/tenants", []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// fileOf returns where the list "tenants" is.
func fileOf(storage certmagic.Storage) string {
	return storage.(*certmagic.FileStorage).Filename("cors/origins/tenants")
}

// TestStorageChanges shows that a list is empty before it is there, and that each change is
// seen, also one that the storage's clock does not tell.
func TestStorageChanges(t *testing.T) {
	storage := runCaddy(t, t.TempDir()).Storage()
	s, err := following(t, storage, Rules{})
	if err != nil || s.AllowsOrigin(nil, a) {
		t.Fatalf("a list that is not there yet: %v", err)
	}
	store(t, storage, a+"\n")
	wantSoon(t, s, a, b)
	for _, text := range []string{b + "\n", a + "\n", b + "\n"} {
		info, err := os.Stat(fileOf(storage))
		if err != nil {
			t.Fatal(err)
		}
		store(t, storage, text)
		if err := os.Chtimes(fileOf(storage), info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		wantSoon(t, s, strings.TrimSpace(text), map[string]string{a + "\n": b, b + "\n": a}[text])
	}
	store(t, storage, "# none\n")
	for deadline := time.Now().Add(10 * time.Second); s.AllowsOrigin(nil, b); time.Sleep(interval / 10) {
		if time.Now().After(deadline) {
			t.Fatal("a list of no origins allows something")
		}
	}
}

// countingStorage counts what is loaded of a storage.
type countingStorage struct {
	certmagic.FileStorage
	mu    sync.Mutex
	loads int
}

func (s *countingStorage) Load(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	s.loads++
	s.mu.Unlock()
	return s.FileStorage.Load(ctx, key)
}

// TestStorageIsAskedForTheTime shows that a list that does not change is loaded no more, once
// the clock of its storage went on.
func TestStorageIsAskedForTheTime(t *testing.T) {
	storage := &countingStorage{FileStorage: certmagic.FileStorage{Path: t.TempDir()}}
	l := &storedList{key: storedKey{key: "tenants"}}
	refresh := func(text string, wantLoads int) {
		t.Helper()
		storage.loads = 0
		for range 5 {
			if l.refresh(storage); !l.allows(text) {
				t.Fatalf("%s is not allowed: %v", text, l.failed())
			}
		}
		if storage.loads != wantLoads {
			t.Errorf("it is loaded %d times, want %d", storage.loads, wantLoads)
		}
	}
	for _, text := range []string{a, b, a} {
		store(t, storage, text+"\n")
		refresh(text, 5)
		l.edition.loaded = l.edition.loaded.Add(-coarsestClock)
		refresh(text, 1)
	}
	if s := l.status(); s.Refreshes != 3 || s.Failures != 0 {
		t.Errorf("its status is %+v", s)
	}
}

// TestStorageWithACoarseClock shows that a change is seen that comes so soon after another one
// that the storage notes the same time of both.
func TestStorageWithACoarseClock(t *testing.T) {
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	l := &storedList{key: storedKey{key: "tenants"}}
	tick := time.Now().Truncate(coarsestClock)
	for _, text := range []string{a, b} { // which are as long
		store(t, storage, text+"\n")
		if err := os.Chtimes(fileOf(storage), tick, tick); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if l.refresh(storage); !l.allows(text) {
				t.Fatalf("%s is not allowed: %v", text, l.failed())
			}
		}
	}
}

// TestStorageKeepsTheLastGoodList shows that nothing that happens to a storage takes away
// what it allowed before, and that the list is taken again when it is good.
func TestStorageKeepsTheLastGoodList(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, storage certmagic.Storage){
		"a bad line": func(t *testing.T, storage certmagic.Storage) { store(t, storage, b+"\nhttps://b.example/path\n") },
		"a risk":     func(t *testing.T, storage certmagic.Storage) { store(t, storage, b+"\nhttp://b.example\n") },
		"garbage":    func(t *testing.T, storage certmagic.Storage) { store(t, storage, strings.Repeat("\x00\xff", 10_000)) },
		"no text":    func(t *testing.T, storage certmagic.Storage) { store(t, storage, "") },
		"a cut line": func(t *testing.T, storage certmagic.Storage) { store(t, storage, b+"\nhttps://c.exam") },
		"gone":       func(t *testing.T, storage certmagic.Storage) { remove(t, fileOf(storage)) },
		"a folder":   func(t *testing.T, storage certmagic.Storage) { remove(t, fileOf(storage)); mkdir(t, fileOf(storage)) },
		"all gone": func(t *testing.T, storage certmagic.Storage) {
			if err := os.RemoveAll(storage.(*certmagic.FileStorage).Path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			storage := runCaddy(t, filepath.Join(t.TempDir(), "storage")).Storage()
			store(t, storage, a+"\n")
			s, err := following(t, storage, Rules{Credentials: true})
			if err != nil {
				t.Fatal(err)
			}
			spoil(t, storage)
			wantStill(t, s, a)
			if s.AllowsOrigin(nil, b) {
				t.Error("part of it is in force")
			}
			if s := s.Status(); s.Failures == 0 || s.Origins != 1 {
				t.Errorf("its status is %+v", s)
			}
			if err := os.RemoveAll(fileOf(storage)); err != nil {
				t.Fatal(err)
			}
			store(t, storage, a+"\n") // as it was before
			wantGood(t, s)
			store(t, storage, c+"\n")
			wantSoon(t, s, c, a)
		})
	}
}

// TestStorageReload shows that a config that loads has what is stored now, and that the one
// that runs keeps what it has until it looks, also if the new one fails to load.
func TestStorageReload(t *testing.T) {
	ctx := runCaddy(t, t.TempDir())
	storage := ctx.Storage()
	load := func() (*Storage, error) {
		ctx, cancel := caddy.NewContext(ctx)
		t.Cleanup(cancel)
		s := &Storage{Key: "tenants", Interval: caddy.Duration(time.Hour)}
		err := s.Provision(ctx)
		t.Cleanup(func() { _ = s.Cleanup() })
		return s, err
	}
	store(t, storage, a+"\n")
	first, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{b + "\n" + b + "/\n": "line 2: ", b: "has no end", "": "the list is empty"} {
		store(t, storage, text)
		if _, err := load(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, want %s", text, err, want)
		}
	}
	remove(t, fileOf(storage))
	first.stored.value.look()
	if _, err := load(); err == nil || !strings.Contains(err.Error(), "it is gone") {
		t.Errorf("the error is %v", err)
	}
	store(t, storage, a+"\n")
	if _, err := load(); err != nil {
		t.Errorf("a list that is as it was does not load: %v", err)
	}
	remove(t, fileOf(storage))
	mkdir(t, fileOf(storage))
	if s, err := load(); err != nil || !s.AllowsOrigin(nil, a) {
		t.Errorf("a storage that fails keeps a list that is in force from a config: %v", err)
	}
	remove(t, fileOf(storage))
	store(t, storage, b+"\n")
	second, err := load()
	if err != nil || !second.AllowsOrigin(nil, b) || second.AllowsOrigin(nil, a) {
		t.Fatalf("a config that loads does not see what is stored now: %v", err)
	}
	if !first.AllowsOrigin(nil, a) || first.AllowsOrigin(nil, b) {
		t.Error("the running config has another list")
	}
	if s := second.Status(); s.Refreshes != first.Status().Refreshes+1 {
		t.Errorf("the counts begin anew: %+v", s)
	}
	third, err := load()
	if err != nil || third.stored.value != second.stored.value {
		t.Errorf("a list that did not change is not shared: %v", err)
	}
	e, err := newEditor("tenants")
	if err != nil {
		t.Fatal(err)
	}
	if added, err := e.add(pattern(t, c)); err != nil || !added || !first.AllowsOrigin(nil, c) || !second.AllowsOrigin(nil, c) {
		t.Errorf("an edit is not in force in both: %v", err)
	}
}

// TestStorageOfTheRunningConfig shows that a list is that of the storage of the config that
// runs, also where a reload has another storage.
func TestStorageOfTheRunningConfig(t *testing.T) {
	open := func(ctx caddy.Context, rules Rules) (*Storage, error) {
		s := &Storage{Key: "tenants"}
		ctx, cancel := caddy.NewContext(ctx)
		t.Cleanup(cancel)
		err := s.Provision(WithPolicy(ctx, Policy{Rules: rules}))
		t.Cleanup(func() { _ = s.Cleanup() })
		return s, err
	}
	first, second := &certmagic.FileStorage{Path: t.TempDir()}, &certmagic.FileStorage{Path: t.TempDir()}
	store(t, first, a+"\n")
	store(t, second, b+"\n")
	one, err := open(runCaddy(t, first.Path), Rules{})
	if err != nil || !one.AllowsOrigin(nil, a) {
		t.Fatal(err)
	}
	again, err := open(runCaddy(t, first.Path), Rules{})
	if err != nil || again.stored.value != one.stored.value {
		t.Fatalf("a reload makes another list: %v", err)
	}
	two, err := open(runCaddy(t, second.Path), Rules{})
	if err != nil || !two.AllowsOrigin(nil, b) || two.AllowsOrigin(nil, a) || !one.AllowsOrigin(nil, a) {
		t.Fatalf("another storage has the same list: %v", err)
	}
	strict, err := open(runCaddy(t, first.Path), Rules{Credentials: true})
	if err != nil || strict.stored.value == one.stored.value {
		t.Fatalf("a policy with other rules shares: %v", err)
	}
	store(t, first, "http://a.example\n")
	if _, err := open(runCaddy(t, first.Path), Rules{Credentials: true}); err == nil || !strings.Contains(err.Error(), "cors/origins/tenants in the storage: line 1: ") {
		t.Errorf("a config that loads does not see that the list is bad now: %v", err)
	}
	if lax, err := open(runCaddy(t, first.Path), Rules{}); err != nil || !lax.AllowsOrigin(nil, "http://a.example") {
		t.Errorf("a config that loads does not see what is in the list now: %v", err)
	}
	if !strict.AllowsOrigin(nil, a) {
		t.Error("the last good list is in force no more")
	}
}

func TestStorageCaddyfile(t *testing.T) {
	for text, want := range map[string]Storage{
		"storage tenants":                     {Key: "tenants"},
		"storage {env.KEY} {\ninterval 1m\n}": {Key: "{env.KEY}", Interval: caddy.Duration(time.Minute)},
	} {
		var s Storage
		if err := s.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil || s != want {
			t.Errorf("%s: %+v, %v", text, s, err)
		}
	}
	for text, want := range map[string]string{
		"storage":                       "it takes the key",
		"storage a b":                   `it takes one key, and not "b" as well`,
		"storage a {\ninterval soon\n}": `interval "soon": this is not a duration`,
		"storage a {\nttl 1s\n}":        `there is no option "ttl"; there is interval`,
	} {
		if err := new(Storage).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %s", text, err, want)
		}
	}
}

func TestStorageDoesNotLoad(t *testing.T) {
	for want, s := range map[string]*Storage{
		"key is missing":        {},
		`key "../tls": a key`:   {Key: "../tls"},
		`key "a/b": a key`:      {Key: "a/b"},
		`key "A": a key`:        {Key: "A"},
		`key "a.b": a key`:      {Key: "a.b"},
		"write it like tenants": {Key: "a\n"},
		"a key has 1 to 64":     {Key: strings.Repeat("a", 65)},
		"the shortest is 1s":    {Key: "a", Interval: 1},
	} {
		ctx, cancel := caddy.NewContext(runCaddy(t, t.TempDir()))
		if err := s.Provision(ctx); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
		if err := s.Cleanup(); err != nil {
			t.Error(err)
		}
		cancel()
	}
}
