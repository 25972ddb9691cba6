package feed

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestImports(t *testing.T) {
	imports.Check(t, "server/feed", "syncengine", "schema", "server", "clients", "database/sql", "net")
}

// subscribe hangs up a bell that keeps one ring.
func subscribe(to func(ring func()) (cancel func())) (bell <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	return c, to(func() {
		select {
		case c <- struct{}{}:
		default:
		}
	})
}

func rung(bell <-chan struct{}) bool {
	select {
	case <-bell:
		return true
	default:
		return false
	}
}

func TestRingReachesItsCountyOnly(t *testing.T) {
	f := New()
	a, cancelA := subscribe(f.County(1).Subscribe)
	b, cancelB := subscribe(f.County(1).Subscribe)
	other, cancelOther := subscribe(f.County(2).Subscribe)
	defer cancelB()
	defer cancelOther()
	f.County(1).Ring()
	require.True(t, rung(a))
	require.True(t, rung(b))
	require.False(t, rung(other))
	cancelA()
	cancelA()
	f.Ring(1)
	require.False(t, rung(a), "a cancelled bell rings no more")
	require.True(t, rung(b))
	f.Ring(3) // nobody there
}

// What is written before a ring is seen by whoever hears it, so that no move is missed: each listener that reads the
// head after its last ring reads the last one.
func TestNoMoveIsMissed(t *testing.T) {
	f := New()
	const moves = 2000
	var mu sync.Mutex
	head := 0
	read := func() int { mu.Lock(); defer mu.Unlock(); return head }
	var listeners sync.WaitGroup
	for range 8 {
		bell, cancel := subscribe(f.County(7).Subscribe)
		listeners.Go(func() {
			defer cancel()
			for read() < moves {
				<-bell
			}
		})
	}
	var ringers sync.WaitGroup
	for range 4 {
		ringers.Go(func() {
			for range moves / 4 {
				mu.Lock()
				head++
				mu.Unlock()
				f.Ring(7)
			}
		})
	}
	ringers.Wait()
	await.Group(t, &listeners, "those who listen")
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Empty(t, f.counties, "every subscription is gone")
}
