package caddycors

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

var (
	requestsDesc = prometheus.NewDesc("caddy_http_cors_requests_total",
		"Counter of requests that cors handlers decided about.",
		[]string{"policy", "kind", "outcome", "reason"}, nil)
	originsDesc = prometheus.NewDesc("caddy_http_cors_origins",
		"Number of origin patterns and regular expressions of the policies of a name.",
		[]string{"policy"}, nil)
)

// record is what is kept, and told, of the requests of which the same was decided. No
// part of it comes from a request, so all of it is made when a config loads.
type record struct {
	kind    requestKind
	outcome outcome
	reason  denyReason
	policy  string

	count        atomic.Uint64
	placeholders caddy.ReplacerFunc
	accessField  zap.Field
}

// records are those of one policy, or of the requests that none matched.
type records [kinds][reasons]*record

func newRecords(policy string) *records {
	rs := new(records)
	add := func(kind requestKind, outcome outcome, reason denyReason) {
		rec := &record{kind: kind, outcome: outcome, reason: reason, policy: policy}
		rec.placeholders = rec.replace
		rec.accessField = rec.newAccessField()
		rs[kind][reason] = rec
	}
	if policy == "" {
		add(kindOther, outcomeNotCORS, reasonNone)
		add(kindActual, outcomeSameOrigin, reasonNone)
		for _, kind := range []requestKind{kindActual, kindPreflight} {
			add(kind, outcomeDenied, reasonOriginNotAllowed)
			add(kind, outcomeDenied, reasonOriginMalformed)
		}
		return rs
	}
	add(kindActual, outcomeAllowed, reasonNone)
	add(kindPreflight, outcomeAllowed, reasonNone)
	add(kindPreflight, outcomeDenied, reasonMethodNotAllowed)
	add(kindPreflight, outcomeDenied, reasonHeaderNotAllowed)
	return rs
}

// record returns the record of a decision of these policies.
func (ps *policies) record(d decision) *record {
	rs := ps.unmatched
	if d.policy != nil {
		rs = d.policy.records
	}
	return rs[d.kind][d.reason]
}

// ledger holds the records of this process by the name of their policy, "" for those of
// requests that no policy matched. Counters never go back, so records stay when a reload
// takes their policy away. They hold on to nothing of a config.
type ledger struct {
	mu      sync.Mutex
	records map[string]*records
}

var processLedger = ledger{records: make(map[string]*records)}

// open returns the records of a policy, which it makes if there are none.
func (l *ledger) open(policy string) *records {
	l.mu.Lock()
	defer l.mu.Unlock()
	rs := l.records[policy]
	if rs == nil {
		rs = newRecords(policy)
		l.records[policy] = rs
	}
	return rs
}

// entries returns all records by the name of their policy.
func (l *ledger) entries() map[string]*records {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.records)
}

// configMetrics are the metrics as one config shows them. There is one in the registry of
// each config with a cors handler, so a config that does not load leaves no trace in
// those of the running one.
type configMetrics struct {
	mu      sync.Mutex
	origins map[string]int // by the name of the policies
}

// register adds the policies of a handler to the metrics of its config, and opens their
// records.
func (ps *policies) register(registry *prometheus.Registry) error {
	m := &configMetrics{origins: make(map[string]int)}
	err := registry.Register(m)
	if before := new(prometheus.AlreadyRegisteredError); errors.As(err, before) {
		var ok bool
		if m, ok = before.ExistingCollector.(*configMetrics); ok {
			err = nil // it is of another handler
		}
	}
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	ps.unmatched = processLedger.open("")
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range ps.list {
		p.records = processLedger.open(p.name)
		m.origins[p.name] += p.size
	}
	return nil
}

// Describe sends what the metrics are.
func (m *configMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- requestsDesc
	descs <- originsDesc
}

// Collect sends the metrics. Each counter of the config's own policies is there from the
// start, so that its first increment shows in a rate; those of other policies are there
// if they have counted.
func (m *configMetrics) Collect(metrics chan<- prometheus.Metric) {
	m.mu.Lock()
	origins := maps.Clone(m.origins)
	m.mu.Unlock()
	for policy, n := range origins {
		metrics <- prometheus.MustNewConstMetric(originsDesc, prometheus.GaugeValue, float64(n), policy)
	}
	for policy, rs := range processLedger.entries() {
		_, running := origins[policy]
		for _, ofKind := range rs {
			for _, rec := range ofKind {
				if rec == nil {
					continue
				}
				if n := rec.count.Load(); running || policy == "" || n > 0 {
					metrics <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n),
						policy, rec.kind.String(), rec.outcome.String(), rec.reason.String())
				}
			}
		}
	}
}

// Interface guard
var _ prometheus.Collector = (*configMetrics)(nil)
