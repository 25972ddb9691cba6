package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/storetest"
)

// History that an earlier release wrote, without an index by row, is indexed when the file is next opened; and asking
// for a row reads no more of history than its own entries.
func TestHistoryOfEarlierReleasesIsIndexed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "centre.db")
	s, err := Open(path, storetest.Schema())
	require.NoError(t, err)
	row := func(n int64) syncengine.RowID {
		return syncengine.RowID(fmt.Sprintf("01890000-0000-7000-8000-%012d", n))
	}
	require.NoError(t, s.Update(func(tx syncengine.Tx) error {
		for seq := int64(1); seq <= 1200; seq++ { // more than two pages
			e := syncengine.Entry{Seq: seq, Epoch: 1, Changeset: &syncengine.Changeset{Device: "d", N: seq, Changes: []syncengine.Change{
				{Table: "person", Row: row(seq % 100), Op: syncengine.OpDelete},
			}}}
			if err := tx.AppendHistory(e); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, s.WithTx(background, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM history_row; UPDATE county SET history_rows = 0`)
		return err
	}))
	require.NoError(t, s.Close())
	s, err = Open(path, storetest.Schema())
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.View(func(tx syncengine.ReadTx) error {
		list, err := tx.RowHistory("person", row(7), 0, 99)
		require.NoError(t, err)
		require.Len(t, list, 12)
		require.Equal(t, []int64{1107, 7}, []int64{list[0].Seq, list[11].Seq})
		return nil
	}))
	var plan strings.Builder
	rows, err := s.Reader().Query(`EXPLAIN QUERY PLAN SELECT h.body FROM history_row r JOIN history h ON h.county = r.county AND h.seq = r.seq
		WHERE r.county = 1 AND r.tbl = 'person' AND r.id = 'x' AND (0 = 0 OR r.seq < 0) ORDER BY r.seq DESC LIMIT 5`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var a, b, c int
		var text string
		require.NoError(t, rows.Scan(&a, &b, &c, &text))
		plan.WriteString(text + "\n")
	}
	require.NotContains(t, plan.String(), "SCAN")
	require.NotContains(t, plan.String(), "TEMP B-TREE")
	require.Contains(t, plan.String(), "SEARCH h USING INDEX")
}
