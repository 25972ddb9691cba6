package centre

import (
	"github.com/doorstep-sync/doorstep/server/batch"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// maxTold bounds the writes of one transaction for arrivals: they are small.
const maxTold = 256

// tells is the store as arrivals see it: what is to be durable before they hear of it is written for all of them who wait,
// in one transaction, each in a savepoint. However many come at once, a commit has one of these transactions before it.
type tells struct {
	syncengine.Store
	group *batch.Group[*telling]
}

type telling struct {
	fn  func(syncengine.Tx) error
	err error
}

func newTells(store syncengine.Store) tells {
	return tells{store, batch.New(maxTold, func(list []*telling) error {
		return store.Update(func(tx syncengine.Tx) error {
			for _, x := range list {
				x.err = tx.Savepoint(func() error { return x.fn(tx) })
			}
			return nil
		})
	})}
}

// Update implements syncengine.Store.
func (t tells) Update(fn func(syncengine.Tx) error) error {
	x := &telling{fn: fn}
	if err := t.group.Do(x); err != nil {
		return err
	}
	return x.err
}
