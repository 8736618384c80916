package caddycors

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/source"
)

var (
	requestsDesc = prometheus.NewDesc("caddy_http_cors_requests_total",
		"Counter of requests that cors handlers decided about.",
		[]string{"policy", "kind", "outcome", "reason"}, nil)
	originsDesc = prometheus.NewDesc("caddy_http_cors_origins",
		"Number of origin patterns and regular expressions of the policies of a name.",
		[]string{"policy"}, nil)
	sourceOriginsDesc = prometheus.NewDesc("caddy_http_cors_source_origins",
		"Number of origins and patterns in the list of a source.",
		[]string{"policy", "source"}, nil)
	sourceAgeDesc = prometheus.NewDesc("caddy_http_cors_source_age_seconds",
		"Seconds since the list of a source was last found good.",
		[]string{"policy", "source"}, nil)
	sourceRefreshesDesc = prometheus.NewDesc("caddy_http_cors_source_refreshes_total",
		"Counter of times that the list of a source was got, or could not be got or taken.",
		[]string{"policy", "source", "result"}, nil)
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
	listers map[sourceLabels][]source.Lister
	askers  map[sourceLabels][]source.Asker
}

// sourceLabels are those of what is counted of a source. Policies of several handlers may
// have one name.
type sourceLabels struct{ policy, source string }

// register adds the policies of a handler to the metrics of its config, and opens their
// records.
func (ps *policies) register(registry *prometheus.Registry) error {
	m := &configMetrics{origins: make(map[string]int), listers: make(map[sourceLabels][]source.Lister), askers: make(map[sourceLabels][]source.Asker)}
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
		for _, s := range p.sources {
			labels := sourceLabels{p.name, s.name}
			if lister, ok := s.Source.(source.Lister); ok {
				m.listers[labels] = append(m.listers[labels], lister)
			}
			if asker, ok := s.Source.(source.Asker); ok {
				m.askers[labels] = append(m.askers[labels], asker)
			}
		}
	}
	return nil
}

// Describe sends what the metrics are.
func (m *configMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- requestsDesc
	descs <- originsDesc
	descs <- sourceOriginsDesc
	descs <- sourceAgeDesc
	descs <- sourceRefreshesDesc
	describeAsks(descs)
}

// Collect sends the metrics. Each counter of the config's own policies is there from the
// start, so that its first increment shows in a rate; those of other policies are there
// if they have counted.
func (m *configMetrics) Collect(metrics chan<- prometheus.Metric) {
	m.mu.Lock()
	origins, listers, askers := maps.Clone(m.origins), maps.Clone(m.listers), maps.Clone(m.askers)
	m.mu.Unlock()
	for labels, ofLabels := range askers {
		collectAsks(metrics, labels, ofLabels)
	}
	for labels, ofLabels := range listers {
		collectLists(metrics, labels, ofLabels)
	}
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

// once has what was counted of what sources share.
type once map[any]bool

// counts reports whether what is shared so is to be counted, which is so the first time.
func (o once) counts(shared any) bool {
	if shared == nil {
		return true
	}
	before := o[shared]
	o[shared] = true
	return !before
}

// collectLists sends the metrics of lists with the same labels: sums, in which one that is
// shared counts once, and the greatest age.
func collectLists(metrics chan<- prometheus.Metric, labels sourceLabels, listers []source.Lister) {
	var all source.Status
	age := time.Duration(0)
	counted := make(once)
	for _, lister := range listers {
		s := lister.Status()
		if !counted.counts(s.Shared) {
			continue
		}
		all.Origins += s.Origins
		all.Refreshes += s.Refreshes
		all.Failures += s.Failures
		age = max(age, time.Since(s.Last))
	}
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, more ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, kind, value, append([]string{labels.policy, labels.source}, more...)...)
	}
	send(sourceOriginsDesc, prometheus.GaugeValue, float64(all.Origins))
	send(sourceAgeDesc, prometheus.GaugeValue, age.Seconds())
	send(sourceRefreshesDesc, prometheus.CounterValue, float64(all.Refreshes), "taken")
	send(sourceRefreshesDesc, prometheus.CounterValue, float64(all.Failures), "failed")
}

// Interface guard
var _ prometheus.Collector = (*configMetrics)(nil)
