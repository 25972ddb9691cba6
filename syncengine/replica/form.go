package replica

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Form is a row on somebody's screen: what he has seen of it however long he takes to save it. The SDK gives Base to
// the capture triggers (ds_control.form_epoch, form_cursor) and the Form to Seal in the same transaction.
type Form struct {
	Table string
	Row   se.RowID
	Base  se.Base            // the cursor when the row was read
	Lower map[string]se.Base // cells that showed an edit under way then: the overlay hid what had come since its base
}

// OpenForm notes what somebody who reads a row now sees of it.
func OpenForm(tx Tx, t *schema.Table, id se.RowID) (Form, error) {
	ctl, err := tx.Control()
	if err != nil {
		return Form{}, err
	}
	pending, err := tx.Pending(t, id)
	if err != nil {
		return Form{}, fmt.Errorf("read pending changes of %s: %w", t.Name, err)
	}
	f := Form{Table: t.Name, Row: id, Base: ctl.Base()}
	for _, cell := range t.Cells {
		if b := pinned(f.Base, cell, pending); b.Less(f.Base) {
			if f.Lower == nil {
				f.Lower = map[string]se.Base{}
			}
			f.Lower[cell.Name] = b
		}
	}
	return f, nil
}

// base is that of an edit made in the form. Edits of the cell that were made since it was opened do not lower it: who
// filled it in had read the row before they hid anything.
func (f *Form) base(b se.Base, cell *schema.Cell) se.Base {
	if x, ok := f.Lower[cell.Name]; ok && x.Less(b) {
		return x
	}
	return b
}

// pinned lowers the base of an edit of a cell to that of the newest edit of it that is still pending: what that one's
// author had not seen, the overlay has hidden since. Older ones may know less, where they are offered again after a
// restore; who wrote the newest knew what it replaced.
func pinned(b se.Base, cell *schema.Cell, pending []Pending) se.Base {
	newest, edited := b, false
	for _, p := range pending {
		switch {
		case p.Change.Op == se.OpDelete:
			if p.Change.Base.Less(b) {
				b = p.Change.Base
			}
		case p.Change.Op == se.OpInsert:
			// The centre had no such row when this one was made: nothing of it was seen.
			b = lowest(b, []Pending{p})
		default:
			for _, w := range p.Change.Cells {
				// An operation hides nothing: what the centre brought since lies under it, in sight.
				if w.Cell == cell.Name && !w.Operation() {
					newest, edited = w.Base, true
				}
			}
		}
	}
	if edited && newest.Less(b) {
		return newest
	}
	return b
}
