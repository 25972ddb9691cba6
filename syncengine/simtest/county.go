package simtest

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// set is a changeset as the oracle saw it being made.
type set struct {
	id      se.WriteID
	changes []change
	want    se.Code // the refusal the generator asked for, "" for work that is in order
	steps   bool
	had     []se.Grant // what its author could do when he wrote it, where his device had been told nothing yet
	verdict *se.Verdict
	at      int64 // effective time
	filed   bool  // the verdict is durable on the device
	seq     int64 // at which it took effect: by its verdict, or by a later release

	sealed   int64 // true time at which it was made
	suspect  bool  // its clock was, as the centre has it on record
	times    span  // in which its effective time lies, from when it was judged on
	replaces int64 // n of the refused one that it takes the place of
	again    bool  // it was refused, and somebody wrote it anew
}

// change is what a set did to one row.
type change struct {
	key    replica.RowKey
	op     se.Op
	cells  []*cellWrite
	saw    []sight // delete: of each cell
	decide *se.Decision
	pin    int64 // delete: the lowest cursor that is pending on the row
	base   int64 // decide: what the screen was read at

	killed, redirected bool // what the model made of it: a row's death, writes to another row
}

type cellWrite struct {
	cell int
	*write
}

// model is the county as it should be: every accepted set merged by what its author saw.
type model struct {
	schema  *schema.Schema
	rows    map[replica.RowKey]*mrow
	order   []replica.RowKey
	idem    map[string]se.RowID
	cases   map[se.RowID]*mcase
	placeAt map[se.RowID]string // scope of each place, for those that go along with it
	ring    func() *seal.Ring
	bad     func(promise, format string, args ...any)
	count   func(string)
}

// mcase is the model of a case's steps.
type mcase struct {
	numbered []se.RowID
	state    string
	late     []se.WriteID // with their rows
	lateRows []se.RowID
}

func (m *model) row(k replica.RowKey) *mrow {
	r := m.rows[k]
	if r == nil {
		r = newRow(m.schema.Table(k.Table), k)
		m.rows[k] = r
		m.order = append(m.order, k)
	}
	return r
}

func (m *model) caseOf(id se.RowID, t *schema.Table) *mcase {
	c := m.cases[id]
	if c == nil {
		c = &mcase{state: t.Steps.Initial}
		m.cases[id] = c
	}
	return c
}

// apply merges an accepted set at its seq.
func (m *model) apply(seq int64, s *set) {
	for i := range s.changes {
		ch := &s.changes[i]
		for _, w := range ch.cells {
			w.at = s.at
		}
		if ch.op == se.OpDecide {
			continue // see decide
		}
		r := m.row(ch.key)
		switch {
		case ch.op == se.OpDelete && r.alive:
			ch.killed = true
			m.kill(seq, s, r, ch)
		case ch.op == se.OpDelete:
			m.count("delete of a dead row")
		case r.alive:
			if ch.op == se.OpInsert {
				m.count("insert of a live id")
			}
			m.write(seq, r, ch)
		case ch.op == se.OpInsert && (!r.known || r.by.Device == s.id.Device):
			m.insert(seq, s, r, ch)
		case r.into != "" && ch.op == se.OpUpdate:
			ch.redirected = true
			m.redirect(seq, r, ch)
		case r.known:
			m.toDead(seq, r, ch)
		default:
			m.bad("P7", "%v was accepted, but it updates %s %s, which never was", s.id, ch.key.Table, ch.key.Row)
		}
	}
}

func (m *model) write(seq int64, r *mrow, ch *change) {
	for _, w := range ch.cells {
		c, x := r.cells[w.cell], m.now(r.table.Cells[w.cell], w.write)
		c.merge(x)
		c.note(seq)
		m.tally(c, x)
	}
}

func (m *model) tally(c *mcell, w *write) {
	switch {
	case w.fate == "combined, outlived":
		m.count("addition to a set won over a removal")
	case w.fate == "uncovered":
		w.fate = "loser"
		m.count("hidden maximum shown again")
	case w.fate == "converged":
		m.count("equal values converged")
	case w.fate == "loser" && c.def.Policy == schema.PolicyLWW:
		m.count("late write lost to a later clock (lww)")
	case w.fate == "loser" && c.def.Policy == schema.PolicyReview:
		m.count("reviewed loser queued on arrival")
	case w.fate == "stands" && c.def.Policy == schema.PolicyReview && len(c.surv) > 1:
		m.count("reviewed write won over another")
	}
}

func (m *model) insert(seq int64, s *set, r *mrow, ch *change) {
	if key, ok := idemKey(r.table, ch); ok {
		if first, done := m.idem[key]; done && first != ch.key.Row {
			m.count("idempotent insert repeated")
			for _, w := range ch.cells {
				w.fate, w.outcome = "converged", se.FateConverged
			}
			return
		}
		m.idem[key] = ch.key.Row
	}
	if r.known {
		m.count("own deleted row inserted again")
	}
	for _, c := range r.cells {
		c.reset()
	}
	r.live(seq, true)
	m.write(seq, r, ch)
	for _, x := range r.cands { // concurrent with the new incarnation
		m.count("own deleted row inserted again met edits that waited")
		x.w = m.now(r.table.Cells[x.cell], x.w)
		r.cells[x.cell].late(x, seq)
	}
	r.cands = nil
	for _, c := range r.cells {
		c.note(seq)
	}
	if r.table.Steps != nil {
		m.step(s, r)
	}
}

