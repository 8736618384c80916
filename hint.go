package caddycors

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/risk"
)

// Hints say what to write so that a request like the one that was denied is allowed.
// Hostile requests get hints, too: what they quote of a request is a well-formed origin or
// a plain name, and they take a few look-ups, and one walk each over what was asked for and
// over some of the origins that are allowed.

const (
	// maxHintedNames is how many request headers a hint names.
	maxHintedNames = 10

	// maxPlainBytes is how long a name may be that a hint quotes.
	maxPlainBytes = 64

	// maxNearValues is how many values of allow_origins a hint looks through.
	maxNearValues = 1000
)

// hint names the option, and the value for it, that would allow what was denied, or says
// what is wrong with the request.
func (h *Handler) hint(d decision, r *http.Request) string {
	switch d.reason {
	case reasonOriginNotAllowed:
		sent, _ := requestOrigin(r)
		o, _ := sent.Origin()
		return h.originHint(o)
	case reasonOriginMalformed:
		return malformedOriginHint(r.Header[headerOrigin])
	case reasonMethodNotAllowed:
		return h.methodHint(d.policy, r.Header[headerRequestMethod])
	case reasonHeaderNotAllowed:
		return h.headersHint(d.policy, r.Header[headerRequestHeaders])
	}
	return ""
}

func (h *Handler) originHint(o origin.Origin) string {
	pattern, err := origin.ParsePattern(o.String())
	if err != nil {
		return "no page has this origin"
	}
	write, where := "write "+quotedOption(optionAllowOrigins, o.String()), ""
	switch {
	case len(h.Policies) > 1:
		where = " in a policy"
	case slices.Equal(h.Policies[0].AllowOrigins, []string{none}):
		where = ` in place of "none"`
	}
	needs := func(r risk.Risk) string {
		return write + " and " + quotedOption(optionDangerouslyAllow, string(r)) + where
	}
	if pattern.Opaque() {
		return "any page can have this origin; if you accept that, " + needs(risk.Null)
	}
	if pattern.Insecure() && !slices.ContainsFunc(h.policies.list, func(p *policy) bool { return !p.credentials }) {
		write = needs(risk.Insecure)
	} else {
		write += where
	}
	hint := "if you trust this origin, " + write
	if allowed, difference := h.near(o); allowed != "" {
		hint = quoted(allowed) + " is allowed, but " + difference + "; " + hint
	}
	return hint
}

// near returns an allowed origin that is much like o, which is not opaque, and what the
// difference is; or "" if it finds none.
func (h *Handler) near(o origin.Origin) (allowed, difference string) {
	otherScheme := "https"
	if o.Scheme() == otherScheme {
		otherScheme = "http"
	}
	base := o.Scheme() + "://"
	_, parent, _ := strings.Cut(o.Host(), ".")
	for _, guess := range []struct{ origin, difference string }{
		{otherScheme + "://" + o.Authority(), "this is " + o.Scheme()},
		{base + o.Host(), "this is port " + o.Port()},
		{strings.TrimSuffix(o.String(), "."), "this host ends in a dot"},
		{base + parent, "this host is below it"},
		{base + "www." + o.Host(), `this is without "www."`},
	} {
		other := origin.NewSent(guess.origin)
		_, ok := other.Origin()
		if ok && slices.ContainsFunc(h.policies.list, func(p *policy) bool { return p.origins.match(&other) }) {
			return guess.origin, guess.difference
		}
	}
	difference = "this is port " + o.Port()
	if o.Port() == "" {
		difference = "this has no port"
	}
	return h.onOtherPort(base + o.Host()), difference
}

// dropOrigins lets go of long lists of origins, but for what hints look through. They are
// compiled, and as they were written they take more memory than that. The policies that
// the handler was given stay as they are.
func (h *Handler) dropOrigins() {
	h.Policies = slices.Clone(h.Policies)
	for i, config := range h.Policies {
		if len(config.AllowOrigins) > maxNearValues {
			short := *config
			short.AllowOrigins = slices.Clone(config.AllowOrigins[:maxNearValues])
			h.Policies[i] = &short
		}
	}
}

// onOtherPort returns the first allowed origin that is base with a port, or "".
func (h *Handler) onOtherPort(base string) string {
	left := maxNearValues
	for _, config := range h.Policies {
		values := config.AllowOrigins[:min(len(config.AllowOrigins), left)]
		left -= len(values)
		for _, value := range values {
			if !strings.HasPrefix(value, base+":") {
				continue
			}
			if _, ok := origin.Parse(value); ok {
				return value
			}
		}
	}
	return ""
}

