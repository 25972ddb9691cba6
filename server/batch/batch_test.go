package batch

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestImports(t *testing.T) {
	imports.Check(t, "server/batch", "syncengine", "schema", "server", "clients", "database/sql", "net")
}

// Whoever comes while a round is under way is in the next one, all together, up to the bound.
func TestOneRoundForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds [][]int
		gate := make(chan error)
		g := New(4, func(items []int) error { rounds = append(rounds, items); return <-gate })
		var wg sync.WaitGroup
		errs := map[int]error{}
		var mu sync.Mutex
		come := func(items ...int) {
			for _, x := range items {
				wg.Go(func() {
					err := g.Do(x)
					mu.Lock()
					defer mu.Unlock()
					errs[x] = err
				})
				synctest.Wait()
			}
		}
		disk := errors.New("disk")
		come(1, 2, 3, 4, 5, 6, 7)
		for _, err := range []error{nil, disk, nil} {
			gate <- err
			synctest.Wait()
		}
		wg.Wait()
		require.Equal(t, [][]int{{1}, {2, 3, 4, 5}, {6, 7}}, rounds)
		require.Equal(t, map[int]error{1: nil, 2: disk, 3: disk, 4: disk, 5: disk, 6: nil, 7: nil}, errs)
	})
}

// A round that panics leaves nobody waiting.
func TestPanicEndsItsRoundAlone(t *testing.T) {
	again := false
	g := New(4, func([]int) error {
		if !again {
			again = true
			panic("ours")
		}
		return nil
	})
	require.PanicsWithValue(t, "ours", func() { _ = g.Do(1) })
	require.NoError(t, g.Do(2))
}
