package caddycors

import (
	"fmt"
	"slices"
	"strings"
)

// changeOf returns what to write so that a denied request is allowed, and where.
func (e *explainer) changeOf(d *decidedVisit) (place, string) {
	index := slices.Index(d.cors.policies.list, d.decision.policy)
	switch d.decision.reason {
	case reasonOriginNotAllowed:
		return e.changeOfOrigin(d.cors)
	case reasonMethodNotAllowed:
		return place{index, optionAllowMethods, 0}, e.changeOfMethod(d.cors.Policies[index])
	case reasonHeaderNotAllowed:
		return place{index, optionAllowHeaders, 0}, e.changeOfHeaders(d.cors.Policies[index], d.decision.policy)
	}
	if d.decision.outcome == outcomeNotCORS {
		return place{}, "a handler ahead takes the Origin out of the request; put cors ahead of it"
	}
	return place{}, ""
}

func (e *explainer) changeOfOrigin(h *Handler) (place, string) {
	if e.page.origin.Opaque() {
		return place{noPolicy, optionPolicies, 0}, fmt.Sprintf("any site can send the origin %s; if you accept that, add it to %s, with %q", e.page.origin, optionAllowOrigins, optionDangerouslyAllow+" "+string(riskNull))
	}
	if len(h.Policies) > 1 {
		return place{noPolicy, optionPolicies, 0}, fmt.Sprintf("if you trust it, add %s to the %s of a policy", e.page.origin, optionAllowOrigins)
	}
	at := place{0, optionAllowOrigins, 0}
	if slices.Contains(h.Policies[0].AllowOrigins, none) {
		return at, fmt.Sprintf("if you trust it, write %s in place of none", e.page.origin)
	}
	return at, fmt.Sprintf("if you trust it, add %s to %s", e.page.origin, optionAllowOrigins)
}

func (e *explainer) changeOfMethod(config *Policy) string {
	method := e.page.Asked.Method
	switch {
	case method != "PATCH" && strings.EqualFold(method, "PATCH"):
		return "methods have a case, and browsers leave this one as it is; let the page write PATCH"
	case config.AllowMethods == nil:
		return fmt.Sprintf("write %q", strings.Join(append(append([]string{optionAllowMethods}, defaultMethods...), method), " "))
	}
	return fmt.Sprintf("add %s to %s", method, optionAllowMethods)
}

// changeOfHeaders names the headers that are missing, and no others that the page sets.
func (e *explainer) changeOfHeaders(config *Policy, p *policy) string {
	names := slices.DeleteFunc(slices.Clone(e.page.Asked.UnsafeNames), p.allowsHeader)
	if slices.Contains(config.AllowHeaders, none) {
		return fmt.Sprintf("write %q", optionAllowHeaders+" "+joined(names, " "))
	}
	return fmt.Sprintf("add %s to %s", joined(names, " "), optionAllowHeaders)
}
