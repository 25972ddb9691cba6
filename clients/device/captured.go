package device

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Captured gives what the triggers logged since the last seal, in order.
func (p *port) Captured() ([]replica.Capture, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT CAST(coalesce(tbl, '') AS TEXT), CAST(coalesce(id, '') AS TEXT), CAST(coalesce(op, '') AS TEXT),
		CAST(coalesce(col, '') AS TEXT), old, new, CAST(coalesce(epoch, 0) AS INTEGER), CAST(coalesce(base, 0) AS INTEGER),
		CAST(coalesce(wall, 0) AS INTEGER) FROM ds_capture ORDER BY k`) // any program may have written there: what it wrote must not stop the rest
	if err != nil {
		return nil, fmt.Errorf("read capture log: %w", err)
	}
	return collect(rows, func() (c replica.Capture, err error) {
		err = rows.Scan(&c.Table, &c.Row, &c.Op, &c.Col, &scanned{&c.Old}, &scanned{&c.New}, &c.Base.Epoch, &c.Base.Seq, &c.Wall)
		return c, err
	})
}

// ClearCaptured empties the log.
func (p *port) ClearCaptured() error { return p.exec(`DELETE FROM ds_capture`) }

// Under gives the centre's row under pending changes.
func (p *port) Under(t *schema.Table, id se.RowID) (replica.Image, bool, error) {
	var b []byte
	ok, err := p.one(`SELECT image FROM ds_under WHERE tbl = ? AND row = ?`, []any{t.Name, string(id)}, &b)
	if err != nil || !ok {
		return nil, false, err
	}
	row, err := decodeImage(t, b)
	return row, true, err
}

// PutUnder keeps the centre's row, nil for one it does not show.
func (p *port) PutUnder(t *schema.Table, id se.RowID, row replica.Image) error {
	return p.exec(`INSERT INTO ds_under(tbl, row, image) VALUES(?, ?, ?) ON CONFLICT(tbl, row) DO UPDATE SET image = excluded.image`,
		t.Name, string(id), encodeImage(t, row))
}

// DropUnder forgets it.
func (p *port) DropUnder(t *schema.Table, id se.RowID) error {
	return p.exec(`DELETE FROM ds_under WHERE tbl = ? AND row = ?`, t.Name, string(id))
}

// UnderIDs lists the rows that something is kept under, in order of id.
func (p *port) UnderIDs(t *schema.Table) ([]se.RowID, error) {
	return p.ids(`SELECT row FROM ds_under WHERE tbl = ? ORDER BY row`, t.Name)
}

// Pending lists the changes of a row whose overlay has not ended, in order of n. Its parameters are not bare, or SQLite
// would compile it anew for each row: the plan of a query of several rows might depend on what is bound.
func (p *port) Pending(t *schema.Table, id se.RowID) ([]replica.Pending, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT n, change FROM ds_pending WHERE tbl = CAST(? AS TEXT) AND row = CAST(? AS TEXT) ORDER BY n`, t.Name, string(id))
	if err != nil {
		return nil, fmt.Errorf("read pending changes: %w", err)
	}
	return collect(rows, func() (x replica.Pending, err error) {
		var b []byte
		if err := rows.Scan(&x.N, &b); err != nil {
			return x, err
		}
		x.Change, err = decodeChange(b)
		return x, err
	})
}

// PutPending lays a change over its row.
func (p *port) PutPending(x replica.Pending) error {
	return p.exec(`INSERT INTO ds_pending(tbl, row, n, change) VALUES(?, ?, ?, ?)`, x.Change.Table, string(x.Change.Row), x.N, encodeChange(&x.Change))
}

// PendingUpTo lists the rows that have a pending change with n in [from, to].
func (p *port) PendingUpTo(from, to int64) ([]replica.RowKey, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT DISTINCT tbl, row FROM ds_pending WHERE n BETWEEN ? AND ? ORDER BY tbl, row`, from, to)
	if err != nil {
		return nil, fmt.Errorf("read pending rows: %w", err)
	}
	return collect(rows, func() (k replica.RowKey, err error) { err = rows.Scan(&k.Table, &k.Row); return })
}

// Overlaid tells whether anything lies over the centre's rows.
func (p *port) Overlaid() (over bool, err error) {
	err = p.conn.QueryRowContext(p.ctx, `SELECT EXISTS(SELECT 1 FROM ds_pending) OR EXISTS(SELECT 1 FROM ds_under)`).Scan(&over)
	return over, err
}

// DropPending ends overlays of a row.
func (p *port) DropPending(t *schema.Table, id se.RowID, from, to int64) error {
	return p.exec(`DELETE FROM ds_pending WHERE tbl = ? AND row = ? AND n BETWEEN ? AND ?`, t.Name, string(id), from, to)
}
