// Package badinput is the corpus of bad inputs: what a broken or hostile device, person or file may hand to the centre,
// made by generators from the declarations, so that every record type and every column is in it. Each case says what
// must be answered; each is run against the part that judges it and once more through a real socket, and the two must say
// the same.
package badinput

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// most is how many cases a class may have: the corpus is broad, not long.
const most = 50

// want is the answer to a changeset.
type want struct {
	kind   se.VerdictKind
	code   se.Code
	table  string
	column string
	rule   string

	notice session.NoticeCode // instead of a verdict: the connection ends
}

func (w want) String() string {
	switch {
	case w.notice != "":
		return "closed `" + string(w.notice) + "`"
	case w.code != "":
		return w.kind.String() + " `" + string(w.code) + "`"
	}
	return w.kind.String()
}

// changesetCase is a changeset that is wrong, or odd.
type changesetCase struct {
	class  string
	name   string
	who    string // whose phone sends it
	covers string // table.column, "" if it is about neither
	make   func(p *phone) *se.Changeset
	want   want
}

// class is one class of the corpus, for the page and the counts.
type class struct {
	name     string
	as       string // how its cases are handed in
	cases    int
	verdicts map[string]bool
}

// corpus collects what was run.
type corpus struct {
	classes []*class
	byName  map[string]*class
	columns map[string]bool // that a case is about: table.column
}

func (c *corpus) covered(column string) {
	if c.columns == nil {
		c.columns = map[string]bool{}
	}
	c.columns[column] = true
}

func (c *corpus) note(name, as, verdict string) {
	if c.byName == nil {
		c.byName = map[string]*class{}
	}
	x := c.byName[name]
	if x == nil {
		x = &class{name: name, as: as, verdicts: map[string]bool{}}
		c.byName[name] = x
		c.classes = append(c.classes, x)
	}
	x.cases++
	x.verdicts[verdict] = true
}

// spread takes at most n of a list, evenly, so that every record type stays in it. from turns the list, so that classes of
// one shape do not take the same ones.
func spread[T any](list []T, n, from int) []T {
	if len(list) <= n {
		return list
	}
	out := make([]T, 0, n)
	for i := range n {
		out = append(out, list[(i*len(list)/n+from)%len(list)])
	}
	return out
}

// row gives the i-th row id of a kind.
func rowID(kind, i int) se.RowID {
	return se.RowID(fmt.Sprintf("0197%04x-0000-7000-8000-%012x", kind, i))
}

// grids are those with rows: of each record type one in grid1, one in grid2 (by another worker), one in grid9.
var grids = []string{grid1, grid2, grid9}

func seedID(s *schema.Schema, grid, table string) se.RowID {
	return rowID(1+slices.Index(grids, grid), 1+slices.IndexFunc(s.Tables, func(t *schema.Table) bool { return t.Name == table }))
}

// inserter is whose phone makes rows of a record type.
func inserter(t *schema.Table) string {
	if r := t.Rights["grid_worker"]; r != nil && r.Insert {
		return "worker"
	}
	return "supervisor"
}

// maker makes good values and rows, for bad ones to be made of.
type maker struct {
	s    *schema.Schema
	next int
}

func (m *maker) fresh() se.RowID { m.next++; return rowID(0x100, m.next) }

// good gives a value that may stand in a column. References are to the seeds of a grid.
func (m *maker) good(t *schema.Table, c *schema.Column, grid string) schema.Value {
	switch c.Type {
	case schema.TypeScope:
		return schema.Text(grid)
	case schema.TypeText:
		switch {
		case c.HashOf != "":
			return schema.Null()
		case c.Check == "phone":
			return schema.Text("13912345678")
		}
		return schema.Text(fmt.Sprintf("样%d", m.next))
	case schema.TypeCode:
		if t.Steps != nil && t.Steps.Step == c.Name {
			return schema.Text("verify")
		}
		return schema.Text(m.s.Codes[c.Code].Codes[0].Code)
	case schema.TypeRef:
		if c.Ref == t.Name {
			return schema.Null() // the step before: there is none
		}
		return schema.Text(string(seedID(m.s, grid, c.Ref)))
	case schema.TypeSet:
		return schema.Text(schema.FormatSet([]string{m.element(c)}))
	case schema.TypeInt:
		return schema.Int(1)
	case schema.TypeBool:
		return schema.Int(1)
	case schema.TypeReal:
		return schema.Real(1)
	case schema.TypeTime:
		return schema.Int(1_770_000_000_000)
	case schema.TypeDate:
		return schema.Text("2026-03-05")
	}
	return schema.Null()
}

func (m *maker) element(c *schema.Column) string {
	switch {
	case c.Code != "":
		return m.s.Codes[c.Code].Codes[0].Code
	case c.Ref != "":
		return string(rowID(9, 9))
	}
	return "甲"
}

// write makes a good write of a cell; values of named columns are replaced.
func (m *maker) write(t *schema.Table, def *schema.Cell, grid string, with map[string]schema.Value) se.CellWrite {
	w := se.CellWrite{Cell: def.Name}
	switch def.Policy {
	case schema.PolicyAdd:
		w.Add = schema.Int(1)
		return w
	case schema.PolicyUnion:
		w.In = []string{m.element(def.Columns[0])}
		return w
	}
	for _, c := range def.Columns {
		v, ok := with[c.Name]
		if !ok {
			v = m.good(t, c, grid)
		}
		w.Values = append(w.Values, v)
	}
	return w
}

// insert makes a good insert of what is required, and of the cell of one column more ("" for none).
func (m *maker) insert(t *schema.Table, id se.RowID, grid, column string, with map[string]schema.Value) se.Change {
	c := se.Change{Table: t.Name, Row: id, Op: se.OpInsert}
	for _, def := range t.Cells {
		if def.Policy == schema.PolicyCentral || def.Derived {
			continue
		}
		needed := slices.ContainsFunc(def.Columns, func(c *schema.Column) bool { return c.Required || c.Name == column })
		if needed {
			c.Cells = append(c.Cells, m.write(t, def, grid, with))
		}
	}
	return c
}

// cells lists the cells that people write, with their record types.
type place struct {
	t   *schema.Table
	def *schema.Cell
	col *schema.Column
}

func (p place) String() string { return p.t.Name + "." + p.col.Name }

// places lists every column that is a device's to write.
func places(s *schema.Schema, keep func(place) bool) []place {
	var out []place
	for _, t := range s.Tables {
		for _, def := range t.Cells {
			if def.Policy == schema.PolicyCentral || def.Derived {
				continue
			}
			for _, c := range def.Columns {
				if p := (place{t, def, c}); keep == nil || keep(p) {
					out = append(out, p)
				}
			}
		}
	}
	return out
}
