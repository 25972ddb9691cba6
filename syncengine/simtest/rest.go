package simtest

import (
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// rest ends work and faults; then everything must drain and agree.
func (w *World) rest() {
	if w.failed() {
		return
	}
	w.calm = true
	w.raise()
	w.centre.arm = nil
	w.home()
	for _, n := range slices.Concat(w.nodes, w.past) {
		n.arm, n.slowUntil, n.online, n.away = nil, 0, !n.over, false
		for _, c := range append([]*conn(nil), n.conns...) {
			c.awake()
		}
		n.tries = 0
		n.connect()
	}
	w.decay.calm()
	w.until(w.now + 30_000)
	w.probe()
	for range 20 {
		w.until(w.now + 10_000)
		if w.failed() || w.drained() == "" {
			break
		}
	}
	if !w.failed() {
		if what := w.drained(); what != "" {
			w.oracle.bad("liveness", "after 200 s without faults: %s", what)
		}
	}
	if !w.failed() {
		w.oracle.final()
	}
}

// drained says what still waits, "" for nothing.
func (w *World) drained() string {
	head := w.oracle.head.Seq
	for _, n := range w.nodes {
		d := w.oracle.devices[n.id]
		what := ""
		_ = n.dev.View(func(tx replica.Tx) error {
			ctl, _ := tx.Control()
			out, _ := tx.Outbox(0, 10)
			caps, _ := tx.Captured()
			staged, _ := tx.Staged()
			switch {
			case w.decay.on && !n.equal:
				what = n.account + " has not found its replica equal to the centre's"
			case len(n.rotten) > 0:
				what = n.account + " has rows that rotted"
			case len(out) > 0:
				what = n.account + " has changesets in its outbox"
			case len(caps) > 0:
				what = n.account + " has captured changes that are not sealed"
			case len(staged) > 0:
				what = n.account + " has a step staged"
			case len(d.inForce) > 0:
				what = n.account + " still shows its own edits over the centre's rows"
			case ctl.View == "" || !sameGrants(w.oracle.views[n.id][ctl.View], frozen(n.principal, w.now)):
				what = n.account + " has not got its present view"
			case !w.oracle.current(d, tx, head):
				what = n.account + " lacks rows of the head"
			}
			return nil
		})
		if what != "" {
			return what
		}
	}
	if what := w.ended(); what != "" {
		return what
	}
	if w.desk.sent != nil {
		return "a decision has no verdict"
	}
	return ""
}

// current tells whether a replica holds what its view shows at a head, whatever its cursor says.
func (o *oracle) current(d *watch, tx replica.Tx, seq int64) bool {
	for _, k := range o.model.order {
		t := o.schema.Table(k.Table)
		got, kept, _ := tx.Under(t, k.Row)
		if !kept {
			got, _ = tx.Row(t, k.Row)
		}
		want := project(t, o.views[d.id][d.view], o.at(k, seq), o.w.now)
		if (got == nil) != (want == nil) {
			return false
		}
		for i, def := range t.Cells {
			if got != nil && !def.Derived && !slices.Equal(got[i], want[i]) {
				return false
			}
		}
	}
	return true
}

// final checks what can only be told when nothing moves any more.
func (o *oracle) final() {
	for _, n := range o.w.nodes {
		d := o.devices[n.id]
		_ = n.dev.View(func(tx replica.Tx) error {
			o.replicaEquals(d, tx, o.head.Seq)
			return nil
		})
	}
	_ = o.w.store.View(func(tx se.ReadTx) error {
		for _, k := range o.model.order {
			row, err := tx.Row(k.Table, k.Row)
			if err != nil {
				return err
			}
			o.rowAt(tx, k, row)
			o.placed(tx, k, row)
		}
		o.duplicates(tx)
		o.opens(tx)
		o.workflows(tx)
		o.auditLog(tx)
		o.rowHistories(tx)
		o.places(tx)
		return nil
	})
	o.everybodyWasTold() // it views the store itself: a store of one reader would wait for ever inside another view
	o.account()
	for _, n := range o.w.nodes {
		_ = n.dev.View(func(tx replica.Tx) error {
			o.states(o.devices[n.id], tx)
			o.told(o.devices[n.id], tx)
			return nil
		})
	}
}
