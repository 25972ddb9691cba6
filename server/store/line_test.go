package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// waiting tells how many wait.
func (l *line) waiting() (engine, others int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.engine), len(l.others)
}

// order lets people come to a line one after the other while somebody is in, and notes in which order they are served.
type order struct {
	line   line
	mu     sync.Mutex
	served []string
	wg     sync.WaitGroup
}

func (o *order) come(ctx context.Context, engine bool, names ...string) {
	for _, name := range names {
		o.wg.Go(func() {
			if o.line.enter(ctx, engine) != nil {
				return
			}
			o.mu.Lock()
			o.served = append(o.served, name)
			o.mu.Unlock()
			o.line.leave()
		})
		synctest.Wait()
	}
}

// The engine goes first, but passes somebody who waits three times at most; within each queue whoever came first goes
// first, and whoever gives up is not waited for.
func TestLineIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o order
		require.NoError(t, o.line.enter(t.Context(), true))
		away, giveUp := context.WithCancel(t.Context())
		o.come(t.Context(), false, "a", "b")
		o.come(away, false, "gone")
		o.come(t.Context(), false, "c")
		o.come(t.Context(), true, "1", "2", "3", "4", "5", "6", "7")
		o.come(away, true, "gone")
		giveUp()
		synctest.Wait()
		engine, others := o.line.waiting()
		require.Equal(t, []int{7, 3}, []int{engine, others})
		o.line.leave()
		o.wg.Wait()
		require.Equal(t, []string{"1", "2", "3", "a", "4", "5", "6", "b", "7", "c"}, o.served)
		require.False(t, o.line.busy)
		require.ErrorIs(t, o.line.enter(away, false), context.Canceled)
		require.NoError(t, o.line.enter(t.Context(), false), "nobody is in")
	})
}

// Three hundred devices arrive and each is to be noted; then somebody's changes come. They are committed next. The pool of
// connections alone would have let any of them go first.
func TestCommitGoesBeforeArrivals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		var wg sync.WaitGroup
		gate := make(chan struct{})
		update := func(what string, wait <-chan struct{}) {
			wg.Go(func() {
				require.NoError(t, s.Update(func(syncengine.Tx) error { note(what); <-wait; return nil }))
			})
			synctest.Wait()
		}
		open := make(chan struct{})
		close(open)
		update("under way", gate)
		for range 300 {
			wg.Go(func() {
				require.NoError(t, s.WithTx(t.Context(), func(*sql.Tx) error { note("arrival"); return nil }))
			})
		}
		synctest.Wait()
		update("commit", open)
		close(gate)
		wg.Wait()
		require.Equal(t, []string{"under way", "commit", "arrival"}, order[:3])
		require.Len(t, order, 302)
	})
}

// Views are served in order of coming, however many there are.
func TestViewsAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, filepath.Join(t.TempDir(), "s.db"), WithReaders(1))
		gate, order := make(chan struct{}), make(chan int, 50)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				require.NoError(t, s.View(func(syncengine.ReadTx) error { <-gate; order <- i; return nil }))
			})
			synctest.Wait()
		}
		close(gate)
		wg.Wait()
		close(order)
		last := -1
		for i := range order {
			require.Equal(t, last+1, i)
			last = i
		}
	})
}

// BenchmarkCommitAmongArrivals measures how long a small commit waits while 300 devices are noted again and again.
func BenchmarkCommitAmongArrivals(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "s.db"))
	ctx, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for range 300 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = s.WithTx(ctx, func(tx *sql.Tx) error {
					_, err := tx.Exec(`INSERT INTO settings (county, key, value) VALUES (1, 'noted', '') ON CONFLICT DO UPDATE SET value = 'x'`)
					return err
				})
			}
		})
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		require.NoError(b, s.Update(func(tx syncengine.Tx) error { return tx.PutDevice(&syncengine.Device{ID: "d"}) }))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "longest-ms")
}
