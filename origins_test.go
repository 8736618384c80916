package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/seed-9442523e/caddy-cors/internal/origintest"
)

// beCaddy is set in the environment of a test binary that is to be the caddy command.
const beCaddy = "CORS_TEST_BE_CADDY"

func TestMain(m *testing.M) {
	if os.Getenv(beCaddy) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}

// sendOrigins sends a GET whose Origin lines are just these bytes, which a client of
// net/http would not send.
func sendOrigins(c *client, path string, origins ...string) response {
	request := "GET " + path + " HTTP/1.1\r\nHost: " + c.Address + "\r\nConnection: close\r\n"
	for _, origin := range origins {
		request += "Origin: " + origin + "\r\n"
	}
	return c.Raw(request + "\r\n")
}

// TestOriginPairs sends each origin of the table of pairs to a running Caddy, whose
// handler and matcher have the pattern.
func TestOriginPairs(t *testing.T) {
	pairs, err := origintest.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	var caddyfile strings.Builder
	paths := make(map[string]string)
	for _, pair := range pairs {
		if paths[pair.Pattern] == "" {
			paths[pair.Pattern] = fmt.Sprintf("/%d", pair.Line)
			fmt.Fprintf(&caddyfile, "handle %s {\ncors %s {\ndangerously_allow null_origin\n}\n@m cors_origin %[2]s\nrespond @m match\nrespond other\n}\n", paths[pair.Pattern], pair.Pattern)
		}
	}
	site := runCaddy(t, "http://$A {\n"+caddyfile.String()+"}")
	for _, pair := range pairs {
		r := sendOrigins(site, paths[pair.Pattern], pair.Origin)
		allowed, body := pair.Origin, "match"
		switch {
		case !pair.Accepted:
			allowed, body = "", "other"
		case pair.Pattern == "*":
			allowed = "*"
		}
		if r.StatusCode == http.StatusBadRequest && !pair.Accepted {
			body = "400 Bad Request" // of net/http: no header has such a byte
		}
		if got := r.Header.Get(headerAllowOrigin); got != allowed || r.Text != body {
			t.Errorf("line %d: %q, Origin: %q\ngot %s", pair.Line, pair.Pattern, pair.Origin, r)
		}
	}
}

// TestOddOrigins sends what no browser does: several Origin lines, placeholders, and
// megabytes.
func TestOddOrigins(t *testing.T) {
	t.Setenv("CORS_TEST_ONE", "https://one.example")
	t.Setenv("CORS_TEST_HOST", "one")
	site := newClient(t)
	large := strings.Replace(prelude, "admin off", "admin off\nservers {\nmax_header_size 8MB\n}", 1)
	loadCaddy(t, adapt(t, large+`
		http://`+site.Address+` {
			cors {env.CORS_TEST_ONE} https://*.example https://pr-*.example.com {
				allow_origin_regex https://{env.CORS_TEST_HOST}\.example|https://(a+)+\.example\.org
				allow_origin_regex .*
			}
			cors /credentials * {
				allow_credentials
				dangerously_allow any_origin_with_credentials
			}
			respond hello
		}`))
	const one = "https://one.example"
	sendOrigins(site, "/", one).Want(t, 200, "Allow-Origin: "+one, vary)
	long := strings.Repeat("a", 1<<20)
	for _, origins := range [][]string{
		{one, one},
		{one, "https://two.example"},
		{"null", one},
		{"", one},
		{one, ""},
		{one + ", " + one},
		{"{env.CORS_TEST_ONE}"},
		{"https://{env.CORS_TEST_HOST}.example"},
		{"https://{http.request.host}"},
		{"{$CORS_TEST_ONE}"},
		{""},
		{long},
		{"https://" + long + ".example"},
		{"https://" + strings.Repeat("a.", 1<<20) + "example"},
		{one + "/" + long},
		{strings.Repeat("a", 65) + "://one.example"},
		{"https://" + strings.Repeat("a.", 130) + "example"},
		{strings.Repeat(one+",", 1<<16)},
		strings.Split(strings.Repeat(one+" ", 1000), " ")[:1000],
	} {
		for _, path := range []string{"/", "/credentials"} {
			if r := sendOrigins(site, path, origins...); r.StatusCode != http.StatusOK || r.CORS() != vary {
				t.Errorf("%d lines, the first %.100q\ngot %s\nwant %s alone", len(origins), origins[0], r, vary)
			}
		}
	}
}

