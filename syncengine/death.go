package syncengine

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// delete removes a row. Against concurrent edits the delete stands and they become candidates (engine.md §5 rule 4).
func (g *ingest) delete(i int, c *Change, t *schema.Table, row *Row) error {
	a, _, err := g.reach(c, t, row)
	if err != nil {
		return err
	}
	if t.Append {
		return reject(CodeAppendOnly, c, "", "delete")
	}
	if !a.Right.Delete {
		return reject(CodeNoRight, c, "", "delete")
	}
	by := g.write(&CellWrite{Base: c.Base})
	var late []Candidate
	for k, def := range t.Cells {
		if def.Policy == schema.PolicyCentral || def.Derived {
			continue
		}
		late = append(late, g.past.unseen(&row.Cells[k], def, &by, g.seq)...)
		if queued(def) {
			if err := g.closeKey(ConflictKey{ConflictCell, t.Name, row.ID, def.Name}, OutcomeGone); err != nil {
				return err
			}
		}
	}
	if err := g.closeKey(ConflictKey{ConflictWorkflow, t.Name, row.ID, ""}, OutcomeGone); err != nil {
		return err
	}
	g.fate(i, "", FateStands)
	d := &Dead{Table: t.Name, ID: row.ID, Seq: g.seq, Epoch: g.epoch, By: by, Row: row}
	if err := g.tx.Kill(d); err != nil {
		return fmt.Errorf("delete row of %s: %w", t.Name, err)
	}
	g.ungroup(t, row)
	if len(late) == 0 {
		return nil
	}
	return g.setCandidates(ConflictKey{ConflictDelete, t.Name, row.ID, ""}, row, late, true, WriteID{})
}

// unseen lists the writes of a cell that a delete's author had not seen, as candidates of its conflict.
func (l Lineage) unseen(cell *Cell, def *schema.Cell, by *Write, seq int64) []Candidate {
	var out []Candidate
	for _, w := range cell.Survivors {
		if l.saw(by, &w, def) {
			continue
		}
		if w.Stands() {
			w.To = seq
		}
		out = append(out, candidateOf(&w, def.Name))
	}
	for _, e := range cell.Elements {
		for _, tag := range e.Tags {
			if l.sawTag(by, &tag) {
				continue
			}
			out = append(out, Candidate{
				Device: tag.Device, N: tag.N, Seq: tag.Seq, Epoch: tag.Epoch,
				Cell: CellWrite{Cell: def.Name, In: []string{e.Value}},
			})
		}
	}
	return out
}

// toDead keeps a write to a deleted row as a candidate: nothing comes back because a stale device did (P9).
func (g *ingest) toDead(i int, c *Change, t *schema.Table, dead *Dead) error {
	if c.Op == OpInsert {
		// Nobody learns of ids beyond his view.
		if a := g.views.access(t, dead.Row.Scope); a == nil || !a.Right.Insert || !g.views.showsRow(t, dead.Row) {
			return park(CodeAwaits, c, "", string(c.Row))
		}
	} else {
		a, _, err := g.reach(c, t, dead.Row)
		if err != nil {
			return err
		}
		for j := range c.Cells {
			if def := t.Cell(c.Cells[j].Cell); def != nil && !a.MayUpdate(def) {
				return reject(CodeNoRight, c, def.Name, "update")
			}
		}
	}
	key := ConflictKey{ConflictDelete, t.Name, c.Row, ""}
	var list []Candidate
	old, err := g.tx.OpenConflict(key)
	if err != nil {
		return err
	}
	if old != nil {
		list = old.Candidates
	}
	for j := range c.Cells {
		w := &c.Cells[j]
		def, err := g.values(t, c, w)
		if err != nil {
			return err
		}
		in := g.write(w)
		list = slices.DeleteFunc(list, func(x Candidate) bool {
			prev := x.write()
			return x.Cell.Cell == w.Cell && !w.Operation() && g.past.saw(&in, &prev, def)
		})
		x := candidateOf(&in, def.Name)
		x.Cell.Add, x.Cell.In, x.Cell.Out = w.Add, w.In, w.Out
		list = append(list, x)
		g.fate(i, w.Cell, FateCandidate)
	}
	if err := g.crowded(c, list); err != nil {
		return err
	}
	return g.setCandidates(key, dead.Row, list, true, WriteID{})
}
