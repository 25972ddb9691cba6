package simtest

import (
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// sends is called for every frame that leaves the centre: it is of a scope in which the person has a grant at this
// moment, for the view that his device was durably told of before (P8).
func (o *oracle) sends(n *node, d *se.Delta) {
	if d.Scope != "" && !slices.ContainsFunc(activeAt(n.principal.Grants, o.w.now), func(g se.Grant) bool { return g.Scope == d.Scope }) {
		o.bad("P8", "%s is sent rows of scope %s, in which its person has no grant", n.id, d.Scope)
	}
	o.framed(n, d)
	_ = o.w.store.View(func(tx se.ReadTx) error {
		told, err := tx.Told(n.id)
		if err != nil || told == nil || told.View != d.View {
			o.bad("P8", "%s is sent a frame of view %s (%+v) before it was durably told what ended: %+v; now %+v", n.id, d.View, o.views[n.id][d.View], told, n.principal)
			return err
		}
		if len(told.Lost) > 0 {
			o.w.count("frame sent after a loss was told")
		}
		return nil
	})
}

// receipts is called when a device's receipt has been recorded: everything that was written before it was told had its
// verdict by then (P8).
func (o *oracle) receipts(n *node) {
	_ = o.w.store.View(func(tx se.ReadTx) error {
		told, err := tx.Told(n.id)
		if err != nil || told == nil {
			return err
		}
		for _, l := range told.Lost {
			if l.Purged != o.w.now {
				continue
			}
			o.w.count("receipt for what ended")
			if dev, _ := tx.Device(n.id); dev == nil && l.N > 0 || dev != nil && dev.LastN < l.N {
				o.bad("P8", "the centre has a receipt of %s for what is not drained: %+v, %+v", n.id, l, dev)
			}
		}
		return nil
	})
}
