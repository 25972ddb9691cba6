package simtest

import se "github.com/doorstep-sync/doorstep/syncengine"

// quotas makes the quarantine small in some worlds: a device whose share is full is held back, with nothing lost, until
// the supervisor has dealt with what waits there, or the world comes to rest and the bound is raised.
func (w *World) quotas() {
	rng := w.stream("quotas")
	if rng.IntN(3) > 0 {
		return
	}
	w.engine = w.engine.WithQuotas(se.Quotas{Refused: 1 + rng.IntN(4), Candidates: se.DefaultQuotas.Candidates})
}

// raise is what the operator does when work is over.
func (w *World) raise() { w.engine = w.engine.WithQuotas(se.DefaultQuotas) }
