package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Request is what a page's script passes to fetch().
type Request struct {
	URL         *url.URL // http or https, as [ParseURL] returns it
	Origin      string   // of the page, as browsers serialize it
	Method      string   // as the script writes it
	Header      []Header // as the script sets it
	Credentials bool     // whether the credentials mode is "include"
	Cookie      string   // what the browser has for the URL's host; it is sent with credentials only

	// Upload says whether the script uses XMLHttpRequest, and listens to the progress of the
	// upload. That needs permission, whatever the request is.
	Upload bool

	// Unsafe says whether the request itself may be sent if its method is not safe (RFC
	// 9110, section 9.2.1). Its preflight is sent in any case.
	Unsafe bool

	// Trusted says whether to take the URL, if its scheme is http, for one that pages of
	// scheme https may fetch, and others of its origin.
	Trusted bool
}

// maxRedirects is how many redirects a browser follows.
const maxRedirects = 20

// Browser does with a page's request what a browser does, and tells each step.
type Browser struct {
	// Transport sends single requests. It follows no redirects, and adds neither
	// cookies nor credentials.
	Transport http.RoundTripper
}

// Fetch runs the request and returns what the page gets of it. The error is that of
// the transport, or tells why a script cannot make such a request; the result is what
// was seen until then.
func (b *Browser) Fetch(ctx context.Context, r Request) (*Result, error) {
	f := &fetching{Request: r, browser: b, result: new(Result)}
	err := f.construct()
	if err == nil {
		err = f.mainFetch(ctx)
	}
	return f.result, err
}

// fetching is one run: the request, which redirects change, and what was seen.
type fetching struct {
	Request
	browser *Browser
	places  []place // the URL list
	cors    bool    // whether the response tainting is "cors"
	result  *Result
}

// current is where the request goes: the current URL.
func (f *fetching) current() place { return f.places[len(f.places)-1] }

// construct does what the Request constructor does with what the script passes to it.
func (f *fetching) construct() error {
	first, ok := newPlace(f.URL)
	switch {
	case !ok || f.URL.Scheme != "http" && f.URL.Scheme != "https":
		return fmt.Errorf("%q is no URL of HTTP", f.URL)
	case includesCredentials(f.URL):
		return errors.New("a script cannot fetch a URL with a user or a password in it")
	case !IsToken(f.Method):
		return fmt.Errorf("%q is no method", f.Method)
	}
	f.places = []place{first}
	method := NormalizeMethod(f.Method)
	if f.Method != method {
		f.note("Fetch, normalize a method", "The browser writes the method as %s.", method)
	}
	f.Method = method
	if strings.EqualFold(method, "patch") && method != "PATCH" {
		f.note("Fetch, normalize a method", "Browsers upper-case DELETE, GET, HEAD, OPTIONS, POST and PUT only: %s goes out as it is, and is not PATCH.", method)
	}
	var headers []Header
	for _, h := range f.Header {
		value, ok := byteString(strings.Trim(h.Value, whitespace))
		h.Value = value
		switch {
		case !ok:
			return fmt.Errorf("the value of %s has a character that no script can send", h.Name)
		case !IsToken(h.Name):
			return fmt.Errorf("%q is no header name", h.Name)
		case strings.ContainsAny(h.Value, "\x00\n\r"):
			return fmt.Errorf("the value of %s has a line break or a NUL", h.Name)
		case h.isForbidden():
			f.note("Fetch, forbidden request-header", "Browsers ignore that a script sets %s.", h.Name)
		default:
			headers = append(headers, h)
		}
	}
	f.Header = headers
	return nil
}

// byteString returns the bytes by which a browser sends a string, one for each character
// (Web IDL, "ByteString"). It reports false if there are characters beyond those.
func byteString(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for _, c := range s {
		if c > 0xFF {
			return "", false
		}
		b = append(b, byte(c))
	}
	return string(b), true
}

