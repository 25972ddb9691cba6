package simtest

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// committed is called after each transaction of the centre: the model takes what was accepted, and the rows must be
// as the model says.
func (o *oracle) committed(r *record) {
	if o.finding != "" {
		return
	}
	if r.head.Seq != o.head.Seq+int64(len(r.history)) || r.head.Epoch < o.head.Epoch {
		o.bad("P2", "the head went from %d to %d with %d history entries", o.head.Seq, r.head.Seq, len(r.history))
	}
	o.head = r.head
	for i := range r.quarant {
		o.quarantined(&r.quarant[i])
	}
	for _, j := range r.verdicts {
		o.judge(j)
	}
	o.audit(r)
	o.reasoned(r)
	o.stood = append(o.stood, r.stood...)
	o.arrive(r.history)
	for i := range r.history {
		o.accepted(&r.history[i])
	}
	for _, c := range r.conflicts {
		o.conflict(c)
	}
	for _, x := range r.lain {
		if !slices.Contains(o.lain[x.key], x) {
			o.lain[x.key] = append(o.lain[x.key], x)
		}
	}
	keys := slices.Clone(r.rows)
	slices.SortFunc(keys, compareKeys)
	keys = slices.Compact(keys)
	_ = o.w.store.View(func(tx se.ReadTx) error {
		for _, k := range keys {
			row, _ := tx.Row(k.Table, k.Row)
			o.versions[k] = append(o.versions[k], version{r.head.Seq, row})
			if row != nil {
				for i, def := range o.schema.Table(k.Table).Cells {
					o.lies(k, row.Cells[i].Values(def))
				}
			}
			o.rowAt(tx, k, row)
		}
		return nil
	})
	for i := range r.quarant {
		o.settledBy(&r.quarant[i])
	}
	o.fair(r.verdicts)
	if len(r.history) > 0 {
		o.heads = append(o.heads, r.head.Seq)
		o.changed[r.head.Seq] = keys
		o.stamps[r.head.Seq] = r.head.HLC
	}
}

// judge takes a verdict that was put: one for each changeset, for ever.
func (o *oracle) judge(j judged) {
	id := se.WriteID{Device: j.device, N: j.verdict.N}
	if old, ok := o.verdicts[id]; ok {
		o.bad("P7", "%v got a second verdict: %v, then %v", id, old.Kind, j.verdict.Kind)
	}
	v := j.verdict
	o.verdicts[id] = v
	d := o.devices[id.Device]
	if d == nil || id.N > int64(len(d.sets)) {
		o.bad("P7", "%v got a verdict, but nobody made it", id)
		return
	}
	s := d.sets[id.N-1]
	s.verdict = &v
	for i := range s.changes {
		for _, w := range s.changes[i].cells {
			o.lies(s.changes[i].key, w.vals)
		}
	}
	o.w.count("verdict " + v.Kind.String())
	if v.Reason != nil {
		o.w.count("refused " + string(v.Reason.Code))
	}
	o.expected(s, &v)
	o.retried(s, &v)
	o.timing(d, s)
	if !v.Kind.Effective() && o.quarant[id] == nil {
		o.bad("P7", "%v was refused, but is not in quarantine", id)
	}
	o.w.trace("verdict", int64(d.node.i), v.N, int64(v.Kind), v.Seq)
}

// expected compares a verdict with what the generator meant.
func (o *oracle) expected(s *set, v *se.Verdict) {
	switch {
	case s.want == se.CodeNoRight && v.Kind.Effective() && o.promoted(s):
	case s.want != "" && v.Kind.Effective():
		o.bad("P7", "%v was accepted, but should be refused: %s", s.id, s.want)
	case s.want == "" && v.Kind == se.Rejected && !o.explained(s, v):
		o.bad("P7", "%v is in order, but was rejected: %+v%s", s.id, *v.Reason, o.story(s))
	}
}

