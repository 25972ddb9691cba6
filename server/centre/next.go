package centre

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/doorstep-sync/doorstep/server/batch"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Next reads a part of what a replica lacks from one consistent state. If it says Prepare and has no frames, the caller
// asks for that first.
//
// Many ask at once, after each commit: what is light is read for all who wait in one transaction.
func (c *Centre) Next(req syncengine.NextRequest) (*syncengine.Part, error) {
	if req.Cursor == (syncengine.Base{}) || len(req.Staged) > 0 {
		return c.alone(req)
	}
	r := &syncengine.Reading{Request: req}
	if err := c.group(req.Device).Do(r); err != nil { // somebody else's request may be what cannot be answered
		return c.alone(req)
	}
	return r.Part, r.Err
}

// maxTogether is how many requests are read together, at most: while they are, a commit may want to go first.
const maxTogether = 64

var errTogether = errors.New("bug: reading for many panicked")

// group is whom a device is read for with: some groups beside each other, so that processors more are of use and nobody waits
// for all.
func (c *Centre) group(device string) *batch.Group[*syncengine.Reading] {
	h := fnv.New32a()
	h.Write([]byte(device))
	return c.readings[h.Sum32()%uint32(len(c.readings))]
}

// together reads for all of them. A panic is an error here: whose it is shows when each asks alone.
func (c *Centre) together(list []*syncengine.Reading) (err error) {
	defer func() {
		if recover() != nil {
			err = errTogether
		}
	}()
	c.commits.wait()
	now := c.Now() // they have waited for their turn, and a grant may have ended meanwhile
	for _, r := range list {
		r.Request.Snapshots, r.Request.Now = c.opts.Snapshots, now
	}
	return c.store.View(func(tx syncengine.ReadTx) error {
		c.engine.NextTogether(tx, list)
		return nil
	})
}

func (c *Centre) alone(req syncengine.NextRequest) (part *syncengine.Part, err error) {
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
