package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// counted counts the statements that a store's transactions run, by their first words.
func counted(s *Store) map[string]int {
	n := map[string]int{}
	s.ran = func(query string) {
		words := strings.Fields(query)
		if words[0] == "INSERT" {
			words = words[2:]
		}
		if words[0] == "SELECT" {
			words[0] = "SELECT FROM " + strings.Fields(query[strings.Index(query, "FROM")+4:])[0]
		}
		n[strings.Trim(words[0], `"`)]++
		n["all"]++
	}
	return n
}

// Rows that are put and not written yet are found by everything that lists rows, an undone savepoint takes back what it put
// also where somebody listed meanwhile, and what was put before it is written all the same.
func TestRowsAreWrittenOnce(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	a, b := placeRow("01890000-0000-7000-8000-00000000000a", 1), placeRow("01890000-0000-7000-8000-00000000000b", 2)
	listed := func(tx syncengine.ReadTx) (out []string) {
		items, err := tx.Changed(a.Scope, syncengine.Position{}, 9)
		require.NoError(t, err)
		for _, it := range items {
			out = append(out, fmt.Sprint(it.Row.ID[35:], it.Row.Seq))
		}
		return out
	}
	at := func(r *syncengine.Row, seq int64) *syncengine.Row { x := *r; x.Seq = seq; return &x }
	n := counted(s)
	require.NoError(t, s.Update(func(tx syncengine.Tx) error {
		for seq := range int64(5) {
			require.NoError(t, tx.Savepoint(func() error { return tx.PutRow(at(a, seq+1)) }))
		}
		require.Zero(t, n["rec_place"])
		for _, list := range []bool{false, true} {
			require.ErrorIs(t, tx.Savepoint(func() error {
				require.NoError(t, tx.PutRow(at(a, 7)))
				require.NoError(t, tx.PutRow(b))
				if list {
					require.Equal(t, []string{"b2", "a7"}, listed(tx))
				}
				return errTold
			}), errTold)
		}
		require.Equal(t, 2, n["rec_place"], "what was listed")
		return nil
	}))
	require.Equal(t, 3, n["rec_place"])
	require.Equal(t, 1, n["SAVEPOINT"], "where something was written")
	s.ran = nil
	require.NoError(t, s.View(func(tx syncengine.ReadTx) error { require.Equal(t, []string{"a5"}, listed(tx)); return nil }))
	require.NoError(t, s.Update(func(tx syncengine.Tx) error {
		require.NoError(t, tx.PutRow(b))
		return tx.Kill(&syncengine.Dead{Table: "place", ID: b.ID, Seq: 9, Row: b})
	}))
	require.NoError(t, s.View(func(tx syncengine.ReadTx) error {
		r, err := tx.Row("place", b.ID)
		require.Nil(t, r, "it died before it was written")
		return err
	}))
}

// A row that SQLite does not take is found out by whoever ran the transaction, as the fault of what was to be written: a
// part of a group can be tried, where the database itself would be blamed for all of it.
func TestARowThatCannotBeWritten(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	run(t, s, `CREATE TRIGGER no BEFORE INSERT ON rec_place BEGIN SELECT RAISE(ABORT, 'not this one'); END`)
	err := s.Update(func(tx syncengine.Tx) error { return tx.PutRow(placeRow("01890000-0000-7000-8000-00000000000a", 1)) })
	require.ErrorContains(t, err, "not this one")
	require.False(t, errors.Is(err, syncengine.ErrUnavailable))
}

// What a transaction knows of quarantine is no longer known when it changes, and when that is undone.
func TestWaitingIsNotRemembered(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	id := syncengine.RowID("01890000-0000-7000-8000-00000000000a")
	q := func(closed bool) *syncengine.Quarantined {
		return &syncengine.Quarantined{Device: "d", N: 1, Closed: closed, Awaits: id, Changeset: &syncengine.Changeset{Device: "d", N: 1},
			Verdict: syncengine.Verdict{N: 1, Kind: syncengine.Parked}}
	}
	require.NoError(t, s.Update(func(tx syncengine.Tx) error {
		asks := func(parked int, ready int) {
			t.Helper()
			list, err := tx.Parked("d", 0, 9)
			require.NoError(t, err)
			require.Len(t, list, parked)
			require.NoError(t, tx.MarkReady([]syncengine.RowID{id}))
			marked, err := tx.Ready(9)
			require.NoError(t, err)
			require.Len(t, marked, ready)
		}
		asks(0, 0)
		require.ErrorIs(t, tx.Savepoint(func() error {
			require.NoError(t, tx.PutQuarantined(q(false)))
			asks(1, 1)
			return errTold
		}), errTold)
		asks(0, 0)
		require.NoError(t, tx.PutQuarantined(q(false)))
		require.ErrorIs(t, tx.Savepoint(func() error {
			require.NoError(t, tx.PutQuarantined(q(true)))
			asks(0, 0)
			return errTold
		}), errTold)
		asks(1, 1)
		return nil
	}))
}
