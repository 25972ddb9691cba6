package replica

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// LostRow is a row that the replica held of an epoch that ended and that the snapshot of the next one lacks.
type LostRow struct {
	RowKey
	Scope string
	Image Image
}

// Salvage seals what a restored centre still lacks of what this replica held, as changesets that a supervisor decides
// about. It waits until the replica's own work is judged. What has come back meanwhile, by whoever made it, is forgotten;
// what lies in scopes that are not this person's now stays where it is.
func Salvage(tx Tx, s *schema.Schema, clock Clock) error {
	lost, err := tx.Lost()
	if err != nil || len(lost) == 0 {
		return err
	}
	waiting, err := tx.Outbox(0, 1)
	if err != nil || len(waiting) > 0 {
		return err
	}
	ctl, err := tx.Control()
	if err != nil {
		return err
	}
	z := &sealer{tx: tx, schema: s, ctl: &ctl}
	var changes []se.Change
	for _, l := range lost {
		c, done, err := z.salvaged(&l)
		if err != nil {
			return err
		}
		if c != nil {
			changes = append(changes, *c)
		}
		if c != nil || done {
			if err := tx.DropLost(l.RowKey); err != nil {
				return fmt.Errorf("forget a lost row of %s: %w", l.Table, err)
			}
		}
	}
	for len(changes) > 0 {
		n := fit(changes, ctl.Limits)
		if err := z.offerRows(changes[:n:n], clock); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return tx.PutControl(ctl)
}

// salvaged makes the insert of a lost row, nil if there is nothing to insert; done says that there never will be.
func (z *sealer) salvaged(l *LostRow) (c *se.Change, done bool, err error) {
	t := z.schema.Table(l.Table)
	if t == nil {
		return nil, true, nil
	}
	row, err := z.tx.Row(t, l.Row)
	if err != nil || row != nil {
		return nil, err == nil, err
	}
	if _, kept, err := z.tx.Under(t, l.Row); err != nil || kept {
		return nil, false, err // the person has deleted it, or it is on its way
	}
	c = &se.Change{Table: l.Table, Row: l.Row, Op: se.OpInsert}
	for i, cell := range t.Cells {
		if unwritten(cell) || slices.Equal(l.Image[i], make([]schema.Value, len(cell.Columns))) {
			continue
		}
		if !z.vouched(t, l.Scope, cell) {
			if cell.Name == schema.CellScope {
				return nil, false, nil // not this person's to see now
			}
			continue
		}
		w := se.CellWrite{Cell: cell.Name}
		if !operation(&w, cell, schema.Null(), l.Image[i][0]) {
			w.Values = slices.Clone(l.Image[i])
		}
		c.Cells = append(c.Cells, w)
	}
	return c, false, nil
}

// offerRows puts a changeset of lost rows into the outbox. Nothing of it is shown: whether the rows come back is not
// this person's to say.
func (z *sealer) offerRows(changes []se.Change, clock Clock) error {
	h := hlc.Clock{Last: z.ctl.HLC}
	cs := &se.Changeset{
		Device: z.ctl.Device, N: z.ctl.LastN + 1, Prev: z.ctl.Hash, HLC: h.Now(clock.Wall), Wall: clock.Wall, Boot: clock.Boot,
		Mono: clock.Mono, Schema: z.schema.Version, Author: z.ctl.Account, Changes: changes, Salvage: true,
	}
	z.ctl.HLC, z.ctl.LastN, z.ctl.Hash = cs.HLC, cs.N, cs.Hash()
	if err := z.tx.PutOutbox(cs); err != nil {
		return fmt.Errorf("put changeset %d into the outbox: %w", cs.N, err)
	}
	return nil
}
