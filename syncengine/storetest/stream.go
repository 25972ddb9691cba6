package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// label shows an item for reading: seq, kind and id, and the door of a move.
func label(it syncengine.Item) string {
	switch {
	case it.Row != nil:
		return fmt.Sprintf("%d row %s %s", it.Seq, it.Row.Table, it.Row.ID[34:])
	case it.Dead != nil:
		return fmt.Sprintf("%d dead %s %s", it.Seq, it.Dead.Table, it.Dead.ID[34:])
	}
	return fmt.Sprintf("%d move %s %s %s", it.Seq, it.Move.Table, it.Move.ID[34:], it.Move.Door)
}

func changed(t testing.TB, tx syncengine.ReadTx, scope string, after syncengine.Position, limit int) []string {
	t.Helper()
	items, err := tx.Changed(scope, after, limit)
	require.NoError(t, err)
	var out []string
	for i, it := range items {
		require.NotEmpty(t, it.Key)
		require.True(t, after.Before(syncengine.Position{Seq: it.Seq, Key: it.Key}))
		if i > 0 {
			require.True(t, syncengine.Position{Seq: items[i-1].Seq, Key: items[i-1].Key}.Before(syncengine.Position{Seq: it.Seq, Key: it.Key}))
		}
		out = append(out, label(it))
	}
	return out
}

// fillStream makes, in scope g1, everything that one seq can hold, between two quiet ones.
func fillStream(t testing.TB, s syncengine.Store) []string {
	t.Helper()
	move := func(tx syncengine.Tx, table string, n int, seq int64, scope, door string) {
		m := syncengine.Move{Table: table, ID: id(n), Seq: seq, Scope: scope, Door: door, Author: "acc-1"}
		require.NoError(t, tx.PutMove(m))
	}
	update(t, s, func(tx syncengine.Tx) {
		for _, r := range []*syncengine.Row{
			row("place_x", 1, "g1", 5, vals{"note": schema.Text("x")}), person(11, "g1", 5, "b"), place(2, "g1", 5, "s", 1),
			person(10, "g1", 5, "a"), place(1, "g1", 4, "s", 2), person(12, "g1", 6, "c"), person(13, "g2", 5, "d"),
			row("event", 1, "g1", 5, nil),
		} {
			require.NoError(t, tx.PutRow(r))
		}
		require.NoError(t, tx.Kill(dead(place(9, "g1", 1, "s", 1), 5)))
		require.NoError(t, tx.Kill(dead(person(1, "g1", 1, "s"), 5)))
		require.NoError(t, tx.Kill(dead(person(2, "g2", 1, "s"), 5)))
		require.NoError(t, tx.Kill(&syncengine.Dead{Table: "person", ID: id(3), Seq: 5, Epoch: 1})) // of no scope
		move(tx, "place", 30, 5, "g1", "")
		move(tx, "person", 31, 5, "g1", "d2")
		move(tx, "person", 31, 5, "g1", "d1") // it left two doors of the scope at once
		move(tx, "person", 31, 5, "g2", "d1")
		move(tx, "person", 30, 6, "g1", "")
	})
	return []string{
		"4 row place 01",
		"5 move person 31 d1", "5 move person 31 d2", "5 move place 30 ",
		"5 dead person 01", "5 dead place 09",
		"5 row event 01", "5 row person 10", "5 row person 11", "5 row place 02", "5 row place_x 01",
		"6 move person 30 ", "6 row person 12",
	}
}

func testChangedOrder(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	want := fillStream(t, o.Store)
	check := func(tx syncengine.ReadTx) {
		require.Equal(t, want, changed(t, tx, "g1", syncengine.Position{}, 100))
		require.Equal(t, want[:1], changed(t, tx, "g1", syncengine.Position{}, 1))
		require.Equal(t, want[1:], changed(t, tx, "g1", syncengine.Position{Seq: 4}, 100))
		require.Equal(t, want[11:], changed(t, tx, "g1", syncengine.Position{Seq: 5}, 100))
		require.Empty(t, changed(t, tx, "g1", syncengine.Position{Seq: 6}, 100))
		require.Empty(t, changed(t, tx, "g1", syncengine.Position{}, 0))
		require.Empty(t, changed(t, tx, "g3", syncengine.Position{}, 100))
		require.Equal(t, []string{"5 move person 31 d1", "5 dead person 02", "5 row person 13"}, changed(t, tx, "g2", syncengine.Position{}, 100))
	}
	view(t, o.Store, check)
	update(t, o.Store, func(tx syncengine.Tx) { check(tx) })
}

