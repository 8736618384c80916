package caddycors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const (
	// told is what placeholders say, as it stands in a config.
	told = "<{http.cors.outcome}/{http.cors.reason}/{http.cors.policy}>"

	toldAllowed = "<allowed//default>"
	toldDenied  = "<denied/origin_not_allowed/>"
	toldNotCORS = "<not_cors//>"
	toldNothing = "<//>"
)

// TestPlaceholders shows what placeholders say in the directives that take them, behind
// the handler and, where they are replaced late, ahead of it. Each site puts it into the
// body of the response or into the header Told.
func TestPlaceholders(t *testing.T) {
	const (
		cors    = "cors https://app.example.com\n"
		trial   = "cors /* https://app.example.com {\nreport_only\n}\n"
		strict  = "cors /* {\nreport_only\npolicy strict {\nallow_origins https://none.example\n}\n}\n"
		respond = "respond " + told + "\n"
		all     = "cors *\n"
	)
	for _, test := range []struct{ name, site, request, want string }{
		{"allowed", cors + respond, get, toldAllowed},
		{"denied", cors + respond, getOther, toldDenied},
		{"no origin", cors + respond, getNoOrigin, toldNotCORS},
		{"same origin", cors + respond, "POST /\nOrigin: http://$A", "<same_origin//>"},
		{"malformed", cors + respond, "GET /\nOrigin: {http.cors.outcome}", "<denied/origin_malformed/>"},
		{"a named policy", "cors {\npolicy partners {\nallow_origins https://app.example.com\n}\n}\n" + respond, get, "<allowed//partners>"},
		{"a preflight that is passed on", "cors https://app.example.com {\nforward_preflights\nallow_methods GET\n}\n" + respond, preflight, "<denied/method_not_allowed/default>"},
		{"header", cors + "header Told " + told + "\nrespond hi", get, toldAllowed},
		{"header, deferred", cors + "header >Told " + told + "\nrespond hi", get, toldAllowed},
		{"header, deferred, ahead of a preflight", "route {\nheader >Told " + told + "\n" + cors + "}", preflight, toldAllowed},
		{"header, deferred, ahead of a 403", "route {\nheader >Told " + told + "\ncors https://app.example.com {\nenforce\n}\n}", getOther, toldDenied},
		{"request_header", cors + "request_header Told " + told + "\nrespond {http.request.header.Told}", get, toldAllowed},
		{"vars", "route {\n" + cors + "vars told " + told + "\nrespond {vars.told}\n}", getOther, toldDenied},
		{"map", "map {http.cors.outcome} {told} {\nallowed yes\ndefault no\n}\n" + cors + "respond {told}", get, "yes"},
		{"expression", cors + "@denied expression `{http.cors.outcome} == \"denied\"`\nrespond @denied no\nrespond yes", getOther, "no"},
		{"expression, of another", cors + "@denied expression `{http.cors.outcome} == \"denied\"`\nrespond @denied no\nrespond yes", get, "yes"},
		{"the matcher vars", cors + "@denied vars {http.cors.reason} origin_not_allowed\nrespond @denied no\nrespond yes", getOther, "no"},
		{"an error route", cors + "error 503\nhandle_errors {\nrespond " + told + " 200\n}", get, toldAllowed},
		{"an error route with a cors", cors + "error 503\nhandle_errors {\n" + all + "respond " + told + " 200\n}", getOther, toldDenied},
		{"an error route that alone has a cors", "error 503\nhandle_errors {\n" + cors + "respond " + told + " 200\n}", get, toldAllowed},
		{"a named route", "invoke api\n}\n&(api) {\nroute {\n" + cors + respond + "}", get, toldAllowed},

		{"the first decides", cors + "route {\n" + all + respond + "}", getOther, toldDenied},
		{"a trial alone", trial + respond, getOther, toldDenied},
		{"a trial alone, of no origin", trial + respond, getNoOrigin, toldNotCORS},
		{"a trial ahead", strict + cors + respond, get, toldAllowed},
		{"a trial ahead, as long as it is alone", "route {\n" + strict + "header Told " + told + "\n" + cors + "respond hi\n}", get, toldDenied},
		{"a trial behind", cors + "route {\n" + strict + respond + "}", get, toldAllowed},
		{"two trials", "route {\n" + trial + strict + respond + "}", get, toldAllowed},
		{"a trial, then an error route", "route {\n" + strict + "error 503\n}\nhandle_errors {\n" + cors + "respond " + told + " 200\n}", get, toldAllowed},

		{"no cors, respond", "respond " + told, get, told},
		{"no cors, header", "header Told " + told + "\nrespond hi", get, told},
		{"no cors, vars", "vars told " + told + "\nrespond {vars.told}", get, toldNothing},
		{"no cors, map", "map {http.cors.outcome} {told} {\n~^$ nothing\ndefault something\n}\nrespond {told}", get, "nothing"},
		{"no cors, the matcher vars", "@none vars {http.cors.outcome} \"\"\nrespond @none none", get, "none"},
		{"no cors, expression", "@none expression `{http.cors.outcome} == null`\nrespond @none none", get, "none"},
		{"a cors elsewhere", "cors /api/* *\nvars told " + told + "\nrespond {vars.told}", get, toldNothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			caddyfile := "http://$A {\n" + test.site + "\n}\n"
			if site, route, ok := strings.Cut(test.site, "\n}\n&"); ok {
				caddyfile = "&" + route + "\n}\nhttp://$A {\n" + site + "\n}\n"
			}
			r := runCaddy(t, caddyfile).Do(test.request)
			got := r.Text
			if values, ok := r.Header["Told"]; ok {
				got = strings.Join(values, "|")
			}
			if got != test.want {
				t.Errorf("got %q, want %q\n%s", got, test.want, r)
			}
		})
	}
}

