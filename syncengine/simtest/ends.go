package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

const dayMS = int64(24 * 3600 * 1000)

// leave is the fault "grants end" of one person: what he is until it is over, and what becomes of him then.
type leave struct {
	then *se.Principal // as the fault left him; another fault since goes its own way
	back []se.Grant    // what he gets back
}

// endings lets grants end in every way there is: by an administrator, by the clock, door by door, one of two roles, or all
// of a device's at once because it was lost.
func (w *World) endings(rng *rand.Rand) {
	w.after(5000+rng.Int64N(15_000), func() {
		if w.calm || w.idle {
			return
		}
		w.endings(rng)
		n := w.nodes[rng.IntN(len(w.nodes))]
		if n.passing() {
			return
		}
		w.faults++
		kind := rng.IntN(20)
		w.trace("end", int64(kind), int64(n.i))
		switch {
		case n.principal.Grants[0].Role == roleSteward && kind < 12:
			w.takeDoor(rng, n)
		case kind < 7:
			w.runOut(rng, n, 500+rng.Int64N(12_000))
		case kind < 11:
			w.takeAway(rng, n)
		case kind < 16:
			w.twoRoles(rng, n)
		default:
			w.replaceDevice(rng, n)
		}
		if len(n.conns) > 0 && rng.IntN(4) == 0 {
			n.deafen(60_000 + rng.Int64N(20_000)) // the centre does not wait for its answer for ever
		}
	})
}

// passing tells whether what the person may do is about to change anyway.
func (n *node) passing() bool {
	return n.principal.Revoked || len(n.principal.Grants) == 0 ||
		slices.ContainsFunc(n.principal.Grants, func(g se.Grant) bool { return g.From != 0 || g.To != 0 })
}

// deafen lets a device not read what it is sent, while its person goes on writing.
func (n *node) deafen(ms int64) {
	n.slowUntil = max(n.slowUntil, n.w.now+ms)
	n.w.after(n.slowUntil-n.w.now+1, func() {
		for _, c := range slices.Clone(n.conns) {
			c.awake()
		}
	})
}

// ends changes grants, and after a while gives back what was there before.
func (w *World) ends(rng *rand.Rand, n *node, grants []se.Grant, from int64) {
	l := leave{back: n.principal.Grants}
	w.grant(n, grants)
	l.then = n.principal
	w.centre.ring()
	contacts := n.contacts
	w.after(from+1000+rng.Int64N(20_000), func() {
		if n.principal != l.then {
			return
		}
		if n.contacts == contacts {
			w.count("grant returned before its device came back")
		}
		w.grant(n, l.back)
		w.centre.ring()
	})
}

// runOut limits a grant in time: the clock ends it.
func (w *World) runOut(rng *rand.Rand, n *node, left int64) {
	grants := slices.Clone(n.principal.Grants)
	g := &grants[rng.IntN(len(grants))]
	g.To = w.now + left
	w.count("grant limited in time")
	w.ends(rng, n, grants, left)
	was := n.principal
	w.after(left, func() {
		if n.principal != was {
			return
		}
		switch {
		case len(n.conns) == 0:
			w.count("grant ran out while its device was offline")
		case n.staging():
			w.count("grant ran out in the middle of a step")
		default:
			w.count("grant ran out on a live connection")
		}
	})
}

func (n *node) staging() (is bool) {
	_ = n.dev.View(func(tx replica.Tx) error {
		ctl, err := tx.Control()
		is = ctl.StagedView != ""
		return err
	})
	return is
}

// takeAway ends a grant; the centre may know since when, or only that it is not there any more.
func (w *World) takeAway(rng *rand.Rand, n *node) {
	grants := slices.Clone(n.principal.Grants)
	i := rng.IntN(len(grants))
	if rng.IntN(2) == 0 {
		grants[i].To = w.now
	} else {
		grants = slices.Delete(grants, i, i+1)
	}
	if len(activeAt(grants, w.now)) == 0 {
		w.count("somebody was left without any grant")
	}
	w.ends(rng, n, grants, 0)
}

// takeDoor takes one door of a steward's, and gives it back.
func (w *World) takeDoor(rng *rand.Rand, n *node) {
	g := n.principal.Grants[0]
	left := slices.Clone(g.Doors)
	if len(left) < 2 {
		return
	}
	left = slices.Delete(left, 0, 1)
	w.count("door taken away")
	w.ends(rng, n, []se.Grant{{Scope: g.Scope, Role: g.Role, Doors: g.Doors, To: w.now}, {Scope: g.Scope, Role: g.Role, Doors: left, From: w.now}}, 0)
}

