package device_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Bugs that other systems shipped, replayed over real replicas and the real engine. The numbers are those of
// docs/reliability.md, which names the source of each.

// adrift is a device's clock that is off by some milliseconds, and may be set anew.
type adrift struct {
	hand
	off int64
}

func (a *adrift) Read() replica.Clock {
	c := a.hand.Read()
	c.Wall += a.off
	return c
}

// off makes a device of the county whose clock is wrong.
func (c *county) off(t *testing.T, name, id string, ms int64) (*device.Replica, *adrift) {
	t.Helper()
	clock := &adrift{off: ms}
	r, err := device.Create(filepath.Join(t.TempDir(), name+".db"), device.Options{Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	require.NoError(t, r.Identify(bg, device.Identity{Device: id, Account: "acc-" + id}))
	c.join(id, "acc-"+id, "grid_worker")
	return r, clock
}

const deviceC = "00000000-0000-7000-8000-00000000000c"

func phone(t *testing.T, r *device.Replica, id se.RowID, number string) {
	t.Helper()
	write(t, r, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"phone": number}) })
}

func shown(t *testing.T, r *device.Replica, id se.RowID, column string) string {
	t.Helper()
	return field(t, r, id, column).Str()
}

func absent(t *testing.T, r *device.Replica, table string, id se.RowID) bool {
	t.Helper()
	_, err := r.Get(bg, table, id)
	return device.CodeOf(err) == device.CodeNoRow
}

