package simtest

import (
	"errors"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// opened asks the engine for the Welcome, which may write; dead says that the centre's process ended inside.
func (o *office) opened(e *session.Open) (w *se.Welcome, dead bool, err error) {
	dead = o.process(func() { w, err = o.w.engine.Open(o.w.store, e.Hello, o.w.now) })
	return w, dead, err
}

// tell records what a device answered about grants that ended.
func (o *office) tell(c *conn, e *session.Tell) {
	var at int64
	var err error
	if o.process(func() { at, err = o.w.engine.Record(o.w.store, e.Tell, o.w.now) }) {
		return
	}
	code := session.NoticeCode("")
	switch {
	case errors.Is(err, errDisk):
		code = session.NoticeStopping
	case err != nil:
		o.w.oracle.bad("centre", "record of %s: %v", c.n.id, err)
		return
	}
	if e.Tell.Purged && err == nil {
		o.w.oracle.receipts(c.n)
	}
	if err == nil {
		o.w.oracle.tells(c.n, e.Tell)
	}
	o.do(c, c.cen.Recorded(e.Tell, at, code, "simtest", o.w.now))
}

// process does something in the centre's process; dead says that it ended inside.
func (o *office) process(fn func()) (dead bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crashed); !ok {
				panic(r)
			}
			dead = true
			o.crash()
		}
	}()
	fn()
	return false
}
