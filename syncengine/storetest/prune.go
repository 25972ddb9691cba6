package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// testPrune: portions, oldest first; what is not asked for stays; a stripped id stays dead, in its scope's stream.
func testPrune(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	update(t, o.Store, func(tx syncengine.Tx) {
		for _, m := range []syncengine.Move{
			{Table: "person", ID: id(1), Seq: 4, Scope: "g1", Door: "d1"}, {Table: "person", ID: id(1), Seq: 4, Scope: "g1", Door: "d2"},
			{Table: "person", ID: id(2), Seq: 3, Scope: "g1"}, {Table: "place", ID: id(3), Seq: 6, Scope: "g1"},
		} {
			require.NoError(t, tx.PutMove(m))
		}
		for n := 5; n < 9; n++ {
			require.NoError(t, tx.Kill(dead(person(n, "g1", 1, "s"), int64(n))))
		}
		for _, d := range []string{"a", "b", "c"} {
			require.NoError(t, tx.PutDevice(&syncengine.Device{ID: d, Cursor: 7, Heard: 8, Taken: 9}))
			for n := int64(1); n <= 4; n++ {
				require.NoError(t, tx.PutMessage(syncengine.Message{Device: d, Number: n, Kind: syncengine.MessageEnded}))
			}
		}
		require.NoError(t, tx.PutHead(syncengine.Head{Epoch: 1, Seq: 9, Floor: 6}))
	})
	old := func(tx syncengine.ReadTx, upTo int64, after syncengine.DeadAt, limit int) (seqs []int64) {
		list, err := tx.OldDead(upTo, after, limit)
		require.NoError(t, err)
		for _, d := range list {
			require.Equal(t, "person", d.Table)
			require.Equal(t, id(int(d.Seq)), d.ID)
			seqs = append(seqs, d.Seq)
		}
		return seqs
	}
	update(t, o.Store, func(tx syncengine.Tx) {
		require.Equal(t, []int64{5, 6}, old(tx, 7, syncengine.DeadAt{}, 2))
		require.Equal(t, []int64{7}, old(tx, 7, syncengine.DeadAt{Seq: 6, Table: "person", ID: id(6)}, 9))
		require.NoError(t, tx.StripDead("person", id(6)))
		require.NoError(t, tx.StripDead("person", id(6)))
		require.NoError(t, tx.StripDead("person", id(99)), "one that is not there")
		require.Equal(t, []int64{5, 7, 8}, old(tx, 99, syncengine.DeadAt{}, 9))
		n, err := tx.PruneMoves(4, 2)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		n, err = tx.PruneMoves(4, 0)
		require.NoError(t, err)
		require.Zero(t, n)
		n, err = tx.PruneInbox("b", 3, 2)
		require.NoError(t, err)
		require.Equal(t, 2, n)
	})
	check := func(tx syncengine.ReadTx) {
		require.Equal(t, []string{"4 move person 01 d2", "5 dead person 05", "6 move place 03 ", "6 dead person 06", "7 dead person 07", "8 dead person 08"},
			changed(t, tx, "g1", syncengine.Position{}, 99))
		d, err := tx.Dead("person", id(6))
		require.NoError(t, err)
		want := dead(person(6, "g1", 1, "s"), 6)
		want.Strip()
		require.True(t, d.Bare())
		require.Equal(t, want.Row.Scope, d.Row.Scope)
		require.Equal(t, want.By.Device, d.By.Device)
		require.Len(t, d.Row.Cells, len(want.Row.Cells))
		moves, err := tx.Moves("person", id(1), 0)
		require.NoError(t, err)
		require.Len(t, moves, 1)
		// What was taken from the streams is known still, for those who read history.
		places, from, err := tx.Places("person", id(1))
		require.NoError(t, err)
		require.Zero(t, from)
		require.Equal(t, []syncengine.Move{{Table: "person", ID: id(1), Seq: 4, Scope: "g1", Door: "d1"}, {Table: "person", ID: id(1), Seq: 4, Scope: "g1", Door: "d2"}}, places)
		places, _, err = tx.Places("person", id(2))
		require.NoError(t, err)
		require.Equal(t, []syncengine.Move{{Table: "person", ID: id(2), Seq: 3, Scope: "g1"}}, places)
		places, _, err = tx.Places("place", id(1))
		require.NoError(t, err)
		require.Empty(t, places)
		for device, left := range map[string]int{"a": 4, "b": 2, "c": 4} {
			list, err := tx.Inbox(device, 0, 9)
			require.NoError(t, err)
			require.Len(t, list, left, device)
		}
		copies, err := tx.Copies("a")
		require.NoError(t, err)
		require.Empty(t, copies)
		copies, err = tx.Copies("")
		require.NoError(t, err)
		require.Empty(t, copies)
		devices, err := tx.Devices("a", 1)
		require.NoError(t, err)
		require.Equal(t, []syncengine.Device{{ID: "b", Cursor: 7, Heard: 8, Taken: 9}}, devices)
		head, err := tx.Head()
		require.NoError(t, err)
		require.Equal(t, int64(6), head.Floor)
	}
	view(t, o.Store, check)
	require.Error(t, o.Store.Update(func(tx syncengine.Tx) error { // undone with the transaction
		for _, err := range []error{tx.StripDead("person", id(7))} {
			require.NoError(t, err)
		}
		_, err := tx.PruneMoves(99, 99)
		require.NoError(t, err)
		_, err = tx.PruneInbox("a", 99, 99)
		require.NoError(t, err)
		return errOurs
	}))
	view(t, o.Store, check)
	update(t, o.Store, func(tx syncengine.Tx) {
		for _, id := range []string{"c2", "c1"} {
			require.NoError(t, tx.PutDevice(&syncengine.Device{ID: id, Parent: "a", Fork: 4}))
		}
		copies, err := tx.Copies("a")
		require.NoError(t, err)
		require.Equal(t, []syncengine.Device{{ID: "c1", Parent: "a", Fork: 4}, {ID: "c2", Parent: "a", Fork: 4}}, copies)
	})
	update(t, o.Store, func(tx syncengine.Tx) { // a row that lives and dies again has content again
		require.NoError(t, tx.Revive("person", id(6)))
		require.NoError(t, tx.PutRow(person(6, "g1", 10, "s")))
		require.NoError(t, tx.Kill(dead(person(6, "g1", 10, "s"), 11)))
		require.Equal(t, []int64{5, 7, 8}, old(tx, 10, syncengine.DeadAt{}, 9))
		list, err := tx.OldDead(11, syncengine.DeadAt{Seq: 8, Table: "person", ID: id(8)}, 9)
		require.NoError(t, err)
		require.Equal(t, []syncengine.DeadAt{{Seq: 11, Table: "person", ID: id(6)}}, list)
	})
}
