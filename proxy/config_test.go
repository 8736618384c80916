package corsproxy

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// example is the block that the documentation begins with.
const example = `cors_proxy {
	targets https://api.weather.example https://*.openapi.example/v2/*
	header_up Authorization "Bearer {env.WEATHER_KEY}" for https://api.weather.example
	methods GET HEAD
	max_body 1MB
	max_response 10MB
	timeout 10s
	redirects 3
	cache 5m
}`

func TestCaddyfile(t *testing.T) {
	redirects, none := 3, 0
	for text, want := range map[string]Handler{
		example: {
			Targets:   []string{"https://api.weather.example", "https://*.openapi.example/v2/*"},
			HeaderUp:  []HeaderUp{{"Authorization", "Bearer {env.WEATHER_KEY}", []string{"https://api.weather.example"}}},
			Methods:   []string{"GET", "HEAD"},
			MaxBody:   1_000_000,
			Timeout:   caddy.Duration(10 * time.Second),
			Redirects: &redirects, MaxResponse: 10_000_000, Cache: caddy.Duration(5 * time.Minute),
		},
		"cors_proxy {\ntargets https://a.example, https://b.example\ntargets {env.TARGETS}\nforward_authorization https://a.example\nmax_per_client 3\nmax_per_target 4\nallow_networks 10.0.0.0/8 ::1\nallow_networks 127.0.0.1\nredirects 0\nmax_body 1KiB\n}": {
			Targets:              []string{"https://a.example", "https://b.example", "{env.TARGETS}"},
			ForwardAuthorization: []string{"https://a.example"},
			MaxPerClient:         3, MaxPerTarget: 4, Redirects: &none, MaxBody: 1024,
			AllowNetworks: []string{"10.0.0.0/8", "::1", "127.0.0.1"},
		},
	} {
		var h Handler
		if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil || !reflect.DeepEqual(h, want) {
			t.Errorf("%s: %+v, %v", text, h, err)
		}
	}
	for options, want := range map[string]string{
		"":                                     "targets is missing",
		"target https://a.example":             `there is no option "target"; the options here are targets, header_up,`,
		"targets":                              "targets: it takes at least one value",
		"targets *":                            "a proxy to every server",
		"targets https://a.example/a/../b":     "servers differ",
		"targets https://*.github.io":          `public suffix "github.io"`,
		"targets a.example":                    `write "https://a.example"`,
		"header_up":                            "it takes a name, a value and its targets",
		"header_up X":                          "it takes a name, a value and its targets",
		"header_up X y":                        "which targets get it",
		"header_up X Bearer s for https://a.b": "put a value of several words in quotes",
		"header_up X y for":                    "it takes at least one value",
		"header_up X y for nonsense":           "header_up \"nonsense\"",
		"methods":                              "methods: it takes at least one value",
		"methods GET\nmethods HEAD":            "methods is given twice",
		"max_body":                             "max_body: it takes one value",
		"max_body 0":                           "this is not a size",
		"max_body -1":                          "this is not a size",
		"max_response much":                    "this is not a size",
		"timeout soon":                         "this is not a duration",
		"timeout -1s":                          "this is not a duration",
		"redirects many":                       "this is not a number from 0 on",
		"redirects -1":                         "this is not a number from 0 on",
		"redirects 1 2":                        "redirects: it takes one number",
		"max_per_client 0":                     "this is not a number from 1 on",
		"allow_networks 10.0.0.1/8":            `write "10.0.0.0/8"`,
		"allow_networks localhost":             "this is not a network",
		"allow_networks ::ffff:127.0.0.1":      "this is not a network",
		"cache 5m {\nx\n}":                     "cache: it does not take a block",
		"cache never":                          "this is not a duration",
	} {
		err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("cors_proxy {\n" + options + "\n}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
	if err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("cors_proxy https://a.example")); err == nil || !strings.Contains(err.Error(), "write targets in its block") {
		t.Error(err)
	}
}

// TestCompile shows what does not load, that all mistakes are told at once, and no secrets.
func TestCompile(t *testing.T) {
	t.Setenv("PROXY_KEY", "s3cret\n")
	t.Setenv("PROXY_TARGETS", "https://a.example\n https://b.example/v1,https://c.example")
	t.Setenv("PROXY_EMPTY", "")
	for config, want := range map[string][]string{
		`{}`:                                   {"targets is missing"},
		`{"targets": ["{env.PROXY_EMPTY}"]}`:   {"targets: ", "env.PROXY_EMPTY"},
		`{"targets": ["{http.request.host}"]}`: {"targets: ", "http.request.host"},
		`{"targets": ["https://*", "x", ""], "timeout": 1}`:                                                                                                                                             {"a proxy to every server", "starts with a scheme", "a value is missing", "the shortest is 100ms"},
		`{"targets": ["https://a.example"], "methods": []}`:                                                                                                                                             {"an empty list"},
		`{"targets": ["https://a.example"], "methods": ["*"]}`:                                                                                                                                          {"this is not a method name"},
		`{"targets": ["https://a.example"], "methods": ["TRACE", "connect", "patch", "a b"]}`:                                                                                                           {"TRACE", "browsers let no page", `"connect"`, `write "PATCH"`, `"a b"`},
		`{"targets": ["https://a.example"], "redirects": 21, "max_body": -1, "max_response": -1, "cache": -1, "max_per_client": -1, "max_per_target": -1}`:                                              {"redirects 21", "max_body -1", "max_response -1", "cache -1", "max_per_client -1", "max_per_target -1"},
		`{"targets": ["https://a.example"], "max_body": 1099511627777, "max_response": 9223372036854775807}`:                                                                                            {"max_body 1099511627777: the most is 1TiB", "max_response 9223372036854775807: the most is 1TiB"},
		`{"targets": ["https://a.example"], "header_up": [{"name": "X-Y", "value": "s3cret", "for": ["https://a.example"]}, {"name": "x_y", "value": "s3cret", "for": ["https://a.example"]}]}`:         {"overlap"},
		`{"targets": ["https://*.a.example"], "header_up": [{"name": "X", "value": "s3cret", "for": ["https://*.a.example/v2"]}, {"name": "X", "value": "s3cret", "for": ["https://b.a.example"]}]}`:    {`"https://*.a.example/v2" and "https://b.a.example" overlap`},
		`{"targets": ["https://*.a.example"], "header_up": [{"name": "X", "value": "s3cret", "for": ["https://b.a.example"]}, {"name": "X", "value": "s3cret", "for": ["https://*.a.example/v2/*"]}]}`:  {"overlap"},
		`{"targets": ["https://*.a.example"], "header_up": [{"name": "X", "value": "s3cret", "for": ["https://api*.a.example"]}, {"name": "X", "value": "s3cret", "for": ["https://*-eu.a.example"]}]}`: {"overlap"},
		`{"targets": ["https://a.example"], "header_up": [{"name": "X", "value": "s3cret", "for": ["https://a.example"]}, {"name": "x", "value": "s3cret", "for": ["https://a.example/v2"]}]}`:          {`header_up X: "https://a.example" and "https://a.example/v2" overlap`},
		`{"targets": ["https://*.a.example"], "header_up": [{"name": "X", "value": "s3cret", "for": ["https://b.a.example/v2/*"]}, {"name": "X", "value": "s3cret", "for": ["https://*.a.example"]}]}`:  {`header_up X: "https://b.a.example/v2/*" and "https://*.a.example" overlap`},
		`{"targets": ["https://a.example"], "redirects": -1}`:                                                                                                                                           {"redirects -1"},
		`{"targets": ["https://a.example"], "allow_networks": ["x"]}`:                                                                                                                                   {"allow_networks"},
		`{"targets": ["https://a.example"], "forward_authorization": ["https://b.example"]}`:                                                                                                            {`forward_authorization "https://b.example": targets does not include it`},
		`{"targets": ["https://a.example/v1/*"], "forward_authorization": ["https://a.example"]}`:                                                                                                       {"targets does not include it"},
		`{"targets": ["https://a.example"], "header_up": [{"name": "X", "value": "s3cret"}]}`:                                                                                                           {"say which targets get it"},
		`{"targets": ["https://a.example"], "header_up": [{"name": "X Y", "value": "s3cret", "for": ["https://a.example"]}]}`:                                                                           {"not the name of a header"},
		`{"targets": ["https://a.example"], "header_up": [{"name": "host", "value": "s3cret", "for": ["https://a.example"]}]}`:                                                                          {"the proxy sets it itself"},
		`{"targets": ["https://a.example"], "header_up": [{"name": "X", "value": "", "for": ["https://a.example"]}]}`:                                                                                   {"a value is missing"},
		`{"targets": ["https://a.example"], "header_up": [{"name": "X", "value": "{env.PROXY_KEY}", "for": ["https://a.example"]}]}`:                                                                    {"characters that no header may have"},
		`{"targets": ["https://a.example"], "header_up": [{"name": "X", "value": "s3cret {env.PROXY_EMPTY} {http.request.host}", "for": ["https://a.example"]}]}`:                                       {"http.request.host"},
		`{"targets": ["https://a.example"], "header_up": [{"name": "X", "value": "s3cret", "for": ["https://b.example", "http://a.example"]}]}`:                                                         {`"https://b.example"`, `"http://a.example"`},
	} {
		var h Handler
		if err := json.Unmarshal([]byte(config), &h); err != nil {
			t.Fatal(err)
		}
		err := h.compile()
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want %s", config, err, part)
			}
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error tells a secret: %v", config, err)
		}
	}
	fine := Handler{Targets: []string{"https://a.example", "https://*.b.example", "https://*.b.example:8443"}, MaxBody: 1 << 40, MaxResponse: 1 << 40, HeaderUp: []HeaderUp{
		{"X", "1", []string{"https://a.example/v1", "https://a.example/v1/*"}}, {"X", "2", []string{"https://a.example/v2"}}, {"Y", "3", []string{"https://a.example"}},
		{"Z", "1", []string{"https://eu-*.b.example"}}, {"Z", "2", []string{"https://us-*.b.example"}}, {"Z", "3", []string{"https://*-eu.c.b.example"}}, {"Z", "4", []string{"https://eu-*.b.example:8443"}},
	}}
	if err := fine.compile(); err != nil {
		t.Error(err)
	}
	h := Handler{Targets: []string{"{env.PROXY_TARGETS}"}, Methods: []string{"get", "PURGE"}}
	if err := h.compile(); err != nil || len(h.targets) != 3 || h.targets[1].String() != "https://b.example/v1" || h.methods[0] != "GET" || h.methods[1] != "PURGE" {
		t.Errorf("%v, %v", h, err)
	}
}

