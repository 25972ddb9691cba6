package badinput

import (
	"fmt"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// changes gives a case whose changeset has changes that are made when it is sent.
func changes(class, name, who, covers string, w want, list ...func() se.Change) changesetCase {
	return changesetCase{class: class, name: name, who: who, covers: covers, want: w, make: func(p *phone) *se.Changeset {
		var all []se.Change
		for _, c := range list {
			all = append(all, c())
		}
		return p.make(all...)
	}}
}

func rejected(code se.Code, table, column, rule string) want {
	return want{kind: se.Rejected, code: code, table: table, column: column, rule: rule}
}

// seedUpdate writes a cell of the row that is there.
func (m *maker) seedUpdate(t *schema.Table, w se.CellWrite) func() se.Change {
	return func() se.Change {
		return se.Change{Table: t.Name, Row: seedID(m.s, grid1, t.Name), Op: se.OpUpdate, Cells: []se.CellWrite{w}}
	}
}

// newRow inserts a row with one cell besides what is required; edit changes it before it is sent.
func (m *maker) newRow(t *schema.Table, grid, column string, edit func(*se.Change)) func() se.Change {
	return func() se.Change {
		c := m.insert(t, m.fresh(), grid, column, nil)
		if edit != nil {
			edit(&c)
		}
		return c
	}
}

// cellOf finds a cell among the writes of a change.
func cellOf(c *se.Change, name string) *se.CellWrite {
	i := slices.IndexFunc(c.Cells, func(w se.CellWrite) bool { return w.Cell == name })
	return &c.Cells[i]
}

// hostile are names that no declaration has.
var hostile = []string{
	"x", "HAZARD", "hazard ", " hazard", "hazard\n", "hazard;", "hazard--", `hazard"`, "hazard'", "hazard`", "[hazard]", "hazard/*", "main.hazard", "temp.hazard", "r_hazard", "c_hazard", "hazаrd",
	"ｈａｚａｒｄ", "sqlite_master", "sqlite_sequence", "pg_catalog.pg_class", "information_schema.tables", "rowid", "_rowid_", "oid", "account", "device", "assignment", "org_unit", "verdict", "history",
	"ds_outbox", "audit", "settings", "x' OR '1'='1", "1; DROP TABLE r_hazard", "UNION SELECT password FROM account", "%s%n", "${x}", "{{x}}", "<script>alert(1)</script>", "../hazard", "hazard\x00", "\x00", "a\tb", "\u202ehazard",
	"隐患", "null", "*", "?", "$1", strings.Repeat("h", 255),
}

func (m *maker) writeCases() []changesetCase {
	var all []changesetCase
	from := 0
	add := func(list []changesetCase) {
		all = append(all, spread(list, most, from)...)
		from++
	}
	add(m.operations())
	add(m.valuesForOperations())
	add(m.badElements())
	add(m.wrongDifferences())
	add(m.columnsMissing())
	add(m.columnsTooMany())
	add(m.requiredAbsent())
	add(m.requiredNull(true))
	add(m.requiredNull(false))
	add(m.unknownTables())
	add(m.unknownCells(true))
	add(m.unknownCells(false))
	add(m.centralCells(true))
	add(m.centralCells(false))
	add(m.appendUpdated())
	add(m.appendDeleted())
	add(m.cellTwice())
	add(m.rowTwice())
	add(m.referencesToNothing())
	add(m.referencesElsewhere())
	add(m.referencesOfAnotherType())
	return all
}

func (m *maker) operations() (out []changesetCase) {
	const class = "an operation on a value"
	for _, p := range places(m.s, func(p place) bool { return !p.def.Policy.Operation() }) {
		if p.def.Name == schema.CellScope || p.col != p.def.Columns[0] {
			continue
		}
		w := want{kind: se.Rejected, code: se.CodeBadValue, table: p.t.Name, column: p.def.Name, rule: "operation"}
		op := se.CellWrite{Cell: p.def.Name, In: []string{"甲"}}
		if len(out)%2 == 0 {
			op = se.CellWrite{Cell: p.def.Name, Add: schema.Int(1)}
		}
		out = append(out, changes(class, p.String(), inserter(p.t), p.String(), w, m.newRow(p.t, grid1, p.col.Name, func(c *se.Change) { *cellOf(c, p.def.Name) = op })))
	}
	return out
}

func (m *maker) valuesForOperations() (out []changesetCase) {
	const class = "a value for an operation"
	for _, p := range places(m.s, func(p place) bool { return p.def.Policy.Operation() }) {
		w := rejected(se.CodeBadValue, p.t.Name, p.def.Name, schema.RuleType)
		for _, v := range []schema.Value{schema.Text(`["a"]`), schema.Int(3), schema.Null(), schema.Blob([]byte{1})} {
			value := se.CellWrite{Cell: p.def.Name, Values: []schema.Value{v}}
			out = append(out,
				changes(class, p.String()+": "+v.String()+", new", inserter(p.t), p.String(), w, m.newRow(p.t, grid1, p.col.Name, func(c *se.Change) { *cellOf(c, p.def.Name) = value })),
				changes(class, p.String()+": "+v.String(), inserter(p.t), p.String(), w, m.seedUpdate(p.t, value)))
		}
	}
	return out
}

func (m *maker) badElements() (out []changesetCase) {
	const class = "a bad element of a set"
	for _, p := range places(m.s, func(p place) bool { return p.def.Policy == schema.PolicyUnion }) {
		var many []string
		for i := range p.col.MaxElements() + 1 {
			many = append(many, fmt.Sprint("e", i))
		}
		for _, x := range []struct {
			name string
			in   []string
			rule string
		}{
			{"empty", []string{""}, schema.RuleSet}, {"NUL", []string{"好", "a\x00"}, schema.RuleText},
			{"long", []string{strings.Repeat("长", 501)}, schema.RuleTooLong}, {"too many", many, schema.RuleTooLong},
		} {
			out = append(out, changes(class, p.String()+": "+x.name, inserter(p.t), p.String(), rejected(se.CodeBadValue, p.t.Name, p.col.Name, x.rule), m.seedUpdate(p.t, se.CellWrite{Cell: p.def.Name, In: x.in})))
		}
	}
	return out
}

func (m *maker) wrongDifferences() (out []changesetCase) {
	const class = "a difference that is none"
	for _, p := range places(m.s, func(p place) bool { return p.def.Policy == schema.PolicyAdd }) {
		for _, x := range []struct {
			name string
			w    se.CellWrite
			rule string
		}{
			{"a text", se.CellWrite{Add: schema.Text("1")}, schema.RuleType}, {"a fraction", se.CellWrite{Add: schema.Real(1.5)}, schema.RuleType},
			{"bytes", se.CellWrite{Add: schema.Blob([]byte{1})}, schema.RuleType}, {"elements", se.CellWrite{In: []string{"1"}}, "operation"},
			{"nothing", se.CellWrite{}, "operation"}, {"both", se.CellWrite{Add: schema.Int(1), Out: []string{"1"}}, "operation"},
		} {
			x.w.Cell = p.def.Name
			out = append(out, changes(class, p.String()+": "+x.name, inserter(p.t), p.String(), rejected(se.CodeBadValue, p.t.Name, p.col.Name, x.rule), m.seedUpdate(p.t, x.w)))
		}
	}
	for _, p := range places(m.s, func(p place) bool { return p.def.Policy == schema.PolicyUnion }) {
		op := se.CellWrite{Cell: p.def.Name, Add: schema.Int(1)}
		out = append(out, changes(class, p.String()+": a number for a set", inserter(p.t), p.String(), rejected(se.CodeBadValue, p.t.Name, p.def.Name, "operation"), m.seedUpdate(p.t, op)))
	}
	return out
}

func (m *maker) columnsMissing() []changesetCase {
	return m.columns("a cell written in part", func(w *se.CellWrite) { w.Values = w.Values[:len(w.Values)-1] }, func(def *schema.Cell) bool { return len(def.Columns) > 1 })
}

func (m *maker) columnsTooMany() []changesetCase {
	return m.columns("a cell with a value too many", func(w *se.CellWrite) { w.Values = append(w.Values, schema.Null()) }, func(*schema.Cell) bool { return true })
}

func (m *maker) columns(class string, edit func(*se.CellWrite), keep func(*schema.Cell) bool) (out []changesetCase) {
	for _, p := range places(m.s, func(p place) bool { return !p.def.Policy.Operation() && keep(p.def) && p.col == p.def.Columns[0] }) {
		w := rejected(se.CodeBadValue, p.t.Name, p.def.Name, "columns")
		out = append(out, changes(class, p.String(), inserter(p.t), p.String(), w, m.newRow(p.t, grid1, p.col.Name, func(c *se.Change) { edit(cellOf(c, p.def.Name)) })))
	}
	return out
}

func required(p place) bool { return p.col.Required }

func (m *maker) requiredAbsent() (out []changesetCase) {
	for _, p := range places(m.s, required) {
		w := rejected(se.CodeMissing, p.t.Name, p.col.Name, schema.RuleRequired)
		out = append(out, changes("what is required left out", p.String(), inserter(p.t), p.String(), w, m.newRow(p.t, grid1, "", func(c *se.Change) {
			c.Cells = slices.DeleteFunc(c.Cells, func(w se.CellWrite) bool { return w.Cell == p.def.Name })
		})))
	}
	return out
}

func (m *maker) requiredNull(insert bool) (out []changesetCase) {
	for _, p := range places(m.s, func(p place) bool { return required(p) && !p.def.Policy.Operation() }) {
		w := rejected(se.CodeMissing, p.t.Name, p.col.Name, schema.RuleRequired)
		null := m.write(p.t, p.def, grid1, map[string]schema.Value{p.col.Name: schema.Null()})
		if insert {
			out = append(out, changes("what is required as NULL", p.String(), inserter(p.t), p.String(), w, m.newRow(p.t, grid1, "", func(c *se.Change) { *cellOf(c, p.def.Name) = null })))
		} else if p.def.Policy != schema.PolicyAppend {
			out = append(out, changes("what is required emptied", p.String(), inserter(p.t), p.String(), w, m.seedUpdate(p.t, null)))
		}
	}
	return out
}

func (m *maker) unknownTables() (out []changesetCase) {
	for i, name := range hostile {
		c := se.Change{Table: name, Row: rowID(0x200, i), Op: []se.Op{se.OpInsert, se.OpUpdate, se.OpDelete}[i%3]}
		out = append(out, changes("an unknown record type", fmt.Sprintf("%.20q", name), "worker", "", rejected(se.CodeUnknownTable, name, "", ""), func() se.Change { return c }))
	}
	return out
}

func (m *maker) unknownCells(insert bool) (out []changesetCase) {
	names := append([]string{"id", "ID", "created_by", "row_seq", "county", "versions", "lat", "description "}, hostile...)
	for i, name := range names {
		t := m.s.Tables[i%len(m.s.Tables)]
		if t.Cell(name) != nil {
			continue
		}
		w := rejected(se.CodeUnknownCell, t.Name, name, "")
		odd := se.CellWrite{Cell: name, Values: []schema.Value{schema.Text("x")}}
		if insert {
			out = append(out, changes("an unknown column of a new record", fmt.Sprintf("%s %.20q", t.Name, name), inserter(t), "", w, m.newRow(t, grid1, "", func(c *se.Change) { c.Cells = append(c.Cells, odd) })))
		} else {
			out = append(out, changes("an unknown column", fmt.Sprintf("%s %.20q", t.Name, name), inserter(t), "", w, m.seedUpdate(t, odd)))
		}
	}
	return out
}

// centralCells are written by a device although the centre writes them: the envelope, numbers, states.
func (m *maker) centralCells(insert bool) (out []changesetCase) {
	for _, t := range m.s.Tables {
		for _, def := range t.Cells {
			if def.Policy != schema.PolicyCentral && !def.Derived {
				continue
			}
			odd := se.CellWrite{Cell: def.Name}
			for _, c := range def.Columns {
				odd.Values = append(odd.Values, m.good(t, c, grid1))
			}
			w, covers := rejected(se.CodeCentralOnly, t.Name, def.Name, ""), t.Name+"."+def.Columns[0].Name
			if insert {
				out = append(out, changes("a column of the centre in a new record", covers, inserter(t), covers, w, m.newRow(t, grid1, "", func(c *se.Change) { c.Cells = append(c.Cells, odd) })))
			} else {
				out = append(out, changes("a column of the centre", covers, inserter(t), covers, w, m.seedUpdate(t, odd)))
			}
		}
	}
	return out
}

func (m *maker) appendUpdated() (out []changesetCase) {
	for _, p := range places(m.s, func(p place) bool { return p.def.Policy == schema.PolicyAppend && p.col == p.def.Columns[0] }) {
		w := rejected(se.CodeAppendOnly, p.t.Name, p.def.Name, "update")
		out = append(out, changes("what is written once, changed", p.String(), inserter(p.t), p.String(), w, m.seedUpdate(p.t, m.write(p.t, p.def, grid1, nil))))
	}
	return out
}

func (m *maker) appendDeleted() (out []changesetCase) {
	for _, t := range m.s.Tables {
		if !t.Append {
			continue
		}
		for _, who := range []string{"worker", "supervisor"} {
			out = append(out, changes("what is written once, deleted", t.Name+" by a "+who, who, t.Name, rejected(se.CodeAppendOnly, t.Name, "", "delete"),
				func() se.Change { return se.Change{Table: t.Name, Row: seedID(m.s, grid1, t.Name), Op: se.OpDelete} }))
		}
	}
	return out
}

func (m *maker) cellTwice() (out []changesetCase) {
	for _, p := range places(m.s, func(p place) bool { return p.col == p.def.Columns[0] }) {
		w := rejected(se.CodeBadRow, p.t.Name, p.def.Name, "twice")
		out = append(out, changes("a column twice in one record", p.String(), inserter(p.t), p.String(), w, m.newRow(p.t, grid1, p.col.Name, func(c *se.Change) {
			c.Cells = append(c.Cells, *cellOf(c, p.def.Name))
		})))
	}
	return out
}

func (m *maker) rowTwice() (out []changesetCase) {
	for _, t := range m.s.Tables {
		for _, op := range []se.Op{se.OpInsert, se.OpUpdate, se.OpDelete} {
			var id se.RowID
			first := func() se.Change { c := m.newRow(t, grid1, "", nil)(); id = c.Row; return c }
			again := func() se.Change { return se.Change{Table: t.Name, Row: id, Op: op} }
			out = append(out, changes("a record twice in one changeset", t.Name+" "+op.String(), inserter(t), t.Name, rejected(se.CodeBadRow, t.Name, schema.ColID, "twice"), first, again))
		}
	}
	return out
}

func references(p place) bool { return p.col.Type == schema.TypeRef && p.col.Ref != p.t.Name }

func (m *maker) refer(class string, p place, name string, id se.RowID, update bool) changesetCase {
	with := map[string]schema.Value{p.col.Name: schema.Text(string(id))}
	w := rejected(se.CodeUnknownReference, p.t.Name, p.col.Name, "")
	if update && p.def.Policy != schema.PolicyAppend {
		return changes(class, p.String()+": "+name+", changed", inserter(p.t), p.String(), w, m.seedUpdate(p.t, m.write(p.t, p.def, grid1, with)))
	}
	return changes(class, p.String()+": "+name, inserter(p.t), p.String(), w, m.newRow(p.t, grid1, p.col.Name, func(c *se.Change) { *cellOf(c, p.def.Name) = m.write(p.t, p.def, grid1, with) }))
}

func (m *maker) referencesToNothing() (out []changesetCase) {
	for i, p := range places(m.s, references) {
		out = append(out, m.refer("a reference to nothing", p, "nothing", rowID(0x300, i), false), m.refer("a reference to nothing", p, "zeros", "00000000-0000-0000-0000-000000000000", true))
	}
	return out
}

// What a person never saw is to him as if it were not there.
func (m *maker) referencesElsewhere() (out []changesetCase) {
	for _, p := range places(m.s, references) {
		out = append(out, m.refer("a reference into another grid", p, grid2, seedID(m.s, grid2, p.col.Ref), false), m.refer("a reference into another grid", p, grid9, seedID(m.s, grid9, p.col.Ref), true))
	}
	return slices.DeleteFunc(out, func(c changesetCase) bool { return c.who == "supervisor" })
}

func (m *maker) referencesOfAnotherType() (out []changesetCase) {
	for i, p := range places(m.s, references) {
		for j := range 2 {
			other := m.s.Tables[(i+j*5)%len(m.s.Tables)]
			if other.Name != p.col.Ref {
				out = append(out, m.refer("a reference to another type of record", p, other.Name, seedID(m.s, grid1, other.Name), j == 1))
			}
		}
	}
	return out
}
