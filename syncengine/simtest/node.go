package simtest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

func stack() string { return string(debug.Stack()) }

// arm is a misfortune waiting for a process's commits.
type arm struct {
	after int // commits to let pass
	kind  string
}

// due tells whether the fault happens at this commit: it is called before each, and after.
func (a *arm) due(after bool) bool {
	if a == nil {
		return false
	}
	if !after {
		a.after--
	}
	return a.after <= 0 && after == (a.kind == crashAfter)
}

// The kinds.
const (
	failCommit   = "fail"   // the commit fails, the process goes on
	crashBefore  = "before" // the process ends just before the commit
	crashAfter   = "after"  // the process ends just after it, before anything else
	neverConnect = int64(1) << 60
)

// node is one phone: a replica, its clock, its connections, and the person's habits.
type node struct {
	w       *World
	i       int
	id      string
	account string
	dev     Device
	end     session.Replica
	ended   func()   // its process did
	takes   []string // encodings that its program unpacks
	clock   clock
	arm     *arm

	principal *se.Principal
	post      []se.Grant // what he is when nothing happens to him
	knows     []se.Grant // what the device knows that he may do, once it met the centre
	met       bool
	contact   []contact // the last Welcome it took; several if it ended while it took one
	shut      bool      // its lease has locked it
	closed    []string  // scopes in which he may not write any more
	taken     []string  // doors, likewise: see replica.Leaving
	old       bool      // its program is from before replicas refused that
	contacts  int       // Welcomes and the like that it took
	left      bool      // nobody works on it any more
	away      bool      // it stays without a network
	over      bool      // revoked, drained, purged, and the centre knows
	online    bool
	awake     bool // work is done on it
	conns     []*conn
	tries     int
	slowUntil int64 // it does not read before
	crashes   int
	poison    bool // its next changeset cannot be stored at the centre
	committed bool // a transaction took effect; see write
	forms     []*form
	ring      *seal.Ring // the keys that its app holds

	putRight   int64                   // rows that its checks repaired or mended, as the world saw it
	rotten     map[replica.RowKey]bool // rows that the fault "bit rot" changed
	wrongState bool                    // it changed a derived state
	equal      bool                    // a check found nothing since
}

func newNode(w *World, i int, id, account string) *node {
	n := &node{w: w, i: i, id: id, account: account, rotten: map[replica.RowKey]bool{}}
	make := w.opts.Device
	if make != nil {
		n.dev = make(w.schema, id, account)
	} else {
		n.dev = NewMemDevice(w.schema, id, account)
	}
	n.clock.bootAt = w.now
	reading := func() replica.Clock { return n.clock.read(w.now) }
	sdk := &end{dev: n.dev, schema: w.schema, clock: reading}
	n.end, n.ended = sdk, sdk.ended
	if s, ok := n.dev.(Speaker); ok {
		n.end = s.Session(reading)
	}
	n.end, n.takes = &watchedEnd{n.end, n}, w.program()
	n.dev.SetHook(n.committing)
	if m, ok := n.dev.(*MemDevice); ok && w.aged.IntN(4) == 0 {
		m.unguarded, n.old = true, true
	}
	return n
}

// committing is the device's hook: the armed misfortune strikes.
func (n *node) committing(after bool) error {
	n.committed = n.committed || after
	a := n.arm
	if a == nil {
		return nil
	}
	if !after {
		a.after--
	}
	if a.after > 0 {
		return nil
	}
	switch {
	case a.kind == failCommit && !after:
		n.arm = nil
		n.w.count("device commit failed")
		return errDisk
	case a.kind == crashBefore && !after, a.kind == crashAfter && after:
		n.arm = nil
		n.w.count("device crashed " + a.kind + " a commit")
		panic(crashed{n.id})
	}
	return nil
}

// touched gives the rows that the last transaction showed anew, or nil if the device cannot tell.
func (n *node) touched() []replica.RowKey {
	if m, ok := n.dev.(interface{ Touched() []replica.RowKey }); ok {
		return m.Touched()
	}
	return slices.Clone(n.w.oracle.model.order)
}

// run does something on the device. If the process ends meanwhile, dead is true and the device is open again.
func (n *node) run(fn func() error) (dead bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crashed); !ok {
				panic(r)
			}
			dead = true
			n.crash()
		}
		n.w.oracle.look(n)
	}()
	return false, fn()
}

// crash ends the process: connections are gone, and the centre does not know yet.
func (n *node) crash() {
	n.w.trace("crash", int64(n.i))
	n.crashes++
	if n.w.chance(2) {
		n.clock.reboot(n.w.now)
	}
	n.dev.Crash(n.clock.read(n.w.now))
	n.ended()
	n.forms = nil
	n.learn()
	for _, c := range n.conns {
		c.leave(true)
	}
	n.conns = nil
	n.later()
}

