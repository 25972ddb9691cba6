package simtest

import (
	"math/rand/v2"

	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// turns lets a heavy part wait for its turn now and then: the device is told, and may be cut off meanwhile.
type turns struct {
	w   *World
	rng *rand.Rand
}

// wait gives the part later, if it has to wait.
func (t *turns) wait(o *office, c *conn, e *session.Read, then func()) {
	if t.rng == nil {
		t.rng = t.w.stream("turns")
	}
	if !e.Heavy || t.w.calm || t.rng.IntN(60) != 0 {
		then()
		return
	}
	o.do(c, c.cen.Delayed())
	t.w.after(1+t.rng.Int64N(5000), func() {
		if c.cenOpen {
			t.w.count("heavy part waited for its turn")
			then()
		}
	})
}
