package device

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// quote makes an identifier. Names come from a schema that was checked; they are quoted all the same.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// cellColumns lists a record type's columns in the order in which an image holds them.
func cellColumns(t *schema.Table) []*schema.Column {
	var out []*schema.Column
	for _, cell := range t.Cells {
		out = append(out, cell.Columns...)
	}
	return out
}

func quoted(cols []*schema.Column) string {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = quote(c.Name)
	}
	return strings.Join(names, ", ")
}

// text gives the statement of that name for t, built once for each transaction.
func (p *port) text(t *schema.Table, name string, build func() string) string {
	key := name + " " + t.Name
	if p.stmts == nil {
		p.stmts = map[string]string{}
	}
	q, ok := p.stmts[key]
	if !ok {
		q = build()
		p.stmts[key] = q
	}
	return q
}

// Row gives the row as programs see it.
func (p *port) Row(t *schema.Table, id se.RowID) (replica.Image, error) {
	q := p.text(t, "row", func() string {
		return "SELECT " + quoted(cellColumns(t)) + " FROM " + quote(t.Name) + ` WHERE "id" = ?`
	})
	row := blank(t)
	var dest []any
	for _, cell := range row {
		for j := range cell {
			dest = append(dest, &scanned{&cell[j]})
		}
	}
	err := p.conn.QueryRowContext(p.ctx, q, string(id)).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read row of %s: %w", t.Name, err)
	}
	return row, nil
}

// scanned lets database/sql fill a Value.
type scanned struct{ v *schema.Value }

// Scan implements sql.Scanner; bytes are copied.
func (s *scanned) Scan(x any) (err error) {
	*s.v, err = schema.FromAny(x)
	return err
}

// PutRow makes the row that programs see.
func (p *port) PutRow(t *schema.Table, id se.RowID, row replica.Image) error {
	q := p.text(t, "put", func() string {
		cols := cellColumns(t)
		sets := make([]string, len(cols))
		for i, c := range cols {
			sets[i] = quote(c.Name) + " = excluded." + quote(c.Name)
		}
		return "INSERT INTO " + quote(t.Name) + `("id", ` + quoted(cols) + ") VALUES(?" + strings.Repeat(", ?", len(cols)) +
			`) ON CONFLICT("id") DO UPDATE SET ` + strings.Join(sets, ", ")
	})
	args := []any{string(id)}
	for _, cell := range row {
		for _, v := range cell {
			args = append(args, v.Any())
		}
	}
	if err := p.exec(q, args...); err != nil {
		return fmt.Errorf("write row of %s: %w", t.Name, err)
	}
	return nil
}

// DeleteRow takes the row out of what programs see.
func (p *port) DeleteRow(t *schema.Table, id se.RowID) error {
	return p.exec("DELETE FROM "+quote(t.Name)+` WHERE "id" = ?`, string(id))
}

// RowIDs lists the rows that programs see, in order of id.
func (p *port) RowIDs(t *schema.Table) ([]se.RowID, error) {
	return p.ids(`SELECT "id" FROM ` + quote(t.Name) + ` ORDER BY "id"`)
}

// Find lists rows whose column, a reference, holds v, in order of id. Of the parameter see Pending.
func (p *port) Find(t *schema.Table, column string, v schema.Value) ([]se.RowID, error) {
	if t.Column(column) == nil {
		return nil, fmt.Errorf("bug: %s has no column %s", t.Name, column)
	}
	return p.ids(`SELECT "id" FROM `+quote(t.Name)+" WHERE "+quote(column)+` IS CAST(? AS TEXT) ORDER BY "id"`, v.Any())
}

func (p *port) ids(query string, args ...any) ([]se.RowID, error) {
	rows, err := p.conn.QueryContext(p.ctx, query, args...) //nolint:sqlclosecheck // collect closes them
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (id se.RowID, err error) { err = rows.Scan(&id); return })
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, scan func() (T, error)) ([]T, error) {
	defer rows.Close()
	var out []T
	for rows.Next() {
		x, err := scan()
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, rows.Err()
}
