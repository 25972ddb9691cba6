package badinput

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// roles are those of the people whose phones send, by login.
var roles = []struct{ who, role string }{{"worker", "grid_worker"}, {"steward", "steward"}, {"mediator", "mediator"}, {"supervisor", "supervisor"}}

func (m *maker) rightsCases() []changesetCase {
	var all []changesetCase
	from := 0
	add := func(list []changesetCase) {
		all = append(all, spread(list, most, from)...)
		from += 3
	}
	add(m.foreignInserts())
	add(m.wrongLevel())
	add(m.movedAway())
	add(m.notTheirsToInsert())
	add(m.notTheirsToUpdate(false))
	add(m.notTheirsToUpdate(true))
	add(m.notTheirsToDelete())
	add(m.hiddenInserts())
	add(m.unseen(se.OpUpdate))
	add(m.unseen(se.OpDelete))
	add(m.absent(se.OpUpdate))
	add(m.absent(se.OpDelete))
	return all
}

// foreignInserts are rows in grids in which the person has no grant; a unit that does not exist is answered alike.
func (m *maker) foreignInserts() (out []changesetCase) {
	for _, t := range m.s.Tables {
		if r := t.Rights["grid_worker"]; r == nil || !r.Insert {
			continue
		}
		for _, scope := range []string{grid2, grid9, community, "370115003239999", "x"} {
			out = append(out, changes("a new record in another grid", t.Name+" in "+scope, "worker", t.Name+".scope", rejected(se.CodeOutOfScope, t.Name, schema.ColScope, ""),
				m.newRow(t, grid1, "", func(c *se.Change) { cellOf(c, schema.CellScope).Values = []schema.Value{schema.Text(scope)} })))
		}
	}
	return out
}

func (m *maker) wrongLevel() (out []changesetCase) {
	for _, t := range m.s.Tables {
		if r := t.Rights["supervisor"]; r == nil || !r.Insert {
			continue
		}
		out = append(out, changes("a record in a unit that is no grid", t.Name, "supervisor", t.Name+".scope", rejected(se.CodeBadValue, t.Name, schema.ColScope, "level"),
			m.newRow(t, grid1, "", func(c *se.Change) { cellOf(c, schema.CellScope).Values = []schema.Value{schema.Text(community)} })))
	}
	return out
}

func (m *maker) movedAway() (out []changesetCase) {
	for _, t := range m.s.Tables {
		a := t.Access("grid_worker")
		if a == nil || !a.MayUpdate(t.Cell(schema.CellScope)) {
			continue
		}
		for _, scope := range []string{grid2, grid9, "370115003239999"} {
			out = append(out, changes("a record moved to another grid", t.Name+" to "+scope, "worker", t.Name+".scope", rejected(se.CodeOutOfScope, t.Name, schema.ColScope, ""),
				m.seedUpdate(t, se.CellWrite{Cell: schema.CellScope, Values: []schema.Value{schema.Text(scope)}})))
		}
	}
	return out
}

func (m *maker) notTheirsToInsert() (out []changesetCase) {
	for _, r := range roles {
		for _, t := range m.s.Tables {
			w := rejected(se.CodeNoRight, t.Name, "", "insert")
			switch a := t.Access(r.role); {
			case a == nil:
				w = rejected(se.CodeOutOfScope, t.Name, schema.ColScope, "")
			case a.Right.Insert:
				continue
			}
			out = append(out, changes("a new record without the right", t.Name+" by a "+r.who, r.who, t.Name, w, m.newRow(t, grid1, "", nil)))
		}
	}
	return out
}

// sees tells whether somebody with this access sees the seed of a record type: it is at his door if such a record must be at
// one.
func sees(t *schema.Table, a *schema.Access) bool {
	return a.Rows[schema.RowsAll] || a.Rows[schema.RowsDoors] && (t.Door == schema.DoorSelf || t.Column(t.Door).Required)
}

