package syncengine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// decideDuplicate finds rows with one natural key to be different things, or merges them.
func (g *ingest) decideDuplicate(i int, c *Change, t *schema.Table, con *Conflict) error {
	switch c.Decide.Choice {
	case ChoiceBoth, ChoiceKeep:
		return g.dismiss(con, c.Decide, Outcome(ChoiceBoth))
	case ChoiceMerge:
		return g.unite(i, c, t, con)
	}
	return reject(CodeBadDecision, c, "", "choice")
}

// unite merges rows that are one thing. The survivor takes what it lacks and what the decision picks; what nobody had
// seen, and what waited in the retired rows' conflicts, waits in its own. Whoever referred to a retired row refers to
// the survivor, and what is written to it later arrives there.
func (g *ingest) unite(i int, c *Change, t *schema.Table, con *Conflict) error {
	d := c.Decide
	rows, err := g.toUnite(c, t, con)
	if err != nil {
		return err
	}
	into := rows[0]
	before := CopyRow(into)
	for _, r := range rows[1:] {
		if err := g.absorb(i, c, t, into, r); err != nil {
			return err
		}
	}
	if err := g.bounded(c, t, into); err != nil {
		return err
	}
	if err := g.announce(con, d); err != nil {
		return err
	}
	left := len(con.Candidates) + 1 - len(d.Retired)
	if left < 2 || slices.Contains(d.Retired, con.Key.Row) {
		if err := g.closeConflict(con, Outcome(ChoiceMerge), d.Reason); err != nil {
			return err
		}
	}
	if err := g.save(t, into, before); err != nil {
		return err
	}
	for _, r := range rows[1:] {
		if err := g.retire(c, t, r, into.ID); err != nil {
			return err
		}
	}
	return nil
}

// toUnite gives the survivor and the rows that are to become it.
func (g *ingest) toUnite(c *Change, t *schema.Table, con *Conflict) ([]*Row, error) {
	d := c.Decide
	switch {
	case t.Steps != nil || t.StepsBy != nil:
		return nil, reject(CodeBadDecision, c, "", "steps") // two chains of steps have no order between them
	case t.Append:
		return nil, reject(CodeBadDecision, c, "", "append")
	case len(d.Retired) == 0:
		return nil, reject(CodeBadDecision, c, "", "retired")
	}
	var rows []*Row
	for n, id := range append([]RowID{d.Survivor}, d.Retired...) {
		rule := "retired"
		if n == 0 {
			rule = "survivor"
		}
		known := id == con.Key.Row || slices.ContainsFunc(con.Candidates, func(x Candidate) bool { return x.Row == id })
		if !known || slices.ContainsFunc(rows, func(r *Row) bool { return r.ID == id }) {
			return nil, reject(CodeBadDecision, c, "", rule)
		}
		row, err := g.tx.Row(t.Name, id)
		if err != nil {
			return nil, fmt.Errorf("read row of %s: %w", t.Name, err)
		}
		if row == nil {
			return nil, reject(CodeBadDecision, c, "", rule)
		}
		if n > 0 && row.Scope != rows[0].Scope {
			return nil, reject(CodeBadDecision, c, schema.ColScope, "scope")
		}
		rows = append(rows, row)
	}
	for n, p := range d.Picks {
		def := t.Cell(p.Cell)
		if def == nil || !pickable(def) || !slices.ContainsFunc(rows, func(r *Row) bool { return r.ID == p.Row }) ||
			slices.ContainsFunc(d.Picks[:n], func(q Pick) bool { return q.Cell == p.Cell }) {
			return nil, reject(CodeBadDecision, c, p.Cell, "pick")
		}
	}
	return rows, nil
}

// pickable tells whether a merge keeps one row's value of a cell, and which may be said. Sums and sets are those of all
// rows; what the centre writes is the survivor's.
func pickable(def *schema.Cell) bool {
	return def.Policy != schema.PolicyCentral && !def.Derived && !def.Policy.Operation() && def.Name != schema.CellScope
}