// O1: the cursor is moved by what is applied, never by what is queued: a process that dies between the two fetches the
// rest again.
func TestCaseO01CursorFollowsApply(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	household(t, a)
	synced(t, a, c)
	synced(t, b, c)
	before := shell(t, b, "SELECT cursor FROM ds_control;")
	for range 3 { // more than is sent before a device must have said what it has seen
		write(t, a, func(tx *device.Tx) error {
			for range 500 {
				if _, err := tx.Insert("dispute", map[string]any{"kind_code": "neighbour", "facts": long}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	synced(t, a, c)
	frames := 0
	c.cutting(func(m session.Message) bool { // the first frame is staged, then the process is gone
		if _, ok := m.(*session.Seen); ok {
			frames++
		}
		return frames > 0
	})
	_, err := b.Sync(bg, c)
	require.Equal(t, device.CodeOffline, device.CodeOf(err))
	require.Equal(t, before, shell(t, b, "SELECT cursor FROM ds_control;"), "staged is not applied")
	require.NoError(t, b.Close())
	b, err = device.Open(b.Path(), device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer b.Close()
	c.cutting(nil)
	synced(t, b, c)
	require.Equal(t, dump(t, a), dump(t, b))
}

// O4: a row that its author deletes and makes again with the same id is on every other device.
func TestCaseO04DeletedAndMadeAgain(t *testing.T) {
	c, a, b := pair(t)
	boss := c.device(t, filepath.Join(t.TempDir(), "boss.db"), deviceC)
	c.join(deviceC, "acc-"+deviceC, "supervisor")
	synced(t, boss, c)
	id := household(t, boss)
	synced(t, boss, c)
	synced(t, b, c)
	row, err := boss.Get(bg, "household", id)
	require.NoError(t, err)
	shell(t, boss, fmt.Sprintf("DELETE FROM household WHERE id = '%s';", id))
	synced(t, boss, c)
	synced(t, b, c)
	require.True(t, absent(t, b, "household", id))
	shell(t, boss, fmt.Sprintf("INSERT INTO household(id, scope, dwelling_id, phone) VALUES ('%s', '%s', '%s', '13700000000');", id, grid, row.Values["dwelling_id"].Str()))
	synced(t, boss, c)
	synced(t, b, c)
	synced(t, a, c)
	for _, r := range []*device.Replica{a, b, boss} {
		require.Equal(t, "13700000000", shown(t, r, id, "phone"))
	}
}

// O7: what is edited while its earlier edit is on the way is neither marked as synced nor overwritten by the answer.
func TestCaseO07EditedBeforeTheAnswer(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	synced(t, b, c)
	phone(t, b, id, "13900000009")
	synced(t, b, c)
	phone(t, a, id, "13900000001")
	c.cutting(func(m session.Message) bool {
		if p, ok := m.(*session.Push); ok && p.Changesets[0].N == 2 {
			write(t, a, func(tx *device.Tx) error {
				return tx.Set("household", id, map[string]any{"phone": "13900000002", "notes": "while it was on the way"})
			})
		}
		return false
	})
	_, err := a.Sync(bg, c)
	require.NoError(t, err)
	c.cutting(nil)
	require.Equal(t, "13900000002", shown(t, a, id, "phone"))
	synced(t, a, c)
	synced(t, b, c)
	for _, r := range []*device.Replica{a, b} {
		require.Equal(t, "13900000002", shown(t, r, id, "phone"))
		require.Equal(t, "while it was on the way", shown(t, r, id, "notes"))
	}
	require.Empty(t, outbox(t, a))
}

// O8: made, synced, deleted and synced at once: the own row does not come back as news.
func TestCaseO08MadeAndDeletedAtOnce(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := insert(t, a, "wish", map[string]any{"household_id": household(t, a), "title": "x"})
	synced(t, b, c)
	synced(t, a, c)
	shell(t, a, fmt.Sprintf("DELETE FROM wish WHERE id = '%s';", id))
	for range 2 {
		synced(t, a, c)
		synced(t, b, c)
	}
	require.True(t, absent(t, a, "wish", id))
	require.True(t, absent(t, b, "wish", id))
}

// O9, O21: whatever dies between a write and its sending, the next process sends it; what is pending is the outbox
// itself, no marker beside it.
func TestCaseO09O21TheNextProcessSends(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	shell(t, a, fmt.Sprintf("UPDATE household SET notes = 'by another program' WHERE id = '%s';", id))
	require.NoError(t, a.Close())
	a, err := device.Open(a.Path(), device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer a.Close()
	require.Equal(t, 2, synced(t, a, c).Sent)
	synced(t, b, c)
	require.Equal(t, "by another program", shown(t, b, id, "notes"))
}

// O10, O34: on a link that keeps breaking, a device never shows an older value than it did, and its own writes stay in
// sight, also those made while a sync runs.
func TestCaseO10O34NothingGoesBack(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	other := household(t, a)
	synced(t, a, c)
	synced(t, b, c)
	last := 0
	for i := range 30 {
		phone(t, a, id, fmt.Sprintf("138%08d", i))
		phone(t, b, other, fmt.Sprintf("139%08d", i))
		n := 0
		c.cutting(func(session.Message) bool {
			n++
			if n == 2 {
				phone(t, a, id, fmt.Sprintf("137%08d", i))
			}
			return n > i%7
		})
		for _, r := range []*device.Replica{a, b} {
			_, _ = r.Sync(bg, c)
		}
		require.Contains(t, []string{fmt.Sprintf("138%08d", i), fmt.Sprintf("137%08d", i)}, shown(t, a, id, "phone"))
		var seen int
		_, err := fmt.Sscanf(shown(t, a, other, "phone"), "13%d", &seen)
		require.NoError(t, err)
		if seen > 900000000 {
			require.GreaterOrEqual(t, seen, last, "an older value is shown again")
			last = seen
		}
	}
	c.cutting(nil)
	for range 2 {
		synced(t, a, c)
		synced(t, b, c)
	}
	require.Equal(t, dump(t, a), dump(t, b))
}

// O12: an answer that cannot be stored neither repeats the upload for ever nor blocks what comes down.
func TestCaseO12AnAnswerThatCannotBeStored(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	shell(t, a, "CREATE TRIGGER hinder BEFORE INSERT ON ds_journal BEGIN SELECT RAISE(ABORT, 'no room'); END;")
	ctx, cancel := timeout()
	defer cancel()
	_, err := a.Sync(ctx, c)
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it is said, not repeated in silence")
	shell(t, a, "DROP TRIGGER hinder;")
	synced(t, b, c)
	phone(t, b, id, "13900000001")
	synced(t, b, c)
	report := synced(t, a, c)
	require.Equal(t, map[se.VerdictKind]int{se.Accepted: 1}, report.Kinds)
	require.Equal(t, "13900000001", shown(t, a, id, "phone"))
}

// O18: a row is moved out of the device's grid while it is edited there: the edit takes effect or its author is told,
// and nothing is counted twice.
func TestCaseO18EditedAfterItMovedAway(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := insert(t, a, "dispute", map[string]any{"kind_code": "neighbour", "facts": "x"})
	synced(t, a, c)
	synced(t, b, c)
	const other = "370115003239002"
	c.store.SetPrincipal(deviceB, &se.Principal{Account: "acc-" + deviceB, Device: deviceB, Grants: []se.Grant{{Scope: grid, Role: "grid_worker"}, {Scope: other, Role: "grid_worker"}}})
	synced(t, b, c)
	write(t, b, func(tx *device.Tx) error { return tx.Set("dispute", id, map[string]any{"scope": other}) })
	require.Equal(t, 1, synced(t, b, c).Kinds[se.Accepted])
	write(t, a, func(tx *device.Tx) error {
		return tx.Set("dispute", id, map[string]any{"facts": "written where it was"})
	})
	report := synced(t, a, c)
	require.True(t, absent(t, a, "dispute", id))
	rejected, err := a.Rejected(bg, false)
	require.NoError(t, err)
	if report.Kinds[se.Parked] == 1 {
		require.Len(t, rejected, 1, "it waits, and its author knows")
		return
	}
	require.Empty(t, rejected)
	synced(t, b, c)
	row, err := b.Get(bg, "dispute", id)
	require.NoError(t, err)
	require.Equal(t, schema.Text("written where it was"), row.Values["facts"])
}

// O19: a write outside the person's scope is taken back, and he is told why.
func TestCaseO19OutOfScopeIsTold(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	shell(t, a, "INSERT INTO dispute(scope, kind_code) VALUES ('999999999999999', 'neighbour');")
	require.Equal(t, 1, synced(t, a, c).Kinds[se.Rejected])
	list, err := a.Rejected(bg, false)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, se.CodeOutOfScope, list[0].Reason.Code)
	require.NotEmpty(t, list[0].In("zh-CN"))
	require.Equal(t, "0", shell(t, a, "SELECT count(*) FROM dispute;"))
}

// O23, O25: a deletion meets a device that was away since before it, with an edit of its own: nothing comes back, and
// the edit waits in the queue.
func TestCaseO23O25DeletedWhileAway(t *testing.T) {
	c, a, b := pair(t)
	away := c.device(t, filepath.Join(t.TempDir(), "c.db"), deviceC)
	synced(t, a, c)
	id := insert(t, a, "wish", map[string]any{"household_id": household(t, a), "title": "x"})
	for _, r := range []*device.Replica{a, b, away} {
		synced(t, r, c)
	}
	shell(t, a, fmt.Sprintf("DELETE FROM wish WHERE id = '%s';", id))
	synced(t, a, c)
	synced(t, b, c)
	write(t, away, func(tx *device.Tx) error { return tx.Set("wish", id, map[string]any{"title": "written while away"}) })
	report := synced(t, away, c)
	require.Equal(t, 1, report.Kinds[se.Conflicts])
	for _, r := range []*device.Replica{a, b, away} {
		synced(t, r, c)
		require.True(t, absent(t, r, "wish", id))
	}
	require.NoError(t, c.store.View(func(tx se.ReadTx) error {
		con, err := tx.OpenConflict(se.ConflictKey{Kind: se.ConflictDelete, Table: "wish", Row: id})
		require.NoError(t, err)
		require.NotNil(t, con)
		require.Len(t, con.Candidates, 1)
		return nil
	}))
}

// O26: of two edits made offline one is picked, and the other is in the queue for everybody to see.
func TestCaseO26TheLoserIsVisible(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := insert(t, a, "dispute", map[string]any{"kind_code": "neighbour", "facts": "x"})
	synced(t, a, c)
	synced(t, b, c)
	for _, r := range []*device.Replica{a, b} {
		write(t, r, func(tx *device.Tx) error { return tx.Set("dispute", id, map[string]any{"facts": "by " + r.Path()}) })
		synced(t, r, c)
	}
	require.NoError(t, c.store.View(func(tx se.ReadTx) error {
		con, err := tx.OpenConflict(se.ConflictKey{Kind: se.ConflictCell, Table: "dispute", Row: id, Cell: "facts"})
		require.NoError(t, err)
		require.NotNil(t, con)
		require.Len(t, con.Candidates, 1)
		return nil
	}))
}

const (
	hour = 3_600_000
	year = 365 * 24 * hour
)

// O27, O28: whatever a clock says, nothing is refused for it; the device is told; and what others write later, having
// seen it, replaces it.
func TestCaseO27O28WrongClocks(t *testing.T) {
	for name, off := range map[string]int64{"an hour late": -hour, "an hour early": hour, "2099": 73 * year, "1970": -56 * year} {
		t.Run(name, func(t *testing.T) {
			c := newCounty(t)
			wrong, _ := c.off(t, "wrong", deviceA, off)
			right := c.device(t, filepath.Join(t.TempDir(), "right.db"), deviceB)
			synced(t, wrong, c)
			id := household(t, wrong)
			report := synced(t, wrong, c)
			require.Equal(t, map[se.VerdictKind]int{se.Accepted: 1}, report.Kinds)
			require.Contains(t, fmt.Sprint(report.Notices), string(session.NoticeClock))
			synced(t, right, c)
			phone(t, right, id, "13900000001")
			require.Equal(t, 1, synced(t, right, c).Kinds[se.Accepted])
			synced(t, wrong, c)
			require.Equal(t, "13900000001", shown(t, wrong, id, "phone"))
			synced(t, wrong, c)
			synced(t, right, c)
			require.Equal(t, dump(t, wrong), dump(t, right))
		})
	}
}

// O29: somebody whose clock is slow sees a value and edits it later: his edit stands.
func TestCaseO29SlowClockThatHasSeen(t *testing.T) {
	c := newCounty(t)
	slow, clock := c.off(t, "slow", deviceA, -5*60_000)
	b := c.device(t, filepath.Join(t.TempDir(), "b.db"), deviceB)
	synced(t, b, c)
	id := household(t, b)
	synced(t, b, c)
	synced(t, slow, c)
	phone(t, b, id, "13900000001")
	synced(t, b, c)
	synced(t, slow, c)
	clock.off = -10 * year // and it is set back once more
	phone(t, slow, id, "13900000002")
	require.Equal(t, 1, synced(t, slow, c).Kinds[se.Accepted])
	synced(t, b, c)
	require.Equal(t, "13900000002", shown(t, b, id, "phone"))
}

// O31: the centre commits, the answer is lost: what is sent again is one record.
func TestCaseO31TheAnswerIsLost(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	household(t, a)
	pushed := false
	c.cutting(func(m session.Message) bool {
		was := pushed
		_, push := m.(*session.Push)
		pushed = pushed || push
		return was // what comes after the push is cut: the verdict is on its way or lost
	})
	for range 3 {
		_, _ = a.Sync(bg, c)
	}
	c.cutting(nil)
	synced(t, a, c)
	synced(t, b, c)
	rows, err := b.List(bg, "household", nil, 0)
	require.NoError(t, err)
	require.Len(t, rows, 1)
}

// O32: a centre that fails leaves what was written where it is.
func TestCaseO32AFailingCentre(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := household(t, a)
	c.store.FailCommit = func() error { return fmt.Errorf("%w: disk full", se.ErrUnavailable) }
	for range 3 {
		_, err := a.Sync(bg, c)
		require.Error(t, err)
		require.Len(t, outbox(t, a), 1)
		require.Equal(t, device.MarkSaved, mark(t, a, "household", id))
	}
	c.store.FailCommit = nil
	require.Equal(t, 1, synced(t, a, c).Kinds[se.Accepted])
}

// O38: some bad ones among many do not hold up the rest, and each is told.
func TestCaseO38SomeAreMalformed(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	home, other := household(t, a), household(t, a)
	for i := range 300 {
		if i%43 == 7 {
			shell(t, a, fmt.Sprintf("UPDATE household SET phone = 'not a phone %d' WHERE id = '%s';", i, other))
			_, err := a.Seal(bg)
			require.NoError(t, err)
			continue
		}
		phone(t, a, home, fmt.Sprintf("138%08d", i))
	}
	report := synced(t, a, c)
	require.Equal(t, 7, report.Kinds[se.Rejected])
	require.Equal(t, 295, report.Kinds[se.Accepted])
	require.Empty(t, outbox(t, a))
	synced(t, b, c)
	require.Equal(t, "13800000299", shown(t, b, home, "phone"))
	list, err := a.Rejected(bg, false)
	require.NoError(t, err)
	require.Len(t, list, 7)
}

// O33 is about files; of records the same is asked: a download that meets a full disk leaves no empty row behind, and
// sends none.
func TestCaseO33FullDiskWhileDownloading(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	synced(t, b, c)
	for range 20 {
		insert(t, a, "dispute", map[string]any{"kind_code": "neighbour", "facts": long})
	}
	synced(t, a, c)
	shell(t, b, "CREATE TRIGGER full BEFORE INSERT ON dispute WHEN (SELECT count(*) FROM dispute) > 10 BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END;")
	_, err := b.Sync(bg, c)
	require.Error(t, err)
	require.Equal(t, "0", shell(t, b, "SELECT count(*) FROM dispute;"), "all of the step or nothing")
	require.NoError(t, b.Close())
	b, err = device.Open(b.Path(), device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer b.Close()
	shell(t, b, "DROP TRIGGER full;")
	require.Zero(t, synced(t, b, c).Sent)
	require.Equal(t, dump(t, a), dump(t, b))
	_, err = os.Stat(b.Path())
	require.NoError(t, err)
}
