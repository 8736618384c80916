package caddycors

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/net/publicsuffix"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// risk is something dangerous that does not load unless dangerously_allow names it.
type risk string

const (
	riskAnyOrigin    risk = "any_origin_with_credentials"
	riskNull         risk = "null_origin"
	riskInsecure     risk = "insecure_origins"
	riskPublicSuffix risk = "public_suffixes"
)

var allRisks = []risk{riskAnyOrigin, riskNull, riskInsecure, riskPublicSuffix}

// attack says what a risk gives to an attacker.
func (r risk) attack() string {
	switch r {
	case riskAnyOrigin:
		return "any site that a user visits can read responses as that user"
	case riskNull:
		return "any site can send the origin null, from a sandboxed frame, and read responses"
	case riskInsecure:
		return "whoever is on the network of a user can put scripts into http:// pages, and read responses as that user"
	default:
		return "anyone can get a host name that matches, and read responses as the users that visit it"
	}
}

// compileRisks reads the risks that a policy takes.
func (c *compiler) compileRisks(config *Policy) {
	c.risks = make(map[risk]bool)
	for i, name := range config.DangerouslyAllow {
		if !slices.Contains(allRisks, risk(name)) {
			c.fail(optionDangerouslyAllow, i, name, "there is no such risk", fmt.Sprintf("the risks are %v", allRisks))
			continue
		}
		c.risks[risk(name)] = false
	}
}

// need fails unless the policy takes the risk r, which value is.
func (c *compiler) need(r risk, option string, index int, value, reason, fix string) {
	if _, taken := c.risks[r]; taken {
		c.risks[r] = true
		return
	}
	c.fail(option, index, value, reason, fmt.Sprintf("%s, or, if you accept that %s, add %q", fix, r.attack(), optionDangerouslyAllow+" "+string(r)))
}

// warnOfRisks logs the risks that are in force, and those that nothing needs.
func (c *compiler) warnOfRisks(name string) {
	for _, r := range allRisks {
		needed, taken := c.risks[r]
		switch {
		case !taken:
		case needed:
			c.warn("a dangerous option is in force", zap.String("policy", name), zap.String("risk", string(r)), zap.String("what_it_means", r.attack()))
		default:
			c.warn("dangerously_allow names a risk that nothing needs; take it out", zap.String("policy", name), zap.String("risk", string(r)))
		}
	}
}

// checkPatternRisks tells the risks of one pattern.
func (c *compiler) checkPatternRisks(p *policy, e entry, pattern origin.Pattern) {
	if pattern.Opaque() {
		c.need(riskNull, optionAllowOrigins, e.index, e.text, "this is no site: any page can have this origin", "take it out")
	}
	if !p.credentials {
		return
	}
	if pattern.Any() || pattern.AnyHost() {
		c.need(riskAnyOrigin, optionAllowOrigins, e.index, e.text, "with allow_credentials, this trusts every site", "name the origins that you trust")
	}
	if pattern.Insecure() {
		c.need(riskInsecure, optionAllowOrigins, e.index, e.text, "with allow_credentials, this trusts pages that came without TLS", "write https://")
	}
	if parent := pattern.WildcardParent(); parent != "" && isPublicSuffix(parent) {
		c.need(riskPublicSuffix, optionAllowOrigins, e.index, e.text, fmt.Sprintf("with allow_credentials, this trusts everyone who gets a name below the public suffix %q", parent), "name the hosts that are yours")
	}
}

// checkRegexRisks tells the risks of one regular expression. Only one that is plain
// text is known to be safe: what else it matches is not told, and so counts as any
// origin.
func (c *compiler) checkRegexRisks(p *policy, i int, expr, expanded string) {
	if !p.credentials {
		return
	}
	literal, complete, known := literalOfRegex(expanded)
	if !complete {
		c.need(riskAnyOrigin, optionAllowOriginRegex, i, expr, "with allow_credentials, it cannot be told which sites this trusts", "list the origins, or write a pattern, in allow_origins")
	}
	pattern, err := origin.ParsePattern(literal)
	insecure := !known || couldStartHTTP(literal)
	if complete && err == nil {
		insecure = pattern.Insecure()
	}
	if insecure {
		c.need(riskInsecure, optionAllowOriginRegex, i, expr, "with allow_credentials, this can match pages that came without TLS", "let it start with https://")
	}
}

// isPublicSuffix reports whether the public suffix list has name, be it in its ICANN
// or its private part. A top-level domain that the list does not know is none.
func isPublicSuffix(name string) bool {
	suffix, icann := publicsuffix.PublicSuffix(name)
	return suffix == name && (icann || strings.Contains(suffix, "."))
}

// literalOfRegex returns the text that every match of expr starts with, and whether
// that is all of it. It reports known as false if it cannot tell.
func literalOfRegex(expr string) (literal string, complete, known bool) {
	expr = strings.TrimSuffix(strings.TrimPrefix(expr, "^"), "$") // it is anchored anyway
	re, err := regexp.Compile(expr)
	if err != nil {
		return "", false, false
	}
	literal, complete = re.LiteralPrefix()
	return literal, complete, true
}

// couldStartHTTP reports whether an http:// origin could start with literal.
func couldStartHTTP(literal string) bool {
	const insecure = "http:"
	n := min(len(literal), len(insecure))
	return literal[:n] == insecure[:n]
}
