package device_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func dwelling(t testing.TB, r *device.Replica) se.RowID {
	t.Helper()
	return insert(t, r, "household", map[string]any{"dwelling_id": "00000000-0000-7000-8000-0000000000d1", "phone": "13812345678"})
}

func TestWriteSealsOneChangeset(t *testing.T) {
	r := create(t)
	var id se.RowID
	receipt, err := r.Write(bg, func(tx *device.Tx) (err error) {
		id, err = tx.Insert("household", map[string]any{"dwelling_id": "00000000-0000-7000-8000-0000000000d1"})
		if err != nil {
			return err
		}
		return tx.Set("household", id, map[string]any{"phone": "13812345678"})
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, receipt.N)
	list := outbox(t, r)
	require.Len(t, list, 1)
	require.Len(t, list[0].Changes, 1)
	require.Equal(t, se.OpInsert, list[0].Changes[0].Op)
	require.Equal(t, deviceA, list[0].Device)
	require.Equal(t, account, list[0].Author)
	require.False(t, list[0].Foreign)

	row, err := r.Get(bg, "household", id)
	require.NoError(t, err)
	require.Equal(t, grid, row.Values["scope"].Str(), "the scope is filled in")
	require.Equal(t, schema.Text("13812345678"), row.Values["phone"])
	mark, err := r.Mark(bg, "household", id)
	require.NoError(t, err)
	require.Equal(t, device.MarkSaved, mark)
}

func TestWriteThatFailsLeavesNothing(t *testing.T) {
	r := create(t)
	boom := errors.New("boom")
	_, err := r.Write(bg, func(tx *device.Tx) error {
		_, err := tx.Insert("household", map[string]any{"dwelling_id": "00000000-0000-7000-8000-0000000000d1"})
		require.NoError(t, err)
		return boom
	})
	require.ErrorIs(t, err, boom)
	require.Empty(t, outbox(t, r))
	rows, err := r.List(bg, "household", nil, 0)
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestWriteThatEndsItsTransactionIsRefused(t *testing.T) {
	r := create(t)
	_, err := r.Write(bg, func(tx *device.Tx) error {
		_, err := tx.Exec("COMMIT")
		return err
	})
	require.ErrorContains(t, err, "ended inside Write")
	dwelling(t, r) // the replica goes on
	require.Len(t, outbox(t, r), 1)
}
