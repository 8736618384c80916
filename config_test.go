package caddycors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// loadHandler provisions a handler from its JSON, as Caddy does, and returns its
// warnings too.
func loadHandler(t *testing.T, config string) (*policies, []string, error) {
	t.Helper()
	h := new(Handler)
	if err := caddy.StrictUnmarshalJSON([]byte(config), h); err != nil {
		return nil, nil, err
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := h.Provision(ctx); err != nil {
		return nil, nil, err
	}
	c := compiler{replacer: caddy.NewReplacer()}
	c.compile(h)
	var warnings []string
	for _, w := range c.warnings {
		line := w.message
		for _, f := range w.fields {
			line += fmt.Sprintf(" %s=%s", f.Key, f.String)
			if f.Interface != nil {
				line += fmt.Sprint(f.Interface)
			}
		}
		warnings = append(warnings, line)
	}
	return h.policies, warnings, nil
}

// onePolicy wraps the members of a policy's JSON.
func onePolicy(members string) string { return `{"policies": [{` + members + `}]}` }

// TestRefusedConfigs holds each config that does not load against the words of its
// error: option, value, reason and fix.
func TestRefusedConfigs(t *testing.T) {
	const app = `"allow_origins": ["https://app.example.com"], `
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, []byte(strings.Repeat("https://a.example.com\n", 50_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CORS_TEST_SLASH", "https://a.example/")
	var shapes []string
	for i := range origin.MaxShapes + 1 {
		shapes = append(shapes, fmt.Sprintf("https://%s*%s.a.example", strings.Repeat("a", i/30), strings.Repeat("b", i%30+1)))
	}
	for _, test := range []struct{ config, want string }{
		{`{}`, `policies: nothing says which origins are allowed; name the origin of your pages, such as "https://app.example.com"`},
		{`{"policies": [null]}`, `policies "null": a policy is an object`},
		{onePolicy(``), `allow_origins: nothing says which origins are allowed; name the origin`},
		{onePolicy(`"allow_origins": ["https://a.example/"]`), `allow_origins "https://a.example/": an origin has no trailing slash; write "https://a.example"`},
		{onePolicy(`"allow_origins": ["https://a.example,https://b.example"]`), `allow_origins "https://a.example,https://b.example": an origin has no ',' in it; give each origin as a value of its own`},
		{onePolicy(`"allow_origins": ["*", "https://a.example"]`), `allow_origins "*": "*" stands alone; take it out, or all other origins that stand beside it`},
		{onePolicy(`"allow_origins": ["*"], "allow_origin_regex": ["https://a"]`), `allow_origins "*": "*" stands alone`},
		{onePolicy(`"allow_origins": ["none", "none"]`), `allow_origins "none": "none" stands alone`},
		{onePolicy(`"allow_origin_regex": ["a)|(b"]`), "allow_origin_regex \"a)|(b\": error parsing regexp: unexpected ): `a)|(b`"},
		{onePolicy(`"allow_origin_regex": ["(?=a)"]`), `allow_origin_regex "(?=a)": error parsing regexp`},

		{onePolicy(`"allow_origins_from": [null]`), `allow_origins_from: position 0 is no object that names the kind of a source; write it like {"source": "file", "path": "/etc/caddy/origins.txt"}; there is ask, `},
		{onePolicy(app + `"allow_origins_from": [{}]`), `allow_origins_from: position 0 is no object`},
		{onePolicy(`"allow_origins_from": [{"source": 5, "url": "https://a.example/s3cret"}]`), `allow_origins_from: position 0 is no object`},
		{onePolicy(`"allow_origins_from": [{"source": null}]`), `allow_origins_from: position 0 is no object`},
		{onePolicy(`"allow_origins_from": [{"source": ""}]`), `allow_origins_from: position 0 is no object`},
		{onePolicy(`"allow_origins_from": [{"Source": "file"}]`), `allow_origins_from: position 0 is no object`},
		{onePolicy(`"allow_origins_from": ["file"]`), `allow_origins_from: position 0 is no object`},
		{onePolicy(`"allow_origins_from": [["file"]]`), `allow_origins_from: position 0 is no object`},
		{onePolicy(`"allow_origins_from": [{"source": "fil", "path": "origins.txt"}]`), `allow_origins_from "fil": there is no such source in this Caddy; there is ask, `},
		{onePolicy(`"allow_origins_from": [{"source": "FILE"}]`), `allow_origins_from "FILE": there is no such source`},
		{onePolicy(`"allow_origins_from": [{"source": "` + strings.Repeat("a", 1000) + `"}]`), `aaa...": there is no such source`},
		{`{"policies": [{"name": "a", ` + app + `"allow_origins_from": []}, {"name": "b", "allow_origins_from": [null, {"source": "file.txt"}]}]}`, `policy b: allow_origins_from: position 0 is no object`},
		{`{"policies": [{"name": "b", "allow_origins_from": [null, {"source": "file.txt"}, 5]}]}`, `policy b: allow_origins_from "file.txt": there is no such source in this Caddy`},
		{`{"policies": [{"name": "b", "allow_origins_from": [null, {"source": "file.txt"}, 5]}]}`, `policy b: allow_origins_from: position 2 is no object`},

		{onePolicy(app + `"allow_methods": ["CONNECT"]`), `allow_methods "CONNECT": browsers let no page send this method; take it out`},
		{onePolicy(app + `"allow_methods": ["GET, PUT"]`), `allow_methods "GET, PUT": this is not a method name; write it like "PUT"`},
		{onePolicy(app + `"allow_methods": [""]`), `allow_methods: this is not a method name`},
		{onePolicy(app + `"allow_methods": []`), `allow_methods: an empty list would not be the default, nor nothing; leave it out for the default, or write "GET"`},
		{onePolicy(app + `"allow_headers": []`), `allow_headers: an empty list would not be the default, nor nothing; leave it out for the default, or write "none"`},
		{onePolicy(app + `"allow_methods": ["all"]`), `allow_methods "all": this is not a method name; for all methods, write "*"`},
		{onePolicy(app + `"allow_methods": ["none"]`), `allow_methods "none": GET, HEAD and POST always may be used; write "GET" for these alone`},
		{onePolicy(app + `"allow_headers": ["All"]`), `allow_headers "All": this is not a header name; for all headers, write "*"`},
		{onePolicy(app + `"allow_headers": ["X-*"]`), `allow_headers "X-*": browsers know no "*" inside a name; name each header, or write "*" alone`},
		{onePolicy(app + `"expose_headers": ["none"]`), `expose_headers "none": this is not a header name; leave the option out to expose none`},
		{onePolicy(app + `"expose_headers": ["X-*"]`), `expose_headers "X-*": browsers know no "*" inside a name`},
		{onePolicy(`"allow_origin_regex": ["app\\.example\\.com"]`), `no origin that a browser sends matches it; write "https://app\.example\.com"`},
		{onePolicy(`"allow_origin_regex": ["^https://App\\.example\\.com$"]`), `no origin that a browser sends matches it`},
		{onePolicy(`"allow_origin_regex": [""]`), `no origin that a browser sends matches it`},
		{onePolicy(`"allow_origins": ["{file.` + large + `}"]`), `the file of {file.` + large + `} may be longer than the 1 MiB that Caddy reads of it; take a shorter one`},
		{onePolicy(app + `"allow_methods": ["Patch"]`), `allow_methods "Patch": methods are case-sensitive, and browsers upper-case all common ones but this; write "PATCH"`},
		{onePolicy(app + `"allow_methods": ["*", "PUT"]`), `allow_methods "*": "*" stands alone; take it out, or all other values`},
		{onePolicy(app + `"allow_headers": ["Sec-Fetch-Mode"]`), `allow_headers "Sec-Fetch-Mode": browsers let no page set this header; take it out`},
		{onePolicy(app + `"allow_headers": ["X One"]`), `allow_headers "X One": this is not a header name; write it like "Content-Type"`},
		{onePolicy(app + `"allow_headers": ["*", "X-One"]`), `allow_headers "X-One": "*" has every header but Authorization; take out one of the two`},
		{onePolicy(app + `"allow_headers": ["none", "X-One"]`), `allow_headers "none": "none" stands alone`},
		{onePolicy(app + `"expose_headers": ["set-cookie"]`), `expose_headers "set-cookie": browsers let no page read this header; take it out`},
		{onePolicy(app + `"expose_headers": ["*", "X-One"]`), `expose_headers "*": "*" stands alone`},
		{onePolicy(app + `"expose_headers": ["X:One"]`), `expose_headers "X:One": this is not a header name; write it like "X-Total-Count"`},
		{onePolicy(app + `"max_age": 600`), `max_age "600": a duration has a unit; write "600s"`},
		{onePolicy(app + `"max_age": "600"`), `max_age "600": a duration has a unit; write "600s"`},
		{onePolicy(app + `"max_age": true`), `max_age "true": this is not a duration; write it like "10m", or "off"`},
		{onePolicy(app + `"max_age": "0s"`), `max_age "0s": the shortest duration is 1s; write "off" for none`},
		{onePolicy(app + `"max_age": 0`), `max_age "0": a duration has a unit; write "off"`},
		{onePolicy(app + `"max_age": 100000`), `max_age "100000": a duration has a unit; write "24h"`},
		{onePolicy(app + `"max_age": 99999999999999999999`), `a duration has a unit; write "86400s"`},
		{onePolicy(app + `"max_age": "-1s"`), `max_age "-1s": the shortest duration is 1s; write "off" for none`},
		{onePolicy(app + `"max_age": "10ms"`), `max_age "10ms": the shortest duration is 1s; write "off" for none`},
		{onePolicy(app + `"max_age": "24h1s"`), `max_age "24h1s": no browser keeps the answer to a preflight for longer than 24h; write "24h"`},
		{onePolicy(app + `"max_age": "1.5s"`), `max_age "1.5s": browsers count whole seconds; write "1s"`},
		{onePolicy(app + `"dangerously_allow": ["all"]`), `dangerously_allow "all": there is no such risk; the risks are any_origin_with_credentials, null_origin, insecure_origins and public_suffixes`},
		{onePolicy(app + `"name": "Main"`), `name "Main": the name of a policy is made of a-z, 0-9, "_" and "-"`},
		{onePolicy(app + `"max_ages": "10m"`), `unknown field "max_ages"`},

		{`{"enforce": true, "report_only": true, "policies": [{"allow_origins": ["*"]}]}`, `enforce: it does not go with report_only, which refuses nothing; take out one of the two`},
		{`{"preflight_status": 199, "policies": [{"allow_origins": ["*"]}]}`, `preflight_status "199": browsers take a preflight for answered only with a status from 200 to 299; leave it out for 204`},
		{`{"preflight_status": 300, "policies": [{"allow_origins": ["*"]}]}`, `preflight_status "300":`},
		{`{"upstream_headers": "drop", "policies": [{"allow_origins": ["*"]}]}`, `upstream_headers "drop": unknown value; write "replace" or "keep"`},
		{`{"policies": [{"name": "a", "allow_origins": ["https://a.example"]}, {"name": "a", "allow_origins": ["https://b.example"]}]}`, `policy a: name "a": another policy has this name; give each policy its own`},
		{`{"policies": [{"name": "policy1", "allow_origins": ["https://a.example"]}, {"allow_origins": ["https://b.example"]}]}`, `policy policy1: name "policy1": another policy has this name`},
		{`{"policies": [{"allow_origins": ["https://*.a.example"]}, {"allow_origins": ["https://b.a.example", "https://*.c.a.example"]}]}`, `policy policy1: allow_origins: the policies before this one match all of its origins, so it never decides; take it out, or put it before them`},
		{`{"policies": [{"allow_origins": ["*"]}, {"allow_origin_regex": ["https://a"]}]}`, `policy policy1: allow_origins: the policies before this one match all of its origins`},

		{onePolicy(`"allow_origins": ["*"], "allow_credentials": true`), `allow_origins "*": with allow_credentials, this trusts sites of strangers; name the origins that you trust, or, if you accept that any site that a user visits can read responses as that user, add "dangerously_allow any_origin_with_credentials"`},
		{onePolicy(`"allow_origins": ["https://*"], "allow_credentials": true`), `allow_origins "https://*": with allow_credentials, this trusts sites of strangers`},
		{onePolicy(`"allow_origins": ["null"]`), `allow_origins "null": this is no site: any page can have this origin; take it out, or, if you accept that any site can send the origin null, from a sandboxed frame, and read responses, add "dangerously_allow null_origin"`},
		{onePolicy(`"allow_origins": ["file://"]`), `add "dangerously_allow null_origin"`},
		{onePolicy(`"allow_origins": ["http://a.example"], "allow_credentials": true`), `allow_origins "http://a.example": with allow_credentials, this trusts pages that came without TLS; write https://, or, if you accept that whoever is on the network`},
		{onePolicy(`"allow_origins": ["https://*.github.io"], "allow_credentials": true`), `this trusts everyone who gets a name below the public suffix "github.io"`},
		{onePolicy(`"allow_origins": ["https://shop-*.vercel.app"], "allow_credentials": true`), `add "dangerously_allow public_suffixes"`},
		{onePolicy(`"allow_origins": ["https://*.co.uk"], "allow_credentials": true`), `public suffix "co.uk"`},
		{onePolicy(`"allow_origins": ["https://*.amazonaws.com"], "allow_credentials": true`), `public suffix "s3.amazonaws.com"`},
		{onePolicy(`"allow_origins": ["https://*.ck"], "allow_credentials": true`), `public suffix "*.ck"`},
		{onePolicy(`"allow_origins": ["https://*example.com"], "allow_credentials": true`), `public suffix "com"`},
		{onePolicy(`"allow_origins": ["https://*.com"], "allow_credentials": true`), `public suffix "com"`},
		{onePolicy(`"allow_origin_regex": ["https://.*example\\.com"], "allow_credentials": true`), `allow_origin_regex "https://.*example\.com": with allow_credentials, this can match sites of strangers; end the host in a domain of yours, after a dot, as in "https://[a-z0-9-]+\.example\.com", or, if you accept that any site`},
		{onePolicy(`"allow_origin_regex": ["https://.*\\.github\\.io"], "allow_credentials": true`), `add "dangerously_allow any_origin_with_credentials"`},
		{onePolicy(`"allow_origin_regex": ["https://.*\\.amazonaws\\.com"], "allow_credentials": true`), `add "dangerously_allow any_origin_with_credentials"`},
		{onePolicy(`"allow_origin_regex": ["https://.*"], "allow_credentials": true`), `add "dangerously_allow any_origin_with_credentials"`},
		{onePolicy(`"allow_origin_regex": ["https://app.example\\.com"], "allow_credentials": true`), `escape the dots, as in "https://app\.example\.com"`},
		{onePolicy(`"allow_origins": ["chrome-extension://a*"], "allow_credentials": true`), `add "dangerously_allow any_origin_with_credentials"`},
		{onePolicy(`"allow_origin_regex": ["null|https://a\\.example"]`), `a regular expression never matches "null"; take it out, or write "allow_origins null", which needs the risk null_origin`},
		{onePolicy(`"allow_origin_regex": ["/^https:\\/\\/.*\\.example\\.com$/"]`), `no origin that a browser sends matches it; write "^https://.*\.example\.com$"`},
		{onePolicy(`"allow_origin_regex": ["` + strings.Repeat("[:", maxRegexBytes) + `a]"]`), `a regular expression has 64 KiB at most; list the origins in allow_origins`},
		{onePolicy(`"allow_origin_regex": ["https://` + strings.Repeat("a.b|", 100) + `c.d"], "allow_credentials": true`), `end the host in a domain of yours`}, // escaped, it is too long to show
		{onePolicy(`"allow_origins": ["https://.*example.com"]`), `this is a regular expression, not an origin; write it like "https://app.example.com"`},
		{onePolicy(`"allow_origin_regex": ["(?=x)"]`), `see https://github.com/google/re2/wiki/Syntax`},
		{onePolicy(`"allow_origin_regex": ["*.example.com"]`), `write "allow_origins https://*.example.com"`},
		{onePolicy(`"allow_origin_regex": ["https://b\u00fccher\\.example"]`), `in lower case and ASCII`},
		{onePolicy(`"allow_origin_regex": ["https://.*\\.github.io"], "allow_credentials": true`), `end the host in a domain of yours`}, // escaped, it needs the risk too
		{onePolicy(`"allow_origin_regex": ["https://` + strings.Repeat(`(?:[a-z.]?){1000}`, 20) + `"], "allow_credentials": true`), `this is too large to tell which sites it can match; split it up`},
		{onePolicy(`"allow_origins": ["https://(a|b).example.com"]`), `write "allow_origin_regex https://(a|b)\.example\.com"`},
		{onePolicy(`"allow_origins": ["https://(a"]`), `this is a regular expression, not an origin; write it like "https://app.example.com"`},
		{onePolicy(`"allow_origins": ["{CORS_ORIGINS}"]`), `only {env.*}, {file.*} and {system.*} do; for an environment variable, write {env.CORS_ORIGINS}`},
		{onePolicy(`"allow_origins": ["{env.CORS_TEST_SLASH}"]`), `allow_origins "https://a.example/": an origin has no trailing slash, in the value of {env.CORS_TEST_SLASH}; write "https://a.example"`},
		{`{"policies": [{"allow_origins": ["` + strings.Join(shapes, `", "`) + `"]}]}`, `what stands around the "*" inside a label has more than 500 different lengths, below one host; let "*" stand for more of the label`},
		{onePolicy(`"allow_origin_regex": ["https://*.example.com"]`), `allow_origin_regex "https://*.example.com": this is a pattern, which means something else as a regular expression; write "allow_origins https://*.example.com"`},
		{onePolicy(`"allow_origin_regex": ["*"]`), `write "allow_origins *"`},
		{onePolicy(`"allow_origin_regex": ["https://.*\\.example\\.com:443"]`), `no origin that a browser sends matches it`},
		{onePolicy(`"allow_origins": ["https://.*\\.example\\.com"]`), `allow_origins "https://.*\.example\.com": this is a regular expression, not an origin; write "allow_origin_regex https://.*\.example\.com"`},
		{onePolicy(`"allow_origins": ["https://a.example\u0007"]`), `allow_origins "https://a.example\a": an origin has no white space; write "https://a.example"`},
		{onePolicy(`"allow_origin_regex": ["https?://a\\.example"], "allow_credentials": true, "dangerously_allow": ["any_origin_with_credentials"]`), `with allow_credentials, this can match pages that came without TLS; let it start with https://`},
		{onePolicy(`"allow_origin_regex": ["http://a\\.example"], "allow_credentials": true`), `add "dangerously_allow insecure_origins"`},
		{onePolicy(`"allow_origin_regex": ["http.*"], "allow_credentials": true, "dangerously_allow": ["any_origin_with_credentials"]`), `add "dangerously_allow insecure_origins"`},
		{onePolicy(`"allow_origin_regex": ["http://(localhost|a\\.example)"], "allow_credentials": true`), `add "dangerously_allow insecure_origins"`},

		{onePolicy(`"allow_origins": ["{env.CORS_TEST_UNSET}"]`), `allow_origins "{env.CORS_TEST_UNSET}": the placeholder {env.CORS_TEST_UNSET} is unknown or empty; set it, or take it out`},
		{onePolicy(`"allow_origins": ["{system.nothing}"]`), `{system.nothing} is unknown or empty`},
		{onePolicy(`"allow_origins": ["{file.testdata/missing}"]`), `{file.testdata/missing} is unknown or empty`},
		{onePolicy(`"allow_origins": ["https://{http.request.host}"]`), `the placeholder {http.request.host} has no value when the config loads; only {env.*}, {file.*} and {system.*} do`},
		{onePolicy(`"allow_origins": ["{}"]`), `the placeholder {} has no value`},
		{onePolicy(app + `"allow_methods": ["{http.request.method}"]`), `allow_methods "{http.request.method}": the placeholder`},
		{onePolicy(`"allow_origin_regex": ["https://{env.CORS_TEST_UNSET}"]`), `allow_origin_regex "https://{env.CORS_TEST_UNSET}": the placeholder {env.CORS_TEST_UNSET} is unknown or empty`},
	} {
		_, _, err := loadHandler(t, test.config)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\ngot error: %v\nwant: %s", test.config, err, test.want)
		}
		// Each mistake has a kind, a reason and a fix.
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, err := range joined.Unwrap() {
				if e := new(ConfigError); !errors.As(err, &e) || e.Kind == "" || e.Option == "" || e.Reason == "" || e.Fix == "" {
					t.Errorf("%s\ngot %#v", test.config, e)
				}
			}
		}
	}
}

// TestErrorsComeTogether shows that a program gets every mistake, each with its parts.
func TestErrorsComeTogether(t *testing.T) {
	_, _, err := loadHandler(t, `{"preflight_status": 100, "policies": [{"allow_origins": ["a.example", "*"], "allow_methods": ["patch"], "max_age": 5}, {"name": "b"}]}`)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	var got []string
	for _, err := range joined.Unwrap() {
		var e *ConfigError
		if !errors.As(err, &e) || e.Reason == "" {
			t.Fatalf("%T: %v", err, err)
		}
		got = append(got, e.Policy+"|"+e.Option+"|"+e.Value)
	}
	want := "|preflight_status|100 policy0|allow_origins|a.example policy0|allow_origins|* policy0|allow_methods|patch policy0|max_age|5 b|allow_origins|"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, " "), want)
	}
}

