package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// BenchmarkUpdate writes changesets of one row each as the engine does (row and dead id looked up, row, verdict,
// device, history, head), in groups of one and of a hundred; "insert" makes rows, "update" changes one cell of them.
func BenchmarkUpdate(b *testing.B) {
	s, err := load.Default()
	require.NoError(b, err)
	for _, what := range []string{"insert", "update"} {
		for _, group := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/group=%d", what, group), func(b *testing.B) { benchUpdate(b, s, what == "update", group) })
		}
	}
}

func benchUpdate(b *testing.B, s *schema.Schema, update bool, group int) {
	st, err := Open(filepath.Join(b.TempDir(), "s.db"), s)
	require.NoError(b, err)
	defer st.Close()
	const held = 5000
	if update {
		for at := 0; at < held; at += 500 {
			require.NoError(b, st.Update(func(tx syncengine.Tx) error { return commitRows(tx, s, at, 500, held) }))
		}
	}
	b.ResetTimer()
	for done := 0; done < b.N; done += group {
		n := min(group, b.N-done)
		if err := st.Update(func(tx syncengine.Tx) error {
			if update {
				return commitRows(tx, s, done, n, held)
			}
			return commitRows(tx, s, done, n, 1<<30)
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func benchID(n int) syncengine.RowID {
	return syncengine.RowID(fmt.Sprintf("01890000-0000-7000-8000-%012x", n))
}

// commitRows makes n changesets in one transaction: rows from first on, modulo held.
func commitRows(tx syncengine.Tx, s *schema.Schema, first, n, held int) error {
	t := s.Table("resident")
	for i := range n {
		id := benchID((first + i) % held)
		if err := tx.Savepoint(func() error {
			h, err := tx.Head()
			if err != nil {
				return err
			}
			h.Seq++
			if _, err := tx.Dead(t.Name, id); err != nil {
				return err
			}
			r, err := tx.Row(t.Name, id)
			if err != nil {
				return err
			}
			if r == nil {
				r = benchRow(t, id, h.Seq)
			} else {
				c := &r.Cells[len(r.Cells)-1]
				c.Shown = h.Seq
				c.Survivors = []syncengine.Write{benchWrite(h.Seq, make([]schema.Value, len(t.Cells[len(r.Cells)-1].Columns)))}
				r.Seq = h.Seq
			}
			cs := &syncengine.Changeset{Device: string(benchID(1)), N: h.Seq, Author: string(benchID(2)), Changes: []syncengine.Change{{Table: t.Name, Row: id, Op: syncengine.OpInsert}}}
			for _, put := range []func() error{
				func() error { return tx.PutRow(r) },
				func() error { return tx.AppendHistory(syncengine.Entry{Seq: h.Seq, Epoch: 1, Changeset: cs}) },
				func() error {
					return tx.PutVerdict(cs.Device, syncengine.Verdict{N: cs.N, Kind: syncengine.Accepted, Seq: h.Seq})
				},
				func() error { return tx.PutDevice(&syncengine.Device{ID: cs.Device, LastN: cs.N}) },
				func() error { return tx.PutHead(h) },
			} {
				if err := put(); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func benchWrite(seq int64, vs []schema.Value) syncengine.Write {
	return syncengine.Write{Device: string(benchID(1)), N: seq, Author: string(benchID(2)), Seq: seq, Epoch: 1, At: seq, Values: vs, From: seq}
}

func benchRow(t *schema.Table, id syncengine.RowID, seq int64) *syncengine.Row {
	r := &syncengine.Row{Table: t.Name, ID: id, Scope: "370115003239-1", Door: string(benchID(3)), Inserted: seq, Seq: seq}
	for _, c := range t.Cells {
		vs := make([]schema.Value, len(c.Columns))
		for i, col := range c.Columns {
			if col.Type.Kind() == schema.KindText && col.Type != schema.TypeSet {
				vs[i] = schema.Text(fmt.Sprint("王", id))
			}
		}
		cell := syncengine.Cell{}
		if !c.Policy.Operation() {
			cell = syncengine.Cell{Shown: seq, Survivors: []syncengine.Write{benchWrite(seq, vs)}}
		}
		r.Cells = append(r.Cells, cell)
	}
	return r
}

// BenchmarkPutRow writes new rows alone, a thousand in a transaction: what a bulk import can hope for.
func BenchmarkPutRow(b *testing.B) {
	s, err := load.Default()
	require.NoError(b, err)
	st, err := Open(filepath.Join(b.TempDir(), "s.db"), s)
	require.NoError(b, err)
	defer st.Close()
	for done := 0; done < b.N; done += 1000 {
		require.NoError(b, st.Update(func(tx syncengine.Tx) error {
			for i := done; i < min(done+1000, b.N); i++ {
				if err := tx.PutRow(benchRow(s.Table("resident"), benchID(i), int64(i+1))); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkChanged is what a listener's next change costs of reading: one new row, in a schema of many record types.
func BenchmarkChanged(b *testing.B) {
	s, err := load.Default()
	require.NoError(b, err)
	st, err := Open(filepath.Join(b.TempDir(), "s.db"), s)
	require.NoError(b, err)
	defer st.Close()
	row := benchRow(s.Table("resident"), benchID(1), 2)
	require.NoError(b, st.Update(func(tx syncengine.Tx) error {
		return errors.Join(tx.PutHead(syncengine.Head{Epoch: 1, Seq: 2}), tx.PutRow(row))
	}))
	b.ReportAllocs()
	require.NoError(b, st.View(func(tx syncengine.ReadTx) error {
		for b.Loop() {
			if items, err := tx.Changed(row.Scope, syncengine.Position{Seq: 1}, 9); err != nil || len(items) != 1 {
				return fmt.Errorf("%d items, %w", len(items), err)
			}
		}
		return nil
	}))
}
