package store

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// asked is what a listener asks of itself.
type asked struct {
	principal *syncengine.Principal
	told      *syncengine.Told
	device    *syncengine.Device
	messages  int
}

func ask(tx syncengine.ReadTx, device string) (a asked, err error) {
	var errs [4]error
	var list []syncengine.Message
	a.principal, errs[0] = tx.Principal(device)
	a.told, errs[1] = tx.Told(device)
	a.device, errs[2] = tx.Device(device)
	list, errs[3] = tx.Inbox(device, 0, 10)
	a.messages = len(list)
	return a, errors.Join(errs[:]...)
}

// Whatever a transaction changes of a device, whoever begins after it reads it, and who began before does not; and neither
// is what the one read given to the other, in whichever order they ask.
func TestKnownIsWhatEachStateHolds(t *testing.T) {
	changes := map[string]func(t *testing.T, s *Store, n int64){
		"told": func(t *testing.T, s *Store, n int64) {
			require.NoError(t, s.Update(func(tx syncengine.Tx) error {
				return tx.PutTold(&syncengine.Told{Device: "d", View: "v", Retired: n, Shown: []syncengine.Grant{{Scope: "g", Role: "r"}}})
			}))
		},
		"device": func(t *testing.T, s *Store, n int64) {
			require.NoError(t, s.Update(func(tx syncengine.Tx) error { return tx.PutDevice(&syncengine.Device{ID: "d", LastN: n}) }))
		},
		"message": func(t *testing.T, s *Store, n int64) {
			require.NoError(t, s.Update(func(tx syncengine.Tx) error { return tx.PutMessage(syncengine.Message{Device: "d", Number: n}) }))
		},
		"directory": func(t *testing.T, s *Store, n int64) {
			run(t, s, `UPDATE device SET snapshots = snapshots + 1 WHERE id = 'd'`)
		},
		"undone": func(t *testing.T, s *Store, n int64) {
			require.ErrorIs(t, s.Update(func(tx syncengine.Tx) error {
				return errors.Join(tx.PutTold(&syncengine.Told{Device: "d", View: "never"}), errTold)
			}), errTold)
		},
		"of others": func(t *testing.T, s *Store, n int64) {
			require.NoError(t, s.Update(func(tx syncengine.Tx) error { return tx.PutDevice(&syncengine.Device{ID: "e", LastN: n}) }))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
			run(t, s, `INSERT INTO account (county, id) VALUES (1, 'a')`, `INSERT INTO device (county, id, account, console) VALUES (1, 'd', 'a', 0)`)
			for _, c := range []string{"told", "device"} {
				changes[c](t, s, 1)
			}
			read := func() (a asked) {
				require.NoError(t, s.View(func(tx syncengine.ReadTx) (err error) { a, err = ask(tx, "d"); return err }))
				return a
			}
			plain := func() (a asked) { // by what does not keep anything
				require.NoError(t, s.View(func(tx syncengine.ReadTx) (err error) {
					tx.(*readTx).known = nil
					a, err = ask(tx, "d")
					return err
				}))
				return a
			}
			for n := int64(2); n < 6; n++ {
				before := plain()
				require.Equal(t, before, read())
				if n%2 == 0 {
					require.Equal(t, before, read(), "from what is kept")
				}
				require.NoError(t, s.View(func(tx syncengine.ReadTx) error {
					change(t, s, n)
					if n > 3 {
						require.Equal(t, plain(), read(), "somebody who came later asks first")
					}
					a, err := ask(tx, "d")
					require.Equal(t, before, a, "the state that it began with")
					return err
				}))
				require.Equal(t, plain(), read(), "what the older one read is not kept")
			}
		})
	}
}

// Kept is what no commit may have changed meanwhile: neither one that ended since the reader began nor one under way.
func TestKnownKeepsNothingOld(t *testing.T) {
	k := newKnown()
	keep := func(device string, began int64) bool {
		k.keep(device, partInbox, began, func(a *acquaintance) { a.noneAfter = 5 })
		return k.of(device, k.began()).noneAfter == 5
	}
	began := k.began()
	done := k.changing(map[string]aspects{"d": partInbox}, false)
	require.False(t, keep("d", began), "it is being changed")
	require.True(t, keep("e", began))
	done()
	require.False(t, keep("d", began), "it was changed")
	later := k.began()
	require.True(t, keep("d", later))
	require.EqualValues(t, -1, k.of("d", began).noneAfter, "newer than what that reader began with")
	k.changing(nil, true)()
	require.EqualValues(t, -1, k.of("d", k.began()).noneAfter)
	require.False(t, keep("d", later))
	require.True(t, keep("d", k.began()))
	for i := range mostTouched + 1 { // more than are remembered: then it counts for all
		k.changing(map[string]aspects{string(rune('一' + i)): partDevice}, false)()
	}
	require.False(t, keep("f", later))
	require.True(t, keep("f", k.began()))
}

