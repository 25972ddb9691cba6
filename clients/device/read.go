package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Row is a row as programs see it: the centre's, with this device's pending edits on top. Sealed columns are opened (a
// text) where this device holds the key; else they hold the ciphertext (a blob).
type Row struct {
	Table  string
	ID     se.RowID
	Values map[string]schema.Value // every column but the id
}

// Query reads with plain SQL, on a connection that cannot write. The caller closes the rows.
func (r *Replica) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	rows, err := r.read.QueryContext(ctx, query, args...)
	return rows, storage(err)
}

// QueryRow reads one row with plain SQL, on a connection that cannot write.
func (r *Replica) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if err := r.usable(ctx); err != nil {
		ctx = denied{ctx, err}
	}
	return r.read.QueryRowContext(ctx, query, args...)
}

// denied is a context that is over for a reason of ours: the Scan of a row that was asked for under it gives that reason.
type denied struct {
	context.Context
	why error
}

func (denied) Done() <-chan struct{} { return atOnce }
func (d denied) Err() error          { return d.why }

var atOnce = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Get reads a row. An unknown id is CodeNoRow.
func (r *Replica) Get(ctx context.Context, table string, id se.RowID) (*Row, error) {
	t, err := r.table(table)
	if err == nil {
		err = r.usable(ctx)
	}
	if err != nil {
		return nil, err
	}
	row, err := readRow(ctx, r.read, t, id)
	if err != nil {
		return nil, err
	}
	rows := []Row{*row}
	return &rows[0], r.openRows(t, rows)
}

func readRow(ctx context.Context, q querier, t *schema.Table, id se.RowID) (*Row, error) {
	list, err := readRows(ctx, q, t, ` WHERE "id" = ?`, string(id))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, say(CodeNoRow, fmt.Errorf("no such row of %s", t.Name))
	}
	return &list[0], nil
}

func readRows(ctx context.Context, q querier, t *schema.Table, where string, args ...any) ([]Row, error) {
	cols := cellColumns(t)
	rows, err := q.QueryContext(ctx, `SELECT "id", `+quoted(cols)+" FROM "+quote(t.Name)+where, args...)
	if err != nil {
		return nil, storage(err)
	}
	values := make([]schema.Value, len(cols))
	list, err := collect(rows, func() (Row, error) {
		row := Row{Table: t.Name, Values: make(map[string]schema.Value, len(cols))}
		dest := []any{&row.ID}
		for i := range values {
			dest = append(dest, &scanned{&values[i]})
		}
		if err := rows.Scan(dest...); err != nil {
			return row, err
		}
		for i, c := range cols {
			row.Values[c.Name] = values[i]
		}
		return row, nil
	})
	return list, storage(err)
}

// List reads rows whose columns hold the values of filter (nil for NULL), in order of id; limit 0 = all.
func (r *Replica) List(ctx context.Context, table string, filter map[string]any, limit int) ([]Row, error) {
	t, err := r.table(table)
	if err == nil {
		err = r.usable(ctx)
	}
	if err != nil {
		return nil, err
	}
	var where []string
	var args []any
	for name, x := range filter {
		c := t.Column(name)
		if c == nil {
			return nil, say(CodeNoColumn, nil, t.Name, name)
		}
		v, err := ValueOf(c, x)
		if err != nil {
			return nil, say(CodeBadValue, err)
		}
		if c, v, err = r.matching(t, c, v); err != nil {
			return nil, err
		}
		where, args = append(where, quote(c.Name)+" IS ?"), append(args, v.Any())
	}
	text := ""
	if len(where) > 0 {
		text = " WHERE " + strings.Join(where, " AND ")
	}
	if limit <= 0 {
		limit = -1
	}
	list, err := readRows(ctx, r.read, t, text+` ORDER BY "id" LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	return list, r.openRows(t, list)
}

// Mark is how far a row's newest change has come.
type Mark string

// The marks.
const (
	MarkSaved    Mark = "○" // saved on this device
	MarkReceived Mark = "◐" // the centre has it, and its word is durable here
	MarkDone     Mark = "●" // everything about the row is in
	MarkRefused  Mark = "!" // a change of it was refused; see Rejected
)

// Mark tells how far a row has come; deleted rows have a mark too. An id that nothing here knows is CodeNoRow.
func (r *Replica) Mark(ctx context.Context, table string, id se.RowID) (Mark, error) {
	t, err := r.table(table)
	if err == nil {
		err = r.unlocked(ctx)
	}
	if err != nil {
		return "", err
	}
	var refused, saved, received, there bool
	err = r.read.QueryRowContext(ctx, `SELECT
		EXISTS(SELECT 1 FROM ds_touched x JOIN ds_quarantine q ON q.n = x.n WHERE x.tbl = ?1 AND x.row = ?2 AND q.handled = 0),
		EXISTS(SELECT 1 FROM ds_touched x JOIN ds_outbox o ON o.n = x.n WHERE x.tbl = ?1 AND x.row = ?2)
			OR EXISTS(SELECT 1 FROM ds_capture WHERE tbl = ?1 AND id = ?2 AND op <> 'k'),
		EXISTS(SELECT 1 FROM ds_pending WHERE tbl = ?1 AND row = ?2),
		EXISTS(SELECT 1 FROM `+quote(t.Name)+` WHERE id = ?2)`, t.Name, string(id)).Scan(&refused, &saved, &received, &there)
	switch {
	case errors.Is(err, sql.ErrNoRows), err != nil:
		return "", storage(err)
	case refused:
		return MarkRefused, nil
	case saved:
		return MarkSaved, nil
	case received:
		return MarkReceived, nil
	case there:
		return MarkDone, nil
	}
	return "", say(CodeNoRow, fmt.Errorf("no such row of %s", t.Name))
}
