package simtest

import (
	"errors"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// office is the centre's process: its connections, its one writer with group commit, its doorbell.
type office struct {
	w       *World
	conns   []*conn
	queue   []submission
	writing bool // a group will be committed
	arm     *arm
	down    bool
	stuck   *node // its changesets wait, for the probe that downloads do not
	held    []submission
	life    int // counts crashes

	snapshots *snapshots
	turns     turns
	retention *retention
	memo      *se.DigestMemo
}

func newOffice(w *World) *office {
	o := &office{w: w, turns: turns{w: w}, snapshots: newSnapshots(w), memo: se.NewDigestMemo(4)}
	w.store.SetHook(o.committing)
	return o
}

func (o *office) committing() error {
	a := o.arm
	if a == nil {
		return nil
	}
	if a.after--; a.after > 0 {
		return nil
	}
	switch a.kind {
	case failCommit:
		// Several in a row, so that a group is halved down to one that fails alone.
		if a.after <= -1 || o.w.chance(2) {
			o.arm = nil
		}
		o.w.count("centre commit failed")
		return errDisk
	case crashBefore:
		o.arm = nil
		o.w.count("centre crashed before a commit")
		panic(crashed{"centre"})
	}
	return nil
}

// accept opens the centre's end of a connection.
func (o *office) accept(c *conn) *session.Centre {
	o.conns = append(o.conns, c)
	cen := session.NewCentre(o.w.engine.Limits(), o.w.now)
	if o.w.tiny {
		cen.Portion(int(o.w.between(100, 4000)), se.Pages{Items: int(o.w.between(1, 9)), Frame: int(o.w.between(80, 900))})
	}
	if o.down {
		c.cenOpen = false
		o.w.after(500, func() {
			if c.devOpen {
				c.n.drop(c)
			}
		})
	}
	o.tick(c)
	return cen
}

func (o *office) tick(c *conn) {
	o.w.after(20_000, func() {
		if c.cenOpen {
			o.do(c, c.cen.Tick(o.w.now))
			o.tick(c)
		}
	})
}

// gone forgets a connection.
func (o *office) gone(c *conn) {
	for i, x := range o.conns {
		if x == c {
			o.conns = append(o.conns[:i:i], o.conns[i+1:]...)
			return
		}
	}
}

// hear takes a message of a device.
func (o *office) hear(c *conn, m session.Message) {
	o.w.trace("up", int64(c.n.i), kindOf(m))
	o.do(c, c.cen.Receive(m, o.w.now))
}

// do carries out what the centre's end of a session asks for.
func (o *office) do(c *conn, effects []session.Effect) {
	defer o.due(c)
	for _, e := range effects {
		if !c.cenOpen {
			return
		}
		switch e := e.(type) {
		case *session.Send:
			o.send(c, e.Message)
		case *session.Open:
			o.soon(c, func() { o.open(c, e) })
		case *session.Tell:
			o.soon(c, func() { o.tell(c, e) })
		case *session.Read:
			o.soon(c, func() { o.turns.wait(o, c, e, func() { o.read(c, e) }) })
		case *session.Submit:
			o.submit(c, e)
		case *session.Verify:
			o.soon(c, func() { o.verify(c, e) })
		case *session.Report:
			if e.Report.Stopped {
				o.w.count("the centre heard of many repairs")
			}
		case *session.Close:
			c.cenOpen = false
			o.gone(c)
			o.w.after(max(0, c.downAt-o.w.now)+1, func() {
				if c.devOpen {
					c.n.drop(c)
				}
			})
		}
	}
}

// due ticks when the first of the person's grants ends.
func (o *office) due(c *conn) {
	at := c.cen.Due()
	if at == 0 || at == c.due || !c.cenOpen {
		return
	}
	c.due = at
	o.w.after(at-o.w.now, func() {
		if c.cenOpen {
			o.do(c, c.cen.Tick(o.w.now))
		}
	})
}

func (o *office) soon(c *conn, fn func()) {
	o.w.after(o.w.between(1, 15), func() {
		if c.cenOpen {
			fn()
		}
	})
}

func (o *office) send(c *conn, m session.Message) {
	if v, ok := m.(*session.Verdicts); ok {
		for i := range v.Verdicts {
			o.w.oracle.leaves(c.n.id, &v.Verdicts[i])
		}
	}
	if d, ok := m.(*session.Delta); ok {
		o.w.oracle.sends(c.n, &d.Delta)
	}
	if in, ok := m.(*session.Inbox); ok {
		o.w.oracle.hearsWhy(c.n, in)
	}
	c.sendDown(o.snapshots.damage(m))
}

func (o *office) open(c *conn, e *session.Open) {
	welcome, dead, err := o.opened(e)
	if welcome != nil && !dead {
		o.retention.welcomed(&e.Hello, welcome)
	}
	var retire *se.Retire
	code := session.NoticeCode("")
	switch {
	case dead:
		return
	case errors.As(err, &retire):
		o.do(c, c.cen.Retired(*retire, o.w.now))
		return
	case errors.Is(err, errDisk):
		code = session.NoticeStopping
	case errors.Is(err, se.ErrRevoked):
		code = session.NoticeRevoked
	case err != nil:
		code = session.NoticeInternal
	case welcome.Reset && e.Hello.View != "":
		o.w.count("view reset")
	}
	if welcome != nil {
		o.w.oracle.welcomes(c.n, welcome)
	}
	if welcome != nil && len(e.Hello.Staged) > 0 && e.Hello.StagedFor(welcome) {
		o.w.count("staged step resumed after a cut")
	}
	o.do(c, c.cen.Opened(welcome, code, "simtest", o.w.now))
}

func (o *office) read(c *conn, e *session.Read) {
	part, err := o.snapshots.next(e.Request)
	if err != nil {
		o.w.oracle.bad("centre", "next for %s: %v", c.n.id, err)
		return
	}
	if n := len(part.Frames); n == 0 {
		o.w.count("staged too early, begun anew")
	} else if !part.Frames[n-1].Done {
		o.w.count("step takes several parts")
	} else if len(e.Request.Staged) > 0 {
		o.w.count("step over several heads or parts ended")
	}
	o.w.oracle.reasons.now = e.Request.Now
	o.do(c, c.cen.Advanced(part, o.w.now))
}

func (o *office) submit(c *conn, e *session.Submit) {
	b := &batch{left: len(e.Changesets)}
	life := o.life
	b.answer = func(results []se.Result) {
		if c.cenOpen && life == o.life {
			o.answer(c, results)
		}
	}
	for _, cs := range e.Changesets {
		o.put(submission{se.Submission{Changeset: cs, Contact: e.Contact, Now: o.w.now}, b}, c.n)
	}
}

// put hands a changeset to the writer.
func (o *office) put(s submission, n *node) {
	if o.stuck != nil && o.stuck == n {
		o.held = append(o.held, s)
		return
	}
	o.queue = append(o.queue, s)
	o.write()
}

func (o *office) write() {
	if !o.writing && len(o.queue) > 0 {
		o.writing = true
		life := o.life
		o.w.after(o.w.between(1, 40), func() {
			if life == o.life {
				o.commit()
			}
		})
	}
}

// commit judges a group in one transaction and only then answers.
func (o *office) commit() {
	o.writing = false
	n := min(len(o.queue), int(o.w.between(1, 12)))
	group := o.queue[:n:n]
	o.queue = o.queue[n:]
	subs := make([]se.Submission, n)
	for i := range group {
		subs[i] = group[i].sub
	}
	if n > 1 {
		o.w.count("group of several changesets")
	}
	head := o.w.oracle.head.Seq
	clear(o.w.oracle.offered)
	for i := range subs {
		id := subs[n-1-i].Changeset.ID()
		o.w.oracle.offered[id] = append(o.w.oracle.offered[id], subs[n-1-i])
		if !o.w.oracle.hasVerdict(id.Device, id.N) {
			o.w.oracle.arrived[id] = subs[n-1-i].Now
		}
	}
	results, dead := o.engine(subs)
	for _, s := range subs {
		if n > 1 && !dead && o.w.store.poison[s.Changeset.ID()] {
			o.w.count("group halved and committed")
		}
	}
	if !dead && o.arm != nil && o.arm.kind == crashAfter {
		if o.arm.after--; o.arm.after <= 0 {
			o.arm = nil
			o.w.count("centre crashed after a commit, before the answer")
			dead = true
		}
	}
	if dead {
		o.crash()
		return
	}
	for i := range group {
		group[i].from.add(results[i])
	}
	if o.w.oracle.head.Seq != head {
		o.ring()
	}
	o.write()
}

// engine commits; dead says that the process ended inside.
func (o *office) engine(subs []se.Submission) (results []se.Result, dead bool) {
	dead, _ = o.guarded(func() error {
		results = o.w.engine.Commit(o.w.store, subs)
		return nil
	})
	if !dead && len(results) != len(subs) {
		o.w.oracle.bad("P7", "%d changesets were judged, with %d results", len(subs), len(results))
		return nil, true
	}
	return results, dead
}

// guarded runs something that commits; dead says that the process ended inside.
func (o *office) guarded(fn func() error) (dead bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crashed); !ok {
				panic(r)
			}
			dead = true
		}
	}()
	return false, fn()
}

