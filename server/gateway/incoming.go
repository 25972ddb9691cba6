package gateway

import (
	"container/list"
	"errors"
	"sync"
	"time"
)

var errCrowded = errors.New("gateway: there is no room for another long message")

// incoming is the memory of devices' long messages. Nobody knows how long one will be, so each takes more as it comes; that
// all wait for each other with what they have is ruled out by one of them, which may go over the bound until it is done.
type incoming struct {
	mu    sync.Mutex // guards what follows
	size  int
	used  int
	most  int        // that was ever used
	over  *conn      // may go over size
	queue *list.List // of *comer, in order of coming
}

type comer struct {
	c     *conn
	bytes int
	free  chan struct{} // closed when it may go on
}

func newIncoming(size int) *incoming { return &incoming{size: size, queue: list.New()} }

// enter waits for room; false if done was closed first.
func (n *incoming) enter(c *conn, bytes int, done <-chan struct{}) bool {
	n.mu.Lock()
	w := &comer{c, bytes, make(chan struct{})}
	e := n.queue.PushBack(w)
	if c == n.over { // it waits for nobody: others wait for it
		n.queue.MoveToFront(e)
	}
	n.admit()
	n.mu.Unlock()
	select {
	case <-w.free:
		return true
	case <-done:
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-w.free: // it was let through at the last moment, and ends nevertheless
		n.used -= bytes
		if n.over == c {
			n.over = nil
		}
	default:
		n.queue.Remove(e)
	}
	n.admit()
	return false
}

// leave gives back what a connection took, and its leave to go over.
func (n *incoming) leave(c *conn, bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.used -= bytes
	if n.over == c {
		n.over = nil
	}
	n.admit()
}

// admit lets in who waits, in order.
func (n *incoming) admit() {
	for e := n.queue.Front(); e != nil; e = n.queue.Front() {
		w := e.Value.(*comer)
		switch {
		case n.used+w.bytes <= n.size, w.c == n.over:
		case n.over == nil:
			n.over = w.c
		default:
			return
		}
		n.used += w.bytes
		n.most = max(n.most, n.used)
		n.queue.Remove(e)
		close(w.free)
	}
}

// admit makes room for a message that is about to take so many bytes of memory. It may wait, no longer than a message may
// take to be written, and tells how long it did; not ok means that no room was made.
func (c *conn) admit(bytes int) (waited time.Duration, ok bool) {
	if bytes <= helloFrame {
		return 0, true
	}
	done := make(chan struct{})
	end := sync.OnceFunc(func() { close(done) })
	defer end()
	late := time.AfterFunc(c.g.opts.Deadlines.Write, end)
	defer late.Stop()
	go func() { // no longer than the connection is
		select {
		case <-c.written:
			end()
		case <-done:
		}
	}()
	began := c.g.opts.Now()
	if !c.g.incoming.enter(c, bytes-c.taken, done) {
		return 0, false
	}
	c.taken = bytes
	return c.g.opts.Now().Sub(began), true
}

// letGo gives back what the message just read took.
func (c *conn) letGo() {
	if c.taken > 0 {
		c.g.incoming.leave(c, c.taken)
		c.taken = 0
	}
}

// Incoming tells how many connections wait for room for a long message, and how many bytes such messages take now and
// took at most.
func (g *Gateway) Incoming() (waiting, used, most int) {
	n := g.incoming
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.queue.Len(), n.used, n.most
}
