package syncengine

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// insert makes a row that was not there. dead is set when its own author deleted it before: the id lives again.
func (g *ingest) insert(i int, c *Change, t *schema.Table, dead *Dead) error {
	row := &Row{Table: c.Table, ID: c.Row, Author: g.cs.Author, Inserted: g.seq, Seq: g.seq, Cells: make([]Cell, len(t.Cells))}
	given := map[string]bool{}
	for j := range c.Cells {
		w := &c.Cells[j]
		if _, err := g.values(t, c, w); err != nil {
			return err
		}
		if given[w.Cell] {
			return reject(CodeBadRow, c, w.Cell, "twice")
		}
		given[w.Cell] = true
	}
	for _, def := range t.Cells {
		if given[def.Name] || def.Derived || def.Policy == schema.PolicyCentral {
			continue
		}
		for _, col := range def.Columns {
			if col.Demands(g.cs.Schema) {
				return reject(CodeMissing, c, col.Name, schema.RuleRequired)
			}
		}
	}
	scope := ""
	for j := range c.Cells {
		if w := &c.Cells[j]; w.Cell == schema.CellScope {
			scope = w.Values[0].Str()
		}
	}
	a := g.views.access(t, scope)
	if a != nil && !g.views.fits(t, scope) {
		return reject(CodeBadValue, c, schema.ColScope, "level")
	}
	if a == nil || !a.Right.Insert {
		if g.pastViews().access(t, scope) != nil {
			return park(CodeGrantEnded, c, "", "")
		}
		if a == nil {
			return reject(CodeOutOfScope, c, schema.ColScope, "")
		}
		return reject(CodeNoRight, c, "", "insert")
	}
	for j := range c.Cells {
		if def := t.Cell(c.Cells[j].Cell); !a.MayInsert(def) {
			return reject(CodeNoRight, c, def.Name, "insert")
		}
	}
	if done, err := g.repeated(i, c, t); err != nil || done {
		return err
	}
	if err := g.room(c, scope); err != nil {
		return err
	}
	if dead != nil {
		if err := g.revive(dead, dead.Row); err != nil {
			return err
		}
	}
	for j := range c.Cells {
		w := &c.Cells[j]
		if err := g.merge(i, t, row, w, g.write(w)); err != nil {
			return err
		}
	}
	if dead != nil {
		if err := g.meetLate(t, row, dead); err != nil {
			return err
		}
	}
	row.Scope = row.column(t, schema.ColScope).Str()
	if err := g.firstState(t, row); err != nil {
		return err
	}
	g.checkReferences(c, t)
	g.checkShown(c, t)
	if err := g.save(t, row, nil); err != nil || dead == nil {
		return err
	}
	return g.followers(t, row) // rows that refer to it may have come while it was dead, or belong elsewhere now
}

// repeated tells whether an insert with the same idempotency key was accepted before: then this one has no further
// effect; its content stays in history.
func (g *ingest) repeated(i int, c *Change, t *schema.Table) (bool, error) {
	if len(t.Idempotent) == 0 {
		return false, nil
	}
	key := make([]schema.Value, len(t.Idempotent))
	for k, name := range t.Idempotent {
		for j := range c.Cells {
			def := t.Cell(c.Cells[j].Cell)
			for x, col := range def.Columns {
				if col.Name == name && !c.Cells[j].Operation() {
					key[k] = c.Cells[j].Values[x]
					if col.Type == schema.TypeRef && !key[k].IsNull() {
						id, _, err := g.last(col.Ref, RowID(key[k].Str()))
						if err != nil {
							return false, err
						}
						key[k] = schema.Text(string(id))
					}
				}
			}
		}
		if key[k].IsNull() {
			return false, nil
		}
	}
	id, err := g.tx.ByIdempotencyKey(c.Table, key)
	if err != nil || id == "" || id == c.Row {
		return false, err
	}
	for j := range c.Cells {
		g.fate(i, c.Cells[j].Cell, FateConverged)
	}
	return true, nil
}

