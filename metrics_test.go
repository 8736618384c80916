package caddycors

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// askReloaded is [client.Do] for a Caddy that may have been reloaded just before: it
// closes connections that come in meanwhile, unanswered.
func askReloaded(t *testing.T, site *client, request string) response {
	t.Helper()
	var err error
	for range 10 {
		var r response
		if r, err = site.Try(request); err == nil {
			return r
		}
	}
	t.Fatalf("%s\n%v", request, err)
	return response{}
}

// scrape returns the metrics of cors handlers that a site with the directive "metrics"
// serves, by their name and labels as they stand there.
func scrape(t *testing.T, site *client) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	for line := range strings.Lines(askReloaded(t, site, "GET /").Text) {
		if !strings.HasPrefix(line, "caddy_http_cors_") {
			continue
		}
		name, text, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "caddy_http_cors_")), "} ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		values[name+"}"] = value
	}
	return values
}

// countedOf returns the name and labels of a counter.
func countedOf(policy, kind, outcome, reason string) string {
	return fmt.Sprintf(`requests_total{kind=%q,outcome=%q,policy=%q,reason=%q}`, kind, outcome, policy, reason)
}

func originsOf(policy string) string { return fmt.Sprintf(`origins{policy=%q}`, policy) }

// ofPolicy returns those of the metrics that have this policy.
func ofPolicy(values map[string]float64, policy string) map[string]float64 {
	values = maps.Clone(values)
	maps.DeleteFunc(values, func(name string, _ float64) bool { return !strings.Contains(name, fmt.Sprintf("policy=%q", policy)) })
	return values
}

// policySite is a site of a policy with a name and some origins.
func policySite(name string, more ...string) string {
	return "cors {\npolicy " + name + " {\nallow_methods GET\nallow_headers none\nallow_origins https://app.example.com " + strings.Join(more, " ") + "\n}\n}\n"
}

// TestOnce shows that what sources share counts once, and what they do not each time.
func TestOnce(t *testing.T) {
	counted, shared := make(once), new(int)
	for i, want := range []bool{true, false, false} {
		if counted.counts(shared) != want || !counted.counts(nil) || !counted.counts(new(int)) {
			t.Errorf("it counts otherwise the %d. time", i+1)
		}
	}
}

