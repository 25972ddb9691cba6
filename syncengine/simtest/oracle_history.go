package simtest

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// span bounds an effective time: the same changeset may be in a group twice, from two connections that measured the
// clock differently.
type span struct{ from, to int64 }

// timing is called for each verdict: a changeset has an effective time also where it is refused, and those after it have
// none before that.
func (o *oracle) timing(d *watch, s *set) {
	if r := s.verdict.Reason; r == nil || r.Code != se.CodeInternal { // what could not be judged has none
		s.times.from = 1 << 62
		for _, sub := range o.offered[s.id] {
			at, _ := o.reading(sub)
			s.times = span{min(s.times.from, at), max(s.times.to, at)}
		}
	}
	if n := s.id.N; n > 1 {
		before := d.sets[n-2].times
		s.times = span{max(s.times.from, before.from), max(s.times.to, before.to)}
	}
}

// reading gives when a changeset was written, as far as the centre can tell, and whether it can: by the monotonic clock
// where that has run since, else by the wall clock and how far it was off.
func (o *oracle) reading(sub se.Submission) (at int64, suspect bool) {
	cs, c := sub.Changeset, sub.Contact
	off := c.Offset > 60_000 || c.Offset < -60_000
	if cs.Boot == "" || cs.Boot != c.Boot || cs.Mono > c.Mono {
		return min(cs.Wall+c.Offset, sub.Now), true
	}
	at = c.At - c.Mono + cs.Mono
	if s := o.devices[cs.Device].sets[cs.N-1]; at < s.sealed {
		o.bad("P5", "%v was written at %d, by its monotonic clock before that, at %d", cs.ID(), s.sealed, at)
	}
	return min(at, sub.Now), off || cs.Foreign
}

// timed checks what is on record of when and by whom a changeset was written.
func (o *oracle) timed(e *se.Entry, d *watch, s *set) {
	fits := func(sub se.Submission) bool {
		_, suspect := o.reading(sub)
		return suspect == e.Suspect && sub.Now == e.Received
	}
	if e.At < s.times.from || e.At > s.times.to || !slices.ContainsFunc(o.offered[s.id], fits) || e.Author != d.account {
		o.bad("P5", "%v of %s has effective time %d, suspect %v, received at %d from %s; its clocks say %+v: %+v", s.id, d.account, e.At, e.Suspect,
			e.Received, e.Author, s.times, o.offered[s.id])
	}
	s.times = span{e.At, e.At}
}

// outcomes checks what an entry says became of each write, and the verdict that sums it up, right after the model took it.
func (o *oracle) outcomes(e *se.Entry, s *set, v *se.Verdict) {
	var want []se.WriteOutcome
	for i := range e.Changeset.Changes {
		c := &e.Changeset.Changes[i]
		ch := s.on(replica.RowKey{Table: c.Table, Row: c.Row})
		switch {
		case c.Op == se.OpDecide, ch == nil, ch.redirected:
			return // a decision's own outcomes, and those of rows that were merged, are the merge's to tell
		case ch.op == se.OpDelete:
			if ch.killed {
				want = append(want, se.WriteOutcome{Change: i, Fate: se.FateStands})
			}
			continue
		}
		for _, w := range ch.cells {
			def := o.schema.Table(c.Table).Cells[w.cell]
			want = append(want, se.WriteOutcome{Change: i, Cell: def.Name, Fate: w.end().outcome})
		}
	}
	if !slices.Equal(e.Outcomes, want) {
		o.bad("P5", "%v came to %+v, should be %+v", s.id, e.Outcomes, want)
	}
	kind := se.Accepted
	for _, x := range want {
		switch x.Fate {
		case se.FateCandidate:
			kind = se.Conflicts
		case se.FateWon, se.FateConverged, se.FateLost:
			if kind == se.Accepted {
				kind = se.Merged
			}
		}
	}
	if len(o.views[s.id.Device]) > 1 {
		return // where a grant has ended he is told of no conflict, and then nothing of the rest either
	}
	if v.Kind != kind && v.Kind != se.Conflicts && kind != se.Conflicts {
		o.bad("P5", "the verdict on %v is %v, its writes come to %v: %+v", s.id, v.Kind, kind, want)
	}
}