// explained tells whether work that was in order on its device may be refused at the centre.
func (o *oracle) explained(s *set, v *se.Verdict) bool {
	switch v.Reason.Code {
	case se.CodeMissing:
		return v.Reason.Column == schema.ColScope // a foreign program left it out, and what the row refers to went meanwhile
	case se.CodeInternal:
		return o.w.store.poison[s.id] || len(s.changes) > 0 && s.changes[0].decide != nil && o.w.store.poison[s.changes[0].decide.Quarantined]
	case se.CodeBadStep:
		return s.steps
	case se.CodeHandled:
		return s.replaces != 0 // see retried
	case se.CodeBadDecision:
		return true // the conflict ended or changed before the decision came
	case se.CodeUnknownReference:
		return s.steps || o.refersToDismissed(s) || o.w.moves // of a case that left the view before it was ever shown
	case se.CodeOutOfScope, se.CodeNoRight:
		n := o.devices[s.id.Device].node
		if len(s.had) > 0 && len(minus(s.had, frozen(n.principal, o.w.now).Grants)) > 0 {
			o.w.count("grant gone before its device was told of any") // no record says what its person could do then
			return true
		}
		for _, c := range s.changes {
			if c.op == se.OpInsert && c.key.Table == v.Reason.Table && c.key.Row == v.Reason.Row && v.Reason.Rule == "update" {
				return true // the id lives again, as somebody else's row: inserting is no right to update
			}
		}
		return o.w.moves
	}
	return false
}

// accepted merges an accepted changeset into the model.
func (o *oracle) accepted(e *se.Entry) {
	id := e.Changeset.ID()
	if seq, ok := o.entries[id]; ok {
		o.bad("P2", "%v took effect twice, at %d and %d", id, seq, e.Seq)
		return
	}
	o.entries[id] = e.Seq
	v, ok := o.verdicts[id]
	if ok && !v.Kind.Effective() {
		o.releasedAt(e)
		return
	}
	if !ok || v.Seq != e.Seq || !v.Kind.Effective() {
		o.bad("P7", "%v is in history at %d, its verdict is %v at %d", id, e.Seq, v.Kind, v.Seq)
		return
	}
	if e.At > e.Received || e.At < o.lastAt[id.Device] {
		o.bad("P5", "%v has effective time %d, received %d, the one before had %d", id, e.At, e.Received, o.lastAt[id.Device])
	}
	o.lastAt[id.Device] = e.At
	if e.At == e.Received && id.Device != o.w.desk.id {
		o.w.count("time clamped to the centre's now")
	}
	if e.Suspect {
		o.w.count("suspect clock")
	}
	s := o.devices[id.Device].sets[id.N-1]
	o.timed(e, o.devices[id.Device], s)
	s.at, s.suspect = e.At, e.Suspect
	o.model.apply(e.Seq, s)
	o.outcomes(e, s, &v)
	o.model.decide(e.Seq, s, o)
	o.model.follow(e.Seq, s)
	for i := range s.changes {
		o.learnToken(&s.changes[i])
	}
	s.seq = e.Seq
}

func (o *oracle) learnToken(ch *change) {
	if ch.key.Table != "entry" || ch.op != se.OpInsert {
		return
	}
	t := o.schema.Table("entry")
	for _, w := range ch.cells {
		if t.Cells[w.cell].Name == "token" {
			token := w.vals[0].Str()
			if _, ok := o.tokenOf[ch.key]; !ok {
				o.tokenOf[ch.key] = token
				o.tokens[token] = append(o.tokens[token], ch.key)
			}
		}
	}
}

// conflict keeps the newest form of each conflict.
func (o *oracle) conflict(c *se.Conflict) {
	o.conflicts[c.ID] = c
	o.candidates(c)
	for i := range c.Candidates { // of a merged row, they lie in the survivor
		o.lies(replica.RowKey{Table: c.Key.Table, Row: c.Key.Row}, c.Candidates[i].Cell.Values)
	}
	if c.Open() {
		if c.Opened == c.Changed {
			o.w.count("conflict opened: " + string(c.Key.Kind))
		}
		if id := o.openBy[c.Key]; id != "" && id != c.ID {
			o.bad("P6", "two open conflicts on %s", c.Key.Label())
		}
		o.openBy[c.Key] = c.ID
	} else if o.openBy[c.Key] == c.ID {
		delete(o.openBy, c.Key)
		o.w.count("conflict ended: " + string(c.Outcome))
	}
}

