package syncengine

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// Write is one surviving write of a cell.
type Write struct {
	Device  string
	N       int64
	Author  string
	Seq     int64          // at which it joined the cell
	Epoch   int64          // of that seq
	Base    Base           // what its author had seen
	At      int64          // effective time, ms since 1970 UTC
	Suspect bool           // its clock was suspect
	Values  []schema.Value // the cell's columns in order; nil for an operation
	From    int64          // seq since which the cell shows it; 0 = never shown
	To      int64          // seq at which something else began to show; 0 = still shown
	Row     RowID          // that its author wrote to, if it is not this one: it was merged into it; "" = this one
}

// Stands tells whether the cell shows this write.
func (w *Write) Stands() bool { return w.From > 0 && w.To == 0 }

// ID names the changeset the write came in.
func (w *Write) ID() WriteID { return WriteID{w.Device, w.N} }

// before orders writes of which neither has seen the other: effective time, then device. n orders one device's own.
func (w *Write) before(o *Write) bool {
	if w.At != o.At {
		return w.At < o.At
	}
	if w.Device != o.Device {
		return w.Device < o.Device
	}
	return w.N < o.N
}

// Cell is the version of a cell: its surviving writes and, for operations, what they add up to.
// The zero Cell was never written.
type Cell struct {
	Shown     int64        // seq at which what the cell shows last changed; 0 = never written
	Survivors []Write      // value policies: in order of joining
	Sum       schema.Value // add: the total
	Elements  []Element    // union: in byte order of Value; only elements that are in the set
}

// Element is a member of a union cell with the writes that added it and that no removal has seen.
type Element struct {
	Value string
	Tags  []Tag
}

// Tag is one addition of an element.
type Tag struct {
	Device string
	N      int64
	Seq    int64
	Epoch  int64
}

// Standing gives a write that the cell shows, nil if there is none (never written, or an operation's cell).
func (c *Cell) Standing() *Write {
	for i := range c.Survivors {
		if c.Survivors[i].Stands() {
			return &c.Survivors[i]
		}
	}
	return nil
}

// Candidates are the survivors that do not stand, in order of joining.
func (c *Cell) Candidates() []Write {
	var out []Write
	for _, w := range c.Survivors {
		if !w.Stands() {
			out = append(out, w)
		}
	}
	return out
}

// Values gives what the cell shows, one value for each of def's columns; NULLs if it was never written.
func (c *Cell) Values(def *schema.Cell) []schema.Value {
	switch def.Policy {
	case schema.PolicyAdd:
		return []schema.Value{c.Sum}
	case schema.PolicyUnion:
		if c.Shown == 0 {
			return []schema.Value{schema.Null()}
		}
		set := make([]string, len(c.Elements))
		for i, e := range c.Elements {
			set[i] = e.Value
		}
		return []schema.Value{schema.Text(schema.FormatSet(set))}
	}
	if w := c.Standing(); w != nil {
		return w.Values
	}
	return make([]schema.Value, len(def.Columns))
}

// Clone gives a copy that shares no memory that Merge writes to.
func (c Cell) Clone() Cell {
	c.Survivors = slices.Clone(c.Survivors)
	c.Elements = slices.Clone(c.Elements)
	for i := range c.Elements {
		c.Elements[i].Tags = slices.Clone(c.Elements[i].Tags)
	}
	return c
}
