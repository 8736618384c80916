package source

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"github.com/caddyserver/certmagic"
)

// certificatesOf returns a source that has certificates for these names, and servers on
// port 8443.
func certificatesOf(names ...string) *Certificates {
	s := &served{hosts: make(map[string]struct{}), parents: make(map[string]struct{}), ports: map[string]struct{}{"8443": {}}}
	s.addAll(names, Rules{})
	return &Certificates{served: share[*served]{value: s}}
}

// everythingOnDemand is an index of one policy, which is for all names.
func everythingOnDemand() *policyIndex {
	x := newPolicyIndex()
	x.add(true, nil)
	return x
}

// TestCertificatesAllow shows which names are hosts, and which origins they are.
func TestCertificatesAllow(t *testing.T) {
	for name, test := range map[string]struct{ allowed, denied []string }{
		"a.example":          {[]string{"https://a.example", "https://a.example:8443"}, []string{"http://a.example", "wss://a.example", "https://a.example:443", "https://a.example:8444", "https://b.a.example", "https://example", "https://a.example.", "https://A.example", "null", "", "https://", "a.example"}},
		"A.Example":          {[]string{"https://a.example"}, nil},
		"bücher.example":     {[]string{"https://xn--bcher-kva.example"}, nil},
		"localhost":          {[]string{"https://localhost"}, []string{"https://a.localhost"}},
		"*.a.example":        {[]string{"https://b.a.example", "https://b_-1.a.example:8443"}, []string{"https://a.example", "https://c.b.a.example", "https://.a.example", "https://b.a.example."}},
		"*.Bücher.example":   {[]string{"https://a.xn--bcher-kva.example"}, nil},
		"192.0.2.1":          {[]string{"https://192.0.2.1"}, []string{"https://192.0.2.10", "https://1.192.0.2.1"}},
		"2001:DB8:0::1":      {[]string{"https://[2001:db8::1]", "https://[2001:db8::1]:8443"}, []string{"https://[2001:db8::2]"}},
		"*":                  {nil, []string{"https://a.example", "https://localhost"}},
		"*.*.a.example":      {nil, []string{"https://c.b.a.example", "https://b.a.example", "https://a.example"}},
		"shop-*.a.example":   {nil, []string{"https://shop-1.a.example", "https://b.a.example"}},
		"b.*.a.example":      {nil, []string{"https://b.c.a.example"}},
		"*.2.0.192":          {nil, []string{"https://1.2.0.192"}},
		"bob@a.example":      {nil, []string{"https://a.example"}},
		"spiffe://a.example": {nil, []string{"https://a.example", "https://spiffe"}},
		"a.example:8443":     {nil, []string{"https://a.example", "https://a.example:8443"}},
		"a.example/path":     {nil, []string{"https://a.example"}},
		"a%2eexample":        {nil, []string{"https://a.example"}},
		"Example Corp":       {nil, []string{"https://example"}},
		"":                   {nil, []string{"https://"}},
	} {
		c := certificatesOf(name)
		for _, origin := range test.allowed {
			if !c.AllowsOrigin(nil, origin) {
				t.Errorf("%q does not allow %s", name, origin)
			}
		}
		for _, origin := range test.denied {
			if c.AllowsOrigin(nil, origin) {
				t.Errorf("%q allows %s", name, origin)
			}
		}
	}
}

// TestPolicyIndex holds the index against how Caddy finds the policy of a name.
func TestPolicyIndex(t *testing.T) {
	labels := []string{"a", "b", "*"}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // The names are to be the same each time.
	name := func(labels []string) string {
		all := make([]string, 1+random.IntN(4))
		for i := range all {
			all[i] = labels[random.IntN(len(labels))]
		}
		return strings.Join(all, ".")
	}
	type policy struct {
		onDemand bool
		subjects []string
	}
	for range 2000 {
		x := newPolicyIndex()
		var policies []policy
		for range random.IntN(4) {
			p := policy{onDemand: random.IntN(2) == 0}
			for range random.IntN(4) {
				p.subjects = append(p.subjects, name(labels))
			}
			policies = append(policies, p)
			x.add(p.onDemand, p.subjects)
		}
		x.add(false, nil)
		for range 20 {
			host := name(labels)
			i := slices.IndexFunc(policies, func(p policy) bool {
				return len(p.subjects) == 0 || slices.ContainsFunc(p.subjects, func(s string) bool { return certmagic.MatchWildcard(host, s) })
			})
			if want := i >= 0 && policies[i].onDemand; x.onDemand(host) != want {
				t.Fatalf("%s is on demand: %v, by %v", host, !want, policies)
			}
		}
	}
}

