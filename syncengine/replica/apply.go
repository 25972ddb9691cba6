package replica

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// ErrBroken says that a delta does not fit the replica: it changes a row that is not here, or goes on from another
// cursor. The device forgets what is staged and asks for a snapshot; its outbox is untouched. Of a repair it says that this is
// none: nothing of it is kept, and the device ends the connection.
var ErrBroken = errors.New("replica: the delta does not fit this replica")

// ErrGap says that a frame does not follow what is staged, or that a step goes on from beyond the cursor.
// What is staged stays; the device says Hello again, which names how far each scope is staged.
var ErrGap = errors.New("replica: a frame of the step is missing")

// Stage keeps a frame durably without showing anything of it. With the frame that says Done the whole step is
// applied in the same transaction, and applied tells so. A frame of a step that is over is ignored; one that
// does not follow what is staged is ErrGap.
func Stage(tx Tx, s *schema.Schema, clock Clock, d *se.Delta) (applied bool, err error) {
	ctl, err := tx.Control()
	if err != nil {
		return false, err
	}
	switch {
	case !d.Reset && d.View == ctl.View && ctl.Base().Less(d.From):
		return false, ErrGap // what lies between went to another connection that is gone
	case d.Reset && d.View == ctl.View, // the snapshot is in already
		!d.Reset && (d.View != ctl.View || d.From != ctl.Base()):
		return false, nil // of a step that is over
	}
	if ctl.StagedView != d.View || ctl.StagedReset != d.Reset {
		if err := forget(tx, &ctl); err != nil {
			return false, err
		}
		ctl.StagedView, ctl.StagedReset = d.View, d.Reset
	}
	if d.Scope != "" && !ctl.advance(d) {
		// Another connection staged something else meanwhile, perhaps read at a later head. Positions alone would
		// not tell the two apart at the end, so nothing of both is ever mixed.
		return false, ErrGap
	}
	last := d.Done && d.To.Epoch >= ctl.Met
	if d.Scope != "" && !last { // the last one is applied from memory: it would be written and deleted in one transaction
		if err := tx.Stage(d); err != nil {
			return false, fmt.Errorf("stage delta: %w", err)
		}
	}
	if err := tx.PutControl(ctl); err != nil {
		return false, err
	}
	if !d.Done {
		return false, nil
	}
	if !se.SamePlaces(d.Scopes, ctl.StagedAt) {
		return false, ErrGap
	}
	if !last {
		return false, nil // of a centre that has lost some of it since
	}
	if d.To.Less(ctl.Base()) && !d.Reset { // a snapshot also cures a cursor that somebody set by hand
		return false, fmt.Errorf("%w: it would move the cursor back", ErrBroken)
	}
	// Programs may have written since the last seal. Their changes must lie over the rows before those change.
	if _, err := Seal(tx, s, clock, true); err != nil {
		return false, fmt.Errorf("seal before apply: %w", err)
	}
	return true, apply(tx, s, d)
}

// Forget drops an unfinished step. The next one starts from the cursor.
func Forget(tx Tx) error {
	ctl, err := tx.Control()
	if err != nil {
		return err
	}
	if err := forget(tx, &ctl); err != nil {
		return err
	}
	return tx.PutControl(ctl)
}

func forget(tx Tx, ctl *Control) error {
	ctl.StagedView, ctl.StagedReset, ctl.StagedAt = "", false, nil
	return tx.ClearStaged()
}

// advance moves a scope's staged position over a frame; false if the frame does not go on from it.
func (c *Control) advance(d *se.Delta) bool {
	for i := range c.StagedAt {
		if s := &c.StagedAt[i]; s.Scope == d.Scope {
			if s.After != d.Start || s.Read != d.Read {
				return false
			}
			s.After, s.Snapshot = d.After, d.Snapshot
			return true
		}
	}
	if d.Start != (se.Position{Seq: d.From.Seq}) {
		return false
	}
	c.StagedAt = append(c.StagedAt, se.StagedScope{Scope: d.Scope, After: d.After, Snapshot: d.Snapshot, Read: d.Read})
	slices.SortFunc(c.StagedAt, func(a, b se.StagedScope) int { return strings.Compare(a.Scope, b.Scope) })
	return true
}

