package gateway

import (
	"container/list"
	"sync"
)

// gate lets heavy parts through, first come first served, as long as all of them together take no more than a number
// of bytes: while they are read and encoded, and until a socket has taken them. What is light goes past it.
type gate struct {
	mu    sync.Mutex // guards what follows
	size  int
	used  int
	most  int        // that was ever used, for tests and metrics
	queue *list.List // of *waiter, in order of coming
}

type waiter struct {
	bytes int
	free  chan struct{} // closed when it may go
}

func newGate(size int) *gate { return &gate{size: size, queue: list.New()} }

// enter waits for its turn; false if done was closed first. What is larger than the gate waits until it is alone.
func (g *gate) enter(bytes int, done <-chan struct{}) bool {
	bytes = min(bytes, g.size)
	g.mu.Lock()
	if g.queue.Len() == 0 && g.used+bytes <= g.size {
		g.take(bytes)
		g.mu.Unlock()
		return true
	}
	w := &waiter{bytes, make(chan struct{})}
	e := g.queue.PushBack(w)
	g.mu.Unlock()
	select {
	case <-w.free:
		return true
	case <-done:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.free: // it was let through at the last moment
		g.give(bytes)
	default:
		g.queue.Remove(e)
		g.admit()
	}
	return false
}

// leave gives bytes back that enter took.
func (g *gate) leave(bytes int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.give(min(bytes, g.size))
}

func (g *gate) take(bytes int) {
	g.used += bytes
	g.most = max(g.most, g.used)
}

func (g *gate) give(bytes int) {
	g.used -= bytes
	g.admit()
}

// admit lets in who waits, in order.
func (g *gate) admit() {
	for e := g.queue.Front(); e != nil; e = g.queue.Front() {
		w := e.Value.(*waiter)
		if g.used+w.bytes > g.size {
			return
		}
		g.take(w.bytes)
		g.queue.Remove(e)
		close(w.free)
	}
}

// waiting tells how many wait, and how many bytes are in use now and were at most.
func (g *gate) waiting() (n, used, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Len(), g.used, g.most
}
