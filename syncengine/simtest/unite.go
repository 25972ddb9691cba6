package simtest

import (
	"math/rand/v2"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// register is the supervisor's work on places that were entered twice: he merges them, and sometimes finds later that he
// was wrong.
type register struct {
	rng    *rand.Rand
	merged []merged
}

type merged struct {
	conflict string
	retired  se.RowID
}

func (d *desk) beginRegister() {
	d.register.rng = d.w.stream("register")
	d.w.after(6000, d.workRegister)
}

func (d *desk) workRegister() {
	if d.w.idle {
		return
	}
	d.w.after(2000+d.register.rng.Int64N(7000), d.workRegister)
	if n := len(d.register.merged); d.sent == nil && n > 0 && d.register.rng.IntN(4) == 0 {
		m := d.register.merged[d.register.rng.IntN(n)]
		head := d.head()
		d.offer(se.Change{
			Table: "place", Op: se.OpDecide, Base: se.Base{Epoch: head.Epoch, Seq: head.Seq},
			Decide: &se.Decision{Conflict: m.conflict, Choice: se.ChoiceSplit, Retired: []se.RowID{m.retired}, Reason: "two after all"},
		}, head.Seq)
		return
	}
	open := d.w.oracle.opened(se.ConflictDuplicate)
	if len(open) == 0 || d.register.rng.IntN(4) == 0 {
		return // the other half of the desk finds them different
	}
	con, head := open[d.register.rng.IntN(len(open))], d.head()
	think := 50 + d.register.rng.Int64N(3000)
	if d.register.rng.IntN(3) == 0 {
		think = 5000 + d.register.rng.Int64N(15_000)
	}
	d.w.after(think, func() { d.unite(con, head) })
}

func (d *desk) head() (head se.Head) {
	_ = d.w.store.View(func(tx se.ReadTx) error { head, _ = tx.Head(); return nil })
	return head
}

// unite merges one or two of a conflict's rows into another of them, with the values of either.
func (d *desk) unite(con *se.Conflict, head se.Head) {
	if d.sent != nil || d.w.idle {
		return
	}
	ids := []se.RowID{con.Key.Row}
	dec := &se.Decision{Conflict: con.ID, Choice: se.ChoiceMerge, Reason: "the same"}
	for _, x := range con.Candidates {
		ids = append(ids, x.Row)
		dec.Shown = append(dec.Shown, x.ID())
	}
	d.w.moves = true // what is in a retired place goes to another door
	d.register.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	dec.Survivor, dec.Retired = ids[0], ids[1:min(len(ids), 2+d.register.rng.IntN(2))]
	for _, cell := range []string{"address", "note", "position", "owner"} {
		if d.register.rng.IntN(3) == 0 {
			dec.Picks = append(dec.Picks, se.Pick{Cell: cell, Row: ids[d.register.rng.IntN(1+len(dec.Retired))]})
		}
	}
	for _, id := range dec.Retired {
		d.register.merged = append(d.register.merged, merged{con.ID, id})
	}
	d.offer(se.Change{
		Table: con.Key.Table, Row: con.Key.Row, Op: se.OpDecide, Base: se.Base{Epoch: head.Epoch, Seq: head.Seq}, Decide: dec,
	}, head.Seq)
}

// What follows is the model of merged rows. It follows happens-before, where the engine has bases and seqs.

// end gives what became of a write: where it was carried to, it is another one in another cell.
func (w *write) end() *write {
	for w.became != nil {
		w = w.became
	}
	return w
}

// last gives the row that an id stands for, and the retired ids on the way.
func (m *model) last(table string, id se.RowID) (se.RowID, []se.RowID) {
	var path []se.RowID
	for {
		r := m.rows[replica.RowKey{Table: table, Row: id}]
		if r == nil || r.alive || r.into == "" {
			return id, path
		}
		path, id = append(path, id), r.into
	}
}

// now gives a write as it is stored: what refers to a retired row refers to what that became.
func (m *model) now(def *schema.Cell, w *write) *write {
	for j, col := range def.Columns {
		if col.Type != schema.TypeRef || w.op || w.vals[j].IsNull() {
			continue
		}
		last, path := m.last(col.Ref, se.RowID(w.vals[j].Str()))
		if len(path) == 0 {
			continue
		}
		m.count("late reference to a retired id")
		y := w.copied()
		y.vals[j] = text(string(last))
		y.named = append(slices.Clone(w.named), path...)
		w = y
	}
	return w
}

// copied gives a copy that the accounts follow.
func (w *write) copied() *write {
	y := *w
	y.vals, y.was, y.became = slices.Clone(w.vals), nil, nil
	w.became = &y
	return &y
}

// redirect lets a late write to a retired row meet what that became, as one that has seen nothing of it.
func (m *model) redirect(seq int64, r *mrow, ch *change) {
	m.count("late write to a retired id")
	last, _ := m.last(r.key.Table, r.key.Row)
	into := m.rows[replica.RowKey{Table: r.key.Table, Row: last}]
	x := &change{key: into.key, op: ch.op}
	for _, w := range ch.cells {
		y := w.write.copied()
		y.saw, y.row = sight{}, r.key.Row
		y.vals = m.sealedFor(r.table, r.table.Cells[w.cell], r.key.Row, last, y.vals)
		x.cells = append(x.cells, &cellWrite{w.cell, y})
	}
	if into.alive {
		m.write(seq, into, x)
		return
	}
	m.count("late write to a retired id, the survivor was deleted")
	m.toDead(seq, into, x)
}

// unite carries a merge into the model.
func (m *model) unite(seq int64, s *set, ch *change, table string) {
	d := ch.decide
	into := m.rows[replica.RowKey{Table: table, Row: d.Survivor}]
	for _, id := range d.Retired {
		r := m.rows[replica.RowKey{Table: table, Row: id}]
		for i, def := range r.table.Cells {
			if def.Policy != schema.PolicyCentral && !def.Derived && def.Name != schema.CellScope {
				m.absorb(s, ch, into, r, i)
			}
		}
	}
	for _, c := range into.cells {
		c.note(seq)
	}
	for _, id := range d.Retired {
		r := m.rows[replica.RowKey{Table: table, Row: id}]
		r.by, r.into = s.id, d.Survivor
		r.live(seq, false)
		m.point(seq, table, func(row *mrow, i int, w *write) *write {
			if w.vals[0].Str() != string(id) || len(row.cells[i].shows()) == 0 || row.cells[i].shows()[0].Str() != string(id) {
				return w
			}
			m.count("reference re-pointed")
			y := w.copied()
			y.was, y.named = w, append(slices.Clone(w.named), id)
			y.vals[0] = text(string(d.Survivor))
			return y
		})
	}
}

// absorb takes a retired row's cell into the survivor's. The small schema has reviewed and lww cells there.
func (m *model) absorb(s *set, ch *change, into, r *mrow, i int) {
	c, from := into.cells[i], r.cells[i]
	blank := func(vals []schema.Value) bool {
		return !slices.ContainsFunc(vals, func(v schema.Value) bool { return !v.IsNull() })
	}
	take := blank(c.shows()) && !blank(from.shows())
	for _, p := range ch.decide.Picks {
		if p.Cell == c.def.Name {
			take = p.Row == r.key.Row
		}
	}
	by := &write{id: s.id, at: s.at, saw: sight{writes: from.atSeq(ch.base).standing}, pin: ch.base}
	var chosen []schema.Value
	var fresh, waiting []*write
	for _, x := range from.surv {
		if x.stands && by.sees(x.write) {
			x.fate = "dismissed"
			chosen = m.sealedFor(r.table, c.def, r.key.Row, into.key.Row, x.vals)
			continue
		}
		y := x.copied()
		if y.row == "" {
			y.row = r.key.Row
		}
		y.saw = sight{}
		y.vals = m.sealedFor(r.table, c.def, r.key.Row, into.key.Row, y.vals)
		if x.stands {
			fresh = append(fresh, y)
		} else {
			waiting = append(waiting, y)
		}
	}
	if take && chosen != nil {
		c.merge(&write{id: s.id, at: s.at, vals: chosen, saw: sight{writes: c.atSeq(ch.base).standing}, pin: ch.base})
	}
	for _, y := range fresh {
		if take {
			m.count("merge picked what had changed since")
			c.merge(y)
		} else {
			waiting = append(waiting, y)
		}
	}
	for _, y := range waiting {
		m.count("candidate carried to the survivor")
		c.join(y)
	}
}

// join puts a write beside what somebody decided should stand.
func (c *mcell) join(w *write) {
	switch {
	case c.shows() == nil:
		c.merge(w)
	case slices.Equal(c.shows(), w.vals):
		w.fate = "converged"
		c.surv = append(c.surv, surv{w, true})
	case c.def.Policy == schema.PolicyReview:
		w.fate = "loser"
		c.surv = append(c.surv, surv{w, false})
	default:
		w.fate = "loser"
	}
}

// split lets retired rows live again as they were, and gives them what names them and was not written since.
func (m *model) split(seq int64, s *set, d *se.Decision, table string) {
	for _, id := range d.Retired {
		r := m.rows[replica.RowKey{Table: table, Row: id}]
		last, _ := m.last(table, id)
		m.restored(s, r)
		r.live(seq, true)
		r.into = ""
		for _, x := range r.cands {
			r.cells[x.cell].late(x, seq)
		}
		r.cands = nil
		for _, c := range r.cells {
			c.note(seq)
		}
		m.point(seq, table, func(row *mrow, i int, w *write) *write {
			gone := slices.ContainsFunc(row.cells[i].surv, func(x surv) bool { return x.stands && !slices.Contains(x.named, id) })
			if !slices.Contains(w.named, id) || w.vals[0].Str() != string(last) || gone && row.cells[i].stands(w) {
				return w
			}
			m.count("reference given back by a split")
			y := w.copied()
			y.was = w
			y.vals[0] = text(string(id))
			return y
		})
		m.unnamed(id)
	}
}

func (c *mcell) stands(w *write) bool {
	return slices.ContainsFunc(c.surv, func(x surv) bool { return x.write == w && x.stands })
}

// restored makes what a row showed when it ended one write of whoever lets it live again.
func (m *model) restored(s *set, r *mrow) {
	for _, c := range r.cells {
		values := c.shows()
		c.surv = nil
		if values != nil {
			c.surv = []surv{{m.now(c.def, &write{id: s.id, at: s.at, vals: values, fate: "stands"}), true}}
		}
	}
}

// point puts other writes in the place of those of live rows that refer to a record type.
func (m *model) point(seq int64, table string, to func(*mrow, int, *write) *write) {
	for _, k := range m.order {
		r := m.rows[k]
		for i, def := range r.table.Cells {
			if !r.alive || def.Columns[0].Ref != table {
				continue
			}
			c, now := r.cells[i], slices.Clone(r.cells[i].surv)
			for j := range now {
				now[j].write = to(r, i, c.surv[j].write)
			}
			if !slices.Equal(now, c.surv) {
				c.surv = now
				c.note(seq)
			}
		}
	}
}

// unnamed forgets that writes once named a row that lives again.
func (m *model) unnamed(id se.RowID) {
	drop := func(w *write) {
		w.named = slices.DeleteFunc(slices.Clone(w.named), func(x se.RowID) bool { return x == id })
	}
	for _, k := range m.order {
		for _, c := range m.rows[k].cells {
			for _, x := range c.surv {
				drop(x.write)
			}
		}
		for _, x := range m.rows[k].cands {
			drop(x.w)
		}
	}
}

// sealedFor gives a sealed value as it is to be in another row.
func (m *model) sealedFor(t *schema.Table, def *schema.Cell, from, to se.RowID, vals []schema.Value) []schema.Value {
	if t.Name != sealedTable || def.Name != sealedColumn || len(vals) == 0 || vals[0].IsNull() {
		return vals
	}
	text, err := m.ring().Open(t.Name, def.Name, string(from), vals[0].Bytes())
	if err != nil {
		m.bad("sealed", "%s of %s cannot be opened: %v", def.Name, from, err)
		return vals
	}
	b, _ := m.ring().Seal(t.Name, def.Name, string(to), text)
	return []schema.Value{schema.Blob(b)}
}

// leads checks that a row names no id that was merged into another one.
func (o *oracle) leads(k replica.RowKey, row *se.Row) {
	t := o.schema.Table(k.Table)
	if row == nil {
		return
	}
	for _, col := range t.Columns {
		if col.Type != schema.TypeRef {
			continue
		}
		v := shown(t, row, col.Name)
		if last, path := o.model.last(col.Ref, se.RowID(v.Str())); len(path) > 0 {
			o.bad("references", "%s %s.%s is %s, which was merged into %s%s", k.Table, k.Row, col.Name, v.Str(), last, o.tell(k.Table, k.Row))
		}
	}
}
