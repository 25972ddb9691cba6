package replica

import (
	"fmt"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// What the centre shows and these declarations do not know is kept beside the rows, by name, and follows them: it is
// replaced, evicted, deleted and reset as they are. Newer declarations find it there (P11).
//
// Of a record type that is not known at all, a row is kept whole, under this cell too, which marks that it is there.
const keptRow = ""

// placeOf gives the place of a cell, as it came, in a record type; -1 if there is none for it.
func placeOf(t *schema.Table, c *se.CellValue) int {
	if t == nil {
		return -1
	}
	if i := t.CellIndex(c.Cell); i >= 0 && len(c.Values) == len(t.Cells[i].Columns) {
		return i
	}
	return -1
}

// keeper holds what is kept while a step is applied.
type keeper struct {
	tx    Tx
	whole bool // everything that the cursor covers has been kept so far
	any   bool // something was kept before this step
	rows  map[RowKey]*keptCells
	order []*keptCells
}

type keptCells struct {
	key     RowKey
	cells   []se.CellValue // in order of name
	seen    bool           // the step brought the row
	changed bool
}

func newKeeper(tx Tx, whole bool) (*keeper, error) {
	keys, err := tx.KeptRows()
	if err != nil {
		return nil, fmt.Errorf("list what is kept: %w", err)
	}
	return &keeper{tx: tx, whole: whole, any: len(keys) > 0, rows: map[RowKey]*keptCells{}}, nil
}

func (k *keeper) row(key RowKey) (*keptCells, error) {
	if r := k.rows[key]; r != nil {
		return r, nil
	}
	r := &keptCells{key: key}
	if k.any {
		var err error
		if r.cells, err = k.tx.Kept(key); err != nil {
			return nil, fmt.Errorf("read what is kept of %s: %w", key.Table, err)
		}
	}
	k.rows[key] = r
	k.order = append(k.order, r)
	return r, nil
}

func (r *keptCells) forget() {
	r.changed = r.changed || len(r.cells) > 0
	r.cells = nil
}

func (r *keptCells) set(c se.CellValue) {
	r.changed = true
	i, found := slices.BinarySearchFunc(r.cells, c.Cell, func(x se.CellValue, name string) int { return strings.Compare(x.Cell, name) })
	if found {
		r.cells[i] = c
		return
	}
	r.cells = slices.Insert(r.cells, i, c)
}

// scope is that of a row of an unknown record type.
func (r *keptCells) scope() string {
	for _, c := range r.cells {
		if c.Cell == schema.CellScope && len(c.Values) == 1 {
			return c.Values[0].Str()
		}
	}
	return ""
}

// foreign takes an item of a record type that is not known.
func (k *keeper) foreign(it *StagedItem) error {
	r, err := k.row(RowKey{it.Table, it.Row})
	if err != nil {
		return err
	}
	switch {
	case it.Kind == se.DeltaDead, it.Kind == se.DeltaEvict && r.scope() == it.Scope:
		r.forget()
	case it.Kind != se.DeltaRow:
	case it.Whole:
		r.forget()
		r.seen = true
		r.set(se.CellValue{Cell: keptRow})
		r.merge(nil, it.Cells)
	case len(r.cells) > 0:
		r.seen = true
		r.merge(nil, it.Cells)
	case k.whole:
		return fmt.Errorf("%w: change of %s %s, which is not kept here", ErrBroken, it.Table, it.Row)
	}
	return nil
}

// beside takes those cells of a row of a known record type that it has no place for.
func (k *keeper) beside(t *schema.Table, it *StagedItem) error {
	if !k.any && !slices.ContainsFunc(it.Cells, func(c se.CellValue) bool { return placeOf(t, &c) < 0 }) && k.rows[RowKey{it.Table, it.Row}] == nil {
		return nil
	}
	r, err := k.row(RowKey{it.Table, it.Row})
	if err != nil {
		return err
	}
	if it.Whole {
		r.forget()
	}
	r.merge(t, it.Cells)
	return nil
}

func (r *keptCells) merge(t *schema.Table, cells []se.CellValue) {
	for _, c := range cells {
		if placeOf(t, &c) < 0 {
			r.set(se.CellValue{Cell: c.Cell, Values: slices.Clone(c.Values)})
		}
	}
}

// gone forgets what is kept of a row that the centre no longer shows.
func (k *keeper) gone(key RowKey) error {
	if !k.any && k.rows[key] == nil {
		return nil
	}
	r, err := k.row(key)
	if err == nil {
		r.forget()
	}
	return err
}

// dropOthers forgets rows of unknown record types that a snapshot does not hold.
func (k *keeper) dropOthers(s *schema.Schema) error {
	if !k.any {
		return nil
	}
	keys, err := k.tx.KeptRows()
	if err != nil {
		return err
	}
	for _, key := range keys {
		r, err := k.row(key)
		if err != nil {
			return err
		}
		if s.Table(key.Table) == nil && !r.seen {
			r.forget()
		}
	}
	return nil
}

func (k *keeper) write() error {
	for _, r := range k.order {
		if !r.changed {
			continue
		}
		if err := k.tx.PutKept(r.key, r.cells); err != nil {
			return fmt.Errorf("keep cells of %s: %w", r.key.Table, err)
		}
	}
	return nil
}

// Adopt gives newer declarations what was kept for them: cells of rows, and whole rows of new record types. It belongs
// into the transaction that brings the replica's tables to them, after what was captured has been sealed. The cursor
// vouches for what is adopted. added names the cells that are new ("table.cell").
//
// Where an earlier program passed over what it did not know, nothing is there to adopt: then the next Hello asks for a
// snapshot, and until it is live the cursor vouches for none of the new cells. The outbox is untouched.
func Adopt(tx Tx, s *schema.Schema, added []string) error {
	ctl, err := tx.Control()
	if err != nil {
		return err
	}
	if !ctl.Keeps && ctl.View != "" && len(added) > 0 {
		ctl.View = ""
		for _, name := range added {
			if !slices.Contains(ctl.Unseen, name) {
				ctl.Unseen = append(ctl.Unseen, name)
			}
		}
		if err := tx.PutControl(ctl); err != nil {
			return err
		}
	}
	keys, err := tx.KeptRows()
	if err != nil {
		return err
	}
	a := applier{tx: tx, schema: s, rows: map[RowKey]*target{}}
	for _, key := range keys {
		if err := a.adopt(key); err != nil {
			return err
		}
	}
	return a.write()
}

// adopt moves what has a place now from what is kept of a row into the centre's row.
func (a *applier) adopt(key RowKey) error {
	t := a.schema.Table(key.Table)
	if t == nil {
		return nil
	}
	cells, err := a.tx.Kept(key)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(cells, func(c se.CellValue) bool { return c.Cell == keptRow || placeOf(t, &c) >= 0 }) {
		return nil
	}
	x, err := a.target(t, key.Row)
	if err != nil {
		return err
	}
	var rest []se.CellValue
	for _, c := range cells {
		i := placeOf(t, &c)
		switch {
		case c.Cell == keptRow:
			if x.image == nil {
				x.image = blank(t)
			}
		case i < 0:
			rest = append(rest, c)
		case x.image != nil:
			x.image[i] = slices.Clone(c.Values)
		}
	}
	a.cases.note(t, key.Row, x.image)
	return a.tx.PutKept(key, rest)
}