// rowAt compares a row and its conflicts with the model (P5, P6, P9).
func (o *oracle) rowAt(tx se.ReadTx, k replica.RowKey, row *se.Row) {
	r := o.model.rows[k]
	if r == nil {
		o.bad("P2", "%s %s is at the centre, but nobody put it there", k.Table, k.Row)
		return
	}
	if what := o.model.compare(r, row); what != "" {
		o.bad("P5/P6", "%s %s at %d: %s%s", k.Table, k.Row, o.head.Seq, what, o.tell(k.Table, k.Row))
		return
	}
	o.leads(k, row)
	o.conflictsAt(k, row)
	for i, c := range r.cells {
		var want []string
		if r.alive && (c.def.Policy == schema.PolicyReview || c.def.Queue) {
			for _, s := range c.surv {
				if !s.stands {
					want = append(want, label(s.write, i, nil))
				}
			}
		}
		o.queue(r, se.ConflictKey{Kind: se.ConflictCell, Table: k.Table, Row: k.Row, Cell: c.def.Name}, want)
	}
	o.deadQueue(r)
}

func (o *oracle) deadQueue(r *mrow) {
	var want []string
	for _, x := range r.cands {
		want = append(want, label(x.w, x.cell, x.in))
	}
	o.queue(r, se.ConflictKey{Kind: se.ConflictDelete, Table: r.key.Table, Row: r.key.Row}, want)
}

// label names a candidate: its changeset, its cell and what it says.
func label(w *write, cell int, in []string) string {
	return fmt.Sprintf("%s#%d/%d %q %q", w.id.Device, w.id.N, cell, fmt.Sprint(w.vals), append(in[:len(in):len(in)], w.in...))
}

// queue compares the open conflict of a key with the writes that should wait in it.
func (o *oracle) queue(r *mrow, key se.ConflictKey, want []string) {
	var got []string
	if id := o.openBy[key]; id != "" {
		for _, x := range o.conflicts[id].Candidates {
			w := write{id: x.ID(), vals: x.Cell.Values}
			got = append(got, label(&w, r.table.CellIndex(x.Cell.Cell), x.Cell.In))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(got)+len(want) > 0 {
		o.compared++
	}
	if !slices.Equal(got, want) {
		o.bad("P6", "%s waits with %v, should be %v%s", key.Label(), got, want, o.tell(key.Table, key.Row))
	}
}

// leaves is called when a verdict leaves the centre: it must be durable by then (P1), and the same each time (P2).
func (o *oracle) leaves(device string, v *se.Verdict) {
	c, ok := o.verdicts[se.WriteID{Device: device, N: v.N}]
	switch {
	case !ok:
		o.bad("P1", "the verdict on %s#%d leaves the centre before it is durable", device, v.N)
	case !sameVerdict(&c, v):
		o.bad("P2", "%s#%d hears %v at %d, its verdict is %v at %d", device, v.N, v.Kind, v.Seq, c.Kind, c.Seq)
	}
	if d := o.devices[device]; d != nil {
		if d.told == nil {
			d.told = map[int64]bool{}
		}
		if d.told[v.N] {
			o.w.count("verdict sent again")
		}
		d.told[v.N] = true
	}
}

// survived is called when the centre is back after a crash: every verdict it ever committed is still there (P1).
func (o *oracle) survived() {
	_ = o.w.store.View(func(tx se.ReadTx) error {
		for _, d := range o.watches {
			for _, s := range d.sets {
				if s.verdict == nil {
					continue
				}
				if v, _ := tx.Verdict(d.id, s.id.N); v == nil || !sameVerdict(v, s.verdict) {
					o.bad("P1", "the verdict on %v is lost in a crash of the centre", s.id)
				}
			}
		}
		return nil
	})
}