// outcomeOf is what the model says of a write that has just met its cell: whether it met another that it had not seen.
func (c *mcell) outcomeOf(w *write, before []schema.Value) se.Fate {
	stands := slices.ContainsFunc(c.surv, func(s surv) bool { return s.write == w && s.stands })
	extremes := c.def.Policy == schema.PolicyMax || c.def.Policy == schema.PolicyMin
	switch {
	case c.def.Policy == schema.PolicyAdd, c.def.Policy == schema.PolicyUnion:
		return se.FateCombined
	case !stands && (c.def.Policy == schema.PolicyReview || extremes && c.def.Queue):
		return se.FateCandidate
	case !stands:
		return se.FateLost
	case !w.met:
		return se.FateStands
	case slices.Equal(before, w.vals):
		return se.FateConverged
	}
	return se.FateWon
}

// conflictsAt checks that a row's open conflicts are kept where the row is, for the supervisor who looks after it there.
func (o *oracle) conflictsAt(k replica.RowKey, row *se.Row) {
	if row == nil {
		return
	}
	keys := []se.ConflictKey{{Kind: se.ConflictDuplicate, Table: k.Table, Row: k.Row}, {Kind: se.ConflictWorkflow, Table: k.Table, Row: k.Row}}
	for _, def := range o.schema.Table(k.Table).Cells {
		keys = append(keys, se.ConflictKey{Kind: se.ConflictCell, Table: k.Table, Row: k.Row, Cell: def.Name})
	}
	for _, key := range keys {
		id := o.openBy[key]
		if id == "" {
			continue
		}
		if c := o.conflicts[id]; c.Scope != row.Scope || c.Door != row.Door {
			o.bad("P6", "%s is kept in %s at door %q, its row in %s at %q%s", key.Label(), c.Scope, c.Door, row.Scope, row.Door, o.tell(k.Table, k.Row))
		}
	}
}

// candidates checks what a conflict says of the changesets that wait in it.
func (o *oracle) candidates(c *se.Conflict) {
	for i := range c.Candidates {
		x := &c.Candidates[i]
		d := o.devices[x.Device]
		if d == nil || x.N < 1 || x.N > int64(len(d.sets)) {
			continue // an addition to a set, or a row that nobody is known to have entered
		}
		if s := d.sets[x.N-1]; x.At != 0 && (x.At != s.at || x.Suspect != s.suspect) || x.Author != "" && x.Author != d.account && c.Key.Kind != se.ConflictDuplicate {
			o.bad("P6", "%s says that %v was written at %d by %s, suspect %v; it was at %d by %s, %v", c.Key.Label(), x.ID(), x.At, x.Author, x.Suspect, s.at, d.account, s.suspect)
		}
	}
}

// retried checks a changeset that was to take the place of a refused one: the first to do so does, unless a supervisor
// has settled it meanwhile; and nothing else makes it retried.
func (o *oracle) retried(s *set, v *se.Verdict) {
	if s.replaces == 0 {
		return
	}
	id := se.WriteID{Device: s.id.Device, N: s.replaces}
	q := o.quarant[id]
	switch {
	case q == nil:
		o.bad("P7", "%v replaces %v, which is not in quarantine", s.id, id)
	case v.Kind.Effective() && (!q.Closed || q.Outcome != se.SettledRetried || q.Seq != v.Seq):
		o.bad("P7", "%v was accepted in place of %v at %d, which is %s at %d", s.id, id, v.Seq, q.Outcome, q.Seq)
	case v.Kind.Effective():
		o.w.count("refused changeset retried")
	case v.Reason.Code != se.CodeHandled:
		o.w.count("retry refused")
	case !q.Closed:
		o.bad("P7", "%v is refused because %v is settled, which it is not", s.id, id)
	default:
		o.w.count("retried after it was " + string(q.Outcome))
	}
}

// settledBy checks, when all that a commit brought is known, that a changeset is retried by one that says so.
func (o *oracle) settledBy(q *se.Quarantined) {
	if q.Outcome != se.SettledRetried {
		return
	}
	d := o.devices[q.Device]
	ok := slices.ContainsFunc(d.sets[q.N:], func(s *set) bool { return s.replaces == q.N && s.seq == q.Seq })
	if !ok {
		o.bad("P7", "%s#%d is retried at %d, by nothing that replaces it%s", q.Device, q.N, q.Seq, fmt.Sprint(q.By))
	}
}
