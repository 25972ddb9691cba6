package gateway

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/await"
)

// Nobody's call is missed, however near it comes to the end of the work, and two are never at it.
func TestWritingMissesNoCall(t *testing.T) {
	const callers, calls = 4, 20_000
	var w writing
	var todo, at, did atomic.Int64
	var all sync.WaitGroup
	work := func() {
		defer all.Done()
		for {
			if at.Add(1) != 1 {
				t.Error("two are at it")
			}
			did.Add(todo.Swap(0))
			at.Add(-1)
			if w.rest() {
				return
			}
		}
	}
	for range callers {
		all.Go(func() {
			for range calls {
				todo.Add(1)
				if w.call() {
					all.Add(1)
					go work()
				}
			}
		})
	}
	await.Group(t, &all, "those who call and work")
	require.EqualValues(t, callers*calls, did.Load())
	require.True(t, w.call())
	w.end()
	require.False(t, w.call(), "nobody works after the end")
}

// What is called for before the work has begun is done when it begins.
func TestWritingBegins(t *testing.T) {
	var w writing
	w.begin()
	require.False(t, w.call())
	require.False(t, w.rest())
	require.True(t, w.rest())
	require.True(t, w.call())
}
