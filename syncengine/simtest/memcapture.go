package simtest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Exec implements Device: the statements run as SQLite would run them under the triggers of schema/ddl.
func (m *MemDevice) Exec(x Transaction, clock replica.Clock) error {
	return m.Update(func(tx replica.Tx) error {
		if left, limited := m.ctl.Lease.Left(clock); limited && left == 0 && !x.Foreign && !m.unguarded {
			return ErrLocked
		}
		if f, ok := m.filed[x.Replaces]; x.Replaces != 0 && (!ok || f.verdict.Kind.Effective()) {
			return ErrNotRefused
		}
		for i := range x.Statements {
			if err := m.statement(&x.Statements[i], x.Form, clock.Wall); err != nil {
				return err
			}
		}
		if x.Foreign {
			return nil
		}
		var forms []replica.Form
		if x.Form != nil {
			forms = append(forms, *x.Form)
		}
		cs, err := replica.SealWith(tx, m.schema, clock, replica.Sealing{Forms: forms, Replaces: x.Replaces})
		if err != nil || cs == nil || m.unguarded || x.Replaces != 0 { // who sends a refused one again asks the centre again
			return err
		}
		if why, err := replica.Forbidden(tx, m.schema, &m.ctl, cs); err != nil || why != nil {
			return errors.Join(err, ErrNoRight)
		}
		return nil
	})
}

func (m *MemDevice) statement(st *Statement, form *replica.Form, wall int64) error {
	t := m.schema.Table(st.Table)
	if t == nil {
		return fmt.Errorf("no such table: %s", st.Table)
	}
	k := replica.RowKey{Table: st.Table, Row: st.Row}
	base := m.ctl.Base()
	if form != nil {
		base = form.Base
	}
	note := func(op replica.CaptureOp, column string, before, after schema.Value) {
		old := m.captured
		m.captured = slices.Concat(old, []replica.Capture{{
			Table: st.Table, Row: st.Row, Op: op, Col: column, Old: before, New: after, Base: base, Wall: wall,
		}})
		m.save(func() { m.captured = old })
	}
	old := m.rows[k]
	if err := m.guard(t, st, old); err != nil {
		return err
	}
	if st.Verb == Insert || st.Verb == Replace || st.Verb == Ignore || st.Verb == Upsert {
		if old != nil { // BEFORE INSERT, whatever becomes of it
			eachColumn(t, func(c *schema.Column, i, j int) {
				if capturedCell(t.Cells[i]) || !old[i][j].IsNull() {
					note(replica.CaptureKept, c.Name, old[i][j], schema.Null())
				}
			})
		}
	}
	switch verb := st.Verb; {
	case (verb == Insert || verb == Replace || verb == Ignore || verb == Upsert) && old == nil, verb == Replace:
		row := newImage(t)
		assign(t, row, st.Set)
		m.setRow(k, row)
		note(replica.CaptureInsert, "", schema.Null(), schema.Null())
	case verb == Insert:
		return fmt.Errorf("UNIQUE constraint failed: %s.id", st.Table)
	case verb == Ignore:
	case verb == Upsert, verb == Update && old != nil:
		row := cloneImage(old)
		assign(t, row, st.Set)
		m.setRow(k, row)
		for i, cell := range t.Cells {
			if capturedCell(cell) && !slices.Equal(old[i], row[i]) {
				for j, c := range cell.Columns {
					note(replica.CaptureUpdate, c.Name, old[i][j], row[i][j])
				}
			}
		}
	case verb == Delete && old != nil:
		m.setRow(k, nil)
		note(replica.CaptureDelete, "", schema.Null(), schema.Null())
		eachColumn(t, func(c *schema.Column, i, j int) {
			if !old[i][j].IsNull() {
				note(replica.CaptureDelete, c.Name, old[i][j], schema.Null())
			}
		})
	}
	return nil
}

func capturedCell(c *schema.Cell) bool { return c.Name != schema.CellEnvelop && !c.Derived }

func eachCaptured(t *schema.Table, fn func(c *schema.Column, i, j int)) {
	for i, cell := range t.Cells {
		if capturedCell(cell) {
			for j, c := range cell.Columns {
				fn(c, i, j)
			}
		}
	}
}

// eachColumn is for notes of a row that goes: the centre's own columns are kept too.
func eachColumn(t *schema.Table, fn func(c *schema.Column, i, j int)) {
	for i, cell := range t.Cells {
		for j, c := range cell.Columns {
			fn(c, i, j)
		}
	}
}

func newImage(t *schema.Table) replica.Image {
	row := make(replica.Image, len(t.Cells))
	for i, c := range t.Cells {
		row[i] = make([]schema.Value, len(c.Columns))
	}
	return row
}

func assign(t *schema.Table, row replica.Image, set []Assign) {
	for _, a := range set {
		def := t.CellOf(a.Column)
		row[t.CellIndex(def.Name)][slices.Index(def.Columns, t.Column(a.Column))] = a.Value
	}
}

// errEnded is what a replica in memory says of what was taken from its person.
var errEnded = errors.New("has ended")

// guard refuses to write rows of a scope in which the person's work has ended, as the triggers do.
func (m *MemDevice) guard(t *schema.Table, st *Statement, old replica.Image) error {
	if m.unguarded {
		return nil
	}
	if err := m.guardDoor(t, st, old); err != nil {
		return err
	}
	scopes := []string{}
	if old != nil {
		scopes = append(scopes, old[t.CellIndex(schema.CellScope)][0].Str())
	}
	for _, a := range st.Set {
		if a.Column == schema.ColScope {
			scopes = append(scopes, a.Value.Str())
		}
	}
	for _, s := range scopes {
		if slices.Contains(m.ctl.Leaving.Scopes, s) {
			return fmt.Errorf("your work in %s %w", s, errEnded)
		}
	}
	return nil
}
