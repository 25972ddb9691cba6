package simtest

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// oracle keeps its own history of a world and says what broke a promise. It watches what programs do to replicas and
// what they show, what the centre commits, and every message; it never asks the engine why.
type oracle struct {
	w       *World
	schema  *schema.Schema
	model   *model
	devices map[string]*watch // by device id
	watches []*watch

	heads     []int64 // seqs of committed heads, in order
	changed   map[int64][]replica.RowKey
	versions  map[replica.RowKey][]version // the centre's rows by committed head
	lain      map[replica.RowKey][]lain    // every place that a row was ever put, each once
	stamps    map[int64]hlc.Timestamp      // the county's clock by committed head
	conflicts map[string]*se.Conflict
	compared  int // how often an open one was held against what is expected
	reasons   reasons
	openBy    map[se.ConflictKey]string
	verdicts  map[se.WriteID]se.Verdict // committed
	entries   map[se.WriteID]int64
	audits    []audited // what the audit log must tell, in order
	arrivals  []arrival // when commits came
	stood     []stood   // where rows were, for those who read their history
	quarant   map[se.WriteID]*se.Quarantined
	views     map[string]map[string]*se.Principal // device, view id
	tokens    map[string][]replica.RowKey
	tokenOf   map[replica.RowKey]string
	head      se.Head
	lastAt    map[string]int64
	finding   string
	tellings  map[string]*telling            // by device
	arrived   map[se.WriteID]int64           // when a changeset that was judged had arrived
	offered   map[se.WriteID][]se.Submission // what a group to be committed holds of it
	where     map[string][]replica.RowKey    // rows in which each unique value lies
	apart     map[[2]se.RowID]bool           // rows that somebody found to be different things
}

// version is a row of the centre as a committed head left it; nil = not there.
type version struct {
	seq int64
	row *se.Row
}

// watch is what the oracle knows of one device.
type watch struct {
	id       string
	account  string
	node     *node
	lastN    int64
	hlc      hlc.Timestamp
	cursor   se.Base
	view     string // that the cursor was for when it was last moved
	open     map[replica.RowKey]*touch
	order    []replica.RowKey
	sets     []*set // n-1
	own      map[cellKey][]ownWrite
	inForce  map[replica.RowKey][]*set // sets not yet contained in the cursor nor refused, by row
	unfiled  map[int64]*set
	told     map[int64]bool // verdicts that left the centre
	drain    int64          // its last n when it was last told that something ended
	attempts []se.Code      // refusals asked for since the last seal
	steps    bool

	replacing int64 // the refused changeset that a program takes up
}

type cellKey struct {
	replica.RowKey
	cell int
}

type ownWrite struct {
	*cellWrite
	set *set
}

// touch is a row as programs wrote it since the last seal.
type touch struct {
	before, after replica.Image
	saw           []sight
	gone          []sight // what a deletion counts as having seen: the lowest that is pending on the row
	pins          []int64 // cursor at which each cell was read, or an edit under way was made
}

func newOracle(w *World) *oracle {
	o := &oracle{
		w: w, schema: w.schema, devices: map[string]*watch{}, changed: map[int64][]replica.RowKey{},
		versions: map[replica.RowKey][]version{}, lain: map[replica.RowKey][]lain{}, stamps: map[int64]hlc.Timestamp{}, conflicts: map[string]*se.Conflict{},
		openBy: map[se.ConflictKey]string{}, verdicts: map[se.WriteID]se.Verdict{}, entries: map[se.WriteID]int64{},
		quarant: map[se.WriteID]*se.Quarantined{}, views: map[string]map[string]*se.Principal{}, tokens: map[string][]replica.RowKey{},
		tokenOf: map[replica.RowKey]string{}, lastAt: map[string]int64{}, apart: map[[2]se.RowID]bool{},
		tellings: map[string]*telling{}, arrived: map[se.WriteID]int64{}, offered: map[se.WriteID][]se.Submission{}, where: map[string][]replica.RowKey{},
	}
	o.reasons = reasons{given: map[int64]string{}, heard: map[string][]int64{}}
	o.model = &model{
		schema: w.schema, rows: map[replica.RowKey]*mrow{}, idem: map[string]se.RowID{}, cases: map[se.RowID]*mcase{},
		bad: o.bad, count: w.count, ring: func() *seal.Ring { return w.seals.ring },
	}
	return o
}

// bad notes the first broken promise; nothing after it means anything.
func (o *oracle) bad(promise, format string, args ...any) {
	if o.finding == "" {
		o.finding = promise + ": " + fmt.Sprintf(format, args...)
	}
}

