package corsproxy

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http/httpguts"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

const (
	defaultMaxBody      = 1_000_000
	defaultMaxResponse  = 10_000_000
	defaultTimeout      = 10 * time.Second
	leastTimeout        = 100 * time.Millisecond
	defaultRedirects    = 3
	mostRedirects       = 20
	defaultMaxPerClient = 20
	defaultMaxPerTarget = 100

	mostBytes = 1 << 40 // of a body
)

// The options, as they are spelled in Caddyfile and JSON.
const (
	optionTargets              = "targets"
	optionHeaderUp             = "header_up"
	optionForwardAuthorization = "forward_authorization"
	optionMethods              = "methods"
	optionMaxBody              = "max_body"
	optionMaxResponse          = "max_response"
	optionTimeout              = "timeout"
	optionRedirects            = "redirects"
	optionCache                = "cache"
	optionMaxPerClient         = "max_per_client"
	optionMaxPerTarget         = "max_per_target"
	optionAllowNetworks        = "allow_networks"
)

// secret is a header field that some targets get.
type secret struct {
	name, value string
	targets     targets
	unset       error // which placeholder of the value is empty; then no target gets the field
}

// framing are header fields that no config sets.
var framing = newHeaderSet("Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Accept-Encoding")

// compile checks the options, and makes of them what requests are served by.
func (h *Handler) compile() error {
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	var err error
	if h.targets, err = compileTargets(optionTargets, h.Targets); err == nil && len(h.targets) == 0 {
		err = fmt.Errorf("%s is missing: name what pages may fetch, such as https://api.example", optionTargets)
	}
	add(err)
	h.takeAuthorization, err = compileTargets(optionForwardAuthorization, h.ForwardAuthorization)
	add(err)
	add(h.covered(optionForwardAuthorization, h.takeAuthorization))
	for _, field := range h.HeaderUp {
		add(h.compileSecret(field))
	}
	add(h.distinctSecrets())
	add(h.compileMethods())
	h.maxBody = cmp.Or(h.MaxBody, defaultMaxBody)
	h.maxResponse = cmp.Or(h.MaxResponse, defaultMaxResponse)
	h.timeout = cmp.Or(time.Duration(h.Timeout), defaultTimeout)
	h.MaxPerClient = cmp.Or(h.MaxPerClient, defaultMaxPerClient)
	h.MaxPerTarget = cmp.Or(h.MaxPerTarget, defaultMaxPerTarget)
	h.redirects = defaultRedirects
	if h.Redirects != nil {
		h.redirects = *h.Redirects
	}
	add(checkSize(optionMaxBody, h.maxBody))
	add(checkSize(optionMaxResponse, h.maxResponse))
	add(checkLimit(optionCache, int64(h.Cache)))
	add(checkLimit(optionMaxPerClient, int64(h.MaxPerClient)))
	add(checkLimit(optionMaxPerTarget, int64(h.MaxPerTarget)))
	if h.redirects < 0 || h.redirects > mostRedirects {
		add(fmt.Errorf("%s %d: write a number from 0 to %d", optionRedirects, h.redirects, mostRedirects))
	}
	if h.timeout < leastTimeout {
		add(fmt.Errorf("%s %q: the shortest is %s", optionTimeout, h.timeout, leastTimeout))
	}
	for _, text := range h.AllowNetworks {
		_, err := parseNetworks(text)
		add(err)
	}
	return errors.Join(errs...)
}

// checkLimit refuses a limit that is none.
func checkLimit(option string, value int64) error {
	if value < 0 {
		return fmt.Errorf("%s %d: there is no such limit; write one above 0", option, value)
	}
	return nil
}

// checkSize refuses a length of bodies that is none.
func checkSize(option string, value int64) error {
	if value > mostBytes {
		return fmt.Errorf("%s %d: the most is 1TiB", option, value)
	}
	return checkLimit(option, value)
}

// compileTargets parses targets, several in one value if it has placeholders.
func compileTargets(option string, values []string) (ts targets, err error) {
	var errs []error
	for _, value := range values {
		text, err := expand(option, value)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for word := range strings.FieldsFuncSeq(text, isSeparator) {
			t, err := parseTarget(word)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s %q: %w", option, word, err))
				continue
			}
			ts = append(ts, t)
		}
	}
	return ts, errors.Join(errs...)
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// covered refuses targets that are no part of those of the proxy: no request gets there.
func (h *Handler) covered(option string, ts targets) error {
	var errs []error
	for _, t := range ts {
		if !slices.ContainsFunc(h.targets, func(all *target) bool { return all.covers(t) }) {
			errs = append(errs, fmt.Errorf("%s %q: %s does not include it; add it there, or write it as it stands there", option, t, optionTargets))
		}
	}
	return errors.Join(errs...)
}

