package caddycors

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// runLog runs a Caddy that logs what it has to say of decisions to a file. More is what
// stands beside the site.
func runLog(t *testing.T, file, level, site, more string) *client {
	t.Helper()
	log := "output file " + file + "\nlevel " + level + "\ninclude http.handlers.cors"
	return runCaddyWith(t, strings.Replace(prelude, "output discard", log, 1), "http://$A {\n"+site+"\n}\n"+more)
}

// runLogged runs such a Caddy, sends requests, and returns what it logged.
func runLogged(t *testing.T, level, site, more string, requests ...string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "log")
	a := runLog(t, file, level, site, more)
	for _, request := range requests {
		a.Do(request)
	}
	return readLog(t, file)
}

// readLog returns a log in a line each of level, fields in this order, and hint.
func readLog(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		text := fmt.Sprint(entry["level"], " ", entry["msg"])
		for _, field := range []string{"policy", "kind", "reason", "origin", "method", "requested_method", "requested_headers", "report_only", "risk", "response", "decision", "hint"} {
			if value, ok := entry[field]; ok {
				text += fmt.Sprintf(" %s=%v", field, value)
			}
		}
		lines = append(lines, text)
	}
	return lines
}

func TestDeniedRequestsAreLogged(t *testing.T) {
	got := runLogged(t, "INFO", "cors https://app.example.com {\nallow_methods PUT\nallow_headers X-One\n}\nrespond hi", "",
		get, getNoOrigin, "POST /\nOrigin: http://$A", getOther, "GET /\nOrigin: nonsense", "GET /\nOrigin: https://a.example\nOrigin: https://b.example",
		strings.Replace(preflight, "PUT", "DELETE", 1), strings.Replace(preflight, "PUT", "patch", 1), preflight+"\nAccess-Control-Request-Headers: x-two", preflight)
	want := []string{
		"info cross-origin request denied policy= kind=actual reason=origin_not_allowed origin=https://evil.example method=GET hint=if you trust this origin, write \"allow_origins https://evil.example\"",
		"info cross-origin request denied policy= kind=actual reason=origin_malformed origin=nonsense method=GET hint=no browser sends this",
		"info cross-origin request denied policy= kind=actual reason=origin_malformed origin=https://a.example, https://b.example method=GET hint=no browser sends several Origin headers; see what adds one",
		"info cross-origin request denied policy=default kind=preflight reason=method_not_allowed origin=https://app.example.com method=OPTIONS requested_method=DELETE requested_headers= hint=add \"DELETE\" to allow_methods",
		"info cross-origin request denied policy=default kind=preflight reason=method_not_allowed origin=https://app.example.com method=OPTIONS requested_method=patch requested_headers= hint=methods are case-sensitive: let the page write PATCH, and add \"PATCH\" to allow_methods",
		"info cross-origin request denied policy=default kind=preflight reason=header_not_allowed origin=https://app.example.com method=OPTIONS requested_method=PUT requested_headers=x-two hint=add \"x-two\" to allow_headers",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAllowedRequestsAreLoggedForDebugging(t *testing.T) {
	got := runLogged(t, "DEBUG", "cors https://app.example.com\nrespond hi", "", get, getNoOrigin)
	want := "debug cross-origin request allowed policy=default kind=actual reason= origin=https://app.example.com method=GET"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestWarningsAreLoggedAtLoad(t *testing.T) {
	got := runLogged(t, "INFO", "cors null {\ndangerously_allow null_origin\n}", "")
	if want := "warn a dangerous option is in force policy=default risk=null_origin"; strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestALogLineIsBounded(t *testing.T) {
	lines := []string{strings.Repeat("a", 1000), strings.Repeat("b", 1000), "\xff"}
	if got, want := loggable(lines), strings.Repeat("a", maxLoggedBytes)+"..."; got != want {
		t.Errorf("%d bytes: %.300s", len(got), got)
	}
	if got := loggable([]string{"a", "\xff"}); got != "a, \uFFFD" {
		t.Errorf("%q", got)
	}
}

// TestALogLineControlsNoTerminal shows that what would not show is replaced, in a method,
// too, which has no bound of its own here.
func TestALogLineControlsNoTerminal(t *testing.T) {
	h := provision(t, &Handler{Policies: []*Policy{{AllowOrigins: []string{"https://app.example.com"}}}})
	core, logs := observer.New(zap.InfoLevel)
	h.logger = zap.New(core)
	r := newRequest("GET\nOrigin: \x1b[31mred\t\u009b1m\u202eevil")
	r.Method = strings.Repeat("M\x1b", maxLoggedBytes)
	if err := h.ServeHTTP(newRecorder(), r, writeHeader); err != nil {
		t.Fatal(err)
	}
	fields := logs.All()[0].ContextMap()
	if got, want := fields["origin"], "\uFFFD[31mred\uFFFD\uFFFD1m\uFFFDevil"; got != want {
		t.Errorf("origin %q, want %q", got, want)
	}
	if got, want := fields["method"], strings.Repeat("M\uFFFD", maxLoggedBytes/4)+"..."; got != want {
		t.Errorf("method %q", got)
	}
}

func TestAFloodOfDenialsIsSampled(t *testing.T) {
	requests := make([]string, 300)
	for i := range requests {
		requests[i] = getOther
	}
	if n := len(runLogged(t, "INFO", "cors https://app.example.com\nrespond hi", "", requests...)); n < logBurst || n > len(requests)/2 {
		t.Errorf("%d lines for %d denials", n, len(requests))
	}
}
