//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// playgroundForm are requests for the form, and whether they are passed on by the page's
// server.
var playgroundForm = []playgroundAnswer{
	{Origin: "http://localhost:3000", Policy: "exact", Method: "PUT", Headers: "Content-Type: application/json", Seen: "read"},
	{Origin: "http://localhost:3000", Policy: "exact", Method: "PURGE", Seen: "blocked"},
	{Origin: "http://localhost:3000", Policy: "credentials", Method: "GET", Credentials: true, Seen: "read"},
	{Origin: "http://localhost:3000", Policy: "credentials", Method: "PUT", Headers: "X-One: 1\nAuthorization: Bearer x", Credentials: true, Seen: "blocked"},
	{Origin: "http://localhost:3001", Policy: "any-port", Method: "delete", Headers: "Authorization: Bearer x", Seen: "read"},
	{Origin: "http://localhost:3001", Policy: "exact", Method: "GET", Seen: "blocked"},
	{Origin: "http://admin.localhost:3000", Policy: "subdomain", Method: "PATCH", Headers: "X-One: 1", Seen: "read"},
	{Origin: "http://admin.localhost:3000", Policy: "any", Method: "HEAD", Credentials: true, Seen: "blocked"},
	{Origin: "null", Policy: "any", Method: "POST", Headers: "X-One: 1", Seen: "read"},
	{Origin: "null", Policy: "exact", Method: "GET", Credentials: true, Seen: "blocked"},
	{Origin: "http://localhost:8000", Policy: "none", Method: "PUT", Headers: "X-One: 1", Passed: "yes", Seen: "read"},
	{Origin: "https://app.example.com", Policy: "exact", Method: "PUT", Headers: "Content-Type: application/json", Passed: "yes", Seen: "blocked"},
	{Origin: "https://app.example.com", Policy: "any", Method: "PUT", Headers: "Content-Type: application/json", Passed: "yes", Seen: "read"},
	{Origin: "https://app.example.com", Policy: "any", Method: "GET", Headers: "Accept: text/plain", Passed: "yes", Seen: "read"},
	{Origin: "https://app.example.com", Policy: "any", Method: "PURGE", Headers: "X-Two: 2\nAuthorization: Bearer x", Passed: "yes", Seen: "blocked"},
	{Origin: "https://app.example.com", Policy: "any", Method: "POST", Credentials: true, Passed: "yes", Seen: "blocked"},
	{Origin: "https://app.example.com", Policy: "enforced", Method: "GET", Passed: "yes", Seen: "blocked"},
	{Origin: "https://app.example.com", Policy: "report-only", Method: "OPTIONS", Passed: "yes", Seen: "blocked"},
	{Origin: "http://app.example.com:8080", Policy: "any-port", Method: "GET", Credentials: true, Passed: "yes", Seen: "blocked"},
	{Origin: "http://localhost:4000", Policy: "any-port", Method: "DELETE", Headers: "X-One: 1", Passed: "yes", Seen: "read"},
	{Origin: "http://localhost:4000", Policy: "any-port", Method: "GET", Credentials: true, Passed: "yes", Seen: "blocked"},
	{Origin: "http://a.b.localhost:3000", Policy: "subdomain", Method: "GET", Headers: "Range: bytes=0-9", Passed: "yes", Seen: "read"},
	{Origin: "capacitor://localhost", Policy: "several", Method: "GET", Headers: "Content-Type: text/plain; charset=utf-8", Credentials: true, Passed: "yes", Seen: "blocked"},
	{Origin: "http://[::1]:3000", Policy: "none", Method: "GET", Credentials: true, Passed: "yes", Seen: "blocked"},
}