// twoRoles gives somebody a second role in a scope of his, and ends one of the two.
func (w *World) twoRoles(rng *rand.Rand, n *node) {
	old := n.principal.Grants
	g := old[0]
	if g.Role == roleSteward {
		g = se.Grant{Scope: g.Scope, Role: roleWorker}
	} else {
		g = se.Grant{Scope: g.Scope, Role: roleSteward, Doors: []string{string(w.places[rng.IntN(len(w.places))])}}
	}
	both := append(slices.Clone(old), g)
	w.grant(n, both)
	was := n.principal
	w.centre.ring()
	w.after(1000+rng.Int64N(8000), func() {
		if n.principal != was {
			return
		}
		w.count("one of two roles in a scope ended")
		l := slices.Clone(both)
		l[[]int{0, len(both) - 1}[rng.IntN(2)]].To = w.now
		w.ends(rng, n, l, 0)
	})
}

// replaceDevice says that a device is lost: what is on it is drained, parked and wiped if it ever comes back. Its person
// gets a new one.
func (w *World) replaceDevice(rng *rand.Rand, n *node) {
	n.revoke(rng.IntN(2) == 0)
	w.centre.ring()
	w.after(2000+rng.Int64N(15_000), func() {
		if !w.idle {
			w.anew(n)
		}
	})
}

// revoke says that a device may not synchronise any more.
func (n *node) revoke(erase bool) {
	p := *n.principal
	p.Revoked, p.Erase = true, erase
	n.principal = &p
	n.w.setPrincipal(n.id, n.principal)
	n.w.count(map[bool]string{false: "device revoked", true: "device revoked, to be erased"}[erase])
}

// anew gives the person of a revoked device another one.
func (w *World) anew(old *node) {
	m := newNode(w, old.i, fmt.Sprintf("%08d-0000-7000-8000-000000000000", 101+len(w.past)), old.account)
	m.post = old.post
	w.nodes[slices.Index(w.nodes, old)] = m
	w.past = append(w.past, old)
	old.left = true
	w.oracle.watch(m.id, m.account, m)
	w.grant(m, old.principal.Grants)
	w.count("person came back with a new device")
	m.begin()
}

// night lets a day pass in which nothing runs: phones that had not sent what was written before their person's grant
// ended come too late for it.
func (w *World) night(rng *rand.Rand) {
	if rng.IntN(3) != 0 {
		return
	}
	w.after(15_000+rng.Int64N(60_000), func() {
		if w.calm || w.idle {
			return
		}
		n := w.nodes[[]int{0, 1, 2, 3}[rng.IntN(4)]]
		if n.passing() || n.principal.Grants[0].Role != roleWorker {
			return
		}
		n.offline()
		n.away = true
		for range 3 {
			n.act()
		}
		grants := slices.Clone(n.principal.Grants)
		grants[0].To = w.now
		w.grant(n, grants)
		was := n.principal
		w.after(1000+rng.Int64N(2000), func() {
			w.count("a day passed")
			w.skip(dayMS + rng.Int64N(dayMS)/8)
			n.away = false
		})
		w.after(20_000+rng.Int64N(20_000), func() {
			if n.principal == was {
				w.grant(n, n.post)
				w.centre.ring()
			}
		})
	})
}

// skip lets time pass without anything happening: whatever was about to happen does afterwards, on new connections.
func (w *World) skip(ms int64) {
	w.now += ms
	w.skipped += ms
	for i := range w.agenda {
		w.agenda[i].at += ms
	}
	for _, n := range w.nodes {
		for _, c := range slices.Clone(n.conns) {
			n.drop(c) // no token lives that long
		}
	}
}

// locked tries to write where the person's work has ended: the replica refuses until it is purged.
func (n *node) locked(rng *rand.Rand) {
	if n.old || len(n.closed) == 0 || n.left {
		return
	}
	t := n.w.schema.Table("family")
	var id se.RowID
	var row replica.Image
	_ = n.dev.View(func(tx replica.Tx) error {
		ids, _ := tx.RowIDs(t)
		for _, x := range ids {
			if r, _ := tx.Row(t, x); slices.Contains(n.closed, scopeOf(t, r)) {
				id, row = x, r
				return nil
			}
		}
		return nil
	})
	if row == nil || len(n.w.oracle.devices[n.id].order) > 0 {
		return
	}
	arm := n.arm
	n.arm = nil
	err := n.dev.Exec(Transaction{Foreign: rng.IntN(2) == 0, Statements: []Statement{{Update, "family", id, []Assign{{"remark", text("too late")}}}}}, n.clock.read(n.w.now))
	n.arm = arm
	if err == nil {
		n.w.oracle.bad("P8", "%s lets its person write into %s, where his work has ended", n.id, scopeOf(t, row))
	}
	n.w.count("write refused where the grant has ended")
}