// testChangedPages reads the stream in pages of every size, from every position, and from positions between items.
func testChangedPages(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	want := fillStream(t, o.Store)
	view(t, o.Store, func(tx syncengine.ReadTx) {
		for size := 1; size <= len(want); size++ {
			var got []string
			for at := (syncengine.Position{}); ; {
				items, err := tx.Changed("g1", at, size)
				require.NoError(t, err)
				if len(items) == 0 {
					break
				}
				require.LessOrEqual(t, len(items), size)
				require.LessOrEqual(t, len(got)+len(items), len(want), "a page repeats what was read")
				for _, it := range items {
					got = append(got, label(it))
					at = syncengine.Position{Seq: it.Seq, Key: it.Key}
				}
			}
			require.Equal(t, want, got, "pages of %d", size)
		}
		for key, left := range map[string][]string{ // positions that no item has
			"!": want[1:], "0/": want[1:], "0/person/": want[1:], "0/person/~": want[3:], "0/place": want[3:], "0/place/~": want[4:],
			"1/": want[4:], "1/person/~": want[5:], "1/z": want[6:], "2/": want[6:], "2/person": want[7:], "2/person/": want[7:],
			string("2/person/" + id(10) + "/x"): want[8:], "2/place": want[9:], "2/place0": want[10:], "2/place_x/": want[10:], "3": want[11:],
		} {
			require.Equal(t, left, changed(t, tx, "g1", syncengine.Position{Seq: 5, Key: key}, 100), "after %q", key)
		}
	})
}

func testChangedFollows(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	stream := func(tx syncengine.ReadTx, scope string) []string {
		return changed(t, tx, scope, syncengine.Position{}, 9)
	}
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutRow(person(1, "g1", 1, "n")))
		require.NoError(t, tx.PutRow(person(1, "g1", 2, "n"))) // sent once however often it changed
		require.Equal(t, []string{"2 row person 01"}, stream(tx, "g1"))
		require.NoError(t, tx.PutRow(person(1, "g2", 3, "n")))
		require.Empty(t, stream(tx, "g1"))
		require.Equal(t, []string{"3 row person 01"}, stream(tx, "g2"))
	})
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.Kill(dead(person(1, "g2", 3, "n"), 4)))
		require.Equal(t, []string{"4 dead person 01"}, stream(tx, "g2"))
		require.NoError(t, tx.Kill(dead(person(1, "g1", 3, "n"), 5)))
		require.Empty(t, stream(tx, "g2"))
		require.Equal(t, []string{"5 dead person 01"}, stream(tx, "g1"))
		require.NoError(t, tx.Revive("person", id(1)))
		require.Empty(t, stream(tx, "g1"))
	})
	view(t, o.Store, func(tx syncengine.ReadTx) { require.Empty(t, stream(tx, "g1")) })
}

func testMoves(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	mv := func(n int, seq int64, scope, door string) syncengine.Move {
		return syncengine.Move{Table: "person", ID: id(n), Seq: seq, Scope: scope, Door: door, Author: "acc-1"}
	}
	update(t, o.Store, func(tx syncengine.Tx) {
		for _, m := range []syncengine.Move{mv(1, 9, "g1", ""), mv(1, 4, "g2", "d1"), mv(2, 5, "g1", ""), mv(1, 4, "g1", "d2"), mv(1, 4, "g1", "d1")} {
			require.NoError(t, tx.PutMove(m))
		}
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		for after, want := range map[int64][]syncengine.Move{
			0: {mv(1, 4, "g1", "d1"), mv(1, 4, "g1", "d2"), mv(1, 4, "g2", "d1"), mv(1, 9, "g1", "")}, 4: {mv(1, 9, "g1", "")}, 9: nil,
		} {
			got, err := tx.Moves("person", id(1), after)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		got, err := tx.Moves("place", id(1), 0)
		require.NoError(t, err)
		require.Empty(t, got)
	})
}
