package product

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// BenchmarkConflicts is W5: of 1,000 records, two phones edited all while they were offline, half of them in the same
// column. Both come online, until both have everything. What became of every edit is looked at afterwards.
func BenchmarkConflicts(b *testing.B) {
	c := newCounty(b, grid{0, 2})
	var all []edited
	commits := 0
	for b.Loop() {
		b.StopTimer()
		list := c.editApart(record.Generate(uint64(5+len(all)), 1000))
		before := c.commits()
		b.StartTimer()
		stop := c.profile(b)
		leave := c.meet(list)
		b.StopTimer()
		stop()
		leave()
		commits += c.commits() - before
		c.shown(list)
		all = append(all, list...)
		b.StartTimer()
	}
	b.StopTimer()
	c.stop()
	c.queued(all)
	t := judge(all)
	require.Empty(b, t.faults)
	require.Equal(b, tally{merged: 500 * b.N, queued: 500 * b.N}, t)
	b.ReportMetric(float64(t.merged)/float64(b.N), "merged/op")
	b.ReportMetric(float64(t.queued)/float64(b.N), "queued/op")
	b.ReportMetric(float64(t.lost)/float64(b.N), "lost/op")
	b.ReportMetric(float64(commits)/float64(b.N), "commits/op")
	rate(b, 1000, "records")
}

// editApart enters records, brings them to both phones, and has both edit all of them offline: the first the description,
// the other the location in the first half and the description in the second.
func (c *county) editApart(records []record.Record) (list []edited) {
	c.t.Helper()
	a, z := c.phones[0], c.phones[1]
	a.write(func(tx *device.Tx) error {
		for i := range records {
			id, err := tx.Insert("hazard", hazard(&records[i], crowd.Grid(a.grid)))
			if err != nil {
				return err
			}
			list = append(list, edited{row: id})
		}
		return nil
	})
	a.sync()
	z.sync()
	a.sync()
	for i := range list {
		list[i].wrote[0] = a.edit(list[i].row, "description", records[i].Note+"甲")
	}
	for i := range list { // all of them later than those of the first: they stand
		e, r := &list[i], &records[i]
		if e.same = i >= len(list)/2; e.same {
			e.wrote[1] = z.edit(e.row, "description", r.Note+"乙")
		} else {
			e.wrote[1] = z.edit(e.row, "location", r.Door+"乙")
		}
	}
	a.sign()
	z.sign()
	return list
}

// edit sets a column of a hazard in a transaction of its own.
func (p *phone) edit(row se.RowID, cell, text string) (w wrote) {
	p.t.Helper()
	w = wrote{device: p.member.Device, author: p.member.Account, base: p.at(), cell: cell, text: text, from: outside.Now().UnixMilli()}
	p.write(func(tx *device.Tx) error { return tx.Set("hazard", row, map[string]any{cell: text}) })
	w.to = outside.Now().UnixMilli()
	return w
}

// meet brings both phones online at once and returns when both have everything. They leave when leave is called.
func (c *county) meet(list []edited) (leave func()) {
	c.t.Helper()
	var stops []func()
	for _, p := range c.phones {
		stops = append(stops, p.dial())
	}
	// Changesets come in the order in which they were written, so each is there with the last one that shows.
	c.phones[0].has(list[len(list)-1], 1)
	c.phones[1].has(list[len(list)/2-1], 0)
	return func() {
		c.t.Helper()
		for _, stop := range stops {
			stop()
		}
	}
}

// has waits until a phone shows what somebody wrote into a record, and has nothing of its own left that is not judged or
// that hides what the centre shows.
func (p *phone) has(e edited, by int) {
	p.t.Helper()
	w := e.wrote[by]
	p.until("what the other one wrote", func() (ok bool) {
		require.NoError(p.t, p.QueryRow(p.t.Context(), `SELECT EXISTS(SELECT 1 FROM hazard WHERE id = ? AND `+w.cell+` = ?)
			AND NOT EXISTS(SELECT 1 FROM ds_outbox) AND NOT EXISTS(SELECT 1 FROM ds_pending)`, e.row, w.text).Scan(&ok))
		return ok
	})
}

// shown notes what both phones show.
func (c *county) shown(list []edited) {
	c.t.Helper()
	for i, p := range c.phones {
		rows, err := p.List(c.t.Context(), "hazard", nil, 0)
		require.NoError(c.t, err)
		by := map[se.RowID]device.Row{}
		for _, r := range rows {
			by[r.ID] = r
		}
		for k := range list {
			if row, ok := by[list[k].row]; ok {
				list[k].shows[i] = map[string]string{}
				for _, cell := range []string{"description", "location"} {
					list[k].shows[i][cell] = row.Values[cell].Str()
				}
			}
		}
	}
}

// queued notes what the centre's file holds of each row: what stands, and what waits for a decision. The centre has
// ended.
func (c *county) queued(list []edited) {
	c.t.Helper()
	s, err := load.Default()
	require.NoError(c.t, err)
	st, err := store.Open(filepath.Join(c.data, "doorstep.db"), s)
	require.NoError(c.t, err)
	defer st.Close()
	hazards := s.Table("hazard")
	require.NoError(c.t, st.View(func(tx se.ReadTx) error {
		for i := range list {
			row, err := tx.Row("hazard", list[i].row)
			if err != nil || row == nil {
				return err
			}
			for _, cell := range []string{"description", "location"} {
				con, err := tx.OpenConflict(se.ConflictKey{Kind: se.ConflictCell, Table: "hazard", Row: list[i].row, Cell: cell})
				if err != nil {
					return err
				}
				if con != nil {
					list[i].waits = append(list[i].waits, con.Candidates...)
				}
				if w := row.Cells[hazards.CellIndex(cell)].Standing(); w != nil {
					list[i].stands = append(list[i].stands, stands{cell, *w})
				}
			}
		}
		return nil
	}))
}

// text is the one value of a cell.
func text(values []schema.Value) string {
	if len(values) != 1 {
		return ""
	}
	return values[0].Str()
}

// Two phones that edited some records apart converge, and nothing is lost, also the second time, on what is there.
func TestConflicts(t *testing.T) {
	c := newCounty(t, grid{0, 2})
	var all []edited
	for i := range uint64(2) {
		list := c.editApart(record.Generate(i, 10))
		c.meet(list)()
		c.shown(list)
		all = append(all, list...)
	}
	c.stop()
	c.queued(all)
	require.Equal(t, tally{merged: 10, queued: 10}, judge(all))
}
