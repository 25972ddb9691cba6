package device_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

const deviceB = "00000000-0000-7000-8000-00000000000b"

func pair(t testing.TB) (*county, *device.Replica, *device.Replica) {
	t.Helper()
	c := newCounty(t)
	dir := t.TempDir()
	return c, c.device(t, filepath.Join(dir, "a.db"), deviceA), c.device(t, filepath.Join(dir, "b.db"), deviceB)
}

// worker is an enrolled replica in a county of its own, in step with it.
func worker(t testing.TB, opts device.Options) (*county, *device.Replica) {
	t.Helper()
	c := newCounty(t)
	r, err := device.Create(filepath.Join(t.TempDir(), "a.db"), opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	require.NoError(t, r.Identify(bg, device.Identity{Device: deviceA, Account: "acc-" + deviceA}))
	c.join(deviceA, "acc-"+deviceA, "grid_worker")
	synced(t, r, c)
	return c, r
}

func synced(t testing.TB, r *device.Replica, c device.Remote) device.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, 30*time.Second)
	defer cancel()
	report, err := r.Sync(ctx, c)
	require.NoError(t, err)
	return report
}

var rooms atomic.Int64 // each dwelling is another one

// household makes a dwelling and its household, and gives the household's id.
func household(t testing.TB, r *device.Replica) (id se.RowID) {
	t.Helper()
	_, err := r.Write(bg, func(tx *device.Tx) error {
		d, err := tx.Insert("dwelling", map[string]any{"building_id": building, "unit_no": "1", "room_no": fmt.Sprint(rooms.Add(1))})
		if err != nil {
			return err
		}
		id, err = tx.Insert("household", map[string]any{"dwelling_id": d, "phone": "13812345678"})
		return err
	})
	require.NoError(t, err)
	return id
}

func mark(t testing.TB, r *device.Replica, table string, id se.RowID) device.Mark {
	t.Helper()
	m, err := r.Mark(bg, table, id)
	require.NoError(t, err)
	return m
}

func TestSyncCarriesARowFromOneDeviceToAnother(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	require.Equal(t, device.MarkSaved, mark(t, a, "household", id))
	report := synced(t, a, c)
	require.Equal(t, 1, report.Sent)
	require.Equal(t, map[se.VerdictKind]int{se.Accepted: 1}, report.Kinds)
	require.Equal(t, device.MarkDone, mark(t, a, "household", id))

	report = synced(t, b, c)
	require.Equal(t, 3, report.Rows)
	row, err := b.Get(bg, "household", id)
	require.NoError(t, err)
	require.Equal(t, schema.Text("13812345678"), row.Values["phone"])
	require.Equal(t, schema.Text(grid), row.Values["scope"])

	_, err = b.Write(bg, func(tx *device.Tx) error {
		return tx.Set("household", id, map[string]any{"phone": "13900000000"})
	})
	require.NoError(t, err)
	synced(t, b, c)
	synced(t, a, c)
	row, err = a.Get(bg, "household", id)
	require.NoError(t, err)
	require.Equal(t, schema.Text("13900000000"), row.Values["phone"])
}

func TestCutsLoseNothing(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	for i := range 8 {
		household(t, a)
		n := 0
		c.cutting(func(session.Message) bool { n++; return n > i })
		_, err := a.Sync(bg, c)
		if err != nil {
			require.Equal(t, device.CodeOffline, device.CodeOf(err), "%v", err)
		}
	}
	c.cutting(nil)
	synced(t, a, c)
	synced(t, b, c)
	for _, r := range []*device.Replica{a, b} {
		rows, err := r.List(bg, "household", nil, 0)
		require.NoError(t, err)
		require.Len(t, rows, 8)
	}
	require.Empty(t, outbox(t, a))
}

func TestRefusedChangesetIsShownWithItsReason(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	shell(t, a, fmt.Sprintf(`UPDATE household SET phone = 'not a phone' WHERE id = '%s';`, id))
	report := synced(t, a, c)
	require.Equal(t, 1, report.Kinds[se.Rejected])
	require.Equal(t, device.MarkRefused, mark(t, a, "household", id))
	row, err := a.Get(bg, "household", id)
	require.NoError(t, err)
	require.Equal(t, schema.Text("13812345678"), row.Values["phone"], "the centre's value shows again")

	list, err := a.Rejected(bg, false)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, se.CodeBadValue, list[0].Reason.Code)
	require.Contains(t, list[0].In("zh-CN"), "“联系电话”不是有效的电话号码")
	require.Equal(t, schema.Text("not a phone"), list[0].Changeset.Changes[0].Cells[0].Values[0], "what was written is kept")
	status, err := a.Status(bg)
	require.NoError(t, err)
	require.Equal(t, 1, status.Refused)

	require.NoError(t, a.Handled(bg, list[0].N))
	require.Equal(t, device.MarkDone, mark(t, a, "household", id))
	list, err = a.Rejected(bg, false)
	require.NoError(t, err)
	require.Empty(t, list)
	list, err = a.Rejected(bg, true)
	require.NoError(t, err)
	require.Len(t, list, 1, "it stays in the file")
	require.Equal(t, device.CodeNoRow, device.CodeOf(a.Handled(bg, 1)))
}

func TestRunSendsWhatIsWrittenWhileItRuns(t *testing.T) {
	c, a, b := pair(t)
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	rounds := make(chan device.Report, 100)
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, c, device.Events{Synced: func(r device.Report) { rounds <- r }}) }()
	await.Value(t, rounds, "the first round")
	id := household(t, a)
	untilAccepted(t, rounds)
	synced(t, b, c)
	_, err := b.Get(bg, "household", id)
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, await.Value(t, done, "Run to end"), context.Canceled)
}

func TestConflictsAreTold(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	var dispute se.RowID
	_, err := a.Write(bg, func(tx *device.Tx) (err error) {
		dispute, err = tx.Insert("dispute", map[string]any{"kind_code": "neighbour", "facts": "x"})
		return err
	})
	require.NoError(t, err)
	synced(t, a, c)
	synced(t, b, c)
	require.Equal(t, device.MarkDone, mark(t, b, "household", id))
	for i, r := range []*device.Replica{a, b} {
		_, err := r.Write(bg, func(tx *device.Tx) error {
			return tx.Set("dispute", dispute, map[string]any{"facts": fmt.Sprint("told to ", i)})
		})
		require.NoError(t, err)
	}
	synced(t, a, c)
	report := synced(t, b, c)
	require.Equal(t, 1, report.Kinds[se.Conflicts])
	synced(t, a, c)
	for _, r := range []*device.Replica{a, b} {
		list, err := r.Conflicts(bg)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.True(t, list[0].Open)
		require.Equal(t, se.ConflictKey{Kind: se.ConflictCell, Table: "dispute", Row: dispute, Cell: "facts"}, list[0].Key)
		s, err := r.Status(bg)
		require.NoError(t, err)
		require.Equal(t, 1, s.Open)
		require.Zero(t, s.Outbox)
		require.Positive(t, s.LastSync)
	}
}
