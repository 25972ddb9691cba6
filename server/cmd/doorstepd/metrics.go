package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/doorstep-sync/doorstep/server/gateway"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// metrics counts what happens. Labels come from fixed lists, never from what devices send.
type metrics struct {
	registry *prometheus.Registry
	pushes   prometheus.Counter
	verdicts *prometheus.CounterVec
	commits  prometheus.Histogram
	group    prometheus.Histogram
	sockets  prometheus.Gauge
	refused  *prometheus.CounterVec
	received *prometheus.CounterVec
	sent     *prometheus.CounterVec
	closed   *prometheus.CounterVec
	answer   prometheus.Histogram
	checks   prometheus.Counter
	repaired prometheus.Counter
	kept     kept
}

func newMetrics(openConflicts func(context.Context) (int, error)) *metrics {
	m := &metrics{
		checks:   prometheus.NewCounter(prometheus.CounterOpts{Name: "doorstep_checks_total", Help: "Checks of replicas against the centre that came to an end."}),
		repaired: prometheus.NewCounter(prometheus.CounterOpts{Name: "doorstep_repaired_rows_total", Help: "Rows of replicas that differed from the centre and were repaired, as devices say."}),
		registry: prometheus.NewRegistry(),
		pushes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "doorstep_pushes_total", Help: "Changesets offered to the committer, repeats included."}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "doorstep_verdicts_total", Help: "Verdicts given, by kind."}, []string{"kind"}),
		commits:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "doorstep_commit_seconds", Help: "Time of one durable group commit.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		group:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "doorstep_commit_changesets", Help: "Changesets in one group commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)}),
		sockets:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "doorstep_sockets", Help: "WebSocket connections open now."}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "doorstep_handshakes_refused_total", Help: "WebSocket handshakes refused, by HTTP status."}, []string{"status"}),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "doorstep_received_bytes_total", Help: "Bytes of messages from devices, by kind."}, []string{"kind"}),
		sent:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "doorstep_sent_bytes_total", Help: "Bytes of messages to devices, by kind."}, []string{"kind"}),
		closed:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "doorstep_sockets_closed_total", Help: "WebSocket connections ended, by reason."}, []string{"reason"}),
		answer:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "doorstep_push_seconds", Help: "From a push's coming to its verdicts.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
	}
	for _, kind := range []syncengine.VerdictKind{syncengine.Accepted, syncengine.Conflicts, syncengine.Merged, syncengine.Rejected, syncengine.Parked} {
		m.verdicts.WithLabelValues(kind.String())
	}
	m.registry.MustRegister(m.checks, m.repaired, m.pushes, m.verdicts, m.commits, m.group, m.sockets, m.refused, m.received, m.sent, m.closed, m.answer,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "doorstep_conflicts_open", Help: "Conflicts that wait for a decision; -1 if the store does not answer."},
			func() float64 {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				n, err := openConflicts(ctx)
				if err != nil {
					return -1
				}
				return float64(n)
			}))
	return m
}

// Of checks by phones: one that was heard of within heardWithin and has not checked for overdueAfter is worth a look.
const (
	heardWithin  = 7 * 24 * time.Hour
	overdueAfter = 3 * 24 * time.Hour
)

// phones watches how the checks of phones go.
func (m *metrics) phones(now func() time.Time, checkups func(ctx context.Context, heard, checked int64) (overdue, repaired int64, err error)) {
	gauge := func(name, help string, pick func(overdue, repaired int64) int64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			overdue, repaired, err := checkups(ctx, now().Add(-heardWithin).UnixMilli(), now().Add(-overdueAfter).UnixMilli())
			if err != nil {
				return -1
			}
			return float64(pick(overdue, repaired))
		}))
	}
	gauge("doorstep_devices_check_overdue", "Phones heard of within 7 days whose last check of their records is older than 3 days; -1 if the store does not answer.",
		func(overdue, _ int64) int64 { return overdue })
	gauge("doorstep_devices_repaired", "Phones heard of within 7 days whose checks of the last 30 days put rows right; -1 if the store does not answer.",
		func(_, repaired int64) int64 { return repaired })
}

// long watches the long messages of devices.
func (m *metrics) long(incoming func() gateway.Incoming) {
	gauge := func(name, help string, of func(gateway.Incoming) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(of(incoming())) })
	}
	m.registry.MustRegister(
		gauge("doorstep_long_messages_waiting", "Messages of devices above 1 MiB that wait for room.", func(i gateway.Incoming) int { return i.Waiting }),
		gauge("doorstep_long_messages_bytes", "Bytes that messages of devices above 1 MiB take, until they are judged.", func(i gateway.Incoming) int { return i.Used }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "doorstep_long_messages_refused_total", Help: "Messages of devices above 1 MiB that were sent away because no room was made in time."},
			func() float64 { return float64(incoming().Refused) }))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 10 * time.Second})
}

// commitMetrics is what the committer tells (server/centre).
type commitMetrics struct{ m *metrics }

// Committed counts a group.
func (c commitMetrics) Committed(changesets int, took time.Duration) {
	c.m.pushes.Add(float64(changesets))
	c.m.group.Observe(float64(changesets))
	c.m.commits.Observe(took.Seconds())
}

// Judged counts a verdict.
func (c commitMetrics) Judged(kind syncengine.VerdictKind) {
	c.m.verdicts.WithLabelValues(kind.String()).Inc()
}
