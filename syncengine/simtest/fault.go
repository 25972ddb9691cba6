package simtest

import (
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// furnish lets the first worker enter the doors that stewards look after.
func (w *World) furnish() {
	for i, id := range w.places {
		n, scope := w.nodes[0], "A"
		if i >= 3 {
			n, scope = w.nodes[3], "B"
		}
		j := &job{}
		j.add(Insert, "place", id, Assign{"scope", text(scope)}, Assign{"address", text(w.word())})
		n.write(j)
	}
	for _, n := range w.nodes {
		if w.chance(2) {
			w.skew(n)
		}
	}
}

const year = int64(365 * 24 * 3600 * 1000)

// skew sets a device's clock wrong in one of many ways.
func (w *World) skew(n *node) {
	c := &n.clock
	c.frozen, c.coarse = 0, 0
	switch w.rng.IntN(6) {
	case 0:
		c.offset = w.between(-10*year, 10*year)
	case 1:
		c.offset = 10 * year
	case 2:
		c.offset = -10 * year
	case 3:
		c.offset = w.between(-90_000, 90_000)
	case 4:
		c.frozen = w.now + c.offset
	case 5:
		c.coarse = w.between(1000, 100_000)
	}
	w.faults++
	w.count("clock set wrong")
}

// misfortune strikes again and again until the world is calm.
func (w *World) misfortune() {
	w.after(w.between(1000, 12_000), func() {
		if w.calm {
			return
		}
		w.strike()
		w.misfortune()
	})
}

func (w *World) strike() {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	kind := w.rng.IntN(13)
	w.trace("fault", int64(kind), int64(n.i))
	switch kind {
	case 0, 1:
		w.faults++
		n.arm = &arm{after: int(w.between(1, 4)), kind: []string{failCommit, crashBefore, crashAfter}[w.rng.IntN(3)]}
	case 2:
		w.faults++
		w.centre.arm = &arm{after: int(w.between(1, 4)), kind: []string{failCommit, crashBefore, crashAfter}[w.rng.IntN(3)]}
	case 3:
		w.skew(n)
	case 4:
		n.clock.reboot(w.now)
		n.clock.offset += w.between(-1, 1) * w.between(0, 3600_000)
		w.faults++
		w.count("reboot")
	case 5: // it no longer reads what it is sent
		n.slowUntil = w.now + w.between(3000, 30_000)
		w.faults++
		w.count("device stopped reading")
		w.after(n.slowUntil-w.now+1, func() {
			for _, c := range append([]*conn(nil), n.conns...) {
				c.awake()
			}
		})
	case 6, 7: // a second socket while the first is open
		if n.online && len(n.conns) == 1 {
			w.faults++
			n.dial()
		}
	case 8: // the device gives its connection up and what it sent is still under way
		for _, c := range append([]*conn(nil), n.conns...) {
			w.faults++
			n.drop(c)
			w.count("connection given up with messages on their way")
		}
	case 9, 10:
		for _, c := range n.conns {
			if c.cutIn == 0 {
				c.cutIn = int(w.between(1, 6))
			}
		}
	case 11:
		w.regrant(n)
	case 12:
		if w.chance(3) {
			w.faults++
			n.poison = true
		}
	}
}

// regrant changes what a person may do: his view is another one from now on.
func (w *World) regrant(n *node) {
	if n.passing() {
		return
	}
	grants := append([]se.Grant(nil), n.principal.Grants...)
	switch {
	case grants[0].Role == roleSteward:
		i := w.rng.IntN(len(w.places))
		grants[0].Doors = append([]string(nil), grants[0].Doors...)
		grants[0].Doors[w.rng.IntN(len(grants[0].Doors))] = string(w.places[i])
		w.count("steward got another door")
	case len(grants) > 1:
		grants = grants[w.rng.IntN(2):][:1]
		w.count("scope taken away")
	case n.i == 2 || w.chance(2):
		grants = []se.Grant{{Scope: "A", Role: roleWorker}, {Scope: "B", Role: roleWorker}}
		w.count("scope given")
	default:
		return
	}
	w.faults++
	w.trace("regrant", int64(n.i))
	w.grant(n, grants)
	w.centre.ring()
}