// mainFetch is "main fetch" of the Fetch standard, for the current URL.
func (f *fetching) mainFetch(ctx context.Context) error {
	if block := f.unsendable(); block != nil {
		return f.block(block)
	}
	current := f.current()
	if current.Scheme == "http" && strings.HasPrefix(f.Origin, "https://") {
		f.warn("Safari lets no page of https:// call http://, not even on this machine.")
	}
	if !f.cors && current.origin == f.Origin {
		f.note("Fetch, main fetch, step 12", "%s is the page's own origin: the browser needs no permission.", f.Origin)
		return f.httpFetch(ctx, false)
	}
	if !f.cors {
		f.note("Fetch, main fetch, step 12", "The page's origin is %s, and the URL's is %s: this is a cross-origin request.", f.Origin, current.origin)
	}
	f.cors = true
	preflight := f.asked().NeedsPreflight()
	f.result.Preflighted = f.result.Preflighted || preflight
	f.notePreflight()
	return f.httpFetch(ctx, preflight)
}

// unsendable returns why browsers send no such request, or nil if they do.
func (f *fetching) unsendable() *Block {
	switch {
	case IsForbiddenMethod(f.Method):
		return &Block{Rule: RuleForbiddenMethod, Subject: f.Method}
	case f.current().isBadPort():
		return &Block{Rule: RuleBadPort}
	case f.current().insecure && strings.HasPrefix(f.Origin, "https://") && (!f.Trusted || f.current().origin != f.places[0].origin):
		return &Block{Rule: RuleMixedContent}
	}
	return nil
}

// asked returns what the request asks of the server of the current URL.
func (f *fetching) asked() Asked {
	return Asked{Origin: f.serializedOrigin(), Method: f.Method, UnsafeNames: UnsafeNames(f.Header), Credentials: f.Credentials, Upload: f.Upload}
}

// notePreflight tells whether a preflight is needed, and why.
func (f *fetching) notePreflight() {
	asked := f.asked()
	if !asked.NeedsPreflight() {
		f.note("Fetch, main fetch, step 12", "%s is a safelisted method, and no header needs permission: the browser sends no preflight.", f.Method)
		return
	}
	if !IsSafelistedMethod(f.Method) {
		f.note("Fetch, CORS-safelisted method", "%s is not GET, HEAD or POST: the browser asks for permission in a preflight.", f.Method)
	}
	if f.Upload {
		f.note("XMLHttpRequest, send(), steps 5 and 6", "The page listens to the upload's progress: the browser asks for permission in a preflight.")
	}
	for _, name := range asked.UnsafeNames {
		f.note("Fetch, CORS-unsafe request-header names", "%s: the browser asks for permission in a preflight.", f.whyUnsafe(name))
	}
}

// whyUnsafe tells why a header needs permission.
func (f *fetching) whyUnsafe(name string) string {
	for _, h := range f.Header {
		if strings.EqualFold(h.Name, name) && !IsSafelistedRequestHeader(h) {
			switch {
			case !IsSafelistedRequestHeader(Header{h.Name, safelistedExample[name]}):
				return "The header " + name + " is not safelisted"
			case len(h.Value) > maxSafelistedValue:
				return fmt.Sprintf("The value of %s has %d bytes, more than %d", name, len(h.Value), maxSafelistedValue)
			case name == "content-type":
				return fmt.Sprintf("Content-Type %q is none of the three that forms send", short(h.Value))
			}
			return fmt.Sprintf("The value %q of %s is not safelisted", short(h.Value), name)
		}
	}
	return fmt.Sprintf("The values of the safelisted headers, %s among them, have more than %d bytes together", name, maxSafelistedValues)
}

// safelistedExample has a safelisted value of each name that has one.
var safelistedExample = map[string]string{"content-type": "text/plain", "range": "bytes=0-"}

// httpFetch is "HTTP fetch".
func (f *fetching) httpFetch(ctx context.Context, preflight bool) error {
	asked := f.asked()
	if preflight {
		if err := f.preflightFetch(ctx, asked); err != nil || f.result.Block != nil {
			return err
		}
	}
	if !f.Unsafe && !isSafe(f.Method) {
		f.result.Unsent = true
		return nil
	}
	exchange, err := f.send(ctx, false)
	if err != nil {
		return err
	}
	if f.cors {
		if block := asked.Check(exchange.Header); block != nil {
			block.Status, block.Location = exchange.Status, redirectTo(exchange.Status, exchange.Header)
			return f.block(block)
		}
		f.noteCheck(asked, exchange.Header)
		f.warnOfVary(exchange)
	}
	if isRedirect(exchange.Status) && len(exchange.Header[location]) > 0 {
		return f.redirect(ctx, exchange)
	}
	f.finish(exchange)
	return nil
}

