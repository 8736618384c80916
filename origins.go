package caddycors

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/risk"
	"github.com/seed-9442523e/caddy-cors/internal/suffix"
)

// What says which origins a policy, or a matcher, is for.

// exampleOrigin is what an error shows where it cannot guess what is meant.
const exampleOrigin = `write it like "https://app.example.com"`

// compileOrigins compiles the origins of a policy.
func (c *compiler) compileOrigins(p *policy, config *Policy) {
	c.waits = false
	failed := len(c.errs)
	others := len(config.AllowOriginRegex) + len(config.AllowOriginsFromRaw)
	if len(config.AllowOrigins)+others == 0 {
		c.fail(KindMissing, optionAllowOrigins, 0, "", "nothing says which origins are allowed",
			`name the origin of your pages, such as "https://app.example.com"; "*" is every origin, "none" is no other origin`)
	}
	patterns := c.compilePatterns(optionAllowOrigins, config.AllowOrigins, others == 0,
		func(e entry, pattern origin.Pattern) {
			c.checkPatternRisks(p, e, pattern)
			c.adviseOfPattern(p, pattern)
			if !pattern.None() {
				p.size++
			}
		})
	p.origins.patterns = origin.NewSet(patterns...)
	c.checkShapes(optionAllowOrigins, p.origins.patterns)
	c.size = 0
	for i, expr := range config.AllowOriginRegex {
		c.compileOriginRegex(p, i, expr)
	}
	if c.size > maxRegexSize {
		c.advise("the regular expressions of this policy are so large that each request may take milliseconds; patterns take none",
			zap.String("policy", p.name), zap.Int("instructions", c.size))
	}
	if len(c.errs) == failed && config.AllowOriginsFromRaw == nil {
		c.checkReachable(p, patterns)
	}
	c.before = append(c.before, p.origins.patterns)
}

// maxRegexBytes is how long a regular expression may be. To parse some takes a time that
// grows with the square of it.
const maxRegexBytes = 64 << 10

// maxRegexSize is how many instructions the regular expressions of a policy may have
// together without a warning. An origin may have to run through all of them for each
// of its bytes.
const maxRegexSize = 20_000

// compilePatterns compiles the origin patterns of an option, and lets check look at each
// and at what it comes from. If these are all that the option's owner has of origins, "*"
// and "none" may be among them, alone.
func (c *compiler) compilePatterns(option string, values []string, all bool, check func(entry, origin.Pattern)) []origin.Pattern {
	entries := c.expandList(option, values)
	patterns := make([]origin.Pattern, 0, len(entries))
	for _, e := range entries {
		pattern, err := origin.ParsePattern(e.text)
		if err != nil {
			c.failPattern(option, e, err)
			continue
		}
		if (pattern.Any() || pattern.None()) && (!all || len(entries) > 1) {
			c.fail(KindConflict, option, e.index, e.text, `"`+e.text+`" stands alone`, "take it out, or all other origins that stand beside it")
		}
		check(e, pattern)
		patterns = append(patterns, pattern)
	}
	return patterns
}

func (c *compiler) failPattern(option string, e entry, err error) {
	reason, fix := err.Error(), exampleOrigin
	if refused := new(origin.PatternError); errors.As(err, &refused) {
		reason = refused.Reason
		switch {
		case refused.Regexp && option != optionAllowOrigins:
			fix = "write it as patterns; this takes no regular expressions"
		case refused.Regexp:
			fix = orSuggestion(optionAllowOriginRegex+" ", e.text, exampleOrigin)
		case refused.Fix != "":
			fix = "write " + quoted(refused.Fix)
		case refused.Advice != "":
			fix = refused.Advice
		}
	}
	if e.from != "" {
		reason += ", in the value of " + e.from
	}
	c.fail(KindMalformed, option, e.index, e.text, reason, fix)
}

// checkShapes refuses patterns that would make each look-up slow.
func (c *compiler) checkShapes(option string, set *origin.Set) {
	if set.Shapes() > origin.MaxShapes {
		c.fail(KindConflict, option, 0, "", fmt.Sprintf(`what stands around the "*" inside a label has more than %d different lengths, below one host`, origin.MaxShapes),
			`let "*" stand for more of the label`)
	}
}

// seenBefore reports whether it was called with s before. It goes by a hash of 64 bits:
// that one of a million strings is wrongly said to be given twice happens in one of
// thirty million loads.
func (c *compiler) seenBefore(s string) bool {
	hash := maphash.String(c.seed, s)
	_, seen := c.seen[hash]
	c.seen[hash] = struct{}{}
	return seen
}

