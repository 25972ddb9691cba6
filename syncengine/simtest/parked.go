package simtest

import (
	"math/rand/v2"
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// tray is the supervisor's other work: refused changesets. He releases or dismisses them, sometimes one that is closed.
type tray struct {
	rng *rand.Rand
}

func (d *desk) beginTray() {
	d.tray.rng = d.w.stream("tray")
	d.w.after(5000, d.workTray)
}

func (d *desk) workTray() {
	if d.w.idle {
		return
	}
	d.w.after(4000+d.tray.rng.Int64N(12_000), d.workTray)
	if d.sent != nil {
		return
	}
	var parked, other []*se.Quarantined
	for _, q := range d.w.oracle.quarantine() {
		switch {
		case !q.Closed && q.Verdict.Kind == se.Parked:
			parked = append(parked, q)
		case d.tray.rng.IntN(30) == 0:
			other = append(other, q) // rejected, or closed already
		}
	}
	list := parked
	if len(list) == 0 || d.tray.rng.IntN(8) == 0 {
		list = other
	}
	if len(list) == 0 {
		return
	}
	q := list[d.tray.rng.IntN(len(list))]
	dec := &se.Decision{Choice: se.ChoiceRelease, Quarantined: se.WriteID{Device: q.Device, N: q.N}, Reason: "looked at it"}
	if d.tray.rng.IntN(4) == 0 || q.Verdict.Kind == se.Rejected {
		dec.Choice = se.ChoiceDismiss
	}
	d.offer(se.Change{Op: se.OpDecide, Decide: dec}, 0)
}

// quarantine lists what was ever quarantined, in order.
func (o *oracle) quarantine() []*se.Quarantined {
	out := make([]*se.Quarantined, 0, len(o.quarant))
	for _, q := range o.quarant {
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b *se.Quarantined) int {
		if a.Device != b.Device {
			return cmpText(a.Device, b.Device)
		}
		return int(a.N - b.N)
	})
	return out
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

// quarantined takes what was put into quarantine: of retry, release and dismissal the first wins.
func (o *oracle) quarantined(q *se.Quarantined) {
	id := se.WriteID{Device: q.Device, N: q.N}
	old := o.quarant[id]
	switch {
	case old == nil || !old.Closed && !q.Closed:
	case !old.Closed:
		o.w.count("quarantined changeset " + string(q.Outcome) + how(q))
	case !q.Closed || q.Outcome != old.Outcome || q.Seq != old.Seq:
		o.bad("P7", "%v was %s at %d, and then %s at %d", id, old.Outcome, old.Seq, q.Outcome, q.Seq)
	}
	o.quarant[id] = q
}

// settled checks a decision about a quarantined changeset that took effect: it is closed by it, so that no other is.
func (o *oracle) settled(s *set, d *se.Decision) {
	want := map[se.Choice]se.Settlement{se.ChoiceDismiss: se.SettledDismissed, se.ChoiceRelease: se.SettledReleased}[d.Choice]
	if q := o.quarant[d.Quarantined]; want != "" && (q == nil || !q.Closed || q.Outcome != want) {
		o.bad("P7", "%v decided %s about %v, which is not closed by it: %+v", s.id, d.Choice, d.Quarantined, q)
	}
}

func how(q *se.Quarantined) string {
	if q.Outcome == se.SettledReleased && q.By == "" {
		return " by itself"
	}
	return ""
}

// releasedAt takes a parked changeset that took effect after all: once, whole but for what its device wrote again since.
func (o *oracle) releasedAt(e *se.Entry) {
	id := e.Changeset.ID()
	q, v := o.quarant[id], o.verdicts[id]
	if q == nil || v.Kind != se.Parked || q.Outcome != se.SettledReleased || q.Seq != e.Seq {
		o.bad("P7", "%v is in history at %d, but it was not released then: its verdict is %v", id, e.Seq, v.Kind)
		return
	}
	d := o.devices[id.Device]
	s := d.sets[id.N-1]
	o.entries[id] = e.Seq
	s.at, s.seq, s.suspect = e.At, e.Seq, e.Suspect
	left := &set{id: s.id, steps: s.steps, at: s.at}
	for i := range s.changes {
		if ch := o.remains(d, s, &s.changes[i]); ch != nil {
			left.changes = append(left.changes, *ch)
		}
	}
	o.model.apply(e.Seq, left)
	o.model.follow(e.Seq, left)
	for i := range left.changes {
		o.learnToken(&left.changes[i])
	}
}

// remains gives what of a change its device has not written again with a later n that took effect, nil for nothing.
func (o *oracle) remains(d *watch, s *set, ch *change) *change {
	out := *ch
	out.cells = slices.Clone(ch.cells)
	for _, later := range d.sets[s.id.N:] {
		x := later.on(ch.key)
		if later.seq == 0 || x == nil || o.leftOut(d, later, x) {
			continue
		}
		if x.op == se.OpDelete || ch.op == se.OpDelete {
			o.overtaken(out.cells)
			return nil
		}
		for _, w := range x.cells {
			out.cells = slices.DeleteFunc(out.cells, func(c *cellWrite) bool {
				if c.cell != w.cell {
					return false
				}
				if c.op && w.op && c.add.IsNull() && w.add.IsNull() { // of sets element by element
					y := *c.write
					y.in = slices.DeleteFunc(slices.Clone(c.in), func(e string) bool { return slices.Contains(w.in, e) || slices.Contains(w.out, e) })
					y.out = slices.DeleteFunc(slices.Clone(c.out), func(e string) bool { return slices.Contains(w.in, e) || slices.Contains(w.out, e) })
					c.in, c.out = y.in, y.out
					if len(c.in)+len(c.out) > 0 {
						return false
					}
				}
				o.overtaken([]*cellWrite{c})
				return true
			})
		}
	}
	if len(out.cells) == 0 && len(ch.cells) > 0 && ch.op != se.OpDelete {
		return nil
	}
	return &out
}

// leftOut tells whether a change of a released changeset was itself left out.
func (o *oracle) leftOut(d *watch, s *set, ch *change) bool {
	if s.verdict.Kind.Effective() {
		return false
	}
	return len(ch.cells) > 0 && !slices.ContainsFunc(ch.cells, func(w *cellWrite) bool { return w.fate != "overtaken" })
}

func (o *oracle) overtaken(list []*cellWrite) {
	for _, w := range list {
		w.fate = "overtaken"
		o.w.count("released without what its device wrote again")
	}
}

// lend sends a worker to the other grid for a while: what he wrote in his own and had not sent is parked, and he comes
// back.
func (w *World) lend(rng *rand.Rand) {
	w.after(8000+rng.Int64N(25_000), func() {
		if w.calm {
			return
		}
		w.lend(rng)
		n := w.nodes[[]int{0, 1, 3}[rng.IntN(3)]]
		old := n.principal.Grants
		if n.passing() || len(old) != 1 || old[0].Role != roleWorker || old[0].To != 0 {
			return
		}
		other := map[string]string{"A": "B", "B": "A"}[old[0].Scope]
		away := []se.Grant{{Scope: other, Role: roleWorker}}
		if rng.IntN(3) == 0 {
			away = append(away, se.Grant{Scope: old[0].Scope, Role: roleWorker, To: w.now}) // the centre remembers that he had it
		}
		w.faults++
		w.count("worker lent to the other grid")
		w.trace("lend", int64(n.i))
		w.grant(n, away)
		w.centre.ring()
		w.after(3000+rng.Int64N(20_000), func() {
			if !n.principal.Revoked && len(n.principal.Grants) == len(away) && n.principal.Grants[0].Scope == other {
				w.grant(n, old)
				w.centre.ring()
			}
		})
	})
}

// home gives everybody his post back whose grants are passing, so that each can work when nothing moves any more.
func (w *World) home() {
	for _, n := range slices.Clone(w.nodes) {
		switch {
		case n.principal.Revoked:
			w.anew(n)
		case n.passing():
			w.grant(n, n.post)
		}
	}
	w.centre.ring()
}

// refersToDismissed tells whether a set refers to a row of a changeset that a supervisor dismissed: it never will be.
func (o *oracle) refersToDismissed(s *set) bool {
	for _, q := range o.quarant {
		if q.Outcome != se.SettledDismissed {
			continue
		}
		for _, made := range q.Changeset.Changes {
			for i := range s.changes {
				for _, w := range s.changes[i].cells {
					if made.Op == se.OpInsert && len(w.vals) == 1 && w.vals[0].Str() == string(made.Row) {
						return true
					}
				}
			}
		}
	}
	return false
}
