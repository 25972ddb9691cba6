package centre

import (
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// hear keeps what a Hello said until Note writes it: a write for each of them would make every arrival wait for a disk.
func (c *Centre) hear(h syncengine.Hello) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[h.Device] = syncengine.HeardFrom(&h, c.Now())
}

// Note writes down which devices were heard of since the last time, and how far they had come. What a crash loses of
// it only makes retention keep more, or a device that was away for long begin anew.
func (c *Centre) Note() error {
	c.mu.Lock()
	heard := c.heard
	c.heard = map[string]syncengine.Heard{}
	c.mu.Unlock()
	list := make([]syncengine.Heard, 0, len(heard))
	for _, h := range heard {
		list = append(list, h)
	}
	for len(list) > 0 {
		n := min(len(list), 200)
		if err := c.store.Update(func(tx syncengine.Tx) error { return c.engine.Note(tx, list[:n]) }); err != nil {
			return fmt.Errorf("note who was heard of: %w", err)
		}
		list = list[n:]
	}
	return nil
}

// Prune forgets what retention lets go, in portions, between which whoever writes goes first.
func (c *Centre) Prune(keep time.Duration) (all syncengine.Pruned, err error) {
	if err := c.Note(); err != nil {
		return all, err
	}
	for {
		var p syncengine.Pruned
		err := c.store.Update(func(tx syncengine.Tx) (err error) {
			p, err = c.engine.Prune(tx, syncengine.Retention{Now: c.Now(), Keep: keep.Milliseconds()})
			return err
		})
		if err != nil {
			return all, fmt.Errorf("prune: %w", err)
		}
		if c.opts.Snapshots != nil {
			c.opts.Snapshots.Forget(p.Floor)
		}
		all.Floor = p.Floor
		all.Moves, all.Dead, all.Messages = all.Moves+p.Moves, all.Dead+p.Dead, all.Messages+p.Messages
		if !p.More {
			return all, nil
		}
		select {
		case <-c.stop:
			return all, ErrStopped
		default:
		}
	}
}
