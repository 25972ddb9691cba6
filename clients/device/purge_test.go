package device_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

const elsewhere = "370115003240001"

// move gives a device's person another grid; the old grant has just ended.
func (c *county) move(id string) {
	now := c.tick()
	c.store.SetPrincipal(id, &se.Principal{Account: "acc-" + id, Device: id, Grants: []se.Grant{
		{Scope: grid, Role: "grid_worker", To: now}, {Scope: elsewhere, Role: "grid_worker", From: now},
	}})
}

// found lists the files beside the replica that hold the text, as it stands in their bytes.
func found(t testing.TB, path, text string) (files []string) {
	t.Helper()
	all, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	for _, name := range all {
		b, err := exec.Command("cat", name).Output() // closing it here would drop SQLite's locks
		require.NoError(t, err)
		if bytes.Contains(b, []byte(text)) || bytes.Contains(device.Opened(device.EveryKey(), b), []byte(text)) {
			files = append(files, filepath.Base(name))
		}
	}
	return files
}

const canary = "CANARY-7f3a"

// canaries fills every text column of a household and gives its id.
func canaries(t testing.TB, r *device.Replica, n int) se.RowID {
	t.Helper()
	id := household(t, r)
	_, err := r.Write(bg, func(tx *device.Tx) error {
		return tx.Set("household", id, map[string]any{"notes": fmt.Sprint(canary, " notes ", n), "phone": "1381234" + fmt.Sprintf("%04d", n)})
	})
	require.NoError(t, err)
	return id
}

func told(t testing.TB, c *county, id string) *se.Told {
	t.Helper()
	var out *se.Told
	require.NoError(t, c.store.View(func(tx se.ReadTx) (err error) { out, err = tx.Told(id); return err }))
	return out
}

