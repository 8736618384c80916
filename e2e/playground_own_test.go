//go:build linux

package e2e

import (
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// playgroundOwn are policies that a person may add to the API of the playground.
const playgroundOwn = `
	cors /own-commas/* http://localhost:3000, http://localhost:3001,http://admin.localhost:3000 {
		allow_methods GET, PUT
		allow_headers none
		expose_headers x-total-count
		max_age 1h # long
	}
	cors /own-regex/* {
		allow_origin_regex "http://(admin\.)?localhost:[0-9]{4,5}"
		allow_headers X-Playground
	}
	cors /own-policies/* {
		policy own {
			allow_origins http://localhost:3000
			allow_credentials
		}
		policy {
			allow_origins http://*.localhost:*
			allow_credentials
			allow_methods DELETE
		}
		policy all {
			allow_origins *
			allow_methods *
		}
		enforce
	}
	cors /own-cookies/* http://*.localhost:3000 http://localhost:* {
		allow_credentials
		allow_methods *
		expose_headers *
	}
	cors /own-hosts/* http://*:3000 {
		forward_preflights
	}
	cors /own-star/* * {
		allow_credentials
		dangerously_allow any_origin_with_credentials insecure_origins
	}
	cors /own-null/* null {
		dangerously_allow null_origin
	}
`

// playgroundUnread are lines that the page cannot read, and what it says of them.
var playgroundUnread = []struct{ lines, why string }{
	{"cors /unread-env/* {$PLAYGROUND:http://localhost:3000}", "It has a placeholder, and only Caddy knows what stands for it."},
	{"cors /unread-case/* HTTP://LocalHost:3000", "It has “HTTP://LocalHost:3000”, which browsers spell in another way."},
	{"cors /unread-flags/* {\n\tallow_origin_regex (?i)http://localhost:3000\n}", "It has “(?” in a regular expression, which this page does not read."},
	{"cors /exact/* http://localhost:3001", "An earlier line has this path, and the first one decides."},
	{"cors /unread* *", "It has no path such as /name/*, by which this page could ask."},
}

// TestPlaygroundOwnPolicies adds policies to the API, as the page's footer says. Each
// becomes a column that is right, or the page says why not.
func TestPlaygroundOwnPolicies(t *testing.T) {
	added := playgroundOwn
	for _, unread := range playgroundUnread {
		added += "\t" + strings.ReplaceAll(unread.lines, "\n", "\n\t") + "\n"
	}
	const after = "\n\theader X-Total-Count 42\n"
	site := startPlayground(t, freePort, func(caddyfile string) string {
		return strings.Replace(caddyfile, after, added+after, 1)
	})
	report := site.run(t, fetch.Chromium, nil, nil)
	if want := "Not all that the Caddyfile has of CORS is in the grid: the policies below it tell why."; report.Notice != want {
		t.Errorf("the page warns %q, want %q", report.Notice, want)
	}
	if want := 9 + strings.Count(playgroundOwn, "\tcors "); len(report.Policies) != want {
		t.Errorf("the page has %d policies, want %d", len(report.Policies), want)
	}
	site.checkCells(t, report)
	if len(report.Unread) != len(playgroundUnread) {
		t.Fatalf("the page cannot read %q", report.Unread)
	}
	for i, unread := range report.Unread {
		if want := playgroundUnread[i]; unread.Lines != site.ports.Replace(want.lines) || unread.Why != site.ports.Replace(want.why) {
			t.Errorf("the page says of\n%s\n%q, want %q", unread.Lines, unread.Why, want.why)
		}
	}
}
