package main

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/syncengine"
)

const (
	noteEvery  = 10 * time.Minute
	pruneEvery = 24 * time.Hour
	pruneFirst = time.Minute // after the start, so that devices that wait for the centre are served first
)

// retain writes down who was heard of and lets go what retention lets go, until ctx ends; done is closed then.
func (a *app) retain(ctx context.Context) (done <-chan struct{}) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		note := time.NewTicker(noteEvery)
		defer note.Stop()
		prune := time.NewTimer(pruneFirst)
		defer prune.Stop()
		for {
			select {
			case <-ctx.Done():
				if err := a.centre.Note(); err != nil {
					a.log.Warn().Err(err).Msg("cannot note which devices were heard of")
				}
				return
			case <-note.C:
				if err := a.centre.Note(); err != nil {
					a.log.Warn().Err(err).Msg("cannot note which devices were heard of")
				}
			case <-prune.C:
				prune.Reset(pruneEvery)
				a.prune()
			}
		}
	}()
	return over
}

func (a *app) prune() {
	if a.config.Retention == 0 {
		return
	}
	p, err := a.centre.Prune(a.config.Retention)
	switch {
	case errors.Is(err, centre.ErrStopped):
	case err != nil:
		a.log.Error().Err(err).Msg("cannot prune what retention lets go; it will be tried again tomorrow")
	default:
		a.metrics.pruned(p)
		a.log.Info().Int64("floor", p.Floor).Int("moves", p.Moves).Int("dead", p.Dead).Int("messages", p.Messages).Msg("pruned what retention lets go")
	}
}

// kept are the metrics of snapshots and retention.
type kept struct {
	floor  prometheus.Gauge
	pruned *prometheus.CounterVec
}

func (m *metrics) watch(snapshots *syncengine.Snapshots) {
	m.kept.floor = prometheus.NewGauge(prometheus.GaugeOpts{Name: "doorstep_retention_floor", Help: "Seq below which a cursor cannot be gone on from."})
	m.kept.pruned = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "doorstep_pruned_total", Help: "What retention let go, by kind."}, []string{"kind"})
	stat := func(name, help string, of func(syncengine.SnapshotStats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return of(snapshots.Stats()) })
	}
	m.registry.MustRegister(m.kept.floor, m.kept.pruned,
		stat("doorstep_snapshots", "Snapshots kept in memory.", func(s syncengine.SnapshotStats) float64 { return float64(s.Count) }),
		stat("doorstep_snapshots_bytes", "Packed bytes of the snapshots kept.", func(s syncengine.SnapshotStats) float64 { return float64(s.Bytes) }),
		stat("doorstep_snapshots_built", "Snapshots read and packed since the start.", func(s syncengine.SnapshotStats) float64 { return float64(s.Built) }),
		stat("doorstep_snapshots_chunks", "Chunks of snapshots given to devices since the start.", func(s syncengine.SnapshotStats) float64 { return float64(s.Served) }),
		stat("doorstep_snapshots_evicted", "Snapshots pushed out by others since the start.", func(s syncengine.SnapshotStats) float64 { return float64(s.Evicted) }))
}

func (m *metrics) pruned(p syncengine.Pruned) {
	m.kept.floor.Set(float64(p.Floor))
	for kind, n := range map[string]int{"moves": p.Moves, "dead": p.Dead, "messages": p.Messages} {
		m.kept.pruned.WithLabelValues(kind).Add(float64(n))
	}
}
