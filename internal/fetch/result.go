package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Result is what a page gets of a request, and how the browser came to it.
type Result struct {
	Steps    []Step
	Warnings []string // what works now, and may fail for others
	Block    *Block   // why the page cannot read the response; nil if it can
	Answer   []string // what the server could have answered instead, as [Block.Answer] has it

	Preflighted bool // whether a preflight was needed
	Unsent      bool // whether the request itself was not sent, as its method is not safe

	// Of the response that the page reads, or could not, if it was sent.
	Response         *Exchange
	Readable, Hidden []string // names of its headers, sorted
}

// Step is one thing that the browser did, in a sentence.
type Step struct {
	Text     string
	Source   string    // the standard, the algorithm and the step
	Failed   bool      // whether the request ends here, blocked
	Exchange *Exchange // what was sent and answered, if anything was
}

// Exchange is a request and the response to it.
type Exchange struct {
	Preflight bool
	Method    string
	URL       string
	Sent      http.Header
	Status    int
	Header    http.Header // of the response
	Text      string      // the first line of the response, if it is an error's in plain text
}

// note adds a step.
func (f *fetching) note(source, format string, args ...any) {
	f.result.Steps = append(f.result.Steps, Step{Text: fmt.Sprintf(format, args...), Source: source})
}

// block ends the run. It returns nil: that a page is blocked is no error.
func (f *fetching) block(b *Block) error {
	b.URL, b.Origin = f.current().String(), f.serializedOrigin()
	b.First, b.Page = f.places[0].String(), f.Origin
	f.result.Block, f.result.Answer = b, b.Answer(f.asked())
	f.result.Steps = append(f.result.Steps, Step{Text: b.Reason(), Source: b.Source(), Failed: true})
	if b.Rule == RuleAllowHeadersAuthorization {
		f.warn("Today's engines let Authorization pass under * against the standard. Firefox warns that it will not stay so.")
	}
	if response := f.result.Response; b.Rule == RuleAllowOriginMismatch && response != nil && !variesByOrigin(response.Header) {
		f.warn("The response has no Vary: Origin. If it depends on the origin, a cache may have kept the answer to another one.")
	}
	return nil
}

func (f *fetching) warn(text string) {
	if !slices.Contains(f.result.Warnings, text) {
		f.result.Warnings = append(f.result.Warnings, text)
	}
}

// send is "HTTP-network-or-cache fetch", without a cache.
func (f *fetching) send(ctx context.Context, preflight bool) (*Exchange, error) {
	r, err := f.newRequest(ctx, preflight)
	if err != nil {
		return nil, err
	}
	exchange := &Exchange{Preflight: preflight, Method: r.Method, URL: f.current().String(), Sent: r.Header}
	response, err := f.browser.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil, errors.New("the server switches to another protocol (status 101), which nobody asked for")
	}
	exchange.Status, exchange.Header = response.StatusCode, response.Header
	exchange.Text = errorText(response)
	f.result.Response = exchange
	f.result.Steps = append(f.result.Steps, Step{Text: f.sent(preflight), Exchange: exchange})
	return exchange, nil
}

// errorText returns the first line of an error in plain text. Other bodies are not read:
// what counts is the header, and some bodies never end.
func errorText(response *http.Response) string {
	plain := strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") && response.Header.Get("Content-Encoding") == ""
	if response.StatusCode < 400 || !plain {
		return ""
	}
	defer time.AfterFunc(maxTextTime, func() { _ = response.Body.Close() }).Stop()
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxShown+1)) // of one that fails, what there was
	line, _, _ := strings.Cut(string(body), "\n")
	return short(line)
}

// maxTextTime is how long the text of an error may take.
const maxTextTime = 2 * time.Second

func (f *fetching) sent(preflight bool) string {
	if preflight {
		return "The browser sends a preflight."
	}
	return "The browser sends the request."
}

// noteCheck tells why a response passed the CORS check.
func (f *fetching) noteCheck(asked Asked, response http.Header) {
	switch {
	case response.Get(allowOrigin) == wildcard:
		f.note("Fetch, CORS check, step 3", "Access-Control-Allow-Origin: * lets every page read the response, as the request has no credentials.")
		if response.Get(allowCredentials) == "true" {
			f.warn("Access-Control-Allow-Credentials has no effect beside Access-Control-Allow-Origin: *. Requests with credentials are blocked.")
		}
	case asked.Credentials:
		f.note("Fetch, CORS check, step 7", "Access-Control-Allow-Origin is the request's origin, and Access-Control-Allow-Credentials is true.")
	default:
		f.note("Fetch, CORS check, step 5", "Access-Control-Allow-Origin is the request's origin.")
	}
}

