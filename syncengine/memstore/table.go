package memstore

import (
	"fmt"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// table keeps the rows of one record type with the look-ups the engine needs. Only live rows are in the look-ups.
type table struct {
	def     *schema.Table
	rows    map[syncengine.RowID]*syncengine.Row
	dead    map[syncengine.RowID]*syncengine.Dead
	bare    map[syncengine.RowID]bool        // dead ids whose content is forgotten
	natural sorted[string, syncengine.RowID] // by scope and values
	idem    sorted[string, syncengine.RowID] // by values
	refs    sorted[ref, syncengine.RowID]

	naturalAt, idemAt []place
	refsAt            []place
}

// ref is a column and an id that it holds.
type ref struct {
	column string
	id     syncengine.RowID
}

// place is where a column's value lies in a row.
type place struct {
	column *schema.Column
	def    *schema.Cell
	cell   int // in Row.Cells
	value  int // in the cell
}

func newTable(def *schema.Table) *table {
	byID := func(a, b syncengine.RowID) int { return strings.Compare(string(a), string(b)) }
	t := &table{
		def:  def,
		rows: map[syncengine.RowID]*syncengine.Row{},
		dead: map[syncengine.RowID]*syncengine.Dead{}, bare: map[syncengine.RowID]bool{},
		natural: newSorted[string](byID),
		idem:    newSorted[string](byID),
		refs:    newSorted[ref](byID),
	}
	places := map[string]place{}
	for i, c := range def.Cells {
		for j, col := range c.Columns {
			places[col.Name] = place{col, c, i, j}
			if col.Ref != "" {
				t.refsAt = append(t.refsAt, places[col.Name])
			}
		}
	}
	for _, name := range def.NaturalKey {
		t.naturalAt = append(t.naturalAt, places[name])
	}
	for _, name := range def.Idempotent {
		t.idemAt = append(t.idemAt, places[name])
	}
	return t
}

// of gives the value that the row shows at the place.
func (p place) of(r *syncengine.Row) schema.Value {
	vs := r.Cells[p.cell].Values(p.def)
	if p.value >= len(vs) {
		return schema.Null()
	}
	return vs[p.value]
}

// check refuses what no engine may put.
func (t *table) check(r *syncengine.Row) error {
	if len(r.Cells) != len(t.def.Cells) {
		return fmt.Errorf("put row %s/%s: it has %d cells, the record type %d", r.Table, r.ID, len(r.Cells), len(t.def.Cells))
	}
	if t.dead[r.ID] != nil {
		return fmt.Errorf("put row %s/%s: the id is dead and was not revived", r.Table, r.ID)
	}
	return nil
}

// index and unindex keep the look-ups; r must not change between them.
func (t *table) index(x *tx, r *syncengine.Row) {
	if k, ok := rowKeyText(r.Scope, t.naturalAt, r); ok {
		t.natural.add(x, k, r.ID)
	}
	if k, ok := rowKeyText("", t.idemAt, r); ok {
		t.idem.add(x, k, r.ID)
	}
	t.eachRef(r, func(f ref) { t.refs.add(x, f, r.ID) })
	x.state.streams.add(x, r.Scope, syncengine.RowItem(r))
	x.countScope(r.Scope, 1)
}

func (t *table) unindex(x *tx, r *syncengine.Row) {
	if k, ok := rowKeyText(r.Scope, t.naturalAt, r); ok {
		t.natural.remove(x, k, r.ID)
	}
	if k, ok := rowKeyText("", t.idemAt, r); ok {
		t.idem.remove(x, k, r.ID)
	}
	t.eachRef(r, func(f ref) { t.refs.remove(x, f, r.ID) })
	x.state.streams.remove(x, r.Scope, syncengine.RowItem(r))
	x.countScope(r.Scope, -1)
}

// eachRef calls fn for every id that a reference column, or a set of references, holds.
func (t *table) eachRef(r *syncengine.Row, fn func(ref)) {
	for _, p := range t.refsAt {
		v := p.of(r)
		if p.column.Type != schema.TypeSet {
			if !v.IsNull() {
				fn(ref{p.column.Name, syncengine.RowID(v.Str())})
			}
			continue
		}
		if ids, err := schema.ParseSet(v.Str()); err == nil { // what is no set refers to nothing
			for _, id := range ids {
				fn(ref{p.column.Name, syncengine.RowID(id)})
			}
		}
	}
}

func rowKeyText(scope string, at []place, r *syncengine.Row) (string, bool) {
	if len(at) == 0 {
		return "", false
	}
	key := make([]schema.Value, len(at))
	for i, p := range at {
		key[i] = p.of(r)
	}
	return keyText(scope, key)
}

// keyText gives one text for a key's values. A key with a NULL in it is no key.
func keyText(scope string, key []schema.Value) (string, bool) {
	b := schema.Text(scope).AppendCanonical(nil)
	for _, v := range key {
		if v.IsNull() {
			return "", false
		}
		b = v.AppendCanonical(b)
	}
	return string(b), len(key) > 0
}
