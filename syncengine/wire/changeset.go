package wire

import (
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

func hashToWire(h se.Hash) []byte {
	if h.IsZero() {
		return nil
	}
	return h[:]
}

func baseToWire(b se.Base) *Base {
	if b == (se.Base{}) {
		return nil
	}
	return &Base{Epoch: b.Epoch, Seq: b.Seq}
}

func changesetToWire(cs *se.Changeset) (*Changeset, error) {
	p := &Changeset{
		Device: cs.Device, N: cs.N, Prev: hashToWire(cs.Prev), Hlc: uint64(cs.HLC), Wall: cs.Wall, Boot: cs.Boot,
		Mono: cs.Mono, Schema: int32(cs.Schema), Author: cs.Author, Foreign: cs.Foreign, Replaces: cs.Replaces, Salvage: cs.Salvage, Gone: hashToWire(cs.Gone),
	}
	if len(cs.Changes) > 0 {
		p.Changes = make([]*Change, len(cs.Changes))
	}
	for i := range cs.Changes {
		c, err := changeToWire(&cs.Changes[i])
		if err != nil {
			return nil, fmt.Errorf("change %d: %w", i, err)
		}
		p.Changes[i] = c
	}
	return p, nil
}

func changesetFromWire(p *Changeset) (*se.Changeset, error) {
	var c checks
	cs := &se.Changeset{
		Device:   c.uuid("device", p.GetDevice()),
		N:        c.atLeast("n", p.GetN(), 1),
		Prev:     c.hash("prev", p.GetPrev()),
		HLC:      hlc.Timestamp(p.GetHlc()),
		Wall:     p.GetWall(),
		Boot:     c.text("boot", p.GetBoot(), maxName),
		Mono:     p.GetMono(),
		Schema:   int(c.count("schema", int64(p.GetSchema()))),
		Author:   c.text("author", p.GetAuthor(), maxName),
		Foreign:  p.GetForeign(),
		Replaces: c.count("replaces", p.GetReplaces()),
		Salvage:  p.GetSalvage(),
		Gone:     c.hash("gone", p.GetGone()),
	}
	if cs.Hole() && (len(p.GetChanges()) > 0 || cs.Salvage || cs.Replaces != 0) {
		c.fail("gone", "stands beside device, n and prev only; what is gone has no changes")
	}
	if list := p.GetChanges(); len(list) > 0 {
		cs.Changes = make([]se.Change, len(list))
		for i, x := range list {
			c.at("changes", i, changeFromWire(x, &cs.Changes[i]))
			if c.err != nil {
				return nil, c.err
			}
		}
	}
	return cs, c.err
}

func changeToWire(c *se.Change) (*Change, error) {
	if c.Op < se.OpUpdate || c.Op > se.OpDecide {
		return nil, fmt.Errorf("bug: op %d", c.Op)
	}
	p := &Change{Table: c.Table, Row: string(c.Row), Op: Op(c.Op), Base: baseToWire(c.Base), Decide: decisionToWire(c.Decide)}
	if len(c.Cells) > 0 {
		p.Cells = make([]*CellWrite, len(c.Cells))
	}
	for i := range c.Cells {
		w := &c.Cells[i]
		x := &CellWrite{Cell: w.Cell, Base: baseToWire(w.Base)}
		switch {
		case w.Operation():
			x.Operation = &Operation{In: w.In, Out: w.Out}
			if !w.Add.IsNull() {
				x.Operation.Add = valueToWire(w.Add)
			}
		case len(w.Values) == 0:
			return nil, fmt.Errorf("bug: cell %s has neither values nor an operation", w.Cell)
		default:
			x.Values = valuesToWire(w.Values)
		}
		p.Cells[i] = x
	}
	return p, nil
}

func changeFromWire(p *Change, out *se.Change) error {
	var c checks
	*out = se.Change{
		Table: c.text("table", p.GetTable(), maxName),
		Row:   se.RowID(p.GetRow()),
		Op:    se.Op(p.GetOp()),
		Base:  c.base("base", p.GetBase()),
	}
	switch p.GetOp() {
	case Op_OP_DECIDE:
		c.text("row", p.GetRow(), maxName)
		if p.GetDecide() == nil {
			c.fail("decide", "is missing; OP_DECIDE needs it")
		} else if p.GetDecide().GetQuarantined() == nil { // a quarantined changeset may be about several record types
			c.name("table", p.GetTable())
		}
	case Op_OP_UPDATE, Op_OP_INSERT, Op_OP_DELETE:
		c.name("table", p.GetTable())
		c.uuid("row", p.GetRow())
		if p.GetDecide() != nil {
			c.fail("decide", "belongs to OP_DECIDE only; leave it out")
		}
	default:
		c.fail("op", "must be OP_UPDATE, OP_INSERT, OP_DELETE or OP_DECIDE")
	}
	d, err := decisionFromWire(p.GetDecide())
	c.in("decide", err)
	out.Decide = d
	if list := p.GetCells(); len(list) > 0 {
		if p.GetOp() != Op_OP_UPDATE && p.GetOp() != Op_OP_INSERT {
			c.fail("cells", "belong to OP_UPDATE and OP_INSERT only; leave them out")
		}
		out.Cells = make([]se.CellWrite, len(list))
		for i, x := range list {
			c.at("cells", i, cellFromWire(x, &out.Cells[i]))
		}
	}
	return c.err
}

func cellFromWire(p *CellWrite, out *se.CellWrite) error {
	var c checks
	*out = se.CellWrite{Cell: c.name("cell", p.GetCell()), Base: c.base("base", p.GetBase())}
	op := p.GetOperation()
	switch {
	case op != nil && len(p.GetValues()) > 0:
		c.fail("operation", "and values cannot both be there; send the one that fits the cell's policy")
	case op == nil && len(p.GetValues()) == 0:
		c.fail("values", "are missing; send one for each column of the cell, or an operation")
	case op == nil:
		out.Values = c.values("values", p.GetValues())
	default:
		if op.GetAdd() != nil {
			v, err := valueFromWire(op.GetAdd())
			c.in("operation.add", err)
			out.Add = v
		}
		out.In, out.Out = op.GetIn(), op.GetOut()
	}
	return c.err
}

func decisionToWire(d *se.Decision) *Decision {
	if d == nil {
		return nil
	}
	p := &Decision{
		Conflict: d.Conflict, Choice: string(d.Choice), Values: valuesToWire(d.Values), Reason: d.Reason,
	}
	if d.Take != (se.WriteID{}) {
		p.Take = &WriteID{Device: d.Take.Device, N: d.Take.N}
	}
	if d.Quarantined != (se.WriteID{}) {
		p.Quarantined = &WriteID{Device: d.Quarantined.Device, N: d.Quarantined.N}
	}
	p.Survivor = string(d.Survivor)
	for _, r := range d.Retired {
		p.Retired = append(p.Retired, string(r))
	}
	for _, x := range d.Picks {
		p.Picks = append(p.Picks, &Pick{Cell: x.Cell, Row: string(x.Row)})
	}
	for _, w := range d.Shown {
		p.Shown = append(p.Shown, &WriteID{Device: w.Device, N: w.N})
	}
	return p
}

func decisionFromWire(p *Decision) (*se.Decision, error) {
	if p == nil {
		return nil, nil
	}
	var c checks
	d := &se.Decision{
		Conflict: c.text("conflict", p.GetConflict(), maxName),
		Choice:   se.Choice(c.name("choice", p.GetChoice())),
		Values:   c.values("values", p.GetValues()),
		Reason:   c.text("reason", p.GetReason(), maxText),
	}
	if q := p.GetQuarantined(); q != nil {
		d.Quarantined = se.WriteID{Device: c.name("quarantined.device", q.GetDevice()), N: c.atLeast("quarantined.n", q.GetN(), 1)}
	}
	if (d.Conflict == "") == (d.Quarantined == se.WriteID{}) {
		c.fail("conflict", "or quarantined must be given, and not both")
	}
	c.rows(p, d)
	if t := p.GetTake(); t != nil {
		d.Take = se.WriteID{Device: c.name("take.device", t.GetDevice()), N: c.atLeast("take.n", t.GetN(), 1)}
	}
	for i, w := range p.GetShown() {
		id := se.WriteID{Device: w.GetDevice(), N: w.GetN()}
		if id.N < 1 {
			c.fail(item("shown", i)+".n", "is below 1")
		}
		c.text(item("shown", i)+".device", id.Device, maxName)
		d.Shown = append(d.Shown, id)
	}
	return d, c.err
}

// rows reads which rows a merge or a split is about.
func (c *checks) rows(p *Decision, d *se.Decision) {
	if p.GetSurvivor() != "" {
		d.Survivor = se.RowID(c.uuid("survivor", p.GetSurvivor()))
	}
	for i, r := range p.GetRetired() {
		d.Retired = append(d.Retired, se.RowID(c.uuid(item("retired", i), r)))
	}
	for i, x := range p.GetPicks() {
		d.Picks = append(d.Picks, se.Pick{Cell: c.name(item("picks", i)+".cell", x.GetCell()), Row: se.RowID(c.uuid(item("picks", i)+".row", x.GetRow()))})
	}
}