// later comes back with growing delay.
func (n *node) later() {
	n.tries++
	n.w.after(n.w.between(200, 1000)*int64(min(n.tries, 8)), n.connect)
}

// connect opens a connection if the device wants one and has none.
func (n *node) connect() {
	if !n.online || n.over || n.slowUntil > n.w.now && n.slowUntil == neverConnect {
		return
	}
	for _, c := range n.conns {
		if c.devOpen {
			return
		}
	}
	n.dial()
}

// dial opens a connection, whatever others there are.
func (n *node) dial() {
	n.reinstalled()
	c := newConn(n)
	dead, err := n.run(func() error {
		hello, err := c.dev.Start("", "simtest")
		if err == nil {
			c.sendUp(hello)
		}
		return err
	})
	if dead {
		return
	}
	if err != nil {
		n.failed(err)
		n.later()
		return
	}
	n.conns = append(n.conns, c)
	if len(n.conns) > 1 {
		n.w.count("two sockets of one device")
	}
}

// hear takes a message of the centre.
func (n *node) hear(c *conn, m session.Message) {
	dead, err := n.run(func() error {
		out, err := c.dev.Receive(m)
		for _, x := range out {
			c.sendUp(x)
		}
		return err
	})
	switch {
	case dead:
	case err != nil:
		n.failed(err)
		n.drop(c)
	default:
		n.tries = 0
		n.greeted(m)
	}
}

// failed tells whether an error may happen: a disk that is full, a connection that is over.
func (n *node) failed(err error) {
	var closed *session.Closed
	var foreign *replica.ErrForeignVerdict
	switch {
	case errors.Is(err, errDisk):
	case errors.As(err, &foreign):
		n.w.oracle.bad("P2", "%s: %v", n.id, err)
	case errors.As(err, &closed) && n.retired(closed.Code):
	case errors.As(err, &closed):
		n.w.count("closed " + string(closed.Code))
		if !closed.Code.Retry() || closed.Code == session.NoticeInternal {
			n.w.oracle.bad("liveness", "%s was closed: %v", n.id, err)
		}
		if closed.Text == brokenText && len(n.rotten) > 0 {
			n.w.count("delta did not fit a rotten replica")
		} else if closed.Text == brokenText {
			n.w.oracle.bad("P10", "%s: %v", n.id, err)
		}
	default:
		n.w.oracle.bad("device", "%s: %v", n.id, err)
	}
}

const brokenText = "the delta did not fit this replica; it will ask for a snapshot"

// drop ends a connection on the device's side and comes back.
func (n *node) drop(c *conn) {
	c.leave(false)
	for i, x := range n.conns {
		if x == c {
			n.conns = append(n.conns[:i:i], n.conns[i+1:]...)
			break
		}
	}
	if len(n.conns) == 0 {
		n.later()
	}
}

// offline ends all connections and does not come back by itself.
func (n *node) offline() {
	n.online = false
	for _, c := range n.conns {
		c.leave(n.w.chance(2))
	}
	n.conns = nil
}

// sealed lets connections send what was written.
func (n *node) push() {
	for _, c := range append([]*conn(nil), n.conns...) {
		if !c.devOpen {
			continue
		}
		dead, err := n.run(func() error {
			out, err := c.dev.Sealed()
			for _, x := range out {
				c.sendUp(x)
			}
			return err
		})
		if dead {
			return
		}
		if err != nil {
			n.failed(err)
			n.drop(c)
		}
	}
}

// grant says what the person may do from now on.
func (w *World) grant(n *node, grants []se.Grant) {
	if n.principal == nil && n.post == nil {
		n.post = grants
	}
	n.principal = &se.Principal{Account: n.account, Device: n.id, Grants: grants}
	w.setPrincipal(n.id, n.principal)
}

// setPrincipal notes every view that the grants make, now and when one of them begins or ends.
func (w *World) setPrincipal(id string, p *se.Principal) {
	w.store.SetPrincipal(id, p)
	if p.Revoked {
		return
	}
	times := []int64{w.now}
	for _, g := range p.Grants {
		times = append(times, max(g.To, w.now), max(g.From, w.now))
	}
	_ = w.store.View(func(tx se.ReadTx) error {
		for _, at := range times {
			welcome, err := w.engine.Welcome(tx, se.Hello{Device: id}, at)
			if err != nil {
				panic(fmt.Sprintf("bug: welcome: %v", err))
			}
			w.oracle.views[id][welcome.View] = frozen(p, at)
		}
		return nil
	})
}

// frozen is a principal with what he may do at an instant, for ever.
func frozen(p *se.Principal, at int64) *se.Principal {
	out := &se.Principal{Account: p.Account, Device: p.Device, Console: p.Console}
	for _, g := range activeAt(p.Grants, at) {
		g.From, g.To = 0, 0
		out.Grants = append(out.Grants, g)
	}
	return out
}