func (o *oracle) watch(id, account string, n *node) {
	d := &watch{
		id: id, account: account, node: n, open: map[replica.RowKey]*touch{}, own: map[cellKey][]ownWrite{},
		inForce: map[replica.RowKey][]*set{}, unfiled: map[int64]*set{},
	}
	o.devices[id] = d
	o.watches = append(o.watches, d)
	o.views[id] = map[string]*se.Principal{}
}

// writing is called before a program's transaction, with the replica as it is. It gives the rows that will be new.
func (o *oracle) writing(d *watch, tx replica.Tx, keys []replica.RowKey, form *form) {
	for _, k := range keys {
		if d.open[k] != nil {
			continue
		}
		t := o.schema.Table(k.Table)
		row, _ := tx.Row(t, k.Row)
		x := &touch{before: row, after: row}
		x.saw, x.pins = o.sights(d, k, row)
		if form != nil && form.key == k {
			x.saw, x.pins = form.saw, form.pins
		}
		x.gone = o.goneSights(d, k, row, x)
		d.open[k] = x
		d.order = append(d.order, k)
	}
}

// undone is called when the transaction failed: rows that it was the first to touch are as they were.
func (o *oracle) undone(d *watch, had int) {
	for _, k := range d.order[had:] {
		delete(d.open, k)
	}
	d.order = d.order[:had]
}

// wrote is called after a program's transaction took effect.
func (o *oracle) wrote(d *watch, tx replica.Tx, keys []replica.RowKey) {
	for _, k := range keys {
		row, _ := tx.Row(o.schema.Table(k.Table), k.Row)
		d.open[k].after = row
	}
}

// sights gives what the device's person sees of each cell of a row: his own edit that is on its way, else what the
// centre's value at the cursor stood for.
func (o *oracle) sights(d *watch, k replica.RowKey, row replica.Image) (out []sight, pins []int64) {
	t := o.schema.Table(k.Table)
	r := o.model.rows[k]
	out, pins = make([]sight, len(t.Cells)), make([]int64, len(t.Cells))
	sets := d.inForce[k]
	fresh, gone := false, (*change)(nil) // an own insert, an own deletion on the way
	over := (*change)(nil)               // the deletion after which the own insert came
	for _, s := range sets {
		if ch := s.on(k); ch != nil {
			if row != nil && ch.op == se.OpDelete && s.verdict != nil && !s.verdict.Kind.Effective() {
				continue // refused, and a delta has shown the row again before the verdict came
			}
			switch ch.op {
			case se.OpInsert:
				fresh, over, gone = true, gone, nil
			case se.OpDelete:
				gone = ch
			}
		}
	}
	for i, def := range t.Cells {
		if def.Policy == schema.PolicyCentral || def.Derived {
			continue
		}
		if own := d.overlay(k, i, row); own != nil && !own.op && row != nil {
			out[i].writes = append(append(out[i].writes, own.write), own.saw.writes...)
			pins[i] = own.pin
			continue
		}
		pins[i] = d.cursor.Seq
		switch {
		case gone != nil:
			out[i], pins[i] = gone.saw[i], gone.pin
			continue
		case fresh, row == nil, r == nil, d.cursor.Seq == 0, !o.reads(d, t, def, k, row):
			pins[i] = 0
			if fresh && over != nil { // he had read the set before he deleted the row and entered it again
				out[i].tags = over.saw[i].tags
			}
			continue
		}
		out[i] = r.cells[i].seen(d.cursor.Seq)
	}
	return out, pins
}

// seen gives what a replica at a cursor shows of a cell.
func (c *mcell) seen(cursor int64) (out sight) {
	s := c.atSeq(cursor)
	out.writes = s.standing
	if c.def.Policy == schema.PolicyMax || c.def.Policy == schema.PolicyMin {
		out.writes = s.all
	}
	for _, e := range s.elems {
		if out.tags == nil {
			out.tags = map[string][]se.WriteID{}
		}
		out.tags[e.value] = e.tags
	}
	return out
}

// goneSights gives what a deletion of the row counts as having seen. Its base is the lowest that is pending on the row
// (engine.md §4), so that of cells without an own edit it may count as having seen less than was shown.
func (o *oracle) goneSights(d *watch, k replica.RowKey, row replica.Image, x *touch) []sight {
	pin, r := d.cursor.Seq, o.model.rows[k]
	for _, s := range d.inForce[k] {
		ch := s.on(k)
		if ch.op == se.OpDelete {
			pin = min(pin, ch.pin)
		}
		for _, w := range ch.cells {
			pin = min(pin, w.pin)
		}
	}
	if row == nil || r == nil {
		return x.saw
	}
	t, out := o.schema.Table(k.Table), slices.Clone(x.saw)
	for i, def := range t.Cells {
		// A deletion is of the row: it counts as having seen what its author is not shown, or not yet.
		if pin == d.cursor.Seq && o.reads(d, t, def, k, row) {
			continue
		}
		if own := d.overlay(k, i, row); own == nil || own.op {
			out[i] = r.cells[i].seen(pin)
		}
	}
	return out
}

