package caddycors

import (
	"fmt"
	"strings"
	"testing"
)

// TestAskMetrics shows the metrics of an endpoint, which count once what handlers share.
func TestAskMetrics(t *testing.T) {
	const policy = "asking"
	e := serveTenants(t, "https://one.example 127.0.0.1")
	a, b, metrics := newClient(t), newClient(t), newClient(t)
	site := "cors {\npolicy " + policy + " {\nallow_origins_from ask " + e.URL + "\nallow_origins_from ask " + e.URL + " {\nttl 1h\n}\n}\n}\nrespond hi\n}\n"
	loadCaddy(t, adapt(t, prelude+"http://"+a.Address+" {\n"+site+"http://"+b.Address+" {\n"+site+"http://"+metrics.Address+" {\nmetrics\n}"))
	of := func(name, source, result string) string {
		return fmt.Sprintf("%s{policy=%q,result=%q,source=%q}", name, policy, result, source)
	}
	want := make(map[string]float64)
	for _, source := range []string{"ask", "ask2"} {
		for name, results := range map[string]string{"asks_total": "allowed denied failed refused", "ask_hits_total": "allowed denied stale", "ask_cached": "allowed denied"} {
			for result := range strings.FieldsSeq(results) {
				want[of(name, source, result)] = 0
			}
		}
		want[fmt.Sprintf("ask_duration_seconds_count{policy=%q,source=%q}", policy, source)] = 0
	}
	check := func(when string) {
		t.Helper()
		values := ofPolicy(scrape(t, metrics), policy)
		for name, value := range want {
			if got, ok := values[name]; !ok || got != value {
				t.Errorf("%s: %s is %v, want %v", when, name, got, value)
			}
		}
	}
	check("at first")
	for range 2 {
		a.Do("GET /\nOrigin: https://one.example")
		b.Do("GET /\nOrigin: https://one.example")
		b.Do("GET /\nOrigin: https://two.example")
	}
	e.fails.Store(true)
	a.Do("GET /\nOrigin: https://three.example")
	want[of("asks_total", "ask", "allowed")] = 1
	want[of("asks_total", "ask", "denied")] = 1
	want[of("asks_total", "ask", "failed")] = 1
	want[of("ask_hits_total", "ask", "allowed")] = 3
	want[of("ask_hits_total", "ask", "denied")] = 1
	want[of("ask_cached", "ask", "allowed")] = 1
	want[of("ask_cached", "ask", "denied")] = 2
	want[of("asks_total", "ask2", "denied")] = 1
	want[of("asks_total", "ask2", "failed")] = 1
	want[of("ask_hits_total", "ask2", "denied")] = 1
	want[of("ask_cached", "ask2", "denied")] = 2
	want[fmt.Sprintf("ask_duration_seconds_count{policy=%q,source=%q}", policy, "ask")] = 3
	want[fmt.Sprintf("ask_duration_seconds_count{policy=%q,source=%q}", policy, "ask2")] = 2
	check("then")
	names := len(scrape(t, metrics))
	for i := range 20 {
		a.Do(fmt.Sprintf("GET /\nOrigin: https://forged%d.example", i))
	}
	if n := len(scrape(t, metrics)); n != names {
		t.Errorf("requests made %d metrics of %d", n, names)
	}
}
