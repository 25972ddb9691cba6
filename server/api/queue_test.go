package api

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/store"
	"github.com/doorstep-sync/doorstep/syncengine"
)

const units = 2 * fewUnits

func unit(i int) string { return fmt.Sprintf("37011500323900%d", i) }

// queued is a store in which something waits in all units, and something has ended.
func queued(t *testing.T) (SQLQueue, []*syncengine.Conflict, []*syncengine.Quarantined) {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	st, err := store.Open(filepath.Join(t.TempDir(), "doorstep.db"), s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = st.Close() })
	random := rand.New(rand.NewPCG(1, 1))
	var conflicts []*syncengine.Conflict
	var refused []*syncengine.Quarantined
	for i := range 600 {
		// Many were opened at one seq, and received in one millisecond.
		at := 1 + random.Int64N(200)
		c := &syncengine.Conflict{
			ID: fmt.Sprintf("%d-%d", at, i), Key: syncengine.ConflictKey{Table: "household", Row: syncengine.RowID(fmt.Sprint("h", i)), Kind: "cell", Cell: "notes"},
			Scope: unit(random.IntN(units)), Opened: at, Changed: at, Closed: random.Int64N(3) / 2 * 300,
		}
		conflicts = append(conflicts, c)
		kind := []syncengine.VerdictKind{syncengine.Parked, syncengine.Rejected}[random.IntN(2)]
		cs := &syncengine.Changeset{Device: fmt.Sprint("dev-", random.IntN(3)), N: int64(i + 1), Author: "acc"}
		refused = append(refused, &syncengine.Quarantined{
			Device: cs.Device, N: cs.N, Changeset: cs, Verdict: syncengine.Verdict{N: cs.N, Kind: kind, Reason: &syncengine.Reason{Code: syncengine.CodeSalvage}},
			Received: at, At: at, Scope: unit(random.IntN(units)), Closed: random.IntN(2) == 0,
		})
	}
	require.NoError(t, st.Update(func(tx syncengine.Tx) error {
		for i := range conflicts {
			if err := tx.PutConflict(conflicts[i]); err != nil {
				return err
			}
			if err := tx.PutQuarantined(refused[i]); err != nil {
				return err
			}
		}
		return nil
	}))
	slices.SortFunc(conflicts, func(a, b *syncengine.Conflict) int {
		return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(refused, func(a, b *syncengine.Quarantined) int {
		return cmp.Or(cmp.Compare(a.Received, b.Received), cmp.Compare(a.Device, b.Device), cmp.Compare(a.N, b.N))
	})
	return SQLQueue{DB: st.Reader(), County: 1}, conflicts, refused
}

// TestQueuePages: page by page, whoever sees few units and whoever sees many gets what is in them, oldest first, once.
func TestQueuePages(t *testing.T) {
	q, conflicts, refused := queued(t)
	ctx := context.Background()
	for _, mine := range [][]string{nil, {unit(3)}, {unit(3), unit(0), unit(9)}, unitsUpTo(fewUnits), unitsUpTo(fewUnits + 1), unitsUpTo(units)} {
		for _, open := range []bool{true, false} {
			var want, got []string
			for _, c := range conflicts {
				if slices.Contains(mine, c.Scope) && c.Open() == open {
					want = append(want, c.ID)
				}
			}
			for after := ""; ; after = got[len(got)-1] {
				page, err := q.Conflicts(ctx, mine, open, after, 7)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page), 7)
				if got = append(got, page...); len(page) < 7 {
					break
				}
			}
			require.Equal(t, want, got)
			for _, kind := range []syncengine.VerdictKind{0, syncengine.Parked, syncengine.Rejected} {
				var want, got []syncengine.WriteID
				for _, x := range refused {
					if slices.Contains(mine, x.Scope) && x.Closed != open && (kind == 0 || x.Verdict.Kind == kind) {
						want = append(want, syncengine.WriteID{Device: x.Device, N: x.N})
					}
				}
				for after := (syncengine.WriteID{}); ; after = got[len(got)-1] {
					page, err := q.Quarantine(ctx, mine, open, kind, after, 7)
					require.NoError(t, err)
					require.LessOrEqual(t, len(page), 7)
					if got = append(got, page...); len(page) < 7 {
						break
					}
				}
				require.Equal(t, want, got)
			}
		}
	}
	page, err := q.Conflicts(ctx, unitsUpTo(3), true, "no such conflict", 7)
	require.NoError(t, err)
	require.Empty(t, page)
}

func unitsUpTo(n int) (list []string) {
	for i := range n {
		list = append(list, unit(i))
	}
	return list
}

// TestQueueIsReadFromItsIndexes: what a page costs does not grow with what waits, or once waited.
func TestQueueIsReadFromItsIndexes(t *testing.T) {
	q, _, _ := queued(t)
	for _, text := range []string{conflictsOf, conflictsOfAll, quarantineOf, quarantineOfAll} {
		for _, state := range []string{"closed = 0", "closed <> 0"} {
			args := []any{1, `["u"]`, 1, "", 50}
			if strings.Contains(text, "kind") {
				args = []any{1, `["u"]`, 5, 1, "", 1, 50}
			}
			plan := planned(t, q, fmt.Sprintf(text, state), args...)
			all := strings.Join(plan, "\n")
			require.NotContains(t, all, "TEMP B-TREE", text)
			require.Contains(t, plan[0], "USING COVERING INDEX", text)
			require.Contains(t, plan[0], ">(", "it begins at the place")
		}
	}
}

// planned is how SQLite reads a page.
func planned(t *testing.T, q SQLQueue, query string, args ...any) (plan []string) {
	t.Helper()
	rows, err := q.DB.Query("EXPLAIN QUERY PLAN "+query, args...)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		plan = append(plan, detail)
	}
	require.NoError(t, rows.Err())
	return plan
}
