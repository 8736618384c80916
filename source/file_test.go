package source

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// interval is that of sources in tests.
const interval = 100 * time.Millisecond

// openFile returns a source that watches the file at path until the test is over.
func openFile(t *testing.T, path string, rules Rules) (*File, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	f := &File{Path: path, Interval: caddy.Duration(interval)}
	err := f.Provision(WithPolicy(ctx, Policy{Rules: rules}))
	t.Cleanup(func() {
		if err := f.Cleanup(); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return f, err
}

// write puts a file where it was not, or changes it in place.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantSoon fails unless what the source allows is, within some intervals, a and not b.
func wantSoon(t *testing.T, f Source, allowed, not string) {
	t.Helper()
	deadline := time.Now().Add(50 * interval) // the machine may be busy
	for !f.AllowsOrigin(nil, allowed) || not != "" && f.AllowsOrigin(nil, not) {
		if time.Now().After(deadline) {
			t.Fatalf("%s allowed: %v; %s allowed: %v", allowed, f.AllowsOrigin(nil, allowed), not, f.AllowsOrigin(nil, not))
		}
		time.Sleep(interval / 10)
	}
}

// wantStill fails if the source stops to allow an origin in some intervals.
func wantStill(t *testing.T, f Source, allowed string) {
	t.Helper()
	for range 30 {
		if !f.AllowsOrigin(nil, allowed) {
			t.Fatalf("%s is allowed no more", allowed)
		}
		time.Sleep(interval / 10)
	}
}

// moreSpoils are what can happen to a file on some systems only.
var moreSpoils = make(map[string]func(t *testing.T, path string))

const a, b, c = "https://a.example", "https://b.example", "https://c.example"

// TestFileChanges shows that a change is seen, however it is made.
func TestFileChanges(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path, text string){
		"in place": write,
		"by renaming": func(t *testing.T, path, text string) {
			write(t, path+".new", text)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		},
		"gone for a while": func(t *testing.T, path, text string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * interval)
			write(t, path, text)
		},
		"of the same size and time": func(t *testing.T, path, text string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, text)
			if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		},
		"by a link": func(t *testing.T, path, text string) { // as Kubernetes does
			write(t, path+".target", text)
			if err := os.Symlink(path+".target", path+".link"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".link", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "origins.txt")
			write(t, path, a+"\n")
			f, err := openFile(t, path, Rules{})
			if err != nil {
				t.Fatal(err)
			}
			wantSoon(t, f, a, b)
			change(t, path, b+"\n")
			wantSoon(t, f, b, a)
		})
	}
}

// TestFileKeepsTheLastGoodList shows that nothing that happens to a file takes away what
// it allowed before, and that it is read again when it is good.
func TestFileKeepsTheLastGoodList(t *testing.T) {
	spoils := map[string]func(t *testing.T, path string){
		"a bad line":         func(t *testing.T, path string) { write(t, path, b+"\nhttps://b.example/path\n") },
		"a risk":             func(t *testing.T, path string) { write(t, path, b+"\nhttp://b.example\n") },
		"an empty file":      func(t *testing.T, path string) { write(t, path, "") },
		"garbage":            func(t *testing.T, path string) { write(t, path, strings.Repeat("\x00\xff", 10_000)) },
		"no file":            func(t *testing.T, path string) { remove(t, path) },
		"a directory":        func(t *testing.T, path string) { remove(t, path); mkdir(t, path) },
		"a link to it":       func(t *testing.T, path string) { remove(t, path); symlink(t, path, path) },
		"a line that is cut": func(t *testing.T, path string) { write(t, path, b+"\nhttps://c.exam") },
	}
	maps.Copy(spoils, moreSpoils)
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "origins.txt")
			write(t, path, a+"\n")
			f, err := openFile(t, path, Rules{Credentials: true})
			if err != nil {
				t.Fatal(err)
			}
			spoil(t, path)
			wantStill(t, f, a)
			if f.AllowsOrigin(nil, b) {
				t.Error("part of it is in force")
			}
			if s := f.Status(); s.Failures == 0 || s.Origins != 1 {
				t.Errorf("its status is %+v", s)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, c+"\n")
			wantSoon(t, f, c, a)
		})
	}
}