// update merges cells into a live row. What it was before is the store's, and not changed.
func (g *ingest) update(i int, c *Change, t *schema.Table, before *Row) error {
	row := CopyRow(before)
	a, away, err := g.reach(c, t, row)
	if err != nil {
		return err
	}
	given := map[string]bool{}
	for j := range c.Cells {
		w := &c.Cells[j]
		def, err := g.values(t, c, w)
		switch {
		case err != nil:
			return err
		case given[w.Cell]:
			return reject(CodeBadRow, c, w.Cell, "twice")
		case def.Policy == schema.PolicyAppend:
			return g.refuse(CodeAppendOnly, c, t, row, a, def)
		case !a.MayUpdate(def) && !(c.Op == OpInsert && row.Author == g.cs.Author && a.MayInsert(def)):
			return g.refuse(CodeNoRight, c, t, row, a, def)
		case away && (def.Name == schema.CellScope || def == t.CellOf(t.Door)):
			return park(CodeAwaits, c, def.Name, string(c.Row)) // where it belongs is not his to say any more
		}
		given[w.Cell] = true
	}
	for j := range c.Cells {
		w := &c.Cells[j]
		if err := g.merge(i, t, row, w, g.write(w)); err != nil {
			return err
		}
	}
	if scope := row.Cells[t.CellIndex(schema.CellScope)].Values(t.Cell(schema.CellScope))[0].Str(); scope != row.Scope {
		if g.views.access(t, scope) == nil {
			return reject(CodeOutOfScope, c, schema.ColScope, "")
		}
		if !g.views.fits(t, scope) {
			return reject(CodeBadValue, c, schema.ColScope, "level")
		}
		if err := g.room(c, scope); err != nil {
			return err
		}
	}
	// References first: a row goes where the one goes that it belongs to, and the answer that it is out of reach there would
	// tell that there is such a row.
	g.checkReferences(c, t)
	if !away && slices.ContainsFunc(c.Cells, func(w CellWrite) bool { return w.Cell == schema.CellScope || t.Cell(w.Cell) == t.CellOf(t.Door) }) {
		g.checkShown(c, t) // nobody moves a row to where he cannot see it
	}
	if err := g.bounded(c, t, row); err != nil {
		return err
	}
	return g.save(t, row, before)
}

// refuse rejects a write and says what the cell shows now, if the person may see it.
func (g *ingest) refuse(code Code, c *Change, t *schema.Table, row *Row, a *schema.Access, def *schema.Cell) error {
	r := &refusal{Rejected, Reason{Code: code, Table: c.Table, Row: c.Row, Column: def.Name, Rule: "update"}}
	if i := t.CellIndex(def.Name); g.reads.showsRow(t, row) && g.reads.access(t, row.Scope).Reads(def) {
		r.reason.Current = row.Cells[i].Values(def)
	}
	return r
}

// merge puts one write on a row's cell.
func (g *ingest) merge(i int, t *schema.Table, row *Row, w *CellWrite, in Write) error {
	k := t.CellIndex(w.Cell)
	def := t.Cells[k]
	w, err := g.current(t, row, def, w, &in)
	if err != nil {
		return err
	}
	var fate Fate
	if w.Operation() {
		row.Cells[k], fate = g.past.Apply(row.Cells[k], in, *w, def)
	} else {
		row.Cells[k], fate = g.past.Merge(row.Cells[k], in, def)
	}
	g.fate(i, w.Cell, fate)
	return nil
}

// maxRow is how many bytes a row may come to: well below a frame, or no device could take it any more.
const maxRow = 8 << 20

// bounded refuses a changeset that makes a set larger than it may be, or a row larger than a frame could carry.
func (g *ingest) bounded(c *Change, t *schema.Table, row *Row) error {
	size := 0
	for i, def := range t.Cells {
		if len(row.Cells[i].Elements) > def.Columns[0].MaxElements() && row.Cells[i].Shown == g.seq {
			return reject(CodeBadValue, c, def.Name, schema.RuleTooLong)
		}
		for _, v := range row.Cells[i].Values(def) {
			size += 9 + v.Size()
		}
	}
	if size > maxRow {
		return reject(CodeTooLarge, c, "", "row")
	}
	return nil
}

// checkShown makes sure, once all changes are in, that what was written is in its author's view: nobody may write a
// row away from, or into, where he cannot see it.
func (g *ingest) checkShown(c *Change, t *schema.Table) {
	g.checks = append(g.checks, func() error {
		row, err := g.tx.Peek(c.Table, c.Row)
		if err != nil || row == nil {
			return err
		}
		if !g.views.showsRow(t, row) && !(c.Op == OpInsert && g.led[RowKey{t.Name, row.ID}]) {
			return reject(CodeOutOfScope, c, "", "")
		}
		return nil
	})
}

// save completes a row after its cells were merged: envelope, scope, door, conflicts, natural key, then the store.
// before is the row as it was, nil for a new one.
func (g *ingest) save(t *schema.Table, row, before *Row) error {
	changed := before == nil
	for i := range row.Cells {
		changed = changed || row.Cells[i].Shown == g.seq
	}
	if changed {
		g.envelope(t, row)
		row.Seq = g.seq
	}
	if before != nil {
		scope := row.Cells[t.CellIndex(schema.CellScope)].Values(t.Cell(schema.CellScope))[0].Str()
		if scope != row.Scope {
			if err := g.move(row); err != nil {
				return err
			}
			row.Scope = scope
		}
	}
	moved, err := g.placeDoor(t, row, before != nil)
	if err != nil {
		return err
	}
	if err := g.tx.PutRow(row); err != nil {
		return fmt.Errorf("put row of %s: %w", t.Name, err)
	}
	p := placed{key: RowKey{t.Name, row.ID}, back: before == nil && g.revived[row.ID]}
	if before == nil {
		g.arrived = append(g.arrived, row.ID)
	} else if before.Scope != row.Scope {
		p.from = before.Scope
	}
	g.placed = append(g.placed, p)
	if moved {
		if err := g.followers(t, row); err != nil {
			return err
		}
	}
	if err := g.cellConflicts(t, row, before); err != nil {
		return err
	}
	if err := g.moveWorkflow(t, row); err != nil {
		return err
	}
	g.duplicates(t, row, before)
	if before == nil && t.Steps != nil {
		return g.step(t, row)
	}
	return nil
}

