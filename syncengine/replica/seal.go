package replica

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// Seal turns what was captured since the last seal into one changeset, puts it into the outbox and lays its changes
// as an overlay over the centre's rows. It returns nil when nothing changed. foreign says that programs other than
// the SDK wrote (their clock is suspect and they may have left the scope out).
//
// It must run in the transaction that wrote the rows, or in the first one after it: before any delta is applied.
//
// Where other programs wrote more than the centre takes at once, it becomes several changesets and the last is
// returned: nobody is there who could split it, and a changeset that cannot travel would hold up all after it.
func Seal(tx Tx, s *schema.Schema, clock Clock, foreign bool, forms ...Form) (*se.Changeset, error) {
	return SealWith(tx, s, clock, Sealing{Foreign: foreign, Forms: forms})
}

// Sealing says what is being sealed.
type Sealing struct {
	Foreign  bool   // programs other than the SDK wrote
	Forms    []Form // that are being saved by this transaction
	Replaces int64  // n of the refused changeset that this one retries; 0 for none
}

// SealWith is Seal, told more.
func SealWith(tx Tx, s *schema.Schema, clock Clock, how Sealing) (*se.Changeset, error) {
	caps, err := tx.Captured()
	if err != nil || len(caps) == 0 {
		return nil, err
	}
	ctl, err := tx.Control()
	if err != nil {
		return nil, err
	}
	sealer := sealer{tx: tx, schema: s, ctl: &ctl, forms: how.Forms}
	changes, err := sealer.changes(caps)
	if err != nil {
		return nil, err
	}
	if err := tx.ClearCaptured(); err != nil {
		return nil, fmt.Errorf("clear capture log: %w", err)
	}
	if len(changes) == 0 {
		return nil, sealer.derive()
	}
	if how.Foreign {
		// Nobody read a monotonic clock when these were written; the last captured wall clock is all there is.
		clock = Clock{Wall: caps[len(caps)-1].Wall}
	}
	var cs *se.Changeset
	for len(changes) > 0 {
		n := len(changes)
		if how.Foreign {
			n = fit(changes, ctl.Limits)
		}
		if cs, err = sealer.seal(changes[:n:n], clock, how); err != nil {
			return nil, err
		}
		changes = changes[n:]
	}
	if !how.Foreign {
		ctl.Lease.Note(clock)
	}
	if err := tx.PutControl(ctl); err != nil {
		return nil, err
	}
	return cs, sealer.derive()
}

// seal puts one changeset into the outbox and lays its changes over the rows.
func (z *sealer) seal(changes []se.Change, clock Clock, how Sealing) (*se.Changeset, error) {
	h := hlc.Clock{Last: z.ctl.HLC}
	cs := &se.Changeset{
		Device: z.ctl.Device, N: z.ctl.LastN + 1, Prev: z.ctl.Hash, HLC: h.Now(clock.Wall),
		Wall: clock.Wall, Boot: clock.Boot, Mono: clock.Mono, Replaces: how.Replaces,
		Schema: z.schema.Version, Author: z.ctl.Account, Foreign: how.Foreign, Changes: changes,
	}
	z.ctl.HLC, z.ctl.LastN, z.ctl.Hash = cs.HLC, cs.N, cs.Hash()
	if err := z.tx.PutOutbox(cs); err != nil {
		return nil, fmt.Errorf("put changeset %d into the outbox: %w", cs.N, err)
	}
	for _, c := range changes {
		if err := z.tx.PutPending(Pending{N: cs.N, Change: c}); err != nil {
			return nil, fmt.Errorf("put overlay of changeset %d: %w", cs.N, err)
		}
	}
	return cs, nil
}

// fit tells how many of the changes, at least one, make a changeset that the centre takes.
func fit(changes []se.Change, l se.Limits) int {
	if l == (se.Limits{}) {
		l = se.DefaultLimits // before the first Welcome
	}
	room := min(l.MaxChangeset, l.MaxFrame/2) // encoded it may be somewhat larger
	for i := range changes {
		room -= changes[i].Size()
		if i > 0 && (room < 0 || i >= l.MaxChanges) {
			return i
		}
	}
	return len(changes)
}

type sealer struct {
	tx     Tx
	schema *schema.Schema
	ctl    *Control
	forms  []Form
	cases  caseSet
}

func (z *sealer) changes(caps []Capture) ([]se.Change, error) {
	folds := map[RowKey]*fold{}
	var order []*fold
	for i := range caps {
		c := &caps[i]
		t := z.schema.Table(c.Table)
		if t == nil {
			continue // a record type that this version no longer has: its triggers are gone too
		}
		key := RowKey{c.Table, c.Row}
		f := folds[key]
		if f == nil {
			f = &fold{table: t, row: c.Row, old: map[string]schema.Value{}, colBase: map[string]se.Base{}, base: c.Base}
			folds[key] = f
			order = append(order, f)
		}
		f.add(c)
	}
	var out []se.Change
	for _, f := range order {
		if !f.started {
			continue // only void 'k' lines: INSERT OR IGNORE
		}
		change, err := z.change(f)
		if err != nil {
			return nil, err
		}
		if change != nil {
			out = append(out, *change)
		}
	}
	return out, nil
}

