package store

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// A device is written once, with the commit, however often it is put: what lists devices before sees it all the same, and
// an undone savepoint takes back what it put, also where a list wrote it meanwhile.
func TestDevicesAreWrittenOnce(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "c.db"))
	no := errors.New("no")
	ns := func(list []syncengine.Device) map[string]int64 {
		out := map[string]int64{}
		for _, d := range list {
			out[d.ID] = d.LastN
		}
		return out
	}
	require.NoError(t, s.Update(func(x syncengine.Tx) error {
		require.NoError(t, x.PutDevice(&syncengine.Device{ID: "a", LastN: 1}))
		require.NoError(t, x.PutDevice(&syncengine.Device{ID: "a", LastN: 2}))
		require.ErrorIs(t, x.Savepoint(func() error {
			require.NoError(t, x.PutDevice(&syncengine.Device{ID: "a", LastN: 3}))
			require.NoError(t, x.PutDevice(&syncengine.Device{ID: "b", LastN: 1, Parent: "a"}))
			list, err := x.Devices("", 9)
			require.NoError(t, err)
			require.Equal(t, map[string]int64{"a": 3, "b": 1}, ns(list))
			return no
		}), no)
		list, err := x.Devices("", 9)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"a": 2}, ns(list))
		require.NoError(t, x.PutDevice(&syncengine.Device{ID: "c", LastN: 5, Parent: "a"}))
		list, err = x.Copies("a")
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"c": 5}, ns(list))
		d, err := x.Device("a")
		require.NoError(t, err)
		d.LastN = 99 // the caller's
		return nil
	}))
	require.NoError(t, s.View(func(x syncengine.ReadTx) error {
		list, err := x.Devices("", 9)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"a": 2, "c": 5}, ns(list))
		return nil
	}))
}