// TestDefaults shows what a proxy is that names its targets alone.
func TestDefaults(t *testing.T) {
	h := Handler{Targets: []string{"https://a.example"}}
	if err := h.compile(); err != nil {
		t.Fatal(err)
	}
	if h.maxBody != 1_000_000 || h.maxResponse != 10_000_000 || h.timeout != 10*time.Second || h.redirects != 3 || h.MaxPerClient != 20 || h.MaxPerTarget != 100 ||
		!reflect.DeepEqual(h.methods, []string{"GET", "HEAD"}) || len(h.networks()) != 0 || len(h.takeAuthorization) != 0 {
		t.Errorf("%+v", h)
	}
}

// TestExampleLoads shows that the example loads as it stands, in a site of its own, once the
// key is there, and tells where a mistake stands.
func TestExampleLoads(t *testing.T) {
	t.Setenv("WEATHER_KEY", "k")
	site := runCaddy(t, "http://$A {\ncors "+page+"\n"+example+"\n}")
	wantRefusal(t, site.Do(ask("https://other.example")), refusedTarget, allowPage)

	_, err := adapt(prelude + "http://localhost {\n\tcors " + page + "\n\t" + strings.Replace(example, "https://*.openapi.example/v2/*", "https://*", 1) + "\n}")
	if err == nil || !strings.Contains(err.Error(), "a proxy to every server") || !strings.Contains(err.Error(), "Caddyfile:13") {
		t.Error(err)
	}
}