// compileSecret checks a header field. What is wrong with its value is said without it.
func (h *Handler) compileSecret(field HeaderUp) error {
	name := http.CanonicalHeaderKey(field.Name)
	option := optionHeaderUp + " " + name
	switch {
	case !fetch.IsToken(field.Name):
		return fmt.Errorf("%s %q: this is not the name of a header", optionHeaderUp, field.Name)
	case framing.has(name):
		return fmt.Errorf("%s: the proxy sets it itself; take it out", option)
	case len(field.For) == 0:
		return fmt.Errorf("%s: say which targets get it: for https://api.example", option)
	}
	ts, targetErr := compileTargets(option+" for", field.For)
	value, unset, err := expandSecret(option, field.Value)
	if err == nil && !httpguts.ValidHeaderFieldValue(value) {
		err = fmt.Errorf("%s: its value has characters that no header may have", option)
	}
	h.secrets = append(h.secrets, secret{name, value, ts, unset})
	return errors.Join(err, targetErr, h.covered(option+" for", ts))
}

// distinctSecrets refuses two header fields of one name for one target: the later one would
// take the place of the other, wherever it stands.
func (h *Handler) distinctSecrets() error {
	var errs []error
	for i, later := range h.secrets {
		for _, s := range h.secrets[:i] {
			if normalName(s.name) != normalName(later.name) {
				continue
			}
			for _, t := range s.targets {
				for _, other := range later.targets {
					if t.overlaps(other) {
						errs = append(errs, fmt.Errorf("%s %s: %q and %q overlap, and only one value is sent; name targets that have nothing in common", optionHeaderUp, s.name, t, other))
					}
				}
			}
		}
	}
	return errors.Join(errs...)
}

// errEdges is what is wrong with a value that starts or ends in white space, which no header
// does.
var errEdges = errors.New("its value starts or ends in white space, as where a {$VARIABLE} is empty")

// expandSecret replaces the placeholders of a value. If one of them is known and empty, or seems
// to have been, unset tells which. This is no error: configs are checked where their secrets are
// not.
func expandSecret(option, value string) (expanded string, unset, err error) {
	expanded, err = expand(option, value)
	switch {
	case err == nil && strings.Trim(expanded, " \t") != expanded:
		return "", errEdges, nil
	case err == nil || value == "":
		return expanded, nil, err
	}
	if _, unknown := caddy.NewReplacer().ReplaceOrErr(value, false, true); unknown != nil {
		return "", nil, fmt.Errorf("%s: %w", option, unknown)
	}
	return "", err, nil
}

// compileMethods checks the methods.
func (h *Handler) compileMethods() error {
	h.methods = nil
	if h.Methods == nil {
		h.methods = []string{http.MethodGet, http.MethodHead}
		return nil
	}
	if len(h.Methods) == 0 {
		return fmt.Errorf("%s: an empty list would not be the default, nor nothing; leave it out for GET and HEAD", optionMethods)
	}
	var errs []error
	for _, method := range h.Methods {
		switch {
		case !fetch.IsToken(method) || method == "*":
			errs = append(errs, fmt.Errorf("%s %q: this is not a method name; write it like %q", optionMethods, method, "POST"))
		case fetch.IsForbiddenMethod(method):
			errs = append(errs, fmt.Errorf("%s %q: browsers let no page send this method; take it out", optionMethods, method))
		case method == "patch":
			errs = append(errs, fmt.Errorf(`%s "patch": methods are case-sensitive, and browsers upper-case all common ones but this; write "PATCH"`, optionMethods))
		}
		h.methods = append(h.methods, fetch.NormalizeMethod(method))
	}
	return errors.Join(errs...)
}

// networks returns the networks that are allowed, which were checked.
func (h *Handler) networks() (networks []netip.Prefix) {
	for _, text := range h.AllowNetworks {
		parsed, _ := parseNetworks(text)
		networks = append(networks, parsed...)
	}
	return networks
}

// parseNetworks parses a network or an address, several if it has placeholders.
func parseNetworks(text string) (networks []netip.Prefix, err error) {
	text, err = expand(optionAllowNetworks, text)
	if err != nil {
		return nil, err
	}
	for word := range strings.FieldsFuncSeq(text, isSeparator) {
		network, err := netip.ParsePrefix(word)
		if addr, addrErr := netip.ParseAddr(word); addrErr == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		switch {
		case err != nil || network.Addr().Is4In6():
			return nil, fmt.Errorf("%s %q: this is not a network; write it like 10.1.0.0/16 or fd12:3456::/32", optionAllowNetworks, word)
		case network != network.Masked():
			return nil, fmt.Errorf("%s %q: it has bits beyond its length; write %q", optionAllowNetworks, word, network.Masked())
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// expand replaces the placeholders of a value, which are known when the config loads.
func expand(option, value string) (string, error) {
	if value == "" {
		return "", fmt.Errorf("%s: a value is missing", option)
	}
	expanded, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err) // without the value, which may have a secret
	}
	return expanded, nil
}