// change compares the row before the first capture with the row now.
func (z *sealer) change(f *fold) (*se.Change, error) {
	now, err := z.tx.Row(f.table, f.row)
	if err != nil {
		return nil, fmt.Errorf("read row of %s: %w", f.table.Name, err)
	}
	if err := z.normalize(f, now); err != nil {
		return nil, err
	}
	pending, err := z.tx.Pending(f.table, f.row)
	if err != nil {
		return nil, err
	}
	if !f.existed && now != nil {
		if err := z.fillScope(f, now); err != nil {
			return nil, err
		}
	}
	before := f.before(now)
	if err := z.restore(f, before, now); err != nil {
		return nil, err
	}
	under, kept, err := z.tx.Under(f.table, f.row)
	if err != nil {
		return nil, err
	}
	if !kept {
		// What programs saw before this changeset was the centre's row, for nothing was pending on it.
		under = before
		if before != nil || now != nil {
			if err := z.tx.PutUnder(f.table, f.row, before); err != nil {
				return nil, err
			}
		}
	}
	z.cases.note(f.table, f.row, now, before)
	c := &se.Change{Table: f.table.Name, Row: f.row}
	switch {
	case before == nil && now == nil:
		return nil, z.settle(f.table, f.row, pending)
	case now == nil:
		c.Op, c.Base = se.OpDelete, lowest(f.base, pending)
		return c, nil
	case before == nil:
		c.Op = se.OpInsert
		c.Cells = z.writes(f, nil, now, nil, pending)
		return c, nil
	}
	c.Op = se.OpUpdate
	c.Cells = z.writes(f, before, now, under, pending)
	if len(c.Cells) == 0 {
		return nil, z.settle(f.table, f.row, pending)
	}
	return c, nil
}

// normalize brings what programs wrote into the one form that the centre stores, so that both hold the same bytes.
func (z *sealer) normalize(f *fold, now Image) error {
	if now == nil {
		return nil
	}
	changed := false
	for i, cell := range f.table.Cells {
		for j, col := range cell.Columns {
			if v := col.Normalize(now[i][j]); v != now[i][j] {
				now[i][j], changed = v, true
			}
		}
	}
	if !changed {
		return nil
	}
	return z.tx.PutRow(f.table, f.row, now)
}

// restore shows again what a program changed without writing it: what the centre alone writes, where the row was
// replaced without it, and a set in another spelling (NULL for the empty one).
func (z *sealer) restore(f *fold, before, now Image) error {
	if now == nil {
		return nil
	}
	changed := false
	for i, cell := range f.table.Cells {
		old := make([]schema.Value, len(cell.Columns))
		if before != nil {
			old = before[i]
		}
		if slices.Equal(old, now[i]) || !(before != nil && unwritten(cell) || sameSet(cell, old[0], now[i][0])) {
			continue
		}
		now[i], changed = slices.Clone(old), true
	}
	if !changed {
		return nil
	}
	return z.tx.PutRow(f.table, f.row, now)
}

// unwritten tells whether devices never write the cell.
func unwritten(cell *schema.Cell) bool { return cell.Derived || cell.Policy == schema.PolicyCentral }

func sameSet(cell *schema.Cell, a, b schema.Value) bool {
	if cell.Policy != schema.PolicyUnion {
		return false
	}
	x, ok := se.SetOf(a)
	y, ok2 := se.SetOf(b)
	return ok && ok2 && slices.Equal(x, y)
}

// settle drops what was kept under a row that turned out unchanged.
func (z *sealer) settle(t *schema.Table, id se.RowID, pending []Pending) error {
	if len(pending) > 0 {
		return nil
	}
	return z.tx.DropUnder(t, id)
}

// writes lists the cells that changed. under is the centre's row: what the cursor vouches for is told by the scope that
// the centre has it in, not by one that a pending edit moves it to.
func (z *sealer) writes(f *fold, before, now, under Image, pending []Pending) []se.CellWrite {
	var out []se.CellWrite
	scope := ""
	if under != nil {
		scope = under[f.table.CellIndex(schema.CellScope)][0].Str()
	}
	for i, cell := range f.table.Cells {
		if unwritten(cell) {
			continue
		}
		nulls := make([]schema.Value, len(cell.Columns))
		old := nulls
		if before != nil {
			old = before[i]
		}
		if slices.Equal(old, now[i]) {
			continue
		}
		w := se.CellWrite{Cell: cell.Name, Base: z.base(f, cell, scope, before == nil, pending)}
		if !operation(&w, cell, old[0], now[i][0]) {
			w.Values = slices.Clone(now[i])
		}
		out = append(out, w)
	}
	return out
}

