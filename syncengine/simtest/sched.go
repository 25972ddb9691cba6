package simtest

import "container/heap"

// event is something that happens at one simulated instant. Events of one instant happen in the order they were made.
type event struct {
	at int64
	no int64
	fn func()
}

type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].no < a[j].no
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	n := len(*a) - 1
	x := (*a)[n]
	(*a)[n] = event{}
	*a = (*a)[:n]
	return x
}

// at makes fn happen after a delay in simulated milliseconds.
func (w *World) after(delay int64, fn func()) {
	w.events++
	heap.Push(&w.agenda, event{w.now + max(delay, 0), w.events, fn})
}

// until lets the world run up to an instant, or until something is wrong.
func (w *World) until(at int64) {
	for len(w.agenda) > 0 && w.agenda[0].at <= at && !w.failed() {
		e := heap.Pop(&w.agenda).(event)
		w.now = e.at
		w.steps++
		e.fn()
	}
	w.now = max(w.now, at)
}

// trace mixes something that happened into the fingerprint of the run (FNV-1a).
func (w *World) trace(what string, n ...int64) {
	h := w.print
	for i := range len(what) {
		h = (h ^ uint64(what[i])) * 1099511628211
	}
	for _, x := range n {
		for range 8 {
			h = (h ^ uint64(byte(x))) * 1099511628211
			x >>= 8
		}
	}
	w.print = (h ^ uint64(w.now)) * 1099511628211
	if w.opts.Log != nil {
		w.opts.Log(w.now-start, what, n)
	}
}
