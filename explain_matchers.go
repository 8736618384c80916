package caddycors

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// matcherTrait is what a matcher looks at: the name of its module, or one of those below.
type matcherTrait string

const (
	traitHost   matcherTrait = "host"
	traitMethod matcherTrait = "method"
	// traitOrigin is that of matchers which look at the Origin header.
	traitOrigin matcherTrait = "Origin"
	// traitClient is that of matchers which look at the client's address.
	traitClient matcherTrait = "client address"
)

// traits returns what the matchers of some sets look at.
func traits(sets caddyhttp.MatcherSets) (all []matcherTrait) {
	for _, set := range sets {
		for _, matcher := range set {
			all = append(all, traitOf(matcher))
		}
	}
	return all
}

// traitOf returns what a matcher looks at. Of a negation, that is what it negates.
func traitOf(matcher any) matcherTrait {
	switch m := matcher.(type) {
	case *MatchOrigin:
		return traitOrigin
	case *caddyhttp.MatchHeader:
		for name := range *m {
			if http.CanonicalHeaderKey(name) == headerOrigin {
				return traitOrigin
			}
		}
	case *caddyhttp.MatchHeaderRE:
		for name := range *m {
			if http.CanonicalHeaderKey(name) == headerOrigin {
				return traitOrigin
			}
		}
	case *caddyhttp.MatchRemoteIP, *caddyhttp.MatchClientIP:
		return traitClient
	case *caddyhttp.MatchNot:
		for _, trait := range traits(m.MatcherSets) {
			if trait == traitOrigin || trait == traitClient || trait == traitMethod {
				return trait
			}
		}
	}
	module, ok := matcher.(caddy.Module)
	if !ok {
		return "unknown"
	}
	return matcherTrait(strings.TrimPrefix(string(module.CaddyModule().ID), "http.matchers."))
}
