package device_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// What changesets said goes when they are old and nothing of them is undecided: not the newest, whatever the clock says,
// not one in an open conflict, not a refused one that nobody has dealt with. Their stubs stay, and the chain.
func TestJournalForgetsWhatIsOldAndSettled(t *testing.T) {
	const day = int64(24 * time.Hour / time.Millisecond)
	c, a, b := pair(t)
	a, w := worn(t, a)
	synced(t, a, c)
	id := household(t, a)                                                                      // 1
	dispute := insert(t, a, "dispute", map[string]any{"kind_code": "neighbour", "facts": "x"}) // 2
	kind := func(r *device.Replica, code string) {
		write(t, r, func(tx *device.Tx) error { return tx.Set("dispute", dispute, map[string]any{"kind_code": code}) })
	}
	synced(t, a, c)
	synced(t, b, c)
	kind(b, "noise")
	kind(a, "property") // 3: at once with b's
	synced(t, b, c)
	synced(t, a, c)
	for range 2 { // 4 and 5: refused
		shell(t, a, `UPDATE household SET phone = 'no phone at all';`)
		synced(t, a, c)
	}
	require.NoError(t, a.Handled(bg, 5))
	for i := range 1010 {
		write(t, a, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": fmt.Sprint(i)}) })
	}
	synced(t, a, c)
	bodies := func() (out string) {
		return shell(t, a, `SELECT (SELECT group_concat(n) FROM ds_journal WHERE n < 30 AND length(body) > 0) || ' / ' ||
			(SELECT coalesce(group_concat(n), '') FROM ds_quarantine WHERE length(body) > 0) || ' / ' || (SELECT count(*) FROM ds_journal) ||
			' / ' || (SELECT count(*) FROM ds_journal WHERE filed > 0);`)
	}
	all := "1,2,3,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29 / 4,5 / 1015 / 1015"
	require.Equal(t, all, bodies())
	w.now.Wall, w.now.Mono = w.now.Wall+89*day, w.now.Mono+89*day
	synced(t, a, c)
	require.Equal(t, all, bodies())
	w.now.Wall, w.now.Mono = w.now.Wall+3650*day, w.now.Mono+2*day // a clock that is years off takes no more than that
	synced(t, a, c)
	require.Equal(t, "3,16,17,18,19,20,21,22,23,24,25,26,27,28,29 / 4 / 1015 / 1015", bodies())

	open, err := a.Conflicts(bg)
	require.NoError(t, err)
	require.Len(t, open, 1)
	wrote, err := a.Wrote(bg, open[0].Key)
	require.NoError(t, err)
	require.Equal(t, []schema.Value{schema.Text("property")}, wrote)
	list, err := a.Rejected(bg, true)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Empty(t, list[0].Changeset.Changes, "5: dealt with")
	require.NotEmpty(t, list[1].Changeset.Changes)

	// The conflict ends: b writes the cell anew, having seen both.
	synced(t, b, c)
	kind(b, "marriage")
	synced(t, b, c)
	w.now.Wall, w.now.Mono = w.now.Wall+day, w.now.Mono+day
	synced(t, a, c)
	w.now.Wall, w.now.Mono = w.now.Wall+day, w.now.Mono+day
	synced(t, a, c)
	require.Equal(t, "16,17,18,19,20,21,22,23,24,25,26,27,28,29 / 4 / 1015 / 1015", bodies())

	// What is left is enough to put a damaged replica together.
	phone(t, a, id, "13900000004") // unsent
	shell(t, a, `PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = 'ds_state';`)
	require.NoError(t, a.Close())
	done, err := device.Recover(a.Path(), device.Options{Clock: w})
	require.NoError(t, err)
	require.Equal(t, []int{1, 1015, 0, 0}, []int{done.Unsent, done.Filed, len(done.Lost), len(done.Unsure)})
	a, err = device.Open(a.Path(), device.Options{Clock: w})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	require.Equal(t, 1, synced(t, a, c).Kinds[se.Accepted])
	require.Equal(t, "13900000004", shown(t, a, id, "phone"))
	require.Equal(t, "1016", shell(t, a, `SELECT count(*) FROM ds_journal WHERE filed > 0;`))
}

// Of verdicts that an earlier version filed nobody knows when: their time begins with the upgrade.
func TestJournalOfAnEarlierVersion(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := household(t, a)
	for i := range 1002 {
		write(t, a, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": fmt.Sprint(i)}) })
	}
	synced(t, a, c)
	shell(t, a, `ALTER TABLE ds_journal DROP COLUMN filed; UPDATE ds_state SET pruned = 0; UPDATE ds_format SET tables = 'older';`)
	require.NoError(t, a.Close())
	a, err := device.Open(a.Path(), device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer a.Close()
	synced(t, a, c)
	require.Equal(t, "1003 / 1003", shell(t, a, `SELECT (SELECT count(*) FROM ds_journal WHERE filed > 0) || ' / ' || (SELECT count(*) FROM ds_journal WHERE length(body) > 0);`))
}
