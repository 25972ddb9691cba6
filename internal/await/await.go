// Package await bounds what a test waits for: what does not come fails that test with a sentence, instead of holding up
// the whole package until its time is over.
package await

import (
	"sync"
	"testing"
	"time"
)

// patience is far more than anything takes on a machine that is busy with ten other things.
const patience = time.Minute

// Value takes what comes from a channel, or its end.
func Value[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v for %s, and it did not come", patience, what)
		panic("unreachable")
	}
}

// Put gives a value to whoever takes it from a channel.
func Put[T any](t testing.TB, to chan<- T, v T, what string) {
	t.Helper()
	select {
	case to <- v:
	case <-time.After(patience):
		t.Fatalf("waited %v for somebody to take %s, and nobody did", patience, what)
	}
}

// Group waits until all of a group have ended.
func Group(t testing.TB, wg *sync.WaitGroup, what string) {
	t.Helper()
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	Value(t, done, "the end of "+what)
}
