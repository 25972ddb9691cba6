package store

import (
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// encodeChangeset packs a changeset whole, and for history what became of its writes; c may be nil.
func encodeChangeset(c *syncengine.Changeset, outcomes []syncengine.WriteOutcome) []byte {
	special := c != nil && (c.Salvage || c.Hole())
	e := newEnc(formatChangeset)
	if special {
		e = newEnc(formatSpecial)
		e.bool(c.Salvage)
		e.hash(c.Gone)
	}
	e.bool(c != nil)
	if c != nil {
		e.changeset(c)
	}
	e.count(len(outcomes), outcomes == nil)
	for _, o := range outcomes {
		e.int(int64(o.Change))
		e.sym(o.Cell)
		e.b = append(e.b, byte(o.Fate))
	}
	return e.b
}

func decodeChangeset(b []byte) (*syncengine.Changeset, []syncengine.WriteOutcome, error) {
	format, salvage, gone := byte(formatChangeset), false, syncengine.Hash{}
	if len(b) > 0 && b[0] == formatSpecial {
		format = formatSpecial
	}
	d := newDec(b, format)
	if format == formatSpecial {
		salvage, gone = d.bool(), d.hash()
	}
	var c *syncengine.Changeset
	if d.bool() {
		c = d.changeset()
		c.Salvage, c.Gone = salvage, gone
	}
	outcomes := list(d, func(d *dec) syncengine.WriteOutcome {
		return syncengine.WriteOutcome{Change: int(d.int()), Cell: d.sym(), Fate: syncengine.Fate(d.byte())}
	})
	if err := d.end(); err != nil {
		return nil, nil, err
	}
	return c, outcomes, nil
}

func (e *enc) changeset(c *syncengine.Changeset) {
	e.sym(c.Device)
	e.int(c.N)
	e.hash(c.Prev)
	e.uint(uint64(c.HLC))
	e.int(c.Wall)
	e.str(c.Boot)
	e.int(c.Mono)
	e.int(int64(c.Schema))
	e.sym(c.Author)
	e.bool(c.Foreign)
	e.int(c.Replaces)
	e.count(len(c.Changes), c.Changes == nil)
	for i := range c.Changes {
		e.change(&c.Changes[i])
	}
}

func (d *dec) changeset() *syncengine.Changeset {
	return &syncengine.Changeset{
		Device: d.sym(), N: d.int(), Prev: d.hash(), HLC: hlc.Timestamp(d.uint()), Wall: d.int(), Boot: d.str(), Mono: d.int(),
		Schema: int(d.int()), Author: d.sym(), Foreign: d.bool(), Replaces: d.int(), Changes: list(d, (*dec).change),
	}
}

func (e *enc) change(c *syncengine.Change) {
	e.sym(c.Table)
	e.str(string(c.Row))
	e.b = append(e.b, byte(c.Op))
	e.base(c.Base)
	e.cellWrites(c.Cells)
	e.b = append(e.b, decideForm(c.Decide))
	if d := c.Decide; d != nil {
		e.str(d.Conflict)
		e.sym(string(d.Choice))
		e.count(len(d.Shown), d.Shown == nil)
		for _, w := range d.Shown {
			e.id(w)
		}
		e.id(d.Take)
		e.values(d.Values)
		e.str(d.Reason)
		if decideForm(d) == decideMore {
			e.id(d.Quarantined)
			e.str(string(d.Survivor))
			e.rowIDs(d.Retired)
			e.count(len(d.Picks), d.Picks == nil)
			for _, p := range d.Picks {
				e.sym(p.Cell)
				e.str(string(p.Row))
			}
		}
	}
}

// decideMore marks a decision with what the first release did not know.
const decideMore = 2

func decideForm(d *syncengine.Decision) byte {
	switch {
	case d == nil:
		return 0
	case d.Quarantined == syncengine.WriteID{} && d.Survivor == "" && d.Retired == nil && d.Picks == nil:
		return 1
	}
	return decideMore
}

func (e *enc) rowIDs(ids []syncengine.RowID) {
	e.count(len(ids), ids == nil)
	for _, id := range ids {
		e.str(string(id))
	}
}

func (d *dec) rowID() syncengine.RowID { return syncengine.RowID(d.str()) }

func (d *dec) change() syncengine.Change {
	c := syncengine.Change{
		Table: d.sym(), Row: syncengine.RowID(d.str()), Op: syncengine.Op(d.byte()), Base: d.base(), Cells: d.cellWrites(),
	}
	if form := d.byte(); form != 0 {
		c.Decide = &syncengine.Decision{
			Conflict: d.str(), Choice: syncengine.Choice(d.sym()), Shown: list(d, (*dec).id), Take: d.id(), Values: d.values(), Reason: d.str(),
		}
		if form == decideMore {
			x := c.Decide
			x.Quarantined, x.Survivor, x.Retired = d.id(), d.rowID(), list(d, (*dec).rowID)
			x.Picks = list(d, func(d *dec) syncengine.Pick { return syncengine.Pick{Cell: d.sym(), Row: d.rowID()} })
		}
	}
	return c
}

func (e *enc) cellWrites(ws []syncengine.CellWrite) {
	e.count(len(ws), ws == nil)
	for i := range ws {
		e.cellWrite(&ws[i])
	}
}

func (e *enc) cellWrite(w *syncengine.CellWrite) {
	e.sym(w.Cell)
	e.base(w.Base)
	e.values(w.Values)
	e.value(w.Add)
	e.texts(w.In)
	e.texts(w.Out)
}

func (d *dec) cellWrites() []syncengine.CellWrite { return list(d, (*dec).cellWrite) }

func (d *dec) cellWrite() syncengine.CellWrite {
	return syncengine.CellWrite{Cell: d.sym(), Base: d.base(), Values: d.values(), Add: d.value(), In: d.texts(), Out: d.texts()}
}

// encodeVerdict packs what of a verdict is not in its table's columns; nil if nothing is.
func encodeVerdict(v *syncengine.Verdict) []byte {
	if v.Reason == nil && v.Conflicts == nil {
		return nil
	}
	e := newEnc(formatVerdict)
	e.bool(v.Reason != nil)
	if r := v.Reason; r != nil {
		e.reason(r)
	}
	e.count(len(v.Conflicts), v.Conflicts == nil)
	for i := range v.Conflicts {
		e.conflictRef(&v.Conflicts[i])
	}
	return e.b
}

func decodeVerdict(b []byte, v *syncengine.Verdict) error {
	if b == nil {
		return nil
	}
	d := newDec(b, formatVerdict)
	if d.bool() {
		v.Reason = d.reason()
	}
	v.Conflicts = list(d, (*dec).conflictRef)
	return d.end()
}

func (e *enc) reason(r *syncengine.Reason) {
	e.sym(string(r.Code))
	e.sym(r.Table)
	e.str(string(r.Row))
	e.sym(r.Column)
	e.str(r.Rule)
	e.values(r.Current)
}

func (d *dec) reason() *syncengine.Reason {
	return &syncengine.Reason{
		Code: syncengine.Code(d.sym()), Table: d.sym(), Row: syncengine.RowID(d.str()), Column: d.sym(), Rule: d.str(), Current: d.values(),
	}
}

func (e *enc) conflictRef(c *syncengine.ConflictRef) {
	e.str(c.ID)
	e.sym(string(c.Key.Kind))
	e.sym(c.Key.Table)
	e.str(string(c.Key.Row))
	e.sym(c.Key.Cell)
}

func (d *dec) conflictRef() syncengine.ConflictRef {
	return syncengine.ConflictRef{ID: d.str(), Key: syncengine.ConflictKey{
		Kind: syncengine.ConflictKind(d.sym()), Table: d.sym(), Row: syncengine.RowID(d.str()), Cell: d.sym(),
	}}
}

// encodeCandidates packs the candidates of a conflict.
func encodeCandidates(cs []syncengine.Candidate) []byte {
	e := newEnc(formatConflict)
	e.count(len(cs), cs == nil)
	for i := range cs {
		c := &cs[i]
		e.sym(c.Device)
		e.int(c.N)
		e.sym(c.Author)
		e.int(c.Seq)
		e.int(c.Epoch)
		e.int(c.At)
		e.bool(c.Suspect)
		e.int(c.From)
		e.int(c.To)
		e.str(string(c.Row))
		e.cellWrite(&c.Cell)
	}
	return e.b
}

func decodeCandidates(b []byte) ([]syncengine.Candidate, error) {
	d := newDec(b, formatConflict)
	out := list(d, func(d *dec) syncengine.Candidate {
		return syncengine.Candidate{
			Device: d.sym(), N: d.int(), Author: d.sym(), Seq: d.int(), Epoch: d.int(), At: d.int(), Suspect: d.bool(),
			From: d.int(), To: d.int(), Row: syncengine.RowID(d.str()), Cell: d.cellWrite(),
		}
	})
	return out, d.end()
}
