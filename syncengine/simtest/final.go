package simtest

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// placed checks that a row lives where its cells say: in its scope, and at the door of the row it refers to.
func (o *oracle) placed(tx se.ReadTx, k replica.RowKey, row *se.Row) {
	if row == nil {
		return
	}
	t := o.schema.Table(k.Table)
	if at := shown(t, row, schema.ColScope).Str(); at != row.Scope {
		o.bad("scope", "%s %s is kept in scope %s, its cell says %s%s", k.Table, k.Row, row.Scope, at, o.tell(k.Table, k.Row))
	}
	if t.Name == "call" || t.Name == "matter" || t.Name == "move" {
		if leader, _ := tx.Row(t.Column(t.Door).Ref, se.RowID(shown(t, row, t.Door).Str())); leader != nil && leader.Scope != row.Scope {
			o.bad("scope", "%s %s is kept in %s, what it belongs to in %s%s", k.Table, k.Row, row.Scope, leader.Scope, o.tell(k.Table, k.Row))
		}
	}
	door := ""
	switch t.Door {
	case "":
	case schema.DoorSelf:
		door = string(k.Row)
	default:
		parent, _ := tx.Row(t.Column(t.Door).Ref, se.RowID(shown(t, row, t.Door).Str()))
		if parent == nil {
			return // of a dead dwelling: it stays where it was until it is written
		}
		door = parent.Door
	}
	if door != row.Door {
		o.bad("door", "%s %s is kept at door %q, it belongs to %q%s", k.Table, k.Row, row.Door, door, o.tell(k.Table, k.Row))
	}
}

func shown(t *schema.Table, row *se.Row, name string) schema.Value {
	def := t.CellOf(name)
	return row.Cells[t.CellIndex(def.Name)].Values(def)[slices.Index(def.Columns, t.Column(name))]
}

// duplicates checks that rows with one natural key are in one open conflict, unless somebody found these very rows to
// be different things; and that no other rows are.
func (o *oracle) duplicates(tx se.ReadTx) {
	groups, order := map[string][]*se.Row{}, []string{}
	for _, k := range o.model.order {
		row, _ := tx.Row(k.Table, k.Row)
		t := o.schema.Table(k.Table)
		if row == nil || len(t.NaturalKey) == 0 {
			continue
		}
		key := k.Table + "/" + row.Scope
		for _, name := range t.NaturalKey {
			v := shown(t, row, name)
			if v.IsNull() {
				key = ""
				break
			}
			key += "/" + v.String()
		}
		if key == "" {
			continue
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], row)
	}
	waiting := map[string]bool{}
	for _, key := range order {
		rows := groups[key]
		if len(rows) < 2 {
			continue
		}
		var ids []string
		for _, r := range rows {
			ids = append(ids, string(r.ID))
		}
		slices.Sort(ids)
		found := o.duplicate(rows)
		if found == nil && !o.allApart(rows) {
			o.bad("P6", "rows %v share the natural key %s, but no conflict says so%s%s", ids, key, o.tellAll("place", ids), o.tellDuplicates(rows))
			return
		}
		if found == nil {
			continue
		}
		got := []string{string(found.Key.Row)}
		for _, x := range found.Candidates {
			got = append(got, string(x.Row))
		}
		for _, r := range rows {
			if o.apart[[2]se.RowID{found.Key.Row, r.ID}] && !slices.Contains(got, string(r.ID)) {
				got = append(got, string(r.ID))
			}
		}
		slices.Sort(got)
		if found.Open() && !slices.Equal(got, ids) {
			o.bad("P6", "rows %v share the natural key %s, the conflict %s has %v%s", ids, key, found.ID, got, o.tellAll("place", ids))
		}
		waiting[found.ID] = true
	}
	for _, c := range o.opened(se.ConflictDuplicate) {
		if !waiting[c.ID] {
			o.bad("P6", "%s is open, but its rows share no natural key", c.Key.Label())
		}
	}
}

// allApart tells whether somebody found, perhaps one after the other, that the rows are different things.
func (o *oracle) allApart(rows []*se.Row) bool {
	return slices.ContainsFunc(rows, func(first *se.Row) bool {
		return !slices.ContainsFunc(rows, func(r *se.Row) bool {
			return r != first && !o.apart[[2]se.RowID{first.ID, r.ID}]
		})
	})
}

// duplicate gives the open conflict of rows that share a key, or one that found these very rows to be different.
func (o *oracle) duplicate(rows []*se.Row) *se.Conflict {
	for _, r := range rows {
		key := se.ConflictKey{Kind: se.ConflictDuplicate, Table: r.Table, Row: r.ID}
		if id := o.openBy[key]; id != "" {
			return o.conflicts[id]
		}
	}
	for _, id := range o.conflictIDs() {
		c := o.conflicts[id]
		if c.Key.Kind != se.ConflictDuplicate || c.Open() || c.Outcome != se.Outcome(se.ChoiceBoth) {
			continue
		}
		all := true
		for _, r := range rows {
			all = all && (c.Key.Row == r.ID || slices.ContainsFunc(c.Candidates, func(x se.Candidate) bool { return x.Row == r.ID }))
		}
		if all {
			return c
		}
	}
	return nil
}

