package caddycors

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/source"
)

// sitesOf returns sites over TLS of these hosts.
func sitesOf(hosts ...string) (sites string) {
	for _, host := range hosts {
		sites += "https://" + host + ":$P {\ntls internal\n}\n"
	}
	return sites
}

// onDemandSite is a site of whatever name a client comes with.
const onDemandSite = "https://:$P {\ntls internal {\non_demand\n}\n}\n"

// permission starts a server that gives permission to names, and returns the global
// option that asks it.
func permission(t *testing.T, allows func(name string) bool) string {
	t.Helper()
	return "on_demand_tls {\nask http://" + serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allows(r.URL.Query().Get("domain")) {
			w.WriteHeader(http.StatusForbidden)
		}
	})) + "/ask\n}"
}

// isExample allows names below example, but not all.
func isExample(name string) bool {
	return strings.HasSuffix(name, ".example") && !strings.HasPrefix(name, "evil")
}

// runningSource returns the first source of the first cors handler that is running.
func runningSource(t *testing.T) source.Source {
	t.Helper()
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range app.(*caddyhttp.App).Servers {
		if s := sourceIn(server.Routes); s != nil {
			return s
		}
	}
	t.Fatal("no cors handler has a source")
	return nil
}

func sourceIn(routes caddyhttp.RouteList) source.Source {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			switch h := handler.(type) {
			case *Handler:
				return h.policies.list[0].sources[0]
			case *caddyhttp.Subroute:
				if s := sourceIn(h.Routes); s != nil {
					return s
				}
			}
		}
	}
	return nil
}

// TestReloadChangesCertificates shows that a reload adds and removes names at once, those of
// loaded certificates too, that a config which does not load changes nothing, and that
// requests which the old config still has see its names.
func TestReloadChangesCertificates(t *testing.T) {
	c := newCertificateLab(t)
	loaded := func(host string) string {
		cert, key := corstest.Certificate(t, host)
		return "https://" + host + ":$P {\ntls " + cert + " " + key + "\n}\n"
	}
	before := []string{"https://stays.example", "https://goes.example", "https://loaded-before.example"}
	after := []string{"https://stays.example", "https://comes.example", "https://loaded-after.example"}
	c.run(t, "", fromCertificates, sitesOf("stays.example", "goes.example")+loaded("loaded-before.example"))
	c.wants(t, before, after[1:])
	for deadline := time.Now().Add(10 * time.Second); c.handshake("goes.example") != nil && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // until its certificate is in the cache
	}
	old := runningSource(t)
	if err := c.load(t, "", fromCertificates+"\nallow_credentials", sitesOf("comes.example", "*.github.io")); err == nil {
		t.Fatal("a dangerous config loads")
	}
	c.wants(t, before, after[1:])
	if err := c.load(t, "", fromCertificates, sitesOf("stays.example", "comes.example")+loaded("loaded-after.example")); err != nil {
		t.Fatal(err)
	}
	allowedSoon(t, c.api, after[1], true)
	c.wants(t, after, before[1:])
	for _, origin := range before {
		if !old.AllowsOrigin(nil, origin) {
			t.Errorf("%s is denied to a request of the old config", origin)
		}
	}
	if old.AllowsOrigin(nil, after[1]) {
		t.Error("the old config sees the names of the new one")
	}
}

// TestCertificatesInTheCacheDoNotCount shows that a name is not allowed for a certificate
// that another config left.
func TestCertificatesInTheCacheDoNotCount(t *testing.T) {
	c := newCertificateLab(t)
	ask := permission(t, isExample)
	c.run(t, ask, fromCertificates+" {\non_demand\n}", onDemandSite)
	if err := c.handshake("got.example"); err != nil {
		t.Fatal(err)
	}
	c.wants(t, []string{"https://got.example"}, nil)
	for name, config := range map[string][3]string{
		"without the option": {ask, fromCertificates, onDemandSite},
		"without on-demand":  {ask, fromCertificates + " {\non_demand\n}", sitesOf("stays.example")},
		"without permission": {"", fromCertificates, sitesOf("stays.example")},
	} {
		if err := c.load(t, config[0], config[1], config[2]); err != nil {
			t.Fatal(err)
		}
		allowedSoon(t, c.api, "https://got.example", false)
		if len(caddytls.AllMatchingCertificates("got.example")) == 0 {
			t.Fatalf("%s: the certificate is in the cache no more, so that this shows nothing", name)
		}
	}
}

// TestCertificatesOnDemand shows that a name which is got on demand is allowed from its
// handshake on, if the option is there.
func TestCertificatesOnDemand(t *testing.T) {
	c := newCertificateLab(t)
	var revoked atomic.Bool
	ask := permission(t, func(name string) bool { return isExample(name) && !revoked.Load() })
	c.run(t, ask, fromCertificates+" {\non_demand\n}", onDemandSite+sitesOf("static.example"))
	c.wants(t, []string{"https://static.example"}, []string{"https://a.example", "https://127.0.0.1"})
	if err := c.handshake("A.example"); err != nil {
		t.Fatal(err)
	}
	if err := c.handshake("evil.example"); err == nil {
		t.Fatal("a name without permission got a certificate")
	}
	if err := c.handshake("127.0.0.1"); err == nil { // no name is sent
		t.Fatal("an address without permission got a certificate")
	}
	c.wants(t, []string{"https://a.example", "https://a.example:$P"},
		[]string{"https://evil.example", "https://b.a.example", "https://b.example", "https://example", "http://a.example", "https://a.example:1", "https://127.0.0.1"})

	// One with more labels than anybody has is not looked for, as that would take long.
	deep := strings.Repeat("a.", 16) + "example"
	if err := c.handshake(deep); err != nil {
		t.Fatal(err)
	}
	c.wants(t, nil, []string{"https://" + deep})

	// A domain that changes hands: nobody is asked again while the certificate is good.
	revoked.Store(true)
	if err := c.handshake("a.example"); err != nil {
		t.Fatal(err)
	}
	c.wants(t, []string{"https://a.example"}, nil)

	// A reload of the same config keeps what was got, and without the option it does not count.
	if err := c.load(t, ask, fromCertificates+" {\non_demand\n}\nmax_age 5m", onDemandSite); err != nil {
		t.Fatal(err)
	}
	allowedSoon(t, c.api, "https://static.example", false)
	c.wants(t, []string{"https://a.example"}, nil)
	if err := c.load(t, ask, fromCertificates, onDemandSite); err != nil {
		t.Fatal(err)
	}
	allowedSoon(t, c.api, "https://a.example", false)
}