func idemKey(t *schema.Table, ch *change) (string, bool) {
	if len(t.Idempotent) == 0 {
		return "", false
	}
	key := t.Name
	for _, name := range t.Idempotent {
		def := t.CellOf(name)
		i := slices.IndexFunc(ch.cells, func(w *cellWrite) bool { return t.Cells[w.cell] == def })
		if i < 0 || ch.cells[i].vals[0].IsNull() {
			return "", false
		}
		key += "/" + ch.cells[i].vals[0].String()
	}
	return key, true
}

func (m *model) kill(seq int64, s *set, r *mrow, ch *change) {
	by := &write{id: s.id, at: s.at}
	for i, c := range r.cells {
		if c.def.Policy == schema.PolicyCentral || c.def.Derived {
			continue
		}
		by.saw, by.pin = ch.saw[i], ch.pin
		for _, x := range c.surv {
			if by.sees(x.write) {
				x.fate = "superseded"
				continue
			}
			x.fate = "loser"
			r.cands = append(r.cands, mcand{cell: i, w: x.write, lost: !x.stands})
		}
		for _, e := range c.elems {
			for _, tag := range e.tags {
				if tag.Device == s.id.Device || slices.Contains(ch.saw[i].tags[e.value], tag) {
					continue
				}
				r.cands = append(r.cands, mcand{cell: i, w: &write{id: tag}, in: []string{e.value}})
			}
		}
	}
	if len(r.cands) > 0 {
		m.count("delete against an unseen edit")
	}
	r.by, r.into = s.id, ""
	r.live(seq, false)
	if r.table.StepsBy != nil {
		c := m.caseOf(r.key.Row, r.table.StepsBy)
		c.late, c.lateRows = nil, nil
	}
}

func (m *model) toDead(seq int64, r *mrow, ch *change) {
	m.count("write to a dead id")
	for _, w := range ch.cells {
		if !w.op {
			r.cands = slices.DeleteFunc(r.cands, func(x mcand) bool {
				seen := x.cell == w.cell && w.sees(x.w)
				if seen {
					x.w.fate = "superseded"
				}
				return seen
			})
		}
		w.fate, w.outcome = "loser", se.FateCandidate
		r.cands = append(r.cands, mcand{cell: w.cell, w: w.write})
	}
}

// step numbers a new step, or puts it among the case's late ones.
func (m *model) step(s *set, r *mrow) {
	t := r.table
	c := m.caseOf(se.RowID(m.text(r, t.Steps.Case)), t)
	move := t.Steps.Moves[m.text(r, t.Steps.Step)]
	last := ""
	if n := len(c.numbered); n > 0 {
		last = string(c.numbered[n-1])
	}
	if m.text(r, t.Steps.Follows) != last {
		m.count("guarded step came too late")
		c.late, c.lateRows = append(c.late, s.id), append(c.lateRows, r.key.Row)
		return
	}
	if !slices.Contains(move.From, c.state) {
		m.bad("P7", "step %s of %v was accepted in state %s", r.key.Row, s.id, c.state)
	}
	c.numbered, c.state = append(c.numbered, r.key.Row), move.To
}

func (m *model) text(r *mrow, column string) string {
	v := r.cells[r.table.CellIndex(r.table.CellOf(column).Name)].shows()
	if len(v) == 0 {
		return ""
	}
	return v[0].Str()
}

// compare says in what a row at the centre differs from the model, "" if in nothing.
func (m *model) compare(r *mrow, row *se.Row) string {
	if (row != nil) != r.alive {
		return fmt.Sprintf("the centre has it: %v, it should be there: %v", row != nil, r.alive)
	}
	if row == nil {
		return ""
	}
	for i, c := range r.cells {
		if c.def.Policy == schema.PolicyCentral || c.def.Derived {
			continue
		}
		if d := c.differs(&row.Cells[i]); d != "" {
			return "cell " + c.def.Name + ": " + d
		}
	}
	return ""
}

func (c *mcell) differs(x *se.Cell) string {
	switch c.def.Policy {
	case schema.PolicyAdd:
		if c.sum != x.Sum {
			return fmt.Sprintf("sum %v, should be %v", x.Sum, c.sum)
		}
		return ""
	case schema.PolicyUnion:
		got := make([]elem, len(x.Elements))
		for i, e := range x.Elements {
			got[i].value = e.Value
			for _, t := range e.Tags {
				got[i].tags = append(got[i].tags, se.WriteID{Device: t.Device, N: t.N})
			}
		}
		same := slices.EqualFunc(got, c.elems, func(a, b elem) bool { return a.value == b.value && sameIDs(a.tags, b.tags) })
		if !same {
			return fmt.Sprintf("set %v, should be %v", got, c.elems)
		}
		return ""
	}
	var got, want []string
	for _, s := range x.Survivors {
		got = append(got, fmt.Sprintf("%s#%d %v %v", s.Device, s.N, s.Stands(), s.Values))
	}
	for _, s := range c.surv {
		want = append(want, fmt.Sprintf("%s#%d %v %v", s.id.Device, s.id.N, s.stands, s.vals))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Sprintf("survivors %v, should be %v", got, want)
	}
	return ""
}

func sameIDs(a, b []se.WriteID) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x se.WriteID) bool { return !slices.Contains(b, x) })
}
