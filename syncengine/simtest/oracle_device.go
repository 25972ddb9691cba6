package simtest

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// settle looks which verdicts became durable on the device and which of its own work the cursor contains.
func (o *oracle) settle(d *watch, tx replica.Tx) {
	for n := int64(1); n <= d.lastN && len(d.unfiled) > 0; n++ {
		s := d.unfiled[n]
		if s == nil {
			continue
		}
		v, _ := tx.Verdict(n)
		kept, _ := tx.Sealed(n)
		switch {
		case v == nil && kept == nil:
			o.bad("P1", "%s forgot changeset %d without a verdict", d.id, n)
		case v == nil:
			continue
		case kept != nil:
			o.bad("P7", "%s has the verdict on %d and still the changeset in its outbox", d.id, n)
		}
		delete(d.unfiled, n)
		s.filed = true
		if c, ok := o.verdicts[s.id]; !ok {
			o.bad("P1", "%s heard a verdict on %d that is not durable at the centre", d.id, n)
		} else if !sameVerdict(&c, v) && !(o.purges(tx, n) && sameVerdict(withoutCells(&c), v)) {
			o.bad("P2", "%s heard %v on %d, the centre's verdict is %v", d.id, v.Kind, n, c.Kind)
		}
		if !v.Kind.Effective() {
			d.end(s)
			if v.Reason == nil || v.Reason.Code == "" {
				o.bad("P7", "%s: changeset %d was refused without a reason", d.id, n)
			}
		} else if !s.contained(d.cursor) {
			o.w.count("verdict before the delta")
		}
	}
}

// purges tells whether the replica is removing, or has just removed, what it wrote up to n in scopes that are lost.
func (o *oracle) purges(tx replica.Tx, n int64) bool {
	ctl, _ := tx.Control()
	return ctl.Leaving.State != replica.LeavingNothing && n <= ctl.Leaving.N
}

func withoutCells(v *se.Verdict) *se.Verdict {
	c := *v
	c.Conflicts = blanked(v.Conflicts)
	return &c
}

func sameVerdict(a, b *se.Verdict) bool {
	return a.N == b.N && a.Hash == b.Hash && a.Kind == b.Kind && a.Seq == b.Seq && a.Epoch == b.Epoch &&
		(a.Reason == nil) == (b.Reason == nil) && slices.Equal(a.Conflicts, b.Conflicts)
}

// contained tells whether a replica at a cursor holds what a set did.
func (s *set) contained(cursor se.Base) bool {
	return s.verdict != nil && s.verdict.Kind.Effective() && s.verdict.Seq <= cursor.Seq
}

// end takes a set out of what the replica has to show over the centre's rows.
func (d *watch) end(s *set) {
	for i := range s.changes {
		k := s.changes[i].key
		list := slices.DeleteFunc(d.inForce[k], func(x *set) bool { return x == s })
		if len(list) == 0 {
			delete(d.inForce, k)
		} else {
			d.inForce[k] = list
		}
	}
}

// moved checks the replica after its cursor moved: it must hold what the centre held at that seq (P10, P4).
func (o *oracle) moved(d *watch, tx replica.Tx, ctl *replica.Control) {
	now := se.Base{Epoch: ctl.Epoch, Seq: ctl.Cursor}
	if now == d.cursor && (ctl.View == d.view || ctl.View == "") {
		return
	}
	if now.Less(d.cursor) {
		o.bad("P10", "the cursor of %s went back from %v to %v", d.id, d.cursor, now)
		return
	}
	from, whole := d.cursor.Seq, ctl.View != d.view
	d.cursor, d.view = now, ctl.View
	for _, s := range d.sets {
		if s.contained(now) && slices.ContainsFunc(s.changes, func(c change) bool { return slices.Contains(d.inForce[c.key], s) }) {
			if !s.filed {
				o.w.count("overlay ended by last n before the verdict came")
			}
			d.end(s)
		}
	}
	o.w.count("step applied")
	if !slices.Contains(o.heads, now.Seq) && now.Seq != 0 {
		o.bad("P10", "the cursor of %s is %d, which never was a head", d.id, now.Seq)
	}
	if whole {
		o.w.count("snapshot applied")
		if len(d.inForce) > 0 {
			o.w.count("snapshot under pending edits")
		}
		o.replicaEquals(d, tx, now.Seq)
		return
	}
	keys := slices.Clone(d.node.touched())
	for i := len(o.heads) - 1; i >= 0 && o.heads[i] > from; i-- {
		if o.heads[i] <= now.Seq {
			keys = append(keys, o.changed[o.heads[i]]...)
		}
	}
	slices.SortFunc(keys, compareKeys)
	for _, k := range slices.Compact(keys) {
		o.rowEquals(d, tx, k, now.Seq)
	}
}

// at gives a row of the centre as a head left it.
func (o *oracle) at(k replica.RowKey, seq int64) *se.Row {
	list := o.versions[k]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].seq <= seq {
			return list[i].row
		}
	}
	return nil
}

// replicaEquals compares every row: what the centre's view shows at the seq, and nothing else, is there.
func (o *oracle) replicaEquals(d *watch, tx replica.Tx, seq int64) int {
	shown := 0
	for _, t := range o.schema.Tables {
		ids, _ := tx.RowIDs(t)
		under, _ := tx.UnderIDs(t)
		for _, id := range append(ids, under...) {
			o.rowEquals(d, tx, replica.RowKey{Table: t.Name, Row: id}, seq)
		}
	}
	for _, k := range o.model.order {
		if o.rowEquals(d, tx, k, seq) {
			shown++
		}
	}
	return shown
}