// Base is the cursor as a base.
func (c *Control) Base() se.Base { return se.Base{Epoch: c.Epoch, Seq: c.Cursor} }

// arrived calls fn with what is staged and the items of the step's last frame, in the order in which they are applied.
func arrived(tx Tx, last *se.Delta, fn func(*StagedItem) error) error {
	var rest []StagedItem
	if last.Scope != "" {
		for i := range last.Items {
			rest = append(rest, StagedItem{last.Scope, last.Items[i]})
		}
		slices.SortStableFunc(rest, func(a, b StagedItem) int { return a.compare(&b) })
	}
	if err := tx.EachStaged(func(it *StagedItem) error {
		for len(rest) > 0 && rest[0].compare(it) < 0 { // a later frame after an earlier one
			if err := fn(&rest[0]); err != nil {
				return err
			}
			rest = rest[1:]
		}
		return fn(it)
	}); err != nil {
		return fmt.Errorf("apply staged rows: %w", err)
	}
	for i := range rest {
		if err := fn(&rest[i]); err != nil {
			return err
		}
	}
	return nil
}

// compare orders items as they are applied.
func (it *StagedItem) compare(o *StagedItem) int {
	return cmp.Or(cmp.Compare(it.Seq, o.Seq), cmp.Compare(it.Kind, o.Kind), strings.Compare(it.Table, o.Table), strings.Compare(string(it.Row), string(o.Row)))
}

// apply makes everything staged and the step's last frame visible, and moves the cursor: the one place where either
// happens.
func apply(tx Tx, s *schema.Schema, done *se.Delta) error {
	ctl, err := tx.Control()
	if err != nil {
		return err
	}
	a := applier{tx: tx, schema: s, lastN: done.LastN, lost: ctl.Epoch > 0 && ctl.Epoch < done.To.Epoch, rows: map[RowKey]*target{}}
	if a.keeper, err = newKeeper(tx, ctl.Keeps && !done.Reset); err != nil {
		return err
	}
	over, err := tx.Overlaid()
	if err != nil {
		return err
	}
	a.bare = !over && !ctl.Reoffer // which lays changes over rows
	if done.Reset {
		a.held = map[string]map[se.RowID]held{}
	}
	if err := arrived(tx, done, func(it *StagedItem) error {
		if err := a.item(it); err != nil {
			return err
		}
		return a.full()
	}); err != nil {
		return err
	}
	if done.Reset {
		if err := a.dropOthers(); err != nil {
			return err
		}
		if ctl.Reoffer {
			if err := a.repend(&ctl, done.To.Epoch); err != nil {
				return err
			}
			ctl.Reoffer = false
		}
	}
	// Overlays of everything the centre has decided up to this head end here, whether or not the verdict has come.
	ended, err := tx.PendingUpTo(1, done.LastN)
	if err != nil {
		return err
	}
	for _, k := range ended {
		if err := a.end(k); err != nil {
			return err
		}
	}
	if err := a.write(); err != nil {
		return err
	}
	h := hlc.Clock{Last: ctl.HLC}
	h.Hear(done.HLC)
	ctl.HLC = h.Last
	ctl.Epoch, ctl.Cursor, ctl.View = done.To.Epoch, done.To.Seq, done.View
	ctl.ProofAt, ctl.History, ctl.MAC = done.To, done.History, done.MAC
	if done.Reset {
		ctl.Live, ctl.Keeps, ctl.Unseen = ctl.Grants, true, nil
	}
	if err := forget(tx, &ctl); err != nil {
		return err
	}
	return tx.PutControl(ctl)
}

// target is the centre's row while a step is applied.
type target struct {
	table *schema.Table
	row   se.RowID
	image Image // centre's; nil = not there
	seen  bool  // the step brought the row
	ended bool  // pending changes up to lastN end
}

type applier struct {
	tx     Tx
	schema *schema.Schema
	lastN  int64
	lost   bool // the snapshot is of a new epoch: rows that it lacks may have been lost
	rows   map[RowKey]*target
	order  []*target
	keeper *keeper
	cases  caseSet

	bare bool                         // nothing lies over the centre's rows: each is what programs see
	held map[string]map[se.RowID]held // of a snapshot, by record type: rows that are in the table, or were
}

