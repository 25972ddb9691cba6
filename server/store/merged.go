package store

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Repointed implements syncengine.ReadTx.
func (t *readTx) Repointed(table string, retired syncengine.RowID) (out []syncengine.Repointed, err error) {
	err = t.query(func(r row) error {
		out = append(out, syncengine.Repointed{
			Table: table, Retired: retired, RefTable: r.str(0), Row: syncengine.RowID(r.str(1)), Column: r.str(2), Seq: r.int(3),
		})
		return nil
	}, `SELECT ref_tbl, row_id, col, seq FROM repointed WHERE county = $1 AND tbl = $2 AND retired = $3
		ORDER BY ref_tbl, row_id, col, seq`, t.s.county, table, string(retired))
	return out, err
}

// PutRepointed implements syncengine.Tx.
func (t *tx) PutRepointed(x syncengine.Repointed) error {
	if err := t.exec(`INSERT INTO repointed (county, tbl, retired, ref_tbl, row_id, col, seq) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (county, tbl, retired, ref_tbl, row_id, col, seq) DO NOTHING`,
		t.s.county, x.Table, string(x.Retired), x.RefTable, string(x.Row), x.Column, x.Seq); err != nil {
		return fmt.Errorf("keep what was re-pointed from %s/%s: %w", x.Table, x.Retired, err)
	}
	return nil
}

// forgetRepointed forgets what was re-pointed from a row that lives again, or of which nothing is left.
func (t *tx) forgetRepointed(table string, retired syncengine.RowID) error {
	if err := t.exec(`DELETE FROM repointed WHERE county = $1 AND tbl = $2 AND retired = $3`,
		t.s.county, table, string(retired)); err != nil {
		return fmt.Errorf("forget what was re-pointed from %s/%s: %w", table, retired, err)
	}
	return nil
}
