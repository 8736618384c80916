package source

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() {
	caddy.RegisterModule(Ask{})
}

// Ask asks an HTTP endpoint about each origin, as `ask` of `on_demand_tls` does about each
// domain: with GET, and the query parameters `origin` and `host`, which is the host name
// that the page's request is for, in lower case and without its port. Status 200 allows
// the origin. Anything else denies it.
//
// An endpoint that does not answer in time, or answers with a redirect or with status 408,
// 429 or 500 and above, has failed. What it does not know then, it denies; nothing is
// asked when the config loads. Redirects are not followed.
//
// Answers are kept in memory, and outlive a reload of the config if these options stay the
// same; if one changes, all is asked anew. Where that was the last config that asks so,
// requests that it still serves get the answers that are known: nothing new is asked, and
// what is not known is denied.
//
// Each question is asked once at a time, and no more than 64 of them are: beyond that, an
// origin that is not known is denied at once.
type Ask struct {
	// The URL of the endpoint. Its other query parameters are sent as they are written, before
	// `origin` and `host`. It may have the placeholders `{env.*}`, `{file.*}` and `{system.*}`.
	// Over plain HTTP, it may be where the URL of an `http` source may be.
	URL string `json:"url,omitempty"`

	// How long an origin stays allowed before it is asked about again. Default: `5m`.
	TTL caddy.Duration `json:"ttl,omitempty"`

	// How long an origin stays denied before it is asked about again. After a failure it is
	// 2s at most. Default: `30s`.
	NegativeTTL caddy.Duration `json:"negative_ttl,omitempty"`

	// How long the endpoint may take to answer. Requests of origins that are not known wait
	// for it. Default: `2s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How many answers are kept that allow an origin at a host, and how many that deny one.
	// Beyond that, the origin that is allowed at the most hosts loses the one that it used the
	// longest ago, so that none pushes out the others; of those that are denied, the one that
	// was used the longest ago goes. Default: 10000.
	MaxEntries int `json:"max_entries,omitempty"`

	// For how long after its `ttl` an origin stays allowed while it is asked about again, and
	// while the endpoint fails; 0 for no longer. Default: `1h`.
	Stale *caddy.Duration `json:"stale,omitempty"`

	asker share[*asker]
}

const (
	defaultTTL         = 5 * time.Minute
	defaultNegativeTTL = 30 * time.Second
	defaultTimeout     = 2 * time.Second
	defaultMaxEntries  = 10_000
	defaultStale       = time.Hour

	leastTime      = 100 * time.Millisecond
	mostTime       = 365 * 24 * time.Hour
	mostMaxEntries = 10_000_000
)

// CaddyModule returns the Caddy module information.
func (Ask) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  Namespace + ".ask",
		New: func() caddy.Module { return new(Ask) },
	}
}

// UnmarshalCaddyfile reads the source:
//
//	ask <url> {
//		ttl          <duration>
//		negative_ttl <duration>
//		timeout      <duration>
//		max_entries  <number>
//		stale        <duration> | off
//	}
func (a *Ask) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // its name
	if !d.Args(&a.URL) {
		return d.Err("ask: it takes the URL of an endpoint")
	}
	if d.NextArg() {
		return d.Errf("ask: it takes one URL, and not %q as well", d.Val())
	}
	for d.NextBlock(0) {
		if err := a.unmarshalOption(d); err != nil {
			return err
		}
	}
	return nil
}

func (a *Ask) unmarshalOption(d *caddyfile.Dispenser) error {
	switch option := d.Val(); option {
	case "ttl":
		return unmarshalDuration(d, &a.TTL)
	case "negative_ttl":
		return unmarshalDuration(d, &a.NegativeTTL)
	case "timeout":
		return unmarshalDuration(d, &a.Timeout)
	case "max_entries":
		return a.unmarshalMaxEntries(d)
	case "stale":
		return a.unmarshalStale(d)
	default:
		return d.Errf("ask: there is no option %q; there are ttl, negative_ttl, timeout, max_entries and stale", option)
	}
}

