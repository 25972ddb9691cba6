package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// What small changes of the engine showed that nobody looked at (scripts/mutate).

// As many changes as may be are taken, and one more is not; likewise elements of a set.
func TestBoundsAreExact(t *testing.T) {
	w := newWorld(t)
	w.e = se.New(w.s, se.Limits{MaxChangeset: 1 << 20, MaxChanges: 3, MaxFrame: 1 << 20, Window: 8})
	a := w.dev("a", "worker")
	a.ok(ins("home", rid(1)), ins("home", rid(2)), ins("home", rid(3)))
	why := a.refused(se.Rejected, se.CodeTooLarge, ins("home", rid(4)), ins("home", rid(5)), ins("home", rid(6)), ins("home", rid(7)))
	require.Equal(t, se.Reason{Code: se.CodeTooLarge, Table: "home", Row: rid(4), Rule: "changes"}, why, "it names where it begins")

	w.s.Table("home").Column("tags").MaxLen = 3
	add := func(n int) se.CellWrite {
		x := se.CellWrite{Cell: "tags"}
		for i := range n {
			x.In = append(x.In, fmt.Sprint("t", i))
		}
		return x
	}
	a.ok(upd("home", rid(1), add(3)))
	a.refused(se.Rejected, se.CodeBadValue, upd("home", rid(2), add(4)))
}

// fragile is a store of which one write makes the engine panic.
type fragile struct{ se.Store }

type fragileTx struct{ se.Tx }

func (f fragile) Update(fn func(se.Tx) error) error {
	return f.Store.Update(func(tx se.Tx) error { return fn(fragileTx{tx}) })
}

func (f fragileTx) PutRow(r *se.Row) error {
	if r.ID == rid(2) {
		panic("nobody thought of this")
	}
	return f.Tx.PutRow(r)
}

// A changeset that makes the rules panic is refused whole, and the device's next one is judged.
func TestPanicRefusesOneChangeset(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	contact := se.Contact{Boot: "b", Mono: w.now, At: w.now}
	bad := a.make(ins("home", rid(1)), ins("home", rid(2)))
	r := w.e.Commit(fragile{w.store}, []se.Submission{{Changeset: bad, Contact: contact, Now: w.now}})
	require.NoError(t, r[0].Err)
	require.Equal(t, se.Rejected, r[0].Verdict.Kind)
	require.Equal(t, se.CodeInternal, r[0].Verdict.Reason.Code)
	require.Equal(t, "gone", w.shows("home", rid(1), "phone"), "nothing of it is there")
	a.n, a.hash = bad.N, bad.Hash()
	a.ok(ins("home", rid(1)))
}

// A conflict's name says its epoch once a centre was put back: a screen may still know another one by the same seq.
func TestConflictsOfEpochsHaveNamesOfTheirOwn(t *testing.T) {
	name := func(epoch int64) string {
		w := newWorld(t)
		if epoch > 1 {
			require.NoError(t, w.store.Update(func(tx se.Tx) error {
				h, err := tx.Head()
				if err != nil {
					return err
				}
				h.Epoch = epoch
				return tx.PutHead(h)
			}))
		}
		a, b := w.dev("a", "worker"), w.dev("b", "worker")
		require.Equal(t, se.Accepted, a.push(ins("home", rid(1), set("head", 0, "one"))).Kind)
		require.Equal(t, se.Conflicts, b.push(upd("home", rid(1), set("head", 0, "two"))).Kind)
		return w.open(se.ConflictCell, "home", rid(1), "head").ID
	}
	require.Equal(t, "2-1", name(1))
	require.Equal(t, "2.2-1", name(2))
}
