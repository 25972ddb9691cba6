package device

import (
	"context"
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Scopes lists the scopes that rows are in.
func (p *port) Scopes(t *schema.Table) ([]string, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT DISTINCT coalesce("scope", '') FROM `+quote(t.Name)+` ORDER BY 1`) //nolint:sqlclosecheck // collect closes them
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (s string, err error) { err = rows.Scan(&s); return s, err })
}

// InScope reads the rows of a scope. The image belongs to fn only until it returns.
func (p *port) InScope(t *schema.Table, scope string, fn func(se.RowID, replica.Image)) error {
	where, args := `"scope" = ?`, []any{scope}
	if scope == "" {
		where, args = `("scope" IS NULL OR "scope" = '')`, nil
	}
	rows, err := p.conn.QueryContext(p.ctx, `SELECT "id", `+quoted(cellColumns(t))+" FROM "+quote(t.Name)+" WHERE "+where, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var id string
	image := blank(t)
	dest := []any{&id}
	for _, cell := range image {
		for j := range cell {
			dest = append(dest, &scanned{&cell[j]})
		}
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		fn(se.RowID(id), image)
	}
	return rows.Err()
}

// mostMended is how many repaired rows are remembered, the newest.
const mostMended = 20_000

// PutMended keeps what a repair replaced.
func (p *port) PutMended(m replica.Mended) error {
	t := p.schema.Table(m.Table)
	if t == nil {
		return fmt.Errorf("bug: a row of %s was repaired", m.Table)
	}
	image := func(row replica.Image) any {
		if row == nil {
			return nil
		}
		return encodeImage(t, row)
	}
	if err := p.exec(`INSERT INTO ds_repaired(wall, tbl, row, local, old, new) VALUES(?, ?, ?, ?, ?, ?)`,
		m.Wall, m.Table, string(m.Row), m.Local, image(m.Old), image(m.New)); err != nil {
		return err
	}
	return p.exec(`DELETE FROM ds_repaired WHERE k <= (SELECT max(k) FROM ds_repaired) - ?`, mostMended)
}

// PutCheck keeps how a check ended.
func (p *port) PutCheck(c replica.Checked) error {
	if err := p.exec(`INSERT INTO ds_check(wall, scopes, repaired, local, unmended, stopped) VALUES(?, ?, ?, ?, ?, ?)`,
		c.Wall, c.Scopes, c.Repaired, c.Local, c.Unmended, c.Stopped); err != nil {
		return err
	}
	return p.exec(`DELETE FROM ds_check WHERE k <= (SELECT max(k) FROM ds_check) - 50`)
}

// Checks lists how the last checks ended, the newest first.
func (p *port) Checks(limit int) ([]replica.Checked, error) { return readChecks(p.ctx, p.conn, limit) }

func readChecks(ctx context.Context, q querier, limit int) ([]replica.Checked, error) {
	rows, err := q.QueryContext(ctx, `SELECT wall, scopes, repaired, local, unmended, stopped FROM ds_check ORDER BY k DESC LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("read checks: %w", err)
	}
	return collect(rows, func() (c replica.Checked, err error) {
		err = rows.Scan(&c.Wall, &c.Scopes, &c.Repaired, &c.Local, &c.Unmended, &c.Stopped)
		return c, err
	})
}

// Repaired is a row that a repair changed.
type Repaired struct {
	Table string
	ID    se.RowID
	At    int64                   // ms by this device's clock
	Local bool                    // it did not show what the replica itself held for it
	Old   map[string]schema.Value // nil = there was no such row
	New   map[string]schema.Value // nil = there is none
}

// Repairs lists what repairs changed, the newest first, at most limit. It tells values: a locked replica lists nothing.
func (r *Replica) Repairs(ctx context.Context, limit int) ([]Repaired, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	rows, err := r.read.QueryContext(ctx, `SELECT wall, tbl, row, local, old, new FROM ds_repaired ORDER BY k DESC LIMIT ?`, limit)
	if err != nil {
		return nil, storage(err)
	}
	list, err := collect(rows, func() (x Repaired, err error) {
		var before, after []byte
		if err := rows.Scan(&x.At, &x.Table, &x.ID, &x.Local, &before, &after); err != nil {
			return x, err
		}
		t := r.schema.Table(x.Table)
		if t == nil {
			return x, nil // a record type that is gone: its name and id are told
		}
		if x.Old, err = columnsOf(t, before); err == nil {
			x.New, err = columnsOf(t, after)
		}
		return x, err
	})
	return list, storage(err)
}

func columnsOf(t *schema.Table, b []byte) (map[string]schema.Value, error) {
	if b == nil {
		return nil, nil
	}
	row, err := decodeImage(t, b)
	if err != nil || row == nil {
		return nil, err
	}
	out := map[string]schema.Value{}
	for i, cell := range t.Cells {
		for j, col := range cell.Columns {
			out[col.Name] = row[i][j]
		}
	}
	return out, nil
}

// purgeRepaired forgets what repairs replaced in rows that are not the person's any more.
func (p *port) purgeRepaired(keep func(table string, row se.RowID) (bool, error)) error {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT DISTINCT tbl, row FROM ds_repaired`)
	if err != nil {
		return err
	}
	list, err := collect(rows, func() (k replica.RowKey, err error) { err = rows.Scan(&k.Table, &k.Row); return k, err })
	if err != nil {
		return err
	}
	for _, k := range list {
		held, err := keep(k.Table, k.Row)
		if err == nil && !held {
			err = p.exec(`DELETE FROM ds_repaired WHERE tbl = ? AND row = ?`, k.Table, string(k.Row))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
