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

func checked(t testing.TB, r *device.Replica, c device.Remote) se.CheckReport {
	t.Helper()
	ctx, cancel := timeout()
	defer cancel()
	report, err := r.Check(ctx, c, true)
	require.NoError(t, err)
	return report
}

// behind edits a replica as nobody should: with the flag set that keeps the triggers quiet.
func behind(t testing.TB, r *device.Replica, sql string) {
	t.Helper()
	shell(t, r, `BEGIN; UPDATE ds_control SET applying = 1; `+sql+` UPDATE ds_control SET applying = 0; COMMIT;`)
}

func phoneOf(t testing.TB, r *device.Replica, id se.RowID) string {
	t.Helper()
	row, err := r.Get(bg, "household", id)
	require.NoError(t, err)
	return row.Values["phone"].Str()
}

func TestHandEditWithTriggersOffIsRepaired(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	var ids []se.RowID
	for range 30 {
		ids = append(ids, household(t, a))
	}
	synced(t, a, c)
	synced(t, b, c)
	require.Equal(t, se.CheckReport{Scopes: 1}, checked(t, b, c), "nothing differs")

	behind(t, b, fmt.Sprintf(`UPDATE household SET phone = '13900000000' WHERE id = '%s';
		DELETE FROM household WHERE id = '%s';
		INSERT INTO household(id, scope, phone) VALUES('00000000-0000-7000-8000-0000000000ff', '%s', '1');
		INSERT INTO household(id, scope, phone) VALUES('00000000-0000-7000-8000-0000000000fe', 'nowhere', '2');
		INSERT INTO household(id, phone) VALUES('00000000-0000-7000-8000-0000000000fd', '3');
		UPDATE household SET created_by = 'somebody else' WHERE id = '%s';`, ids[0], ids[1], grid, ids[2]))
	before, err := b.Status(bg)
	require.NoError(t, err)
	require.False(t, before.Unsealed, "the triggers said nothing")
	require.Equal(t, se.CheckReport{Scopes: 3, Repaired: 6}, checked(t, b, c))
	require.Equal(t, "13812345678", phoneOf(t, b, ids[0]))
	require.Equal(t, "13812345678", phoneOf(t, b, ids[1]))
	require.Equal(t, held(t, a), held(t, b), "row for row")
	require.Equal(t, se.CheckReport{Scopes: 1}, checked(t, b, c))

	// What was replaced is kept, and said.
	st, err := b.Status(bg)
	require.NoError(t, err)
	require.Equal(t, 6, st.Repaired)
	require.Zero(t, st.Outbox)
	require.Equal(t, before.Cursor, st.Cursor)
	list, err := b.Repairs(bg, 100)
	require.NoError(t, err)
	require.Len(t, list, 6)
	was := map[se.RowID]device.Repaired{}
	for _, x := range list {
		was[x.ID] = x
	}
	require.Equal(t, schema.Text("13900000000"), was[ids[0]].Old["phone"])
	require.Equal(t, schema.Text("13812345678"), was[ids[0]].New["phone"])
	require.Nil(t, was[ids[1]].Old)
	require.Nil(t, was["00000000-0000-7000-8000-0000000000fd"].New)
	require.Equal(t, schema.Text("3"), was["00000000-0000-7000-8000-0000000000fd"].Old["phone"])
	require.Equal(t, []se.CheckReport{{Scopes: 1}, {Scopes: 3, Repaired: 6}, {Scopes: 1}}, c.told(t), "the centre heard")
}

// held are all rows of a replica, as text.
func held(t testing.TB, r *device.Replica) []string {
	t.Helper()
	var out []string
	for _, table := range r.Schema().Tables {
		rows, err := r.List(bg, table.Name, nil, 0)
		require.NoError(t, err)
		for _, row := range rows {
			out = append(out, fmt.Sprint(table.Name, row.ID, row.Values))
		}
	}
	return out
}

