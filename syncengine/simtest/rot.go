package simtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Rotter is a Device whose content can be changed behind everybody's back: no trigger fires, no hook is called.
type Rotter interface {
	Rot(fn func(replica.Tx) error) error
}

// Rot implements Rotter.
func (m *MemDevice) Rot(fn func(replica.Tx) error) error {
	hook := m.hook
	m.hook = nil
	defer func() { m.hook = hook }()
	return m.Update(fn)
}

// decay is the fault "bit rot" and the checks that find it. It has a PRNG of its own: worlds without it are as they were.
type decay struct {
	w     *World
	rng   *rand.Rand
	on    bool
	words int
}

func newDecay(w *World) *decay {
	rng := rand.New(rand.NewPCG(w.seed, 0x307))
	return &decay{w: w, rng: rng, on: rng.IntN(2) == 0}
}

func (d *decay) between(lo, hi int64) int64 { return lo + d.rng.Int64N(hi-lo+1) }

// begin lets replicas rot and be checked from time to time.
func (d *decay) begin() {
	if !d.on {
		return
	}
	d.w.after(d.between(5000, 30_000), d.strike)
	d.w.after(d.between(1000, 20_000), d.verify)
	d.w.after(d.between(3000, 12_000), d.held)
}

// verify lets a device compare itself with the centre, or go on with what waits.
func (d *decay) verify() {
	if d.w.calm {
		return
	}
	d.w.after(d.between(200, 4000), d.verify)
	d.w.nodes[d.rng.IntN(len(d.w.nodes))].verify()
}

// calm checks every device until its replica is found equal.
func (d *decay) calm() {
	if !d.on {
		return
	}
	for _, n := range d.w.nodes {
		if !n.equal {
			n.verify()
		}
	}
	d.w.after(3000, d.calm)
}

func (n *node) verify() {
	for _, c := range slices.Clone(n.conns) {
		if !c.devOpen || n.slowUntil > n.w.now {
			continue
		}
		n.w.trace("verify", int64(n.i))
		dead, err := n.run(func() error {
			out, err := c.dev.Check()
			for _, m := range out {
				c.sendUp(m)
			}
			return err
		})
		if err != nil && !dead {
			n.failed(err)
			n.drop(c)
		}
		return
	}
}

// strike spoils a row of a replica on which nothing waits to be sealed.
func (d *decay) strike() {
	if d.w.calm {
		return
	}
	d.w.after(d.between(3000, 20_000), d.strike)
	n := d.w.nodes[d.rng.IntN(len(d.w.nodes))]
	if busy := d.busy(); len(busy) > 0 && d.rng.IntN(2) == 0 {
		// Where work is on its way, and checked at once: a repair has to leave it alone.
		n = busy[d.rng.IntN(len(busy))]
		defer n.verify()
	}
	r, ok := n.dev.(Rotter)
	if !ok || len(d.w.oracle.devices[n.id].order) > 0 {
		return
	}
	for range 1 + d.rng.IntN(3) {
		if err := r.Rot(func(tx replica.Tx) error { return d.spoil(n, tx) }); err != nil {
			d.w.oracle.bad("device", "%s: rot: %v", n.id, err)
		}
	}
}

