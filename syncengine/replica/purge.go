package replica

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Purge removes, in one transaction, what is kept of rows that the replica does not hold any more, once everything that
// was written before their grants ended has its verdict and the rows themselves are gone. ready is false while it has
// to wait. The bytes are gone from the files only when the driver has seen to that; then it calls Purged.
//
// It may be run again at any time, and takes back nothing that was done.
func Purge(tx Tx, s *schema.Schema) (ready bool, err error) {
	ctl, err := tx.Control()
	if err != nil || ctl.Leaving.State != LeavingDrain {
		return false, err
	}
	if ready, err = drained(tx, &ctl); err != nil || !ready {
		return false, err
	}
	if ctl.Leaving.Retire {
		if err := dropAll(tx, s); err != nil {
			return false, err
		}
	}
	keep := func(table string, row se.RowID) (bool, error) {
		t := s.Table(table)
		if t == nil || ctl.Leaving.Retire {
			return false, nil
		}
		image, err := tx.Row(t, row)
		if err != nil || image != nil {
			return image != nil, err
		}
		under, _, err := tx.Under(t, row)
		return under != nil, err
	}
	if err := tx.Purge(keep); err != nil {
		return false, fmt.Errorf("purge what ended: %w", err)
	}
	return true, purgeKept(tx, s, ctl.Leaving.Retire, keep)
}

// purgeKept forgets cells that these declarations do not know, of rows that are gone. Of record types that are not known
// at all nothing tells whether a row is still shown: what is kept of them goes with everything else or comes again.
func purgeKept(tx Tx, s *schema.Schema, all bool, keep func(table string, row se.RowID) (bool, error)) error {
	rows, err := tx.KeptRows()
	if err != nil {
		return err
	}
	for _, k := range rows {
		if s.Table(k.Table) == nil && !all {
			continue
		}
		held, err := keep(k.Table, k.Row)
		if err != nil {
			return err
		}
		if !held {
			if err := tx.PutKept(k, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// drained tells whether everything up to N has its verdict here, shows no more, and the snapshot without what ended is
// in.
func drained(tx Tx, ctl *Control) (bool, error) {
	l := &ctl.Leaving
	if ctl.Acked < l.N {
		return false, nil
	}
	waiting, err := tx.Outbox(0, 1)
	if err != nil {
		return false, err
	}
	captured, err := tx.Captured()
	if err != nil {
		return false, err
	}
	if l.Retire {
		return len(waiting) == 0 && len(captured) == 0, nil
	}
	shown, err := tx.PendingUpTo(1, l.N)
	return ctl.View != "" && ctl.StagedView == "" && len(shown) == 0, err
}

// Purged notes that nothing is left in the files, and gives the receipt.
func Purged(tx Tx) (*se.Purged, error) {
	ctl, err := tx.Control()
	if err != nil {
		return nil, err
	}
	if ctl.Leaving.State == LeavingDrain {
		ctl.Leaving.State, ctl.Leaving.Scopes, ctl.Leaving.Doors = LeavingPurged, nil, nil
		if err := tx.PutControl(ctl); err != nil {
			return nil, err
		}
	}
	return ctl.Receipt(), nil
}

// Receipt is what the device tells the centre; nil if there is nothing to tell.
func (c *Control) Receipt() *se.Purged {
	if c.Leaving.State != LeavingPurged {
		return nil
	}
	return &se.Purged{View: c.View, N: c.Leaving.N}
}

// dropAll removes every row and everything laid over or under one.
func dropAll(tx Tx, s *schema.Schema) error {
	for _, t := range s.Tables {
		ids, err := tx.RowIDs(t)
		if err != nil {
			return err
		}
		under, err := tx.UnderIDs(t)
		if err != nil {
			return err
		}
		for _, id := range append(ids, under...) {
			if err := tx.DropPending(t, id, 1, 1<<62); err != nil {
				return err
			}
			if err := tx.DropUnder(t, id); err != nil {
				return err
			}
			if err := tx.DeleteRow(t, id); err != nil {
				return err
			}
		}
	}
	return tx.ClearStaged()
}