// held is what is known of a row while a snapshot is applied. The zero value is none that programs saw before.
type held struct {
	there bool // it may be in the table; if not, it is not
	seen  bool // the step brought it
}

// inHand bounds the rows of a step that are in memory where nothing lies over them. What a step brings of one row comes
// together almost always, so that a small bound costs nothing, and simulated worlds get beyond it.
const inHand = 16

// full writes the rows in hand if they are many. A replica may take in a county, and a phone has little memory. They are
// read back, if the step has more about them, as they were written: so this is for a bare replica alone.
func (a *applier) full() error {
	if !a.bare || len(a.order) < inHand {
		return nil
	}
	return a.lay()
}

// holds tells whether a row may be in the table; where that is not known without reading the row, it may.
func (a *applier) holds(t *schema.Table, id se.RowID) (bool, error) {
	if a.held == nil || !a.bare {
		return true, nil
	}
	list := a.held[t.Name]
	if list == nil {
		ids, err := a.tx.RowIDs(t)
		if err != nil {
			return false, fmt.Errorf("list rows of %s: %w", t.Name, err)
		}
		list = make(map[se.RowID]held, len(ids))
		for _, id := range ids {
			list[id] = held{there: true}
		}
		a.held[t.Name] = list
	}
	return list[id].there, nil
}

// target loads the centre's row: what is kept under pending changes, else what programs see.
func (a *applier) target(t *schema.Table, id se.RowID) (*target, error) {
	key := RowKey{t.Name, id}
	if x := a.rows[key]; x != nil {
		return x, nil
	}
	image, err := a.before(t, id)
	if err != nil {
		return nil, fmt.Errorf("read row of %s: %w", t.Name, err)
	}
	x := &target{table: t, row: id, image: image, seen: a.held[t.Name][id].seen}
	a.cases.note(t, id, image)
	a.rows[key] = x
	a.order = append(a.order, x)
	return x, nil
}

// before reads the centre's row as it was before the step.
func (a *applier) before(t *schema.Table, id se.RowID) (image Image, err error) {
	if held, err := a.holds(t, id); err != nil || !held {
		return nil, err
	}
	kept := false
	if !a.bare {
		if image, kept, err = a.tx.Under(t, id); err != nil || kept && t.Steps == nil {
			return image, err
		}
	}
	shown, err := a.tx.Row(t, id)
	if err != nil {
		return nil, err
	}
	a.cases.note(t, id, shown) // a step of our own that ends without being accepted
	if !kept {
		image = shown
	}
	return image, nil
}

func (a *applier) item(it *StagedItem) error {
	t := a.schema.Table(it.Table)
	if t == nil {
		return a.keeper.foreign(it)
	}
	x, err := a.target(t, it.Row)
	if err != nil {
		return err
	}
	switch it.Kind {
	case se.DeltaDead:
		x.image = nil
	case se.DeltaEvict:
		// A row that moved on into another scope of ours is held under that one: not this eviction's business.
		if x.image != nil && x.image[t.CellIndex(schema.CellScope)][0].Str() == it.Scope {
			x.image = nil
		}
	case se.DeltaRow:
		x.seen = true
		if it.Whole {
			x.image = blank(t)
		} else if x.image == nil {
			return fmt.Errorf("%w: change of %s %s, which is not here", ErrBroken, it.Table, it.Row)
		}
		for _, c := range it.Cells {
			if i := placeOf(t, &c); i >= 0 {
				x.image[i] = slices.Clone(c.Values)
			}
		}
		if err := a.keeper.beside(t, it); err != nil {
			return err
		}
	}
	if x.image == nil {
		if err := a.keeper.gone(RowKey{it.Table, it.Row}); err != nil {
			return err
		}
	}
	a.cases.note(t, it.Row, x.image)
	return nil
}

func blank(t *schema.Table) Image {
	row := make(Image, len(t.Cells))
	for i, c := range t.Cells {
		row[i] = make([]schema.Value, len(c.Columns))
	}
	return row
}