// TestCertificatesOnDemandExpire shows that a name is denied once its certificate has expired.
func TestCertificatesOnDemandExpire(t *testing.T) {
	c := newCertificateLab(t)
	c.run(t, permission(t, isExample), fromCertificates+" {\non_demand\n}",
		"https://:$P {\ntls {\non_demand\nissuer internal {\nlifetime 5s\n}\n}\n}")
	if err := c.handshake("a.example"); err != nil {
		t.Fatal(err)
	}
	c.wants(t, []string{"https://a.example"}, nil)
	allowedSoon(t, c.api, "https://a.example", false)
	if err := c.handshake("a.example"); err != nil { // which renews it
		t.Fatal(err)
	}
	c.wants(t, []string{"https://a.example"}, nil)
}

// TestCertificatesOfNamedSitesOnDemand shows that a name in the config whose certificate
// is got on demand is got on demand, and that its wildcard is nobody's before.
func TestCertificatesOfNamedSitesOnDemand(t *testing.T) {
	c := newCertificateLab(t)
	ask := permission(t, isExample)
	const sites = "https://named.example:$P, https://*.wild.example:$P {\ntls internal {\non_demand\n}\n}\n"
	c.run(t, ask, fromCertificates, sites)
	c.wants(t, nil, []string{"https://named.example", "https://a.wild.example"})
	c.run(t, ask, fromCertificates+" {\non_demand\n}", sites)
	c.wants(t, nil, []string{"https://named.example", "https://a.wild.example"})
	for _, name := range []string{"named.example", "a.wild.example"} {
		if err := c.handshake(name); err != nil {
			t.Fatal(err)
		}
	}
	c.wants(t, []string{"https://named.example", "https://a.wild.example"}, []string{"https://b.wild.example", "https://other.example"})
}

// TestCertificatesNeedPermission shows that the option does not load where Caddy itself
// would get certificates for anybody.
func TestCertificatesNeedPermission(t *testing.T) {
	c := newCertificateLab(t)
	for _, global := range []string{"", "on_demand_tls {\npermission http http://127.0.0.1:1/\n}"} {
		for _, sites := range []string{"", onDemandSite, sitesOf("static.example")} {
			if err := c.load(t, global, fromCertificates, sites); err != nil {
				t.Errorf("without the option: %v", err)
			}
			err := c.load(t, global, fromCertificates+" {\non_demand\n}", sites)
			if refused := err != nil && strings.Contains(err.Error(), "on_demand_tls { ask <url> }"); refused != (global == "") {
				t.Errorf("with %q and %q: %v", global, sites, err)
			}
		}
	}
	if err := caddy.Stop(); err != nil {
		t.Error(err)
	}
}

// TestCertificatesWhileReloading asks for origins while configs come and go, and when no
// Caddy is left.
func TestCertificatesWhileReloading(t *testing.T) {
	c := newCertificateLab(t)
	ask := permission(t, isExample)
	const cors = fromCertificates + " {\non_demand\n}"
	c.run(t, ask, cors, onDemandSite+sitesOf("stays.example"))
	if err := c.handshake("got.example"); err != nil {
		t.Fatal(err)
	}
	var sources atomic.Pointer[source.Source]
	s := runningSource(t)
	sources.Store(&s)
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for i := range 3 {
		asking.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				s := *sources.Load()
				if !s.AllowsOrigin(nil, "https://stays.example") || s.AllowsOrigin(nil, "https://evil.example") {
					t.Error("it answers otherwise")
					return
				}
				s.AllowsOrigin(nil, "https://got.example")
				r, err := c.api.Try("GET /\nOrigin: https://stays.example")
				if err == nil && r.Header.Get(headerAllowOrigin) == "" {
					t.Errorf("%s", r)
					return
				}
				if i == 0 && n%10 == 0 {
					_ = c.handshake(fmt.Sprintf("n%d.example", n/10))
				}
			}
		})
	}
	for i := range 8 {
		if err := c.load(t, ask, cors, onDemandSite+sitesOf("stays.example", fmt.Sprintf("site%d.example", i))); err != nil {
			t.Fatal(err)
		}
		s := runningSource(t)
		sources.Store(&s)
	}
	if err := caddy.Stop(); err != nil {
		t.Error(err)
	}
	time.Sleep(50 * time.Millisecond) // in which they ask a source that is left over
	close(stop)
	asking.Wait()
	if (*sources.Load()).AllowsOrigin(nil, "https://got.example") {
		t.Error("there is a cache left")
	}
}