// TestMetrics shows that each counter is there from the start, and what counts where.
func TestMetrics(t *testing.T) {
	const policy = "counted"
	a, metrics := newClient(t), newClient(t)
	loadCaddy(t, adapt(t, prelude+"http://"+a.Address+" {\n"+policySite(policy)+"respond hi\n}\nhttp://"+metrics.Address+" {\nmetrics\n}"))
	before := scrape(t, metrics)
	want := map[string]float64{
		countedOf(policy, "actual", "allowed", ""):                     0,
		countedOf(policy, "preflight", "allowed", ""):                  0,
		countedOf(policy, "preflight", "denied", "method_not_allowed"): 0,
		countedOf(policy, "preflight", "denied", "header_not_allowed"): 0,
		originsOf(policy): 1,
	}
	if got := ofPolicy(before, policy); !maps.Equal(got, want) {
		t.Errorf("at first there are\n%v\nwant\n%v", got, want)
	}

	ask := strings.Replace(preflight, "PUT", "GET", 1)
	for request, counter := range map[string]string{
		get: countedOf(policy, "actual", "allowed", ""),
		ask: countedOf(policy, "preflight", "allowed", ""),
		ask + "\nAccess-Control-Request-Headers: x-one": countedOf(policy, "preflight", "denied", "header_not_allowed"),
		preflight:                   countedOf(policy, "preflight", "denied", "method_not_allowed"),
		getOther:                    countedOf("", "actual", "denied", "origin_not_allowed"),
		"GET /\nOrigin: nonsense":   countedOf("", "actual", "denied", "origin_malformed"),
		"POST /\nOrigin: http://$A": countedOf("", "actual", "same_origin", ""),
		getNoOrigin:                 countedOf("", "other", "not_cors", ""),
		strings.Replace(preflight, "app.example.com", "evil.example", 1): countedOf("", "preflight", "denied", "origin_not_allowed"),
		strings.Replace(preflight, "https:", "", 1):                      countedOf("", "preflight", "denied", "origin_malformed"),
	} {
		want := scrape(t, metrics)
		for range 3 {
			a.Do(request)
		}
		want[counter] += 3
		if got := scrape(t, metrics); !maps.Equal(got, want) {
			t.Errorf("%s\n\ngot\n%v\nwant\n%v", request, got, want)
		}
	}

	// Whatever requests hold, there are no more than there were.
	for _, request := range hostileRequests(1 << 12) {
		a.Raw(strings.Replace(request, "Host: x", "Host: "+a.Address, 1))
	}
	names := func(values map[string]float64) []string { return slices.Sorted(maps.Keys(values)) }
	if got, want := names(scrape(t, metrics)), names(before); !slices.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// TestEachDecisionCountsOnce shows which of several handlers count.
func TestEachDecisionCountsOnce(t *testing.T) {
	trial := strings.Replace(policySite("trial"), "cors {", "cors /* {\nreport_only", 1)
	for _, test := range []struct {
		site string
		want map[string]float64 // by policy
	}{
		{policySite("first") + "route {\n" + policySite("second") + "respond hi\n}", map[string]float64{"first": 1}},
		{trial + policySite("first") + "respond hi", map[string]float64{"first": 1, "trial": 1}},
		{policySite("first") + "error 503\nhandle_errors {\n" + policySite("second") + "respond sorry\n}", map[string]float64{"first": 1}},
		{trial + "respond hi", map[string]float64{"trial": 1}},
		{trial + strings.Replace(strings.Replace(trial, "trial", "second", 1), "/*", "/", 1) + "respond hi", map[string]float64{"trial": 1, "second": 1}},
		{"error 503\nhandle_errors {\n" + policySite("second") + "respond sorry\n}", map[string]float64{"second": 1}},
		{"invoke api\n}\n&(api) {\nroute {\n" + policySite("second") + "respond hi\n}", map[string]float64{"second": 1}},
	} {
		site, route, named := strings.Cut(test.site, "\n}\n&")
		if named {
			route = "&" + route + "\n}\n"
		}
		a, metrics := newClient(t), newClient(t)
		loadCaddy(t, adapt(t, prelude+route+"http://"+a.Address+" {\n"+site+"\n}\nhttp://"+metrics.Address+" {\nmetrics\n}"))
		before := scrape(t, metrics)
		a.Do(get)
		for name, value := range scrape(t, metrics) {
			for _, policy := range []string{"first", "second", "trial", ""} {
				want := before[name]
				if name == countedOf(policy, "actual", "allowed", "") {
					want += test.want[policy]
				}
				if strings.Contains(name, fmt.Sprintf("policy=%q", policy)) && value != want {
					t.Errorf("%s\n%s is %v, want %v", test.site, name, value, want)
				}
			}
		}
		unmatched := countedOf("", "actual", "denied", "origin_not_allowed")
		before = scrape(t, metrics)
		a.Do(getOther)
		if more := scrape(t, metrics)[unmatched] - before[unmatched]; more != 1 {
			t.Errorf("%s\na request that no policy matches counts %v times", test.site, more)
		}
	}
}

// TestMetricsOfConfigs shows what becomes of the metrics when configs come and go.
func TestMetricsOfConfigs(t *testing.T) {
	a, metrics, admin := newClient(t), newClient(t), newClient(t)
	config := func(sites string) []byte {
		options := strings.Replace(prelude, "admin off", "admin "+admin.Address, 1)
		return adapt(t, options+"http://"+a.Address+" {\n"+sites+"respond hi\n}\nhttp://"+metrics.Address+" {\nmetrics\n}")
	}
	reload := func(config []byte) {
		t.Helper()
		if err := caddy.Load(config, true); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(policy string, origins float64, allowed float64, counters int) {
		t.Helper()
		got := ofPolicy(scrape(t, metrics), policy)
		n, running := got[originsOf(policy)]
		if n != origins || running != (origins > 0) || got[countedOf(policy, "actual", "allowed", "")] != allowed || len(got) != counters {
			t.Errorf("policy %s: got %v; want %v origins, %v allowed, %d in all", policy, got, origins, allowed, counters)
		}
	}

	loadCaddy(t, config(policySite("staying", "https://*.example.org")+"handle /never {\n"+policySite("going", "http://localhost:*")+"}\n"))
	askReloaded(t, a, get)
	wants("staying", 2, 1, 5)
	wants("going", 2, 0, 5)

	// Two handlers of one name add up, in error routes and unused routes as well. A
	// policy that goes leaves what it has counted, if anything.
	reload(config(policySite("staying") + "handle_errors {\n" + policySite("staying", "https://b.example", "https://c.example") + "}\n"))
	askReloaded(t, a, get)
	wants("staying", 4, 2, 5)
	wants("going", 0, 0, 0)

	// A config that does not load leaves no trace, be it that of another handler.
	for _, bad := range []string{`{"handler": "none"}`, `{"handler": "cors"}`} {
		policies := `{"handler": "cors", "policies": [{"name": "failing", "allow_origins": ["https://a.example"]}, {"name": "staying", "allow_origins": ["https://b.example"]}]}`
		err := caddy.Load([]byte(`{"apps": {"http": {"servers": {"site": {"listen": ["`+a.Address+`"], "routes": [{"handle": [`+policies+`, `+bad+`]}]}}}}}`), true)
		if err == nil {
			t.Fatal("it loads")
		}
		askReloaded(t, a, get)
	}
	wants("failing", 0, 0, 0)
	wants("staying", 4, 4, 5)

	reload(config(policySite("coming")))
	askReloaded(t, a, get)
	wants("staying", 0, 4, 1)
	wants("coming", 1, 1, 5)

	// The admin endpoint serves the same.
	if text := admin.Do("GET /metrics").Text; !strings.Contains(text, `caddy_http_cors_origins{policy="coming"} 1`) {
		t.Errorf("got %s", text)
	}

	reload(config(policySite("staying")))
	wants("staying", 1, 4, 5)
	wants("coming", 0, 1, 1)

	reload(config("")) // without a cors, there are none
	if got := scrape(t, metrics); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

// TestOriginsAreCounted shows what counts as an origin of a policy.
func TestOriginsAreCounted(t *testing.T) {
	t.Setenv("CORS_ORIGINS", "https://a.example, https://b.example")
	for _, test := range []struct {
		policy Policy
		want   int
	}{
		{Policy{AllowOrigins: []string{"*"}}, 1},
		{Policy{AllowOrigins: []string{"none"}}, 0},
		{Policy{AllowOrigins: []string{"https://a.example", "https://*.b.example"}, AllowOriginRegex: []string{`https://a[0-9]+\.c\.example`}}, 3},
		{Policy{AllowOrigins: []string{"{env.CORS_ORIGINS}", "https://c.example"}}, 3},
	} {
		h := provision(t, &Handler{Policies: []*Policy{&test.policy}})
		if got := h.policies.list[0].size; got != test.want {
			t.Errorf("%+v: got %d, want %d", test.policy, got, test.want)
		}
	}
}

// TestManyHandlers shows that a config may have thousands of handlers, of one name or of
// as many.
func TestManyHandlers(t *testing.T) {
	const handlers = 2000
	site := newClient(t)
	var routes strings.Builder
	for i := range handlers {
		name := "same"
		if i%2 == 0 {
			name = fmt.Sprintf("tenant%d", i)
		}
		fmt.Fprintf(&routes, `{"match": [{"path": ["/%d"]}], "handle": [{"handler": "cors", "policies": [{"name": %q, "allow_origins": ["https://app.example.com"]}]}]}, `, i, name)
	}
	loadRoute(t, site, routes.String()+`{"match": [{"path": ["/"]}], "handle": [{"handler": "metrics"}]}`)
	site.Do("GET /1\nOrigin: https://app.example.com")
	site.Do("GET /2\nOrigin: https://app.example.com")
	got := scrape(t, site)
	for name, want := range map[string]float64{
		originsOf("same"): handlers / 2, countedOf("same", "actual", "allowed", ""): 1,
		originsOf("tenant2"): 1, countedOf("tenant2", "actual", "allowed", ""): 1,
		originsOf("tenant4"): 1, countedOf("tenant4", "actual", "allowed", ""): 0,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v, want %v", name, value, want)
		}
	}
}

// TestMetricsOfAnother shows that a metric of the same name, which another module has
// registered, is an error and no panic.
func TestMetricsOfAnother(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	ctx.GetMetricsRegistry().MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "caddy_http_cors_origins", Help: "Another."}))
	h := &Handler{Policies: []*Policy{{AllowOrigins: []string{"*"}}}}
	if err := h.Provision(ctx); err == nil || !strings.HasPrefix(err.Error(), "registering metrics: ") {
		t.Errorf("got %v", err)
	}
}