// queued tells whether a cell's survivors that do not stand wait in the conflict queue.
func queued(def *schema.Cell) bool { return def.Policy == schema.PolicyReview || def.Queue }

// envelope notes who and when on a row whose shown content changed.
func (g *ingest) envelope(t *schema.Table, row *Row) {
	i := t.CellIndex(schema.CellEnvelop)
	old := row.Cells[i].Values(t.Cells[i])
	who, when := schema.Text(g.cs.Author), schema.Int(g.at)
	values := []schema.Value{who, when, who, when, schema.Int(g.sub.Now)}
	if !old[0].IsNull() {
		values[0], values[1] = old[0], old[1]
	}
	g.central(row, i, values)
}

// central writes a cell at the centre: it stands, alone.
func (g *ingest) central(row *Row, i int, values []schema.Value) {
	w := g.write(&CellWrite{Base: Base{g.epoch, g.head}, Values: values})
	w.From, w.Row = g.seq, ""
	row.Cells[i] = Cell{Shown: g.seq, Survivors: []Write{w}}
}

// move notes that a row leaves its scope or door, for replicas that showed it there. Of several moves in one commit the
// first counts: nobody was shown the row where it was in between, and nobody's rights there may count.
func (g *ingest) move(row *Row) error {
	row.Seq = g.seq
	g.arrived = append(g.arrived, row.ID)
	noted, err := g.tx.Moves(row.Table, row.ID, g.seq-1)
	if err != nil {
		return fmt.Errorf("read moves: %w", err)
	}
	if len(noted) > 0 {
		return nil
	}
	m := Move{Table: row.Table, ID: row.ID, Seq: g.seq, Scope: row.Scope, Door: row.Door, Author: row.Author}
	if err := g.tx.PutMove(m); err != nil {
		return fmt.Errorf("put move: %w", err)
	}
	return nil
}

// placeDoor finds the door that a row belongs to by following its declared reference. moved says that it changed.
func (g *ingest) placeDoor(t *schema.Table, row *Row, existed bool) (moved bool, err error) {
	door := ""
	switch t.Door {
	case "":
	case schema.DoorSelf:
		door = string(row.ID)
	default:
		def := t.CellOf(t.Door)
		v := row.Cells[t.CellIndex(def.Name)].Values(def)[slices.Index(def.Columns, t.Column(t.Door))]
		if !v.IsNull() {
			parent, err := g.tx.Peek(t.Column(t.Door).Ref, RowID(v.Str()))
			if err != nil {
				return false, err
			}
			if parent != nil {
				door = parent.Door
			}
		}
	}
	if door == row.Door {
		return false, nil
	}
	if existed {
		if err := g.move(row); err != nil {
			return false, err
		}
	}
	row.Door = door
	return true, nil
}

// maxFollowers bounds the rows that one changeset moves from door to door: a household has some hundreds at most, and
// everybody else waits meanwhile.
const maxFollowers = 5000

// followers moves the rows that share a row's door after it. The paths of doors have no cycles (schema/load).
func (g *ingest) followers(t *schema.Table, row *Row) error {
	for _, ref := range t.ReferredBy {
		if ref.Table.Door != ref.Column.Name {
			continue
		}
		ids, err := g.tx.Referrers(ref.Table.Name, ref.Column.Name, row.ID)
		if err != nil {
			return fmt.Errorf("list what refers to a row: %w", err)
		}
		for _, id := range ids {
			r, err := g.tx.Row(ref.Table.Name, id)
			if err != nil || r == nil {
				return err
			}
			if g.followed++; g.followed > maxFollowers {
				return reject(CodeTooLarge, &Change{Table: t.Name, Row: row.ID}, "", "followers")
			}
			moved, err := g.placeDoor(ref.Table, r, true)
			if err != nil || !moved {
				if err != nil {
					return err
				}
				continue
			}
			if err := g.tx.PutRow(r); err != nil {
				return err
			}
			if err := g.cellConflicts(ref.Table, r, nil); err != nil {
				return err
			}
			if err := g.moveWorkflow(ref.Table, r); err != nil {
				return err
			}
			if err := g.followers(ref.Table, r); err != nil {
				return err
			}
		}
	}
	return nil
}
