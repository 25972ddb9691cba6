package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// testRepointed: in order, each once, of one retired row only; gone when it lives again or nothing of it is left. What a
// row was merged into stays known when it is stripped.
func testRepointed(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	rep := func(retired, row int, column string, seq int64) syncengine.Repointed {
		return syncengine.Repointed{Table: "place", Retired: id(retired), RefTable: "person", Row: id(row), Column: column, Seq: seq}
	}
	of := func(tx syncengine.ReadTx, n int) []syncengine.Repointed {
		list, err := tx.Repointed("place", id(n))
		require.NoError(t, err)
		return list
	}
	update(t, o.Store, func(tx syncengine.Tx) {
		for n := 1; n <= 2; n++ {
			d := dead(place(n, "g1", 1, "长街", int64(n)), 5)
			d.Into = id(4)
			require.NoError(t, tx.Kill(d))
		}
		for _, x := range []syncengine.Repointed{rep(1, 3, "place_id", 9), rep(1, 3, "place_id", 2), rep(2, 3, "place_id", 2), rep(1, 2, "place_id", 7), rep(1, 3, "friends", 7), rep(1, 3, "place_id", 9)} {
			require.NoError(t, tx.PutRepointed(x))
		}
		require.ErrorIs(t, tx.Savepoint(func() error {
			require.NoError(t, tx.PutRepointed(rep(1, 1, "place_id", 1)))
			require.NoError(t, tx.StripDead("place", id(2)))
			return errOurs
		}), errOurs)
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		require.Equal(t, []syncengine.Repointed{rep(1, 2, "place_id", 7), rep(1, 3, "friends", 7), rep(1, 3, "place_id", 2), rep(1, 3, "place_id", 9)}, of(tx, 1))
		require.Equal(t, []syncengine.Repointed{rep(2, 3, "place_id", 2)}, of(tx, 2))
		other, err := tx.Repointed("person", id(1))
		require.NoError(t, err)
		require.Empty(t, other)
	})
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.StripDead("place", id(1)))
		require.Empty(t, of(tx, 1))
		d, err := tx.Dead("place", id(1))
		require.NoError(t, err)
		require.Equal(t, id(4), d.Into)
		require.NoError(t, tx.Revive("place", id(2)))
		require.Empty(t, of(tx, 2))
		require.NoError(t, tx.Kill(dead(place(2, "g1", 1, "长街", 2), 6)))
		d, err = tx.Dead("place", id(2))
		require.NoError(t, err)
		require.Empty(t, d.Into, "deleted this time")
	})
}
