package simtest

import (
	"math/rand/v2"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// retention is the office's pruning, with a retention time of seconds instead of months, and the oracle's own account
// of what may be pruned: the floor must not pass the cursor of a device that was heard of within that time, unless what
// it lacks came longer ago than twice that time. Some devices lie about their cursor.
type retention struct {
	w       *World
	rng     *rand.Rand
	keep    int64               // ms; 0 = nothing is pruned in this world
	heard   map[string]se.Heard // not yet written
	written map[string]se.Heard // by device
	floor   int64
	liar    string // device that lies about its cursor; "" = not drawn yet
}

func newRetention(w *World) *retention {
	r := &retention{w: w, rng: w.stream("retention"), heard: map[string]se.Heard{}, written: map[string]se.Heard{}}
	if r.rng.IntN(2) == 0 {
		r.keep = 5_000 + r.rng.Int64N(60_000)
		r.later()
	}
	return r
}

func (r *retention) later() {
	r.w.after(3_000+r.rng.Int64N(15_000), func() {
		r.w.centre.prune()
		r.later()
	})
}

// welcomed checks a Welcome: a replica begins anew only if it must.
func (r *retention) welcomed(h *se.Hello, w *se.Welcome) {
	r.heard[h.Device] = se.HeardFrom(h, r.w.now)
	if w.Floor != r.floor {
		r.w.oracle.bad("retention", "the floor is %d, pruning ended at %d", w.Floor, r.floor)
	}
	below := h.Cursor < r.floor && h.Epoch == w.Epoch && h.View == w.View
	if below != (w.Reset && h.View == w.View && h.Epoch == w.Epoch && h.Cursor <= w.Head) {
		r.w.oracle.bad("retention", "%s at %d of view %s, floor %d, begins anew: %v", h.Device, h.Cursor, h.View, r.floor, w.Reset)
	}
	if below {
		r.w.count("device below the floor began anew")
		if h.LastN > h.Acked {
			r.w.count("device below the floor with an outbox")
		}
	}
	switch {
	case r.floor == 0 || h.View != w.View:
	case h.Cursor == r.floor:
		r.w.count("device at the floor went on")
	case h.Cursor == r.floor-1:
		r.w.count("device one below the floor")
	case h.Cursor == r.floor+1:
		r.w.count("device one above the floor")
	}
	if w.Outdates(h.Staged) {
		r.w.count("staged below the floor, begun anew")
	}
}

// prune notes who was heard and prunes a portion, in one transaction.
func (o *office) prune() {
	r := o.retention
	if o.down || o.w.failed() {
		return
	}
	var list []se.Heard
	for _, n := range o.w.nodes {
		if h, ok := r.heard[n.id]; ok {
			list = append(list, h)
		}
	}
	r.forge(list)
	var done se.Pruned
	portion := 1 + r.rng.IntN(40)
	dead, err := o.guarded(func() error {
		return o.w.store.Centre.Update(func(tx se.Tx) (err error) {
			if err = o.w.engine.Note(tx, list); err != nil {
				return err
			}
			done, err = o.w.engine.Prune(tx, se.Retention{Now: o.w.now, Keep: r.keep, Portion: portion})
			return err
		})
	})
	switch {
	case dead:
		o.crash()
		return
	case err != nil:
		return
	}
	for _, h := range list {
		r.written[h.Device] = h
		delete(r.heard, h.Device)
	}
	if most := o.w.oracle.receivedBy(o.w.now - r.keep); done.Floor > max(r.floor, most) {
		o.w.oracle.bad("retention", "the floor went to %d, though only what was received up to %d is %d ms old", done.Floor, most, r.keep)
	}
	least := o.w.oracle.receivedBy(o.w.now - 2*r.keep)
	if done.Floor < least {
		o.w.oracle.bad("retention", "the floor stays at %d, though %d was received more than twice %d ms ago", done.Floor, least, r.keep)
	}
	for _, n := range o.w.nodes {
		if h, ok := r.written[n.id]; ok && done.Floor > least && done.Floor > r.floor && h.At > o.w.now-r.keep && h.Cursor.Seq > 0 && h.Cursor.Seq < done.Floor {
			o.w.oracle.bad("retention", "the floor went to %d past the cursor %d of %s, heard of %d ms ago", done.Floor, h.Cursor.Seq, n.id, o.w.now-h.At)
		}
	}
	if done.Floor < r.floor {
		o.w.oracle.bad("retention", "the floor went back from %d to %d", r.floor, done.Floor)
	}
	if done.Floor > r.floor {
		o.w.count("floor moved")
	}
	r.floor = done.Floor
	o.snapshots.kept.Forget(r.floor)
	for what, n := range map[string]int{"moves pruned": done.Moves, "dead rows stripped": done.Dead, "taken messages pruned": done.Messages} {
		if n > 0 {
			o.w.count(what)
		}
	}
	o.w.trace("prune", done.Floor, int64(done.Moves), int64(done.Dead), int64(done.Messages))
}
