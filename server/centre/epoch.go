package centre

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// lost begins a new epoch, because a device proved commits that are not here. What it returns tells the device to come
// back when an administrator has confirmed.
func (c *Centre) lost(lost *syncengine.LostError) error {
	atLeast := lost.Epoch
	if c.opts.Epochs != nil {
		atLeast = max(atLeast, c.opts.Epochs.Newest())
	}
	var begun *syncengine.Restore
	err := c.store.Update(func(tx syncengine.Tx) error {
		begun = nil
		head, err := tx.Head()
		if err != nil || head.Epoch > lost.Epoch {
			return err // another device was faster
		}
		// Whoever was served since the database was put back holds what is here under the same epoch: how far the ended
		// one is common to all nobody can say.
		r, err := c.engine.NewEpoch(tx, atLeast, 0, c.Now(), syncengine.CauseProof)
		begun = &r
		return err
	})
	if err != nil {
		return fmt.Errorf("begin a new epoch: %w", err)
	}
	if begun != nil && c.opts.Epochs != nil {
		c.opts.Epochs.Begun(*begun)
	}
	return syncengine.ErrUnconfirmed
}

// Restored gives the restore that waits for an administrator, nil if none does.
func (c *Centre) Restored() (r *syncengine.Restore, err error) {
	err = c.store.View(func(tx syncengine.ReadTx) (err error) {
		r, err = syncengine.Unconfirmed(tx)
		return err
	})
	return r, err
}

// Confirm lets devices in again after a restore; false if nothing waited.
func (c *Centre) Confirm(by string) (did bool, err error) {
	err = c.store.Update(func(tx syncengine.Tx) (err error) {
		did, err = c.engine.Confirm(tx, by, c.Now())
		return err
	})
	if did && c.opts.Bell != nil {
		c.opts.Bell.Ring()
	}
	return did, err
}

// Fork makes a device of a copied replica.
func (c *Centre) Fork(parent, device string, claims []syncengine.Claim, at syncengine.CopyAt) (out syncengine.Forked, err error) {
	err = c.store.Update(func(tx syncengine.Tx) (err error) {
		before, err := tx.Device(device)
		if err != nil {
			return err
		}
		out, err = c.engine.Fork(tx, parent, device, claims, at)
		if err != nil || before != nil || out.From != 0 {
			return err // it asks again, or has to say more first
		}
		return syncengine.AuditFork(tx, parent, out, c.Now())
	})
	return out, err
}
