package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

var errOurs = errors.New("storetest: told to fail")

func headAt(seq int64) syncengine.Head {
	return syncengine.Head{Epoch: 2, Seq: seq, History: hash(int(seq)), HLC: 1<<63 + 7}
}

func head(t testing.TB, s syncengine.Store) (h syncengine.Head) {
	t.Helper()
	view(t, s, func(tx syncengine.ReadTx) { h = must(t)(tx.Head()) })
	return h
}

func must(t testing.TB) func(h syncengine.Head, err error) syncengine.Head {
	return func(h syncengine.Head, err error) syncengine.Head {
		t.Helper()
		require.NoError(t, err)
		return h
	}
}

func testHead(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	require.Equal(t, syncengine.Head{Epoch: 1}, head(t, o.Store), "a new county")
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutHead(headAt(3)))
		require.Equal(t, headAt(3), must(t)(tx.Head()))
		require.ErrorIs(t, tx.Savepoint(func() error {
			require.NoError(t, tx.PutHead(headAt(4)))
			return errOurs
		}), errOurs)
		require.Equal(t, headAt(3), must(t)(tx.Head()))
	})
	require.Equal(t, headAt(3), head(t, o.Store))
	if o.Reopen != nil {
		require.Equal(t, headAt(3), head(t, o.Reopen()))
	}
}

// putAll puts one of every kind but the dead row, which would remove the live one.
func putAll(t testing.TB, tx syncengine.Tx, v int) {
	t.Helper()
	for _, k := range kinds() {
		if k.name == "Dead" || k.name == "ChangedDead" || k.name == "DismissedConflict" {
			continue
		}
		x := k.make(v)
		if e, ok := x.(*syncengine.Entry); ok && v > 1 {
			e.Seq = int64(v)
		}
		require.NoError(t, k.put(tx, x), k.name)
	}
	require.NoError(t, tx.Kill(dead(place(7, "g1", 3, "长街", 7), int64(20+v))))
	require.NoError(t, tx.PutHead(headAt(int64(v))))
}

func testUpdateError(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	for round := range 2 { // on an empty store, then on one that holds version 1 of everything
		before := dump(t, o.Store)
		err := o.Store.Update(func(tx syncengine.Tx) error { putAll(t, tx, round+1); return errOurs })
		require.ErrorIs(t, err, errOurs)
		requireSame(t, before, dump(t, o.Store))
		if round == 0 {
			update(t, o.Store, func(tx syncengine.Tx) { putAll(t, tx, 1) })
		}
	}
}

func testPanic(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	before := dump(t, o.Store)
	require.PanicsWithValue(t, "bug: ours", func() {
		_ = o.Store.Update(func(tx syncengine.Tx) error {
			_ = tx.Savepoint(func() error { putAll(t, tx, 1); panic("bug: ours") })
			return nil
		})
	})
	requireSame(t, before, dump(t, o.Store))
	update(t, o.Store, func(tx syncengine.Tx) { putAll(t, tx, 1) })
}

func testCommitFailure(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	update(t, o.Store, func(tx syncengine.Tx) { putAll(t, tx, 1) })
	before := dump(t, o.Store)
	o.FailCommit()
	require.Error(t, o.Store.Update(func(tx syncengine.Tx) error { putAll(t, tx, 2); return nil }))
	requireSame(t, before, dump(t, o.Store))
	update(t, o.Store, func(tx syncengine.Tx) { putAll(t, tx, 2) }) // and the next one goes through
	if o.Reopen != nil {
		after := dump(t, o.Store)
		requireSame(t, after, dump(t, o.Reopen()))
	}
}

func testTwice(t *testing.T, open func(t *testing.T) Opened) {
	a, b := open(t), open(t)
	fn := func(tx syncengine.Tx) error {
		h, err := tx.Head()
		if err != nil {
			return err
		}
		h.Seq++
		if err := tx.PutRow(person(int(h.Seq), "g1", h.Seq, "n")); err != nil {
			return err
		}
		return tx.PutHead(h)
	}
	require.ErrorIs(t, a.Store.Update(func(tx syncengine.Tx) error { return errors.Join(fn(tx), errOurs) }), errOurs)
	for _, s := range []syncengine.Store{a.Store, b.Store} {
		require.NoError(t, s.Update(fn))
	}
	requireSame(t, dump(t, a.Store), dump(t, b.Store))
}

