package caddycors

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// Options, as Caddyfile and JSON spell them.
const (
	optionName              = "name"
	optionAllowOrigins      = "allow_origins"
	optionAllowOriginRegex  = "allow_origin_regex"
	optionAllowMethods      = "allow_methods"
	optionAllowHeaders      = "allow_headers"
	optionExposeHeaders     = "expose_headers"
	optionAllowCredentials  = "allow_credentials"
	optionMaxAge            = "max_age"
	optionDangerouslyAllow  = "dangerously_allow"
	optionPolicies          = "policies"
	optionEnforce           = "enforce"
	optionReportOnly        = "report_only"
	optionUpstreamHeaders   = "upstream_headers"
	optionForwardPreflights = "forward_preflights"
	optionPreflightStatus   = "preflight_status"
)

// Values with a meaning of their own.
const (
	wildcard        = "*"
	none            = "none"
	maxAgeOff       = "off"
	upstreamReplace = "replace"
	upstreamKeep    = "keep"
)

// compiler turns the config of a handler into its policies, and gathers all that is
// wrong with it.
type compiler struct {
	replacer *caddy.Replacer // nil while adapting a Caddyfile: values with placeholders wait
	errs     []*ConfigError
	warnings []warning

	policy int             // the one being compiled
	label  string          // its name, for errors, if there are several
	risks  map[risk]bool   // those it takes, and whether something needs them
	waits  bool            // whether one of its origins has a placeholder that waits
	seen   map[string]bool // the patterns of all policies
	before origin.Set      // the patterns of the policies before it
}

// warning is something to log when a config is loaded.
type warning struct {
	message string
	fields  []zap.Field
}

func (c *compiler) fail(option string, index int, value, reason, fix string) {
	c.errs = append(c.errs, &ConfigError{
		Policy: c.label, Option: option, Value: value, Reason: reason, Fix: fix,
		place: place{c.policy, option, index},
	})
}

func (c *compiler) warn(message string, fields ...zap.Field) {
	c.warnings = append(c.warnings, warning{message, fields})
}

// compile returns the compiled policies of h, which are of use only if there are no
// errors.
func (c *compiler) compile(h *Handler) *policies {
	c.policy, c.seen = noPolicy, make(map[string]bool)
	c.checkHandler(h)
	ps := new(policies)
	names := policyNames(h.Policies)
	for i, config := range h.Policies {
		c.policy = i
		if len(h.Policies) > 1 {
			c.label = names[i]
		}
		if config == nil {
			c.fail(optionPolicies, 0, "null", "a policy is an object", "")
			continue
		}
		c.checkName(config.Name, names, i)
		ps.list = append(ps.list, c.compilePolicy(config, names[i]))
	}
	for _, p := range ps.list {
		if len(ps.list) == 1 && p.origins.any() && !p.credentials {
			ps.open = p
			continue
		}
		p.preflightVary = p.varyOfPreflight()
	}
	return ps
}

func (c *compiler) checkHandler(h *Handler) {
	if len(h.Policies) == 0 {
		c.fail(optionPolicies, 0, "", "nothing says which origins are allowed", `name the origin of your pages, such as "https://app.example.com"`)
	}
	if h.Enforce && h.ReportOnly {
		c.fail(optionEnforce, 0, "", "it does not go with report_only, which refuses nothing", "take out one of the two")
	}
	switch h.UpstreamHeaders {
	case "", upstreamReplace, upstreamKeep:
	default:
		c.fail(optionUpstreamHeaders, 0, h.UpstreamHeaders, "unknown value", `write "replace" or "keep"`)
	}
	if s := h.PreflightStatus; s != 0 && (s < 200 || s > 299) {
		c.fail(optionPreflightStatus, 0, strconv.Itoa(s), "browsers take a preflight for answered only with a status from 200 to 299", `leave it out for 204`)
	}
}

// policyNames returns the name of each policy; those without get one by position.
func policyNames(configs []*Policy) []string {
	names := make([]string, len(configs))
	for i, config := range configs {
		names[i] = "policy" + strconv.Itoa(i)
		if config != nil && config.Name != "" {
			names[i] = config.Name
		}
	}
	return names
}