// absorb takes what a retired row holds into the survivor.
func (g *ingest) absorb(i int, c *Change, t *schema.Table, into, r *Row) error {
	for k, def := range t.Cells {
		cell := &r.Cells[k]
		var err error
		switch {
		case def.Policy.Operation():
			into.Cells[k].combine(cell, def, g.seq, g.epoch)
		case pickable(def):
			err = g.absorbValue(i, c, t, into, r, k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// combine makes a sum or a set that of two rows.
func (c *Cell) combine(o *Cell, def *schema.Cell, seq, epoch int64) {
	if o.Shown == 0 {
		return
	}
	before, shown := c.Values(def), c.Shown
	*c = c.Clone()
	c.Sum = plus(c.Sum, o.Sum)
	for _, e := range o.Elements {
		at, found := c.element(e.Value)
		if !found {
			c.Elements = slices.Insert(c.Elements, at, Element{Value: e.Value})
		}
		for _, tag := range e.Tags {
			tag.Seq, tag.Epoch = seq, epoch // who saw the other row has not seen it here
			c.Elements[at].Tags = append(c.Elements[at].Tags, tag)
		}
	}
	if c.Shown = seq; shown != 0 && slices.Equal(before, c.Values(def)) {
		c.Shown = shown
	}
}

// absorbValue takes a retired row's value of a cell if it is picked, or if the survivor has none; a greatest or least one
// if it is. What stood there before the decider's eyes has had its decision; what he could not see, and what waited in
// the cell's conflict, is a write like any other in the survivor's cell.
func (g *ingest) absorbValue(i int, c *Change, t *schema.Table, into, r *Row, k int) error {
	def := t.Cells[k]
	by := g.write(&CellWrite{Base: c.Base})
	take := takes(c.Decide, def, &into.Cells[k], &r.Cells[k], r.ID)
	var seen []schema.Value
	var fresh, waiting []Write
	for _, w := range r.Cells[k].Survivors {
		switch m := g.carried(t, def, w, r.ID, into.ID); {
		case w.Stands() && g.past.saw(&by, &w, def):
			seen = m.Values
		case w.Stands():
			fresh = append(fresh, m)
		default:
			waiting = append(waiting, m)
		}
	}
	if take && seen != nil {
		w := &CellWrite{Cell: def.Name, Base: c.Base, Values: seen}
		if err := g.merge(i, t, into, w, g.write(w)); err != nil {
			return err
		}
	}
	for _, m := range fresh {
		if take {
			into.Cells[k], _ = g.past.Merge(into.Cells[k], m, def)
		} else {
			waiting = append(waiting, m)
		}
	}
	for _, m := range waiting {
		into.Cells[k] = g.past.join(into.Cells[k], m, def)
	}
	return nil
}

// takes tells whether a cell of the survivor takes the retired row's value.
func takes(d *Decision, def *schema.Cell, into, from *Cell, id RowID) bool {
	for _, p := range d.Picks {
		if p.Cell == def.Name {
			return p.Row == id
		}
	}
	empty := func(vs []schema.Value) bool {
		return !slices.ContainsFunc(vs, func(v schema.Value) bool { return !v.IsNull() })
	}
	a, b := into.Values(def), from.Values(def)
	if def.Policy == schema.PolicyMax || def.Policy == schema.PolicyMin {
		return from.Standing() != nil && (into.Standing() == nil || def.Greater(b, a))
	}
	return empty(a) && !empty(b)
}

// carried makes a write to a retired row one of the survivor's cell. It was never shown there, so that nobody counts as
// having seen it who only saw the other row.
func (g *ingest) carried(t *schema.Table, def *schema.Cell, w Write, from, to RowID) Write {
	if w.Row == "" {
		w.Row = from
	}
	w.Seq, w.Epoch, w.Base, w.From, w.To = g.seq, g.epoch, Base{}, 0, 0
	w.Values = g.engine.resealed(t, def, from, to, w.Values)
	return w
}

// join puts a write into a cell beside what stands there, whatever the clocks say: somebody decided what stands.
func (l Lineage) join(cell Cell, w Write, def *schema.Cell) Cell {
	s := cell.Standing()
	if s == nil || def.Policy == schema.PolicyMax || def.Policy == schema.PolicyMin {
		out, _ := l.Merge(cell, w, def)
		return out
	}
	cell = cell.Clone()
	if slices.Equal(s.Values, w.Values) {
		w.From = w.Seq
	} else if def.Policy != schema.PolicyReview {
		return cell
	}
	cell.Survivors = append(cell.Survivors, w)
	return cell
}

// retire ends a row that became another one.
func (g *ingest) retire(c *Change, t *schema.Table, r *Row, into RowID) error {
	for _, def := range t.Cells {
		if queued(def) {
			if err := g.closeKey(ConflictKey{ConflictCell, t.Name, r.ID, def.Name}, Outcome(ChoiceMerge)); err != nil {
				return err
			}
		}
	}
	d := &Dead{Table: t.Name, ID: r.ID, Seq: g.seq, Epoch: g.epoch, By: g.write(&CellWrite{Base: c.Base}), Row: r, Into: into}
	if err := g.tx.Kill(d); err != nil {
		return fmt.Errorf("retire row of %s: %w", t.Name, err)
	}
	g.ungroup(t, r)
	return g.repointAll(t, r.ID, into)
}

// split undoes a merge, as far as it can be: the retired rows live again as they were then, and what referred to them
// and was not changed since refers to them again. What the survivor took over, and what was written to them since,
// stays with it.
func (g *ingest) split(c *Change, t *schema.Table, con *Conflict) error {
	d := c.Decide
	if len(d.Retired) == 0 {
		return reject(CodeBadDecision, c, "", "retired")
	}
	for _, id := range d.Retired {
		dead, err := g.tx.Dead(t.Name, id)
		if err != nil {
			return fmt.Errorf("read dead id of %s: %w", t.Name, err)
		}
		switch {
		case dead == nil || dead.Into == "" || !g.mayDecide(dead.Row.Scope):
			return reject(CodeBadDecision, c, "", "retired")
		case dead.Bare():
			return reject(CodeBadDecision, c, "", "forgotten")
		}
		if err := g.comeBack(t, dead); err != nil {
			return err
		}
	}
	return g.announce(con, d)
}

func (g *ingest) comeBack(t *schema.Table, dead *Dead) error {
	last, _, err := g.last(t.Name, dead.ID)
	if err != nil {
		return err
	}
	list, err := g.tx.Repointed(t.Name, dead.ID)
	if err != nil {
		return fmt.Errorf("read what was re-pointed: %w", err)
	}
	was, row := CopyRow(dead.Row), dead.Row
	if err := g.anew(t, row); err != nil {
		return err
	}
	if err := errors.Join(g.revive(dead, was), g.meetLate(t, row, dead)); err != nil {
		return err
	}
	if err := g.save(t, row, nil); err != nil {
		return err
	}
	return g.pointBack(list, last)
}
