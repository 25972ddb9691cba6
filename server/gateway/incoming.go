package gateway

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"
)

var errCrowded = errors.New("gateway: there is no room for another long message")

// incoming is the memory of devices' long messages, of each device one at a time. Nobody knows how long one will be, so each
// takes more as it comes; that all wait for each other with what they have is ruled out by one of them, which is counted apart
// until it is done. Others take more than a sixteenth of the rest only as long as three quarters of it are free: a dozen
// that have much, and wait for more, would shut out all others.
type incoming struct {
	mu      sync.Mutex // guards what follows, and every long
	size    int
	used    int // by all but over
	over    *long
	most    int              // that was ever used, over included
	refused int              // messages for which no room was made in time
	turns   int              // given so far
	holding map[string]*long // by device: those that have taken something
	queue   []*long          // who waits, by turn
}

// long is one long message.
type long struct {
	device string
	turn   int           // in the order of coming; it keeps its turn while it grows
	taken  int           // bytes
	wanted int           // bytes more that it waits for
	free   chan struct{} // closed when it may take them
}

func newIncoming(size int) *incoming { return &incoming{size: size, holding: map[string]*long{}} }

// enter waits until a message may take so many bytes more; false if it is late, or gone was closed, before.
func (n *incoming) enter(l *long, bytes int, gone <-chan struct{}, late <-chan time.Time) bool {
	n.mu.Lock()
	if l.turn == 0 {
		n.turns++
		l.turn = n.turns
	}
	l.wanted, l.free = bytes, make(chan struct{})
	at, _ := slices.BinarySearchFunc(n.queue, l.turn, func(w *long, turn int) int { return cmp.Compare(w.turn, turn) })
	n.queue = slices.Insert(n.queue, at, l)
	n.admit()
	n.mu.Unlock()
	refused := 0
	select {
	case <-l.free:
		return true
	case <-gone:
	case <-late:
		refused = 1
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.wanted == 0 { // let through at the last moment: it leaves as every other one does
		return true
	}
	n.queue = slices.DeleteFunc(n.queue, func(w *long) bool { return w == l })
	n.refused += refused
	n.admit()
	return false
}

// leave gives back what a message took.
func (n *incoming) leave(l *long) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l == n.over {
		n.over = nil
	} else {
		n.used -= l.taken
	}
	if n.holding[l.device] == l {
		delete(n.holding, l.device)
	}
	n.admit()
}

// admit lets in who waits, in order.
func (n *incoming) admit() {
	for i := n.next(); i >= 0; i = n.next() {
		l := n.queue[i]
		if l != n.over {
			n.used += l.wanted
		}
		l.taken, l.wanted = l.taken+l.wanted, 0
		n.holding[l.device] = l
		n.most = max(n.most, n.taken())
		n.queue = slices.Delete(n.queue, i, i+1)
		close(l.free)
	}
}

// next finds the one that may be let in. Who waits for another message of its device, or until it may be the one that is
// counted apart, keeps nobody behind it from what there is for all.
func (n *incoming) next() int {
	full := false
	return slices.IndexFunc(n.queue, func(l *long) bool {
		if other := n.holding[l.device]; other != nil && other != l {
			return false
		}
		large := l.taken+l.wanted > n.size/16
		switch {
		case l == n.over, large && n.used+l.wanted <= n.size/4, !large && !full && n.used+l.wanted <= n.size:
			return true
		case n.over == nil:
			n.over = l
			n.used -= l.taken
			return true
		}
		full = full || !large
		return false
	})
}

// taken is what all of them take.
func (n *incoming) taken() int {
	if n.over == nil {
		return n.used
	}
	return n.used + n.over.taken
}

// makeRoom makes room for a message that is about to take so many bytes of memory. It may wait, no longer than what has come
// of the message may take to come, and tells how long it did; not ok means that no room was made.
func (c *conn) makeRoom(has, bytes int) (waited time.Duration, ok bool) {
	if bytes <= helloFrame {
		return 0, true
	}
	if c.long == nil {
		c.mu.Lock()
		c.long = &long{device: c.who.Device}
		c.mu.Unlock()
	}
	late := time.NewTimer(c.g.opts.Deadlines.Write + longer(has))
	defer late.Stop()
	began := c.g.opts.Now()
	ok = c.g.incoming.enter(c.long, bytes-c.long.taken, c.written, late.C)
	return c.g.opts.Now().Sub(began), ok
}

// letGo gives back what the message just read took: at once, or when the changesets of it that are in memory are judged.
func (c *conn) letGo() {
	if c.long == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owed = c.long; !c.committing {
		c.repay()
	}
	c.long = nil
}

// repay gives back what was owed until changesets were judged. It needs mu.
func (c *conn) repay() {
	if c.owed != nil {
		c.g.incoming.leave(c.owed)
		c.owed = nil
	}
}

// Incoming is what devices' long messages take: how many wait for room, the bytes that they take now and took at most, and
// how many were refused because no room was made for them.
type Incoming struct{ Waiting, Used, Most, Refused int }

// Incoming tells how it is now.
func (g *Gateway) Incoming() Incoming {
	n := g.incoming
	n.mu.Lock()
	defer n.mu.Unlock()
	return Incoming{len(n.queue), n.taken(), n.most, n.refused}
}
