package gateway

import "sync/atomic"

// writing says who is at the writer's work. Between two things to do nobody is: a goroutine that waits keeps its stack, and
// that would be a third of what a silent connection costs the centre. Any goroutine may call.
type writing struct{ state atomic.Int32 }

const (
	resting int32 = iota
	working
	called // working, and somebody called meanwhile
	over   // for good
)

// call tells that there may be something to do. If begin, nobody is at it, and the caller has to see to it that somebody is.
func (w *writing) call() (begin bool) {
	for {
		switch s := w.state.Load(); {
		case s == called || s == over:
			return false
		case w.state.CompareAndSwap(s, s+1):
			return s == resting
		}
	}
}

// begin is called first, by who will work.
func (w *writing) begin() { w.state.Store(working) }

// rest is called by who works and has found nothing more to do. If not ok, somebody has called since: he looks again.
func (w *writing) rest() (ok bool) {
	if w.state.CompareAndSwap(working, resting) {
		return true
	}
	w.state.Store(working) // called; nobody else leaves that state
	return false
}

// end is called by who works: nobody will again.
func (w *writing) end() { w.state.Store(over) }
