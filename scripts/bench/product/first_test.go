package product

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/bench/own"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

const (
	firstSync = 20_000 // records of the grid in W1
	newcomers = 200    // devices that may come, more than a benchmark needs
)

// BenchmarkFirstSync is W1: a device that was enrolled and has nothing gets a grid of 20,000 records, until they are durable and
// seen. Others have come before: the centre has read the grid once.
func BenchmarkFirstSync(b *testing.B) { firstSyncs(b, false) }

// BenchmarkFirstSyncCold is W1 at a centre that was just started.
func BenchmarkFirstSyncCold(b *testing.B) { firstSyncs(b, true) }

func firstSyncs(b *testing.B, cold bool) {
	f := newFull(b, firstSync, newcomers)
	down, up := f.carried()
	stop := func() {}
	if !cold {
		stop = f.profile(b)
	}
	for b.Loop() {
		b.StopTimer()
		if cold {
			f.stop()
			f.centre = startCentre(b, f.data)
		}
		p := f.newcomer(f.url)
		b.StartTimer()
		p.sync()
		require.Equal(b, firstSync, p.records())
		b.StopTimer()
		require.NoError(b, p.Close())
		b.StartTimer()
	}
	stop()
	b.ReportMetric(float64(down), "wire-B")
	b.ReportMetric(float64(up), "up-B")
	b.ReportMetric(firstSync*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// TestFirstSync: a first sync ends with every record, and each is as the floors have it.
func TestFirstSync(t *testing.T) {
	const n = 100
	f := newFull(t, n, 1)
	p := f.newcomer(f.url)
	p.sync()
	require.Equal(t, n, p.records())
	list := own.Store(record.Generate(1, n), crowd.Grid(0), f.clerk.Account)
	for i := range list {
		want := list[i].All()
		got, dest := make([]any, len(want)), make([]any, len(want))
		for k := range got {
			dest[k] = &got[k]
		}
		require.NoError(t, p.QueryRow(t.Context(), "SELECT "+strings.Join(own.AllColumns, ", ")+" FROM "+own.Table+" WHERE id = ?", want[0]).Scan(dest...))
		for k, name := range own.AllColumns {
			if !strings.HasSuffix(name, "ed_at") || name == "started_at" || name == "ended_at" { // when it was entered is another time here
				require.EqualValues(t, want[k], got[k], name)
			}
		}
	}
}

// full is a county with one grid that holds households and records, and workers whose phones have never been in touch.
type full struct {
	*county
	schema  *schema.Schema
	clerk   crowd.Member
	workers []crowd.Member
	came    int
}

func newFull(t testing.TB, records, workers int) *full {
	t.Helper()
	return newFullOf(t, records, workers, 1)
}

// newFullOf is newFull with so many records in each changeset.
func newFullOf(t testing.TB, records, workers, each int) *full {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	f := &full{county: &county{t: t, dir: t.TempDir()}, schema: s}
	f.fill(records, workers, each)
	f.centre = startCentre(t, filepath.Join(f.dir, "centre"))
	return f
}

// fill enters everything while no centre runs in the folder: with each at 1 the records one after another, as people do.
func (f *full) fill(records, workers, each int) {
	f.t.Helper()
	ctx := f.t.Context()
	x, err := crowd.Open(filepath.Join(f.dir, "centre"), outside)
	require.NoError(f.t, err)
	defer x.Close()
	require.NoError(f.t, x.Units(ctx, 1))
	desk, err := x.As(ctx, "supervisor", "desk", crowd.Grid(0))
	require.NoError(f.t, err)
	list := record.Generate(1, records)
	homes, err := own.Homes(f.schema, crowd.Grid(0), desk.Device, own.Households(list))
	require.NoError(f.t, err)
	require.NoError(f.t, x.Enter(ctx, desk, len(homes), len(homes), func(i int) se.Change { return homes[i] }))
	f.clerk, err = x.Member(ctx, "clerk", crowd.Grid(0))
	require.NoError(f.t, err)
	require.NoError(f.t, x.Enter(ctx, f.clerk, len(list), each, func(i int) se.Change { return f.visit(&list[i]) }))
	for i := range workers {
		m, err := x.Member(ctx, fmt.Sprint("worker", i), crowd.Grid(0))
		require.NoError(f.t, err)
		f.workers = append(f.workers, m)
	}
}

// visit is the change that enters a record.
func (f *full) visit(r *record.Record) se.Change {
	f.t.Helper()
	c, err := own.Insert(f.schema, r, crowd.Grid(0), r.Home.String())
	require.NoError(f.t, err)
	return c
}

// newcomer is the phone of a worker who has not come before, enrolled and empty.
func (f *full) newcomer(url string) *phone {
	f.t.Helper()
	require.Less(f.t, f.came, len(f.workers), "everybody has come: ask for a shorter -benchtime")
	p := f.phone(f.workers[f.came], 0)
	f.came++
	remote, err := device.WebSocket(url, signed{p}, device.WebSocketOptions{})
	require.NoError(f.t, err)
	p.remote = remote
	return p
}

// carried is what the wire carries for a newcomer, who makes the centre read the grid.
func (f *full) carried() (down, up int64) {
	f.t.Helper()
	r := newRelay(f.t, strings.TrimPrefix(f.url, "http://"))
	p := f.newcomer(r.url)
	p.sync()
	require.NoError(f.t, p.Close())
	return r.down.Load(), r.up.Load()
}

func (p *phone) records() (n int) {
	p.t.Helper()
	require.NoError(p.t, p.QueryRow(p.t.Context(), "SELECT count(*) FROM "+own.Table).Scan(&n))
	return n
}
