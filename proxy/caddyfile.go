package corsproxy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("cors_proxy", parseCaddyfile)
	httpcaddyfile.RegisterDirectiveOrder("cors_proxy", httpcaddyfile.Before, "reverse_proxy")
}

// options are those of the Caddyfile, as an error names them.
var options = []string{
	optionTargets, optionHeaderUp, optionForwardAuthorization, optionMethods, optionMaxBody, optionMaxResponse, optionTimeout,
	optionRedirects, optionCache, optionMaxPerClient, optionMaxPerTarget, optionAllowNetworks,
}

func parseCaddyfile(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the cors_proxy directive:
//
//	cors_proxy [<matcher>] {
//		targets               <targets...>
//		header_up             <name> <value> for <targets...>
//		forward_authorization <targets...>
//		methods               <methods...>
//		max_body              <size>
//		max_response          <size>
//		timeout               <duration>
//		redirects             <number>
//		cache                 <duration>
//		max_per_client        <number>
//		max_per_target        <number>
//		allow_networks        <networks...>
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive
	if d.NextArg() {
		return d.Errf("cors_proxy: it takes no value %q; write targets in its block: %s %s", d.Val(), optionTargets, "https://api.example")
	}
	given := make(map[string]bool)
	for d.NextBlock(0) {
		option := d.Val()
		repeats := option == optionTargets || option == optionHeaderUp || option == optionForwardAuthorization || option == optionAllowNetworks
		if given[option] && !repeats {
			return d.Errf("%s is given twice; take one out", option)
		}
		given[option] = true
		if err := h.unmarshalOption(d, option); err != nil {
			return err
		}
		if nesting := d.Nesting(); d.NextBlock(nesting) {
			return d.Errf("%s: it does not take a block", option)
		}
	}
	if len(h.Targets) == 0 {
		return d.Errf("cors_proxy: %s is missing: name what pages may fetch, such as https://api.example", optionTargets)
	}
	return nil
}

func (h *Handler) unmarshalOption(d *caddyfile.Dispenser, option string) error {
	switch option {
	case optionTargets:
		return unmarshalTargets(d, option, &h.Targets)
	case optionForwardAuthorization:
		return unmarshalTargets(d, option, &h.ForwardAuthorization)
	case optionHeaderUp:
		return h.unmarshalHeaderUp(d)
	case optionMethods:
		return unmarshalList(d, option, &h.Methods)
	case optionAllowNetworks:
		if err := unmarshalList(d, option, &h.AllowNetworks); err != nil {
			return err
		}
		return check(d, h.AllowNetworks, func(text string) error { _, err := parseNetworks(text); return err })
	case optionMaxBody:
		return unmarshalSize(d, option, &h.MaxBody)
	case optionMaxResponse:
		return unmarshalSize(d, option, &h.MaxResponse)
	case optionTimeout:
		return unmarshalDuration(d, option, &h.Timeout)
	case optionCache:
		return unmarshalDuration(d, option, &h.Cache)
	case optionRedirects:
		h.Redirects = new(int)
		return unmarshalNumber(d, option, 0, h.Redirects)
	case optionMaxPerClient:
		return unmarshalNumber(d, option, 1, &h.MaxPerClient)
	case optionMaxPerTarget:
		return unmarshalNumber(d, option, 1, &h.MaxPerTarget)
	}
	return d.Errf("there is no option %q; the options here are %s", option, strings.Join(options, ", "))
}

// unmarshalHeaderUp reads a header field, and for which targets it is.
func (h *Handler) unmarshalHeaderUp(d *caddyfile.Dispenser) error {
	var field HeaderUp
	if !d.Args(&field.Name, &field.Value) {
		return d.Errf("%s: it takes a name, a value and its targets: Authorization \"Bearer {env.KEY}\" for https://api.example", optionHeaderUp)
	}
	if !d.NextArg() || d.Val() != "for" {
		return d.Errf("%s %s: behind the value stands which targets get it: for https://api.example; put a value of several words in quotes", optionHeaderUp, field.Name)
	}
	h.HeaderUp = append(h.HeaderUp, field)
	return unmarshalTargets(d, optionHeaderUp, &h.HeaderUp[len(h.HeaderUp)-1].For)
}

// unmarshalTargets reads a list of targets.
func unmarshalTargets(d *caddyfile.Dispenser, option string, values *[]string) error {
	before := len(*values)
	if err := unmarshalList(d, option, values); err != nil {
		return err
	}
	return check(d, (*values)[before:], func(text string) error { _, err := compileTargets(option, []string{text}); return err })
}

// unmarshalList reads an option that takes any number of values. Commas may stand between
// them.
func unmarshalList(d *caddyfile.Dispenser, option string, values *[]string) error {
	before := len(*values)
	for d.NextArg() {
		if strings.Contains(d.Val(), "{") {
			*values = append(*values, d.Val())
			continue
		}
		*values = slices.AppendSeq(*values, strings.FieldsFuncSeq(d.Val(), isSeparator))
	}
	if len(*values) == before {
		return d.Errf("%s: it takes at least one value", option)
	}
	return nil
}

// check checks values while the line is known. Those with placeholders are checked when the
// config loads, where it does.
func check(d *caddyfile.Dispenser, values []string, parse func(text string) error) error {
	for _, value := range values {
		if strings.Contains(value, "{") {
			continue
		}
		if err := parse(value); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

// unmarshalSize reads a number of bytes.
func unmarshalSize(d *caddyfile.Dispenser, option string, value *int64) error {
	var text string
	if !d.AllArgs(&text) {
		return d.Errf("%s: it takes one value, such as 1MB", option)
	}
	size, err := humanize.ParseBytes(text)
	if err != nil || size == 0 || size > mostBytes {
		return d.Errf("%s %q: this is not a size up to 1TiB; write it like 1MB or 512KiB", option, text)
	}
	*value = int64(size)
	return nil
}

func unmarshalDuration(d *caddyfile.Dispenser, option string, value *caddy.Duration) error {
	var text string
	if !d.AllArgs(&text) {
		return d.Errf("%s: it takes one value, such as 10s", option)
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil || duration <= 0 {
		return d.Errf("%s %q: this is not a duration; write it like 10s or 5m", option, text)
	}
	*value = caddy.Duration(duration)
	return nil
}

func unmarshalNumber(d *caddyfile.Dispenser, option string, least int, value *int) error {
	var text string
	if !d.AllArgs(&text) {
		return d.Errf("%s: it takes one number", option)
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < least {
		return d.Errf("%s %q: this is not a number from %d on", option, text, least)
	}
	*value = number
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Handler)(nil)