// dropOthers removes the centre's rows that a snapshot does not hold.
func (a *applier) dropOthers() error {
	for _, t := range a.schema.Tables {
		ids, err := a.tx.RowIDs(t)
		if err != nil {
			return err
		}
		under, err := a.tx.UnderIDs(t)
		if err != nil {
			return err
		}
		for _, id := range append(ids, under...) {
			if a.held[t.Name][id].seen {
				continue
			}
			x, err := a.target(t, id)
			if err != nil {
				return err
			}
			if x.seen {
				continue
			}
			if a.lost && x.image != nil {
				l := LostRow{RowKey{t.Name, id}, x.image[t.CellIndex(schema.CellScope)][0].Str(), x.image}
				if err := a.tx.PutLost(l); err != nil {
					return fmt.Errorf("keep a lost row of %s: %w", t.Name, err)
				}
			}
			x.image = nil
			if err := a.keeper.gone(RowKey{t.Name, id}); err != nil {
				return err
			}
			if err := a.full(); err != nil {
				return err
			}
		}
	}
	return a.keeper.dropOthers(a.schema)
}

func (a *applier) end(k RowKey) error {
	t := a.schema.Table(k.Table)
	if t == nil {
		return nil
	}
	x, err := a.target(t, k.Row)
	if err != nil {
		return err
	}
	x.ended = true
	return a.tx.DropPending(t, k.Row, 1, a.lastN)
}

// lay shows the rows in hand, and has none in hand then.
func (a *applier) lay() error {
	for _, x := range a.order {
		if err := a.show(x); err != nil {
			return err
		}
		if list := a.held[x.table.Name]; list != nil {
			list[x.row] = held{there: x.image != nil || list[x.row].there, seen: x.seen}
		}
	}
	clear(a.order)
	clear(a.rows)
	a.order = a.order[:0]
	return nil
}

func (a *applier) write() error {
	if err := a.lay(); err != nil {
		return err
	}
	if a.keeper != nil {
		if err := a.keeper.write(); err != nil {
			return err
		}
	}
	return a.cases.derive(a.tx, a.schema)
}

// show makes the visible row of a target.
func (a *applier) show(x *target) error {
	switch {
	case !a.bare:
		return show(a.tx, x.table, x.row, x.image)
	case x.image != nil:
		return a.tx.PutRow(x.table, x.row, x.image)
	}
	if held, err := a.holds(x.table, x.row); err != nil || !held {
		return err
	}
	return a.tx.DeleteRow(x.table, x.row)
}

// show makes the visible row the centre's row with what is still pending on top, and keeps the centre's row under it
// as long as something is.
func show(tx Tx, t *schema.Table, id se.RowID, under Image) error {
	pending, err := tx.Pending(t, id)
	if err != nil {
		return err
	}
	visible := under
	if len(pending) > 0 {
		if err := tx.PutUnder(t, id, under); err != nil {
			return err
		}
		visible = overlay(t, under, pending)
	} else if err := tx.DropUnder(t, id); err != nil {
		return err
	}
	if visible == nil {
		return tx.DeleteRow(t, id)
	}
	return tx.PutRow(t, id, visible)
}

// overlay lays pending changes over the centre's row, in order of n. Operations are applied to the centre's value,
// never stored as a value. An edit of a row that the centre no longer shows has nothing to lie on: it stays in the
// outbox and reaches the centre, but the row is not shown.
func overlay(t *schema.Table, under Image, pending []Pending) Image {
	row := clone(under)
	for _, p := range pending {
		switch p.Change.Op {
		case se.OpDelete:
			row = nil
			continue
		case se.OpInsert:
			if row == nil {
				row = blank(t)
			}
		}
		if row == nil {
			continue
		}
		for _, w := range p.Change.Cells {
			if i := t.CellIndex(w.Cell); i >= 0 {
				row[i] = se.Overlay(row[i], w, t.Cells[i])
			}
		}
	}
	return row
}

func clone(row Image) Image {
	if row == nil {
		return nil
	}
	out := make(Image, len(row))
	for i := range row {
		out[i] = slices.Clone(row[i])
	}
	return out
}