// TestCertificatesOfAnotherCaddy shows the error of a Caddy that keeps names otherwise.
func TestCertificatesOfAnotherCaddy(t *testing.T) {
	type names struct {
		List  []string
		ports map[int]string
		good  map[string]int
	}
	app := &names{[]string{"a"}, map[int]string{1: "a"}, map[string]int{"a": 1}}
	for _, field := range []string{"List", "ports", "none"} {
		if _, err := keysOf(app, field); err == nil || !strings.Contains(err.Error(), "this version of Caddy") || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: the error is %v", field, err)
		}
	}
	if keys, err := keysOf(app, "good"); err != nil || !slices.Equal(keys, []string{"a"}) {
		t.Errorf("%v, %v", keys, err)
	}
	// And this Caddy is the one that is known.
	if _, err := managedNames(new(caddyhttp.App), new(caddytls.TLS)); err != nil {
		t.Error(err)
	}
	if _, err := loadedNames(new(caddytls.TLS)); err != nil {
		t.Error(err)
	}
}

// TestCertificatesOutsideOfAnApp shows that the source loads where nothing is served, and
// allows nothing there.
func TestCertificatesOutsideOfAnApp(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	c := &Certificates{OnDemand: true}
	if err := c.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if c.AllowsOrigin(nil, "https://a.example") || c.Status().Origins != 0 {
		t.Error("it allows something")
	}
	if err := c.Cleanup(); err != nil {
		t.Error(err)
	}
}

// TestCertificatesWithoutACache shows that nothing is allowed on demand when Caddy is gone.
func TestCertificatesWithoutACache(t *testing.T) {
	c := certificatesOf("a.example")
	c.OnDemand, c.served.value.policies = true, everythingOnDemand()
	if !c.AllowsOrigin(nil, "https://a.example") || c.AllowsOrigin(nil, "https://b.example") {
		t.Error("it answers otherwise than the names tell")
	}
}

// TestCertificatesAllocateNothing shows it for origins that are allowed, and for others.
func TestCertificatesAllocateNothing(t *testing.T) {
	c := certificatesOf("a.example", "*.b.example")
	for _, origin := range []string{"https://a.example", "https://c.b.example", "https://a.example:8443", "https://none.example", "https://" + strings.Repeat("a.", 120) + "example"} {
		if n := testing.AllocsPerRun(100, func() { c.AllowsOrigin(nil, origin) }); n != 0 {
			t.Errorf("%s: %v allocations", origin, n)
		}
	}
}

func BenchmarkCertificates(b *testing.B) {
	names := []string{"*.wild.example"}
	for i := range 100_000 {
		names = append(names, fmt.Sprintf("tenant%d.example", i))
	}
	c := certificatesOf(names...)
	long := "https://" + strings.Repeat("a.", 120) + "example"
	for name, origin := range map[string]string{"exact": "https://tenant500.example", "wildcard": "https://a.wild.example", "forged": "https://evil.example", "many_labels": long} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.AllowsOrigin(nil, origin)
			}
		})
	}
	b.Run("many_labels_on_demand", func(b *testing.B) {
		c.OnDemand, c.served.value.policies = true, everythingOnDemand()
		b.ReportAllocs()
		for b.Loop() {
			c.AllowsOrigin(nil, long)
		}
	})
}

func TestCertificatesCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"certificates":                   `{}`,
		"certificates {\n}":              `{}`,
		"certificates {\non_demand\n}":   `{"on_demand":true}`,
		"certificates {\n# nothing\n}\n": `{}`,
	} {
		var c Certificates
		err := c.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		got, _ := json.Marshal(c)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}
