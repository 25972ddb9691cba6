package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// testEpochs: beginnings of epochs are listed oldest first, and the hash of a history entry is read by its seq. A hole
// comes back as one.
func testEpochs(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	second := syncengine.Restore{Epoch: 5, Ended: 2, Last: 0, Head: 12, At: 7, Cause: syncengine.CauseProof}
	first := syncengine.Restore{Epoch: 2, Ended: 1, Last: 9, Head: 9, At: 5, Cause: syncengine.CauseCommand, Confirmed: 6, By: "acc-1"}
	hole := &syncengine.Quarantined{Device: "dev-1", N: 3, Changeset: &syncengine.Changeset{Device: "dev-1", N: 3, Prev: hash(2), Gone: hash(3)},
		Verdict: syncengine.Verdict{N: 3, Hash: hash(3), Kind: syncengine.Rejected, Epoch: 2, Reason: &syncengine.Reason{Code: syncengine.CodeGone}}}
	require.NoError(t, o.Store.Update(func(tx syncengine.Tx) error {
		require.NoError(t, tx.PutRestore(second))
		require.NoError(t, tx.PutRestore(first))
		require.NoError(t, tx.Savepoint(func() error { return tx.AppendHistory(*entry(4)) }))
		require.Error(t, tx.Savepoint(func() error {
			x := first
			x.By = "somebody else"
			require.NoError(t, tx.PutRestore(x))
			list, err := tx.Restores()
			require.NoError(t, err)
			require.Equal(t, "somebody else", list[0].By)
			return errOurs
		}))
		return tx.PutQuarantined(hole)
	}))
	s := o.Store
	if o.Reopen != nil {
		s = o.Reopen()
	}
	require.NoError(t, s.View(func(tx syncengine.ReadTx) error {
		list, err := tx.Restores()
		require.NoError(t, err)
		require.Equal(t, []syncengine.Restore{first, second}, list)
		h, ok, err := tx.HistoryHash(4)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, entry(4).Hash, h)
		_, ok, err = tx.HistoryHash(3)
		require.NoError(t, err)
		require.False(t, ok)
		q, err := tx.Quarantined("dev-1", 3)
		require.NoError(t, err)
		require.True(t, q.Changeset.Hole())
		require.Equal(t, hole, q)
		return nil
	}))
}
