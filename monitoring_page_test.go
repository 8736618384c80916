package caddycors

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const monitoringPage = "docs/monitoring.md"

// TestMonitoringPage holds each row of each table of the page on monitoring against what
// is decided, logged and counted.
func TestMonitoringPage(t *testing.T) {
	told := make(map[[4]string]bool) // decisions
	alerts, err := os.ReadFile("examples/monitoring/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	testTables(t, monitoringPage, map[string]func(row []string){
		"kind | outcome | reason | policy | what it means": func(row []string) {
			told[[4]string{code(t, row[0]), code(t, row[1]), code(t, row[2]), row[3]}] = true
		},
		"policy | request | reason | hint": func(row []string) {
			p := &Policy{AllowOrigins: []string{"https://app.example.com"}}
			switch option, value, _ := strings.Cut(code(t, row[0]), " "); option {
			case optionAllowMethods:
				p.AllowMethods = []string{value}
			case optionAllowHeaders:
				p.AllowHeaders = []string{value}
			}
			r := newRequest("OPTIONS\nOrigin: https://app.example.com\nAccess-Control-Request-Method: PUT")
			name, value, _ := strings.Cut(code(t, row[1]), ": ")
			r.Header[name] = []string{value}
			h := provision(t, &Handler{Policies: []*Policy{p}})
			d := h.policies.decide(r)
			if got := h.hint(d, r); d.reason.String() != code(t, row[2]) || got != code(t, row[3]) {
				t.Errorf("%s: %s, %s", row, d.reason, got)
			}
		},
		"alert | when | what to do": func(row []string) {
			if !strings.Contains(string(alerts), "- alert: "+code(t, row[0])+"\n") {
				t.Errorf("there is no alert %s", row[0])
			}
		},
	})
	if n := strings.Count(string(alerts), "- alert: "); n != 3 {
		t.Errorf("there are %d alerts", n)
	}

	want := make(map[[4]string]bool)
	for _, policy := range []string{"", "its name"} {
		for _, ofKind := range newRecords(policy) {
			for _, rec := range ofKind {
				if rec != nil {
					want[[4]string{rec.kind.String(), rec.outcome.String(), rec.reason.String(), policy}] = true
				}
			}
		}
	}
	if !maps.Equal(told, want) {
		t.Errorf("the page tells of %v, there are %v", told, want)
	}
}

// TestMonitoringPageExamples runs what the page shows of configs and logs.
func TestMonitoringPageExamples(t *testing.T) {
	blocks := codeBlocks(t, monitoringPage)
	if want := []string{"access log", "log", "log file", "placeholders"}; !slices.Equal(slices.Sorted(maps.Keys(blocks)), want) {
		t.Fatalf("the blocks are %q", slices.Sorted(maps.Keys(blocks)))
	}
	shows := func(t *testing.T, block string, line map[string]any, leave func(name string) bool) {
		t.Helper()
		var want map[string]any
		if err := json.Unmarshal([]byte(blocks[block]), &want); err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(line, func(name string, _ any) bool { return leave(name) && want[name] == nil })
		if !reflect.DeepEqual(line, want) {
			t.Errorf("got %v, the page shows %v", line, want)
		}
	}
	lastLine := func(t *testing.T, file string) (line map[string]any) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := slices.Collect(strings.Lines(string(text)))
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return line
	}

	t.Run("log", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cors.log")
		_, own, _ := strings.Cut(strings.Replace(blocks["log file"], "/var/log/caddy/cors.log", file, 1), "{\n")
		a := runCaddyWith(t, strings.Replace(prelude, "{\n", "{\n"+strings.TrimSuffix(own, "}\n"), 1),
			"http://$A {\ncors {\npolicy own {\nallow_origins https://app.example.com\n}\npolicy partners {\nallow_origins https://*.partner.example\nallow_methods GET\n}\n}\n}")
		a.Do(strings.NewReplacer("app.example.com", "a.partner.example", "PUT", "PURGE").Replace(preflight)).Want(t, http.StatusNoContent,
			"Allow-Origin: https://a.partner.example", "Allow-Methods: GET", "Allow-Headers: *, Authorization", "Max-Age: 600", vary)
		shows(t, "log", lastLine(t, file), func(name string) bool { return name == "level" || name == "ts" || name == "logger" })
	})
	t.Run("access log", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "access.log")
		a := runCaddy(t, "http://$A {\nlog {\noutput file "+file+"\n}\ncors https://app.example.com\nrespond hi\n}")
		a.Do(getOther)
		shows(t, "access log", lastLine(t, file), func(string) bool { return true })
	})
	t.Run("placeholders", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "access.log")
		site := strings.NewReplacer("api.example.com {", "http://$A {", "localhost:9000", "$B", "\tlog\n", "log {\noutput file "+file+"\n}\n").Replace(blocks["placeholders"])
		a := runCaddy(t, site+"http://$B {\nrespond hi\n}")
		for request, want := range map[string][3]string{
			get:         {"hi", "allowed", "allowed"},
			getOther:    {"not for you", "denied origin_not_allowed", "denied"},
			getNoOrigin: {"hi", "not_cors", "not_cors"},
			preflight:   {"", "", "allowed"},
		} {
			r := a.Do(request)
			if got := [3]string{r.Text, strings.TrimSpace(r.Header.Get("X-CORS")), lastLine(t, file)["cors_outcome"].(string)}; got != want {
				t.Errorf("%s: got %q, want %q", request, got, want)
			}
		}
	})
}