// needs names what a preflight asked permission for.
func (f *fetching) needs(asked Asked) string {
	needs := strings.Join(asked.UnsafeNames, ", ")
	switch {
	case IsSafelistedMethod(asked.Method):
		return needs
	case needs == "":
		return asked.Method
	}
	return asked.Method + " and " + needs
}

// noteMaxAge tells how long each engine remembers the answer to a preflight.
func (f *fetching) noteMaxAge(response http.Header) {
	seconds, said := MaxAge(response)
	ages := make([]string, len(Engines))
	for i, e := range Engines {
		ages[i] = e.Browser() + " " + strconv.Itoa(min(seconds, e.MaxAgeCap()))
	}
	f.note("Fetch, CORS-preflight fetch, steps 7.8 to 7.10", "Browsers remember this answer for so many seconds: %s.", strings.Join(ages, ", "))
	if said {
		return
	}
	if lines := response[maxAge]; len(lines) > 0 {
		f.warn(fmt.Sprintf("Access-Control-Max-Age %q is no number of seconds, so that browsers remember the preflight for %d seconds.", short(strings.Join(lines, ", ")), defaultMaxAge))
		return
	}
	f.warn(fmt.Sprintf("The answer to the preflight has no Access-Control-Max-Age, so that browsers ask again after %d seconds.", defaultMaxAge))
}

// warnOfVary tells where a cache could give one origin's answer to another.
func (f *fetching) warnOfVary(exchange *Exchange) {
	h := exchange.Header
	if h.Get(allowOrigin) == wildcard || variesByOrigin(h) || strings.Contains(strings.ToLower(strings.Join(h["Cache-Control"], ",")), "no-store") {
		return
	}
	f.warn("The response names the origin, but has no Vary: Origin. A cache may give it to another origin's page, which is then blocked.")
}

// variesByOrigin reports whether caches know that a response depends on the origin.
func variesByOrigin(h http.Header) bool {
	for _, line := range h[vary] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.Trim(name, " \t"); name == wildcard || strings.EqualFold(name, "Origin") {
				return true
			}
		}
	}
	return false
}

// finish tells which headers the page can read. Of its own origin it can read all that
// are not forbidden (Fetch, "basic filtered response").
func (f *fetching) finish(exchange *Exchange) {
	exposed := func(name string) bool { return !IsForbiddenResponseHeader(name) }
	if f.cors {
		exposed = exposedNames(exchange.Header, f.Credentials)
		f.warnOfExposure(exchange.Header)
	}
	for name := range exchange.Header {
		if exposed(name) {
			f.result.Readable = append(f.result.Readable, name)
		} else {
			f.result.Hidden = append(f.result.Hidden, name)
		}
	}
	slices.Sort(f.result.Readable)
	slices.Sort(f.result.Hidden)
}

// warnOfExposure tells why a list of exposed headers exposes nothing.
func (f *fetching) warnOfExposure(response http.Header) {
	lines, all := response[exposeHeaders], false
	switch wellFormed := eachItem(lines, func(item string) { all = all || item == wildcard }); {
	case !wellFormed:
		f.warn(fmt.Sprintf("Access-Control-Expose-Headers %q is no list of header names, so that none is exposed.", short(strings.Join(lines, ", "))))
	case f.Credentials && all:
		f.warn(`With credentials, Access-Control-Expose-Headers: * is no wildcard: the page can read no more than without it.`)
	}
}

// maxShown is how many bytes of what a server sends are shown in a sentence.
const maxShown = 200

func short(s string) string { return Printable(s, maxShown) }

// Printable returns what a server sent as a terminal may have it: cut after that many
// bytes, and with what is not to be seen, or what a terminal would take for a command,
// replaced.
func Printable(s string, most int) string {
	var b strings.Builder
	for _, c := range s {
		if !strconv.IsPrint(c) {
			c = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(c) > most {
			b.WriteString("...")
			break
		}
		b.WriteRune(c)
	}
	return b.String()
}