// TestErrorKinds holds a config of each kind of mistake against what a program is
// told.
func TestErrorKinds(t *testing.T) {
	const cookies = `, "allow_credentials": true`
	for _, test := range []struct {
		config string
		kind   ErrorKind
		risk   string
	}{
		{`{}`, KindMissing, ""},
		{onePolicy(``), KindMissing, ""},
		{onePolicy(`"allow_origins": ["https://a.example/"]`), KindMalformed, ""},
		{onePolicy(`"allow_origin_regex": ["("]`), KindMalformed, ""},
		{onePolicy(`"allow_origins": ["https://a.example"], "max_age": 5`), KindMalformed, ""},
		{onePolicy(`"allow_origin_regex": ["https://A\\.example"]`), KindImpossible, ""},
		{onePolicy(`"allow_origins": ["https://a.example"], "allow_methods": ["TRACE"]`), KindImpossible, ""},
		{`{"policies": [{"allow_origins": ["*"]}, {"allow_origins": ["https://a.example"]}]}`, KindImpossible, ""},
		{onePolicy(`"allow_origins": ["none", "https://a.example"]`), KindConflict, ""},
		{`{"enforce": true, "report_only": true, "policies": [{"allow_origins": ["*"]}]}`, KindConflict, ""},
		{onePolicy(`"allow_origins": ["{env.CORS_TEST_UNSET}"]`), KindPlaceholder, ""},
		{onePolicy(`"allow_origins": ["null"]`), KindDangerous, "null_origin"},
		{onePolicy(`"allow_origins": ["*"]` + cookies), KindDangerous, "any_origin_with_credentials"},
		{onePolicy(`"allow_origins": ["http://a.example"]` + cookies), KindDangerous, "insecure_origins"},
		{onePolicy(`"allow_origins": ["https://*.github.io"]` + cookies), KindDangerous, "public_suffixes"},
	} {
		_, _, err := loadHandler(t, test.config)
		var e *ConfigError
		if !errors.As(err, &e) || e.Kind != test.kind || e.Risk != test.risk {
			t.Errorf("%s\ngot %+v, want %s %s", test.config, e, test.kind, test.risk)
		}
	}
}

// TestValidateCommand runs caddy validate on a file with five mistakes.
func TestValidateCommand(t *testing.T) {
	golden, err := os.ReadFile("testdata/caddyfile/error_five_mistakes.caddyfiletest")
	if err != nil {
		t.Fatal(err)
	}
	caddyfile, _, _ := strings.Cut(string(golden), dashes)
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "validate", "--config", file)
	command.Env = append(os.Environ(), beCaddy+"=1")
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v\n%s", err, output)
	}
	var last struct{ Msg string } // of the lines of its log
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	for _, fix := range []string{
		`write "https://example.com", at ` + file + `:2`,
		`write "PATCH", at ` + file + `:4`,
		`browsers let no page set this header; take it out, at ` + file + `:5`,
		`browsers let no page read this header; take it out, at ` + file + `:6`,
		`write "600s", at ` + file + `:7`,
	} {
		if !strings.Contains(last.Msg, fix) {
			t.Errorf("caddy validate prints no %q:\n%s", fix, output)
		}
	}
}

// TestLoadingManyOrigins loads long lists of each kind of pattern: exact ones, each
// of which a second policy is held against, and labels of many lengths.
func TestLoadingManyOrigins(t *testing.T) {
	const n = 100_000
	for _, test := range []struct{ pattern, origin, second string }{
		{"https://tenant%d.example.com", "https://tenant99999.example.com", "https://*.example.com"},
		{"https://*.tenant%d.example.com", "https://a.tenant99999.example.com", "https://*.example.com"},
		{"https://tenant%d-*.example.com", "https://tenant99999-a.example.com", "https://*.example.com"},
		{"https://*.tenant%d." + strings.Repeat("a.", 100) + "example.com", "https://a.tenant99999." + strings.Repeat("a.", 100) + "example.com", "https://*.example.com"},
		{"http://tenant%d.example.com:*", "http://tenant99999.example.com:3000", "http://*.example.com:*"},
		{"", "https://" + strings.Repeat("a", 4) + "b" + strings.Repeat("c", 9) + ".example.com", "https://*.example.com"},
	} {
		many := &Policy{Name: "many", AllowCredentials: true, DangerouslyAllow: []string{"insecure_origins"}}
		for i := range n {
			pattern := fmt.Sprintf(test.pattern, i)
			if test.pattern == "" { // labels of many lengths
				pattern = "https://" + strings.Repeat("a", 1+i%20) + "*" + strings.Repeat("c", i/20%20) + ".example.com"
				if i >= 20*20 {
					pattern = fmt.Sprintf("https://x%d.example.com", i)
				}
			}
			many.AllowOrigins = append(many.AllowOrigins, pattern)
		}
		h := provision(t, &Handler{Policies: []*Policy{many, {Name: "second", AllowOrigins: []string{test.second}}}})
		if d := h.policies.decide(newRequest("GET\nOrigin: " + test.origin)); d.policyName() != "many" {
			t.Errorf("%s: %+v", test.pattern, d)
		}

		// The other way round, each of them is covered.
		err := (&Handler{Policies: []*Policy{{AllowOrigins: []string{test.second, "https://*.example.com:*"}}, many}}).Provision(caddy.Context{Context: t.Context()})
		if err == nil || !strings.Contains(err.Error(), "never decides") {
			t.Errorf("%s: %v", test.pattern, err)
		}
	}
}