var playgroundRefused = []playgroundRefusal{
	{"origin", "", "Write an origin, such as https://app.example.com."},
	{"origin", "*", "A page has one origin; * is what a policy may allow."},
	{"origin", "app.example.com", "An origin starts with a scheme: write https://app.example.com."},
	{"origin", "app.example.com:443/", "An origin starts with a scheme: write https://app.example.com."},
	{"origin", "not a host", "This is no origin: write one such as https://app.example.com."},
	{"origin", "data:text/html,hello", "Pages of data: have the origin null: write null."},
	{"origin", "https://app.example.com/", "An origin is scheme, host and port, as a browser writes them: write https://app.example.com."},
	{"origin", "https://app.example.com/a/b?c#d", "An origin is scheme, host and port, as a browser writes them: write https://app.example.com."},
	{"origin", "https://user:secret@app.example.com", "An origin is scheme, host and port, as a browser writes them: write https://app.example.com."},
	{"origin", "HTTPS://App.Example.com:443", "An origin is scheme, host and port, as a browser writes them: write https://app.example.com."},
	{"origin", "https://bücher.example", "An origin is scheme, host and port, as a browser writes them: write https://xn--bcher-kva.example."},
	{"origin", "Capacitor://LocalHost/", "An origin is scheme, host and port, as a browser writes them: write capacitor://localhost."},
	{"origin", "file:///home", "Pages of file: have the origin null: write null."},
	{"origin", "https://", "This is no origin: write one such as https://app.example.com."},
	{"origin", "wss://app.example.com", "A WebSocket has the origin of its page, which starts with http:// or https://."},
	{"origin", "ftp://app.example.com", "Browsers open no pages by FTP."},
	{"origin", "https://app.example.com:0", "This is no origin: write one such as https://app.example.com."},
	{"method", "patch", "Browsers send patch as it is, and methods are case-sensitive: write PATCH."},
	{"method", "Trace", "Browsers let no script send TRACE."},
	{"method", "CONNECT", "Browsers let no script send CONNECT."},
	{"method", "GET /", "A method is a word, such as PUT."},
	{"headers", "Cookie: a=b", "Browsers let no script set Cookie: take it out."},
	{"headers", "X-One: 1\nSec-Fetch-Site: none", "Browsers let no script set Sec-Fetch-Site: take it out."},
	{"headers", "X-One", "Write a colon after the name, such as X-One: 1. There is none in X-One."},
	{"headers", "X One: 1", "X One is no name of a header."},
	{"headers", "X-One: é", "The value of X-One has characters that do not go into a header."},
}

// checkForm holds what the form saw against what this module's own browser makes of the
// same request, and runs the lines that it suggests.
func (s *playgroundSite) checkForm(t *testing.T, answers []playgroundAnswer) {
	t.Helper()
	if len(answers) != len(playgroundForm) {
		t.Fatalf("%d answers of the form, want %d", len(answers), len(playgroundForm))
	}
	server := corstest.FreeAddress(t)
	var sites strings.Builder
	fmt.Fprintf(&sites, "http://%s {\n", server)
	for i, answer := range answers {
		if answer.Lines == "" {
			continue
		}
		fmt.Fprintf(&sites, "%s\n", strings.Replace(answer.Lines, "cors ", fmt.Sprintf("cors /%d/* ", i), 1))
	}
	sites.WriteString("respond hello\n}\n")
	startCaddy(t, "", sites.String())

	for i, answer := range answers {
		want := playgroundForm[i]
		if want.Passed == "" {
			want.Passed = "no"
		}
		name := fmt.Sprintf("%s from %s under %s, %q, credentials %t", answer.Method, answer.Origin, answer.Policy, answer.Headers, answer.Credentials)
		if answer.Seen != want.Seen || answer.Expected != want.Seen || answer.Passed != want.Passed {
			t.Errorf("%s: seen %q, expected %q, passed on: %s; want %q, %s", name, answer.Seen, answer.Expected, answer.Passed, want.Seen, want.Passed)
		}
		r := playgroundRequest{method: answer.Method, credentials: answer.Credentials}
		for line := range strings.Lines(answer.Headers) {
			header, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			r.header = append(r.header, fetch.Header{Name: header, Value: value})
		}
		result := s.fetch(t, s.ports.Replace("http://localhost:8000/")+answer.Policy+"/hello", answer.Origin, r)
		if readable := result.Block == nil; readable != (answer.Seen == "read") {
			t.Errorf("%s: seen %q, but caddy cors check says readable is %t", name, answer.Seen, readable)
		}
		if answer.Lines == "" {
			if want.Origin != "http://localhost:8000" {
				t.Errorf("%s: nothing would allow it", name)
			}
			continue
		}
		result = s.fetch(t, fmt.Sprintf("http://%s/%d/", server, i), answer.Origin, r)
		if result.Block != nil {
			t.Errorf("%s: blocked by %s with the suggested\n%s", name, result.Block.Rule, answer.Lines)
		}
	}
}