// What is kept is nobody's to change.
func TestKnownIsNotShared(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	require.NoError(t, s.Update(func(tx syncengine.Tx) error {
		return errors.Join(tx.PutDevice(&syncengine.Device{ID: "d", LastN: 1}), tx.PutTold(&syncengine.Told{Device: "d", View: "v",
			Shown: []syncengine.Grant{{Scope: "g", Doors: []string{"x"}}}, Lost: []syncengine.Lost{{Grant: syncengine.Grant{Scope: "h", Doors: []string{"y"}}}}}))
	}))
	for range 3 {
		require.NoError(t, s.View(func(tx syncengine.ReadTx) error {
			a, err := ask(tx, "d")
			require.Equal(t, "x", a.told.Shown[0].Doors[0])
			require.Equal(t, "y", a.told.Lost[0].Grant.Doors[0])
			require.EqualValues(t, 1, a.device.LastN)
			a.told.Shown[0].Doors[0], a.told.Lost[0].Grant.Doors[0], a.device.LastN = "z", "z", 9
			return err
		}))
	}
}

// A commit that moves a device, as every one of its changesets does, lets nobody read anew who it is and what it was told.
func TestKnownForgetsWhatChanged(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	setPrincipal(t, s, &syncengine.Principal{Device: "d", Account: "a", Grants: []syncengine.Grant{{Scope: "g", Role: "r"}}})
	put := func(n int64) {
		require.NoError(t, s.Update(func(tx syncengine.Tx) error {
			return errors.Join(tx.PutDevice(&syncengine.Device{ID: "d", LastN: n}), tx.PutTold(&syncengine.Told{Device: "d", View: "v"}))
		}))
	}
	put(1)
	read := func() {
		require.NoError(t, s.View(func(tx syncengine.ReadTx) error { _, err := ask(tx, "d"); return err }))
	}
	kept := func() (a acquaintance) { return s.known.of("d", s.known.began()) }
	read()
	require.NotNil(t, kept().told)
	require.NoError(t, s.Update(func(tx syncengine.Tx) error { return tx.PutDevice(&syncengine.Device{ID: "d", LastN: 2}) }))
	a := kept()
	require.NotNil(t, a.principal)
	require.NotNil(t, a.told)
	require.Nil(t, a.device)
	require.Zero(t, a.noneAfter)
	read()
	require.EqualValues(t, 2, kept().device.LastN)
	require.NoError(t, s.Update(func(tx syncengine.Tx) error { return tx.PutMessage(syncengine.Message{Device: "d", Number: 1}) }))
	require.EqualValues(t, -1, kept().noneAfter)
	require.NotNil(t, kept().device)
	run(t, s, `UPDATE device SET snapshots = 1`)
	require.Equal(t, acquaintance{noneAfter: -1}, kept())
}

// What a contact notes lets nobody forget anything, and nothing that is known of a device depends on it.
func TestNotesOfContactsChangeNothingKnown(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	setPrincipal(t, s, &syncengine.Principal{Device: "d", Account: "a", Grants: []syncengine.Grant{{Scope: "g", Role: "r"}}})
	require.NoError(t, s.Update(func(tx syncengine.Tx) error {
		return errors.Join(tx.PutDevice(&syncengine.Device{ID: "d", LastN: 1}), tx.PutTold(&syncengine.Told{Device: "d", View: "v"}))
	}))
	dir := directory.New(directory.Config{DB: s, County: 1, Now: time.Now, Random: rand.Reader})
	ctx := context.Background()
	read := func(fresh bool) (out asked) {
		require.NoError(t, s.View(func(tx syncengine.ReadTx) (err error) {
			if fresh {
				tx.(*readTx).known = nil
			}
			out, err = ask(tx, "d")
			return err
		}))
		return out
	}
	read(false)
	before, kept := read(true), s.known.of("d", s.known.began())
	require.NotNil(t, kept.principal)
	for name, note := range map[string]func() error{
		"heard": func() error {
			return dir.Hear(ctx, "d", directory.Heard{Offset: 1, App: "app/9", Schema: 9, Waiting: 9, Oldest: 9, FreeBytes: 9, Epoch: 9, Reached: 9, Checked: 9, Repaired: 9})
		},
		"sent":    func() error { return dir.Sent(ctx, "d", "e") },
		"reached": func() error { return dir.Reached(ctx, "d", 9, 99) },
		"checked": func() error { return dir.Checked(ctx, "d", 9) },
	} {
		require.NoError(t, note(), name)
		require.Equal(t, kept, s.known.of("d", s.known.began()), name)
		require.Equal(t, before, read(true), name)
	}
	var heard int64
	require.NoError(t, s.Reader().QueryRow(`SELECT last_contact FROM device WHERE id = 'd' AND reached >= 9 AND checked > 0`).Scan(&heard))
	require.NotZero(t, heard, "it was noted")
}
