package memstore

import (
	"slices"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// The functions of this file give copies that share no memory with what they copy, and nil for nil.

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

func copyPrincipal(p *syncengine.Principal) *syncengine.Principal {
	c := copyOf(p)
	if c != nil {
		c.Grants = copyGrants(p.Grants)
	}
	return c
}

func copyGrants(list []syncengine.Grant) []syncengine.Grant {
	list = slices.Clone(list)
	for i := range list {
		list[i].Doors = slices.Clone(list[i].Doors)
	}
	return list
}

func copyTold(p *syncengine.Told) *syncengine.Told {
	c := copyOf(p)
	if c != nil {
		c.Shown, c.Lost = copyGrants(p.Shown), slices.Clone(p.Lost)
		for i := range c.Lost {
			c.Lost[i].Grant.Doors = slices.Clone(c.Lost[i].Grant.Doors)
		}
	}
	return c
}

func copyDead(d *syncengine.Dead) *syncengine.Dead {
	c := copyOf(d)
	if c != nil {
		c.Row = syncengine.CopyRow(d.Row)
		c.By.Values = slices.Clone(d.By.Values)
	}
	return c
}

func copyVerdict(v *syncengine.Verdict) *syncengine.Verdict {
	c := copyOf(v)
	if c != nil {
		c.Conflicts = slices.Clone(v.Conflicts)
		c.Reason = copyReason(v.Reason)
	}
	return c
}

func copyReason(r *syncengine.Reason) *syncengine.Reason {
	c := copyOf(r)
	if c != nil {
		c.Current = slices.Clone(r.Current)
	}
	return c
}

func copyQuarantined(q *syncengine.Quarantined) *syncengine.Quarantined {
	c := copyOf(q)
	if c != nil {
		c.Changeset = copyChangeset(q.Changeset)
		c.Verdict = *copyVerdict(&q.Verdict)
		c.Present = copyReason(q.Present)
		c.Overtaken = slices.Clone(q.Overtaken)
		for i := range c.Overtaken {
			c.Overtaken[i].Elements = slices.Clone(c.Overtaken[i].Elements)
		}
	}
	return c
}

func copyChangeset(cs *syncengine.Changeset) *syncengine.Changeset {
	c := copyOf(cs)
	if c == nil {
		return nil
	}
	c.Changes = slices.Clone(cs.Changes)
	for i := range c.Changes {
		ch := &c.Changes[i]
		ch.Cells = copyWrites(ch.Cells)
		ch.Decide = copyOf(ch.Decide)
		if ch.Decide != nil {
			ch.Decide.Shown = slices.Clone(ch.Decide.Shown)
			ch.Decide.Values = slices.Clone(ch.Decide.Values)
			ch.Decide.Retired = slices.Clone(ch.Decide.Retired)
			ch.Decide.Picks = slices.Clone(ch.Decide.Picks)
		}
	}
	return c
}

func copyWrites(ws []syncengine.CellWrite) []syncengine.CellWrite {
	c := slices.Clone(ws)
	for i := range c {
		c[i].Values = slices.Clone(c[i].Values)
		c[i].In = slices.Clone(c[i].In)
		c[i].Out = slices.Clone(c[i].Out)
	}
	return c
}

func copyConflict(k *syncengine.Conflict) *syncengine.Conflict {
	c := copyOf(k)
	if c != nil {
		c.Candidates = slices.Clone(k.Candidates)
		c.Told = slices.Clone(k.Told)
		for i := range c.Candidates {
			c.Candidates[i].Cell = copyWrites([]syncengine.CellWrite{c.Candidates[i].Cell})[0]
		}
	}
	return c
}

func copyEntry(e *syncengine.Entry) *syncengine.Entry {
	c := copyOf(e)
	if c != nil {
		c.Changeset = copyChangeset(e.Changeset)
		c.Outcomes = slices.Clone(e.Outcomes)
	}
	return c
}

func copyItem(it syncengine.Item) syncengine.Item {
	it.Row = syncengine.CopyRow(it.Row)
	it.Dead = copyDead(it.Dead)
	it.Move = copyOf(it.Move)
	return it
}
