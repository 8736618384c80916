package caddycors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// mdTable is a table of a page: the text of its header, and its rows, each cell
// without the spaces around it.
type mdTable struct {
	header string
	rows   [][]string
}

// mdTables returns the tables of a page.
func mdTables(page string) (tables []mdTable) {
	ahead := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "| ---"):
			tables = append(tables, mdTable{header: strings.Trim(ahead, "| ")})
		case strings.HasPrefix(line, "|") && strings.HasPrefix(ahead, "|"):
			cells := strings.ReplaceAll(strings.TrimSuffix(line[1:], "|"), `\|`, "\x00")
			var row []string
			for cell := range strings.SplitSeq(cells, "|") {
				row = append(row, strings.ReplaceAll(strings.TrimSpace(cell), "\x00", "|"))
			}
			last := &tables[len(tables)-1]
			last.rows = append(last.rows, row)
		}
		ahead = line
	}
	return tables
}

// testTables runs a test on each row of each table of a page, by the table's header.
func testTables(t *testing.T, file string, tests map[string]func(row []string)) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, table := range mdTables(string(page)) {
		test, ok := tests[table.header]
		if !ok {
			t.Errorf("nothing tests the table %q", table.header)
			continue
		}
		delete(tests, table.header)
		lines += 2 + len(table.rows)
		for _, row := range table.rows {
			test(row)
		}
	}
	for header := range tests {
		t.Errorf("the page has no table %q", header)
	}
	if n := strings.Count(string(page), "\n|"); n != lines {
		t.Errorf("%d lines of tables, of which %d were read", n, lines)
	}
}

var mdCode = regexp.MustCompile("`([^`]*)`")

// codes returns what stands in backticks in a cell.
func codes(cell string) (all []string) {
	for _, match := range mdCode.FindAllStringSubmatch(cell, -1) {
		all = append(all, match[1])
	}
	return all
}

// code returns the one text that stands in backticks in a cell, or "" if it is empty.
func code(t *testing.T, cell string) string {
	t.Helper()
	switch all := codes(cell); {
	case cell == "":
		return ""
	case len(all) == 1 && cell == "`"+all[0]+"`":
		return all[0]
	}
	t.Fatalf("the cell %q is no code", cell)
	return ""
}

// policyOf returns the JSON of a handler that has one origin, or expression, and more
// members.
func policyOf(t *testing.T, option, value, more string) string {
	t.Helper()
	quoted, err := json.Marshal([]string{value})
	if err != nil {
		t.Fatal(err)
	}
	return onePolicy(fmt.Sprintf("%q: %s%s", option, quoted, more))
}

// TestOriginsPage holds each row of each table of the page on origins against what a
// handler of that config does.
func TestOriginsPage(t *testing.T) {
	const risky = `, "dangerously_allow": ["null_origin"]`
	const cookies = `, "allow_credentials": true`
	decides := func(config string, cells []string) {
		t.Helper()
		ps, _, err := loadHandler(t, config)
		if err != nil {
			t.Error(err)
			return
		}
		for i, want := range []outcome{outcomeAllowed, outcomeDenied} {
			for _, sent := range codes(cells[i]) {
				if d := ps.decide(newRequest("GET\nOrigin: " + sent)); d.outcome != want {
					t.Errorf("%s: Origin %s is %s", config, sent, d.outcome)
				}
			}
		}
	}
	refuses := func(config string, words ...string) {
		t.Helper()
		_, _, err := loadHandler(t, config)
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s\ngot error %v\nwant %s", config, err, word)
			}
		}
	}
	// needs holds a config against the risk that it needs, or none.
	needs := func(option, value, risk, attack string) {
		t.Helper()
		if risk != "" {
			refuses(policyOf(t, option, value, cookies), `add "dangerously_allow `+risk+`"`, attack)
			risk = fmt.Sprintf(`, "dangerously_allow": [%q]`, risk)
		}
		if _, _, err := loadHandler(t, policyOf(t, option, value, cookies+risk)); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}

	tests := map[string]func(row []string){
		"pattern | matches | does not match": func(row []string) {
			decides(policyOf(t, "allow_origins", code(t, row[0]), risky), row[1:])
		},
		"you write | it means": func(row []string) {
			p, err := origin.ParsePattern(code(t, row[0]))
			if err != nil || p.String() != code(t, row[1]) {
				t.Errorf("%s means %s, %v; want %s", row[0], p, err, row[1])
			}
		},
		"you write | why not | write": func(row []string) {
			words := []string{row[1]}
			if fix := code(t, row[2]); fix != "" {
				words = append(words, `; write "`+fix+`"`)
			}
			refuses(policyOf(t, "allow_origins", code(t, row[0]), ""), words...)
		},
		"origin | needs | since": func(row []string) {
			needs("allow_origins", code(t, row[0]), code(t, row[1]), row[2])
		},
		"expression | matches | does not match": func(row []string) {
			decides(policyOf(t, "allow_origin_regex", code(t, row[0]), ""), row[1:])
		},
		"expression | why not": func(row []string) {
			refuses(policyOf(t, "allow_origin_regex", code(t, row[0]), ""), row[1])
		},
		"expression | matches, too | write": func(row []string) {
			config := policyOf(t, "allow_origin_regex", code(t, row[0]), "")
			decides(config, []string{row[1], ""})
			_, warnings, err := loadHandler(t, config)
			if err != nil || len(warnings) != 1 || !strings.HasSuffix(warnings[0], " write="+code(t, row[2])) {
				t.Errorf("%s: warnings %q, %v", row[0], warnings, err)
			}
		},
		"expression | matches, as well": func(row []string) {
			config := policyOf(t, "allow_origin_regex", code(t, row[0]), "")
			decides(config, []string{row[1], ""})
			_, warnings, err := loadHandler(t, config)
			if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "hosts of strangers match") {
				t.Errorf("%s: warnings %q, %v", row[0], warnings, err)
			}
		},
		"expression | needs": func(row []string) {
			needs("allow_origin_regex", code(t, row[0]), code(t, row[1]), "")
		},
	}
	testTables(t, "docs/origins.md", tests)
}