// answer sends verdicts up to the first changeset that could not be judged.
func (o *office) answer(c *conn, results []se.Result) {
	var verdicts []se.Verdict
	code := session.NoticeCode("")
	for _, r := range results {
		if r.Err == nil && code == "" {
			verdicts = append(verdicts, r.Verdict)
			continue
		}
		switch {
		case code != "" || r.Err == nil:
		case errors.Is(r.Err, se.ErrGap):
			code = session.NoticeGap
		case errors.Is(r.Err, se.ErrClone):
			code = session.NoticeClone
		case errors.Is(r.Err, se.ErrRevoked):
			code = session.NoticeRevoked
		case errors.Is(r.Err, se.ErrQuota):
			code = session.NoticeQuota
		default:
			o.w.count("group failed to its last member")
			code = session.NoticeStopping
		}
	}
	o.do(c, c.cen.Committed(len(results), verdicts, code, "simtest", o.w.now))
}

// ring tells every connection that the county may have moved.
func (o *office) ring() {
	for _, c := range o.conns {
		o.w.after(o.w.between(1, 60), func() {
			if c.cenOpen {
				o.do(c, c.cen.Bell(o.w.now))
			}
		})
	}
}

// crash ends the centre's process; it is back after a while.
func (o *office) crash() {
	w := o.w
	w.trace("centre crash")
	w.faults++
	o.life++
	o.queue, o.held, o.writing, o.down = nil, nil, false, true
	o.memo = se.NewDigestMemo(4)
	w.store.Crash()
	o.snapshots.renew()
	clear(o.retention.heard)
	w.oracle.survived()
	for _, c := range o.conns {
		c.cenOpen, c.lost = false, true
		w.after(w.between(1, 5000), func() {
			if c.devOpen {
				c.n.drop(c)
			}
		})
	}
	o.conns = nil
	w.after(w.between(10, 2000), func() { o.down = false })
}
