package store

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Devices implements syncengine.ReadTx.
func (t *readTx) Devices(after string, limit int) (out []syncengine.Device, err error) {
	var ids []string
	if err := t.query(func(r row) error { ids = append(ids, r.str(0)); return nil },
		`SELECT id FROM sync_device WHERE county = $1 AND id > $2 ORDER BY id LIMIT $3`, t.s.county, after, int64(max(limit, 0))); err != nil {
		return nil, err
	}
	return t.devices(ids)
}

// Copies implements syncengine.ReadTx.
func (t *readTx) Copies(device string) ([]syncengine.Device, error) {
	var ids []string
	if err := t.query(func(r row) error { ids = append(ids, r.str(0)); return nil },
		`SELECT id FROM sync_device WHERE county = $1 AND parent = $2 AND parent <> '' ORDER BY id`, t.s.county, device); err != nil {
		return nil, err
	}
	return t.devices(ids)
}

func (t *readTx) devices(ids []string) (out []syncengine.Device, err error) {
	for _, id := range ids {
		d, err := t.Device(id)
		if err != nil {
			return nil, err
		}
		out = append(out, *d)
	}
	return out, nil
}

// OldDead implements syncengine.ReadTx.
func (t *readTx) OldDead(upTo int64, after syncengine.DeadAt, limit int) (out []syncengine.DeadAt, err error) {
	err = t.query(func(r row) error {
		out = append(out, syncengine.DeadAt{Seq: r.int(0), Table: r.str(1), ID: syncengine.RowID(r.str(2))})
		return nil
	}, `SELECT seq, tbl, id FROM dead WHERE county = $1 AND bare = 0 AND seq <= $2 AND (seq, tbl, id) > ($3, $4, $5)
		ORDER BY seq, tbl, id LIMIT $6`, t.s.county, upTo, after.Seq, after.Table, string(after.ID), int64(max(limit, 0)))
	return out, err
}

// StripDead implements syncengine.Tx.
func (t *tx) StripDead(table string, id syncengine.RowID) error {
	tb, err := t.table(table)
	if err != nil {
		return err
	}
	d, err := t.Dead(table, id)
	if err != nil || d == nil {
		return err
	}
	d.Strip()
	if err := t.exec(`UPDATE dead SET body = $1, bare = 1 WHERE county = $2 AND tbl = $3 AND id = $4`,
		encodeDead(d, tb.layout), t.s.county, table, string(id)); err != nil {
		return fmt.Errorf("strip dead id %s/%s: %w", table, id, err)
	}
	return t.forgetRepointed(table, id)
}

// PruneMoves implements syncengine.Tx.
func (t *tx) PruneMoves(upTo int64, limit int) (int, error) {
	if err := t.exec(`INSERT OR REPLACE INTO moved (county, tbl, id, seq, scope, door, author) SELECT county, tbl, id, seq, scope, door, author
		FROM move WHERE county = $1 AND seq <= $2 ORDER BY seq, tbl, id, scope, door LIMIT $3`, t.s.county, upTo, int64(max(limit, 0))); err != nil {
		return 0, fmt.Errorf("keep where rows were: %w", err)
	}
	return t.remove(`DELETE FROM move WHERE (county, tbl, id, seq, scope, door) IN (SELECT county, tbl, id, seq, scope, door
		FROM move WHERE county = $1 AND seq <= $2 ORDER BY seq, tbl, id, scope, door LIMIT $3)`, t.s.county, upTo, int64(max(limit, 0)))
}

// PruneInbox implements syncengine.Tx.
func (t *tx) PruneInbox(device string, upTo int64, limit int) (int, error) {
	return t.remove(`DELETE FROM inbox WHERE county = $1 AND device = $2 AND number IN (SELECT number
		FROM inbox WHERE county = $3 AND device = $4 AND number <= $5 ORDER BY number LIMIT $6)`,
		t.s.county, device, t.s.county, device, upTo, int64(max(limit, 0)))
}

// remove runs a deletion and tells how many rows it took.
func (t *tx) remove(query string, args ...any) (n int, err error) {
	if err := t.exec(query, args...); err != nil {
		return 0, err
	}
	_, err = t.one(func(r row) error { n = int(r.int(0)); return nil }, `SELECT changes()`)
	return n, err
}