// TestFileIsNotReadHalf writes lists slowly, each line of which may be cut: what is cut is
// never in force.
func TestFileIsNotReadHalf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.txt")
	write(t, path, a+"\n")
	f, err := openFile(t, path, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const text = "https://b.example.com\n"
	for i := range len(text) {
		if _, err := file.WriteString(text[i : i+1]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(interval / looks)
		if i == len("https://b.example") {
			time.Sleep(3 * interval) // as who writes may
		}
		for _, cut := range []string{"https://b", "https://b.ex", "https://b.example", "https://b.example.co"} {
			if f.AllowsOrigin(nil, cut) {
				t.Fatalf("%s is allowed", cut)
			}
		}
		if i < len(text)-1 && !f.AllowsOrigin(nil, a) {
			t.Fatal("the old list is in force no more")
		}
	}
	wantSoon(t, f, "https://b.example.com", a)
}

// TestFileWithoutAnEnd shows that a list may do without the end of its last line, if it
// always did.
func TestFileWithoutAnEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.txt")
	write(t, path, a)
	f, err := openFile(t, path, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	wantSoon(t, f, a, b)
	write(t, path, a+"\n"+b)
	wantSoon(t, f, b, "")
	write(t, path, c+"\n")
	wantSoon(t, f, c, a)
	write(t, path, c+"\n"+b)
	wantStill(t, f, c)
	if f.AllowsOrigin(nil, b) {
		t.Error("a line that may be cut is in force")
	}
}

// TestFileReload shows that a config that loads has what is in the file now, and that the one
// that runs keeps what it has until it looks, also if the new one fails to load.
func TestFileReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.txt")
	load := func() (*File, error) {
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		t.Cleanup(cancel)
		f := &File{Path: path, Interval: caddy.Duration(time.Hour)}
		err := f.Provision(ctx)
		t.Cleanup(func() { _ = f.Cleanup() })
		return f, err
	}
	write(t, path, a+"\n")
	first, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{b + "\n" + b + "/\n": "line 2: ", b: "has no end", "": "the list is empty"} {
		write(t, path, text)
		if _, err := load(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, want %s", text, err, want)
		}
	}
	began := make(chan struct{})
	go func() { // somebody who writes a list slowly
		for i, text := range []string{a + "\n", a + "\n" + c + "\n", b + "\n", b + "\n" + c + "\n"} {
			_ = os.WriteFile(path, []byte(text), 0o600)
			if i == 0 {
				close(began)
			}
			time.Sleep(400 * time.Millisecond)
		}
	}()
	<-began
	second, err := load()
	if err != nil || !second.AllowsOrigin(nil, b) || !second.AllowsOrigin(nil, c) || second.AllowsOrigin(nil, a) {
		t.Fatalf("a config that loads does not see all that is in the file now: %v", err)
	}
	if err := second.Cleanup(); err != nil { // as where something else fails to load
		t.Fatal(err)
	}
	if !first.AllowsOrigin(nil, a) || first.AllowsOrigin(nil, b) {
		t.Error("the running config has another list")
	}
	third, err := load()
	if err != nil || !third.AllowsOrigin(nil, b) || third.watched.value == second.watched.value {
		t.Fatalf("a list that was let go is in force: %v", err)
	}
	fourth, err := load()
	if err != nil || fourth.watched.value != third.watched.value {
		t.Errorf("a list that did not change is not shared: %v", err)
	}
	if s := third.Status(); s.Refreshes != first.Status().Refreshes+1 {
		t.Errorf("the counts begin anew: %+v", s)
	}
}