// TestNoPolicyIsUnreachableByMistake shows that a mistake in a policy is not told twice.
func TestNoPolicyIsUnreachableByMistake(t *testing.T) {
	_, _, err := loadHandler(t, `{"policies": [{"allow_origins": ["https://*.example.com"]}, {"allow_origins": ["https://a.example.com", "b.example"]}]}`)
	if err == nil || strings.Contains(err.Error(), "never decides") {
		t.Error(err)
	}
}

// TestLongValuesAreCutShort shows that an error does not repeat all of a long value.
func TestLongValuesAreCutShort(t *testing.T) {
	long := strings.Repeat("a", 100_000)
	for _, config := range []string{
		onePolicy(`"allow_origins": ["` + long + `"]`),
		onePolicy(`"allow_origins": ["https://` + long + `:x"]`),
		onePolicy(`"allow_origins": ["` + strings.Repeat("https://a,", 100_000) + `"]`),
		onePolicy(`"allow_methods": [" ` + long + `"], "allow_origins": ["*"]`),
	} {
		if _, _, err := loadHandler(t, config); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.60s: %.2000v", config, err)
		}
	}
}

// TestErrorsAreBounded shows that a long list of mistakes is cut short.
func TestErrorsAreBounded(t *testing.T) {
	many := &Policy{AllowOrigins: make([]string, 1000)}
	err := (&Handler{Policies: []*Policy{many}}).Provision(caddy.Context{Context: context.Background()})
	if n := strings.Count(err.Error(), "not empty"); n != maxErrors || !strings.HasSuffix(err.Error(), "and 950 more") {
		t.Errorf("%d errors: %.100s", n, err)
	}
}