func testSavepoints(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	name := func(tx syncengine.ReadTx, n int) string {
		r, err := tx.Row("person", id(n))
		require.NoError(t, err)
		if r == nil {
			return "-"
		}
		return r.Cells[model.Table("person").CellIndex("name")].Survivors[0].Values[0].Str()
	}
	set := func(tx syncengine.Tx, n int, s string) { require.NoError(t, tx.PutRow(person(n, "g1", 1, s))) }
	update(t, o.Store, func(tx syncengine.Tx) {
		set(tx, 1, "a")
		require.NoError(t, tx.Savepoint(func() error {
			set(tx, 1, "b")
			require.ErrorIs(t, tx.Savepoint(func() error {
				set(tx, 1, "c")
				set(tx, 2, "new")
				require.NoError(t, tx.Savepoint(func() error { set(tx, 3, "inner"); return nil }))
				require.Equal(t, "inner", name(tx, 3))
				return errOurs
			}), errOurs)
			require.Equal(t, "b", name(tx, 1), "the inner savepoint is undone, the outer one is not")
			require.Equal(t, "-", name(tx, 2))
			require.Equal(t, "-", name(tx, 3), "a savepoint that succeeded inside one that failed")
			set(tx, 2, "again")
			return nil
		}))
		require.ErrorIs(t, tx.Savepoint(func() error {
			require.NoError(t, tx.Kill(dead(person(1, "g1", 1, "b"), 2)))
			require.Equal(t, "-", name(tx, 1))
			return errOurs
		}), errOurs)
		require.Equal(t, "b", name(tx, 1))
		ids, err := tx.ByNaturalKey("person", "g1", []schema.Value{schema.Text("b")})
		require.NoError(t, err)
		require.Equal(t, []syncengine.RowID{id(1)}, ids)
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		require.Equal(t, []string{"b", "again", "-"}, []string{name(tx, 1), name(tx, 2), name(tx, 3)})
	})
}

func testSavepointRecords(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	for v := 1; v <= 2; v++ { // what was absent, then what was another version
		before := dump(t, o.Store)
		update(t, o.Store, func(tx syncengine.Tx) {
			require.ErrorIs(t, tx.Savepoint(func() error { putAll(t, tx, v); return errOurs }), errOurs)
			requireSame(t, before, dumpTx(t, tx))
		})
		requireSame(t, before, dump(t, o.Store))
		update(t, o.Store, func(tx syncengine.Tx) {
			require.NoError(t, tx.Savepoint(func() error { putAll(t, tx, v); return nil }))
		})
	}
}

// testView: every state that a reader sees is one that a commit made.
func testView(t *testing.T, open func(t *testing.T) Opened) {
	const commits = 60
	o := open(t)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for last := int64(0); ; {
				err := o.Store.View(func(tx syncengine.ReadTx) error {
					h, err := tx.Head()
					if err != nil {
						return err
					}
					if h.Seq < last {
						return errors.New("a later view shows an earlier head")
					}
					last = h.Seq
					return sameSeq(tx, h.Seq)
				})
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for seq := int64(1); seq <= commits; seq++ {
		update(t, o.Store, func(tx syncengine.Tx) {
			require.NoError(t, tx.PutRow(person(1, "g1", seq, "n")))
			require.NoError(t, tx.PutRow(place(2, "g2", seq, "s", seq)))
			require.NoError(t, tx.PutVerdict("dev-1", syncengine.Verdict{N: seq, Kind: syncengine.Accepted, Seq: seq}))
			require.NoError(t, tx.PutHead(headAt(seq)))
		})
	}
	close(done)
	wg.Wait()
}

// sameSeq tells whether everything that testView's commits write is of one commit.
func sameSeq(tx syncengine.ReadTx, seq int64) error {
	if seq == 0 {
		return nil
	}
	a, err1 := tx.Row("person", id(1))
	b, err2 := tx.Changed("g2", syncengine.Position{}, 9)
	v, err3 := tx.Verdict("dev-1", seq)
	next, err4 := tx.Verdict("dev-1", seq+1)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	if a == nil || a.Seq != seq || len(b) != 1 || b[0].Seq != seq || v == nil || next != nil {
		return errors.New("a view shows parts of two commits")
	}
	return nil
}