// TestFileDoesNotLoad shows what fails a config.
func TestFileDoesNotLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bad"), a+"\n"+b+"/\nhttps://*.github.io\n")
	write(t, filepath.Join(dir, "empty"), "")
	cut := strings.Repeat("https://b.example\n", 1000)
	write(t, filepath.Join(dir, "cut"), cut[:4096])
	for path, want := range map[string][]string{
		filepath.Join(dir, "none"):  {"no such file"},
		filepath.Join(dir, "bad"):   {filepath.Join(dir, "bad") + ": line 2: ", "line 3: ", "dangerously_allow public_suffixes"},
		filepath.Join(dir, "empty"): {"the list is empty", "leave a comment"},
		filepath.Join(dir, "cut"):   {"the last line seems to be cut"},
		dir:                         {"this is not a file"},
		"":                          {"path is missing"},
		"{env.NO_SUCH_VARIABLE}":    {"env.NO_SUCH_VARIABLE"},
	} {
		_, err := openFile(t, path, Rules{Credentials: true})
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: the error is %v, want %s", path, err, part)
			}
		}
	}
}

// TestFileIsShared shows that sources of the same file and rules have one list, which goes
// when the last of them does, and that a config that loads sees what is there now.
func TestFileIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.txt")
	write(t, path, a+"\n")
	first, err := openFile(t, path, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := openFile(t, path, Rules{})
	if err != nil || first.watched.value != second.watched.value {
		t.Fatalf("they do not share: %v", err)
	}
	strict, err := openFile(t, path, Rules{Credentials: true})
	if err != nil || strict.watched.value == first.watched.value {
		t.Fatalf("a policy with other rules shares: %v", err)
	}
	write(t, path, "http://b.example\n")
	if _, err := openFile(t, path, Rules{Credentials: true}); err == nil || !strings.Contains(err.Error(), "insecure_origins") {
		t.Errorf("a config that loads does not see that the file is bad now: %v", err)
	}
	third, err := openFile(t, path, Rules{})
	if err != nil || !third.AllowsOrigin(nil, "http://b.example") || third.AllowsOrigin(nil, a) {
		t.Errorf("a config that loads does not see what is in the file now: %v", err)
	}
	if !strict.AllowsOrigin(nil, a) {
		t.Error("the last good list is in force no more")
	}
}

// watchedFilesAt returns the keys in the pool of a path.
func watchedFilesAt(path string) (keys []fileKey) {
	watchedFiles.Range(func(key, _ any) bool {
		if key := key.(fileKey); key.path == path {
			keys = append(keys, key)
		}
		return true
	})
	return keys
}

// TestFileAnswersAfterCleanup shows that requests which an old config still has are
// answered.
func TestFileAnswersAfterCleanup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.txt")
	write(t, path, a+"\n")
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	f := &File{Path: path}
	if err := f.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if err := f.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if !f.AllowsOrigin(nil, a) || f.AllowsOrigin(nil, b) {
		t.Error("it answers otherwise than before")
	}
	if n := len(watchedFilesAt(path)); n != 0 {
		t.Errorf("the file is watched on, %d times", n)
	}
}

func TestFileCaddyfile(t *testing.T) {
	for text, want := range map[string]File{
		"file origins.txt":                          {Path: "origins.txt"},
		"file origins.txt {\ninterval 30s\n}":       {Path: "origins.txt", Interval: caddy.Duration(30 * time.Second)},
		"file \"two words\" {\ninterval 1m30s\n}":   {Path: "two words", Interval: caddy.Duration(90 * time.Second)},
		"file {env.HOME}/origins {\ninterval 1d\n}": {Path: "{env.HOME}/origins", Interval: caddy.Duration(24 * time.Hour)},
		"file origins.txt {\n# nothing\n}":          {Path: "origins.txt"},
	} {
		var f File
		if err := f.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil || f != want {
			t.Errorf("%s: %+v, %v", text, f, err)
		}
	}
	for text, want := range map[string]string{
		"file":                                  "it takes the path",
		"file a b":                              `it takes one path, and not "b" as well`,
		"file a {\ninterval\n}":                 "interval: it takes one value",
		"file a {\ninterval 5\n}":               `interval "5": this is not a duration`,
		"file a {\ninterval 0s\n}":              "leave it out for the default",
		"file a {\ninterval 1s 2s\n}":           "interval: it takes one value",
		"file a {\ninterval 1s\ninterval 2s\n}": "interval is given twice",
		"file a {\nttl 1s\n}":                   `there is no option "ttl"; there is interval`,
	} {
		if err := new(File).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %s", text, err, want)
		}
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
