package corsproxy

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// readPage returns the page on this handler.
func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/cors-proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tableOf returns the first cells of a table of the page, by its header, and its rows.
func tableOf(t *testing.T, page, header string) map[string][]string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n"+header+"\n")
	if !ok {
		t.Fatalf("there is no table %s", header)
	}
	rows := make(map[string][]string)
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i, cell := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cell), "`")
		}
		if cells[0] != "---" {
			rows[cells[0]] = cells[1:]
		}
	}
	return rows
}

// TestPageCaddyfiles shows that the Caddyfiles of the page load, but for what needs a module
// of others.
func TestPageCaddyfiles(t *testing.T) {
	t.Setenv("WEATHER_KEY", "k")
	blocks := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllStringSubmatch(readPage(t), -1)
	if len(blocks) < 2 {
		t.Fatalf("%d Caddyfiles", len(blocks))
	}
	for _, block := range blocks {
		config, err := adapt(prelude + strings.ReplaceAll(block[1], "proxy.example.com {", "http://localhost:0 {"))
		if err == nil {
			err = caddy.Load(config, true)
		}
		if err != nil {
			t.Errorf("%s\n%v", block[1], err)
		}
	}
	_ = caddy.Stop()
}

// TestPageOptions holds the table of options against the directive and its defaults.
func TestPageOptions(t *testing.T) {
	rows := tableOf(t, readPage(t), "| option | values | when left out |")
	if documented, all := slices.Sorted(maps.Keys(rows)), slices.Sorted(slices.Values(options)); !slices.Equal(documented, all) {
		t.Errorf("documented are %v", documented)
	}
	for option, want := range map[string]any{
		optionMethods: http.MethodGet + " " + http.MethodHead, optionMaxBody: fmt.Sprintf("%dMB", defaultMaxBody/1_000_000), optionMaxResponse: fmt.Sprintf("%dMB", defaultMaxResponse/1_000_000),
		optionTimeout: defaultTimeout, optionRedirects: defaultRedirects, optionMaxPerClient: defaultMaxPerClient, optionMaxPerTarget: defaultMaxPerTarget,
	} {
		if got := rows[option][1]; got != fmt.Sprint(want) {
			t.Errorf("%s: %s, and not %v", option, got, want)
		}
	}
	if leastTimeout != 100*time.Millisecond || mostRedirects != 20 || maxURLLength != 8192 || maxResponseHeader != 64<<10 || maxCacheBytes != 64<<20 || maxCachedBody != 1<<20 {
		t.Error("the page says otherwise")
	}
}

// TestPageErrors holds the table of errors against those there are.
func TestPageErrors(t *testing.T) {
	source, err := os.ReadFile("refusal.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := tableOf(t, readPage(t), "| `error` | status | |")
	delete(rows, "error")
	there := make(map[string]bool)
	for _, match := range regexp.MustCompile(`&refusal\{http\.(Status\w+), "(\w+)", `).FindAllStringSubmatch(string(source), -1) {
		there[match[2]] = true
		row, ok := rows[match[2]]
		if !ok {
			t.Errorf("%s is not documented", match[2])
			continue
		}
		var status int
		_, _ = fmt.Sscan(row[0], &status)
		if name := "Status" + strings.NewReplacer(" ", "", "-", "").Replace(http.StatusText(status)); name != match[1] {
			t.Errorf("%s: status %d, and not %s", match[2], status, match[1])
		}
	}
	if len(there) != len(rows) {
		t.Errorf("%d errors, and %d rows", len(there), len(rows))
	}
}

// TestPageForms holds the forms of the page against what is read.
func TestPageForms(t *testing.T) {
	rows := tableOf(t, readPage(t), "| form | as in |")
	if len(rows) != 3 {
		t.Errorf("%d forms", len(rows))
	}
	for form := range rows {
		if got, refused := askedURL(parsed(t, form)); refused != nil || got != "https://api.weather.example/oslo?days=3" {
			t.Errorf("%s: %s, %v", form, got, refused)
		}
	}
}