// adviseOfPattern warns of what is allowed but hardly meant.
func (c *compiler) adviseOfPattern(p *policy, pattern origin.Pattern) {
	name := pattern.String()
	if c.seenBefore(name) {
		c.advise("an origin is given twice", zap.String("policy", p.name), zap.String(optionAllowOrigins, name))
	}
	if parent := pattern.WildcardParent(); parent != "" && suffix.Registry(parent) {
		c.advise(`anyone can register a domain that matches; "*." ahead of a domain is for its subdomains`,
			zap.String("policy", p.name), zap.String(optionAllowOrigins, name))
	}
}

func (c *compiler) compileOriginRegex(p *policy, i int, expr string) {
	fail := func(kind ErrorKind, reason, fix string) {
		c.fail(kind, optionAllowOriginRegex, i, expr, reason, fix)
	}
	expanded, ok := c.expandRegex(i, expr)
	if !ok {
		return
	}
	if len(expanded) > maxRegexBytes {
		fail(KindMalformed, "a regular expression has 64 KiB at most", "list the origins in allow_origins")
		return
	}
	if pattern := origin.SuggestPattern(expanded); pattern != "" {
		fail(KindMalformed, "this is a pattern, which means something else as a regular expression", "write "+quoted(optionAllowOrigins+" "+pattern))
		return
	}
	re, err := origin.CompileRegexp(expanded)
	if err != nil {
		fail(KindMalformed, err.Error(), orSuggestion("", expanded, "see https://github.com/google/re2/wiki/Syntax"))
		return
	}
	if opaque := re.Opaque(); opaque != "" {
		fail(KindImpossible, fmt.Sprintf("a regular expression never matches %q", opaque), fmt.Sprintf(`take it out, or write "allow_origins %s", which needs the risk %s`, opaque, risk.Null))
		return
	}
	analysis := re.Analyze()
	if analysis.Impossible() {
		fail(KindImpossible, "no origin that a browser sends matches it",
			orSuggestion("", expanded, `write it like "https://app\.example\.com", in lower case and ASCII, with no path and no default port`))
		return
	}
	c.size += analysis.Size()
	c.checkRegexRisks(p, i, expr, expanded, analysis)
	c.adviseOfRegex(p, expr, expanded, re, analysis)
	p.origins.regexps = append(p.origins.regexps, re)
	p.size++
}

// orSuggestion returns a fix that writes the expression that expr may be meant as,
// behind a prefix, or another fix if that is not known.
func orSuggestion(prefix, expr, fix string) string {
	guess := origin.SuggestRegexp(expr)
	if guess == "" || len(prefix+guess) > maxShownBytes {
		return fix
	}
	return "write " + quoted(prefix+guess)
}

// adviseOfRegex warns of what is allowed but hardly meant.
func (c *compiler) adviseOfRegex(p *policy, expr, expanded string, re *origin.Regexp, analysis *origin.Analysis) {
	const seenRegex = "regex " // no pattern has white space
	where := []zap.Field{zap.String("policy", p.name), zap.String(optionAllowOriginRegex, expr)}
	if c.seenBefore(seenRegex + expanded) {
		c.advise("a regular expression is given twice", where...)
	}

	// The dots inside a placeholder are not the expression's.
	dots := origin.UnescapedDots(loadTimePlaceholder.ReplaceAllStringFunc(expr, func(placeholder string) string {
		return strings.Repeat("x", len(placeholder))
	}))
	if dots != nil {
		columns := make([]int, len(dots))
		for i, dot := range dots {
			columns[i] = dot + 1
		}
		c.advise("an unescaped dot matches any character, so that other hosts match",
			append(where, zap.Ints("columns", columns), zap.String("write", origin.EscapeDots(expr, dots)))...)
		return
	}
	if !re.MatchesAnyHost() && (strangersMatch(analysis.Hosts("http")) || strangersMatch(analysis.Hosts("https"))) {
		c.advise("hosts of strangers match; after a dot, a host may end in a domain that is yours", where...)
	}
}

// strangersMatch reports whether somebody else may have one of the hosts, but for those
// below the domain of a service that gives names to its users: previews are there.
func strangersMatch(hosts origin.Hosts) bool {
	return slices.ContainsFunc(hosts.Ends, func(end string) bool {
		domain, behindDot := strings.CutPrefix(strings.TrimSuffix(end, "."), ".")
		return !behindDot || suffix.Registry(domain)
	})
}

// checkReachable refuses a policy that can never decide, because the policies before
// it match whatever it matches.
func (c *compiler) checkReachable(p *policy, patterns []origin.Pattern) {
	before := func(matches func(*origin.Set) bool) bool { return slices.ContainsFunc(c.before, matches) }
	if c.waits || len(p.origins.regexps) > 0 && !before((*origin.Set).Any) {
		return
	}
	for _, pattern := range patterns {
		if pattern.None() || !before(func(s *origin.Set) bool { return s.Covers(pattern) }) {
			return
		}
	}
	c.fail(KindImpossible, optionAllowOrigins, 0, "", "the policies before this one match all of its origins, so it never decides", "take it out, or put it before them")
}
