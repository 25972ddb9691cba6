package syncengine

import (
	"fmt"
	"slices"
)

// rights finds what a changeset is judged by. Its author is told by what he may do now; what he wrote is judged by what
// he could do when he wrote it, as far as his device could know (engine.md §5, Admit).
func (g *ingest) rights(p *Principal) error {
	g.views = g.reads
	for _, x := range p.Grants {
		if !x.Active(g.sub.Now) && x.To != 0 && x.To <= g.sub.Now {
			g.ended = append(g.ended, x)
		}
	}
	told, err := g.tx.Told(g.cs.Device)
	if err != nil {
		return fmt.Errorf("read what the device was told: %w", err)
	}
	if told == nil || p.Revoked {
		return nil
	}
	late, past := g.engine.late(told, p, g.cs.N, g.sub.Now)
	g.ended = append(g.ended, past...)
	if len(late) > 0 {
		g.views = foldViews(g.engine.schema, p, append(p.Active(g.sub.Now), late...))
	}
	return nil
}

// pastViews is what the author once had: what is refused for it waits for a supervisor.
func (g *ingest) pastViews() *views { return foldViews(g.engine.schema, g.reads.principal, g.ended) }

// disclosed gives the conflicts that the verdict names: those on rows that the author still may see.
func (g *ingest) disclosed() ([]ConflictRef, error) {
	if g.views == g.reads {
		return g.conflicts, nil
	}
	var failed error
	return slices.DeleteFunc(slices.Clone(g.conflicts), func(c ConflictRef) bool {
		con, err := g.tx.OpenConflict(c.Key)
		if err != nil {
			failed = err
		}
		t := g.engine.schema.Table(c.Key.Table)
		return con == nil || t == nil || g.reads.access(t, con.Scope) == nil
	}), failed
}

// concerns tells whether a message may be sent: not if it is about something in a scope, or at a door, that the person
// does not have any more.
func concerns(tx ReadTx, v *views, told *Told, m *Message) (bool, error) {
	if m.Conflict.ID == "" {
		return true, nil
	}
	con, err := tx.Conflict(m.Conflict.ID)
	if err != nil || con == nil {
		return err == nil, err
	}
	if t := v.schema.Table(con.Key.Table); t != nil && v.access(t, con.Scope) == nil {
		return false, nil
	}
	if told == nil || con.Door == "" || v.byScope[con.Scope] == nil || v.byScope[con.Scope].doors[con.Door] {
		return true, nil
	}
	return !slices.ContainsFunc(told.Lost, func(l Lost) bool {
		return l.Grant.Scope == con.Scope && slices.Contains(l.Grant.Doors, con.Door)
	}), nil
}

// inbox gives the messages after a number that may be sent, and the number up to which were looked at.
func inbox(tx ReadTx, v *views, device string, after int64) (out []Message, to int64, err error) {
	const page = 200
	told, err := tx.Told(device)
	if err != nil {
		return nil, after, err
	}
	for {
		list, err := tx.Inbox(device, after, page)
		if err != nil {
			return nil, after, err
		}
		for i := range list {
			ok, err := concerns(tx, v, told, &list[i])
			if err != nil {
				return nil, after, err
			}
			if ok && list[i].Kind == MessageDecided && list[i].Reason != "" {
				reads, err := v.readsReason(tx, &list[i])
				if err != nil {
					return nil, after, err
				}
				if !reads {
					list[i].Reason = ""
				}
			}
			if ok {
				out = append(out, list[i])
			}
			after = list[i].Number
		}
		if len(out) > 0 || len(list) < page {
			return out, after, nil
		}
	}
}
