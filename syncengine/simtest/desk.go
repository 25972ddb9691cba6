package simtest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// desk is a supervisor at a console: he reads a conflict, thinks, and decides, sometimes on a screen that is old.
type desk struct {
	w    *World
	id   string
	n    int64
	hash se.Hash
	hlc  hlc.Clock
	sent *se.Changeset // without a verdict yet
	tray tray

	rivals rivals

	register register
}

func newDesk(w *World, id string) *desk {
	d := &desk{w: w, id: id, rivals: rivals{w, w.stream("rivals")}}
	w.oracle.watch(id, "zhang", &node{w: w, i: 99, id: id})
	w.setPrincipal(id, &se.Principal{Account: "zhang", Device: id, Console: true, Grants: []se.Grant{
		{Scope: "A", Role: roleSupervisor}, {Scope: "B", Role: roleSupervisor},
	}})
	return d
}

func (d *desk) begin() { d.w.after(d.w.between(500, 6000), d.work) }

// offer makes a decision the desk's next changeset and sends it.
func (d *desk) offer(c se.Change, base int64) {
	d.n++
	cs := &se.Changeset{
		Device: d.id, N: d.n, Prev: d.hash, HLC: d.hlc.Now(d.w.now), Wall: d.w.now, Schema: d.w.schema.Version, Author: "zhang",
		Changes: []se.Change{c},
	}
	d.hash, d.sent = cs.Hash(), cs
	o := d.w.oracle.devices[d.id]
	o.lastN = d.n
	o.sets = append(o.sets, &set{id: cs.ID(), changes: []change{{op: se.OpDecide, decide: c.Decide, base: base}}})
	d.w.commits++
	d.w.trace("decide", d.n)
	if late := d.rivals.slow(&c); late > 0 {
		d.w.after(late, d.send)
		return
	}
	d.send()
}

func (d *desk) work() {
	if d.w.idle {
		return
	}
	d.begin()
	if d.sent == nil {
		d.look()
	}
}

// look opens one conflict on the screen.
func (d *desk) look() {
	o := d.w.oracle
	keys := make([]se.ConflictKey, 0, len(o.openBy))
	for k := range o.openBy {
		keys = append(keys, k)
	}
	if len(keys) < 3 {
		return // let some pile up
	}
	slices.SortFunc(keys, func(a, b se.ConflictKey) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Table, b.Table),
			strings.Compare(string(a.Row), string(b.Row)), strings.Compare(a.Cell, b.Cell))
	})
	key := keys[d.w.rng.IntN(len(keys))]
	var con *se.Conflict
	var head se.Head
	_ = d.w.store.View(func(tx se.ReadTx) error {
		con, _ = tx.OpenConflict(key)
		head, _ = tx.Head()
		return nil
	})
	if con == nil {
		d.w.oracle.bad("P6", "conflict %s is gone", key.Label())
		return
	}
	think := d.w.between(50, 3000)
	if d.w.chance(3) {
		think = d.w.between(5000, 40_000)
	}
	d.w.after(think, func() { d.decide(con, head) })
}

func (d *desk) decide(con *se.Conflict, head se.Head) {
	if d.sent != nil || d.w.idle {
		return
	}
	dec := &se.Decision{Conflict: con.ID}
	for _, x := range con.Candidates {
		dec.Shown = append(dec.Shown, x.ID())
	}
	pick := con.Candidates[d.w.rng.IntN(len(con.Candidates))]
	dec.Take, dec.Reason = pick.ID(), becauseOf(&pick)
	choices := []se.Choice{se.ChoiceKeep, se.ChoiceTake, se.ChoiceTake, se.ChoiceSet}
	switch con.Key.Kind {
	case se.ConflictDelete:
		choices = choices[:3]
	case se.ConflictDuplicate:
		choices = []se.Choice{se.ChoiceBoth}
	case se.ConflictWorkflow:
		choices = []se.Choice{se.ChoiceKeep, se.ChoiceRenumber}
	}
	dec.Choice = choices[d.w.rng.IntN(len(choices))]
	if dec.Choice == se.ChoiceSet {
		dec.Values = d.value(con.Key)
	}
	d.offer(se.Change{
		Table: con.Key.Table, Row: con.Key.Row, Op: se.OpDecide, Base: se.Base{Epoch: head.Epoch, Seq: head.Seq}, Decide: dec,
	}, head.Seq)
}

// value makes a value of the supervisor's own for a cell.
func (d *desk) value(key se.ConflictKey) []schema.Value {
	t := d.w.schema.Table(key.Table)
	var out []schema.Value
	for _, c := range t.Cell(key.Cell).Columns {
		v := d.w.fresh(c)
		if c.Type == schema.TypeRef {
			v = schema.Text(string(d.w.places[0]))
		}
		for _, x := range d.w.sealed(d.w.seals.ring, key.Table, key.Row, []Assign{{c.Name, v}}) {
			out = append(out, x.Value)
		}
	}
	return out
}

// send offers the decision until it has its verdict.
func (d *desk) send() {
	if d.sent == nil {
		return
	}
	n := d.sent.N
	b := &batch{left: 1, answer: func(r []se.Result) {
		if d.sent != nil && d.sent.N == n && r[0].Err == nil {
			d.sent = nil
			d.w.oracle.leaves(d.id, &r[0].Verdict)
		}
	}}
	d.w.centre.put(submission{se.Submission{Changeset: d.sent, Now: d.w.now, Contact: se.Contact{At: d.w.now}}, b}, nil)
	d.w.after(4000, func() {
		if d.sent != nil && d.sent.N == n {
			d.send()
		}
	})
}
