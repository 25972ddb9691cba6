package centre

import (
	"context"
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Next reads a part of what a replica lacks from one consistent state. If it says Prepare and has no frames, the caller
// asks for that first.
func (c *Centre) Next(req syncengine.NextRequest) (part *syncengine.Part, err error) {
	req.Snapshots, req.Now = c.opts.Snapshots, c.Now() // it may have waited for its turn, and a grant may have ended meanwhile
	err = c.store.View(func(tx syncengine.ReadTx) error {
		part, err = c.engine.Next(tx, req)
		return err
	})
	return part, err
}

// crowdedFor is how often it is looked whether a device has its snapshot and room is free for another.
const crowdedFor = 20 * time.Millisecond

// Prepare reads and packs the snapshot that Next named: one at a time, in order of asking, since it takes all that a
// processor and a disk give; and only when those that devices are taking leave room for it. gone ends the waiting.
func (c *Centre) Prepare(ctx context.Context, gone <-chan struct{}, req syncengine.NextRequest, scope string) error {
	select {
	case c.building <- struct{}{}:
	case <-gone:
		return nil
	case <-ctx.Done():
		return nil
	}
	defer func() { <-c.building }()
	for c.opts.Snapshots.Crowded(c.Now()) {
		select {
		case <-time.After(crowdedFor):
		case <-gone:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	err := c.store.View(func(tx syncengine.ReadTx) error {
		return c.engine.Prepare(tx, c.opts.Snapshots, req, scope, c.Now())
	})
	if err != nil {
		return fmt.Errorf("prepare the snapshot of scope %s: %w", scope, err)
	}
	return nil
}
