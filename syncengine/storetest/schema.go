package storetest

import (
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Schema is the declaration that stores are tested with: small, with one column of each kind that a store treats
// differently. The names are of no record type of the product.
//
//	place   the doors; natural key (street, house); a cell group
//	person  refers to a place; every policy and storage class; a set of references; natural key (name)
//	event   append, with an idempotency key
//	place_x sorts after place in every listing, though its name starts with it
func Schema() *schema.Schema {
	s := &schema.Schema{Version: 1, Codes: map[string]*schema.CodeTable{}, Roles: map[string]*schema.Role{}}
	s.Tables = []*schema.Table{
		record("place", schema.Table{Door: schema.DoorSelf, NaturalKey: []string{"street", "house"}},
			col("street", schema.TypeText, schema.PolicyReview),
			col("house", schema.TypeInt, schema.PolicyReview),
			grouped("lat", schema.TypeReal, "position"), col("note", schema.TypeText, schema.PolicyLWW),
			grouped("lon", schema.TypeReal, "position")),
		record("person", schema.Table{Door: "place_id", NaturalKey: []string{"name"}},
			col("name", schema.TypeText, schema.PolicyReview),
			refTo("place_id", schema.TypeRef, "place"),
			refTo("friends", schema.TypeSet, "person"),
			col("tags", schema.TypeSet, schema.PolicyUnion),
			col("visits", schema.TypeInt, schema.PolicyAdd),
			col("best", schema.TypeReal, schema.PolicyMax),
			col("secret", schema.TypeSealed, schema.PolicyLWW),
			col("born", schema.TypeDate, schema.PolicyReview),
			col("alive", schema.TypeBool, schema.PolicyLWW)),
		record("event", schema.Table{Append: true, Idempotent: []string{"source", "number"}},
			col("source", schema.TypeText, schema.PolicyAppend),
			col("number", schema.TypeInt, schema.PolicyAppend),
			refTo("person_id", schema.TypeRef, "person")),
		record("place_x", schema.Table{}, col("note", schema.TypeText, schema.PolicyLWW)),
	}
	s.Index()
	return s
}

func record(name string, t schema.Table, cols ...*schema.Column) *schema.Table {
	t.Name, t.Level = name, schema.LevelGrid
	t.Columns = append(schema.BuiltIn(), cols...)
	return &t
}

func col(name string, t schema.Type, p schema.Policy) *schema.Column {
	return &schema.Column{Name: name, Type: t, Policy: p}
}

func grouped(name string, t schema.Type, group string) *schema.Column {
	return &schema.Column{Name: name, Type: t, Policy: schema.PolicyLWW, Group: group}
}

func refTo(name string, t schema.Type, table string) *schema.Column {
	return &schema.Column{Name: name, Type: t, Policy: schema.PolicyLWW, Ref: table}
}

// model is the schema that rows below are made for. Tests only read it.
var model = Schema()

// vals gives columns their values.
type vals map[string]schema.Value

// row makes a row as the engine would: each cell that vals names, and the built-in ones, were written once at seq.
func row(table string, n int, scope string, seq int64, v vals) *syncengine.Row {
	t := model.Table(table)
	r := &syncengine.Row{
		Table: table, ID: id(n), Scope: scope, Author: "acc-1", Inserted: seq, Seq: seq,
		Cells: make([]syncengine.Cell, len(t.Cells)),
	}
	w := vals{
		schema.ColScope: schema.Text(scope), "created_by": schema.Text("acc-1"), "created_at": schema.Int(1000 + seq),
		"updated_by": schema.Text("acc-1"), "updated_at": schema.Int(1000 + seq), "received_at": schema.Int(2000 + seq),
	}
	for k, x := range v {
		w[k] = x
	}
	for i, c := range t.Cells {
		r.Cells[i] = cell(c, seq, w)
	}
	return r
}

func cell(c *schema.Cell, seq int64, w vals) syncengine.Cell {
	vs, given := make([]schema.Value, len(c.Columns)), false
	for i, col := range c.Columns {
		x, ok := w[col.Name]
		vs[i], given = x, given || ok
	}
	switch {
	case !given:
		return syncengine.Cell{}
	case c.Policy == schema.PolicyAdd:
		return syncengine.Cell{Shown: seq, Sum: vs[0]}
	case c.Policy == schema.PolicyUnion:
		var els []syncengine.Element
		set, _ := schema.ParseSet(vs[0].Str())
		for _, e := range set {
			els = append(els, syncengine.Element{Value: e, Tags: []syncengine.Tag{{Device: "dev-1", N: 1, Seq: seq, Epoch: 1}}})
		}
		return syncengine.Cell{Shown: seq, Elements: els}
	}
	return syncengine.Cell{Shown: seq, Survivors: []syncengine.Write{write(seq, vs...)}}
}

func write(seq int64, vs ...schema.Value) syncengine.Write {
	return syncengine.Write{
		Device: "dev-1", N: seq, Author: "acc-1", Seq: seq, Epoch: 1, Base: syncengine.Base{Epoch: 1, Seq: seq - 1},
		At: 1000 + seq, Values: vs, From: seq,
	}
}

// dead makes what is kept of a deleted row.
func dead(r *syncengine.Row, seq int64) *syncengine.Dead {
	by := write(seq)
	by.Values = nil
	return &syncengine.Dead{Table: r.Table, ID: r.ID, Seq: seq, Epoch: 1, By: by, Row: r}
}

// place and person make rows with their natural keys.
func place(n int, scope string, seq int64, street string, house int64) *syncengine.Row {
	return row("place", n, scope, seq, vals{"street": schema.Text(street), "house": schema.Int(house)})
}

func person(n int, scope string, seq int64, name string) *syncengine.Row {
	return row("person", n, scope, seq, vals{"name": schema.Text(name)})
}

// set is the value of a set column.
func set(elements ...string) schema.Value { return schema.Text(schema.FormatSet(elements)) }
