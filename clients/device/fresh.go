package device

import (
	"context"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Fresh makes the next conversation take a whole new copy of what this person may see, and forgets what proved the old
// one: the way out where the centre does not take that proof for its own (CodeProof). What was not sent yet stays and is
// sent; what the person wrote meanwhile keeps what it was based on.
func (r *Replica) Fresh(ctx context.Context) error {
	return r.update(ctx, func(p *port) error {
		if err := replica.Forget(p); err != nil {
			return err
		}
		c, err := p.Control()
		if err != nil {
			return err
		}
		c.View, c.ProofAt, c.History, c.MAC = "", se.Base{}, se.Hash{}, se.Hash{}
		return p.PutControl(c)
	})
}
