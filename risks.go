package caddycors

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/suffix"
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
	c.risks = make(map[risk][]string)
	for i, name := range config.DangerouslyAllow {
		if !slices.Contains(allRisks, risk(name)) {
			c.fail(KindMalformed, optionDangerouslyAllow, i, name, "there is no such risk", fmt.Sprintf("the risks are %s, %s, %s and %s", riskAnyOrigin, riskNull, riskInsecure, riskPublicSuffix))
			continue
		}
		c.risks[risk(name)] = nil
	}
}

// need fails unless the policy takes the risk r, which value is.
func (c *compiler) need(r risk, option string, index int, value, reason, fix string) {
	if values, taken := c.risks[r]; taken {
		c.risks[r] = append(values, value)
		return
	}
	c.fail(KindDangerous, option, index, value, reason, fmt.Sprintf("%s, or, if you accept that %s, add %q", fix, r.attack(), optionDangerouslyAllow+" "+string(r)))
	c.errs[len(c.errs)-1].Risk = string(r)
}

// maxRiskyValues is how many values that need a risk its warning names.
const maxRiskyValues = 5

// warnOfRisks logs the risks that are in force, and those that nothing needs.
func (c *compiler) warnOfRisks(name string) {
	for _, r := range allRisks {
		values, taken := c.risks[r]
		switch {
		case !taken:
		case values != nil:
			c.warn("a dangerous option is in force", zap.String("policy", name), zap.String("risk", string(r)), zap.String("what_it_means", r.attack()),
				zap.Strings("needed_by", values[:min(maxRiskyValues, len(values))]))
		default:
			c.warn("dangerously_allow names a risk that nothing needs; take it out", zap.String("policy", name), zap.String("risk", string(r)))
		}
	}
}

// checkPatternRisks tells the risks of one pattern.
func (c *compiler) checkPatternRisks(p *policy, e entry, pattern origin.Pattern) {
	need := func(r risk, reason, fix string) {
		c.need(r, optionAllowOrigins, e.index, e.text, reason, fix)
	}
	if pattern.Opaque() {
		need(riskNull, "this is no site: any page can have this origin", "take it out")
	}
	if !p.credentials {
		return
	}
	if pattern.Any() || pattern.AnyHost() {
		need(riskAnyOrigin, "with allow_credentials, this trusts sites of strangers", "name the origins that you trust")
	}
	if pattern.Insecure() {
		need(riskInsecure, "with allow_credentials, this trusts pages that came without TLS", "write https://")
	}
	if open := suffix.Open(pattern.WildcardParent()); open != "" {
		need(riskPublicSuffix, fmt.Sprintf("with allow_credentials, this trusts everyone who gets a name below the public suffix %q", open), "name the hosts that are yours")
	}
}

// checkRegexRisks tells the risks of one regular expression.
func (c *compiler) checkRegexRisks(p *policy, i int, expr, expanded string, analysis *origin.Analysis) {
	if !p.credentials {
		return
	}
	hosts := analysis.Hosts("")
	reason := "with allow_credentials, this can match sites of strangers"
	fix := `end the host in a domain of yours, after a dot, as in "https://[a-z0-9-]+\.example\.com"`
	if hosts.TooLarge {
		reason, fix = "with allow_credentials, this is too large to tell which sites it can match", "split it up, or list the origins in allow_origins"
	} else if escaped := escapedDots(expanded); escaped != "" {
		fix = "escape the dots, as in " + quoted(escaped)
	}
	if !hosts.Known {
		c.need(riskAnyOrigin, optionAllowOriginRegex, i, expr, reason, fix)
	}
	if !analysis.Hosts("http").Loopback() {
		c.need(riskInsecure, optionAllowOriginRegex, i, expr, "with allow_credentials, this can match pages that came without TLS", "let it start with https://")
	}
}

// escapedDots returns expr with its dots escaped, if that makes its hosts known and can
// be shown, and else "".
func escapedDots(expr string) string {
	dots := origin.UnescapedDots(expr)
	if dots == nil {
		return ""
	}
	escaped := origin.EscapeDots(expr, dots)
	if len(escaped) > maxShownBytes {
		return ""
	}
	if re, err := origin.CompileRegexp(escaped); err != nil || !re.Analyze().Hosts("").Known {
		return ""
	}
	return escaped
}
