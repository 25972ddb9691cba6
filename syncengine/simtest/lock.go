package simtest

import (
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// contact is a Welcome that a device took: how long it may be used without another.
type contact struct {
	at, length int64
	boot       int
}

// contacted is what a Welcome allows by the declarations, whatever it says itself.
func (n *node) contacted(w *se.Welcome) contact {
	c := contact{at: n.w.now, boot: n.clock.boot}
	for _, g := range w.Grants {
		life := int64(n.w.schema.Roles[g.Role].Offline) * dayMS
		if life > 0 && (c.length == 0 || life < c.length) {
			c.length = life
		}
	}
	return c
}

// contradicts tells whether a replica that took this Welcome last cannot have let its person write now, or cannot have
// refused it. Over a reboot only the wall clock tells how long it took, and that may show anything.
func (c contact) contradicts(n *node, refused bool) bool {
	over := c.length > 0 && n.w.now-c.at >= c.length
	return c.boot == n.clock.boot && refused != over || refused && c.length == 0
}

// greeting notes a contact that is about to be durable; whoever ends in the middle of it may have taken it or not.
func (n *node) greeting(w *se.Welcome) (done func(error)) {
	before := n.contact
	c := n.contacted(w)
	n.contact = append(slices.Clone(before), c)
	return func(err error) {
		if err != nil {
			n.contact = before
			return
		}
		n.contact = []contact{c}
		if n.shut {
			n.shut = false
			n.w.count("a locked replica was opened by contact")
		}
	}
}

// used checks that the lease locks a replica, and nothing but the lease.
func (n *node) used(refused bool) {
	if n.old {
		return
	}
	n.shut = n.shut || refused
	if refused {
		n.w.count("a replica without contact for too long refused to be written")
	}
	for _, c := range n.contact {
		if !c.contradicts(n, refused) {
			return
		}
	}
	if len(n.contact) > 0 || refused {
		n.w.oracle.bad("P8", "%s: refused %v, after contacts %+v, boot %d", n.id, refused, n.contact, n.clock.boot)
	}
}
