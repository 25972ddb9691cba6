package wire_test

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

const (
	device = "01941f29-7c00-7000-8000-00000000000a"
	row    = "01941f29-7c00-7000-8000-0000000000b1"
)

var nothing = []schema.Value{}

func rowNo(i int) se.RowID { return se.RowID(fmt.Sprintf("01941f29-7c00-7000-9000-%012x", i)) }

// big is a changeset of so many rows with the columns of a resident.
func big(rows int) *se.Changeset {
	cs := &se.Changeset{Device: device, N: 1, Author: "account", Schema: 1, Boot: "boot", Wall: 1_700_000_000_000}
	for i := range rows {
		c := se.Change{Table: "resident", Row: rowNo(i), Op: se.OpInsert}
		for j := range 12 {
			c.Cells = append(c.Cells, se.CellWrite{
				Cell: fmt.Sprintf("column_%d", j), Base: se.Base{Epoch: 1, Seq: int64(i)}, Values: []schema.Value{schema.Text("王河村二组 12 号")},
			})
		}
		cs.Changes = append(cs.Changes, c)
	}
	return cs
}

// nulls is a changeset that is mostly NULL, which takes one byte in canonical form and four on the wire.
func nulls(rows int) *se.Changeset {
	cs := &se.Changeset{Device: device, N: 1}
	for i := range rows {
		c := se.Change{Table: "t", Row: rowNo(i), Op: se.OpInsert}
		for j := range 30 {
			c.Cells = append(c.Cells, se.CellWrite{Cell: fmt.Sprint("c", j), Values: []schema.Value{schema.Null(), schema.Null(), schema.Null()}})
		}
		cs.Changes = append(cs.Changes, c)
	}
	return cs
}
