package store

import (
	"database/sql"
	"fmt"

	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Refused implements syncengine.ReadTx.
func (t *readTx) Refused(device string, since int64) (u syncengine.Usage, err error) {
	_, err = t.one(func(r row) error { u = syncengine.Usage{Changesets: int(r.int(0)), Bytes: r.int(1)}; return nil },
		`SELECT count(*), coalesce(sum(bytes), 0) FROM (SELECT bytes FROM quarantine WHERE county = $1 AND device = $2 AND closed = 0
		UNION ALL SELECT bytes FROM quarantine WHERE county = $3 AND device = $4 AND outcome = 'retried' AND received >= $5)`,
		t.s.county, device, t.s.county, device, since)
	return u, err
}

// ScopeRows implements syncengine.ReadTx.
func (t *readTx) ScopeRows(scope string) (n int64, err error) {
	_, err = t.one(func(r row) error { n = r.int(0); return nil },
		`SELECT n FROM scope_rows WHERE county = $1 AND scope = $2`, t.s.county, scope)
	return n, err
}

// ScopeRows implements syncengine.ReadTx: with what this transaction has not written yet.
func (t *tx) ScopeRows(scope string) (int64, error) {
	had, known := t.scopeHad[scope]
	if !known {
		var err error
		if had, err = t.readTx.ScopeRows(scope); err != nil {
			return 0, err
		}
		t.scopeHad[scope] = had // the table is written last
	}
	return had + t.scopeRows[scope], t.lost
}

// countScope notes that a scope has so many rows more. It is written once, with the commit.
func (t *tx) countScope(scope string, more int64) {
	if t.scopeRows == nil {
		t.scopeRows = map[string]int64{}
	}
	t.scopeRows[scope] += more
	t.undo = append(t.undo, func() { t.scopeRows[scope] -= more })
}

// placed notes that a row that was in one scope, "" for none, is in another.
func (t *tx) placed(was, is *syncengine.Row) {
	switch {
	case was != nil && is != nil && was.Scope == is.Scope:
		return
	case was != nil:
		t.countScope(was.Scope, -1)
	}
	if is != nil {
		t.countScope(is.Scope, 1)
	}
}

func (t *tx) writeScopeRows() error {
	for scope, more := range t.scopeRows {
		if more == 0 {
			continue
		}
		if err := t.exec(`INSERT INTO scope_rows (county, scope, n) VALUES ($1, $2, $3)
			ON CONFLICT (county, scope) DO UPDATE SET n = n + excluded.n`, t.s.county, scope, more); err != nil {
			return fmt.Errorf("count rows of scope %s: %w", scope, err)
		}
	}
	return nil
}

// countRows fills scope_rows in a database that was made before there was such a table.
func (s *Store) countRows(tx *sql.Tx) error {
	var counted, rows bool
	if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM scope_rows WHERE county = $1), EXISTS (SELECT 1 FROM history WHERE county = $2)`,
		s.county, s.county).Scan(&counted, &rows); err != nil || counted || !rows {
		return err
	}
	for _, t := range s.schema.Tables {
		if _, err := tx.Exec(`INSERT INTO scope_rows (county, scope, n) SELECT county, scope, count(*) FROM `+ddl.CentreTable(t)+`
			WHERE county = $1 GROUP BY county, scope ON CONFLICT (county, scope) DO UPDATE SET n = n + excluded.n`, s.county); err != nil {
			return fmt.Errorf("count rows of %s: %w", t.Name, err)
		}
	}
	return nil
}
