package simtest

import (
	"errors"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

var errCutOff = errors.New("cut")

// mixedLink is one conversation of a mixed world, with the messages on their way.
type mixedLink struct {
	m        *mixed
	p        *phoneOf
	dev      *session.Device
	cen      *session.Centre
	up, down []session.Message
	cut      int
	drained  bool
	err      error // why it ended, nil if it came to its end
	gone     bool  // in a way that may happen
}

// dial opens a connection.
func (m *mixed) dial(p *phoneOf, cut int) *mixedLink {
	c := &mixedLink{m: m, p: p, cut: cut, cen: session.NewCentre(se.DefaultLimits, m.now)}
	c.cen.Portion(400, se.Pages{Items: 3, Frame: 300})
	var side session.Replica = &end{dev: p.dev, schema: m.versions[p.version], clock: func() replica.Clock { return m.clock(p) }}
	if s, ok := p.dev.(Speaker); ok {
		side = s.Session(func() replica.Clock { return m.clock(p) })
	}
	c.dev = session.NewDevice(side)
	dead, err := m.run(p, func() error {
		hello, err := c.dev.Start("", "simtest")
		if err == nil {
			c.up = []session.Message{hello}
		}
		return err
	})
	c.ends(dead, err)
	return c
}

// ends notes how a step of the device's went.
func (c *mixedLink) ends(dead bool, err error) {
	var closed *session.Closed
	switch {
	case dead, errors.Is(err, errDisk):
		c.gone = true
	case errors.As(err, &closed) && c.m.trouble.on && closed.Code.Retry() && closed.Text != brokenText:
		c.gone = true
		c.m.counts["closed "+string(closed.Code)]++
	case err != nil:
		c.err = err
	}
}

func (c *mixedLink) over() bool { return c.gone || c.err != nil || len(c.up)+len(c.down) == 0 }

// talk delivers one message of one of the connections; false if there is none.
func (m *mixed) talk(links []*mixedLink) bool {
	links = slices.DeleteFunc(slices.Clone(links), func(c *mixedLink) bool { return c.over() })
	if len(links) == 0 || m.finding != "" {
		return false
	}
	c := links[m.trouble.pick(len(links))]
	if len(c.down) > 0 && (len(c.up) == 0 || m.trouble.pick(2) == 0) {
		msg := c.down[0]
		if !m.trouble.twice() {
			c.down = c.down[1:]
		}
		c.takes(msg)
		return true
	}
	msg := c.up[0]
	if !m.trouble.twice() {
		c.up = c.up[1:]
	}
	if err := m.served(func() error { return c.do(c.cen.Receive(msg, m.now)) }); err != nil {
		if !errors.Is(err, errStopped) {
			c.ends(false, err)
			return true
		}
		for _, x := range links { // all its connections are gone
			x.gone = true
		}
	}
	return true
}

func (c *mixedLink) do(effects []session.Effect) error {
	for _, e := range effects {
		var err error
		switch e := e.(type) {
		case *session.Send:
			c.down = append(c.down, e.Message)
		case *session.Open:
			var w *se.Welcome
			if err = c.m.store.View(func(tx se.ReadTx) (err error) { w, err = c.m.engine.Welcome(tx, e.Hello, c.m.now); return err }); err == nil {
				err = c.do(c.cen.Opened(w, "", "", c.m.now))
			}
		case *session.Submit:
			err = c.submit(e)
		case *session.Read:
			var part *se.Part
			if err = c.m.store.View(func(tx se.ReadTx) (err error) { part, err = c.m.engine.Next(tx, e.Request); return err }); err == nil {
				err = c.do(c.cen.Advanced(part, c.m.now))
			}
		case *session.Close:
			err = &session.Closed{Code: e.Code, Text: e.Text}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *mixedLink) submit(e *session.Submit) error {
	var subs []se.Submission
	for _, cs := range e.Changesets {
		subs = append(subs, se.Submission{Changeset: cs, Contact: e.Contact, Now: c.m.now})
	}
	var verdicts []se.Verdict
	code := session.NoticeCode("")
	for _, r := range c.m.engine.Commit(c.m.store, subs) {
		switch {
		case r.Err == nil:
			verdicts = append(verdicts, r.Verdict)
			continue
		case errors.Is(r.Err, se.ErrGap) && c.m.trouble.on:
			code = session.NoticeGap
		case errors.Is(r.Err, se.ErrUnavailable) && c.m.trouble.on:
			code = session.NoticeStopping
		default:
			return r.Err
		}
		break
	}
	return c.do(c.cen.Committed(len(subs), verdicts, code, "", c.m.now))
}

// takes gives the device a message.
func (c *mixedLink) takes(msg session.Message) {
	switch x := msg.(type) {
	case *session.Welcome:
		c.drained = x.Drain
		if version := c.m.versions[c.p.version].Version; x.Drain != (version < c.p.principal.Minimum.Schema && x.Time >= c.p.principal.Minimum.From) {
			c.m.bad("%s of version %d may only drain: %v; the minimum is %+v", c.p.principal.Account, version, x.Drain, c.p.principal.Minimum)
		}
	case *session.Delta, *session.Inbox:
		if c.drained {
			c.m.bad("%s is below the minimum and gets rows", c.p.principal.Account)
		}
		if d, ok := msg.(*session.Delta); ok && d.Reset && d.Done {
			c.m.counts["snapshot for version "+string(rune('0'+c.p.version))]++
		}
	case *session.Notice:
		c.m.counts["notice "+string(x.Code)]++
	}
	if c.cut > 0 {
		if c.cut--; c.cut == 0 {
			c.err = errCutOff
			return
		}
	}
	var out []session.Message
	dead, err := c.m.run(c.p, func() (err error) { out, err = c.dev.Receive(msg); return err })
	c.ends(dead, err)
	c.up = append(c.up, out...)
	if w, ok := msg.(*session.Welcome); ok { // what ended in the middle of it may have heard it
		c.p.outdated = w.Drain || c.p.outdated && (dead || err != nil)
	}
}

// Upgrade opens the replica with newer declarations, as an updated app does. What is new stands at the end.
func (m *MemDevice) Upgrade(s *schema.Schema, clock replica.Clock) error {
	return m.Update(func(tx replica.Tx) error {
		old, rows, under, lost, version := m.schema, m.rows, m.under, m.lost, m.ctl.Schema
		m.save(func() { m.schema, m.rows, m.under, m.lost, m.ctl.Schema = old, rows, under, lost, version })
		m.schema, m.rows, m.under = s, widened(s, rows), widened(s, under)
		m.lost = slices.Clone(lost)
		for i := range m.lost {
			l := &m.lost[i]
			l.Image = widened(s, map[replica.RowKey]replica.Image{l.RowKey: l.Image})[l.RowKey]
		}
		m.ctl.Schema = s.Version
		if _, err := replica.Seal(tx, s, clock, true); err != nil {
			return err
		}
		var added []string
		for _, t := range s.Tables {
			for _, c := range t.Cells {
				if o := old.Table(t.Name); o == nil || o.Cell(c.Name) == nil {
					added = append(added, t.Name+"."+c.Name)
				}
			}
		}
		return replica.Adopt(tx, s, added)
	})
}

func widened(s *schema.Schema, rows map[replica.RowKey]replica.Image) map[replica.RowKey]replica.Image {
	out := map[replica.RowKey]replica.Image{}
	for k, row := range rows {
		if row != nil {
			wide := newImage(s.Table(k.Table))
			copy(wide, row)
			row = wide
		}
		out[k] = row
	}
	return out
}

// held is what the oracle asks of a replica.
type held struct {
	ctl                                     replica.Control
	outbox, pending, captured, staged, kept int
}

func (p *phoneOf) state() (st held) {
	_ = p.dev.View(func(tx replica.Tx) error {
		st.ctl, _ = tx.Control()
		outbox, _ := tx.Outbox(0, 1<<30)
		pending, _ := tx.PendingUpTo(1, 1<<60)
		captured, _ := tx.Captured()
		staged, _ := tx.Staged()
		kept, _ := tx.KeptRows()
		st.outbox, st.pending, st.captured, st.staged, st.kept = len(outbox), len(pending), len(captured), len(staged), len(kept)
		return nil
	})
	return st
}

// holds lists the rows of a record type that programs see.
func (p *phoneOf) holds(t *schema.Table) (ids []se.RowID) {
	_ = p.dev.View(func(tx replica.Tx) (err error) { ids, err = tx.RowIDs(t); return err })
	return ids
}

// whole puts together the centre's row as the replica of an older version has it: what it knows, and what it keeps; and
// whether it keeps anything.
func (p *phoneOf) whole(t *schema.Table, own *schema.Schema, k replica.RowKey) (out replica.Image, keeps bool) {
	_ = p.dev.View(func(tx replica.Tx) error {
		mine := own.Table(k.Table)
		kept, _ := tx.Kept(k)
		keeps = len(kept) > 0
		var row replica.Image
		if mine != nil {
			under, ok, _ := tx.Under(mine, k.Row)
			if row = under; !ok {
				row, _ = tx.Row(mine, k.Row)
			}
		}
		if mine == nil && !keeps || mine != nil && row == nil {
			return nil
		}
		out = newImage(t)
		for i, def := range t.Cells {
			if mine != nil && mine.Cell(def.Name) != nil {
				out[i] = slices.Clone(row[mine.CellIndex(def.Name)])
				continue
			}
			for _, c := range kept {
				if c.Cell == def.Name {
					out[i] = slices.Clone(c.Values)
				}
			}
		}
		return nil
	})
	return out, keeps
}
