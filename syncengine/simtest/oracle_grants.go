package simtest

import (
	"fmt"
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// sends is called for every frame that leaves the centre (P8).
func (o *oracle) sends(n *node, d *se.Delta) {
	o.framed(n, d)
	_ = o.w.store.View(func(tx se.ReadTx) error {
		if why := forbidden(tx, n.principal, d, o.w.now); why != "" {
			o.bad("P8", "%s is sent %s (%+v); now %+v", n.id, why, o.views[n.id][d.View], n.principal)
			return nil
		}
		if told, _ := tx.Told(n.id); told != nil && len(told.Lost) > 0 {
			o.w.count("frame sent after a loss was told")
		}
		return nil
	})
}

// forbidden tells why a frame may not be sent to a device now, "" if it may: it has to be of a scope in which the person has
// a grant at this moment, and for the view that the device was durably told of before.
func forbidden(tx se.ReadTx, who *se.Principal, d *se.Delta, now int64) string {
	if d.Scope != "" && !slices.ContainsFunc(activeAt(who.Grants, now), func(g se.Grant) bool { return g.Scope == d.Scope }) {
		return fmt.Sprintf("rows of scope %s, in which its person has no grant", d.Scope)
	}
	if told, err := tx.Told(who.Device); err != nil || told == nil || told.View != d.View {
		return fmt.Sprintf("a frame of view %s before it was durably told what ended: %+v %v", d.View, told, err)
	}
	return ""
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