// busy lists devices that talk with the centre and have work on its way.
func (d *decay) busy() []*node {
	var out []*node
	for _, n := range d.w.nodes {
		if len(n.conns) > 0 && len(d.w.oracle.devices[n.id].inForce) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// spoil changes one row.
func (d *decay) spoil(n *node, tx replica.Tx) error {
	tables := d.w.schema.Tables
	t := tables[d.rng.IntN(len(tables))]
	shown, err := tx.RowIDs(t)
	if err != nil {
		return err
	}
	kept, err := tx.UnderIDs(t)
	if err != nil {
		return err
	}
	ids := slices.Compact(slices.Sorted(slices.Values(slices.Concat(shown, kept))))
	if len(ids) == 0 {
		return nil
	}
	id := ids[d.rng.IntN(len(ids))]
	if len(kept) > 0 && d.rng.IntN(2) == 0 {
		id = kept[d.rng.IntN(len(kept))]
	}
	k := replica.RowKey{Table: t.Name, Row: id}
	row, err := tx.Row(t, id)
	if err != nil || n.rotten[k] {
		return err
	}
	under, pending, err := tx.Under(t, id)
	if err != nil {
		return err
	}
	what := ""
	switch x := d.rng.IntN(10); {
	case pending && under != nil && x < 5:
		what, err = "under a pending edit", tx.PutUnder(t, id, d.scribble(t, under))
	case pending && row != nil:
		what, err = "over a pending edit", tx.PutRow(t, id, d.scribble(t, row))
	case pending || row == nil:
		return nil
	case x < 4:
		what, err = "value", tx.PutRow(t, id, d.scribble(t, row))
	case x < 6:
		what, err = "row dropped", tx.DeleteRow(t, id)
	case x < 7:
		row[t.CellIndex(schema.CellScope)][0] = text([]string{"A", "B", "Z"}[d.rng.IntN(3)])
		what, err = "scope", tx.PutRow(t, id, row)
	case x < 8 && t.StepsBy != nil:
		row[t.CellIndex(t.CellOf(t.StepsBy.Steps.State).Name)][0] = text("done")
		what, err = "derived state", tx.PutRow(t, id, row)
		n.wrongState = true
	default:
		k.Row = se.RowID(fmt.Sprintf("%08x-0000-7000-9000-%012x", d.rng.Uint32(), d.rng.IntN(1<<30)))
		what, err = "foreign row", tx.PutRow(t, k.Row, row)
	}
	if err != nil {
		return err
	}
	d.w.faults++
	d.w.count("rot: " + what)
	d.w.trace("rot", int64(n.i))
	n.equal = false
	if what != "derived state" {
		n.rotten[k] = true
	}
	// From a spoilt step, or one that is gone, a wrong state is derived, and stays for a while when the step is mended.
	n.wrongState = n.wrongState || t.Steps != nil || t.StepsBy != nil
	return nil
}

// scribble writes something else into one to three cells, of those too that the centre alone writes.
func (d *decay) scribble(t *schema.Table, row replica.Image) replica.Image {
	out := cloneImage(row)
	for range 1 + d.rng.IntN(3) {
		i := d.rng.IntN(len(t.Cells))
		if t.Cells[i].Derived || t.Cells[i].Name == schema.CellScope {
			continue
		}
		j := d.rng.IntN(len(t.Cells[i].Columns))
		d.words++
		switch t.Cells[i].Columns[j].Type.Kind() {
		case schema.KindInt:
			out[i][j] = schema.Int(int64(7_000_000 + d.words))
		case schema.KindReal:
			out[i][j] = schema.Real(float64(d.words) + 0.5)
		case schema.KindBlob:
			out[i][j] = schema.Blob(fmt.Appendf(nil, "rot %d", d.words))
		default:
			if out[i][j] = text(fmt.Sprintf("rot %d", d.words)); t.Cells[i].Policy == schema.PolicyUnion {
				out[i][j] = text(`["rot"]`)
			}
		}
	}
	return out
}

// touches tells whether work would build on what is rotten here: the oracle knows what a person saw by the cursor, which
// says nothing true of such rows.
func (n *node) touches(j *job) bool {
	if j.steps && (n.wrongState || slices.ContainsFunc(slices.Collect(maps.Keys(n.rotten)), func(k replica.RowKey) bool { return k.Table == "move" || k.Table == "matter" })) {
		return true
	}
	for k := range n.rotten {
		for _, st := range j.Statements {
			if st.Row == k.Row || slices.ContainsFunc(st.Set, func(a Assign) bool { return a.Value == text(string(k.Row)) }) {
				return true
			}
		}
	}
	return false
}

// heal forgets rows that hold again what they should: a delta or a snapshot may have brought them.
func (o *oracle) heal(d *watch, tx replica.Tx) {
	for _, k := range slices.SortedFunc(maps.Keys(d.node.rotten), compareKeys) {
		if o.sound(d, tx, k) {
			delete(d.node.rotten, k)
		}
	}
}

// sound tells whether a replica keeps of a row what the centre has at the cursor and shows it, with its own edits on top.
func (o *oracle) sound(d *watch, tx replica.Tx, k replica.RowKey) bool {
	t := o.schema.Table(k.Table)
	got, kept, _ := tx.Under(t, k.Row)
	shown, _ := tx.Row(t, k.Row)
	if !kept {
		got = shown
	}
	want := project(t, o.views[d.id][d.view], o.at(k, d.cursor.Seq), o.w.now)
	if !sameRow(t, got, want) {
		return false
	}
	for _, s := range d.inForce[k] {
		if s.verdict != nil && !s.verdict.Kind.Effective() {
			return false // about to end
		}
	}
	return !kept || sameRow(t, shown, d.laid(t, k, got))
}

func sameRow(t *schema.Table, a, b replica.Image) bool {
	if a == nil || b == nil {
		return (a == nil) == (b == nil)
	}
	for i, def := range t.Cells {
		if !def.Derived && !slices.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// watchedEnd is a device's half of a session under the oracle's eyes: what a repair may do, and what it may not.
type watchedEnd struct {
	session.Replica
	n *node
}

// state is what a replica holds, for comparing.
type state struct {
	rows     map[replica.RowKey]replica.Image // as shown
	centres  map[replica.RowKey]replica.Image // kept under pending edits, else shown
	outbox   []se.Hash
	pending  map[replica.RowKey]int
	captured int
	ctl      replica.Control
}

func (n *node) state() *state {
	s := &state{rows: map[replica.RowKey]replica.Image{}, centres: map[replica.RowKey]replica.Image{}, pending: map[replica.RowKey]int{}}
	_ = n.dev.View(func(tx replica.Tx) error {
		for _, t := range n.w.schema.Tables {
			ids, _ := tx.RowIDs(t)
			for _, id := range ids {
				row, _ := tx.Row(t, id)
				k := replica.RowKey{Table: t.Name, Row: id}
				s.rows[k], s.centres[k] = row, row
			}
			ids, _ = tx.UnderIDs(t)
			for _, id := range ids {
				row, _, _ := tx.Under(t, id)
				k := replica.RowKey{Table: t.Name, Row: id}
				if delete(s.centres, k); row != nil {
					s.centres[k] = row
				}
			}
		}
		out, _ := tx.Outbox(0, 1<<20)
		for _, cs := range out {
			s.outbox = append(s.outbox, cs.Hash())
		}
		keys, _ := tx.PendingUpTo(1, 1<<62)
		for _, k := range keys {
			list, _ := tx.Pending(n.w.schema.Table(k.Table), k.Row)
			s.pending[k] = len(list)
		}
		caps, _ := tx.Captured()
		s.captured = len(caps)
		s.ctl, _ = tx.Control()
		return nil
	})
	return s
}

// changed lists the rows that are not the same in two states, but for derived states.
func changed(s *schema.Schema, a, b map[replica.RowKey]replica.Image) []replica.RowKey {
	var out []replica.RowKey
	for k := range a {
		if !sameRow(s.Table(k.Table), a[k], b[k]) {
			out = append(out, k)
		}
	}
	for k := range b {
		if a[k] == nil {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, compareKeys)
	return out
}

// Scopes implements session.Replica: what a replica mends by itself was rotten.
func (e *watchedEnd) Scopes() ([]string, int, error) {
	n := e.n
	before := n.state()
	out, local, err := e.Replica.Scopes()
	if err != nil {
		return out, local, err
	}
	after := n.state()
	if before.captured == 0 {
		for _, k := range changed(n.w.schema, before.rows, after.rows) {
			if !n.rotten[k] {
				n.w.oracle.bad("P12", "%s mended %s %s by itself, which was not rotten", n.id, k.Table, k.Row)
			}
		}
		if local > 0 && len(n.rotten) == 0 && !n.wrongState {
			n.w.oracle.bad("P12", "%s mended %d rows by itself, and none was rotten", n.id, local)
		}
	}
	if local > 0 {
		n.w.count("rot mended by the replica itself")
	}
	n.wrongState = n.wrongState && len(n.rotten) > 0
	e.untouched(before, after)
	return out, local, nil
}

// Repair implements session.Replica: only what was rotten is changed, and to what the centre has.
func (e *watchedEnd) Repair(check *se.Check, items []se.DeltaItem, covered []se.Covered) (int, bool, error) {
	n, o := e.n, e.n.w.oracle
	before := n.state()
	mended, current, err := e.Replica.Repair(check, items, covered)
	if err != nil {
		return mended, current, err
	}
	if !current {
		n.w.count("repair came too late")
		return mended, current, nil
	}
	after := n.state()
	e.untouched(before, after)
	if mended == 0 {
		o.bad("P12", "%s: buckets differed, and no row in them did", n.id)
	}
	list := changed(n.w.schema, before.centres, after.centres)
	if before.captured == 0 && len(list) != mended {
		o.bad("P12", "%s repaired %d rows and says %d", n.id, len(list), mended)
	}
	for _, k := range list {
		if after.pending[k] > 0 {
			n.w.count("repaired under a pending edit")
		}
		if before.captured == 0 && !n.rotten[k] {
			o.bad("P12", "%s: %s %s was repaired and had not rotted: was %v, is %v", n.id, k.Table, k.Row, before.centres[k], after.centres[k])
		}
	}
	n.w.count("repaired")
	if len(after.outbox) > 0 {
		n.w.count("repaired with work on its way")
	}
	return mended, current, nil
}

// untouched checks that outbox and cursor are as they were; what other programs had written may have been sealed.
func (e *watchedEnd) untouched(before, after *state) {
	o := e.n.w.oracle
	if len(after.outbox) < len(before.outbox) || !slices.Equal(after.outbox[:len(before.outbox)], before.outbox) ||
		before.captured == 0 && len(after.outbox) != len(before.outbox) {
		o.bad("P12", "%s: a repair changed the outbox", e.n.id)
	}
	if before.captured == 0 && !maps.Equal(before.pending, after.pending) {
		o.bad("P12", "%s: a repair changed what lies over the centre's rows", e.n.id)
	}
	if before.ctl.Base() != after.ctl.Base() || before.ctl.View != after.ctl.View || before.ctl.Acked != after.ctl.Acked {
		o.bad("P12", "%s: a repair moved the cursor", e.n.id)
	}
}

// Checked implements session.Replica.
func (e *watchedEnd) Checked(r se.CheckReport) (se.CheckReport, error) {
	n := e.n
	n.putRight += int64(r.Repaired + r.Local)
	out, err := e.Replica.Checked(r)
	if err != nil {
		return out, err
	}
	switch {
	case r.Unmended:
		n.w.oracle.bad("P12", "%s was not mended by repairs", n.id)
	case !r.Differed():
		n.w.count("check found nothing")
		n.equal = len(n.rotten) == 0
	}
	if out.Stopped {
		n.w.count("many repairs raised an alarm")
	}
	return out, nil
}

// verify answers a Check.
func (o *office) verify(c *conn, e *session.Verify) {
	var list []se.Repair
	e.Request.Now = o.w.now // as the centre does: a grant may have ended since it was asked
	if err := o.w.store.View(func(tx se.ReadTx) (err error) {
		list, err = o.w.engine.Check(tx, o.memo, e.Request)
		return err
	}); err != nil {
		o.w.oracle.bad("centre", "check for %s: %v", c.n.id, err)
		return
	}
	o.w.oracle.answered(c.n, list)
	o.do(c, c.cen.Verified(list))
}

// answered checks what the centre answers: rows that the person may see, as he may see them.
func (o *oracle) answered(n *node, list []se.Repair) {
	for _, r := range list {
		if r.Stale {
			o.w.count("check answered: stale")
		}
		if r.More {
			o.w.count("repair in several answers")
		}
		if r.Part > 1 {
			o.w.count("repair in several parts")
		}
		for _, it := range r.Items {
			t := o.schema.Table(it.Table)
			want := project(t, n.principal, o.at(replica.RowKey{Table: it.Table, Row: it.Row}, o.head.Seq), o.w.now)
			got := newImage(t)
			for _, c := range it.Cells {
				got[t.CellIndex(c.Cell)] = c.Values
			}
			if want == nil || !sameRow(t, got, want) {
				o.bad("P8", "%s was answered %s %s: %v, may see %v", n.id, it.Table, it.Row, got, want)
			}
		}
	}
}
