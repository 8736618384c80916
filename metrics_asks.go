package caddycors

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-9442523e/caddy-cors/source"
)

// The metrics of sources that ask about origins.

var (
	asksDesc = prometheus.NewDesc("caddy_http_cors_asks_total",
		"Counter of origins that the endpoint of a source was asked about, or was not, as too many were being asked about.",
		[]string{"policy", "source", "result"}, nil)
	askDurationDesc = prometheus.NewDesc("caddy_http_cors_ask_duration_seconds",
		"Histogram of the time that the endpoint of a source took to answer, or to fail.",
		[]string{"policy", "source"}, nil)
	askHitsDesc = prometheus.NewDesc("caddy_http_cors_ask_hits_total",
		"Counter of requests that were answered from what the endpoint of a source had answered before.",
		[]string{"policy", "source", "result"}, nil)
	askCachedDesc = prometheus.NewDesc("caddy_http_cors_ask_cached",
		"Number of answers of the endpoint of a source that are kept.",
		[]string{"policy", "source", "result"}, nil)
)

func describeAsks(descs chan<- *prometheus.Desc) {
	descs <- asksDesc
	descs <- askDurationDesc
	descs <- askHitsDesc
	descs <- askCachedDesc
}

// collectAsks sends the metrics of askers with the same labels: sums, in which those that
// share what they know count once.
func collectAsks(metrics chan<- prometheus.Metric, labels sourceLabels, askers []source.Asker) {
	var all source.AskStatus
	counted := make(once)
	for _, asker := range askers {
		s := asker.Asks()
		if !counted.counts(s.Shared) {
			continue
		}
		all.Allowed += s.Allowed
		all.Denied += s.Denied
		all.Add(s.AskCounts)
	}
	for _, m := range []struct {
		desc   *prometheus.Desc
		kind   prometheus.ValueType
		result string
		value  uint64
	}{
		{asksDesc, prometheus.CounterValue, "allowed", all.AskedAllowed},
		{asksDesc, prometheus.CounterValue, "denied", all.AskedDenied},
		{asksDesc, prometheus.CounterValue, "failed", all.AskedFailed},
		{asksDesc, prometheus.CounterValue, "refused", all.Refused},
		{askHitsDesc, prometheus.CounterValue, "allowed", all.HitsAllowed},
		{askHitsDesc, prometheus.CounterValue, "denied", all.HitsDenied},
		{askHitsDesc, prometheus.CounterValue, "stale", all.HitsStale},
		{askCachedDesc, prometheus.GaugeValue, "allowed", uint64(all.Allowed)},
		{askCachedDesc, prometheus.GaugeValue, "denied", uint64(all.Denied)},
	} {
		metrics <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(m.value), labels.policy, labels.source, m.result)
	}
	buckets := make(map[float64]uint64, len(source.AskBuckets))
	for i, bound := range source.AskBuckets {
		buckets[bound.Seconds()] = all.Within[i]
	}
	metrics <- prometheus.MustNewConstHistogram(askDurationDesc, all.Asked(), all.Took.Seconds(), buckets, labels.policy, labels.source)
}
