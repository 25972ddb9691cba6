package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Bugs that other systems shipped, as far as they concern the rules alone. The numbers are those of
// docs/reliability.md.

// O5: a row is deleted and made again by its author while somebody else edits it. Wherever the edit arrives, the row is
// there, one of the two values stands and the other waits in one open conflict.
func TestCaseO05DeleteMakeAgainAndEdit(t *testing.T) {
	for at := range 3 {
		w := newWorld(t)
		a, b := w.dev("a", "worker"), w.dev("b", "worker")
		home := rid(1)
		born := a.ok(ins("home", home, set("head", 0, "first")))
		edit := func(i int) {
			if i == at {
				b.push(upd("home", home, set("head", born, "by b")))
			}
		}
		edit(0)
		a.push(del("home", home, born))
		edit(1)
		a.push(ins("home", home, set("head", 0, "again")))
		edit(2)
		found := []string{w.shows("home", home, "head")}
		for _, kind := range []se.ConflictKind{se.ConflictCell, se.ConflictDelete} {
			cell := "head"
			if kind == se.ConflictDelete {
				cell = ""
			}
			if con := w.open(kind, "home", home, cell); con != nil {
				for _, x := range con.Candidates {
					found = append(found, x.Cell.Values[0].Str())
				}
			}
		}
		require.ElementsMatch(t, []string{"again", "by b"}, found, "edit at %d", at)
	}
}

// O6: changesets of one transaction have a seq each, so that reading on from any of them skips none.
func TestCaseO06OneSeqEach(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	home := rid(1)
	var group []se.Submission
	for _, d := range []*dev{a, b} {
		for range 3 {
			cs := d.make(ins("log", rid(int(d.n)+10*len(group)+2), set("home_id", 0, string(home)), set("text", 0, d.who)))
			if len(group) == 0 {
				cs.Changes = append([]se.Change{ins("home", home)}, cs.Changes...)
			}
			d.n, d.hash = cs.N, cs.Hash()
			group = append(group, se.Submission{Changeset: cs, Now: w.now})
		}
	}
	seen := map[int64]bool{}
	for i, r := range w.e.Commit(w.store, group) {
		require.NoError(t, r.Err)
		require.Equal(t, se.Accepted, r.Verdict.Kind)
		require.EqualValues(t, i+1, r.Verdict.Seq)
		seen[r.Verdict.Seq] = true
	}
	require.Len(t, seen, 6)
	for after := range int64(6) {
		rows := 0
		require.NoError(t, w.store.View(func(tx se.ReadTx) error {
			items, err := tx.Changed("g1", se.Position{Seq: after}, 100)
			rows = len(items)
			return err
		}))
		want := 6 - int(after)
		if after == 0 {
			want++ // the household came with the first
		}
		require.Equal(t, want, rows, "after seq %d", after)
	}
}
