package storetest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Entries are found by the rows they name, newest first, in pages.
func testRowHistory(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	update(t, o.Store, func(tx syncengine.Tx) {
		for seq := int64(1); seq <= 5; seq++ {
			e := entry(1)
			e.Seq, e.Received = seq, 100*seq
			change := func(n int) syncengine.Change {
				return syncengine.Change{Table: "place", Row: id(n), Op: syncengine.OpDelete}
			}
			e.Changeset.Changes = []syncengine.Change{change(1), change(int(seq)), change(1)} // a row twice is one row
			require.NoError(t, tx.AppendHistory(*e))
		}
		e := entry(1)
		e.Seq, e.Changeset = 6, nil
		require.NoError(t, tx.AppendHistory(*e))
		require.Error(t, tx.Savepoint(func() error {
			e := entry(1)
			e.Seq, e.Changeset.Changes[0].Table, e.Changeset.Changes[0].Row = 7, "place", id(1)
			return errors.Join(tx.AppendHistory(*e), errors.New("undone"))
		}))
	})
	seqs := func(tx syncengine.ReadTx, table string, n int, before int64, limit int) (out []int64) {
		list, err := tx.RowHistory(table, id(n), before, limit)
		require.NoError(t, err)
		for _, e := range list {
			out = append(out, e.Seq)
			require.NotNil(t, e.Changeset)
		}
		return out
	}
	view(t, o.Store, func(tx syncengine.ReadTx) {
		require.Equal(t, []int64{5, 4, 3, 2, 1}, seqs(tx, "place", 1, 0, 99))
		require.Equal(t, []int64{3, 2}, seqs(tx, "place", 1, 4, 2))
		require.Equal(t, []int64{4}, seqs(tx, "place", 4, 0, 99))
		require.Empty(t, seqs(tx, "person", 4, 0, 99))
		require.Empty(t, seqs(tx, "place", 1, 1, 99))
		require.Empty(t, seqs(tx, "place", 1, 0, 0))
		at, err := tx.Received(3, 2)
		require.NoError(t, err)
		require.Equal(t, []syncengine.Reception{{Seq: 4, At: 400}, {Seq: 5, At: 500}}, at)
		at, err = tx.Received(6, 99)
		require.NoError(t, err)
		require.Empty(t, at)
	})
}

// Lines of the audit log are a chain without gaps, whoever wrote them and whatever was undone between.
func testAudit(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	event := func(who string) syncengine.AuditEvent {
		return syncengine.AuditEvent{I: 77, Hash: hash(9), Prev: hash(8), At: 5, Kind: "test", Who: who, Device: "dev-1", What: `{"a":"王"}`}
	}
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.AppendAudit(event("a")))
		require.NoError(t, tx.Savepoint(func() error { return tx.AppendAudit(event("b")) }))
		require.Error(t, tx.Savepoint(func() error { return errors.Join(tx.AppendAudit(event("x")), errors.New("undone")) }))
		require.NoError(t, tx.AppendAudit(event("c")))
	})
	require.Error(t, o.Store.Update(func(tx syncengine.Tx) error {
		return errors.Join(tx.AppendAudit(event("y")), errors.New("undone"))
	}))
	update(t, o.Store, func(tx syncengine.Tx) { require.NoError(t, tx.AppendAudit(event("d"))) })
	view(t, o.Store, func(tx syncengine.ReadTx) {
		list, err := tx.Audit(0, 99)
		require.NoError(t, err)
		var prev syncengine.Hash
		who := ""
		for i, e := range list {
			require.Equal(t, int64(i+1), e.I)
			require.Equal(t, prev, e.Prev)
			require.Equal(t, e.Chain(), e.Hash)
			prev, who = e.Hash, who+e.Who
		}
		require.Equal(t, "abcd", who)
		last, err := tx.LastAudit()
		require.NoError(t, err)
		require.Equal(t, &list[3], last)
		page, err := tx.Audit(1, 2)
		require.NoError(t, err)
		require.Equal(t, list[1:3], page)
		none, err := tx.Audit(4, 9)
		require.NoError(t, err)
		require.Empty(t, none)
	})
}
