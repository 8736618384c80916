package caddycors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// driveMonitoring sends requests to the example, and holds what its dashboard and its
// alerts ask for against the metrics that there are then.
func driveMonitoring(t *testing.T, caddyfile string) {
	api, metrics, admin := newClient(t), newClient(t), newClient(t)
	file := filepath.Join(t.TempDir(), "access")
	for _, part := range []string{"\tlog {\n", "http://localhost:8090 {", "http://localhost:8091 {"} {
		if !strings.Contains(caddyfile, part) {
			t.Fatalf("no %q", part)
		}
	}
	caddyfile = strings.NewReplacer("{\n\t# Listen", "{\n\tadmin "+admin.Address+"\n\t# Listen", "\tlog {\n", "\tlog {\noutput file "+file+"\n",
		"localhost:8090", api.Address, "localhost:8091", metrics.Address).Replace(caddyfile)
	loadCaddy(t, adapt(t, caddyfile))

	api.Do("GET /\nOrigin: https://a.partner.example").Want(t, 200, "Allow-Origin: https://a.partner.example", vary)
	api.Do(getOther).Want(t, 200, vary)
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"cors":{"outcome":"allowed","reason":"","policy":"partners"}`, `"cors":{"outcome":"denied","reason":"origin_not_allowed","policy":""}`} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the access log has no %s: %s", want, log)
		}
	}

	shows := readExposed(metrics.Do("GET /metrics").Text)
	d := readDashboard(t)
	d.check(t)
	for _, query := range d.queries() {
		shows.checkQuery(t, query)
	}
	alerts, err := os.ReadFile("examples/monitoring/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, alert := range strings.Split(string(alerts), "- alert:")[1:] {
		shows.checkQuery(t, alert)
	}
}

// exposed are metrics by name, each with its labels and their values.
type exposed map[string]map[string][]string

var labelPair = regexp.MustCompile(`([a-z_]+)(=~|=|!=|!~)"([^"]*)"`)

// readExposed reads what a server shows to Prometheus.
func readExposed(text string) exposed {
	found := make(exposed)
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, "{")
		if !strings.HasPrefix(name, "caddy_http_cors_") {
			continue
		}
		if found[name] == nil {
			found[name] = map[string][]string{"instance": nil} // Prometheus adds it
		}
		for _, pair := range labelPair.FindAllStringSubmatch(rest, -1) {
			found[name][pair[1]] = append(found[name][pair[1]], pair[3])
		}
	}
	return found
}

var (
	selector = regexp.MustCompile(`(caddy_[a-z_]+)(?:\{([^}]*)\})?`)
	grouping = regexp.MustCompile(`by \(([a-z_, ]+)\)`)
)

// checkQuery fails unless each metric that a query selects is there, with the labels
// that the query names and with the values that it compares them with.
func (e exposed) checkQuery(t *testing.T, query string) {
	t.Helper()
	selections := selector.FindAllStringSubmatch(query, -1)
	if selections == nil {
		t.Errorf("%s selects no metric", query)
	}
	for _, selection := range selections {
		labels, ok := e[selection[1]]
		if !ok {
			t.Errorf("%s: there is no metric %s", query, selection[1])
		}
		for _, group := range grouping.FindAllStringSubmatch(query, -1) {
			for name := range strings.SplitSeq(group[1], ", ") {
				if _, ok := labels[name]; !ok {
					t.Errorf("%s: %s has no label %s", query, selection[1], name)
				}
			}
		}
		for _, pair := range labelPair.FindAllStringSubmatch(selection[2], -1) {
			values, ok := labels[pair[1]]
			if !ok {
				t.Errorf("%s: %s has no label %s", query, selection[1], pair[1])
			}
			for value := range strings.SplitSeq(pair[3], "|") {
				if value != "$instance" && !slices.Contains(values, value) {
					t.Errorf("%s: the label %s is never %q", query, pair[1], value)
				}
			}
		}
	}
}

// dashboard is what of a dashboard of Grafana is looked at.
type dashboard struct {
	Templating struct {
		List []struct {
			Name, Type string
			Definition string
		}
	}
	Panels []struct {
		ID                       int
		Type, Title, Description string
		Datasource               datasource
		FieldConfig              struct {
			Defaults struct{ Unit string }
		}
		Targets []struct {
			Expr, LegendFormat string
			Datasource         datasource
		}
	}
}

type datasource struct{ Type, UID string }

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("examples/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// queries returns the queries of all panels and variables.
func (d dashboard) queries() (queries []string) {
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries = append(queries, target.Expr)
		}
	}
	for _, variable := range d.Templating.List {
		if variable.Type == "query" {
			queries = append(queries, variable.Definition)
		}
	}
	return queries
}

// check fails unless each panel has what readers need of it.
func (d dashboard) check(t *testing.T) {
	t.Helper()
	ids := make(map[int]bool)
	for _, p := range d.Panels {
		if p.Title == "" || len(p.Description) < 50 || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || ids[p.ID] {
			t.Errorf("panel %d, %q: it lacks a title, a description, a unit, a query, or an ID of its own", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			if want := (datasource{"prometheus", "${datasource}"}); p.Datasource != want || target.Datasource != want {
				t.Errorf("panel %q: its datasource is no variable", p.Title)
			}
			for _, match := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if group := grouping.FindStringSubmatch(target.Expr); group == nil || !slices.Contains(strings.Split(group[1], ", "), match[1]) {
					t.Errorf("panel %q: the legend has %s, its query has not", p.Title, match[1])
				}
			}
		}
	}
	var names []string
	for _, variable := range d.Templating.List {
		names = append(names, variable.Name)
	}
	if !slices.Equal(names, []string{"datasource", "instance"}) {
		t.Errorf("the variables are %q", names)
	}
}
