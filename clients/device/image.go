package device

import (
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// encodeImage writes a row by its columns' names; a nil image is a row that the centre does not show.
func encodeImage(t *schema.Table, row replica.Image) []byte {
	e := encoder{blobImage}
	e.flag(row != nil)
	if row == nil {
		return e
	}
	n := 0
	for _, cell := range t.Cells {
		n += len(cell.Columns)
	}
	e.num(int64(n))
	for i, cell := range t.Cells {
		for j, col := range cell.Columns {
			e.str(col.Name)
			e = row[i][j].AppendCanonical(e)
		}
	}
	return e
}

// decodeImage reads a row as this version of the declarations has it: a column that is new is NULL, one that is gone
// is left out.
func decodeImage(t *schema.Table, b []byte) (replica.Image, error) {
	d, err := open(b, blobImage)
	if err != nil {
		return nil, err
	}
	if !d.flag() {
		return nil, d.end()
	}
	row := blank(t)
	for range d.count() {
		name, v := d.str(), d.value()
		if i, j, ok := place(t, name); ok {
			row[i][j] = v
		}
	}
	return row, d.end()
}

func blank(t *schema.Table) replica.Image {
	row := make(replica.Image, len(t.Cells))
	for i, c := range t.Cells {
		row[i] = make([]schema.Value, len(c.Columns))
	}
	return row
}

// place tells where a column lies in an image.
func place(t *schema.Table, column string) (cell, col int, ok bool) {
	c := t.CellOf(column)
	if c == nil {
		return 0, 0, false
	}
	for j, x := range c.Columns {
		if x.Name == column {
			return t.CellIndex(c.Name), j, true
		}
	}
	return 0, 0, false
}