func (c *compiler) checkName(name string, names []string, i int) {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		c.fail(optionName, 0, name, `the name of a policy is made of a-z, 0-9, "_" and "-"`, "")
	}
	if first := slices.Index(names, names[i]); first < i {
		c.fail(optionName, 0, names[i], "another policy has this name", "give each policy its own")
	}
}

func (c *compiler) compilePolicy(config *Policy, name string) *policy {
	p := &policy{name: name, credentials: config.AllowCredentials}
	c.compileRisks(config)
	c.compileOrigins(p, config)
	c.compileMethods(p, config.AllowMethods)
	c.compileHeaders(p, config.AllowHeaders)
	c.compileExposed(p, config.ExposeHeaders)
	p.maxAge = c.compileMaxAge(string(config.MaxAge))
	c.warnOfRisks(name)
	return p
}

// compileOrigins compiles what says which origins a policy is for.
func (c *compiler) compileOrigins(p *policy, config *Policy) {
	c.waits = false
	origins := c.expandList(optionAllowOrigins, config.AllowOrigins)
	if len(config.AllowOrigins)+len(config.AllowOriginRegex) == 0 {
		c.fail(optionAllowOrigins, 0, "", "nothing says which origins are allowed",
			`name the origin of your pages, such as "https://app.example.com"; "*" is every origin, "none" is no other origin`)
	}
	alone := len(origins)+len(config.AllowOriginRegex) == 1
	p.origins.patterns = new(origin.Set)
	var patterns []origin.Pattern
	for _, e := range origins {
		pattern, err := origin.ParsePattern(e.text)
		if err != nil {
			c.failPattern(e, err)
			continue
		}
		if (pattern.Any() || pattern.None()) && !alone {
			c.fail(optionAllowOrigins, e.index, e.text, `"`+e.text+`" stands alone`, "take it out, or all other origins of this policy")
		}
		c.checkPatternRisks(p, e, pattern)
		if c.seen[pattern.String()] {
			c.warn("an origin is given twice", zap.String("policy", p.name), zap.Stringer(optionAllowOrigins, pattern))
		}
		c.seen[pattern.String()] = true
		p.origins.patterns.Add(pattern)
		patterns = append(patterns, pattern)
	}
	for i, expr := range config.AllowOriginRegex {
		c.compileOriginRegex(p, i, expr)
	}
	c.checkReachable(p, patterns)
	for _, pattern := range patterns {
		c.before.Add(pattern)
	}
}

func (c *compiler) failPattern(e entry, err error) {
	reason, fix := err.Error(), ""
	if refused := new(origin.PatternError); errors.As(err, &refused) {
		reason = refused.Reason
		if refused.Fix != "" {
			fix = fmt.Sprintf("write %q", refused.Fix)
		}
	}
	c.fail(optionAllowOrigins, e.index, e.text, reason, fix)
}

func (c *compiler) compileOriginRegex(p *policy, i int, expr string) {
	expanded, ok := c.expandRegex(i, expr)
	if !ok {
		return
	}
	re, err := compileRegex(expanded)
	if err != nil {
		c.fail(optionAllowOriginRegex, i, expr, err.Error(), "see https://github.com/google/re2/wiki/Syntax")
		return
	}
	if literal, complete, _ := literalOfRegex(expanded); complete {
		if _, ok := origin.Parse(literal); !ok {
			c.fail(optionAllowOriginRegex, i, expr, "no browser sends this as an origin", `write it like "https://app\.example\.com", in lower case, with no path and no default port`)
			return
		}
	}
	c.checkRegexRisks(p, i, expr, expanded)
	p.origins.regexps = append(p.origins.regexps, re)
}

// checkReachable refuses a policy that can never decide, because the policies before
// it match whatever it matches.
func (c *compiler) checkReachable(p *policy, patterns []origin.Pattern) {
	if c.policy == 0 || c.waits || len(p.origins.regexps) > 0 && !c.before.Any() {
		return
	}
	for _, pattern := range patterns {
		if pattern.None() || !c.before.Covers(pattern) {
			return
		}
	}
	if len(patterns)+len(p.origins.regexps) > 0 {
		c.fail(optionAllowOrigins, 0, "", "the policies before this one match all of its origins, so it never decides", "take it out, or put it before them")
	}
}
