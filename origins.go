package caddycors

import (
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/suffix"
)

// What says which origins a policy, or a matcher, is for.

// exampleOrigin is what an error shows where it cannot guess what is meant.
const exampleOrigin = `write it like "https://app.example.com"`

// compileOrigins compiles the origins of a policy.
func (c *compiler) compileOrigins(p *policy, config *Policy) {
	c.waits = false
	if len(config.AllowOrigins)+len(config.AllowOriginRegex) == 0 {
		c.fail(KindMissing, optionAllowOrigins, 0, "", "nothing says which origins are allowed",
			`name the origin of your pages, such as "https://app.example.com"; "*" is every origin, "none" is no other origin`)
	}
	patterns := c.compilePatterns(optionAllowOrigins, config.AllowOrigins, len(config.AllowOriginRegex) == 0)
	p.origins.patterns = new(origin.Set)
	for _, pattern := range patterns {
		c.checkPatternRisks(p, pattern)
		c.warnOfPattern(p, pattern)
		p.origins.patterns.Add(pattern.Pattern)
	}
	for i, expr := range config.AllowOriginRegex {
		c.compileOriginRegex(p, i, expr)
	}
	c.checkReachable(p, patterns)
	for _, pattern := range patterns {
		c.before.Add(pattern.Pattern)
	}
}

// originPattern is a pattern, and the value that it comes from.
type originPattern struct {
	entry
	origin.Pattern
}

// compilePatterns compiles the origin patterns of an option. If these are all that the
// option's owner has of origins, "*" and "none" may be among them, alone.
func (c *compiler) compilePatterns(option string, values []string, all bool) []originPattern {
	entries := c.expandList(option, values)
	patterns := make([]originPattern, 0, len(entries))
	for _, e := range entries {
		pattern, err := origin.ParsePattern(e.text)
		if err != nil {
			c.failPattern(option, e, err)
			continue
		}
		if (pattern.Any() || pattern.None()) && (!all || len(entries) > 1) {
			c.fail(KindConflict, option, e.index, e.text, `"`+e.text+`" stands alone`, "take it out, or all other origins that stand beside it")
		}
		patterns = append(patterns, originPattern{e, pattern})
	}
	return patterns
}

func (c *compiler) failPattern(option string, e entry, err error) {
	reason, fix := err.Error(), exampleOrigin
	if refused := new(origin.PatternError); errors.As(err, &refused) {
		reason = refused.Reason
		switch {
		case refused.Regexp && option == optionAllowOrigins:
			fix = "write " + quoted(optionAllowOriginRegex+" "+e.text)
		case refused.Fix != "":
			fix = "write " + quoted(refused.Fix)
		}
	}
	c.fail(KindMalformed, option, e.index, e.text, reason, fix)
}

// warnOfPattern logs what is allowed but hardly meant.
func (c *compiler) warnOfPattern(p *policy, pattern originPattern) {
	name := pattern.String()
	if c.seen[name] {
		c.advise("an origin is given twice", zap.String("policy", p.name), zap.String(optionAllowOrigins, name))
	}
	c.seen[name] = true
	if domain := pattern.WildcardSuffix(); domain != "" && !strings.HasPrefix(domain, "-") && suffix.Open(pattern.WildcardParent()) != "" {
		c.advise(`anyone can register a domain that matches; for subdomains, "*" stands alone ahead of a dot`,
			zap.String("policy", p.name), zap.String(optionAllowOrigins, name), zap.String("subdomains", strings.Replace(name, "*", "*.", 1)))
	}
}

func (c *compiler) compileOriginRegex(p *policy, i int, expr string) {
	expanded, ok := c.expandRegex(i, expr)
	if !ok {
		return
	}
	if pattern, err := origin.ParsePattern(expanded); err == nil && strings.Contains(expanded, wildcard) {
		c.fail(KindMalformed, optionAllowOriginRegex, i, expr, "this is a pattern, which means something else as a regular expression", "write "+quoted(optionAllowOrigins+" "+pattern.String()))
		return
	}
	re, err := origin.CompileRegexp(expanded)
	if err != nil {
		c.fail(KindMalformed, optionAllowOriginRegex, i, expr, err.Error(), "see https://github.com/google/re2/wiki/Syntax")
		return
	}
	analysis := origin.Analyze(expanded)
	if analysis.Impossible {
		c.fail(KindImpossible, optionAllowOriginRegex, i, expr, "no origin that a browser sends matches it", `write it like "https://app\.example\.com", in lower case, with no path and no default port`)
		return
	}
	c.checkRegexRisks(p, i, expr, expanded, analysis)
	c.warnOfRegex(p, expr, expanded)
	p.origins.regexps = append(p.origins.regexps, re)
}

// warnOfRegex logs what is allowed but hardly meant.
func (c *compiler) warnOfRegex(p *policy, expr, expanded string) {
	if c.seen[expanded] {
		c.advise("a regular expression is given twice", zap.String("policy", p.name), zap.String(optionAllowOriginRegex, expr))
	}
	c.seen[expanded] = true
	if dots := origin.UnescapedDots(expanded); dots != nil {
		columns := make([]int, len(dots))
		for i, dot := range dots {
			columns[i] = dot + 1
		}
		c.advise("a dot without a backslash matches any character, so that other hosts match", zap.String("policy", p.name),
			zap.String(optionAllowOriginRegex, expr), zap.Ints("columns", columns), zap.String("write", origin.EscapeDots(expanded, dots)))
	}
}

// checkReachable refuses a policy that can never decide, because the policies before
// it match whatever it matches.
func (c *compiler) checkReachable(p *policy, patterns []originPattern) {
	if c.policy == 0 || c.waits || len(p.origins.regexps) > 0 && !c.before.Any() {
		return
	}
	for _, pattern := range patterns {
		if pattern.None() || !c.before.Covers(pattern.Pattern) {
			return
		}
	}
	if len(patterns)+len(p.origins.regexps) > 0 {
		c.fail(KindImpossible, optionAllowOrigins, 0, "", "the policies before this one match all of its origins, so it never decides", "take it out, or put it before them")
	}
}
