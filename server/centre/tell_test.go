package centre

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// slow is a store of whose writing transactions each waits until it is let go.
type slow struct {
	syncengine.Store
	gate chan struct{}
	mu   sync.Mutex
	n    int
}

func (s *slow) Update(fn func(syncengine.Tx) error) error {
	<-s.gate
	s.mu.Lock()
	s.n++
	s.mu.Unlock()
	return s.Store.Update(fn)
}

// Three hundred devices that arrive at once are written down together, each as if alone: one that is unknown is told so,
// and what the others were told is on record. A commit waits for one of these writes, not for hundreds.
func TestArrivalsAreWrittenTogether(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(s)
		held := &slow{Store: store, gate: make(chan struct{})}
		c := New(syncengine.New(s, syncengine.DefaultLimits), held, Options{Now: time.Now})
		defer c.Close()
		const devices = 300
		name := func(i int) string { return fmt.Sprintf("d%d", i) }
		var wg sync.WaitGroup
		errs := make([]error, devices)
		for i := range devices {
			if i != 7 {
				store.SetPrincipal(name(i), &syncengine.Principal{Account: "a", Device: name(i)})
			}
			wg.Go(func() { _, errs[i] = c.Welcome(syncengine.Hello{Device: name(i)}) })
		}
		synctest.Wait()
		close(held.gate)
		wg.Wait()
		require.LessOrEqual(t, held.n, 3, "the first one's, and two for all the others")
		for i, err := range errs {
			var told *syncengine.Told
			require.NoError(t, store.View(func(tx syncengine.ReadTx) (err error) { told, err = tx.Told(name(i)); return err }))
			if i == 7 {
				require.ErrorIs(t, err, syncengine.ErrUnknownDevice)
				require.Nil(t, told)
				continue
			}
			require.NoError(t, err)
			require.NotNil(t, told)
		}
	})
}

// What fails for one of those who are written together fails for it alone; what fails for the transaction, for all.
func TestATellingFailsAlone(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(s)
		held := &slow{Store: store, gate: make(chan struct{})}
		tells := newTells(held)
		put := func(device string, fail error) func(syncengine.Tx) error {
			return func(tx syncengine.Tx) error {
				require.NoError(t, tx.PutTold(&syncengine.Told{Device: device}))
				return fail
			}
		}
		ours := fmt.Errorf("ours")
		var wg sync.WaitGroup
		errs := map[string]error{}
		var mu sync.Mutex
		for _, x := range []struct {
			device string
			fail   error
		}{{"first", nil}, {"good", nil}, {"bad", ours}, {"better", nil}} {
			wg.Go(func() {
				err := tells.Update(put(x.device, x.fail))
				mu.Lock()
				defer mu.Unlock()
				errs[x.device] = err
			})
			synctest.Wait()
		}
		close(held.gate)
		wg.Wait()
		require.Equal(t, map[string]error{"first": nil, "good": nil, "bad": ours, "better": nil}, errs)
		require.Equal(t, 2, held.n)
		for device, there := range map[string]bool{"first": true, "good": true, "bad": false, "better": true} {
			require.NoError(t, store.View(func(tx syncengine.ReadTx) error {
				told, err := tx.Told(device)
				require.Equal(t, there, told != nil, device)
				return err
			}))
		}
		store.FailCommit = func() error { return ours }
		require.ErrorIs(t, tells.Update(put("lost", nil)), ours)
	})
}
