package simtest

import "github.com/doorstep-sync/doorstep/syncengine/replica"

// eraseLater lets an administrator decide, after some revoked devices have purged and said so, that their files should go
// too: they are told when they come again.
func (n *node) eraseLater() {
	w := n.w
	rng := w.stream("erased later " + n.id)
	if n.principal.Erase || w.idle || rng.IntN(2) == 0 {
		return
	}
	w.after(500+rng.Int64N(15_000), func() {
		if w.idle || n.principal.Erase {
			return
		}
		p := *n.principal
		p.Erase, p.Erased = true, w.now
		n.principal = &p
		w.setPrincipal(n.id, &p)
		n.over, n.online = false, true
		n.connect()
	})
}

// erased checks a device whose last connection is over: one that is to be erased knows it, and has only to delete its files.
func (n *node) erased() {
	if !n.principal.Erase {
		return
	}
	if l := n.leaving(); !l.Wipe || l.State < replica.LeavingPurged {
		n.w.oracle.bad("P8", "%s was to be erased, its last connection is over, and it does not know: %+v", n.id, l)
	}
	if n.principal.Erased > 0 {
		n.w.count("erased after its receipt")
	}
}
