package product

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// BenchmarkBacklogOne is W2: a phone that was offline hands in 5,000 records, each written in a transaction of its own,
// until it has the verdict on the last one on its own disk.
func BenchmarkBacklogOne(b *testing.B) { backlog(b, grid{500, 1}.each(1), 5000, 1) }

// BenchmarkBacklogOneBulk is the same with 500 records in a transaction, as an import would write them.
func BenchmarkBacklogOneBulk(b *testing.B) { backlog(b, grid{500, 1}.each(1), 5000, 500) }

// BenchmarkBacklogMany is W2: a hundred phones, each of a grid of its own, come online at once with 50 records each,
// each written in a transaction of its own.
func BenchmarkBacklogMany(b *testing.B) { backlog(b, grid{5, 1}.each(100), 50, 1) }

func backlog(b *testing.B, grids []grid, each, together int) {
	c := newCounty(b, grids...)
	list := record.Generate(2, len(grids)*each)
	var commits int
	var settled time.Duration
	var met, sent atomic.Int64
	for b.Loop() {
		b.StopTimer()
		c.fillBacklogs(list, each, together)
		had, before := c.visitsHeld(), c.commits()
		b.StartTimer()
		began, stop := outside.Now(), c.profile(b)
		rest := c.handIn((each+together-1)/together, func() { met.Add(int64(outside.Now().Sub(began))) })
		b.StopTimer()
		stop()
		for _, r := range rest() {
			sent.Add(r.Out)
		}
		settled += outside.Now().Sub(began)
		commits += c.commits() - before
		require.Equal(b, had+len(list), c.visitsHeld())
		b.StartTimer()
	}
	per := func(x float64) float64 { return x / float64(b.N) }
	b.ReportMetric(per(float64(commits)), "commits/op")
	b.ReportMetric(per(float64(sent.Load())), "wire-B/op")
	b.ReportMetric(per(float64(settled.Milliseconds())), "settled-ms/op")
	b.ReportMetric(per(float64(met.Load())/1e6/float64(len(c.phones))), "greeted-ms/op")
	rate(b, len(list), "records")
}

// rate adds how many of something there were a second.
func rate(b *testing.B, each int, unit string) {
	b.ReportMetric(float64(each)*float64(b.N)/b.Elapsed().Seconds(), strings.ReplaceAll(unit, " ", "-")+"/s")
}

// fillBacklogs has each phone write its share while it is offline.
func (c *county) fillBacklogs(list []record.Record, each, together int) {
	c.t.Helper()
	for i, p := range c.phones {
		c.visits(p, list[i*each:(i+1)*each], together)
		p.sign()
	}
}

// handIn brings all phones online at once and returns when each has its verdicts on its disk, so many of them. Then rest
// waits until they are in step and gives their reports. greeted is told when a phone was greeted.
func (c *county) handIn(verdicts int, greeted func()) (rest func() []device.Report) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	var acked, done sync.WaitGroup
	reports, errs := make([]device.Report, len(c.phones)), make([]error, len(c.phones))
	for i, p := range c.phones {
		acked.Add(1)
		done.Go(func() {
			once, met := sync.OnceFunc(acked.Done), sync.OnceFunc(greeted)
			defer once() // also if it fails
			reports[i], errs[i] = p.SyncTelling(ctx, p.remote, func(x device.Progress) {
				if met(); x.Verdicts == verdicts {
					once()
				}
			})
		})
	}
	acked.Wait()
	return func() []device.Report {
		c.t.Helper()
		done.Wait()
		cancel()
		for i, p := range c.phones {
			require.NoError(c.t, errs[i], "phone %d", i)
			require.Equal(c.t, map[se.VerdictKind]int{se.Accepted: verdicts}, reports[i].Kinds, "phone %d", i)
			require.Zero(c.t, p.unsent(), "phone %d", i)
		}
		return reports
	}
}

// visitsHeld is how many visits are in the centre's database.
func (c *county) visitsHeld() (n int) {
	c.t.Helper()
	require.NoError(c.t, c.file().QueryRow(`SELECT count(*) FROM rec_visit`).Scan(&n))
	return n
}

// A backlog that is handed in is at the centre, and everybody is in step; records of one transaction are one changeset.
func TestBacklogs(t *testing.T) {
	c := newCounty(t, grid{2, 1}.each(3)...)
	for _, together := range []int{1, 3} {
		const each = 7
		had := c.visitsHeld()
		c.fillBacklogs(record.Generate(2, 3*each), each, together)
		greeted := 0
		var mu sync.Mutex
		reports := c.handIn((each+together-1)/together, func() { mu.Lock(); defer mu.Unlock(); greeted++ })()
		require.Equal(t, 3, greeted)
		require.Equal(t, had+3*each, c.visitsHeld())
		for i, r := range reports {
			require.Equal(t, c.phones[i].at(), r.Cursor)
			require.Positive(t, r.Out)
		}
	}
}