// operation fills in an add or union; false if the cell's policy sends values, or if the new value is not a number
// or a set: then it travels as it is, and the centre refuses it with a reason instead of a guess being made here.
func operation(w *se.CellWrite, cell *schema.Cell, old, now schema.Value) bool {
	number := func(v schema.Value) bool {
		return v.IsNull() || v.Kind() == schema.KindInt || v.Kind() == schema.KindReal
	}
	switch cell.Policy {
	case schema.PolicyAdd:
		if !number(old) || !number(now) {
			return false
		}
		if old.Kind() == schema.KindReal || now.Kind() == schema.KindReal {
			w.Add = schema.Real(now.Float64() - old.Float64())
		} else {
			w.Add = schema.Int(now.Int64() - old.Int64())
		}
		return true
	case schema.PolicyUnion:
		a, ok := se.SetOf(old)
		b, ok2 := se.SetOf(now)
		if !ok || !ok2 {
			return false
		}
		for _, e := range b {
			if !slices.Contains(a, e) {
				w.In = append(w.In, e)
			}
		}
		for _, e := range a {
			if !slices.Contains(b, e) {
				w.Out = append(w.Out, e)
			}
		}
		return true
	}
	return false
}

// base is the cursor at capture, only ever lowered: to the base of an edit of this cell that is still pending (its
// overlay hid what came in between), to the lowest on the row for an insert after a pending delete, and to zero for
// what the cursor does not vouch for: a row the replica did not hold, a cell its view does not show.
func (z *sealer) base(f *fold, cell *schema.Cell, scope string, insert bool, pending []Pending) se.Base {
	b, captured := f.base, false
	for _, col := range cell.Columns {
		if x, ok := f.colBase[col.Name]; ok && (!captured || x.Less(b)) {
			b, captured = x, true
		}
	}
	if insert {
		if slices.ContainsFunc(pending, func(p Pending) bool { return p.Change.Op == se.OpDelete }) {
			return lowest(b, pending)
		}
		return se.Base{}
	}
	if !z.vouched(f.table, scope, cell) {
		return se.Base{}
	}
	for _, form := range z.forms {
		if form.Table == f.table.Name && form.Row == f.row {
			return form.base(b, cell)
		}
	}
	return pinned(b, cell, pending)
}

// vouched tells whether the view that the cursor is for shows the cell in that scope.
func (z *sealer) vouched(t *schema.Table, scope string, cell *schema.Cell) bool {
	if slices.Contains(z.ctl.Unseen, t.Name+"."+cell.Name) {
		return false
	}
	var roles []string
	for _, g := range z.ctl.Live {
		if g.Scope == scope {
			roles = append(roles, g.Role)
		}
	}
	a := t.Access(roles...)
	return a != nil && a.Reads(cell)
}

// lowest is the lowest base pending on a row.
func lowest(b se.Base, pending []Pending) se.Base {
	for _, p := range pending {
		if p.Change.Op == se.OpDelete && p.Change.Base.Less(b) {
			b = p.Change.Base
		}
		for _, w := range p.Change.Cells {
			if w.Base.Less(b) {
				b = w.Base
			}
		}
	}
	return b
}

// fillScope gives a new row the scope its writer left out: that of the first row it refers to, else the only one of
// its level that the device works in. A program that inserts a visit from a shell should not have to know grid codes.
func (z *sealer) fillScope(f *fold, now Image) error {
	i := f.table.CellIndex(schema.CellScope)
	if !now[i][0].IsNull() {
		return nil
	}
	scope := ""
	for _, col := range f.table.Columns {
		ref := z.schema.Table(col.Ref)
		if scope != "" || col.Type != schema.TypeRef || ref == nil {
			continue
		}
		ci := f.table.CellIndex(f.table.CellOf(col.Name).Name)
		v := now[ci][slices.Index(f.table.Cells[ci].Columns, col)]
		if v.IsNull() {
			continue
		}
		row, err := z.tx.Row(ref, se.RowID(v.Str()))
		if err != nil {
			return err
		}
		if row != nil {
			scope = row[ref.CellIndex(schema.CellScope)][0].Str()
		}
	}
	if scope == "" {
		for _, g := range z.ctl.Grants {
			if g.Level != "" && g.Level != f.table.Level {
				continue
			}
			if scope != "" && scope != g.Scope {
				return nil // several: the centre will ask for it
			}
			scope = g.Scope
		}
	}
	if scope == "" {
		return nil
	}
	now[i][0] = schema.Text(scope)
	return z.tx.PutRow(f.table, f.row, now)
}

func (z *sealer) derive() error { return z.cases.derive(z.tx, z.schema) }