// lowestPin is the oldest cursor at which something of the change was read.
func (ch *change) lowestPin() int64 {
	if ch.op == se.OpDelete {
		return ch.pin
	}
	pin := int64(1) << 62
	for _, w := range ch.cells {
		pin = min(pin, w.pin)
	}
	return pin
}

// on gives what a set did to a row.
func (s *set) on(k replica.RowKey) *change {
	for i := range s.changes {
		if s.changes[i].key == k {
			return &s.changes[i]
		}
	}
	return nil
}

// overlay gives the device's own newest write to a cell that its replica still has to show, nil if there is none.
func (d *watch) overlay(k replica.RowKey, cell int, row replica.Image) *ownWrite {
	list := d.own[cellKey{k, cell}]
	for i := len(list) - 1; i >= 0; i-- {
		w := &list[i]
		if !slices.Contains(d.inForce[k], w.set) {
			continue
		}
		if w.set.verdict != nil && !w.set.verdict.Kind.Effective() && !w.op && (row == nil || !slices.Equal(row[cell], w.vals)) {
			continue // refused, and the device heard it by a delta before the verdict came
		}
		return w
	}
	return nil
}

// look is called after everything that may have changed a device: it finds what was sealed and checks what is shown.
func (o *oracle) look(n *node) {
	d := o.devices[n.id]
	_ = n.dev.View(func(tx replica.Tx) error {
		ctl, _ := tx.Control()
		if ctl.LastN > d.lastN {
			o.sealed(d, tx, &ctl)
		} else if len(d.order) > 0 {
			if caps, _ := tx.Captured(); len(caps) == 0 {
				d.forget() // it was changed and changed back
			}
		}
		o.settle(d, tx)
		if ctl.Leaving.Retire {
			d.drain = ctl.Leaving.N
			return nil // it shows nothing any more
		}
		o.moved(d, tx, &ctl)
		o.heal(d, tx)
		o.visible(d, tx)
		return nil
	})
}

func (d *watch) forget() {
	clear(d.open)
	d.order, d.attempts, d.steps, d.replacing = nil, nil, false, 0
}

// sealed makes the set of what programs wrote and compares it with the changeset that the engine made.
func (o *oracle) sealed(d *watch, tx replica.Tx, ctl *replica.Control) {
	if ctl.LastN != d.lastN+1 {
		o.bad("P7", "%s sealed %d after %d", d.id, ctl.LastN, d.lastN)
		return
	}
	if ctl.HLC <= d.hlc {
		o.bad("HLC", "%s stamped %v after %v", d.id, ctl.HLC, d.hlc)
	}
	cs, _ := tx.Sealed(ctl.LastN)
	if cs == nil {
		o.bad("P1", "%s sealed %d, but its outbox does not hold it", d.id, ctl.LastN)
		return
	}
	if heard := o.stamps[d.cursor.Seq]; cs.HLC <= heard {
		o.bad("HLC", "%s#%d is stamped %v, but it holds what was stamped %v", d.id, cs.N, cs.HLC, heard)
	}
	if cs.HLC <= d.hlc {
		o.bad("HLC", "%s#%d is stamped %v after %v", d.id, cs.N, cs.HLC, d.hlc)
	}
	d.hlc = cs.HLC
	s := &set{id: cs.ID(), steps: d.steps, sealed: o.w.now, replaces: cs.Replaces}
	if cs.Replaces != d.replacing {
		o.bad("P2", "%s#%d replaces %d, should be %d", d.id, cs.N, cs.Replaces, d.replacing)
	}
	if t := o.telling(d.id); len(t.shown) == 0 && len(t.lost) == 0 && d.node != nil && d.node.principal != nil {
		s.had = frozen(d.node.principal, o.w.now).Grants
	}
	for _, k := range d.order {
		if ch := o.changeOf(d, k, cs, s); ch != nil {
			s.changes = append(s.changes, *ch)
		}
	}
	for _, code := range d.attempts {
		s.want = code
	}
	if what := s.differs(o.schema, cs); what != "" {
		o.bad("P2", "%s#%d: %s", d.id, cs.N, what)
	}
	d.lastN++
	if d.node.poison {
		d.node.poison, o.w.store.poison[s.id] = false, true
	}
	d.sets = append(d.sets, s)
	d.unfiled[cs.N] = s
	for i := range s.changes {
		ch := &s.changes[i]
		d.inForce[ch.key] = append(d.inForce[ch.key], s)
		for _, w := range ch.cells {
			ck := cellKey{ch.key, w.cell}
			d.own[ck] = append(d.own[ck], ownWrite{w, s})
		}
	}
	d.forget()
	o.w.commits++
	o.w.trace("sealed", int64(d.node.i), cs.N, int64(len(cs.Changes)))
}

