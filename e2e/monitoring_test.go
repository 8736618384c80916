//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const (
	monitoringExample = "../examples/monitoring"
	monitoringPackage = "prometheus" // of Debian
)

// TestAlerts holds the files of the example against Prometheus' own checks, and its
// alerts against counts for which they should be raised, and should not.
func TestAlerts(t *testing.T) {
	promtool := find(t, monitoringPackage, "promtool")
	for _, args := range [][]string{
		{"check", "config", monitoringExample + "/prometheus.yml"},
		{"check", "rules", monitoringExample + "/alerts.yml"},
		{"test", "rules", "monitoring/alerts_test.yml"},
	} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestDashboard runs the example, with Prometheus beside it, and holds the answer to each
// query of the dashboard against the requests that were sent.
func TestDashboard(t *testing.T) {
	api, metrics := corstest.NewClient(t, corstest.FreeAddress(t)), corstest.NewClient(t, corstest.FreeAddress(t))
	ports := strings.NewReplacer("localhost:8090", api.Address, "localhost:8091", metrics.Address)
	_, sites, ok := strings.Cut(readExample(t, "Caddyfile"), "\n}\n")
	if !ok {
		t.Fatal("the example has no global options")
	}
	startCaddy(t, "", ports.Replace(sites))
	prometheus := startPrometheus(t, ports)
	prometheus.await(t, `sum(caddy_http_cors_requests_total) == 0`) // the counters are there before anything counts

	const rounds = 40
	for range rounds {
		for _, request := range []string{
			getFrom("http://localhost:3000", "/"), getFrom("http://localhost:3000", "/"), getFrom("http://localhost:3000", "/"),
			getFrom("https://a.partner.example", "/"),
			preflightFrom("http://localhost:3000", "/"),
			preflightFrom("https://a.partner.example", "/"), // for a PUT
			getFrom(evilOrigin, "/"), getFrom(evilOrigin, "/"),
			getFrom("nonsense", "/"),
			"GET /", "GET /", "GET /",
			"POST /\nOrigin: http://$A",
		} {
			api.Do(request)
		}
	}
	prometheus.await(t, fmt.Sprintf(`sum(caddy_http_cors_requests_total) == %d`, 13*rounds))
	time.Sleep(5 * time.Second) // a rate is told from some samples

	const window = 60                                             // seconds, of rates
	per := func(n float64) float64 { return n * rounds / window } // of a round
	want := map[string]map[string]float64{
		"Denied":                      {"map[]": 4. / 9},
		"Requests from other origins": {"map[]": per(9)},
		"Preflights":                  {"map[]": 2. / 9},
		"Origins":                     {"map[]": 3},
		"Requests by outcome":         {"map[outcome:allowed]": per(5), "map[outcome:denied]": per(4), "map[outcome:not_cors]": per(3), "map[outcome:same_origin]": per(1)},
		"Denied by reason and policy": {
			"map[reason:origin_not_allowed]": per(2), "map[reason:origin_malformed]": per(1), "map[policy:partners reason:method_not_allowed]": per(1),
			"map[policy:own reason:method_not_allowed]": 0, "map[policy:own reason:header_not_allowed]": 0, "map[policy:partners reason:header_not_allowed]": 0,
		},
		"Allowed by policy":                       {"map[policy:own]": per(4), "map[policy:partners]": per(1)},
		"Preflights and the requests that follow": {"map[kind:actual]": per(4), "map[kind:preflight]": per(1)},
		"Origins by policy":                       {"map[policy:own]": 2, "map[policy:partners]": 1},
		"Denied in this time": {
			"map[kind:actual reason:origin_not_allowed]": 2 * rounds, "map[kind:actual reason:origin_malformed]": rounds,
			"map[kind:preflight policy:partners reason:method_not_allowed]": rounds,
		},
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1m", "$instance", ".*")
	for title, query := range dashboardQueries(t) {
		got := prometheus.query(t, variables.Replace(query))
		close := len(got) == len(want[title])
		for labels, value := range want[title] {
			// Prometheus extends what it saw to the ends of the window.
			close = close && math.Abs(got[labels]-value) <= 0.3*value
		}
		if !close {
			t.Errorf("%s: %s\ngot\n%v\nwant\n%v", title, query, got, want[title])
		}
		delete(want, title)
	}
	if len(want) > 0 {
		t.Errorf("the dashboard has no panels for %v", want)
	}
	prometheus.checkRules(t)
}

func readExample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoringExample, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// dashboardQueries returns the query of each panel by its title.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readExample(t, "dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	queries := make(map[string]string)
	for _, panel := range dashboard.Panels {
		if _, twice := queries[panel.Title]; twice || len(panel.Targets) != 1 {
			t.Fatalf("panel %q: the test knows one query of each title", panel.Title)
		}
		queries[panel.Title] = panel.Targets[0].Expr
	}
	return queries
}

// prometheusServer is a running Prometheus with the config of the example.
type prometheusServer struct {
	*process
	*corstest.Client
}

// startPrometheus starts Prometheus, which asks for metrics each second.
func startPrometheus(t *testing.T, ports *strings.Replacer) prometheusServer {
	t.Helper()
	dir := t.TempDir()
	config := ports.Replace(readExample(t, "prometheus.yml"))
	config = strings.Replace(config, "scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s", 1)
	writeFile(t, filepath.Join(dir, "prometheus.yml"), config)
	writeFile(t, filepath.Join(dir, "alerts.yml"), readExample(t, "alerts.yml"))
	client := corstest.NewClient(t, corstest.FreeAddress(t))
	p := start(t, dir, nil, find(t, monitoringPackage, "prometheus"),
		"--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+client.Address)
	p.awaitSocket(t, "tcp", client.Address)
	for client.Do("GET /-/ready").StatusCode != http.StatusOK {
		time.Sleep(50 * time.Millisecond)
	}
	return prometheusServer{p, client}
}

// query returns what a query gives now, by labels.
func (p prometheusServer) query(t *testing.T, query string) map[string]float64 {
	t.Helper()
	r := p.Do("GET /api/v1/query?query=" + url.QueryEscape(query))
	var answer struct {
		Data struct {
			ResultType string
			Result     []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal([]byte(r.Text), &answer); err != nil || answer.Data.ResultType != "vector" {
		t.Fatalf("%s\n%v\n%s", query, err, r)
	}
	values := make(map[string]float64)
	for _, result := range answer.Data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(result.Value[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		values[fmt.Sprint(result.Metric)] = value
	}
	return values
}

// await waits until a query gives something.
func (p prometheusServer) await(t *testing.T, query string) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); len(p.query(t, query)) == 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s gives nothing; %v", query, p.query(t, "caddy_http_cors_requests_total"))
		}
	}
}

// checkRules fails unless Prometheus evaluates all alerts without an error.
func (p prometheusServer) checkRules(t *testing.T) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	r := p.Do("GET /api/v1/rules")
	if err := json.Unmarshal([]byte(r.Text), &answer); err != nil || len(answer.Data.Groups) != 1 {
		t.Fatalf("%v\n%s", err, r)
	}
	for _, rule := range answer.Data.Groups[0].Rules {
		if rule.Health != "ok" {
			t.Errorf("the alert %s is %s: %s", rule.Name, rule.Health, rule.LastError)
		}
	}
}
