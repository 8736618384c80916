package source

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"golang.org/x/net/http/httpguts"
)

func init() {
	caddy.RegisterModule(HTTP{})
}

// HTTP allows the origins of a list at a URL: a pattern a line, as in `allow_origins`; `#`
// begins a comment. The list is fetched while the config loads, and from time to time
// after that, without a reload of the config.
//
// Only an answer of status 200 whose lines are all good is taken, and 304 confirms it.
// Whatever else happens, the last good list stays in force. It is kept in Caddy's storage,
// too, under `cors/lists/`, so that Caddy starts while the server of the list is down. If
// that server stalls, the config waits 2s for it, and what it answers later is taken then.
//
// Redirects are not followed, and a page in HTML is no list. After failures, it is fetched
// less and less often, up to every 8 intervals but at most every 15 minutes; `Retry-After`
// is heeded, up to an hour.
type HTTP struct {
	// The URL of the list. It may have the placeholders `{env.*}`, `{file.*}` and
	// `{system.*}`. A policy with `allow_credentials` takes a list over plain HTTP from this
	// machine and from private networks only, unless it has `dangerously_allow
	// insecure_origins`: from private and link-local addresses, from names of one label, as
	// containers have, and from those below `internal` and `local`. If it is not from this
	// machine, the log warns of it.
	URL string `json:"url,omitempty"`

	// How long to wait between two fetches, at least `1s`, a tenth more or less. Default:
	// `5m`.
	Interval caddy.Duration `json:"interval,omitempty"`

	// How long one fetch may take, from the connection to the last byte, at least `100ms`.
	// Default: `10s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Header fields to send. The values may have the same placeholders.
	Headers map[string][]string `json:"headers,omitempty"`

	// The path of a PEM file with the certificates of the authorities to trust, in place of
	// those of the system.
	CA string `json:"ca,omitempty"`

	fetched share[*fetchedList]
}

const (
	defaultHTTPInterval = 5 * time.Minute
	leastHTTPInterval   = time.Second
	defaultHTTPTimeout  = 10 * time.Second
	leastHTTPTimeout    = 100 * time.Millisecond
)

// httpKey tells lists that are fetched apart. What is said in it is expanded.
type httpKey struct {
	url               string
	headers           string // as JSON
	ca                string // what is in the file
	interval, timeout time.Duration
	rules             Rules
}

// ownHeaders are what a fetch sets itself.
var ownHeaders = []string{"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// CaddyModule returns the Caddy module information.
func (HTTP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  Namespace + ".http",
		New: func() caddy.Module { return new(HTTP) },
	}
}