// changeOf gives what was done to a row between two seals, nil for nothing.
func (o *oracle) changeOf(d *watch, k replica.RowKey, cs *se.Changeset, s *set) *change {
	x := d.open[k]
	t := o.schema.Table(k.Table)
	if x.before == nil && x.after == nil {
		return nil
	}
	ch := &change{key: k, op: se.OpUpdate}
	switch {
	case x.after == nil:
		ch.op, ch.saw, ch.pin = se.OpDelete, x.gone, d.cursor.Seq
		for _, s := range d.inForce[k] {
			ch.pin = min(ch.pin, s.on(k).lowestPin())
		}
		return ch
	case x.before == nil:
		ch.op = se.OpInsert
		x.before = newImage(t)
	}
	for i, def := range t.Cells {
		if def.Policy == schema.PolicyCentral || def.Derived {
			continue
		}
		after := slices.Clone(x.after[i])
		for j, c := range def.Columns {
			after[j] = c.Normalize(after[j])
		}
		if def.Name == schema.CellScope && after[0].IsNull() { // the engine fills it in
			for _, c := range cs.Changes {
				if (replica.RowKey{Table: c.Table, Row: c.Row}) == k && len(c.Cells) > 0 && c.Cells[0].Cell == def.Name {
					after = c.Cells[0].Values
				}
			}
		}
		if w := writeOf(def, x.before[i], after); w != nil {
			w.id, w.saw, w.pin = s.id, x.saw[i], x.pins[i]
			ch.cells = append(ch.cells, &cellWrite{i, w})
		}
	}
	if ch.op == se.OpUpdate && len(ch.cells) == 0 {
		return nil
	}
	return ch
}

// writeOf gives the write between two contents of a cell, nil if they are the same.
func writeOf(def *schema.Cell, before, after []schema.Value) *write {
	if slices.Equal(before, after) {
		return nil
	}
	switch def.Policy {
	case schema.PolicyAdd:
		if k := after[0].Kind(); k == schema.KindInt || k == schema.KindNull {
			return &write{op: true, add: schema.Int(after[0].Int64() - before[0].Int64())}
		}
	case schema.PolicyUnion:
		a, ok := se.SetOf(before[0])
		b, ok2 := se.SetOf(after[0])
		if ok && ok2 {
			w := &write{op: true}
			w.in = slices.DeleteFunc(slices.Clone(b), func(e string) bool { return slices.Contains(a, e) })
			w.out = slices.DeleteFunc(slices.Clone(a), func(e string) bool { return slices.Contains(b, e) })
			if len(w.in)+len(w.out) == 0 {
				return nil
			}
			return w
		}
	}
	return &write{vals: after}
}

// differs says in what the engine's changeset is not what programs did, "" if in nothing.
func (s *set) differs(sch *schema.Schema, cs *se.Changeset) string {
	if len(cs.Changes) != len(s.changes) {
		return fmt.Sprintf("%d rows were changed, the changeset has %d", len(s.changes), len(cs.Changes))
	}
	for i := range cs.Changes {
		c := &cs.Changes[i]
		ch := s.on(replica.RowKey{Table: c.Table, Row: c.Row})
		if ch == nil || ch.op != c.Op || len(ch.cells) != len(c.Cells) {
			return fmt.Sprintf("%s %s is not what was done: %v with %d cells", c.Table, c.Row, c.Op, len(c.Cells))
		}
		t := sch.Table(c.Table)
		for j := range c.Cells {
			x, w := &c.Cells[j], ch.cells[j]
			if t.Cells[w.cell].Name != x.Cell || w.op != x.Operation() || !slices.Equal(w.vals, x.Values) ||
				w.op && w.add != x.Add || !slices.Equal(w.in, x.In) || !slices.Equal(w.out, x.Out) {
				return fmt.Sprintf("%s %s.%s: %+v is not what was written: %+v", c.Table, c.Row, x.Cell, *x, *w.write)
			}
		}
	}
	return ""
}
