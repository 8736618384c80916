package caddycors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// inlinePolicyName is the name of a policy that is not in a policy block.
const inlinePolicyName = "default"

// optionPolicy opens the block of one policy.
const optionPolicy = "policy"

var (
	policyOptions = []string{
		optionAllowOrigins, optionAllowOriginRegex, optionAllowOriginsFrom, optionAllowMethods,
		optionAllowHeaders, optionExposeHeaders, optionAllowCredentials, optionMaxAge, optionDangerouslyAllow,
	}
	handlerOptions = []string{
		optionEnforce, optionReportOnly, optionUpstreamHeaders, optionForwardPreflights, optionPreflightStatus,
	}
)

func init() {
	httpcaddyfile.RegisterDirective("cors", parseCaddyfile)
	// Ahead of all that answers or changes requests: a preflight has no credentials
	// and no redirect of it is followed.
	httpcaddyfile.RegisterDirectiveOrder("cors", httpcaddyfile.Before, "header")
}

// parseCaddyfile reads the cors directive:
//
//	cors [/<path> | @<matcher>] [<origins...>] {
//		allow_origins      <patterns...>
//		allow_origin_regex <regex>
//		allow_origins_from <source> [<args...>] {
//			<options of the source>
//		}
//		allow_methods      <methods...> | *
//		allow_headers      <names...> | * | none
//		expose_headers     <names...> | *
//		allow_credentials
//		max_age            <duration> | off
//		dangerously_allow  <risks...>
//
//		policy [<name>] {
//			<any of the above, instead of them>
//		}
//
//		enforce
//		report_only
//		upstream_headers   replace | keep
//		forward_preflights
//		preflight_status   <200-299>
//	}
//
// The error joins every mistake, in the order of the file.
func parseCaddyfile(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive
	p := newCaddyfileParser(h.Dispenser)
	matcherSet, err := readMatcher(h)
	if err != nil {
		p.fail("%w", err)
	}
	p.directive()
	c := new(compiler)
	c.compile(p.handler)
	p.failAll(c.errs)
	if err := p.err(); err != nil {
		return nil, err
	}
	return h.NewRoute(matcherSet, p.handler), nil
}

