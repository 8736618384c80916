package fetch

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Scene is what consoles tell beside a [Block]. Its zero value is that of a page which
// asked for the block's URL, and was not redirected.
type Scene struct {
	Page     string // the page's own origin, where redirects made that of the request "null"
	URL      string // that the page asked for, where redirects led to the block's
	Location string // of a redirect that the CORS check of its own response failed for
	OneLine  bool   // whether the block's value was a list in one line, not several lines
}

// Console returns what the engine's console says when a fetch of a page is blocked: the
// line that has the reason, word by word, or nothing where the console says nothing.
//
// The words are those of Chromium 156, Firefox 153 and WebKitGTK 2.50, as real ones said
// them. Those of other versions may differ.
func (b Block) Console(e Engine) string {
	if lines := b.ConsoleLines(e, Scene{}); len(lines) > 0 {
		return lines[0]
	}
	return ""
}

// ConsoleLines returns all lines that the engine's console says about the block. The
// first has the reason; what follows are the engine's own conclusions.
func (b Block) ConsoleLines(e Engine, s Scene) []string {
	if b.Rule == RuleAllowHeadersAuthorization {
		return nil // they let it pass
	}
	if s.Page == "" {
		s.Page = b.Origin
	}
	if s.URL == "" {
		s.URL = b.URL
	}
	for _, part := range []*string{&b.URL, &b.Origin, &b.Value, &b.Subject, &s.Page, &s.URL, &s.Location} {
		*part = bounded(*part)
	}
	var lines []string
	switch e {
	case Chromium:
		lines = b.chromiumConsole(s)
	case Firefox:
		lines = b.firefoxConsole(s)
	case WebKit:
		lines = b.webkitConsole(s)
	}
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return lines
}

// Exception returns what the page's script catches when its fetch is blocked, word by
// word. But for a forbidden method, it never tells why.
func (b Block) Exception(e Engine) string {
	forbidden := b.Rule == RuleForbiddenMethod
	switch {
	case e == Chromium && forbidden:
		return "TypeError: Failed to execute 'fetch' on 'Window': '" + printable(bounded(b.Subject)) + "' HTTP method is unsupported."
	case e == Chromium:
		return "TypeError: Failed to fetch"
	case e == Firefox && forbidden:
		return "TypeError: Window.fetch: Invalid request method " + printable(bounded(b.Subject)) + "."
	case e == Firefox:
		return "TypeError: NetworkError when attempting to fetch resource."
	case e == WebKit && forbidden:
		return "TypeError: Method is forbidden."
	case e == WebKit:
		return "TypeError: Load failed"
	}
	return ""
}

// isAnsweredByRedirect reports whether the answer is a redirect (Fetch, "redirect
// status").
func (b Block) isAnsweredByRedirect() bool {
	switch b.Status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// isSuccess reports whether the answer's status is 200 to 299 (Fetch, "ok status").
func (b Block) isSuccess() bool { return 200 <= b.Status && b.Status <= 299 }

// redirectURL is where the block's value, which is a Location, leads to.
func (b Block) redirectURL() string { return resolve(b.URL, b.Value) }

// resolve returns the URL of a Location, or the Location itself where it is none.
func resolve(base, location string) string {
	if u, err := url.Parse(base); err == nil {
		if u, err = u.Parse(location); err == nil {
			return u.String()
		}
	}
	return location
}

// bounded cuts a value from a server where it is too long to be told.
func bounded(s string) string {
	const most = 1000
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

// printable leaves out what no terminal should get.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}
