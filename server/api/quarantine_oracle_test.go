package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// A worker of one grid and his supervisor find out nothing about whether an id exists in a strange one.
func TestQuarantineTellsNothingOfStrangeGrids(t *testing.T) {
	w := peopled(t)
	far := w.enrolled("far", grid9)
	far.insert("hazard", grid9, rowID(1), map[string][]schema.Value{"kind_code": {schema.Text("stairs")}, "description": {schema.Text("x")}})
	p := w.enrolled("near", grid1)
	ask := func(n int) (string, any) {
		path := p.refused(syncengine.Parked, syncengine.Change{Table: "hazard", Row: rowID(n), Op: syncengine.OpUpdate,
			Cells: []syncengine.CellWrite{{Cell: "description", Values: []schema.Value{schema.Text("?")}}}})
		r := w.call("GET", path, "sun", nil).want(200)
		return r.str("code"), r.get("may_dismiss")
	}
	c1, there := ask(1)
	c2, nowhere := ask(2)
	require.Equal(t, c1, c2)
	require.Equal(t, nowhere, there, "what is in a strange grid is as if it were not there")
}
