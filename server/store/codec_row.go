package store

import (
	"github.com/doorstep-sync/doorstep/syncengine"
)

// How a cell is written: most were written once, and that write stands since it came.
const (
	cellNever   = 0 // the zero Cell
	cellOnce    = 1 // one survivor, shown since it came
	cellGeneral = 2
)

// meta is what the writes of one changeset to one row have in common.
type meta struct {
	device     string
	n          int64
	author     string
	seq, epoch int64
	base       syncengine.Base
	at         int64
	suspect    bool
	row        syncengine.RowID
}

// What is said of a write in one byte.
const (
	metaSuspect = 1
	metaRow     = 2 // it names the row that it was written to
)

func metaOf(w *syncengine.Write) meta {
	return meta{w.Device, w.N, w.Author, w.Seq, w.Epoch, w.Base, w.At, w.Suspect, w.Row}
}

// encodeCells packs a row's cells, in the order of the layout in which the row's schema has them.
func encodeCells(layout int64, inserted int64, cells []syncengine.Cell) []byte {
	e := newEnc(formatRow)
	e.cells(layout, inserted, cells)
	return e.b
}

func (e *enc) cells(layout int64, inserted int64, cells []syncengine.Cell) {
	e.int(layout)
	e.int(inserted)
	for i := range cells {
		e.cell(&cells[i])
	}
}

func (e *enc) cell(c *syncengine.Cell) {
	switch {
	case c.Shown == 0 && c.Survivors == nil && c.Elements == nil && c.Sum.IsNull():
		e.b = append(e.b, cellNever)
	case len(c.Survivors) == 1 && c.Elements == nil && c.Sum.IsNull() && once(c):
		e.b = append(e.b, cellOnce)
		e.meta(&c.Survivors[0])
		e.values(c.Survivors[0].Values)
	default:
		e.b = append(e.b, cellGeneral)
		e.int(c.Shown)
		e.count(len(c.Survivors), c.Survivors == nil)
		for i := range c.Survivors {
			e.write(&c.Survivors[i])
		}
		e.value(c.Sum)
		e.count(len(c.Elements), c.Elements == nil)
		for i := range c.Elements {
			e.element(&c.Elements[i])
		}
	}
}

func once(c *syncengine.Cell) bool {
	w := &c.Survivors[0]
	return w.Seq == c.Shown && w.From == c.Shown && w.To == 0
}

func (e *enc) write(w *syncengine.Write) {
	e.meta(w)
	e.values(w.Values)
	e.int(w.From)
	e.int(w.To)
}

// meta writes 0 and the fields, or the number of the same ones seen before.
func (e *enc) meta(w *syncengine.Write) {
	m := metaOf(w)
	for i := range e.writes {
		if e.writes[i] == m {
			e.uint(uint64(i) + 1)
			return
		}
	}
	if len(e.writes) < maxSymbols {
		e.writes = append(e.writes, m)
	}
	e.b = append(e.b, 0)
	e.sym(m.device)
	e.int(m.n)
	e.sym(m.author)
	e.int(m.seq)
	e.int(m.epoch)
	e.base(m.base)
	e.int(m.at)
	flags := byte(0)
	if m.suspect {
		flags |= metaSuspect
	}
	if m.row != "" {
		flags |= metaRow
	}
	if e.b = append(e.b, flags); m.row != "" {
		e.sym(string(m.row))
	}
}

func (e *enc) element(x *syncengine.Element) {
	e.str(x.Value)
	e.count(len(x.Tags), x.Tags == nil)
	for _, t := range x.Tags {
		e.sym(t.Device)
		e.int(t.N)
		e.int(t.Seq)
		e.int(t.Epoch)
	}
}

// decodeCells unpacks a row's cells into the schema's order. find gives the layout that the row was written in.
func decodeCells(b []byte, find func(int64) *layout) (inserted int64, cells []syncengine.Cell, err error) {
	d := newDec(b, formatRow)
	inserted, cells = d.cells(find)
	return inserted, cells, d.end()
}

func (d *dec) cells(find func(int64) *layout) (inserted int64, cells []syncengine.Cell) {
	l := find(d.int())
	inserted = d.int()
	if d.err != nil {
		return 0, nil
	}
	if l == nil {
		d.fail()
		return 0, nil
	}
	cells = make([]syncengine.Cell, l.width)
	for i := range l.stored {
		c := d.cell()
		if d.err != nil {
			return 0, nil
		}
		if err := l.place(cells, i, c); err != nil {
			d.err = err
			return 0, nil
		}
	}
	return inserted, cells
}

func (d *dec) cell() (c syncengine.Cell) {
	switch d.byte() {
	case cellNever:
	case cellOnce:
		w := d.meta()
		w.Values = d.values()
		w.From = w.Seq
		c.Shown, c.Survivors = w.Seq, []syncengine.Write{w}
	case cellGeneral:
		c.Shown = d.int()
		c.Survivors = list(d, (*dec).write)
		c.Sum = d.value()
		c.Elements = list(d, (*dec).element)
	default:
		d.fail()
	}
	return c
}

func (d *dec) write() syncengine.Write {
	w := d.meta()
	w.Values = d.values()
	w.From, w.To = d.int(), d.int()
	return w
}

func (d *dec) meta() syncengine.Write {
	var m meta
	switch n := d.uint(); {
	case n == 0:
		m = meta{device: d.sym(), n: d.int(), author: d.sym(), seq: d.int(), epoch: d.int(), base: d.base(), at: d.int()}
		flags := d.byte()
		m.suspect = flags&metaSuspect != 0
		if flags&metaRow != 0 {
			m.row = syncengine.RowID(d.sym())
		}
		if flags&^(metaSuspect|metaRow) != 0 {
			d.fail()
		}
		if len(d.writes) < maxSymbols {
			d.writes = append(d.writes, m)
		}
	case n <= uint64(len(d.writes)):
		m = d.writes[n-1]
	default:
		d.fail()
	}
	return syncengine.Write{
		Device: m.device, N: m.n, Author: m.author, Seq: m.seq, Epoch: m.epoch, Base: m.base, At: m.at, Suspect: m.suspect, Row: m.row,
	}
}

func (d *dec) element() syncengine.Element {
	return syncengine.Element{Value: d.str(), Tags: list(d, func(d *dec) syncengine.Tag {
		return syncengine.Tag{Device: d.sym(), N: d.int(), Seq: d.int(), Epoch: d.int()}
	})}
}

// encodeDead packs who deleted a row and the row as it was. Table and id are the dead id's own.
func encodeDead(x *syncengine.Dead, layout int64) []byte {
	e := newEnc(formatDead)
	e.write(&x.By)
	e.bool(x.Row != nil)
	if r := x.Row; r != nil {
		e.sym(r.Scope)
		e.sym(r.Door)
		e.sym(r.Author)
		e.int(r.Seq)
		e.cells(layout, r.Inserted, r.Cells)
	}
	return e.b
}

// decodeDead fills in what encodeDead packed.
func decodeDead(b []byte, x *syncengine.Dead, find func(int64) *layout) error {
	d := newDec(b, formatDead)
	x.By = d.write()
	if d.bool() {
		r := &syncengine.Row{Table: x.Table, ID: x.ID, Scope: d.sym(), Door: d.sym(), Author: d.sym(), Seq: d.int()}
		r.Inserted, r.Cells = d.cells(find)
		x.Row = r
	}
	return d.end()
}
