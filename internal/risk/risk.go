// Package risk tells what is dangerous about allowing an origin.
package risk

import (
	"fmt"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/suffix"
)

// Risk is something dangerous that is refused unless dangerously_allow names it.
type Risk string

const (
	// AnyOrigin is that strangers' sites are trusted with credentials.
	AnyOrigin Risk = "any_origin_with_credentials"
	// Null is that an origin is trusted which any page can have.
	Null Risk = "null_origin"
	// Insecure is that pages which came without TLS are trusted with credentials.
	Insecure Risk = "insecure_origins"
	// PublicSuffix is that everyone who gets a name somewhere is trusted with credentials.
	PublicSuffix Risk = "public_suffixes"
)

// Option is the name of the option that takes risks.
const Option = "dangerously_allow"

// All returns all risks there are.
func All() []Risk { return []Risk{AnyOrigin, Null, Insecure, PublicSuffix} }

// Attack says what the risk gives to an attacker.
func (r Risk) Attack() string {
	switch r {
	case AnyOrigin:
		return "any site that a user visits can read responses as that user"
	case Null:
		return "any site can send the origin null, from a sandboxed frame, and read responses"
	case Insecure:
		return "whoever is on the network of a user can put scripts into http:// pages, and read responses as that user"
	default:
		return "anyone can get a host name that matches, and read responses as the users that visit it"
	}
}

// OrAccept returns a fix, or the way to take the risk in its place.
func (r Risk) OrAccept(fix string) string {
	return fmt.Sprintf("%s, or, if you accept that %s, add %q", fix, r.Attack(), Option+" "+string(r))
}

// Need is a risk that has to be taken, and what to do instead.
type Need struct {
	Risk   Risk
	Reason string
	Fix    string
}

// OfPattern returns the risks that have to be taken for a pattern, with credentials or
// without.
func OfPattern(p origin.Pattern, credentials bool) (needs []Need) {
	if p.Opaque() {
		needs = append(needs, Need{Null, "this is no site: any page can have this origin", "take it out"})
	}
	if !credentials {
		return needs
	}
	if p.Any() || p.AnyHost() {
		needs = append(needs, Need{AnyOrigin, "with allow_credentials, this trusts sites of strangers", "name the origins that you trust"})
	}
	if p.Insecure() {
		needs = append(needs, Need{Insecure, "with allow_credentials, this trusts pages that came without TLS", "write https://"})
	}
	if parent := p.WildcardParent(); parent != "" {
		if open := suffix.Open(parent); open != "" {
			needs = append(needs, Need{PublicSuffix, fmt.Sprintf("with allow_credentials, this trusts everyone who gets a name below the public suffix %q", open), "name the hosts that are yours"})
		}
	}
	return needs
}
