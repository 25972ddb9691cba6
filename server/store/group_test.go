package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// handing is a device that hands in groups of changesets of a row each to a store and an engine over it.
type handing struct {
	t    testing.TB
	s    *Store
	e    *syncengine.Engine
	n    int64
	prev syncengine.Hash
}

const handingDevice = "018f0000-0000-7000-8000-00000000000d"

func newHanding(t testing.TB) *handing {
	t.Helper()
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	model := s.Schema()
	model.Table("place_x").Rights = map[string]*schema.Right{"worker": {Insert: true, Update: []string{schema.AllCells}}}
	model.Table("place_x").Views = map[string]*schema.View{"worker": {Rows: schema.RowsAll}}
	model.Roles["worker"] = &schema.Role{Name: "worker"}
	model.Index()
	setPrincipal(t, s, &syncengine.Principal{Device: handingDevice, Account: "a", Grants: []syncengine.Grant{{Scope: "g1", Role: "worker"}}})
	return &handing{t: t, s: s, e: syncengine.New(model, syncengine.DefaultLimits)}
}

// group makes so many changesets about the rows from one on.
func (h *handing) group(op syncengine.Op, first, rows int) (subs []syncengine.Submission) {
	for i := range rows {
		cells := []syncengine.CellWrite{{Cell: schema.CellScope, Values: []schema.Value{schema.Text("g1")}}, {Cell: "note", Values: []schema.Value{schema.Text(fmt.Sprint("note ", h.n))}}}
		if op == syncengine.OpUpdate {
			cells = cells[1:]
		}
		h.n++
		cs := &syncengine.Changeset{Device: handingDevice, N: h.n, Prev: h.prev, Author: "a", Changes: []syncengine.Change{{
			Table: "place_x", Row: benchID(first + i), Op: op, Cells: cells,
		}}}
		h.prev = cs.Hash()
		subs = append(subs, syncengine.Submission{Changeset: cs, Now: 1})
	}
	return subs
}

func (h *handing) commit(subs []syncengine.Submission) {
	h.t.Helper()
	for i, r := range h.e.Commit(h.s, subs) {
		require.NoError(h.t, r.Err, i)
		require.True(h.t, r.Verdict.Kind.Effective(), "%d: %v", i, r.Verdict.Reason)
	}
}

// A group of changesets that each make or change a row costs four statements for each of them: the row, its verdict, its
// history and the index of that. What is the same for all is asked once, and SQLite hears of no savepoint.
func TestStatementsOfAGroup(t *testing.T) {
	h := newHanding(t)
	const each = 50
	for _, op := range []syncengine.Op{syncengine.OpInsert, syncengine.OpUpdate} {
		group := h.group(op, 1, each)
		n := counted(h.s)
		h.commit(group)
		t.Logf("%d statements for each changeset: %v", n["all"]/each, n)
		require.LessOrEqual(t, n["all"], 4*each+25, "%v", n)
		require.Equal(t, each, n["rec_place_x"], "%v", n)
		require.Zero(t, n["SAVEPOINT"], "%v", n)
	}
}

// BenchmarkGroup is what engine and store take for a changeset that makes a row, in groups of 50.
func BenchmarkGroup(b *testing.B) {
	h := newHanding(b)
	b.ReportAllocs()
	for done := 0; done < b.N; done += 50 {
		b.StopTimer()
		group := h.group(syncengine.OpInsert, 1+done, min(50, b.N-done))
		b.StartTimer()
		h.commit(group)
	}
}
