package simtest

import (
	"math/rand/v2"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// stall cuts devices off in the middle of a snapshot until what leaves its scope meanwhile is forgotten: what they have
// staged must be begun anew. A row of it is moved away by somebody who may.
func (w *World) stall(rng *rand.Rand) {
	keep := w.centre.retention.keep
	if keep == 0 || keep > 30_000 {
		return
	}
	w.after(50+rng.Int64N(400), func() {
		if w.idle {
			return
		}
		w.stall(rng)
		mover := w.nodes[2]
		if mover.role("A") != roleWorker || mover.role("B") != roleWorker {
			return
		}
		for _, n := range w.nodes {
			if n == mover || n.away || len(n.conns) == 0 {
				continue
			}
			if id, scope := w.half(n, mover); id != "" {
				w.moves = true
				j := &job{}
				j.add(Update, "family", id, Assign{schema.ColScope, text(map[string]string{"A": "B", "B": "A"}[scope])})
				w.faults++
				n.away = true
				n.offline()
				mover.write(j)
				w.count("cut off in the middle of a snapshot")
				w.after(keep+10_000+rng.Int64N(10_000), func() { n.away = false })
				return
			}
		}
	})
}

// half gives a family that a device has staged of a snapshot that is not whole yet, and that the mover is shown.
func (w *World) half(n, mover *node) (id se.RowID, scope string) {
	t := w.schema.Table("family")
	var ids []se.RowID
	_ = n.dev.View(func(tx replica.Tx) error {
		ctl, err := tx.Control()
		if err != nil || !ctl.StagedReset {
			return err
		}
		items, err := tx.Staged()
		for i := range items {
			if items[i].Table == "family" && items[i].Kind == se.DeltaRow {
				ids = append(ids, items[i].Row)
			}
		}
		return err
	})
	if len(ids) == 0 {
		return "", ""
	}
	_ = mover.dev.View(func(tx replica.Tx) error {
		for _, x := range ids {
			if row, _ := tx.Row(t, x); row != nil && !mover.rotten[replica.RowKey{Table: "family", Row: x}] {
				id, scope = x, scopeOf(t, row)
			}
		}
		return nil
	})
	return id, scope
}

// held lets a replica rot under work that the centre does not judge for a while, and checks it meanwhile: a repair has to
// leave that work alone.
func (d *decay) held() {
	if d.w.calm || d.w.idle {
		return
	}
	d.w.after(d.between(4000, 15_000), d.held)
	n := d.w.nodes[d.rng.IntN(len(d.w.nodes))]
	r, ok := n.dev.(Rotter)
	o := d.w.centre
	if !ok || len(n.conns) == 0 || o.stuck != nil || n.slowUntil > d.w.now || len(d.w.oracle.devices[n.id].order) > 0 {
		return
	}
	o.stuck = n
	n.act()
	d.w.after(d.between(2500, 5000), func() {
		if o.stuck == n {
			o.unstick()
		}
	})
	if len(d.w.oracle.devices[n.id].order) > 0 {
		return
	}
	if err := r.Rot(func(tx replica.Tx) error { return d.spoilUnder(n, tx) }); err != nil {
		d.w.oracle.bad("device", "%s: rot: %v", n.id, err)
	}
	for i := range int64(5) {
		d.w.after(i*400, n.verify)
	}
}

// spoilUnder changes what a replica keeps of a row under pending edits.
func (d *decay) spoilUnder(n *node, tx replica.Tx) error {
	for _, t := range d.w.schema.Tables {
		ids, err := tx.UnderIDs(t)
		if err != nil {
			return err
		}
		for _, id := range ids {
			k := replica.RowKey{Table: t.Name, Row: id}
			row, _, err := tx.Under(t, id)
			if err != nil {
				return err
			}
			if row == nil || n.rotten[k] {
				continue
			}
			d.w.faults++
			d.w.count("rot: under a pending edit")
			n.equal, n.rotten[k] = false, true
			return tx.PutUnder(t, id, d.scribble(t, row))
		}
	}
	return nil
}

// unstick lets changesets that waited go to the writer.
func (o *office) unstick() {
	o.stuck = nil
	o.queue = append(o.queue, o.held...)
	o.held = nil
	o.write()
}
