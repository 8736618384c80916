package caddycors

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/risk"
	"github.com/seed-9442523e/caddy-cors/source"
)

// compileRisks reads the risks that a policy takes. It reports whether all are known.
func (c *compiler) compileRisks(config *Policy) bool {
	failed := len(c.errs)
	c.risks = make(map[risk.Risk][]string)
	for i, name := range config.DangerouslyAllow {
		if !slices.Contains(risk.All(), risk.Risk(name)) {
			c.fail(KindMalformed, optionDangerouslyAllow, i, name, "there is no such risk", fmt.Sprintf("the risks are %s, %s, %s and %s", risk.AnyOrigin, risk.Null, risk.Insecure, risk.PublicSuffix))
			continue
		}
		c.risks[risk.Risk(name)] = nil
	}
	return len(c.errs) == failed
}

// rules returns what the policy lets its origins be, for sources.
func (c *compiler) rules(credentials bool) source.Rules {
	takes := func(r risk.Risk) bool {
		_, taken := c.risks[r]
		return taken
	}
	return source.Rules{
		Credentials: credentials,
		AnyOrigin:   takes(risk.AnyOrigin), Null: takes(risk.Null), Insecure: takes(risk.Insecure), PublicSuffix: takes(risk.PublicSuffix),
	}
}

// need fails unless the policy takes the risk r, which value is.
func (c *compiler) need(r risk.Risk, option string, index int, value, reason, fix string) {
	if values, taken := c.risks[r]; taken {
		c.risks[r] = append(values, value)
		return
	}
	c.fail(KindDangerous, option, index, value, reason, r.OrAccept(fix))
	c.errs[len(c.errs)-1].Risk = string(r)
}

// needForSources counts the risks that the policy takes as needed by its sources, as
// what these allow is not known yet.
func (c *compiler) needForSources() {
	for r, values := range c.risks {
		c.risks[r] = append(values, optionAllowOriginsFrom)
	}
}

// maxRiskyValues is how many values that need a risk its warning names.
const maxRiskyValues = 5

// warnOfRisks logs the risks that are in force, and those that nothing needs.
func (c *compiler) warnOfRisks(name string) {
	for _, r := range risk.All() {
		values, taken := c.risks[r]
		switch {
		case !taken:
		case values != nil:
			c.warn("a dangerous option is in force", zap.String("policy", name), zap.String("risk", string(r)), zap.String("what_it_means", r.Attack()),
				zap.Strings("needed_by", values[:min(maxRiskyValues, len(values))]))
		default:
			c.warn("dangerously_allow names a risk that nothing needs; take it out", zap.String("policy", name), zap.String("risk", string(r)))
		}
	}
}

// checkPatternRisks tells the risks of one pattern.
func (c *compiler) checkPatternRisks(p *policy, e entry, pattern origin.Pattern) {
	for _, need := range risk.OfPattern(pattern, p.credentials) {
		c.need(need.Risk, optionAllowOrigins, e.index, e.text, need.Reason, need.Fix)
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
		c.need(risk.AnyOrigin, optionAllowOriginRegex, i, expr, reason, fix)
	}
	if !analysis.Hosts("http").Loopback() {
		c.need(risk.Insecure, optionAllowOriginRegex, i, expr, "with allow_credentials, this can match pages that came without TLS", "let it start with https://")
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