// TestLoadedConfigs holds what loads against what it compiles to and warns of.
func TestLoadedConfigs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "origins")
	if err := os.WriteFile(file, []byte("https://file.example\nhttp://localhost:*\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CORS_TEST_ORIGINS", " https://one.example, https://two.example\thttps://three.example ")
	t.Setenv("CORS_TEST_HOST", "pr.1")
	t.Setenv("CORS_TEST_METHODS", "put,BREW")
	t.Setenv("CORS_TEST_HEADER", "X-Env")
	const cookies = `, "allow_credentials": true`
	for _, test := range []struct {
		name, config string
		matches      string // origins that it matches, if it matches those only of
		of           string
		warnings     []string
	}{
		{name: "placeholders", config: onePolicy(`"allow_origins": ["{env.CORS_TEST_ORIGINS}", "https://{env.CORS_TEST_HOST}.example", "{file.` + file + `}"], "allow_methods": ["{env.CORS_TEST_METHODS}"], "allow_headers": ["{env.CORS_TEST_HEADER}"]`),
			matches: "https://one.example https://two.example https://three.example https://pr.1.example https://file.example http://localhost:3",
			of:      "https://four.example https://prx1.example"},
		{name: "a placeholder in a regex is quoted", config: onePolicy(`"allow_origin_regex": ["https://{env.CORS_TEST_HOST}-[0-9]{1,2}\\.a\\.example"]`),
			matches: "https://pr.1-42.a.example", of: "https://prx1-42.a.example https://pr.1-421.a.example"},
		{name: "a regex is anchored", config: onePolicy(`"allow_origin_regex": ["https://a\\.example|https://b\\.example"]`),
			matches: "https://a.example https://b.example", of: "https://a.example.evil.example https://xb.example"},
		{name: "a regex with flags", config: onePolicy(`"allow_origin_regex": ["(?m)^https://a\\.example$"]`), matches: "https://a.example"},
		{name: "loopback is not insecure", config: onePolicy(`"allow_origins": ["http://localhost:*", "http://*.localhost:*", "http://127.0.0.1:80", "http://[::1]"]` + cookies), matches: "http://localhost:3 http://a.localhost"},
		{name: "a literal regex is not dangerous", config: onePolicy(`"allow_origin_regex": ["^https://a\\.example$", "http://localhost:3000"]` + cookies), matches: "https://a.example http://localhost:3000"},
		{name: "names below what is registered", config: onePolicy(`"allow_origins": ["https://*.example.com", "https://*.example.github.io", "https://*.internal"]` + cookies), matches: "https://a.internal"},
		{name: "a name of its own for each policy", config: `{"policies": [{"allow_origins": ["https://*.a.example"]}, {"allow_origins": ["none"]}, {"name": "open", "allow_origins": ["*"]}]}`},
		{name: "the longest max_age", config: onePolicy(`"allow_origins": ["*"], "max_age": "1d"`)},

		{name: "every risk", config: onePolicy(`"allow_origins": ["http://*", "null", "https://*.github.io"], "dangerously_allow": ["any_origin_with_credentials", "null_origin", "insecure_origins", "public_suffixes"]` + cookies), warnings: []string{
			"a dangerous option is in force policy=policy0 risk=any_origin_with_credentials what_it_means=any site that a user visits can read responses as that user needed_by=[http://*]",
			"a dangerous option is in force policy=policy0 risk=null_origin what_it_means=any site can send the origin null, from a sandboxed frame, and read responses needed_by=[null]",
			"a dangerous option is in force policy=policy0 risk=insecure_origins what_it_means=whoever is on the network of a user can put scripts into http:// pages, and read responses as that user needed_by=[http://*]",
			"a dangerous option is in force policy=policy0 risk=public_suffixes what_it_means=anyone can get a host name that matches, and read responses as the users that visit it needed_by=[https://*.github.io]",
		}},
		{name: "a risk that a source may need", config: onePolicy(`"allow_origins_from": [{"source": "ask", "url": "http://localhost:1/"}], "dangerously_allow": ["null_origin"]`), warnings: []string{
			"a dangerous option is in force policy=policy0 risk=null_origin what_it_means=any site can send the origin null, from a sandboxed frame, and read responses needed_by=[allow_origins_from]",
		}},
		{name: "a risk that nothing needs", config: onePolicy(`"allow_origins": ["https://a.example"], "dangerously_allow": ["null_origin"]` + cookies), warnings: []string{
			"dangerously_allow names a risk that nothing needs; take it out policy=policy0 risk=null_origin",
		}},
		{name: "a domain that anyone can register", config: onePolicy(`"allow_origins": ["https://*example.com", "https://*-preview.vercel.app", "https://shop-*.co.uk", "https://*.net"]`),
			matches: "https://evilexample.com", warnings: []string{
				`anyone can register a domain that matches; "*." ahead of a domain is for its subdomains policy=policy0 allow_origins=https://*example.com`,
				`anyone can register a domain that matches; "*." ahead of a domain is for its subdomains policy=policy0 allow_origins=https://shop-*.co.uk`,
				`anyone can register a domain that matches; "*." ahead of a domain is for its subdomains policy=policy0 allow_origins=https://*.net`,
			}},
		{name: "a regex that strangers match", config: onePolicy(`"allow_origin_regex": ["https://example\\.com.*", "https://.*example\\.com", "https://.*\\.com", ".*", "https?://.*", "https://pr-[0-9]+\\.vercel\\.app"]`),
			matches: "https://example.com.evil.example", warnings: []string{
				`hosts of strangers match; after a dot, a host may end in a domain that is yours policy=policy0 allow_origin_regex=https://example\.com.*`,
				`hosts of strangers match; after a dot, a host may end in a domain that is yours policy=policy0 allow_origin_regex=https://.*example\.com`,
				`hosts of strangers match; after a dot, a host may end in a domain that is yours policy=policy0 allow_origin_regex=https://.*\.com`,
			}},
		{name: "regexes that no stranger matches, or that are meant", config: onePolicy(`"allow_origin_regex": ["http://192\\.168\\.0\\.\\d+", "https://[a-z]+\\.internal", "chrome-extension://[a-p]{32}", "https://(?:pr-[0-9]+\\.vercel\\.app|a\\.example)"]`)},
		{name: "one alternative that strangers match", config: onePolicy(`"allow_origin_regex": ["https://(?:.*shop\\.com|pr-[0-9]+\\.vercel\\.app)"]`), warnings: []string{
			`hosts of strangers match; after a dot, a host may end in a domain that is yours policy=policy0 allow_origin_regex=https://(?:.*shop\.com|pr-[0-9]+\.vercel\.app)`,
		}},
		{name: "a dot of a placeholder is none of the regex", config: onePolicy(`"allow_origin_regex": ["https://{env.CORS_TEST_HOST}.example\\.com"]`), warnings: []string{
			`an unescaped dot matches any character, so that other hosts match policy=policy0 allow_origin_regex=https://{env.CORS_TEST_HOST}.example\.com columns=[29] write=https://{env.CORS_TEST_HOST}\.example\.com`,
		}},
		{name: "one origin as a pattern and as a regex", config: onePolicy(`"allow_origins": ["http://localhost"], "allow_origin_regex": ["http://localhost"]`)},
		{name: "large regexes", config: onePolicy(`"allow_origin_regex": ["https://(?:[a-z]?){1000}(?:[a-z]?){1000}(?:[a-z]?){1000}(?:[a-z]?){1000}\\.a\\.example", "https://(?:[a-z]?){1000}(?:[a-z]?){1000}(?:[a-z]?){1000}(?:[a-z]?){1000}(?:[a-z]?){1000}(?:[a-z]?){1000}(?:[a-z]?){1000}\\.b\\.example"]`), warnings: []string{
			"the regular expressions of this policy are so large that each request may take milliseconds; patterns take none policy=policy0 instructions=",
		}},
		{name: "dots without a backslash", config: onePolicy(`"allow_origin_regex": ["https://app.example\\.com", "^https://[a-z]+.a.example$", "https://pr-.\\.example\\.com"]`),
			matches: "https://app.example.com https://appxexample.com https://xyaza.example https://pr-1.example.com", warnings: []string{
				`an unescaped dot matches any character, so that other hosts match policy=policy0 allow_origin_regex=https://app.example\.com columns=[12] write=https://app\.example\.com`,
				`an unescaped dot matches any character, so that other hosts match policy=policy0 allow_origin_regex=^https://[a-z]+.a.example$ columns=[16 18] write=^https://[a-z]+\.a\.example$`,
			}},
		{name: "a regex that ends in a domain", config: onePolicy(`"allow_origin_regex": ["https://[a-z0-9-]+\\.example\\.com(:[0-9]+)?", "https?://(.*\\.)?localhost:\\d+", "https://(app|admin)\\.example\\.org"]` + cookies),
			matches: "https://a.example.com:8443 http://localhost:3000 https://admin.example.org", of: "https://example.com.evil.example"},
		{name: "a regex given twice", config: onePolicy(`"allow_origin_regex": ["https://a\\.example", "https://a\\.example"]`), warnings: []string{
			`a regular expression is given twice policy=policy0 allow_origin_regex=https://a\.example`,
		}},
		{name: "an origin given twice", config: onePolicy(`"allow_origins": ["https://a.example", "https://A.example:443"]`), warnings: []string{
			"an origin is given twice policy=policy0 allow_origins=https://a.example",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ps, warnings, err := loadHandler(t, test.config)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range strings.Fields(test.matches + " " + test.of) {
				d := ps.decide(newRequest("GET\nOrigin: " + s))
				if allowed := d.outcome == outcomeAllowed; allowed != strings.Contains(" "+test.matches+" ", " "+s+" ") {
					t.Errorf("%q: %s", s, d.outcome)
				}
			}
			if got, want := strings.Join(warnings, "\n"), strings.Join(test.warnings, "\n"); got != want && (!strings.HasSuffix(want, "=") || !strings.HasPrefix(got, want)) {
				t.Errorf("warnings:\n%s\nwant:\n%s", got, want)
			}
			if test.name == "placeholders" && (ps.list[0].allowMethods != "PUT, BREW" || ps.list[0].allowHeaders != "X-Env") {
				t.Errorf("methods %q, headers %q", ps.list[0].allowMethods, ps.list[0].allowHeaders)
			}
		})
	}
}

