package syncengine

import (
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// StreamKind orders the items of one seq in a scope's stream: what leaves is read before what arrives.
type StreamKind byte

// The kinds of items, in the order in which those of one seq are read.
const (
	StreamMove StreamKind = '0'
	StreamDead StreamKind = '1'
	StreamRow  StreamKind = '2'
)

// ItemKey gives the start of an Item's Key: kind, table, id, in that order. All items of one kind and table lie
// together, and within them ids in byte order: '/' sorts before every character of a table's name.
// With id "" it is a prefix of the keys of all items of that kind and table.
func ItemKey(kind StreamKind, table string, id RowID) string {
	var b strings.Builder
	b.Grow(4 + len(table) + len(id))
	b.WriteByte(byte(kind))
	b.WriteByte('/')
	b.WriteString(table)
	b.WriteByte('/')
	b.WriteString(string(id))
	return b.String()
}

// RowItem makes the item of a row in a scope's stream. Like DeadItem and MoveItem it keeps the pointer.
func RowItem(r *Row) Item {
	return Item{Seq: r.Seq, Key: ItemKey(StreamRow, r.Table, r.ID), Row: r}
}

// DeadItem makes the item of a deletion.
func DeadItem(d *Dead) Item {
	return Item{Seq: d.Seq, Key: ItemKey(StreamDead, d.Table, d.ID), Dead: d}
}

// MoveItem makes the item of a move. A row may leave several doors of a scope at one seq, so the door is in the key.
func MoveItem(m *Move) Item {
	return Item{Seq: m.Seq, Key: ItemKey(StreamMove, m.Table, m.ID) + "/" + m.Door, Move: m}
}

// CopyRow gives a copy of a row that shares no memory with it; nil for nil.
func CopyRow(r *Row) *Row {
	if r == nil {
		return nil
	}
	c := *r
	c.Cells = slices.Clone(r.Cells)
	values := 0
	for i := range c.Cells {
		for j := range c.Cells[i].Survivors {
			values += len(c.Cells[i].Survivors[j].Values)
		}
	}
	// One piece of memory for all values of the row: rows are copied on every read and write of a store.
	all := make([]schema.Value, 0, values)
	for i := range c.Cells {
		c.Cells[i] = c.Cells[i].Clone()
		ws := c.Cells[i].Survivors
		for j := range ws {
			if ws[j].Values == nil {
				continue
			}
			n := len(all)
			all = append(all, ws[j].Values...)
			ws[j].Values = all[n:len(all):len(all)]
		}
	}
	return &c
}
