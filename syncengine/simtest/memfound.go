package simtest

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// foundBy gives a table's rows by the value of one column, as an index of the tables in files does. In a year of a phone
// somebody asks for the steps of a case a hundred thousand times.
type foundBy struct {
	t      *schema.Table // another version of it has its columns elsewhere
	column string
	i, j   int // the column's cell in an image, and its place there
	ids    map[schema.Value][]se.RowID
}

func newFoundBy(t *schema.Table, column string) *foundBy {
	def := t.CellOf(column)
	return &foundBy{t, column, t.CellIndex(def.Name), slices.Index(def.Columns, t.Column(column)), map[schema.Value][]se.RowID{}}
}

// move notes that a row was one image and is another; nil = it was, or is, not there.
func (f *foundBy) move(id se.RowID, was, is replica.Image) {
	if f == nil {
		return
	}
	if was != nil {
		if list := f.ids[f.of(was)]; len(list) > 0 {
			if k, there := slices.BinarySearch(list, id); there {
				f.ids[f.of(was)] = slices.Delete(list, k, k+1)
			}
		}
	}
	if is != nil {
		list := f.ids[f.of(is)]
		if k, there := slices.BinarySearch(list, id); !there {
			f.ids[f.of(is)] = slices.Insert(list, k, id)
		}
	}
}

// of is the column's value; of an image that is another version's, what is not looked for again.
func (f *foundBy) of(row replica.Image) schema.Value {
	if f.i >= len(row) || f.j >= len(row[f.i]) {
		return schema.Value{}
	}
	return row[f.i][f.j]
}
