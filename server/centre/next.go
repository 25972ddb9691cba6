package centre

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Next reads a part of what a replica lacks from one consistent state. A snapshot that is needed first is prepared in
// a transaction of its own: one at a time, since it takes all that a processor and a disk give.
func (c *Centre) Next(req syncengine.NextRequest) (*syncengine.Part, error) {
	req.Snapshots = c.opts.Snapshots
	for try := 0; ; try++ {
		part, err := c.read(req)
		switch {
		case err != nil, part.Prepare == "", len(part.Frames) > 0:
			return part, err
		case try == 3: // it was pushed out each time before it could be used
			req.Snapshots = nil
			continue
		}
		if err := c.prepare(req, part.Prepare); err != nil {
			return nil, err
		}
	}
}

func (c *Centre) read(req syncengine.NextRequest) (part *syncengine.Part, err error) {
	err = c.store.View(func(tx syncengine.ReadTx) error {
		part, err = c.engine.Next(tx, req)
		return err
	})
	return part, err
}

func (c *Centre) prepare(req syncengine.NextRequest, scope string) error {
	c.building <- struct{}{}
	defer func() { <-c.building }()
	err := c.store.View(func(tx syncengine.ReadTx) error {
		return c.engine.Prepare(tx, c.opts.Snapshots, req.Device, scope, req.Now)
	})
	if err != nil {
		return fmt.Errorf("prepare the snapshot of scope %s: %w", scope, err)
	}
	return nil
}