// TestReload shows that configs come and go, with requests to each.
func TestReload(t *testing.T) {
	a := serveAPI(t, redirecting)
	for range 3 {
		site := runProxy(t, "targets "+a.URL)
		if r := site.Do(ask(a.URL)); r.StatusCode != http.StatusOK {
			t.Errorf("%s", r)
		}
	}
	if _, err := adapt("http://localhost {\ncors_proxy /p/* {\ntargets https://a.example\n}\nreverse_proxy localhost:1\n}"); err != nil {
		t.Error(err)
	}
}

// TestBehindPath shows the proxy at a path of a site that has more.
func TestBehindPath(t *testing.T) {
	a := serveAPI(t, redirecting)
	site := runCaddy(t, "http://$A {\ncors "+page+"\nhandle_path /proxy/* {\ncors_proxy {\ntargets "+a.URL+"\nallow_networks 127.0.0.0/8\n}\n}\nrespond page\n}")
	host := strings.TrimPrefix(a.URL, "http://")
	for _, path := range []string{"/proxy/?url=" + a.URL + "/a%2520b", "/proxy/?" + a.URL + "/a%20b", "/proxy/" + a.URL + "/a%20b", "/proxy/http:/" + host + "/a%20b"} {
		if r := site.Do("GET " + path + "\nOrigin: " + page); r.Text != "GET "+host+" /a%20b" {
			t.Errorf("%s: %s", path, r)
		}
	}
	if r := site.Do("GET /\nOrigin: " + page); r.Text != "page" || r.Header.Get("Content-Security-Policy") != "" {
		t.Errorf("%s", r)
	}
}
