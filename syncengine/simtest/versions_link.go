package simtest

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// mixedLink is one conversation of a mixed world.
type mixedLink struct {
	m       *mixed
	p       *phoneOf
	dev     *session.Device
	cen     *session.Centre
	cut     int
	drained bool
}

func (c *mixedLink) up(msgs ...session.Message) error {
	for _, msg := range msgs {
		if err := c.do(c.cen.Receive(msg, c.m.now)); err != nil {
			return err
		}
	}
	return nil
}

func (c *mixedLink) do(effects []session.Effect) error {
	for _, e := range effects {
		var err error
		switch e := e.(type) {
		case *session.Send:
			err = c.down(e.Message)
		case *session.Open:
			var w *se.Welcome
			if err = c.m.store.View(func(tx se.ReadTx) (err error) { w, err = c.m.engine.Welcome(tx, e.Hello, c.m.now); return err }); err == nil {
				err = c.do(c.cen.Opened(w, "", "", c.m.now))
			}
		case *session.Submit:
			var subs []se.Submission
			for _, cs := range e.Changesets {
				subs = append(subs, se.Submission{Changeset: cs, Contact: e.Contact, Now: c.m.now})
			}
			var verdicts []se.Verdict
			for _, r := range c.m.engine.Commit(c.m.store, subs) {
				if r.Err != nil {
					return r.Err
				}
				verdicts = append(verdicts, r.Verdict)
			}
			err = c.do(c.cen.Committed(len(subs), verdicts, "", "", c.m.now))
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

func (c *mixedLink) down(msg session.Message) error {
	switch x := msg.(type) {
	case *session.Welcome:
		c.drained = x.Drain
		if version := c.m.versions[c.p.version].Version; x.Drain != (version < c.p.principal.Minimum.Schema && c.m.now >= c.p.principal.Minimum.From) {
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
			return errCutOff
		}
	}
	out, err := c.dev.Receive(msg)
	if err != nil {
		return err
	}
	return c.up(out...)
}

// Upgrade opens the replica with newer declarations, as an updated app does. What is new stands at the end.
func (m *MemDevice) Upgrade(s *schema.Schema, clock replica.Clock) error {
	return m.Update(func(tx replica.Tx) error {
		old, rows, under := m.schema, m.rows, m.under
		m.save(func() { m.schema, m.rows, m.under = old, rows, under })
		m.schema, m.rows, m.under = s, widened(s, rows), widened(s, under)
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

// whole puts together the centre's row as the replica of an older version has it: what it knows, and what it keeps.
func (m *MemDevice) whole(t *schema.Table, own *schema.Schema, k replica.RowKey) replica.Image {
	row, ok := m.under[k]
	if !ok {
		row = m.rows[k]
	}
	mine, kept := own.Table(k.Table), m.kept[k]
	if mine == nil && len(kept) == 0 || mine != nil && row == nil {
		return nil
	}
	out := newImage(t)
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
	return out
}