// Somebody is moved while he has work in his outbox: it is taken, then nothing of the old grid is left in the bytes of his
// files, and only then the centre has a receipt.
func TestPurgeLeavesNoBytes(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	synced(t, b, c)
	for n := range 60 {
		canaries(t, a, n)
	}
	synced(t, a, c)
	synced(t, b, c)
	canaries(t, b, 100) // another's
	synced(t, b, c)
	synced(t, a, c)
	id := canaries(t, a, 200) // not sent yet
	shell(t, a, `UPDATE household SET notes = '`+canary+` by hand' WHERE id = '`+string(id)+`';`)
	_, err := a.Write(bg, func(tx *device.Tx) error { // refused, and in his own quarantine
		_, err := tx.Exec(`UPDATE household SET notes = ? WHERE id = ?`, strings.Repeat(canary, 10_000), string(id))
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, found(t, a.Path(), canary))
	c.move(deviceA)
	report := synced(t, a, c)
	require.Positive(t, report.Kinds[se.Accepted], "what he wrote before he knew is taken: %v", report.Kinds)
	require.Empty(t, outbox(t, a))
	require.Empty(t, shell(t, a, `SELECT id FROM household;`))
	require.NotZero(t, told(t, c, deviceA).Lost[0].Purged)
	require.Empty(t, found(t, a.Path(), canary))
	require.Empty(t, found(t, a.Path(), "1381234"))
	stubs := shell(t, a, `SELECT count(*) FROM ds_journal;`)
	require.NotEqual(t, "0", stubs, "a stub of each changeset stays")
	_, err = a.Rejected(bg, true)
	require.NoError(t, err)
	synced(t, a, c)
	s, err := a.Status(bg)
	require.NoError(t, err)
	require.Equal(t, elsewhere, s.Grants[0].Scope)
}

// No receipt while another program holds what was: it is tried again.
func TestPurgeWaitsForReaders(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	canaries(t, a, 1)
	synced(t, a, c)
	rows, err := a.Query(bg, `SELECT id FROM household`)
	require.NoError(t, err)
	defer rows.Close()
	require.True(t, rows.Next())
	c.move(deviceA)
	synced(t, a, c)
	require.Zero(t, told(t, c, deviceA).Lost[0].Purged)
	require.NoError(t, rows.Close())
	synced(t, a, c)
	require.NotZero(t, told(t, c, deviceA).Lost[0].Purged)
	require.Empty(t, found(t, a.Path(), canary))
}

// Wherever a purge is cut off, it goes on when the file is opened, and there is no receipt before it is done.
func TestPurgeSurvivesKill(t *testing.T) {
	for _, after := range []string{"drain", "rows", "bytes"} {
		t.Run(after, func(t *testing.T) {
			c, a, _ := pair(t)
			synced(t, a, c)
			canaries(t, a, 1)
			synced(t, a, c)
			c.move(deviceA)
			rows, err := a.Query(bg, `SELECT id FROM household`) // in the way: the purge is not finished
			require.NoError(t, err)
			defer rows.Close()
			require.True(t, rows.Next())
			synced(t, a, c)
			require.NoError(t, rows.Close())
			steps := a.PurgeSteps(bg)
			if after != "drain" {
				ready, err := steps.Rows()
				require.NoError(t, err)
				require.True(t, ready)
			}
			if after == "bytes" {
				done, err := steps.Bytes()
				require.NoError(t, err)
				require.True(t, done)
			}
			require.NoError(t, a.Close())
			require.Zero(t, told(t, c, deviceA).Lost[0].Purged)
			a, err = device.Open(a.Path(), device.Options{Clock: &hand{}})
			require.NoError(t, err)
			defer a.Close()
			require.Empty(t, found(t, a.Path(), canary))
			synced(t, a, c)
			require.NotZero(t, told(t, c, deviceA).Lost[0].Purged)
		})
	}
}

// From the moment he is told until the rows are gone, nobody writes in a grid that ended, whatever program it is.
func TestEndedScopeIsReadOnly(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := canaries(t, a, 1)
	synced(t, a, c)
	drain := greet(t, a.Session(), &se.Welcome{
		Epoch: 1, View: "another", Reset: true, Limits: se.DefaultLimits, LastN: outboxLast(t, a), Hash: lastHash(t, a),
		Grants: []se.Grant{{Scope: elsewhere, Role: "grid_worker"}}, Lost: grants(),
	})
	require.Equal(t, "another", drain.View)
	_, err := a.Write(bg, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": "x"}) })
	require.ErrorContains(t, err, "has ended")
	_, err = a.Write(bg, func(tx *device.Tx) error { return tx.Delete("household", id) })
	require.ErrorContains(t, err, "has ended")
}

// A steward from whom a door is taken writes no more what belongs to it, through however many references; the rest of the
// grid stays open, and so does the door when he gets it back.
func TestTakenDoorIsReadOnly(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	mine, other := household(t, a), household(t, a)
	resident := insert(t, a, "resident", map[string]any{"household_id": mine, "name": "王丽"})
	door := shown(t, a, mine, "dwelling_id")
	welcome := func(view string, lost, left []string) {
		w := &se.Welcome{Epoch: 1, View: view, Reset: true, Limits: se.DefaultLimits, LastN: outboxLast(t, a), Hash: lastHash(t, a),
			Grants: []se.Grant{{Scope: grid, Role: "steward", Doors: left}}}
		if lost != nil {
			w.Lost = []se.Grant{{Scope: grid, Role: "steward", Doors: lost}}
		}
		greet(t, a.Session(), w)
	}
	try := map[string]func(tx *device.Tx) error{
		"the household": func(tx *device.Tx) error { return tx.Set("household", mine, map[string]any{"notes": "x"}) },
		"the dwelling":  func(tx *device.Tx) error { return tx.Set("dwelling", se.RowID(door), map[string]any{"room_no": "9"}) },
		"a resident":    func(tx *device.Tx) error { return tx.Set("resident", resident, map[string]any{"name": "x"}) },
		"deleting":      func(tx *device.Tx) error { return tx.Delete("household", mine) },
		"a new one": func(tx *device.Tx) error {
			_, err := tx.Insert("resident", map[string]any{"household_id": mine, "name": "x"})
			return err
		},
		"bringing one there": func(tx *device.Tx) error { return tx.Set("household", other, map[string]any{"dwelling_id": door}) },
	}
	left := []string{shown(t, a, other, "dwelling_id")}
	welcome("w2", []string{door}, left)
	for name, fn := range try {
		_, err := a.Write(bg, fn)
		require.ErrorContains(t, err, "at this door has ended", name)
	}
	write(t, a, func(tx *device.Tx) error { return tx.Set("household", other, map[string]any{"notes": "y"}) })
	insert(t, a, "hazard", map[string]any{"scope": grid, "kind_code": "stairs", "description": "at no door"})
	welcome("w3", nil, append(left, door))
	write(t, a, try["the household"])
}

func control(t testing.TB, r *device.Replica) (ctl replica.Control) {
	t.Helper()
	seen := errors.New("seen")
	require.ErrorIs(t, r.Store().Update(func(tx replica.Tx) (err error) {
		if ctl, err = tx.Control(); err != nil {
			return err
		}
		return seen
	}), seen)
	return ctl
}

func outboxLast(t testing.TB, r *device.Replica) int64 { return control(t, r).LastN }
func lastHash(t testing.TB, r *device.Replica) se.Hash { return control(t, r).Hash }

// A device that is to be erased hands over what it had not sent, whole; then its file and its key go.
func TestRetireDrainsThenWipes(t *testing.T) {
	for _, wipe := range []bool{false, true} {
		t.Run(fmt.Sprint("wipe ", wipe), func(t *testing.T) {
			c, a, _ := pair(t)
			synced(t, a, c)
			canaries(t, a, 1)
			synced(t, a, c)
			canaries(t, a, 2)
			n := control(t, a).LastN
			require.NoError(t, os.WriteFile(device.KeyPath(a.Path()), []byte("the key"), 0o600))
			require.NoError(t, os.WriteFile(a.Path()+".damaged1", []byte("set aside"), 0o600))
			c.store.SetPrincipal(deviceA, &se.Principal{Account: "acc-" + deviceA, Device: deviceA, Grants: grants(), Revoked: true, Erase: wipe})
			lost := true // the first connection breaks before the receipt arrives
			c.cutting(func(m session.Message) bool {
				_, receipt := m.(*session.Purged)
				cut := lost && receipt
				lost = lost && !receipt
				return cut
			})
			ctx, cancel := timeout()
			defer cancel()
			_, err := a.Sync(ctx, c)
			require.Error(t, err)
			require.Zero(t, told(t, c, deviceA).Retired)
			require.FileExists(t, device.KeyPath(a.Path()), "it is needed to bring the receipt")
			_, err = a.Sync(ctx, c)
			want := map[bool]device.Code{false: device.CodeRevoked, true: device.CodeErased}[wipe]
			require.Equal(t, want, device.CodeOf(err), "%v", err)
			require.NotZero(t, told(t, c, deviceA).Retired)
			require.NoError(t, c.store.View(func(tx se.ReadTx) error {
				q, err := tx.Quarantined(deviceA, n)
				require.NoError(t, err)
				require.Equal(t, se.CodeDeviceRevoked, q.Verdict.Reason.Code)
				require.Contains(t, fmt.Sprint(q.Changeset.Changes), canary, "whole")
				return nil
			}))
			require.Empty(t, found(t, a.Path(), canary))
			require.Equal(t, wipe, len(found(t, a.Path(), "the key")) == 0)
			if wipe {
				require.NoFileExists(t, a.Path())
				require.NoFileExists(t, a.Path()+".damaged1")
				return
			}
			_, err = a.Query(bg, `SELECT 1`) //nolint:sqlclosecheck // there are none
			require.Equal(t, device.CodeRevoked, device.CodeOf(err))
		})
	}
}

// wrist is a clock whose parts are set by hand.
type wrist struct{ now replica.Clock }

func (w *wrist) Read() replica.Clock { return w.now }

// worn opens a replica again by a clock that is set by hand.
func worn(t *testing.T, r *device.Replica) (*device.Replica, *wrist) {
	t.Helper()
	require.NoError(t, r.Close())
	w := &wrist{replica.Clock{Wall: 1_790_000_000_000, Boot: "b1", Mono: 5}}
	r, err := device.Open(r.Path(), device.Options{Clock: w})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r, w
}

// A phone without contact locks itself when its lease has run out, whatever its clock is set to; what was written drains,
// and contact opens it again.
func TestLeaseLocks(t *testing.T) {
	const day = int64(24 * time.Hour / time.Millisecond)
	c, a, _ := pair(t)
	require.NoError(t, a.Close())
	w := &wrist{replica.Clock{Wall: 1_790_000_000_000, Boot: "b1", Mono: 5}}
	open := func() {
		var err error
		a, err = device.Open(a.Path(), device.Options{Clock: w})
		require.NoError(t, err)
		t.Cleanup(func() { _ = a.Close() })
	}
	open()
	synced(t, a, c)
	w.now.Mono, w.now.Wall = w.now.Mono+13*day, w.now.Wall-300*day // set back; the clock since boot knows better
	id := household(t, a)
	s, err := a.Status(bg)
	require.NoError(t, err)
	require.EqualValues(t, day, s.Lease)
	w.now.Mono += day
	locked := func() {
		_, err := a.Get(bg, "household", id)
		require.Equal(t, device.CodeLocked, device.CodeOf(err))
		_, err = a.Write(bg, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": "x"}) })
		require.Equal(t, device.CodeLocked, device.CodeOf(err))
		var e *device.Error
		require.ErrorAs(t, err, &e)
		require.Contains(t, e.In("zh-CN"), "14 天")
	}
	locked()
	require.NoError(t, a.Close())
	open()
	require.NoError(t, a.Close())
	w.now = replica.Clock{Wall: w.now.Wall - 300*day, Boot: "b2"} // a reboot, and set back again
	open()
	locked()
	require.Equal(t, 1, synced(t, a, c).Kinds[se.Accepted], "it drains")
	_, err = a.Get(bg, "household", id)
	require.NoError(t, err)
}
