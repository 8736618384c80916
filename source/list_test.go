package source

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// TestReadText shows that a text is read whole, or not at all, whether its length is known,
// is not, or is another than was said.
func TestReadText(t *testing.T) {
	const most = 3 << 20
	broken := errors.New("broken")
	for _, length := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, most, most + 1, 2 * most} {
		text := strings.Repeat("0123456789abcde\n", length/16+1)[:length]
		for _, said := range []int64{-1, 0, int64(length), 5 << 20} {
			read, err := readText(strings.NewReader(text), said, most)
			if length > most && !errors.Is(err, errTooLong) || length <= most && (err != nil || read != text) {
				t.Errorf("%d bytes, %d said: %d are read, %v", length, said, len(read), err)
			}
			read, err = readText(io.MultiReader(strings.NewReader(text[:min(length, most)]), iotest.ErrReader(broken)), said, most)
			if !errors.Is(err, broken) || read != "" {
				t.Errorf("%d bytes, %d said, that break: %d are read, %v", length, said, len(read), err)
			}
		}
	}
}

func TestParseList(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		size   int
		allows []string
		not    []string
	}{
		"nothing":              {text: ""},
		"comments":             {text: "# tenants\n\n \t# more\n"},
		"origins":              {text: "https://a.example\nhttps://b.example:8443\n", size: 2, allows: []string{"https://a.example", "https://b.example:8443"}, not: []string{"https://b.example", "http://a.example"}},
		"no end of line":       {text: "https://a.example", size: 1, allows: []string{"https://a.example"}},
		"a comment behind":     {text: "https://a.example # of tenant 5\nhttps://b.example\t#6\n", size: 2, allows: []string{"https://a.example", "https://b.example"}},
		"white space":          {text: "  https://a.example \r\n\thttps://b.example\r\n", size: 2, allows: []string{"https://a.example", "https://b.example"}},
		"a byte order mark":    {text: "\ufeffhttps://a.example\n", size: 1, allows: []string{"https://a.example"}},
		"patterns":             {text: "https://*.example.com\nhttp://localhost:*\nhttps://shop-*.example.org\n", size: 3, allows: []string{"https://a.b.example.com", "http://localhost:3000", "https://shop-1.example.org"}, not: []string{"https://example.com"}},
		"what is not yet so":   {text: "HTTPS://A.Example:443\nhttps://bücher.example\n", size: 2, allows: []string{"https://a.example", "https://xn--bcher-kva.example"}},
		"without credentials":  {text: "http://a.example\nhttps://*.github.io\n", size: 2, allows: []string{"http://a.example", "https://x.github.io"}},
		"given twice":          {text: "https://a.example\nhttps://a.example\n", size: 2, allows: []string{"https://a.example"}},
		"another app's scheme": {text: "app://a.example\n", size: 1, allows: []string{"app://a.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := ParseList(test.text, Rules{})
			if err != nil {
				t.Fatal(err)
			}
			if list.Len() != test.size {
				t.Errorf("%d patterns, want %d", list.Len(), test.size)
			}
			for _, o := range test.allows {
				if !list.Allows(o) {
					t.Errorf("%s is not allowed", o)
				}
			}
			for _, o := range append(test.not, "https://evil.example", "null") {
				if list.Allows(o) {
					t.Errorf("%s is allowed", o)
				}
			}
		})
	}
}

// TestParseListRefuses shows that what a config refuses, a list does, with the number of
// each line.
func TestParseListRefuses(t *testing.T) {
	cookies := Rules{Credentials: true}
	for name, test := range map[string]struct {
		text  string
		rules Rules
		lines []int
		says  string
	}{
		"a path":                   {"https://a.example/path\n", Rules{}, []int{1}, `write "https://a.example"`},
		"no scheme":                {"# tenants\n\na.example\n", Rules{}, []int{3}, `write "https://a.example"`},
		"two on a line":            {"https://a.example https://b.example\n", Rules{}, []int{1}, ""},
		"several":                  {"a\nhttps://a.example\nb\n", Rules{}, []int{1, 3}, ""},
		"every origin":             {"*\n", Rules{}, []int{1}, "stands alone"},
		"none":                     {"none\n", Rules{}, []int{1}, "stands alone"},
		"null":                     {"null\n", Rules{}, []int{1}, "dangerously_allow null_origin"},
		"no TLS, with credentials": {"http://a.example\n", cookies, []int{1}, "dangerously_allow insecure_origins"},
		"any host":                 {"https://*\n", cookies, []int{1}, "dangerously_allow any_origin_with_credentials"},
		"a public suffix":          {"https://*.github.io\n", cookies, []int{1}, "dangerously_allow public_suffixes"},
		"garbage":                  {"\x00\xff\x1b[31m\n", Rules{}, []int{1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := ParseList(test.text, test.rules)
			if err == nil || list != nil {
				t.Fatalf("it is taken: %v", list)
			}
			var lines []int
			for _, err := range joined(err) {
				refused := new(LineError)
				if !errors.As(err, &refused) {
					t.Fatalf("the error is %v", err)
				}
				lines = append(lines, refused.Line)
			}
			if !slices.Equal(lines, test.lines) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("lines %v are refused, want %v: %v", lines, test.lines, err)
			}
		})
	}
}

// TestParseListTakesRisks shows that a policy that takes a risk takes it in lists too.
func TestParseListTakesRisks(t *testing.T) {
	all := Rules{Credentials: true, AnyOrigin: true, Null: true, Insecure: true, PublicSuffix: true}
	list, err := ParseList("http://a.example\nnull\nhttps://*.github.io\nhttps://*\n", all)
	if err != nil || list.Len() != 4 || !list.Allows("null") {
		t.Errorf("%v, %v", list, err)
	}
}

// TestParseListTellsSome shows that the error about a list of nonsense is bounded.
func TestParseListTellsSome(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "%d%s\n", i, strings.Repeat("x", 10_000))
	}
	_, err := ParseList(text.String(), Rules{})
	if n := len(joined(err)); n != maxLineErrors+1 || !strings.HasSuffix(err.Error(), "and 950 more") || len(err.Error()) > 100*maxLineErrors*10 {
		t.Errorf("%d errors in %d bytes", n, len(err.Error()))
	}
}

// FuzzParseList holds a list against its lines, each of which it takes or refuses as if it
// stood alone.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{"https://a.example\n", "# x\nhttps://*.a.example # y\r\n", "*\nnull\nhttp://a.example", "\ufeffa#b\n", "\x00\n\n"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, credentials bool) {
		rules := Rules{Credentials: credentials}
		list, err := ParseList(text, rules)
		size, refused := 0, false
		for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
			alone, err := ParseList("\n"+line, rules)
			if err != nil {
				refused = true
				continue
			}
			size += alone.Len()
		}
		switch {
		case refused != (err != nil):
			t.Errorf("of its lines one is refused: %v; of the list: %v", refused, err)
		case err == nil && list.Len() != size:
			t.Errorf("the list has %d patterns, its lines %d", list.Len(), size)
		}
	})
}

// BenchmarkParseList shows what it takes to read a list, an origin.
func BenchmarkParseList(b *testing.B) {
	const n = 100_000
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "https://tenant%d.example.com\n", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseList(text.String(), Rules{Credentials: true}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/origin")
}
