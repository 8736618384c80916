package caddycors

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// TestMatcher drives the matcher on a real Caddy, in the forms that a Caddyfile has.
func TestMatcher(t *testing.T) {
	t.Setenv("CORS_TEST_ONE", "https://one.example")
	t.Setenv("CORS_TEST_PARTNERS", "https://env.example, http://localhost:*")
	site := runCaddy(t, `
		http://$A {
			handle /one {
				@partner cors_origin https://*.partner.example
				respond @partner matched
			}

			@two {
				path /two
				cors_origin https://A.example:443, https://b.example
				cors_origin {env.CORS_TEST_PARTNERS}
			}
			respond @two matched

			@expression expression `+"`path('/expression') && cors_origin('https://*.partner.example', 'null')`"+`
			respond @expression matched

			@escaped expression `+"`path('/escaped') && cors_origin('\\{env.CORS_TEST_ONE}')`"+`
			respond @escaped matched

			@stranger {
				path /not
				header Origin *
				not cors_origin https://*.partner.example
			}
			respond @stranger matched

			@any {
				path /any
				cors_origin *
			}
			respond @any matched

			@null {
				path /null
				cors_origin null
			}
			respond @null matched

			@none {
				path /none
				cors_origin none
			}
			respond @none matched
		}`)
	for _, test := range []struct {
		path, origins string // origins of one request each; "|" ahead of a second line, "-" without
		matches       bool
	}{
		{"/one", "https://a.partner.example https://a.b.partner.example", true},
		{"/one", "- https://partner.example https://a.partner.example:8443 http://a.partner.example null", false},
		{"/one", "https://a.partner.example/ HTTPS://a.partner.example https://evil.example?.partner.example https://a.partner.example|https://a.partner.example", false},
		{"/one", "https://{env.CORS_TEST_ONE}.partner.example {env.CORS_TEST_ONE}", false},
		{"/two", "https://a.example https://b.example https://env.example http://localhost:5173", true},
		{"/two", "- https://c.example", false},
		{"/expression", "https://a.partner.example null", true},
		{"/expression", "- https://partner.example", false},
		{"/escaped", "https://one.example", true},
		{"/escaped", "- https://two.example {env.CORS_TEST_ONE}", false},
		{"/not", "https://stranger.example null https://a.partner.example/ https://a.partner.example|https://a.partner.example", true},
		{"/not", "- https://a.partner.example", false},
		{"/any", "https://a.example null https://a.example/ https://a.example|https://b.example", true},
		{"/any", "-", false},
		{"/null", "null", true},
		{"/null", "- https://a.example file://", false},
		{"/none", "- null https://a.example none", false},
	} {
		for _, origin := range strings.Fields(test.origins) {
			request := "GET " + test.path
			if origin != "-" {
				request += "\nOrigin: " + strings.ReplaceAll(origin, "|", "\nOrigin: ")
			}
			if r := site.Do(request); (r.Text == "matched") != test.matches {
				t.Errorf("%s\n\ngot %s\n\nwant a match: %v", request, r, test.matches)
			}
		}
	}
}

func TestMatcherRefuses(t *testing.T) {
	for _, test := range []struct{ matcher, want string }{
		{`cors_origin {env.CORS_TEST_UNSET}`, `cors_origin "{env.CORS_TEST_UNSET}": the placeholder {env.CORS_TEST_UNSET} is unknown or empty; set it, or take it out`},
		{`expression cors_origin('a.example')`, `cors_origin "a.example": an origin starts with a scheme; write "https://a.example"`},
		{`expression cors_origin('*', 'https://a.example')`, `cors_origin "*": "*" stands alone`},
		{`expression cors_origin({http.request.header.Allowed})`, `cors_origin: in an expression, a placeholder has no value when the config loads; write plain strings, escape its brace as in "\{env.NAME}", or write a matcher of its own: "@name cors_origin {env.NAME}"`},
		{"expression `cors_origin('{env.CORS_TEST_ONE}')`", `in an expression, a placeholder has no value`},
		{"expression `cors_origin('https://{env.CORS_TEST_ONE}.example')`", `in an expression, a placeholder has no value`},
		{`expression cors_origin('https://a.example', {env.HOME})`, `in an expression, a placeholder has no value`},
		{`expression cors_origin()`, `matcher requires at least one argument`},
	} {
		config := adapt(t, ":8080 {\n@m "+test.matcher+"\nrespond @m hi\n}")
		if err := validate(config); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\ngot error: %v\nwant: %s", test.matcher, err, test.want)
		}
	}
}

// validate loads a config and throws it away.
func validate(config []byte) error {
	parsed := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(config, parsed); err != nil {
		return err
	}
	return caddy.Validate(parsed)
}

// TestMatcherErrorsAreTyped shows that a program can tell the mistakes apart.
func TestMatcherErrorsAreTyped(t *testing.T) {
	err := (&MatchOrigin{Origins: []string{"a.example", "none"}}).Provision(caddy.Context{})
	var e *ConfigError
	if !errors.As(err, &e) || e.Kind != KindMalformed || e.Option != "cors_origin" || e.Value != "a.example" || e.Policy != "" {
		t.Errorf("%+v", e)
	}
}

func TestMatcherDoesNotAllocate(t *testing.T) {
	m := new(MatchOrigin)
	if err := m.UnmarshalCaddyfile(caddyfile.NewTestDispenser("cors_origin https://*.partner.example")); err != nil {
		t.Fatal(err)
	}
	r := newRequest("GET\nOrigin: https://a.partner.example")
	if n := testing.AllocsPerRun(100, func() {
		if !m.Match(r) {
			t.Error("no match")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
