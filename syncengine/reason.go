package syncengine

import "github.com/doorstep-sync/doorstep/schema"

// readsReason tells whether the reason of a decision may be sent. It is free text, in which a supervisor may quote whatever
// his screen showed side by side: only who reads all of that, unmasked and in rows of his own view, reads the reason. That
// a decision was taken, and which, everybody is told who was told of the conflict.
func (v *views) readsReason(tx ReadTx, m *Message) (bool, error) {
	con, err := tx.Conflict(m.Conflict.ID)
	if err != nil || con == nil {
		return false, err
	}
	t := v.schema.Table(con.Key.Table)
	if t == nil {
		return false, nil
	}
	cells := t.Cells
	if con.Key.Kind == ConflictCell {
		if cells = []*schema.Cell{t.Cell(con.Key.Cell)}; cells[0] == nil {
			return false, nil
		}
	}
	rows := []RowID{con.Key.Row}
	if con.Key.Kind == ConflictDuplicate {
		for _, x := range con.Candidates {
			rows = append(rows, x.Row)
		}
	}
	for _, id := range rows {
		row, err := whereabouts(tx, t.Name, id)
		if err != nil || row == nil || !v.showsRow(t, row) || !v.readsCells(t, row.Scope, cells) {
			return false, err
		}
		if con.Key.Kind == ConflictWorkflow && t.StepsBy != nil && !v.readsCells(t.StepsBy, row.Scope, t.StepsBy.Cells) {
			return false, nil
		}
	}
	return true, nil
}

func (v *views) readsCells(t *schema.Table, scope string, cells []*schema.Cell) bool {
	a := v.access(t, scope)
	for _, c := range cells {
		if a == nil || !c.Derived && !a.Reads(c) {
			return false
		}
	}
	return true
}

// whereabouts gives a row as it is, or as it was when it was deleted; nil if there never was one.
func whereabouts(tx ReadTx, table string, id RowID) (*Row, error) {
	row, err := tx.Peek(table, id)
	if err != nil || row != nil {
		return row, err
	}
	dead, err := tx.Dead(table, id)
	if err != nil || dead == nil {
		return nil, err
	}
	return dead.Row, nil
}