// TestOriginsPageExamples runs every Caddyfile of the page on origins.
func TestOriginsPageExamples(t *testing.T) {
	t.Setenv("CORS_ORIGINS", "https://app.example.com, https://admin.example.com")
	t.Setenv("CORS_DOMAIN", "example.net")
	blocks, driven := codeBlocks(t, "docs/origins.md"), map[string]bool{"json": true} // below
	for _, test := range []struct{ block, request, want string }{
		{"placeholders", "GET /\nOrigin: https://admin.example.com", "hello https://admin.example.com"},
		{"placeholders", "GET /\nOrigin: https://pr-7.example.net", "hello https://pr-7.example.net"},
		{"placeholders", "GET /\nOrigin: https://pr-7.examplexnet", "hello "},
		{"placeholders", "GET /\nOrigin: {env.CORS_ORIGINS}", "hello "},
		{"matcher", "GET /\nOrigin: https://a.partner.example", "hello, partner "},
		{"matcher", "POST /\nOrigin: https://api.example.com", "hello "},
		{"matcher", "GET /", "hello "},
		{"matcher", "GET /\nOrigin: https://evil.example", "aborted"},
		{"matcher", "GET /\nOrigin: https://app.example.com/", "aborted"},
		{"expression", "GET /\nOrigin: https://beta.example.com", "hello from v2 "},
		{"expression", "GET /v2/x\nOrigin: https://app.example.com", "hello from v2 "},
		{"expression", "GET /\nOrigin: https://app.example.com", "hello "},
	} {
		t.Run(test.block, func(t *testing.T) {
			site := runCaddy(t, strings.Replace(blocks[test.block], "api.example.com {", "http://$A {", 1))
			r, err := site.Try(test.request)
			got := "aborted"
			switch {
			case err == nil && r.StatusCode == http.StatusOK:
				got = r.Text + " " + r.Header.Get(headerAllowOrigin)
			case err == nil:
				got = fmt.Sprint(r.StatusCode, " ", r.Header.Get(headerAllowOrigin))
			}
			if got != test.want {
				t.Errorf("%s\n\ngot %q, want %q", test.request, got, test.want)
			}
		})
		driven[test.block] = true
	}
	allDriven(t, blocks, driven)
}

// TestOriginsPageJSON loads the route of the page on origins.
func TestOriginsPageJSON(t *testing.T) {
	site := newClient(t)
	loadRoute(t, site, codeBlocks(t, "docs/origins.md")["json"])
	for origin, want := range map[string]string{"https://a.partner.example": "hello, partner", "https://partner.example": ""} {
		if r := site.Do("GET /\nOrigin: " + origin); r.Text != want {
			t.Errorf("%s: %s", origin, r)
		}
	}
}
