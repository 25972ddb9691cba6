package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A message keeps its turn while it grows, so that what is in memory already comes to its end; who waits to be the one that is
// counted apart, or for its own device, keeps nobody from the rest; and who gives up holds up nobody.
func TestLongMessagesGoInTurn(t *testing.T) {
	n, never := newIncoming(64), make(chan time.Time)
	gone := map[*long]chan struct{}{}
	asked := map[*long]chan bool{}
	ask := func(l *long, bytes int) {
		waiting := len(n.queue)
		gone[l], asked[l] = make(chan struct{}), make(chan bool, 1)
		go func() { asked[l] <- n.enter(l, bytes, gone[l], never) }()
		require.Eventually(t, func() bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			return len(asked[l]) == 1 || len(n.queue) == waiting+1
		}, time.Minute, time.Millisecond)
	}
	in := func(l *long) bool { n.mu.Lock(); defer n.mu.Unlock(); return l.taken > 0 && l.wanted == 0 }
	apart, first, second := &long{device: "apart"}, &long{device: "1"}, &long{device: "2"}
	ask(apart, 40)
	require.True(t, <-asked[apart], "one goes beyond")
	ask(first, 2)
	require.True(t, <-asked[first])
	ask(second, 4)
	require.True(t, <-asked[second])
	rest := &long{device: "rest"}
	n.mu.Lock()
	n.used, rest.taken = n.used+55, 55 // of others
	n.mu.Unlock()
	large, own, late, small := &long{device: "large"}, &long{device: "2"}, &long{device: "late"}, &long{device: "small"}
	ask(large, 5)
	ask(own, 1)
	ask(late, 4)
	ask(small, 1)
	require.False(t, in(large) || in(own) || in(late), "there is no room")
	require.False(t, in(small), "who came before goes before")
	ask(first, 2)
	require.True(t, <-asked[first], "its turn was before theirs")
	require.Len(t, n.queue, 4)
	close(gone[late])
	require.False(t, <-asked[late])
	require.True(t, <-asked[small], "nobody is before it any more")
	n.leave(second)
	require.True(t, <-asked[own], "its device has none now")
	require.False(t, in(large))
	n.leave(apart)
	require.True(t, <-asked[large])
	for _, l := range []*long{first, small, own, large, rest} {
		n.leave(l)
	}
	require.Equal(t, []int{0, 0, 40 + 64}, []int{n.used, n.taken(), n.most})
	require.Empty(t, n.holding)
}
