package device

import (
	"encoding/binary"
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// decoder reads what encoder wrote. After the first fault it yields zero values; end tells of it. It accepts only
// what encoder would have written, so that a hash over what was read is the hash of what was stored.
type decoder struct {
	b   []byte
	err error
}

// open checks the layout byte.
func open(b []byte, kind byte) (*decoder, error) {
	if len(b) == 0 || b[0] != kind {
		return nil, fmt.Errorf("%w: not the layout expected here (%d)", errDamaged, kind)
	}
	return &decoder{b: b[1:]}, nil
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errDamaged, what)
	}
	d.b = nil
}

// more tells whether anything is left to be read.
func (d *decoder) more() bool { return d.err == nil && len(d.b) > 0 }

// end gives the first fault; bytes left over are one.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("bytes left over")
	}
	return d.err
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail("cut short")
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) num() int64 {
	b := d.take(8)
	if b == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

// count reads a number of things to follow. Each takes a byte at least, which bounds it.
func (d *decoder) count() int {
	n := d.num()
	if n < 0 || n > int64(len(d.b)) {
		d.fail("a count beyond the end")
		return 0
	}
	return int(n)
}

func (d *decoder) str() string {
	n, w := binary.Uvarint(d.b)
	if w <= 0 || n > uint64(len(d.b)-w) || w != len(binary.AppendUvarint(nil, n)) {
		d.fail("text cut short")
		return ""
	}
	d.b = d.b[w:]
	return string(d.take(int(n)))
}

func (d *decoder) flag() bool {
	switch b := d.take(1); {
	case b == nil:
	case b[0] == 1:
		return true
	case b[0] != 0:
		d.fail("neither yes nor no")
	}
	return false
}

func (d *decoder) base() se.Base { return se.Base{Epoch: d.num(), Seq: d.num()} }

func (d *decoder) value() schema.Value {
	if d.err != nil {
		return schema.Null()
	}
	v, rest, err := schema.DecodeCanonical(d.b)
	if err == nil && len(v.AppendCanonical(nil)) != len(d.b)-len(rest) {
		err = fmt.Errorf("a length in an unusual form")
	}
	if err != nil {
		d.fail(err.Error())
		return schema.Null()
	}
	d.b = rest
	return v
}

// values is never nil: nil would make a write an operation.
func (d *decoder) values() []schema.Value {
	out := []schema.Value{}
	for range d.count() {
		out = append(out, d.value())
	}
	return out
}

func (d *decoder) strs() []string {
	var out []string
	for range d.count() {
		out = append(out, d.str())
	}
	return out
}

func (d *decoder) id() se.WriteID { return se.WriteID{Device: d.str(), N: d.num()} }

func (d *decoder) change() se.Change {
	c := se.Change{Table: d.str(), Row: se.RowID(d.str())}
	if op := d.take(1); op != nil {
		c.Op = se.Op(op[0])
	}
	c.Base = d.base()
	for range d.count() {
		w := se.CellWrite{Cell: d.str(), Base: d.base()}
		if d.flag() {
			w.Add, w.In, w.Out = d.value(), d.strs(), d.strs()
		} else {
			w.Values = d.values()
		}
		c.Cells = append(c.Cells, w)
	}
	if d.flag() {
		c.Decide = d.decision()
	}
	return c
}

func (d *decoder) decision() *se.Decision {
	x := &se.Decision{Conflict: d.str(), Choice: se.Choice(d.str())}
	for range d.count() {
		x.Shown = append(x.Shown, d.id())
	}
	x.Take = d.id()
	if x.Values = d.values(); len(x.Values) == 0 {
		x.Values = nil
	}
	x.Reason = d.str()
	return x
}