// trespass tries that on every device from time to time.
func (w *World) trespass(rng *rand.Rand) {
	w.after(300+rng.Int64N(1500), func() {
		if w.idle {
			return
		}
		w.trespass(rng)
		for _, n := range w.nodes {
			n.locked(rng)
		}
	})
}

// midway lets the clock end a grant while its device is in the middle of a step.
func (w *World) midway(rng *rand.Rand) {
	w.after(100+rng.Int64N(900), func() {
		if w.calm || w.idle {
			return
		}
		w.midway(rng)
		for _, n := range w.nodes {
			if len(n.conns) > 0 && !n.passing() && rng.IntN(8) == 0 && n.staging() {
				w.runOut(rng, n, 1+rng.Int64N(20))
				return
			}
		}
	})
}

// learn takes over what the device knows of its person's grants: by that he works.
func (n *node) learn() {
	_ = n.dev.View(func(tx replica.Tx) error {
		ctl, err := tx.Control()
		n.knows, n.closed, n.taken = nil, ctl.Leaving.Scopes, ctl.Leaving.Doors
		if ctl.Met > 0 || len(ctl.Grants) > 0 || ctl.Leaving.Retire {
			n.knows, n.met = ctl.Grants, true
		}
		n.left = n.left || ctl.Leaving.Retire
		return err
	})
}

// rights gives what the person may do as far as his device knows, the wider role first.
func (n *node) rights() []se.Grant {
	list := n.principal.Grants
	if n.met {
		list = n.knows
	}
	list = slices.DeleteFunc(activeAt(list, n.w.now), func(g se.Grant) bool { return !n.old && slices.Contains(n.closed, g.Scope) })
	slices.SortStableFunc(list, func(a, b se.Grant) int { return -cmpText(a.Role, b.Role) * boolInt(a.Role != b.Role) })
	return list
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// activeAt gives the grants that hold at an instant.
func activeAt(list []se.Grant, at int64) (out []se.Grant) {
	for _, g := range list {
		if g.From <= at && (g.To == 0 || at < g.To) {
			out = append(out, g)
		}
	}
	return out
}

// Greet implements session.Replica.
func (e *watchedEnd) Greet(w *se.Welcome) (*se.Drain, error) {
	greeted := e.n.greeting(w)
	drain, err := e.Replica.Greet(w)
	greeted(err)
	if err == nil {
		e.n.contacts++
		e.n.learn()
		e.n.w.oracle.greeted(e.n, w)
	}
	return drain, err
}

// Retire implements session.Replica.
func (e *watchedEnd) Retire(r se.Retire) error {
	err := e.Replica.Retire(r)
	if err == nil {
		e.n.contacts++
		e.n.learn()
	}
	return err
}

// Purge implements session.Replica: what is left when the replica says that nothing is.
func (e *watchedEnd) Purge() (*se.Purged, error) {
	before := e.n.leaving()
	p, err := e.Replica.Purge()
	if err != nil || before.State != replica.LeavingDrain || e.n.leaving().State != replica.LeavingPurged {
		return p, err
	}
	e.n.learn()
	e.n.w.oracle.purged(e.n, &before)
	return p, err
}

func (n *node) leaving() (l replica.Leaving) {
	_ = n.dev.View(func(tx replica.Tx) error {
		ctl, err := tx.Control()
		l = ctl.Leaving
		return err
	})
	return l
}

// retired is the end of a revoked device's last connection.
func (n *node) retired(code session.NoticeCode) bool {
	if code != session.NoticeRevoked || !n.principal.Revoked {
		return false
	}
	_ = n.w.store.View(func(tx se.ReadTx) error {
		told, err := tx.Told(n.id)
		if err != nil || told == nil || told.Retired == 0 || n.principal.Erase && told.Retired <= n.principal.Erased {
			return err
		}
		if !n.over {
			n.w.count("revoked device drained, purged and gone")
			n.erased()
			n.eraseLater()
		}
		n.over, n.online = true, false
		return nil
	})
	return true
}
