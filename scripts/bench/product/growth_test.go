package product

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// sizes are how many records the county has for growth. What costs more with more of them is no use to a county that stays.
var sizes = []int{10_000, 100_000, 1_000_000}

// tenMillion is a size that takes half an hour and 11 GB to make: it is measured where BenchmarkGrow has made it.
const tenMillion = 10_000_000

// BenchmarkGrow makes the largest county, once. Nothing but Ingest writes it, so that it is what ten million changes leave.
func BenchmarkGrow(b *testing.B) {
	for b.Loop() {
		grown(b, tenMillion)
	}
}

// BenchmarkGrowth measures what must not grow with the county: one change until it is durable, what a device lacks after it, a
// page of 500 rows of a grid's feed, and a page of fifty open conflicts of a grid and of all grids. The engine and the store are
// in this process; there is no network.
func BenchmarkGrowth(b *testing.B) {
	measured := sizes
	if isGrown(b, tenMillion) {
		measured = append(slices.Clone(sizes), tenMillion)
	}
	for _, n := range measured {
		g := openGrowth(b, n)
		b.Run(fmt.Sprint("Change/rows=", n), g.change)
		b.Run(fmt.Sprint("CatchUp/rows=", n), g.catchUp)
		b.Run(fmt.Sprint("Feed/rows=", n), g.feed)
		b.Run(fmt.Sprint("ConflictsOfOne/rows=", n), func(b *testing.B) { g.conflicts(b, g.units[:1]) })
		b.Run(fmt.Sprint("ConflictsOfAll/rows=", n), func(b *testing.B) { g.conflicts(b, g.units) })
		require.NoError(b, g.store.Close())
	}
}

// growth is a county that was grown, and somebody who works in it.
type growth struct {
	store  *store.Store
	engine *se.Engine
	who    crowd.Member
	units  []string // grids that are full
	row    se.RowID // of his own
	base   se.Base
}

func openGrowth(t testing.TB, rows int) *growth {
	t.Helper()
	dir, who := grown(t, rows)
	s, err := load.Default()
	require.NoError(t, err)
	st, err := store.Open(filepath.Join(dir, "centre", "doorstep.db"), s)
	require.NoError(t, err)
	g := &growth{store: st, engine: se.New(s, se.DefaultLimits), who: who, row: se.RowID(who.Device)}
	for i := range (rows + perGrid - 1) / perGrid {
		g.units = append(g.units, crowd.Grid(i))
	}
	require.NoError(t, st.View(func(tx se.ReadTx) error {
		r, err := tx.Row("hazard", g.row)
		if r != nil {
			g.base = se.Base{Epoch: 1, Seq: r.Seq}
		}
		return err
	}))
	if g.base.Epoch == 0 {
		g.write(t, se.OpInsert, map[string]string{"scope": who.Grid, "kind_code": "stairs", "description": "once"})
	}
	return g
}

// write commits one changeset about the row, which has seen the one before.
func (g *growth) write(t testing.TB, op se.Op, cells map[string]string) {
	t.Helper()
	now := time.Now().UnixMilli()
	cs := &se.Changeset{Device: g.who.Device, Author: g.who.Account, Schema: g.engine.Schema().Version, Wall: now, N: 1}
	require.NoError(t, g.store.View(func(tx se.ReadTx) error {
		d, err := tx.Device(g.who.Device)
		if d != nil {
			cs.N, cs.Prev = d.LastN+1, d.Hash
		}
		return err
	}))
	c := se.Change{Table: "hazard", Row: g.row, Op: op}
	for _, cell := range g.engine.Schema().Table("hazard").Cells {
		if v, ok := cells[cell.Name]; ok {
			c.Cells = append(c.Cells, se.CellWrite{Cell: cell.Name, Base: g.base, Values: []schema.Value{schema.Text(v)}})
		}
	}
	cs.Changes = []se.Change{c}
	r := g.engine.Commit(g.store, []se.Submission{{Changeset: cs, Now: now}})[0]
	require.NoError(t, r.Err)
	require.Equal(t, se.Accepted, r.Verdict.Kind, "%+v", r.Verdict.Reason)
	g.base = se.Base{Epoch: r.Verdict.Epoch, Seq: r.Verdict.Seq}
}

func (g *growth) change(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		g.write(b, se.OpUpdate, map[string]string{"description": fmt.Sprint("again ", i)})
	}
}

func (g *growth) catchUp(b *testing.B) {
	req := se.NextRequest{Device: g.who.Device, Budget: 64 << 10, Schema: g.engine.Schema().Version}
	req.View = g.next(b, req).View
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		req.Cursor = g.base
		g.write(b, se.OpUpdate, map[string]string{"description": fmt.Sprint("once more ", i)})
		b.StartTimer()
		part := g.next(b, req)
		require.Len(b, part.Frames, 1)
		require.Len(b, part.Frames[0].Items, 1)
	}
}

func (g *growth) next(t testing.TB, req se.NextRequest) (part *se.Part) {
	t.Helper()
	req.Now = time.Now().UnixMilli()
	require.NoError(t, g.store.View(func(tx se.ReadTx) (err error) { part, err = g.engine.Next(tx, req); return err }))
	return part
}

func (g *growth) feed(b *testing.B) {
	const page = 500
	at := se.Position{}
	for b.Loop() {
		require.NoError(b, g.store.View(func(tx se.ReadTx) error {
			items, err := tx.Changed(g.units[0], at, page)
			if err != nil {
				return err
			}
			if len(items) < page { // from the beginning again
				at = se.Position{}
				return nil
			}
			at = se.Position{Seq: items[page-1].Seq, Key: items[page-1].Key}
			return nil
		}))
	}
}

func (g *growth) conflicts(b *testing.B, units []string) {
	q := api.SQLQueue{DB: g.store.Reader(), County: 1}
	for b.Loop() {
		ids, err := q.Conflicts(context.Background(), units, true, "", 50)
		require.NoError(b, err)
		require.Len(b, ids, 50)
	}
}