// isSafe reports whether a method is safe: it asks for no change.
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// preflightFetch is "CORS-preflight fetch".
func (f *fetching) preflightFetch(ctx context.Context, asked Asked) error {
	exchange, err := f.send(ctx, true)
	if err != nil {
		return err
	}
	if block := asked.CheckPreflight(exchange.Status, exchange.Header); block != nil {
		return f.block(block)
	}
	f.noteCheck(asked, exchange.Header)
	f.note("Fetch, CORS-preflight fetch, step 7", "Status %d is a success, and the answer allows %s.", exchange.Status, f.needs(asked))
	f.noteMaxAge(exchange.Header)
	if asked.Upload && !IsSafelistedMethod(asked.Method) && len(exchange.Header[allowMethods]) == 0 {
		f.warn("Today's engines block this upload against the standard, as the answer to the preflight has no Access-Control-Allow-Methods.")
	}
	return nil
}

// redirect is "HTTP-redirect fetch".
func (f *fetching) redirect(ctx context.Context, exchange *Exchange) error {
	text := redirectTo(exchange.Status, exchange.Header)
	lines := len(exchange.Header[location])
	next, rule := f.next(text)
	switch {
	case lines > 1: // Fetch, "location URL", steps 2 and 3
		rule = RuleRedirectLocation
		f.warn("Location is there more than once. Chrome and Firefox follow equal ones all the same, and Safari takes all together for one URL.")
	case text == "":
		f.warn("Location is empty, and so the same URL again. Chrome takes it for no redirect.")
	}
	if rule != "" {
		return f.block(&Block{Rule: rule, Value: text, Lines: lines, Status: exchange.Status, Location: text})
	}
	f.note("Fetch, HTTP-redirect fetch", "The browser follows the redirect to %s.", short(text))
	if s := exchange.Status; (s == 301 || s == 302) && f.Method == http.MethodPost ||
		s == 303 && f.Method != http.MethodGet && f.Method != http.MethodHead {
		f.Method = http.MethodGet
		f.drop("content-encoding", "content-language", "content-location", "content-type")
		f.note("Fetch, HTTP-redirect fetch, step 12", "After a %d, the method is GET.", s)
	}
	before := f.serializedOrigin()
	if next.origin != f.current().origin {
		if f.drop("authorization") {
			f.note("Fetch, HTTP-redirect fetch, step 13", "It leads to another origin: the browser takes Authorization out.")
		}
	}
	f.places = append(f.places, next)
	if f.serializedOrigin() != before {
		f.note("Fetch, serializing a request origin, step 2", "It leads from one foreign origin to another: from here on the browser sends \"Origin: null\".")
	}
	return f.mainFetch(ctx)
}

// next returns where a redirect leads, or the rule by which it is not followed.
func (f *fetching) next(text string) (place, Rule) {
	u, err := ParseURL(f.current().URL, text)
	if err != nil {
		return place{}, RuleRedirectLocation
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return place{}, RuleRedirectScheme
	}
	next, ok := newPlace(u)
	switch {
	case !ok:
		return place{}, RuleRedirectLocation
	case len(f.places) > maxRedirects:
		return place{}, RuleRedirectCount
	case includesCredentials(u) && (f.cors || next.origin != f.Origin):
		return place{}, RuleRedirectCredentials
	}
	return next, ""
}

// includesCredentials is the URL Standard's.
func includesCredentials(u *url.URL) bool {
	password, _ := u.User.Password()
	return u.User.Username() != "" || password != ""
}

// drop takes headers out of the request, and reports whether there were any.
func (f *fetching) drop(names ...string) bool {
	before := len(f.Header)
	f.Header = slices.DeleteFunc(slices.Clone(f.Header), func(h Header) bool {
		return slices.Contains(names, strings.ToLower(h.Name))
	})
	return len(f.Header) < before
}

// serializedOrigin is "serializing a request origin": "null" once a redirect led from one origin
// to another, unless the first one was the page's.
func (f *fetching) serializedOrigin() string {
	for i, next := range f.places[1:] {
		if last := f.places[i].origin; next.origin != last && f.Origin != last {
			return "null"
		}
	}
	return f.Origin
}
