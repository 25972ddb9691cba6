// Package crowd is what proofs need that let many people come to a real doorstepd: people and records put into its folder,
// clients that speak the protocol and keep no replica, and the process itself.
package crowd

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Outside is what only a main or a test takes from the machine: the clock, and lengths of time below a bound.
type Outside struct {
	Now    func() time.Time
	Random func(below time.Duration) time.Duration
}

// Seeded gives lengths of time that are the same in each run, for a test. Many may ask at once.
func Seeded(seed uint64) func(below time.Duration) time.Duration {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(below time.Duration) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(random.Int64N(int64(below)))
	}
}
