package source

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"github.com/caddyserver/certmagic"
)

// policyIndex tells which names get their certificates on demand: those for which the
// first automation policy says so. It does not change, so that many goroutines may use it.
type policyIndex struct {
	policies []bool // whether each is on demand
	subjects map[subject]int
}

// subject is what policies are for: a name, and how many labels stand as "*" to the left of
// it. Caddy takes "*.*.example.com" for two labels, and "*" for any one. The zero value stands
// for all names.
type subject struct {
	stars int
	name  string
}

// newSubject returns the subject that is written so.
func newSubject(name string) subject {
	s := subject{name: name}
	for {
		label, rest, _ := strings.Cut(s.name, ".")
		if label != "*" {
			return s
		}
		s = subject{s.stars + 1, rest}
	}
}

func newPolicyIndex() *policyIndex { return &policyIndex{subjects: make(map[subject]int)} }

// indexOf returns the index of these policies.
func indexOf(policies []*caddytls.AutomationPolicy) *policyIndex {
	x := newPolicyIndex()
	for _, policy := range policies {
		// A manager is asked in handshakes, too.
		x.add(policy.OnDemand || len(policy.Managers) > 0, policy.Subjects())
	}
	x.add(false, nil)
	return x
}

// add appends a policy. Without subjects, it is for all that those before it are not for.
func (x *policyIndex) add(onDemand bool, subjects []string) {
	i := len(x.policies)
	if len(subjects) == 0 {
		subjects = []string{""}
	}
	x.policies = append(x.policies, onDemand)
	for _, name := range subjects {
		s := newSubject(strings.ToLower(name))
		if _, before := x.subjects[s]; !before {
			x.subjects[s] = i
		}
	}
}

// onDemand reports whether the certificate for a name, which is in lower case, is got on
// demand.
func (x *policyIndex) onDemand(name string) bool {
	first := x.subjects[subject{}]
	for s := (subject{name: name}); ; s.stars++ {
		if i, ok := x.subjects[s]; ok {
			first = min(first, i)
		}
		if s.name == "" {
			return x.policies[first]
		}
		_, s.name, _ = strings.Cut(s.name, ".")
	}
}

// maxLabels is how many labels a name may have that is looked for in the cache, which tries
// a wildcard for each of them. Public certificate authorities take fewer.
const maxLabels = 16

// got reports whether a certificate for just this host was got on demand, and has not
// expired. It is asked while requests are served, and allocates.
func (x *policyIndex) got(host string) bool {
	if strings.Count(host, ".") >= maxLabels {
		return false
	}
	name := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]") // of an IPv6 address
	return x.onDemand(name) && slices.ContainsFunc(cachedFor(name), func(c certmagic.Certificate) bool {
		return !c.Expired() && slices.Contains(c.Names, name)
	})
}

// cachedFor returns the certificates for a name that are in the cache of this process. Once
// Caddy stops there is no cache, which is a panic there that hurts nobody.
func cachedFor(name string) (found []certmagic.Certificate) {
	defer func() { _ = recover() }()
	return caddytls.AllMatchingCertificates(name)
}
