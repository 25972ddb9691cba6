package device

import (
	"context"
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Form is a row as a person read it, and when. Its fields may be stored and restored.
type Form struct {
	Table  string
	ID     se.RowID
	Values map[string]schema.Value // every column
	Seen   replica.Form            // what of the centre's row it shows
}

// Form reads a row for editing: values and cursor in one moment. An unknown id is CodeNoRow.
func (r *Replica) Form(ctx context.Context, table string, id se.RowID) (*Form, error) {
	t, err := r.table(table)
	if err == nil {
		err = r.usable(ctx)
	}
	if err != nil {
		return nil, err
	}
	tx, err := r.read.BeginTx(ctx, nil)
	if err != nil {
		return nil, storage(err)
	}
	defer func() { _ = tx.Rollback() }()
	row, err := readRow(ctx, tx, t, id)
	if err != nil {
		return nil, err
	}
	seen, err := replica.OpenForm(&port{conn: tx, schema: r.schema, ctx: ctx}, t, id)
	if err != nil {
		return nil, storage(err)
	}
	rows := []Row{*row}
	if err := r.openRows(t, rows); err != nil {
		return nil, err
	}
	return &Form{Table: table, ID: id, Values: rows[0].Values, Seen: seen}, nil
}

// SetForm saves what a person changed in a form: only the cells he changed, and as decided on what he had read,
// whatever deltas brought meanwhile. Of a group of columns the whole group is written as the form shows it.
func (tx *Tx) SetForm(f *Form, changes map[string]any) error {
	t, err := tx.table(f.Table)
	if err != nil {
		return err
	}
	given, err := tx.replica.checked(t, changes, false)
	if err != nil {
		return err
	}
	row := map[string]schema.Value{}
	for name, v := range given {
		if v == f.Values[name] {
			continue
		}
		for _, c := range t.CellOf(name).Columns {
			row[c.Name] = f.Values[c.Name]
			if x, ok := given[c.Name]; ok {
				row[c.Name] = x
			}
		}
	}
	if len(row) == 0 {
		return nil
	}
	if err := tx.ReadAt(f.Seen.Base); err != nil {
		return err
	}
	tx.forms = append(tx.forms, f.Seen)
	if err := tx.set(t, f.ID, row); err != nil {
		return fmt.Errorf("save form: %w", err)
	}
	return tx.ReadAt(se.Base{})
}
