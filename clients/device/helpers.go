package device

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Insert adds a row and gives its id: the one in values["id"], else a new one. A scope that is left out is that of
// the first row it refers to, or the only grid of this device. Values are what ValueOf takes. They are checked
// before anything is written: the error is an *Error with CodeBadValue that names each column.
func (tx *Tx) Insert(table string, values map[string]any) (se.RowID, error) {
	t, err := tx.table(table)
	if err != nil {
		return "", err
	}
	row, err := tx.replica.checked(t, values, true)
	if err != nil {
		return "", err
	}
	id, ok := row[schema.ColID]
	if !ok {
		made, err := newID(tx.port.wall, tx.replica.opts.Rand)
		if err != nil {
			return "", fmt.Errorf("make an id: %w", err)
		}
		id = schema.Text(made)
		row[schema.ColID] = id
	}
	if err := tx.replica.sealRow(t, id.Str(), row); err != nil {
		return "", err
	}
	names := sortedNames(row)
	cols, args := make([]string, len(names)), make([]any, len(names))
	for i, n := range names {
		cols[i], args[i] = quote(n), row[n].Any()
	}
	q := "INSERT INTO " + quote(t.Name) + "(" + strings.Join(cols, ", ") + ") VALUES(?" + strings.Repeat(", ?", len(cols)-1) + ")"
	if _, err := tx.Exec(q, args...); err != nil {
		return "", fmt.Errorf("insert into %s: %w", t.Name, err)
	}
	return se.RowID(id.Str()), nil
}

// Set changes columns of a row. An unknown id is CodeNoRow.
func (tx *Tx) Set(table string, id se.RowID, values map[string]any) error {
	t, err := tx.table(table)
	if err != nil {
		return err
	}
	row, err := tx.replica.checked(t, values, false)
	if err != nil || len(row) == 0 {
		return err
	}
	return tx.set(t, id, row)
}

func (tx *Tx) set(t *schema.Table, id se.RowID, row map[string]schema.Value) error {
	if err := tx.replica.sealRow(t, string(id), row); err != nil {
		return err
	}
	names := sortedNames(row)
	sets, args := make([]string, len(names)), make([]any, len(names))
	for i, n := range names {
		sets[i], args[i] = quote(n)+" = ?", row[n].Any()
	}
	return tx.hit(t, "UPDATE "+quote(t.Name)+" SET "+strings.Join(sets, ", ")+` WHERE "id" = ?`, append(args, string(id))...)
}

// hit runs a statement that must find its row.
func (tx *Tx) hit(t *schema.Table, query string, args ...any) error {
	res, err := tx.Exec(query, args...)
	if err != nil {
		return fmt.Errorf("write %s: %w", t.Name, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return say(CodeNoRow, fmt.Errorf("no such row of %s", t.Name))
	}
	return nil
}

// Delete removes a row. An unknown id is CodeNoRow.
func (tx *Tx) Delete(table string, id se.RowID) error {
	t, err := tx.table(table)
	if err != nil {
		return err
	}
	if t.Append {
		return appendOnly(t, t.Label)
	}
	return tx.hit(t, "DELETE FROM "+quote(t.Name)+` WHERE "id" = ?`, string(id))
}

// AddTo adds a number to a column. Where the column's policy is add, the difference travels, and what others add
// meanwhile is kept.
func (tx *Tx) AddTo(table string, id se.RowID, column string, delta any) error {
	t, err := tx.table(table)
	if err != nil {
		return err
	}
	c, err := tx.replica.writable(t, column, false)
	if err != nil {
		return err
	}
	v, err := ValueOf(c, delta)
	if err != nil || v.Kind() != schema.KindInt && v.Kind() != schema.KindReal {
		return say(CodeBadValue, fmt.Errorf("%s.%s: a number is needed", t.Name, column))
	}
	q := quote(c.Name)
	return tx.hit(t, "UPDATE "+quote(t.Name)+" SET "+q+" = coalesce("+q+`, 0) + ? WHERE "id" = ?`, v.Any(), string(id))
}

// SetAdd puts elements into a set, and SetRemove takes them out. Where the column's policy is union, only these
// elements travel, and what others add meanwhile is kept.
func (tx *Tx) SetAdd(table string, id se.RowID, column string, elements ...string) error {
	return tx.editSet(table, id, column, func(set []string) []string { return append(set, elements...) })
}

// SetRemove takes elements out of a set; those that are not in it are ignored.
func (tx *Tx) SetRemove(table string, id se.RowID, column string, elements ...string) error {
	return tx.editSet(table, id, column, func(set []string) []string {
		return slices.DeleteFunc(set, func(e string) bool { return slices.Contains(elements, e) })
	})
}

func (tx *Tx) editSet(table string, id se.RowID, column string, edit func([]string) []string) error {
	t, err := tx.table(table)
	if err != nil {
		return err
	}
	c, err := tx.replica.writable(t, column, false)
	if err != nil {
		return err
	}
	var text sql.NullString
	err = tx.QueryRow("SELECT "+quote(c.Name)+" FROM "+quote(t.Name)+` WHERE "id" = ?`, string(id)).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return say(CodeNoRow, err)
	}
	if err != nil {
		return storage(err)
	}
	var set []string
	if text.Valid {
		if set, err = schema.ParseSet(text.String); err != nil {
			return say(CodeBadValue, fmt.Errorf("%s.%s: %w", t.Name, column, err))
		}
	}
	return tx.Set(table, id, map[string]any{column: edit(set)})
}

func sortedNames(row map[string]schema.Value) []string {
	names := make([]string, 0, len(row))
	for n := range row {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