// notTheirsToUpdate are cells of rows that the person sees and may not write; with unread, those that he does not see in
// full.
func (m *maker) notTheirsToUpdate(unread bool) (out []changesetCase) {
	class := "a change without the right"
	if unread {
		class = "a change of what is hidden or masked"
	}
	for _, r := range roles {
		for _, p := range places(m.s, func(p place) bool { return p.col == p.def.Columns[0] && p.def.Policy != schema.PolicyAppend }) {
			a := p.t.Access(r.role)
			if a == nil || a.MayUpdate(p.def) || a.Reads(p.def) == unread || a.Rows[schema.RowsOwn] {
				continue
			}
			w := rejected(se.CodeNoRight, p.t.Name, p.def.Name, "update")
			if !sees(p.t, a) {
				w = want{kind: se.Parked, code: se.CodeAwaits, table: p.t.Name}
			}
			out = append(out, changes(class, p.String()+" by a "+r.who, r.who, p.String(), w, m.seedUpdate(p.t, m.write(p.t, p.def, grid1, nil))))
		}
	}
	return out
}

func (m *maker) notTheirsToDelete() (out []changesetCase) {
	for _, r := range roles {
		for _, t := range m.s.Tables {
			a := t.Access(r.role)
			if a == nil || a.Right.Delete || t.Append || !sees(t, a) {
				continue
			}
			out = append(out, changes("a deletion without the right", t.Name+" by a "+r.who, r.who, t.Name, rejected(se.CodeNoRight, t.Name, "", "delete"),
				func() se.Change { return se.Change{Table: t.Name, Row: seedID(m.s, grid1, t.Name), Op: se.OpDelete} }))
		}
	}
	return out
}

// hiddenInserts give, in a new record, a cell that the person does not see in full.
func (m *maker) hiddenInserts() (out []changesetCase) {
	for _, r := range roles {
		for _, p := range places(m.s, func(p place) bool { return p.col == p.def.Columns[0] }) {
			a := p.t.Access(r.role)
			if a == nil || !a.Right.Insert || a.MayInsert(p.def) {
				continue
			}
			out = append(out, changes("a new record with what is hidden or masked", p.String()+" by a "+r.who, r.who, p.String(), rejected(se.CodeNoRight, p.t.Name, p.def.Name, "insert"),
				m.newRow(p.t, grid1, p.col.Name, nil)))
		}
	}
	return out
}

// unseen are rows of other grids: what a person never saw is to him as if it were not there, and waits.
func (m *maker) unseen(op se.Op) (out []changesetCase) {
	for _, t := range m.s.Tables {
		for _, grid := range []string{grid2, grid9} {
			for _, who := range []string{"worker", "steward"} {
				out = append(out, m.awaiting("of a record of another grid", t, op, who, seedID(m.s, grid, t.Name), who+", "+grid))
			}
		}
	}
	return out
}

func (m *maker) absent(op se.Op) (out []changesetCase) {
	for i, t := range m.s.Tables {
		for j, r := range roles[:3] {
			out = append(out, m.awaiting("of a record that is not there", t, op, r.who, rowID(0x400+j+int(op)*16, i), r.who))
		}
	}
	return out
}

func (m *maker) awaiting(of string, t *schema.Table, op se.Op, who string, id se.RowID, name string) changesetCase {
	class := "a change " + of
	c := se.Change{Table: t.Name, Row: id, Op: op}
	if op == se.OpDelete {
		class = "a deletion " + of
	} else {
		i := slices.IndexFunc(t.Cells, func(def *schema.Cell) bool {
			return def.Policy == schema.PolicyLWW || def.Policy == schema.PolicyReview
		})
		c.Cells = []se.CellWrite{m.write(t, t.Cells[i], grid1, nil)}
	}
	return changes(class, t.Name+" by a "+name, who, t.Name, want{kind: se.Parked, code: se.CodeAwaits, table: t.Name, rule: string(id)}, func() se.Change { return c })
}
