package device_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// county is a centre in this process: the real engine over a store in memory, the real session, no socket.
type county struct {
	schema *schema.Schema
	store  *memstore.Store
	engine *se.Engine

	mu    sync.Mutex
	now   int64
	bells map[chan struct{}]bool
	cut   func(m session.Message) bool // true ends the connection instead of handing over a message of the device
	dials int
	down  error

	reports []se.CheckReport // how checks ended, as the centre heard
}

func newCounty(t testing.TB) *county {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	c := &county{schema: s, store: memstore.New(s), engine: se.New(s, se.DefaultLimits), now: 1_790_000_000_000, bells: map[chan struct{}]bool{}}
	const console = "00000000-0000-7000-8000-0000000000c0"
	c.join(console, "acc-console", "supervisor")
	c.commit(t, &se.Changeset{Device: console, N: 1, HLC: 1, Wall: c.now, Schema: s.Version, Author: "acc-console", Changes: []se.Change{{
		Table: "building", Row: building, Op: se.OpInsert, Cells: []se.CellWrite{
			{Cell: "scope", Values: []schema.Value{schema.Text(grid)}}, {Cell: "no", Values: []schema.Value{schema.Text("1")}},
		},
	}}})
	return c
}

const building = "00000000-0000-7000-8000-0000000000b1"

// commit puts a changeset in past all devices; it must be accepted.
func (c *county) commit(t testing.TB, cs *se.Changeset) {
	t.Helper()
	res := c.engine.Commit(c.store, []se.Submission{{Changeset: cs, Now: c.tick()}})
	require.NoError(t, res[0].Err)
	require.Equal(t, se.Accepted, res[0].Verdict.Kind, "%+v", res[0].Verdict.Reason)
}

// join makes a device of the county with a role in the grid.
func (c *county) join(deviceID, account, role string) {
	c.store.SetPrincipal(deviceID, &se.Principal{Account: account, Device: deviceID, Grants: []se.Grant{{Scope: grid, Role: role}}})
}

// device makes a replica that belongs to the county.
func (c *county) device(t testing.TB, path, id string) *device.Replica {
	t.Helper()
	r, err := device.Create(path, device.Options{Clock: &hand{}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	require.NoError(t, r.Identify(bg, device.Identity{Device: id, Account: "acc-" + id}))
	c.join(id, "acc-"+id, "grid_worker")
	return r
}

func (c *county) tick() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	return c.now
}

// Dial implements device.Remote.
func (c *county) Dial(context.Context) (device.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dials++
	if c.down != nil {
		return nil, c.down
	}
	p := &pipe{county: c, up: make(chan session.Message), down: make(chan session.Message), bell: make(chan struct{}, 1), over: make(chan struct{})}
	c.bells[p.bell] = true
	go p.serve()
	return p, nil
}

// cutting ends connections where fn says so; nil for never.
func (c *county) cutting(fn func(m session.Message) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = fn
}

func (c *county) ring() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for b := range c.bells {
		select {
		case b <- struct{}{}:
		default:
		}
	}
}

// pipe is one connection; its serve drives the centre's end as server/gateway does it.
type pipe struct {
	county   *county
	up, down chan session.Message
	bell     chan struct{}
	over     chan struct{}
	once     sync.Once
}

func (p *pipe) Send(m session.Message) error {
	select {
	case p.up <- m:
		return nil
	case <-p.over:
		return io.ErrClosedPipe
	}
}

func (p *pipe) Receive() (session.Message, error) {
	select {
	case m := <-p.down:
		return m, nil
	case <-p.over:
		return nil, io.EOF
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.over) })
	return nil
}

// told gives what devices reported. It waits until all connections have ended: a device does not wait for its report to
// be read.
func (c *county) told(t testing.TB) []se.CheckReport {
	t.Helper()
	var out []se.CheckReport
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		out = slices.Clone(c.reports)
		return len(c.bells) == 0
	}, time.Minute, time.Millisecond)
	return out
}

func (p *pipe) serve() {
	c := p.county
	defer func() {
		c.mu.Lock()
		delete(c.bells, p.bell)
		c.mu.Unlock()
		_ = p.Close()
	}()
	end := session.NewCentre(se.DefaultLimits, c.tick())
	for {
		var effects []session.Effect
		select {
		case m := <-p.up:
			c.mu.Lock()
			cut := c.cut != nil && c.cut(m)
			c.mu.Unlock()
			if cut {
				return
			}
			effects = end.Receive(m, c.tick())
		case <-p.bell:
			effects = end.Bell(c.tick())
		case <-p.over:
			return
		}
		if !p.perform(end, effects) {
			return
		}
	}
}

func (p *pipe) perform(end *session.Centre, effects []session.Effect) bool {
	c := p.county
	for len(effects) > 0 {
		e := effects[0]
		effects = effects[1:]
		var more []session.Effect
		switch e := e.(type) {
		case *session.Send:
			select {
			case p.down <- e.Message:
			case <-p.over:
				return false
			}
		case *session.Open:
			w, err := c.engine.Open(c.store, e.Hello, c.tick())
			var retire *se.Retire
			switch {
			case errors.As(err, &retire):
				more = end.Retired(*retire, c.tick())
			case err == nil:
				more = end.Opened(w, "", "", c.tick())
			case errors.Is(err, se.ErrRevoked):
				more = end.Opened(nil, session.NoticeRevoked, err.Error(), c.tick())
			default:
				more = end.Opened(nil, session.NoticeUnauthorised, err.Error(), c.tick())
			}
		case *session.Tell:
			at, err := c.engine.Record(c.store, e.Tell, c.tick())
			if err != nil {
				return false
			}
			more = end.Recorded(e.Tell, at, "", "", c.tick())
		case *session.Submit:
			var subs []se.Submission
			for _, cs := range e.Changesets {
				subs = append(subs, se.Submission{Changeset: cs, Contact: e.Contact, Now: c.tick()})
			}
			var verdicts []se.Verdict
			var code session.NoticeCode
			for _, r := range c.engine.Commit(c.store, subs) {
				switch {
				case r.Err == nil:
					verdicts = append(verdicts, r.Verdict)
				case errors.Is(r.Err, se.ErrGap):
					code = session.NoticeGap
				case errors.Is(r.Err, se.ErrClone):
					code = session.NoticeClone
				default:
					code = session.NoticeInternal
				}
			}
			c.ring()
			more = end.Committed(len(subs), verdicts, code, string(code), c.tick())
		case *session.Read:
			var part *se.Part
			if err := c.store.View(func(tx se.ReadTx) (err error) { part, err = c.engine.Next(tx, e.Request); return err }); err != nil {
				part = nil
			}
			more = end.Advanced(part, c.tick())
		case *session.Verify:
			var list []se.Repair
			if err := c.store.View(func(tx se.ReadTx) (err error) { list, err = c.engine.Check(tx, nil, e.Request); return err }); err != nil {
				list = nil
			}
			more = end.Verified(list)
		case *session.Report:
			c.mu.Lock()
			c.reports = append(c.reports, e.Report)
			c.mu.Unlock()
		case *session.Close:
			return false
		}
		effects = append(effects, more...)
	}
	return true
}