// malformedOriginHint looks for the origin that is meant by one that no browser sends,
// as people do who try a server without a browser.
func malformedOriginHint(lines []string) string {
	if len(lines) > 1 {
		return "no browser sends several Origin headers; see what adds one"
	}
	const hint = "no browser sends this"
	if len(lines[0]) > maxLoggedBytes {
		return hint
	}
	meant := lines[0]
	if pattern, err := origin.ParsePattern(meant); err == nil {
		meant = pattern.String()
	} else if refused := new(origin.PatternError); errors.As(err, &refused) {
		meant = refused.Fix
	}
	if _, ok := origin.Parse(meant); !ok {
		return hint
	}
	return hint + "; an origin is written " + quoted(meant)
}

func (h *Handler) methodHint(p *policy, lines []string) string {
	if len(lines) != 1 || !fetch.IsToken(lines[0]) {
		return "no browser asks for this: it is not a method"
	}
	method := lines[0]
	if fetch.IsForbiddenMethod(method) {
		return "browsers let no page send this method"
	}
	if other := inOtherCase(p, method); other != "" {
		hint := "methods are case-sensitive: let the page write " + other
		if !p.allowsMethod(other) {
			hint += ", and " + h.addMethod(p, other)
		}
		return hint
	}
	return h.addMethod(p, method)
}

// inOtherCase returns a method that browsers or the policy know and that differs from
// method in its case only, or "".
func inOtherCase(p *policy, method string) string {
	for _, known := range slices.Concat(p.methods, defaultMethods, []string{http.MethodOptions}) {
		if known != method && strings.EqualFold(known, method) {
			return known
		}
	}
	return ""
}

func (h *Handler) addMethod(p *policy, method string) string {
	config, in := h.configOf(p)
	switch {
	case !isPlainName(method):
		return in + "add the method in requested_method to " + optionAllowMethods
	case config.AllowMethods == nil:
		return in + "write " + quotedOption(optionAllowMethods, append(slices.Clip(defaultMethods), method)...)
	}
	return in + "add " + quoted(method) + " to " + optionAllowMethods
}

func (h *Handler) headersHint(p *policy, lines []string) string {
	missing, others, wellFormed := p.missingHeaders(lines)
	config, in := h.configOf(p)
	hint := in + `add "` + strings.Join(missing, `", "`) + `" to ` + optionAllowHeaders
	switch {
	case !wellFormed:
		return "no browser asks for this: it is not a list of header names, or one of too many"
	case len(missing) == 0 && others:
		return in + "add the names in requested_headers to " + optionAllowHeaders
	case len(missing) == 0:
		return "browsers let no page set these headers"
	case p.anyHeader:
		hint = in + "write " + quotedOption(optionAllowHeaders, defaultHeaders...)
	case slices.Equal(config.AllowHeaders, []string{none}):
		hint = in + "write " + quotedOption(optionAllowHeaders, missing...)
	}
	if others {
		hint += ", and others of requested_headers"
	}
	return hint
}

// missingHeaders returns the names in lists of request headers that the policy does not
// allow and pages can set, in lower case and each once; whether there are others that a
// hint does not name; and whether it is a list of names.
func (p *policy) missingHeaders(lines []string) (missing []string, others, wellFormed bool) {
	wellFormed = eachRequestedName(lines, func(name string) bool {
		switch {
		case !fetch.IsToken(name):
			return false
		case p.allowsHeader(name):
			return true
		case !isPlainName(name):
			others = true
			return true
		}
		switch lower := strings.ToLower(name); {
		case fetch.IsForbiddenRequestHeader(lower) || slices.Contains(missing, lower):
		case len(missing) == maxHintedNames:
			others = true
		default:
			missing = append(missing, lower)
		}
		return true
	})
	return missing, others, wellFormed
}

// configOf returns the config of a policy, and what a hint starts with to tell the policy
// from the others.
func (h *Handler) configOf(p *policy) (config *Policy, in string) {
	if len(h.Policies) > 1 {
		in = "in policy " + p.name + ", "
	}
	return h.Policies[slices.Index(h.policies.list, p)], in
}

// isPlainName reports whether a method or a header name is one that can be written into a
// config, and shown, as it is.
func isPlainName(name string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return len(name) <= maxPlainBytes && strings.Trim(name, plain) == "" &&
		name != none && !slices.Contains(wordsForAll, strings.ToLower(name))
}

// quotedOption quotes an option with its values, as a Caddyfile has them.
func quotedOption(option string, values ...string) string {
	return quoted(option + " " + strings.Join(values, " "))
}