func TestRepairLeavesPendingWork(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id, other := household(t, a), household(t, a)
	synced(t, a, c)
	synced(t, b, c)
	_, err := b.Write(bg, func(tx *device.Tx) error {
		return tx.Set("household", id, map[string]any{"phone": "13911111111"})
	})
	require.NoError(t, err)
	// What shows beside the edit rots, and a row without one.
	behind(t, b, fmt.Sprintf(`UPDATE household SET notes = 'rot' WHERE id IN ('%s', '%s');`, id, other))
	outbox, err := b.Session().Outbox(0, 10)
	require.NoError(t, err)
	require.Len(t, outbox, 1)

	l := b.Session()
	_, local, err := l.Scopes()
	require.NoError(t, err)
	require.Equal(t, 1, local, "what shows beside a pending edit is mended by the replica itself")
	check, err := l.Digest(grid)
	require.NoError(t, err)
	var list []se.Repair
	require.NoError(t, c.store.View(func(tx se.ReadTx) (err error) {
		list, err = c.engine.Check(tx, nil, se.CheckRequest{Device: deviceB, Check: check, Now: c.tick(), Budget: 1 << 20})
		return err
	}))
	require.Len(t, list, 1)
	n, current, err := l.Repair(check, list[0].Items, list[0].Covered)
	require.NoError(t, err)
	require.True(t, current)
	require.Equal(t, 1, n, "the row without an edit")

	require.Equal(t, "13911111111", phoneOf(t, b, id), "the edit shows")
	row, err := b.Get(bg, "household", id)
	require.NoError(t, err)
	require.True(t, row.Values["notes"].IsNull())
	again, err := b.Session().Outbox(0, 10)
	require.NoError(t, err)
	require.Equal(t, outbox, again)

	// An answer to a check at a cursor that is past is of no use any more, and does nothing.
	old, err := l.Digest(grid)
	require.NoError(t, err)
	household(t, a)
	synced(t, a, c)
	synced(t, b, c)
	n, current, err = l.Repair(old, nil, []se.Covered{{Table: "household", Buckets: 1, Index: []int{0}}})
	require.NoError(t, err)
	require.False(t, current)
	require.Zero(t, n)
	synced(t, b, c)
	require.Equal(t, se.CheckReport{Scopes: 1}, checked(t, b, c))
	synced(t, a, c)
	require.Equal(t, "13911111111", phoneOf(t, a, id), "and it arrives")
}

func TestManyRepairsRaiseAlarm(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	rot := func(i int) {
		behind(t, a, fmt.Sprintf(`UPDATE household SET notes = 'rot %d' WHERE id = '%s';`, i, id))
	}
	ctx, cancel := timeout()
	defer cancel()
	for i := range 3 {
		rot(i)
		report, err := a.Check(ctx, c, false)
		require.NoError(t, err)
		require.Equal(t, se.CheckReport{Scopes: 1, Repaired: 1}, report)
	}
	rot(9)
	report, err := a.Check(ctx, c, false)
	require.NoError(t, err)
	require.Equal(t, se.CheckReport{Scopes: 1, Repaired: 1, Stopped: true}, report, "the fourth within an hour")
	require.True(t, c.told(t)[len(c.told(t))-1].Stopped, "the centre hears of it")
	_, err = a.Check(ctx, c, false)
	require.Equal(t, device.CodeRepairs, device.CodeOf(err))
	st, err := a.Status(bg)
	require.NoError(t, err)
	require.True(t, st.Checks[0].Stopped)
	dials := c.dials
	synced(t, a, c)
	require.Equal(t, dials+1, c.dials, "syncing goes on")
	require.Equal(t, se.CheckReport{Scopes: 1}, checked(t, a, c), "and a person may insist")
}

// A replica is checked by itself once a day, after a sync, and not before.
func TestCheckedOnceADay(t *testing.T) {
	clock := &hand{}
	c, r := worker(t, device.Options{Clock: clock})
	synced(t, r, c)
	require.Empty(t, c.told(t), "everything has just come from the centre")
	id := household(t, r)
	synced(t, r, c)
	behind(t, r, fmt.Sprintf(`UPDATE household SET notes = 'rot' WHERE id = '%s';`, id))
	clock.ms.Add(25 * time.Hour.Milliseconds())
	synced(t, r, c)
	require.Equal(t, []se.CheckReport{{Scopes: 1, Repaired: 1}}, c.told(t))
	synced(t, r, c)
	require.Len(t, c.told(t), 1)
}

// What a repair set aside is somebody's, and goes with the scope that it was in; what is still his stays.
func TestPurgeCoversWhatRepairsReplaced(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	behind(t, a, fmt.Sprintf(`UPDATE household SET notes = '%s by hand' WHERE id = '%s';`, canary, id))
	require.Equal(t, se.CheckReport{Scopes: 1, Repaired: 1}, checked(t, a, c))
	require.NotEmpty(t, found(t, a.Path(), canary), "what the repair replaced is kept")
	c.move(deviceA)
	synced(t, a, c)
	require.NotZero(t, told(t, c, deviceA).Lost[0].Purged)
	require.Empty(t, found(t, a.Path(), canary))
	list, err := a.Repairs(bg, 10)
	require.NoError(t, err)
	require.Empty(t, list)
}

// A replica that was made before there were checks gets their tables when it is opened, and can be checked.
func TestOlderReplicaIsChecked(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	path := a.Path()
	shell(t, a, `DROP TABLE ds_check; DROP TABLE ds_repaired; UPDATE ds_format SET tables = 'of an earlier version';`)
	require.NoError(t, a.Close())
	a, err := device.Open(path, device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer a.Close()
	require.Equal(t, "13812345678", phoneOf(t, a, id))
	behind(t, a, fmt.Sprintf(`UPDATE household SET notes = 'rot' WHERE id = '%s';`, id))
	require.Equal(t, se.CheckReport{Scopes: 1, Repaired: 1}, checked(t, a, c))
	list, err := a.Repairs(bg, 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
}
