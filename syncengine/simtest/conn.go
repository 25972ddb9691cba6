package simtest

import (
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// conn is one connection: both ends of a session and the messages on their way.
type conn struct {
	w       *World
	n       *node
	no      int64
	dev     *session.Device
	cen     *session.Centre
	devOpen bool
	cenOpen bool
	lost    bool // what is on its way never arrives
	upAt    int64
	downAt  int64
	pace    int64 // greatest delay of a message
	cutIn   int   // messages until it is cut; 0 = it is not
	doubles int   // one message in so many arrives twice; 0 = none
	held    []session.Message
	due     int64
	frames  int // Delta frames on their way or unread
}

func newConn(n *node) *conn {
	w := n.w
	c := &conn{w: w, n: n, devOpen: true, cenOpen: true, dev: session.NewDevice(n.end), pace: w.between(1, 80)}
	c.no = w.events
	c.cen = w.centre.accept(c)
	if !w.calm {
		if w.chance(3) {
			c.cutIn = int(w.between(1, 25))
		}
		if w.chance(4) {
			c.doubles = int(w.between(2, 10))
		}
	}
	w.trace("dial", int64(n.i))
	return c
}

// passes is called for each message: it may be the one at which the connection is cut.
func (c *conn) passes() bool {
	if c.cutIn > 0 && !c.w.calm {
		if c.cutIn--; c.cutIn == 0 {
			c.cut()
			return false
		}
	}
	return true
}

// sendUp puts a message of the device on the connection.
func (c *conn) sendUp(m session.Message) {
	c.travel(&c.upAt, func() {
		if c.cenOpen && !c.lost {
			c.w.centre.hear(c, m)
		}
	})
}

// sendDown puts a message of the centre on the connection.
func (c *conn) sendDown(m session.Message) {
	if _, ok := m.(*session.Delta); ok {
		c.frames++
	}
	c.travel(&c.downAt, func() {
		if !c.devOpen || c.lost {
			return
		}
		if c.n.slowUntil > c.w.now {
			c.held = append(c.held, m)
			return
		}
		c.arrive(m)
	})
}

func (c *conn) arrive(m session.Message) {
	c.w.trace("down", int64(c.n.i), kindOf(m))
	if _, ok := m.(*session.Delta); ok {
		c.frames--
	}
	if len(c.held) == 0 || c.n.slowUntil <= c.w.now {
		c.n.hear(c, m)
	}
}

// travel delivers something after a delay, in order, now and then twice.
func (c *conn) travel(last *int64, deliver func()) {
	if c.lost || !c.passes() {
		return
	}
	times := 1
	if c.doubles > 0 && !c.w.calm && c.w.chance(c.doubles) {
		times = 2
		c.w.faults++
		c.w.count("frame duplicated")
	}
	for range times {
		at := max(c.w.now+c.w.between(1, c.pace), *last)
		*last = at
		c.w.after(at-c.w.now, deliver)
	}
}

// awake delivers what a slow device had not read.
func (c *conn) awake() {
	held := c.held
	c.held = nil
	for _, m := range held {
		if c.devOpen && !c.lost {
			c.arrive(m)
		}
	}
}

// cut ends the connection in the middle: what is on its way is lost, and the ends notice at different times.
func (c *conn) cut() {
	w := c.w
	c.lost = true
	w.faults++
	w.count("connection cut")
	w.trace("cut", int64(c.n.i))
	w.after(w.between(1, 3000), func() {
		if c.devOpen {
			c.n.drop(c)
		}
	})
	w.after(w.between(1, 20_000), c.closeCentre)
}

// leave ends the device's side. The centre notices later; what the device sent may still arrive, long after a new
// connection has begun.
func (c *conn) leave(lose bool) {
	if !c.devOpen {
		return
	}
	c.devOpen = false
	if lose {
		c.lost = true
	}
	c.w.after(c.w.between(1, 10_000), c.closeCentre)
}

func (c *conn) closeCentre() {
	if c.cenOpen {
		c.cenOpen = false
		c.w.centre.gone(c)
	}
}

func kindOf(m session.Message) int64 {
	switch m.(type) {
	case *session.Hello:
		return 1
	case *session.Welcome:
		return 2
	case *session.Push:
		return 3
	case *session.Verdicts:
		return 4
	case *session.Delta:
		return 5
	case *session.Inbox:
		return 6
	case *session.Seen:
		return 7
	case *session.Manifest:
		return 9
	case *session.Check:
		return 12
	case *session.Repair:
		return 13
	}
	return 8
}

// submission is one changeset waiting for the centre's writer.
type submission struct {
	sub  se.Submission
	from *batch
}

// batch is what one message offered.
type batch struct {
	answer  func([]se.Result)
	left    int
	results []se.Result
}

func (b *batch) add(r se.Result) {
	b.results = append(b.results, r)
	if b.left--; b.left == 0 {
		b.answer(b.results)
	}
}
