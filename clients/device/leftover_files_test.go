package device_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
)

// A Rekey that was cut off after the copy leaves a second whole replica: there is no receipt while it lies there.
func TestPurgeTakesWhatARekeyLeft(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	canaries(t, a, 1)
	synced(t, a, c)
	old, err := os.ReadFile(a.Path())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(a.Path()+device.Rekeyed, old, 0o600))
	require.NoError(t, os.WriteFile(a.Path()+".rekeying", old, 0o600))
	c.move(deviceA)
	synced(t, a, c)
	require.NotZero(t, told(t, c, deviceA).Lost[0].Purged)
	require.NoFileExists(t, a.Path()+device.Rekeyed)
	require.NoFileExists(t, a.Path()+".rekeying")
}

// An open conflict that somebody else's changeset opened, told by the inbox alone, keeps one's own value, too.
func TestJournalKeepsWhatAConflictOfOthersIsAbout(t *testing.T) {
	const day = int64(24 * 3600 * 1000)
	c, a, b := pair(t)
	a, w := worn(t, a)
	synced(t, a, c)
	id := household(t, a)
	dispute := insert(t, a, "dispute", map[string]any{"kind_code": "neighbour", "facts": "x"})
	kind := func(r *device.Replica, code string) {
		write(t, r, func(tx *device.Tx) error { return tx.Set("dispute", dispute, map[string]any{"kind_code": code}) })
	}
	synced(t, a, c)
	synced(t, b, c)
	kind(b, "noise")
	kind(a, "property")
	synced(t, a, c) // a first: its verdict names no conflict
	synced(t, b, c)
	synced(t, a, c) // the inbox tells
	for i := range 1010 {
		write(t, a, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": fmt.Sprint(i)}) })
	}
	synced(t, a, c)
	wrote := func() []schema.Value {
		open, err := a.Conflicts(bg)
		require.NoError(t, err)
		require.Len(t, open, 1)
		list, err := a.Wrote(bg, open[0].Key)
		require.NoError(t, err)
		return list
	}
	require.Equal(t, []schema.Value{schema.Text("property")}, wrote())
	w.now.Wall, w.now.Mono = w.now.Wall+91*day, w.now.Mono+91*day
	synced(t, a, c)
	w.now.Wall, w.now.Mono = w.now.Wall+2*day, w.now.Mono+2*day
	synced(t, a, c)
	require.Equal(t, []schema.Value{schema.Text("property")}, wrote(), "the conflict is open still")
}