func (a *Ask) unmarshalMaxEntries(d *caddyfile.Dispenser) error {
	if a.MaxEntries != 0 {
		return d.Err("max_entries is given twice; take one out")
	}
	var text string
	if !d.AllArgs(&text) {
		return d.Err("max_entries: it takes one number, such as 10000")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostMaxEntries {
		return d.Errf("max_entries %q: it takes a number from 1 to %d", text, mostMaxEntries)
	}
	a.MaxEntries = n
	return nil
}

func (a *Ask) unmarshalStale(d *caddyfile.Dispenser) error {
	if a.Stale != nil {
		return d.Err("stale is given twice; take one out")
	}
	a.Stale = new(caddy.Duration)
	if d.CountRemainingArgs() == 1 && d.NextArg() {
		if d.Val() == "off" {
			return nil
		}
		if duration, err := caddy.ParseDuration(d.Val()); err == nil && duration == 0 {
			return d.Errf("stale %q: write off", d.Val())
		}
		d.Prev()
	}
	return unmarshalDuration(d, a.Stale)
}

// Provision checks the options. It asks nothing, as there is no origin to ask about.
func (a *Ask) Provision(ctx caddy.Context) error {
	a.setDefaults()
	endpoint, err := parseURL(a.URL, PolicyOf(ctx).Rules)
	if err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	options := askOptions{endpoint.String(), time.Duration(a.TTL), time.Duration(a.NegativeTTL), time.Duration(a.Timeout), a.MaxEntries, time.Duration(*a.Stale)}
	err = a.asker.take(askers, options, func() (*asker, error) { return newAsker(endpoint, options) })
	if err != nil {
		return err
	}
	warnOfPlainHTTP(ctx.Logger(), endpoint)
	return nil
}

func (a *Ask) setDefaults() {
	a.TTL = cmp.Or(a.TTL, caddy.Duration(defaultTTL))
	a.NegativeTTL = cmp.Or(a.NegativeTTL, caddy.Duration(defaultNegativeTTL))
	a.Timeout = cmp.Or(a.Timeout, caddy.Duration(defaultTimeout))
	a.MaxEntries = cmp.Or(a.MaxEntries, defaultMaxEntries)
	if a.Stale == nil {
		stale := caddy.Duration(defaultStale)
		a.Stale = &stale
	}
}

// check refuses options that are out of bounds.
func (a *Ask) check() error {
	for _, option := range []struct {
		name  string
		value caddy.Duration
		least time.Duration
	}{
		{"ttl", a.TTL, leastTime},
		{"negative_ttl", a.NegativeTTL, leastTime},
		{"timeout", a.Timeout, leastTime},
		{"stale", *a.Stale, 0},
	} {
		if err := checkDuration(option.name, option.value, option.least); err != nil {
			return err
		}
		if time.Duration(option.value) > mostTime {
			return fmt.Errorf("%s %q: the longest is %s", option.name, time.Duration(option.value), mostTime)
		}
	}
	if a.MaxEntries < 1 || a.MaxEntries > mostMaxEntries {
		return fmt.Errorf("max_entries %d: it takes a number from 1 to %d", a.MaxEntries, mostMaxEntries)
	}
	return nil
}

// Cleanup lets go of what was answered, which is forgotten if no other config asks the
// same endpoint in the same way.
func (a *Ask) Cleanup() error { return a.asker.release() }

// AllowsOrigin reports whether the endpoint allows an origin. See [Source].
func (a *Ask) AllowsOrigin(r *http.Request, origin string) bool {
	return a.asker.value.allows(r.Context(), question{origin, hostOf(r.Host)})
}

// Asks tells what was asked. See [Asker].
func (a *Ask) Asks() AskStatus { return a.asker.value.status() }

// Interface guards
var (
	_ Asker                 = (*Ask)(nil)
	_ caddy.Provisioner     = (*Ask)(nil)
	_ caddy.CleanerUpper    = (*Ask)(nil)
	_ caddyfile.Unmarshaler = (*Ask)(nil)
)
