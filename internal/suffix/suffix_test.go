package suffix

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

func TestOpen(t *testing.T) {
	for _, test := range []struct {
		name, open string
		owned      bool
	}{
		{"com", "com", false},
		{"co.uk", "co.uk", false},
		{"github.io", "github.io", false},
		{"vercel.app", "vercel.app", false},
		{"s3.amazonaws.com", "s3.amazonaws.com", false},
		{"amazonaws.com", "s3.amazonaws.com", false},
		{"compute.amazonaws.com", "*.compute.amazonaws.com", false},
		{"us-east-1.compute.amazonaws.com", "us-east-1.compute.amazonaws.com", false},
		{"ck", "*.ck", false},
		{"anything.ck", "anything.ck", false},
		{"www.ck", "", true}, // an exception
		{"kawasaki.jp", "*.kawasaki.jp", false},
		{"city.kawasaki.jp", "", true},
		{"xn--p1ai", "xn--p1ai", false},
		{"example.com", "", true},
		{"a.example.com", "", true},
		{"example.github.io", "", true},
		{"bucket.s3.amazonaws.com", "", true},
		{"internal", "", false},
		{"localhost", "", false},
		{"app.internal", "", true},
		{"", "", false},
	} {
		if open := Open(test.name); open != test.open {
			t.Errorf("Open(%q) = %q, want %q", test.name, open, test.open)
		}
		if owned := Owned(test.name); owned != test.owned {
			t.Errorf("Owned(%q) = %v", test.name, owned)
		}
	}
}

func TestRegistry(t *testing.T) {
	for name, want := range map[string]bool{"com": true, "co.uk": true, "github.io": false, "example.com": false, "internal": false, "": false} {
		if got := Registry(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// TestTableIsTheLibrarys shows that the table was made from the list that the library
// has, so that an update of one without the other fails.
func TestTableIsTheLibrarys(t *testing.T) {
	output := filepath.Join(t.TempDir(), "table.go")
	if message, err := exec.CommandContext(t.Context(), "go", "run", "gen.go", "-o", output).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, message)
	}
	want, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("table.go")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("table.go is not of %s; run go generate ./internal/suffix", publicsuffix.List)
	}
}

// TestTable holds each line of the table against the library's answers.
func TestTable(t *testing.T) {
	if !slices.IsSortedFunc(parents[:], func(a, b parent) int { return strings.Compare(a.name, b.name) }) {
		t.Error("the table is not sorted")
	}
	if len(parents) < 300 {
		t.Errorf("%d names", len(parents))
	}
	for _, p := range parents {
		if suffix, icann := publicsuffix.PublicSuffix(p.name); suffix == p.name && icann {
			t.Errorf("%q is a public suffix itself", p.name)
		}
		beneath := strings.Replace(p.suffix, "*", "any-label", 1)
		if suffix, _ := publicsuffix.PublicSuffix(beneath); suffix != beneath || !strings.HasSuffix(beneath, "."+p.name) {
			t.Errorf("%q is no public suffix beneath %q", p.suffix, p.name)
		}
	}
}
