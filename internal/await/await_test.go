package await

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// What comes is given; what never comes fails the test that waits, with a sentence.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock makes a minute short
		c := make(chan int)
		go func() { c <- 7 }()
		require.Equal(t, 7, Value(t, c, "a number"))
		require.Equal(t, "waited 1m0s for a number, and it did not come", fails(t, func(t testing.TB) { Value(t, c, "a number") }))
		require.Equal(t, "waited 1m0s for somebody to take a number, and nobody did", fails(t, func(t testing.TB) { Put(t, c, 1, "a number") }))
		var wg sync.WaitGroup
		wg.Add(1)
		require.Equal(t, "waited 1m0s for the end of the others, and it did not come", fails(t, func(t testing.TB) { Group(t, &wg, "the others") }))
		wg.Done()
		Group(t, &wg, "the others")
		close(c)
		require.Zero(t, Value(t, c, "the end"))
	})
}

type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func fails(t testing.TB, wait func(testing.TB)) string {
	f := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait(f)
	}()
	<-done
	return f.said
}
