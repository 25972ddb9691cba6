package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// TestSalvageOfAnEarlierRelease: such a release parked rows that a restored centre lacked and let them wait for nothing. They
// are tried again after the upgrade: what has come back is closed, what has not waits for its row from then on.
func TestSalvageOfAnEarlierRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doorstep.db")
	st := openAt(t, path)
	setPrincipal(t, st, &syncengine.Principal{Device: "dev-1", Account: "holder", Grants: []syncengine.Grant{{Scope: "g1", Role: "worker"}}})
	back, lost := syncengine.RowID("018f0000-0000-7000-8000-000000000001"), syncengine.RowID("018f0000-0000-7000-8000-000000000002")
	require.NoError(t, st.Update(func(tx syncengine.Tx) error {
		if err := tx.PutRow(placeRow(back, 1)); err != nil {
			return err
		}
		for n, id := range map[int64]syncengine.RowID{1: back, 2: lost} {
			cs := &syncengine.Changeset{Device: "dev-1", N: n, Author: "holder", Salvage: true, Changes: []syncengine.Change{{Table: "place", Row: id, Op: syncengine.OpInsert}}}
			v := syncengine.Verdict{N: n, Kind: syncengine.Parked, Reason: &syncengine.Reason{Code: syncengine.CodeSalvage, Table: "place", Row: id}}
			if err := tx.PutQuarantined(&syncengine.Quarantined{Device: "dev-1", N: n, Changeset: cs, Verdict: v, Scope: "g1"}); err != nil {
				return err
			}
		}
		return nil
	}))
	waits := func(st *Store) (list []string) {
		require.NoError(t, st.WithTx(context.Background(), func(tx *sql.Tx) error {
			rows, err := tx.Query(`SELECT n || ' awaits ' || awaits || CASE ready WHEN 1 THEN ', ready' ELSE '' END FROM quarantine WHERE closed = 0 ORDER BY n`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var s string
				if err := rows.Scan(&s); err != nil {
					return err
				}
				list = append(list, s)
			}
			return rows.Err()
		}))
		return list
	}
	require.Equal(t, []string{"1 awaits ", "2 awaits "}, waits(st), "as it was written before")
	require.NoError(t, st.Close())

	st = openAt(t, path)
	require.Equal(t, []string{"1 awaits " + string(back) + ", ready", "2 awaits " + string(lost) + ", ready"}, waits(st))
	more, err := syncengine.New(st.Schema(), syncengine.DefaultLimits).Tend(st)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, []string{"2 awaits " + string(lost)}, waits(st))
	require.NoError(t, st.View(func(tx syncengine.ReadTx) error {
		q, err := tx.Quarantined("dev-1", 1)
		require.Equal(t, syncengine.SettledReleased, q.Outcome)
		return err
	}))
	require.NoError(t, st.Close())

	st = openAt(t, path)
	require.Equal(t, []string{"2 awaits " + string(lost)}, waits(st), "once is enough")
	require.NoError(t, st.Close())
}