// readMatcher takes a path or a named matcher, if one is the first argument. The
// helper that Caddy has for this takes a "*" as well, which is an origin here. If it
// fails, the matcher is the current token.
func readMatcher(h httpcaddyfile.Helper) (caddy.ModuleMap, error) {
	if !h.NextArg() {
		return nil, nil
	}
	matcher := h.Val()
	if strings.HasPrefix(matcher, "/") && (strings.HasPrefix(matcher, "/^") || strings.Contains(matcher, `\`) || strings.Contains(matcher, "://")) {
		return nil, fmt.Errorf("%s: this would be the path to match; a regular expression of origins stands behind %s, and such a path behind %q", quoted(matcher), optionAllowOriginRegex, "@name path")
	}
	h.Prev()
	if !isMatcher(matcher) {
		return nil, nil
	}
	matcherSet, err := h.ExtractMatcherSet()
	if err == nil {
		h.Next() // the directive again
	}
	return matcherSet, err
}

// isMatcher reports whether an argument is a path or a named matcher. "//host" is an
// origin without its scheme.
func isMatcher(arg string) bool {
	return strings.HasPrefix(arg, "@") || strings.HasPrefix(arg, "/") && !strings.HasPrefix(arg, "//")
}

// caddyfileParser reads the tokens of one directive into a handler, and goes on after
// a mistake.
type caddyfileParser struct {
	positionReader
	handler *Handler
	inline  int  // index of the policy without a block, or noPolicy
	mixed   bool // whether there are policies of both kinds
}

// newCaddyfileParser returns a parser of the directive that is the current token.
func newCaddyfileParser(d *caddyfile.Dispenser) *caddyfileParser {
	p := &caddyfileParser{positionReader: newPositionReader(d), handler: new(Handler), inline: noPolicy}
	p.mark(place{noPolicy, optionPolicies, 0})
	return p
}

// directive reads the origins behind the directive, then its block.
func (p *caddyfileParser) directive() {
	for p.NextArg() {
		switch arg := p.Val(); {
		case isMatcher(arg):
			p.fail("%q: a matcher comes ahead of the origins, and there is one at most", arg)
		case slices.Contains(policyOptions, arg), slices.Contains(handlerOptions, arg), arg == optionPolicy:
			p.fail("%s: an option stands in a block, in braces, behind the origins", arg)
			p.RemainingArgs()
		default:
			policy := p.inlinePolicy()
			p.items(p.inline, optionAllowOrigins, &policy.AllowOrigins)
		}
	}
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		option := p.Val()
		switch {
		case option == optionPolicy:
			p.policyBlock()
		case slices.Contains(handlerOptions, option):
			p.handlerOption(option)
		case slices.Contains(policyOptions, option):
			policy := p.inlinePolicy()
			p.policyOption(p.inline, policy, option)
		default:
			p.unknown(option, slices.Concat(policyOptions, []string{optionPolicy}, handlerOptions))
		}
		p.endOfOption(option)
	}
	if len(p.handler.Policies) == 0 {
		p.inlinePolicy()
	}
}

// inlinePolicy returns the policy that the options outside policy blocks make.
func (p *caddyfileParser) inlinePolicy() *Policy {
	if p.inline == noPolicy {
		p.refuseMixed(len(p.handler.Policies) > 0)
		p.inline = len(p.handler.Policies)
		p.handler.Policies = append(p.handler.Policies, &Policy{Name: inlinePolicyName})
	}
	return p.handler.Policies[p.inline]
}

// refuseMixed fails, once, if there are policies of both kinds.
func (p *caddyfileParser) refuseMixed(mixed bool) {
	if mixed && !p.mixed {
		p.mixed = true
		p.fail("policy blocks do not mix with origins and options outside of them; put these into a policy block too")
	}
}

func (p *caddyfileParser) policyBlock() {
	p.refuseMixed(p.inline != noPolicy)
	index := len(p.handler.Policies)
	policy := new(Policy)
	p.handler.Policies = append(p.handler.Policies, policy)
	p.mark(place{index, optionPolicy, 0})
	if p.NextArg() {
		policy.Name = p.Val()
		p.mark(place{index, optionName, 0})
		if policy.Name == "" {
			p.fail("the name of a policy is not empty; leave it out")
		}
	}
	p.endOfLine(optionPolicy)
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		option := p.Val()
		switch {
		case slices.Contains(policyOptions, option):
			p.policyOption(index, policy, option)
		case slices.Contains(handlerOptions, option):
			p.fail("%s is for all policies; write it outside of the policy block", option)
			p.skip()
		default:
			p.unknown(option, policyOptions)
		}
		p.endOfOption(option)
	}
}

func (p *caddyfileParser) policyOption(index int, policy *Policy, option string) {
	repeats := option == optionAllowOrigins || option == optionAllowOriginRegex || option == optionAllowOriginsFrom
	if !repeats && !p.once(index, option) {
		return
	}
	switch option {
	case optionAllowOrigins:
		p.list(index, option, &policy.AllowOrigins)
	case optionAllowOriginRegex:
		if p.one(place{index, option, len(policy.AllowOriginRegex)}) {
			policy.AllowOriginRegex = append(policy.AllowOriginRegex, p.Val())
		}
	case optionAllowOriginsFrom:
		p.source(index, policy)
		return
	case optionAllowMethods:
		p.list(index, option, &policy.AllowMethods)
	case optionAllowHeaders:
		p.list(index, option, &policy.AllowHeaders)
	case optionExposeHeaders:
		p.list(index, option, &policy.ExposeHeaders)
	case optionAllowCredentials:
		policy.AllowCredentials = true
	case optionMaxAge:
		if p.one(place{index, option, 0}) {
			policy.MaxAge = MaxAge(p.Val())
		}
	case optionDangerouslyAllow:
		p.list(index, option, &policy.DangerouslyAllow)
	}
	p.endOfLine(option)
}

func (p *caddyfileParser) handlerOption(option string) {
	if !p.once(noPolicy, option) {
		return
	}
	switch option {
	case optionEnforce:
		p.handler.Enforce = true
	case optionReportOnly:
		p.handler.ReportOnly = true
	case optionForwardPreflights:
		p.handler.ForwardPreflights = true
	case optionUpstreamHeaders:
		if p.one(place{noPolicy, option, 0}) {
			p.handler.UpstreamHeaders = p.Val()
		}
	case optionPreflightStatus:
		if p.one(place{noPolicy, option, 0}) {
			status, err := strconv.Atoi(p.Val())
			if err != nil || status == 0 {
				p.fail("%s %q: this is not a status from 200 to 299; leave it out for 204", option, p.Val())
			}
			p.handler.PreflightStatus = status
		}
	}
	p.endOfLine(option)
}

// list reads the values of an option that takes any number of them.
func (p *caddyfileParser) list(policy int, option string, values *[]string) {
	before := len(*values)
	for p.NextArg() {
		p.items(policy, option, values)
	}
	if len(*values) == before {
		p.fail("%s: it takes at least one value", option)
	}
}

// one moves to the value of an option that takes one.
func (p *caddyfileParser) one(at place) bool {
	if !p.NextArg() || p.Val() == "" {
		p.fail("%s: it takes one value", at.option)
		return false
	}
	p.mark(at)
	return true
}

// once refuses an option that was given before, and reads over it.
func (p *caddyfileParser) once(policy int, option string) bool {
	at := place{policy, option, 0}
	if _, given := p.positions[at]; given {
		p.fail("%s is given twice; take one out", option)
		p.skip()
		return false
	}
	p.mark(at)
	return true
}

// endOfLine refuses values that an option does not take.
func (p *caddyfileParser) endOfLine(option string) {
	if p.NextArg() {
		p.fail("%s: it does not take the value %q; take that out", option, p.Val())
		p.RemainingArgs()
	}
}

// endOfOption refuses a block that an option does not take.
func (p *caddyfileParser) endOfOption(option string) {
	if nesting := p.Nesting(); p.NextBlock(nesting) {
		p.fail("%s: it does not take a block", option)
		p.skipBlock(nesting)
	}
}

// unknown refuses an option that there is not, and names those that there are.
func (p *caddyfileParser) unknown(option string, options []string) {
	fix := "the options here are " + strings.Join(options, ", ")
	if strings.Contains(option, "://") {
		fix = fmt.Sprintf("for an origin, write %q", optionAllowOrigins+" "+option)
	}
	p.fail("there is no option %q; %s", option, fix)
	p.skip()
}

// skip reads over the rest of an option.
func (p *caddyfileParser) skip() {
	p.RemainingArgs()
	if nesting := p.Nesting(); p.NextBlock(nesting) {
		p.skipBlock(nesting)
	}
}

// skipBlock reads over the rest of a block.
func (p *caddyfileParser) skipBlock(nesting int) {
	for p.NextBlock(nesting) {
		continue
	}
}