// rowEquals compares the centre's row as the replica keeps it with the projection of the centre's at a seq.
func (o *oracle) rowEquals(d *watch, tx replica.Tx, k replica.RowKey, seq int64) (shown bool) {
	if d.node.rotten[k] {
		return false
	}
	t := o.schema.Table(k.Table)
	got, kept, _ := tx.Under(t, k.Row)
	if !kept {
		got, _ = tx.Row(t, k.Row)
		if d.open[k] != nil {
			return false // written by a program and not yet sealed
		}
	}
	want := project(t, o.views[d.id][d.view], o.at(k, seq), o.w.now)
	if (got == nil) != (want == nil) {
		o.bad("P4", "%s at %d: %s %s is held: %v, should be: %v%s", d.id, seq, k.Table, k.Row, got != nil, want != nil, o.tell(k.Table, k.Row))
		return want != nil
	}
	for i, def := range t.Cells {
		if got != nil && !def.Derived && !slices.Equal(got[i], want[i]) {
			o.bad("P10", "%s at %d: %s %s.%s is %v, the centre has %v%s", d.id, seq, k.Table, k.Row, def.Name, got[i], want[i], o.tell(k.Table, k.Row))
		}
	}
	return want != nil
}

// project is what a principal sees of a row at the centre: an implementation of its own. Of several roles in a scope
// each adds what it shows.
func project(t *schema.Table, p *se.Principal, row *se.Row, now int64) replica.Image {
	if row == nil || p == nil {
		return nil
	}
	grants := activeAt(p.Grants, now)
	if !shows(t, p.Account, grants, row) {
		return nil
	}
	out := newImage(t)
	for _, g := range grants {
		view := t.Views[g.Role]
		if g.Scope != row.Scope || view == nil {
			continue
		}
		for i, def := range t.Cells {
			values := row.Cells[i].Values(def)
			for j, c := range def.Columns {
				if !slices.Contains(view.Hidden, c.Name) && (out[i][j].IsNull() || view.Masks[c.Name] == schema.MaskNone) {
					out[i][j] = view.Masks[c.Name].Apply(values[j])
				}
			}
		}
	}
	return out
}

// visible checks what programs see of rows just touched: the device's own work on its way lies over the centre's
// rows, and no token is torn.
func (o *oracle) visible(d *watch, tx replica.Tx) {
	for _, k := range d.node.touched() {
		if token, ok := o.tokenOf[k]; ok {
			o.token(d, tx, token)
		}
		if d.open[k] != nil || d.node.rotten[k] {
			continue
		}
		o.rowEquals(d, tx, k, d.cursor.Seq)
		o.overlaid(d, tx, k)
	}
}

func (o *oracle) token(d *watch, tx replica.Tx, token string) {
	seen, sum := 0, int64(0)
	rows := o.tokens[token]
	t := o.schema.Table("entry")
	for _, k := range rows {
		if d.node.rotten[k] {
			return
		}
		if row, _ := tx.Row(t, k.Row); row != nil {
			seen++
			sum += row[t.CellIndex("amount")][0].Int64()
		}
	}
	if seen != 0 && (seen != len(rows) || sum != 0) {
		o.bad("P3", "%s shows %d of the %d rows of token %s, sum %d", d.id, seen, len(rows), token, sum)
	}
}

// overlaid checks that a row shows the centre's values with the device's own edits on top.
func (o *oracle) overlaid(d *watch, tx replica.Tx, k replica.RowKey) {
	sets := d.inForce[k]
	for _, s := range sets {
		if s.verdict != nil && !s.verdict.Kind.Effective() {
			return // ends with the verdict or the next delta, whichever comes first
		}
	}
	t := o.schema.Table(k.Table)
	under, kept, _ := tx.Under(t, k.Row)
	got, _ := tx.Row(t, k.Row)
	if !kept {
		under = got
	}
	if kept != (len(sets) > 0) {
		o.bad("overlay", "%s keeps the centre's %s %s: %v, with %d own changesets on it", d.id, k.Table, k.Row, kept, len(sets))
		return
	}
	if !kept {
		return
	}
	if under == nil && sets[0].on(k).op == se.OpUpdate {
		o.w.count("row gone under a pending edit")
	}
	want := d.laid(t, k, under)
	if (got == nil) != (want == nil) {
		o.bad("overlay", "%s shows %s %s: %v, should: %v", d.id, k.Table, k.Row, got != nil, want != nil)
		return
	}
	for i, def := range t.Cells {
		if got != nil && !def.Derived && !slices.Equal(got[i], want[i]) {
			o.bad("overlay", "%s shows %v in %s %s.%s, should show %v", d.id, got[i], k.Table, k.Row, def.Name, want[i])
		}
	}
}

// laid gives the centre's row with the device's own edits on top.
func (d *watch) laid(t *schema.Table, k replica.RowKey, under replica.Image) replica.Image {
	want := cloneImage(under)
	for _, s := range d.inForce[k] {
		ch := s.on(k)
		switch {
		case ch.op == se.OpDelete:
			want = nil
			continue
		case ch.op == se.OpInsert && want == nil:
			want = newImage(t)
		case want == nil:
			continue
		}
		for _, w := range ch.cells {
			want[w.cell] = lay(t.Cells[w.cell], want[w.cell], w.write)
		}
	}
	return want
}

func lay(def *schema.Cell, under []schema.Value, w *write) []schema.Value {
	switch {
	case !w.op:
		return w.vals
	case def.Policy == schema.PolicyAdd:
		return []schema.Value{addValues(under[0], w.add)}
	}
	list, _ := se.SetOf(under[0])
	list = slices.DeleteFunc(slices.Clone(list), func(e string) bool { return slices.Contains(w.out, e) })
	return []schema.Value{schema.Text(schema.FormatSet(append(list, w.in...)))}
}
