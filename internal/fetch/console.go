package fetch

import "net/url"

// Console returns what the engine's console says when a fetch of a page is blocked: the
// line that has the reason, word by word, or nothing where the console says nothing.
//
// The words are those of Chromium 156, Firefox 153 and WebKitGTK 2.50, as real ones said
// them. Those of other versions may differ.
func (b Block) Console(e Engine) string {
	if lines := b.ConsoleLines(e); len(lines) > 0 {
		return lines[0]
	}
	return ""
}

// ConsoleLines returns all lines that the engine's console says about the block. The
// first has the reason; what follows are the engine's own conclusions.
func (b Block) ConsoleLines(e Engine) []string {
	if b.Rule == RuleAllowHeadersAuthorization {
		return nil // they let it pass
	}
	for _, part := range []*string{&b.URL, &b.Origin, &b.Value, &b.Subject, &b.Location, &b.Page, &b.First} {
		*part = Printable(*part, maxTold)
	}
	switch e {
	case Chromium:
		return b.chromiumConsole()
	case Firefox:
		return b.firefoxConsole()
	case WebKit:
		return b.webkitConsole()
	}
	return nil
}

// maxTold is how many bytes of a value from a server a line has.
const maxTold = 1000

// Exception returns what the page's script catches when its fetch is blocked, word by
// word. But for a forbidden method, it never tells why.
func (b Block) Exception(e Engine) string {
	forbidden := b.Rule == RuleForbiddenMethod
	switch {
	case e == Chromium && forbidden:
		return "TypeError: Failed to execute 'fetch' on 'Window': '" + Printable(b.Subject, maxTold) + "' HTTP method is unsupported."
	case e == Chromium:
		return "TypeError: Failed to fetch"
	case e == Firefox && forbidden:
		return "TypeError: Window.fetch: Invalid request method " + Printable(b.Subject, maxTold) + "."
	case e == Firefox:
		return "TypeError: NetworkError when attempting to fetch resource."
	case e == WebKit && forbidden:
		return "TypeError: Method is forbidden."
	case e == WebKit:
		return "TypeError: Load failed"
	}
	return ""
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
