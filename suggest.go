package caddycors

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/risk"
)

// suggestion is a cors directive that lets a page do what it could not.
type suggestion struct {
	Caddyfile string      // one directive, or "" if none helps
	Risks     []risk.Risk // those that it takes
}

// suggest returns the directive that would have let a request through that was blocked.
func suggest(r fetch.Request, b *fetch.Block) suggestion {
	switch b.Rule {
	case fetch.RuleForbiddenMethod, fetch.RuleBadPort, fetch.RuleMixedContent,
		fetch.RuleRedirectLocation, fetch.RuleRedirectScheme, fetch.RuleRedirectCount, fetch.RuleRedirectCredentials:
		return suggestion{}
	}
	// A cors directive answers preflights ahead of redirects, but for Caddy's own to https.
	redirected := b.Status >= 300 && b.Status < 400
	if b.Origin != r.Origin || redirected && (!b.Preflight || r.URL.Scheme == "http" && strings.HasPrefix(b.Value, "https:")) {
		return suggestion{}
	}
	p := &Policy{AllowOrigins: []string{r.Origin}, AllowCredentials: r.Credentials}
	if r.Origin == "null" || r.Origin == "file://" {
		if r.Credentials {
			return suggestion{} // any site can have this origin
		}
		p.AllowOrigins = []string{wildcard}
	}
	method := fetch.NormalizeMethod(r.Method)
	granted, listed := b.GrantedMethods()
	if !listed {
		granted = defaultMethods
	}
	if listed || !slices.Contains(defaultMethods, method) {
		p.AllowMethods = withWords(granted, method)
	}
	if granted, listed := b.GrantedHeaders(); listed {
		p.AllowHeaders = withWords(granted, fetch.UnsafeNames(r.Header)...)
	}
	c := compiler{replacer: caddy.NewReplacer()}
	c.compile(&Handler{Policies: []*Policy{p}})
	var s suggestion
	for _, err := range c.errs {
		if err.Risk == "" {
			return suggestion{} // nothing that loads would help, as for the method patch
		}
		s.Risks = append(s.Risks, risk.Risk(err.Risk))
		p.DangerouslyAllow = append(p.DangerouslyAllow, err.Risk)
	}
	s.Caddyfile = p.directive()
	return s
}

// withWords returns those of a list, and of more words, that can stand in a Caddyfile.
// "*" stands for all of them, but for Authorization.
func withWords(list []string, more ...string) (words []string) {
	all := slices.Contains(list, wildcard)
	if all {
		list = []string{wildcard}
	}
	for _, word := range slices.Concat(list, more) {
		known := slices.ContainsFunc(words, func(other string) bool { return strings.EqualFold(other, word) })
		switch {
		case known:
		case word == wildcard, isPlainName(word) && (!all || strings.EqualFold(word, headerAuthorization)):
			words = append(words, word)
		}
	}
	return words
}

// directive returns the policy as a cors directive.
func (p *Policy) directive() string {
	var lines []string
	for _, option := range []struct {
		name   string
		values []string
	}{
		{optionAllowMethods, p.AllowMethods},
		{optionAllowHeaders, p.AllowHeaders},
		{optionDangerouslyAllow, p.DangerouslyAllow},
	} {
		if len(option.values) > 0 {
			lines = append(lines, "\t"+option.name+" "+strings.Join(option.values, " "))
		}
	}
	if p.AllowCredentials {
		lines = append([]string{"\t" + optionAllowCredentials}, lines...)
	}
	directive := "cors " + strings.Join(p.AllowOrigins, " ")
	if len(lines) == 0 {
		return directive
	}
	return directive + " {\n" + strings.Join(lines, "\n") + "\n}"
}
