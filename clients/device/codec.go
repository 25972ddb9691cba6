package device

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// Blobs of the replica begin with one byte for their layout. A changeset is stored as the canonical bytes that its
// hash is computed over, so that what lies in the file can be checked against the hash at any time; a change as the
// part of them that it is; an image and an item by the names of their columns and cells, which outlives a new
// version of the declarations.
const (
	blobChangeset byte = 1
	blobChange    byte = 2
	blobImage     byte = 3
	blobItem      byte = 4
	blobValues    byte = 5
)

const (
	canonicalHead = "doorstep.changeset.v1"
	canonicalHole = "doorstep.hole.v1"
)

// errDamaged says that a blob is not what was written.
var errDamaged = errors.New("device: damaged record in the replica")

func encodeChangeset(cs *se.Changeset) []byte {
	return append([]byte{blobChangeset}, cs.Canonical()...)
}

func decodeChangeset(b []byte) (*se.Changeset, error) {
	d, err := open(b, blobChangeset)
	if err != nil {
		return nil, err
	}
	head := d.str()
	if head != canonicalHead && head != canonicalHole {
		return nil, fmt.Errorf("%w: a changeset of another version", errDamaged)
	}
	cs := &se.Changeset{Device: d.str(), N: d.num()}
	copy(cs.Prev[:], d.take(len(cs.Prev)))
	if head == canonicalHole {
		copy(cs.Gone[:], d.take(len(cs.Gone)))
		return cs, d.end()
	}
	cs.HLC = hlc.Timestamp(d.num())
	cs.Wall, cs.Boot, cs.Mono = d.num(), d.str(), d.num()
	cs.Schema, cs.Author, cs.Foreign, cs.Replaces = int(d.num()), d.str(), d.flag(), d.num()
	for range d.count() {
		cs.Changes = append(cs.Changes, d.change())
	}
	if d.more() {
		if cs.Salvage = d.flag(); !cs.Salvage {
			d.fail("a flag that is written only where it is set")
		}
	}
	return cs, d.end()
}

func encodeChange(c *se.Change) []byte {
	e := encoder{blobChange}
	e.change(c)
	return e
}

func decodeChange(b []byte) (se.Change, error) {
	d, err := open(b, blobChange)
	if err != nil {
		return se.Change{}, err
	}
	c := d.change()
	return c, d.end()
}

func encodeValues(vs []schema.Value) []byte {
	e := encoder{blobValues}
	e.values(vs)
	return e
}

func decodeValues(b []byte) ([]schema.Value, error) {
	d, err := open(b, blobValues)
	if err != nil {
		return nil, err
	}
	vs := d.values()
	return vs, d.end()
}

// encodeItem keeps what the columns of ds_staged do not.
func encodeItem(it *se.DeltaItem) []byte {
	e := encoder{blobItem}
	e.flag(it.Whole)
	e.num(int64(len(it.Cells)))
	for _, c := range it.Cells {
		e.str(c.Cell)
		e.values(c.Values)
	}
	return e
}

func decodeItem(b []byte, it *se.DeltaItem) error {
	d, err := open(b, blobItem)
	if err != nil {
		return err
	}
	it.Whole = d.flag()
	for range d.count() {
		it.Cells = append(it.Cells, se.CellValue{Cell: d.str(), Values: d.values()})
	}
	return d.end()
}

// encoder writes the layout of the canonical bytes (syncengine.Changeset.Canonical).
type encoder []byte

func (e *encoder) str(s string) {
	*e = binary.AppendUvarint(*e, uint64(len(s)))
	*e = append(*e, s...)
}
func (e *encoder) num(n int64) { *e = binary.BigEndian.AppendUint64(*e, uint64(n)) }
func (e *encoder) flag(f bool) {
	var b byte
	if f {
		b = 1
	}
	*e = append(*e, b)
}
func (e *encoder) base(b se.Base) { e.num(b.Epoch); e.num(b.Seq) }
func (e *encoder) values(vs []schema.Value) {
	e.num(int64(len(vs)))
	for _, v := range vs {
		*e = v.AppendCanonical(*e)
	}
}
func (e *encoder) strs(ss []string) {
	e.num(int64(len(ss)))
	for _, s := range ss {
		e.str(s)
	}
}
func (e *encoder) id(w se.WriteID) { e.str(w.Device); e.num(w.N) }

func (e *encoder) change(c *se.Change) {
	e.str(c.Table)
	e.str(string(c.Row))
	*e = append(*e, byte(c.Op))
	e.base(c.Base)
	e.num(int64(len(c.Cells)))
	for _, w := range c.Cells {
		e.str(w.Cell)
		e.base(w.Base)
		e.flag(w.Operation())
		if w.Operation() {
			*e = w.Add.AppendCanonical(*e)
			e.strs(w.In)
			e.strs(w.Out)
		} else {
			e.values(w.Values)
		}
	}
	e.flag(c.Decide != nil)
	if d := c.Decide; d != nil {
		e.str(d.Conflict)
		e.str(string(d.Choice))
		e.num(int64(len(d.Shown)))
		for _, s := range d.Shown {
			e.id(s)
		}
		e.id(d.Take)
		e.values(d.Values)
		e.str(d.Reason)
	}
}
