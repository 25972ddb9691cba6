package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/await"
)

// Who came first goes first, also when something smaller behind it would fit; who gives up lets the next one in.
func TestGateIsFirstComeFirstServed(t *testing.T) {
	g := newGate(10)
	never := make(chan struct{})
	require.True(t, g.enter(6, never))
	order := make(chan string, 4)
	wait := func(name string, bytes int, done <-chan struct{}) {
		n, _, _ := g.waiting()
		go func() {
			if g.enter(bytes, done) {
				order <- name
			} else {
				order <- name + " gave up"
			}
		}()
		require.Eventually(t, func() bool { m, _, _ := g.waiting(); return m == n+1 }, time.Minute, time.Millisecond)
	}
	gone := make(chan struct{})
	wait("large", 100, gone)
	wait("small", 2, never)
	require.Empty(t, order)
	close(gone)
	require.Equal(t, "large gave up", await.Value(t, order, "somebody to go in"))
	require.Equal(t, "small", await.Value(t, order, "somebody to go in"))
	wait("alone", 100, never)
	g.leave(6)
	require.Empty(t, order)
	g.leave(2)
	require.Equal(t, "alone", await.Value(t, order, "somebody to go in"))
	g.leave(100)
	n, used, most := g.waiting()
	require.Equal(t, []int{0, 0, 10}, []int{n, used, most})
}
