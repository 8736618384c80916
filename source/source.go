// Package source has what allows origins that are not in the config: lists that change
// while the server runs. Each kind is a guest module of the cors handler, in the namespace
// http.cors.origins.
package source

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/risk"
)

// Namespace is that of the modules that are sources. The name of a module in it is what
// stands in allow_origins_from.
const Namespace = "http.cors.origins"

// Source tells which origins are allowed, from somewhere else than the config. Its contract
// is that of Caddy's IP range sources:
//
//   - What it needs to answer, it gets while it is provisioned, and fails to provision if
//     it cannot.
//   - Once it is provisioned it does not fail. If it cannot get what is new, it keeps what
//     it has, and logs that.
//   - A reload of the config makes a new one before the old one goes. They share what they
//     know, by a [caddy.UsagePool], so that a reload does not get it all again.
//   - Old configs answer requests for a while after the Cleanup of their modules, so it
//     still answers then.
//
// What it may allow depends on the policy it is for: [PolicyOf].
type Source interface {
	// AllowsOrigin reports whether pages of this origin may read the response to the
	// request. The origin is well-formed, as browsers send it. It is called for requests
	// whose origin no pattern of the policy matches, by many goroutines, so it has to be
	// quick. It does not change the request.
	AllowsOrigin(r *http.Request, origin string) bool
}

// Policy is the policy that a source is for.
type Policy struct {
	// Name is the name of the policy in logs and metrics.
	Name string
	// Rules are what the policy lets its origins be.
	Rules Rules
}

// Rules are what a policy lets its origins be: the same for those in the config and for
// those of sources. They can be compared, and be part of a key.
type Rules struct {
	// Credentials tells whether the policy has allow_credentials.
	Credentials bool
	// AnyOrigin, Null, Insecure and PublicSuffix are the risks that it takes, by
	// dangerously_allow.
	AnyOrigin, Null, Insecure, PublicSuffix bool
}

// takes reports whether a risk is taken.
func (rules Rules) takes(r risk.Risk) bool {
	switch r {
	case risk.AnyOrigin:
		return rules.AnyOrigin
	case risk.Null:
		return rules.Null
	case risk.Insecure:
		return rules.Insecure
	default:
		return rules.PublicSuffix
	}
}

// Allow reports whether a policy may allow an origin at all, whoever says so. It does not
// see what pattern matched, so that a list has to test its patterns itself, as [ParseList]
// does.
func (rules Rules) Allow(o origin.Origin) bool {
	switch {
	case o.Opaque():
		return rules.Null
	case rules.Credentials && o.Scheme() == "http" && !origin.IsLoopback(o.Host()):
		return rules.Insecure
	}
	return true
}

type policyKey struct{}

// WithPolicy returns a context for the modules that are sources of a policy.
func WithPolicy(ctx caddy.Context, p Policy) caddy.Context {
	return ctx.WithValue(policyKey{}, p)
}

// PolicyOf returns the policy of the source that is provisioned with ctx. Outside of a
// policy, it has the strictest rules.
func PolicyOf(ctx caddy.Context) Policy {
	if p, ok := ctx.Value(policyKey{}).(Policy); ok {
		return p
	}
	return Policy{Rules: Rules{Credentials: true}}
}
