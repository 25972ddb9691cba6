package store

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

func text(name, group string) *schema.Column {
	return &schema.Column{Name: name, Type: schema.TypeText, Policy: schema.PolicyLWW, Group: group}
}

func schemaWith(version int, cols ...*schema.Column) *schema.Schema {
	s := &schema.Schema{Version: version, Codes: map[string]*schema.CodeTable{}, Roles: map[string]*schema.Role{}}
	s.Tables = []*schema.Table{{Name: "note", Level: schema.LevelGrid, Columns: append(schema.BuiltIn(), cols...)}}
	s.Index()
	return s
}

func noteOf(s *schema.Schema, values map[string][]schema.Value) *syncengine.Row {
	t := s.Table("note")
	r := &syncengine.Row{Table: "note", ID: "01890000-0000-7000-8000-000000000001", Scope: "g1", Seq: 1, Cells: make([]syncengine.Cell, len(t.Cells))}
	for name, vs := range values {
		r.Cells[t.CellIndex(name)] = syncengine.Cell{Shown: 1, Survivors: []syncengine.Write{{Device: "d", N: 1, Seq: 1, From: 1, Values: vs}}}
	}
	return r
}

// TestLayoutChanges: a row written under one declaration is read under the next ones: cells and columns added and put
// in another order. What a declaration dropped, while rows hold it, is refused, not lost.
func TestLayoutChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	a, b, c := schema.Text("a"), schema.Text("b"), schema.Text("c")
	v1 := schemaWith(1, text("title", ""), text("x", "pair"), text("y", "pair"))
	v2 := schemaWith(2, text("z", "pair"), text("y", "pair"), text("new", ""), text("x", "pair"), text("title", ""))
	v3 := schemaWith(3, text("title", ""))

	use := func(s *schema.Schema, fn func(tx syncengine.Tx)) error {
		st, err := Open(path, s)
		if err != nil {
			return err
		}
		defer st.Close()
		return st.Update(func(tx syncengine.Tx) error { fn(tx); return nil })
	}
	row := noteOf(v1, map[string][]schema.Value{"title": {a}, "pair": {b, c}})
	require.NoError(t, use(v1, func(tx syncengine.Tx) { require.NoError(t, tx.PutRow(row)) }))
	for range 2 { // the second time the layout is known
		require.NoError(t, use(v2, func(tx syncengine.Tx) {
			got, err := tx.Row("note", row.ID)
			require.NoError(t, err)
			require.Equal(t, noteOf(v2, map[string][]schema.Value{"title": {a}, "pair": {schema.Null(), c, b}}), got)
		}))
	}
	require.NoError(t, use(v3, func(tx syncengine.Tx) {
		_, err := tx.Row("note", row.ID)
		require.ErrorContains(t, err, `no longer has the cell "pair"`)
	}))
	require.NoError(t, use(v2, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutRow(noteOf(v2, map[string][]schema.Value{"new": {b}})))
	}))
	require.NoError(t, use(v1, func(tx syncengine.Tx) { // an older declaration again
		_, err := tx.Row("note", row.ID)
		require.ErrorContains(t, err, `"new"`)
	}))
}