// TestAdviceIsBounded shows that a long list of things to mend is cut short, and that
// the risks in force are told all the same.
func TestAdviceIsBounded(t *testing.T) {
	twice := strings.Repeat(`"https://a.example", `, 1000)
	_, warnings, err := loadHandler(t, onePolicy(`"allow_origins": [`+twice+`"null"], "dangerously_allow": ["null_origin"]`))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(warnings, "\n")
	if n := strings.Count(all, "given twice"); n != maxErrors || !strings.Contains(all, "risk=null_origin") || !strings.Contains(all, "more like the warnings before") {
		t.Errorf("%d warnings:\n%s", n, all)
	}
}

// TestPlaceholdersWait shows that adapting a Caddyfile does not ask for the values
// that the machine has that loads it, and that it sees all other mistakes.
func TestPlaceholdersWait(t *testing.T) {
	for caddyfile, want := range map[string]string{
		"cors {env.CORS_TEST_UNSET}": "",
		"cors {env.CORS_TEST_UNSET} {\nallow_origin_regex https://{env.CORS_TEST_UNSET}\nallow_methods {env.CORS_TEST_UNSET}\n}":          "",
		"cors {\npolicy {\nallow_origins https://*.a.example\n}\npolicy {\nallow_origins https://b.a.example {env.CORS_TEST_UNSET}\n}\n}": "",
		"cors {env.CORS_TEST_UNSET} a.example": "starts with a scheme",
	} {
		_, err := adaptCaddyfile(":8080 {\n" + caddyfile + "\n}")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s\ngot error %v, want %q", caddyfile, err, want)
		}
	}
}

// TestHandlerMarshals shows that what JSON says comes out of the handler again.
func TestHandlerMarshals(t *testing.T) {
	const config = `{"policies":[{"name":"a","allow_origins":["https://a.example"],"allow_credentials":true,"max_age":"1h"}],"enforce":true,"preflight_status":200}`
	h := new(Handler)
	if err := json.Unmarshal([]byte(config), h); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(h); err != nil || string(again) != config {
		t.Errorf("%s, %v", again, err)
	}
}
