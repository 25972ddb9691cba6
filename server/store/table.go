package store

import (
	"fmt"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// table is a record type with the statements about its rows. Placeholders are used once each, in order: SQLite binds
// them by first appearance, PostgreSQL by number.
type table struct {
	def     *schema.Table
	layout  int64 // in which rows are written now
	layouts map[int64]*layout

	columns []place // what the typed columns show, in the order of upsert
	sets    []place // sets of references

	upsert, get, getAll, remove string
	feedKeys, feedRows          string // from a row on, within a scope
	natural, idempotent         string
	referrers                   map[string]string // by column
	feed                        int
	keyPrefix                   string // of the keys of its rows in a scope's stream
	naturalLen, idempoLen       int
}

// place is where a column's value lies in a row.
type place struct {
	column *schema.Column
	def    *schema.Cell
	cell   int // in Row.Cells, -1 for the scope, which a row has beside its cells
	value  int
}

// of gives the value that the row shows at the place.
func (p place) of(r *syncengine.Row) schema.Value {
	if p.cell < 0 {
		return schema.Text(r.Scope)
	}
	vs := r.Cells[p.cell].Values(p.def)
	if p.value >= len(vs) {
		return schema.Null()
	}
	return vs[p.value]
}

func newTable(def *schema.Table) *table {
	t := &table{def: def, layouts: map[int64]*layout{}, referrers: map[string]string{}}
	name := quote(ddl.CentreTable(def))
	for _, c := range def.Columns {
		switch {
		case c.Name == schema.ColID:
		case c.Name == schema.ColScope:
			t.columns = append(t.columns, place{column: c, cell: -1})
		default:
			cell := def.CellOf(c.Name)
			p := place{column: c, def: cell, cell: def.CellIndex(cell.Name)}
			for cell.Columns[p.value] != c {
				p.value++
			}
			t.columns = append(t.columns, p)
			if c.Ref != "" && c.Type == schema.TypeSet {
				t.sets = append(t.sets, p)
			} else if c.Ref != "" {
				t.referrers[c.Name] = "SELECT id FROM " + name + " WHERE county = CAST($1 AS INTEGER) AND " + quote(c.Name) + " = CAST($2 AS TEXT) ORDER BY id"
			}
		}
	}
	t.upsert = upsert(name, t.columns)
	const body = "id, scope, row_seq, door, author, versions"
	t.get = "SELECT " + body + " FROM " + name + " WHERE county = $1 AND id = $2"
	t.getAll = "SELECT " + body + " FROM " + name + " WHERE county = CAST($1 AS INTEGER) AND id IN (SELECT value FROM json_each($2))"
	t.remove = "DELETE FROM " + name + " WHERE county = $1 AND id = $2"
	const from = " WHERE county = CAST($1 AS INTEGER) AND scope = CAST($2 AS TEXT) AND (row_seq, id) > (CAST($3 AS INTEGER), CAST($4 AS TEXT)) ORDER BY row_seq, id LIMIT CAST($5 AS INTEGER)"
	t.feedKeys = "SELECT row_seq, id FROM " + name + from
	t.feedRows = "SELECT " + body + " FROM " + name + from
	t.naturalLen, t.idempoLen = len(def.NaturalKey), len(def.Idempotent)
	t.natural = "SELECT id FROM " + name + " WHERE county = $1 AND scope = $2" + equal(def.NaturalKey, 3) + " ORDER BY id"
	t.idempotent = "SELECT id FROM " + name + " WHERE county = $1" + equal(def.Idempotent, 2) + " ORDER BY id LIMIT 1"
	t.keyPrefix = syncengine.ItemKey(syncengine.StreamRow, def.Name, "")
	return t
}

func upsert(name string, columns []place) string {
	var names, marks, sets []string
	add := func(n string) {
		names = append(names, quote(n))
		marks = append(marks, fmt.Sprint("$", len(names)))
		if len(names) > 2 {
			sets = append(sets, quote(n)+" = excluded."+quote(n))
		}
	}
	add("county")
	add("id")
	for _, p := range columns {
		add(p.column.Name)
	}
	for _, n := range []string{"row_seq", "door", "author", "versions"} {
		add(n)
	}
	return "INSERT INTO " + name + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") +
		") ON CONFLICT (county, id) DO UPDATE SET " + strings.Join(sets, ", ")
}

func equal(columns []string, first int) string {
	var b strings.Builder
	for i, c := range columns {
		fmt.Fprintf(&b, " AND %s = $%d", quote(c), first+i)
	}
	return b.String()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// idempotencyIndex finds an append row by the columns that make a second insert the same insert.
func idempotencyIndex(t *schema.Table) string {
	if len(t.Idempotent) == 0 {
		return ""
	}
	name, cols := ddl.CentreTable(t), quote("county")
	for _, c := range t.Idempotent {
		cols += ", " + quote(c)
	}
	return "CREATE INDEX IF NOT EXISTS " + quote(name+":once:"+strings.Join(t.Idempotent, ",")) + " ON " + quote(name) + " (" + cols + ")"
}

// args gives the upsert's arguments.
func (t *table) args(county int64, r *syncengine.Row) []any {
	out := make([]any, 0, len(t.columns)+6)
	out = append(out, county, string(r.ID))
	for _, p := range t.columns {
		out = append(out, p.of(r).Any())
	}
	return append(out, r.Seq, r.Door, r.Author, encodeCells(t.layout, r.Inserted, r.Cells))
}

// row makes a Row of an answer with the columns id, scope, row_seq, door, author, versions.
func (t *table) row(r row) (*syncengine.Row, error) {
	out := &syncengine.Row{
		Table: t.def.Name, ID: syncengine.RowID(r.str(0)), Scope: r.str(1), Seq: r.int(2), Door: r.str(3), Author: r.str(4),
	}
	var err error
	out.Inserted, out.Cells, err = decodeCells(r.blob(5), t.find)
	if err != nil {
		return nil, fmt.Errorf("read row %s/%s: %w", out.Table, out.ID, err)
	}
	return out, nil
}

func (t *table) find(id int64) *layout { return t.layouts[id] }