// UnmarshalCaddyfile reads the source:
//
//	http <url> {
//		interval <duration>
//		timeout  <duration>
//		headers  <name> <value> | {
//			<name> <value>
//		}
//		ca       <pem_file>
//	}
func (h *HTTP) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // its name
	if !d.Args(&h.URL) {
		return d.Err("http: it takes the URL of a list of origins")
	}
	if d.NextArg() {
		return d.Errf("http: it takes one URL, and not %q as well", d.Val())
	}
	for d.NextBlock(0) {
		var err error
		switch option := d.Val(); option {
		case "interval":
			err = unmarshalDuration(d, &h.Interval)
		case "timeout":
			err = unmarshalDuration(d, &h.Timeout)
		case "headers":
			err = h.unmarshalHeaders(d)
		case "ca":
			if h.CA != "" {
				return d.Err("ca is given twice; put the certificates into one file")
			}
			if !d.AllArgs(&h.CA) {
				return d.Err("ca: it takes the path of one PEM file")
			}
		default:
			return d.Errf("http: there is no option %q; there are interval, timeout, headers and ca", option)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unmarshalHeaders reads a header field, or a block of them.
func (h *HTTP) unmarshalHeaders(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return h.unmarshalHeader(d)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := h.unmarshalHeader(d); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalHeader reads the value of a header field, whose name is the current token.
func (h *HTTP) unmarshalHeader(d *caddyfile.Dispenser) error {
	name := d.Val()
	var value string
	if !d.AllArgs(&value) {
		return d.Errf("headers: %s takes one value; put one of several words in quotes", name)
	}
	if h.Headers == nil {
		h.Headers = make(map[string][]string)
	}
	h.Headers[name] = append(h.Headers[name], value)
	return nil
}

// Provision fetches the list, if no running config has it. The error tells each line that
// is refused.
func (h *HTTP) Provision(ctx caddy.Context) error {
	if h.Interval == 0 {
		h.Interval = caddy.Duration(defaultHTTPInterval)
	}
	if h.Timeout == 0 {
		h.Timeout = caddy.Duration(defaultHTTPTimeout)
	}
	rules := PolicyOf(ctx).Rules
	u, urlErr := parseURL(h.URL, rules)
	headers, headersErr := h.expandHeaders()
	ca, caErr := h.readCA(u)
	if err := errors.Join(urlErr, headersErr, caErr,
		checkDuration("interval", h.Interval, leastHTTPInterval),
		checkDuration("timeout", h.Timeout, leastHTTPTimeout)); err != nil {
		return err
	}
	canonical, err := json.Marshal(headers)
	if err != nil {
		return err
	}
	key := httpKey{u.String(), string(canonical), ca, time.Duration(h.Interval), time.Duration(h.Timeout), rules}
	err = h.fetched.take(fetchedLists, key, func() (*fetchedList, error) { return fetchList(ctx.Storage(), key, u, headers) })
	if err != nil {
		return err
	}
	warnOfPlainHTTP(ctx.Logger(), u)
	return nil
}

// expandHeaders returns the header fields to send.
func (h *HTTP) expandHeaders() (http.Header, error) {
	headers := make(http.Header)
	var errs []error
	for name, values := range h.Headers {
		canonical := http.CanonicalHeaderKey(name)
		if !httpguts.ValidHeaderFieldName(name) {
			errs = append(errs, fmt.Errorf("headers %q: this is not the name of a header", name))
			continue
		}
		if slices.Contains(ownHeaders, canonical) {
			errs = append(errs, fmt.Errorf("headers %s: a fetch sets it itself; take it out", name))
			continue
		}
		for _, value := range values {
			value, err := expand("headers "+name, value)
			if err == nil && !httpguts.ValidHeaderFieldValue(value) {
				err = fmt.Errorf("headers %s: its value has characters that no header may have", name)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			headers.Add(canonical, value)
		}
	}
	return headers, errors.Join(errs...)
}

// readCA returns what is in the file of authorities to trust, if there is one.
func (h *HTTP) readCA(u *url.URL) (string, error) {
	if h.CA == "" {
		return "", nil
	}
	if u != nil && u.Scheme == "http" {
		return "", errors.New("ca: plain HTTP has no certificates; write https://, or take ca out")
	}
	path, err := expand("ca", h.CA)
	if err != nil {
		return "", err
	}
	pem, err := readList(path)
	if err != nil {
		return "", fmt.Errorf("ca: %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) {
		return "", fmt.Errorf("ca %s: there is no certificate in it, in PEM", path)
	}
	return pem, nil
}

// Cleanup lets go of the list, which is fetched no more if no other config has it.
func (h *HTTP) Cleanup() error { return h.fetched.release() }

// AllowsOrigin reports whether the list allows an origin. See [Source].
func (h *HTTP) AllowsOrigin(_ *http.Request, origin string) bool {
	return h.fetched.value.allows(origin)
}

// Status tells how the list is. See [Lister].
func (h *HTTP) Status() Status { return h.fetched.value.status() }

// Interface guards
var (
	_ Lister                = (*HTTP)(nil)
	_ caddy.Provisioner     = (*HTTP)(nil)
	_ caddy.CleanerUpper    = (*HTTP)(nil)
	_ caddyfile.Unmarshaler = (*HTTP)(nil)
)
