package simtest

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// decide carries an accepted decision into the model.
func (m *model) decide(seq int64, s *set, o *oracle) {
	for i := range s.changes {
		ch := &s.changes[i]
		if ch.op != se.OpDecide {
			continue
		}
		d := ch.decide
		if d.Quarantined != (se.WriteID{}) {
			m.count("decided quarantine: " + string(d.Choice))
			o.settled(s, d)
			continue // see quarantined and releasedAt
		}
		con := o.conflicts[d.Conflict]
		if con == nil {
			m.bad("P6", "%v decided conflict %s, which nobody opened", s.id, d.Conflict)
			return
		}
		m.count("decided " + string(con.Key.Kind) + ": " + string(d.Choice))
		r := m.row(replica.RowKey{Table: con.Key.Table, Row: con.Key.Row})
		switch con.Key.Kind {
		case se.ConflictCell:
			m.decideCell(seq, s, ch, r, r.table.CellIndex(con.Key.Cell))
		case se.ConflictDelete:
			m.decideDelete(seq, s, d, r)
		case se.ConflictDuplicate:
			switch d.Choice {
			case se.ChoiceMerge:
				m.unite(seq, s, ch, con.Key.Table)
				continue
			case se.ChoiceSplit:
				m.split(seq, s, d, con.Key.Table)
				continue
			}
			m.count("duplicate dismissed")
			for _, x := range con.Candidates {
				if slices.Contains(d.Shown, x.ID()) {
					o.apart[[2]se.RowID{con.Key.Row, x.Row}] = true
				}
			}
		case se.ConflictWorkflow:
			m.decideWorkflow(d, m.caseOf(con.Key.Row, r.table.StepsBy), r.table.StepsBy)
		}
	}
}

func shownIn(d *se.Decision, w *write) bool { return slices.Contains(d.Shown, w.id) }

func (m *model) decideCell(seq int64, s *set, ch *change, r *mrow, cell int) {
	d, c := ch.decide, r.cells[cell]
	var take *write
	for _, x := range c.surv {
		if x.id == d.Take && !x.stands && take == nil {
			take = x.write
		}
	}
	before := len(c.surv)
	c.surv = slices.DeleteFunc(c.surv, func(x surv) bool {
		gone := !x.stands && shownIn(d, x.write)
		if gone {
			x.fate = "dismissed"
		}
		return gone
	})
	if hidden := len(c.surv) - 1; hidden > 0 && before > len(c.surv) {
		m.count("decision left a candidate that joined since")
	}
	var values []schema.Value
	switch {
	case d.Choice == se.ChoiceTake && take != nil:
		values = take.vals
	case d.Choice == se.ChoiceSet:
		values = d.Values
	}
	if values != nil {
		snap := c.atSeq(ch.base)
		w := &write{id: s.id, at: s.at, vals: values, saw: sight{writes: snap.standing}, pin: ch.base}
		if c.def.Policy == schema.PolicyMax || c.def.Policy == schema.PolicyMin {
			w.saw.writes = snap.all
		}
		w = m.now(c.def, w)
		c.merge(w)
		if w.fate == "loser" {
			m.count("decision on a stale screen joined the conflict")
		}
	}
	c.note(seq)
}

func (m *model) decideDelete(seq int64, s *set, d *se.Decision, r *mrow) {
	if d.Choice != se.ChoiceTake {
		r.cands = slices.DeleteFunc(r.cands, func(x mcand) bool {
			if shownIn(d, x.w) {
				x.w.fate = "dismissed"
			}
			return shownIn(d, x.w)
		})
		return
	}
	m.count("revived by a decision")
	r.live(seq, true)
	m.restored(s, r)
	if r.into != "" {
		r.into = ""
		m.unnamed(r.key.Row)
	}
	cands := r.cands
	r.cands = nil
	for _, x := range cands {
		if x.w.id == d.Take {
			m.revive(r.cells[x.cell], x, s)
		}
	}
	for _, x := range cands {
		switch {
		case x.w.id == d.Take:
		case shownIn(d, x.w):
			x.w.fate = "dismissed"
		default:
			m.count("revival met a candidate not on the screen")
			x.w = m.now(r.table.Cells[x.cell], x.w)
			r.cells[x.cell].late(x, seq)
		}
	}
	for _, c := range r.cells {
		c.note(seq)
	}
}

// late lets a candidate meet a row that lives again.
func (c *mcell) late(x mcand, seq int64) {
	if x.in != nil {
		c.merge(&write{id: x.w.id, op: true, in: x.in})
		return
	}
	c.merge(x.w)
	stands := slices.ContainsFunc(c.surv, func(s surv) bool { return s.write == x.w && s.stands })
	if x.lost && stands && c.def.Policy != schema.PolicyMax && c.def.Policy != schema.PolicyMin {
		x.w.since = seq
	}
}

// revive lets a candidate's edit replace what the restored row shows.
func (m *model) revive(c *mcell, x mcand, s *set) {
	w := &write{id: s.id, at: s.at, vals: x.w.vals, op: x.w.op, add: x.w.add, in: x.w.in, out: x.w.out, fate: "stands"}
	switch {
	case x.in != nil:
		w.op, w.in = true, x.in
	case !w.op:
		c.written = true
		c.surv = []surv{{m.now(c.def, w), true}}
		return
	}
	for _, e := range c.elems {
		if slices.Contains(w.out, e.value) {
			w.saw.tags = map[string][]se.WriteID{e.value: e.tags}
		}
	}
	c.merge(w)
}

func (m *model) decideWorkflow(d *se.Decision, c *mcase, steps *schema.Table) {
	for i := len(c.late) - 1; i >= 0; i-- {
		out := d.Choice == se.ChoiceKeep && slices.Contains(d.Shown, c.late[i]) || d.Choice == se.ChoiceRenumber && c.late[i] == d.Take
		if !out {
			continue
		}
		if d.Choice == se.ChoiceRenumber {
			r := m.row(replica.RowKey{Table: steps.Name, Row: c.lateRows[i]})
			move := steps.Steps.Moves[m.text(r, steps.Steps.Step)]
			if !slices.Contains(move.From, c.state) {
				m.bad("P7", "step %s was numbered in state %s", r.key.Row, c.state)
			}
			c.numbered, c.state = append(c.numbered, r.key.Row), move.To
			m.count("late step numbered anew")
		}
		c.late, c.lateRows = slices.Delete(c.late, i, i+1), slices.Delete(c.lateRows, i, i+1)
	}
}