func (o *oracle) conflictIDs() []string {
	ids := make([]string, 0, len(o.conflicts))
	for id := range o.conflicts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (o *oracle) opened(kind se.ConflictKind) (out []*se.Conflict) {
	for _, id := range o.conflictIDs() {
		if c := o.conflicts[id]; c.Open() && c.Key.Kind == kind {
			out = append(out, c)
		}
	}
	return out
}

// workflows checks the numbers of steps and the conflicts about late ones.
func (o *oracle) workflows(tx se.ReadTx) {
	for _, k := range o.model.order {
		t := o.schema.Table(k.Table)
		if t.StepsBy == nil {
			continue
		}
		c := o.model.caseOf(k.Row, t.StepsBy)
		for i, id := range c.numbered {
			row, _ := tx.Row(t.StepsBy.Name, id)
			if row == nil || shown(t.StepsBy, row, t.StepsBy.Steps.Number).Int64() != int64(i+1) {
				o.bad("workflow", "step %s of %s should have number %d", id, k.Row, i+1)
				return
			}
		}
		if row, _ := tx.Row(k.Table, k.Row); row != nil {
			if got := shown(t, row, t.StepsBy.Steps.State).Str(); got != c.state {
				o.bad("workflow", "%s is in state %s, its steps lead to %s%s", k.Row, got, c.state, o.tell(k.Table, k.Row))
			}
		}
		var got []se.RowID
		if id := o.openBy[se.ConflictKey{Kind: se.ConflictWorkflow, Table: k.Table, Row: k.Row}]; id != "" {
			for _, x := range o.conflicts[id].Candidates {
				got = append(got, x.Row)
			}
		}
		if !slices.Equal(got, c.lateRows) {
			o.bad("P6", "the late steps %v of %s should wait, but these do: %v", c.lateRows, k.Row, got)
		}
	}
}

// states checks the derived state of every case that a replica shows: that of the numbered steps it shows.
func (o *oracle) states(d *watch, tx replica.Tx) {
	t := o.schema.Table("matter")
	steps := t.StepsBy
	ids, _ := tx.RowIDs(t)
	for _, id := range ids {
		row, _ := tx.Row(t, id)
		state := steps.Steps.Initial
		for _, x := range o.model.caseOf(id, steps).numbered {
			if st, _ := tx.Row(steps, x); st != nil {
				state = steps.Steps.Moves[value(steps, st, steps.Steps.Step).Str()].To
			}
		}
		if got := value(t, row, steps.Steps.State).Str(); got != state {
			o.bad("workflow", "%s shows %s in state %s, its steps lead to %s%s", d.id, id, got, state, o.tell("matter", id))
		}
	}
}

// told checks that every refusal is on the device that was refused, with its reason, and in quarantine at the centre.
func (o *oracle) told(d *watch, tx replica.Tx) {
	for _, s := range d.sets {
		v, _ := tx.Verdict(s.id.N)
		switch {
		case v == nil:
			o.bad("P7", "%v has no verdict on its device", s.id)
		case !v.Kind.Effective() && (o.quarant[s.id] == nil || v.Reason == nil):
			o.bad("P7", "%v was refused, but is not in both quarantines with its reason", s.id)
		}
	}
}

// account says what became of every cell write: it stands, it was replaced by somebody who had seen it, it agrees
// with what stands, it was combined, it lost and is kept, a supervisor dismissed it, or it was refused. Nothing else.
func (o *oracle) account() {
	sums := map[string]int{}
	for _, d := range o.watches {
		for _, s := range d.sets {
			for i := range s.changes {
				for _, w := range s.changes[i].cells {
					sums[o.fate(s, w.write)]++
					sums["written"]++
				}
			}
		}
	}
	rest := sums["written"]
	for _, f := range []string{"stands", "superseded", "converged", "combined", "loser", "dismissed", "refused", "overtaken"} {
		rest -= sums[f]
	}
	if rest != 0 {
		o.bad("accounting", "%d of %d writes are nowhere: %s", rest, sums["written"], fmt.Sprint(sums))
	}
}

func (o *oracle) fate(s *set, w *write) string {
	w = w.end()
	switch {
	case s.verdict == nil:
		return "no verdict"
	case !s.verdict.Kind.Effective() && s.seq == 0:
		return "refused"
	case w.fate == "combined, outlived":
		return "combined"
	}
	return w.fate
}