// runAccessLogged runs a Caddy whose site has an access log, sends requests, and returns
// what it logged, a line each.
func runAccessLogged(t *testing.T, site string, requests ...string) []map[string]json.RawMessage {
	t.Helper()
	file := filepath.Join(t.TempDir(), "access")
	a := runCaddy(t, "http://$A {\nlog {\noutput file "+file+"\n}\n"+site+"\n}")
	for _, request := range requests {
		a.Do(request)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []map[string]json.RawMessage
	for line := range strings.Lines(string(text)) {
		var entry map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, entry)
	}
	if len(lines) != len(requests) {
		t.Fatalf("%d lines of %d requests: %s", len(lines), len(requests), text)
	}
	return lines
}

func TestAccessLog(t *testing.T) {
	const (
		cors    = "cors https://app.example.com\n"
		strict  = "cors /* {\nreport_only\npolicy strict {\nallow_origins https://none.example\n}\n}\n"
		allowed = `{"outcome":"allowed","reason":"","policy":"default"}`
		denied  = `{"outcome":"denied","reason":"origin_not_allowed","policy":""}`
	)
	for _, test := range []struct{ name, site, request, want string }{
		{"allowed", cors + "respond hi", get, allowed},
		{"denied", cors + "respond hi", getOther, denied},
		{"no origin", cors + "respond hi", getNoOrigin, ""},
		{"same origin", cors + "respond hi", "POST /\nOrigin: http://$A", `{"outcome":"same_origin","reason":"","policy":""}`},
		{"malformed", cors + "respond hi", "GET /\nOrigin: \"}", `{"outcome":"denied","reason":"origin_malformed","policy":""}`},
		{"a preflight", cors, preflight, allowed},
		{"a method", "cors https://app.example.com {\nallow_methods GET\n}", preflight, `{"outcome":"denied","reason":"method_not_allowed","policy":"default"}`},
		{"an error", cors + "error 503", get, allowed},
		{"an error route", cors + "error 503\nhandle_errors {\ncors *\nrespond sorry\n}", getOther, denied},
		{"two handlers", cors + "route {\ncors *\nrespond hi\n}", getOther, denied},
		{"a trial alone", strict + "respond hi", get, denied},
		{"a trial ahead", strict + cors + "respond hi", get, allowed},
		{"a trial behind", cors + "route {\n" + strict + "respond hi\n}", get, allowed},
		{"no cors", "respond hi", get, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			line := runAccessLogged(t, test.site, test.request)[0]
			if got := string(line["cors"]); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestLogAppend shows that a field of the access log can have a placeholder's value, that
// of a request without an origin, too.
func TestLogAppend(t *testing.T) {
	lines := runAccessLogged(t, "log_append told {http.cors.outcome}\ncors https://app.example.com\nrespond hi", get, getOther, getNoOrigin, preflight)
	for i, want := range []string{`"allowed"`, `"denied"`, `"not_cors"`, `"allowed"`} {
		if got := string(lines[i]["told"]); got != want {
			t.Errorf("line %d: got %s, want %s", i, got, want)
		}
	}
	lines = runAccessLogged(t, "log_append told {http.cors.outcome}\nrespond hi", get)
	if got := string(lines[0]["told"]); got != "null" {
		t.Errorf("without a cors: got %s", got)
	}
}

// TestMayHaveAccessLogs loads configs as Caddy does, with access logs and without.
func TestMayHaveAccessLogs(t *testing.T) {
	const server = `{"listen": ["127.0.0.1:1"], "automatic_https": {"disable": true}, "routes": [{"handle": [{"handler": "subroute", "routes": [
		{"handle": [{"handler": "cors", "policies": [{"allow_origins": ["*"]}]}]}]}]}]`
	for config, want := range map[string]bool{
		`"a": ` + server + `}`:                                      false,
		`"a": ` + server + `, "logs": {}}`:                          true,
		`"a": ` + server + `}, "b": {"listen": [":2"], "logs": {}}`: true, // a handler cannot tell its server
	} {
		ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{"http": []byte(`{"servers": {` + config + `}}`)}})
		if err != nil {
			t.Fatalf("%s: %v", config, err)
		}
		app, err := ctx.App("http")
		if err != nil {
			t.Fatalf("%s: %v", config, err)
		}
		subroute := app.(*caddyhttp.App).Servers["a"].Routes[0].Handlers[0].(*caddyhttp.Subroute)
		if got := subroute.Routes[0].Handlers[0].(*Handler).accessLogs; got != want {
			t.Errorf("%s: %v, want %v", config, got, want)
		}
	}
}
