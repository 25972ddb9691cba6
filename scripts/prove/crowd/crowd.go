// Package crowd is what proofs need that let many people come to a real doorstepd: people and records put into its folder,
// clients that speak the protocol and keep no replica, and the process itself.
package crowd

import "time"

// Outside is what only a main or a test takes from the machine: the clock, and lengths of time below a bound.
type Outside struct {
	Now    func() time.Time
	Random func(below time.Duration) time.Duration
}
