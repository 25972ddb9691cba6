package syncengine

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
)

// revive gives a dead id back to a row. Replicas that showed the row where it was when it died, and do not show it
// where it is now, are told that it left: its deletion is no longer in any stream.
func (g *ingest) revive(dead *Dead, was *Row) error {
	if err := g.tx.Revive(dead.Table, dead.ID); err != nil {
		return fmt.Errorf("revive dead id: %w", err)
	}
	if g.revived == nil {
		g.revived = map[RowID]bool{}
	}
	g.revived[dead.ID] = true
	m := Move{Table: dead.Table, ID: dead.ID, Seq: g.seq, Scope: was.Scope, Door: was.Door, Author: was.Author}
	if err := g.tx.PutMove(m); err != nil {
		return fmt.Errorf("put move: %w", err)
	}
	return nil
}

// meetLate lets the edits that waited for a decision on a dead row meet the row that its own author inserted again:
// they are concurrent with it, and the conflict about the deletion is over.
func (g *ingest) meetLate(t *schema.Table, row *Row, dead *Dead) error {
	con, err := g.tx.OpenConflict(ConflictKey{ConflictDelete, t.Name, row.ID, ""})
	if err != nil || con == nil {
		return err
	}
	for i := range con.Candidates {
		if err := g.meet(t, row, dead, &con.Candidates[i]); err != nil {
			return err
		}
	}
	return g.closeConflict(con, OutcomeGone, "")
}

// meet merges a candidate into a row as a write that comes late. What becomes of it is no outcome of the changeset
// being judged. Who saw it before the row died has seen it still: it keeps its seq, and the seqs between which it
// stood.
func (g *ingest) meet(t *schema.Table, row *Row, dead *Dead, x *Candidate) error {
	past, err := g.pastOf(x.Device)
	if err != nil {
		return err
	}
	k := t.CellIndex(x.Cell.Cell)
	in := x.write()
	in.Seq, in.Epoch, in.From, in.To = g.seq, g.epoch, 0, 0
	named := x.write() // it keeps its seq, by which a split finds it
	op, err := g.current(t, row, t.Cells[k], &x.Cell, &named)
	if err != nil {
		return err
	}
	in.Values = named.Values
	if x.Cell.Operation() {
		row.Cells[k], _ = past.Apply(row.Cells[k], in, *op, t.Cells[k])
		row.Cells[k].retag(x)
		return nil
	}
	row.Cells[k], _ = past.Merge(row.Cells[k], in, t.Cells[k])
	for i := range row.Cells[k].Survivors {
		w := &row.Cells[k].Survivors[i]
		switch {
		case w.ID() != x.ID() || w.Row != x.Row:
			continue
		case !w.Stands():
			w.From, w.To = x.From, x.To
		case x.From > 0 && x.To == dead.Seq:
			w.From = x.From // nobody held the row in between
		}
		w.Seq, w.Epoch = x.Seq, x.Epoch
	}
	return nil
}

// pastOf gives what is known of the past of the device that a candidate came from.
func (g *ingest) pastOf(device string) (Lineage, error) {
	if device == g.cs.Device {
		return g.past, nil
	}
	dev, err := g.tx.Device(device)
	if err != nil {
		return Lineage{}, fmt.Errorf("read device of a candidate: %w", err)
	}
	from, kin, err := family(g.tx, dev, g.epoch)
	return Lineage{Epochs: g.past.Epochs, Parents: from, Kin: kin}, err
}

// retag gives the additions of a late candidate the seq at which they were first seen.
func (c *Cell) retag(x *Candidate) {
	for i := range c.Elements {
		for j := range c.Elements[i].Tags {
			if tag := &c.Elements[i].Tags[j]; tag.Device == x.Device && tag.N == x.N {
				tag.Seq, tag.Epoch = x.Seq, x.Epoch
			}
		}
	}
}
