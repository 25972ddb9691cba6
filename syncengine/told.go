package syncengine

import (
	"errors"
	"fmt"
	"slices"
)

// Told is what a device was last told of its person's grants, and what was taken away from it since. It is how the
// centre knows what a replica may hold, and what was written before its person could know better.
type Told struct {
	Device string
	View   string  // id of the view; "" = nothing yet
	Shown  []Grant // the grants of that view
	Lost   []Lost  // in the order in which the device was told; one that the person has again is dropped
	// Retired is when a revoked device said that nothing is left on it: ms since 1970 UTC, 0 = it has not.
	Retired int64
}

// Lost is a grant that ended, or the doors that went from one.
type Lost struct {
	Grant  Grant // To is its real end as far as it is known, else when the device was told
	N      int64 // the device's last n when it was told: up to it changesets were written with the grant
	At     int64 // centre's clock when it was told
	Purged int64 // centre's clock when the device's receipt came; 0 = not yet
}

// MaxAhead bounds how many changesets beyond what the centre has judged a device may say that it had written when it was
// told: no outbox holds as many.
const MaxAhead = 1 << 20

// maxLost bounds the ended grants that are kept of a device: the oldest with a receipt go first.
const maxLost = 1000

// Tell is what a device answered about grants that ended.
type Tell struct {
	Device string
	View   string
	N      int64
	Purged bool  // a receipt: nothing of what ended up to At is left on the device
	At     int64 // receipts: when the device was told of what it is about
	Retire bool  // receipts: of a device that may not synchronise any more
}

// Retire is what a revoked device gets instead of a Welcome: it drains, purges and says so. It is an ErrRevoked.
type Retire struct {
	Wipe bool // the file, the key and the tokens go too
	Done bool // its receipt is here: there is nothing left to do
}

func (r *Retire) Error() string { return "syncengine: the device is retired" }

// Is makes it an ErrRevoked.
func (r *Retire) Is(err error) bool { return err == ErrRevoked }

// Drain is a device's answer to a Welcome that names lost grants: what it wrote up to N it wrote before it knew.
type Drain struct {
	View string // of that Welcome
	N    int64
}

// Purged is a device's receipt: everything up to N has its verdict, and of what ended by then nothing is left on it.
type Purged struct {
	View string // that the replica is for; "" of a retired device
	N    int64
}

// Open answers a Hello with Welcome, and makes durable what the device is told by it, unless something was taken away:
// then Welcome names it in Lost, and nothing of the new view may be sent before Record has taken the device's Drain.
// The error is a *Retire for a device that may only drain.
func (e *Engine) Open(store Store, h Hello, now int64) (*Welcome, error) {
	var w *Welcome
	var due bool
	err := store.View(func(tx ReadTx) (err error) {
		w, due, err = e.open(tx, h, now)
		return err
	})
	if err != nil || !due {
		return w, err
	}
	err = store.Update(func(tx Tx) (err error) {
		if w, due, err = e.open(tx, h, now); err != nil || !due {
			return err
		}
		if told, err := tx.Told(h.Device); err != nil || len(w.Lost) > 0 || told != nil && told.View == w.View {
			return errors.Join(err, e.missed(tx, h.Device, now))
		}
		return e.shown(tx, w, h.Device, now)
	})
	if err != nil {
		return nil, err // nobody may hear of a view that is not on record
	}
	return w, nil
}

// open makes the Welcome; due says that the device is about to be told what the record does not hold.
func (e *Engine) open(tx ReadTx, h Hello, now int64) (w *Welcome, due bool, err error) {
	if w, err = e.Welcome(tx, h, now); err != nil {
		return nil, false, err
	}
	told, err := tx.Told(h.Device)
	if err != nil {
		return nil, false, fmt.Errorf("read what the device was told: %w", err)
	}
	if told == nil || len(w.Lost) == 0 && told.View != w.View {
		return w, true, nil
	}
	p, err := tx.Principal(h.Device)
	if err != nil {
		return nil, false, fmt.Errorf("read principal: %w", err)
	}
	return w, told.missed(p, now), nil // told is a copy: what it changes is written in a transaction of its own
}

func (e *Engine) missed(tx Tx, device string, now int64) error {
	p, err := tx.Principal(device)
	if err != nil {
		return err
	}
	told, err := tx.Told(device)
	if err != nil || told == nil {
		return err
	}
	told.missed(p, now)
	return tx.PutTold(told)
}

func (e *Engine) shown(tx Tx, w *Welcome, device string, now int64) error {
	p, err := tx.Principal(device)
	if err != nil {
		return err
	}
	told, err := tx.Told(device)
	if err != nil {
		return err
	}
	if told == nil {
		told = &Told{Device: device}
	}
	told.tell(w.View, p, now, 0)
	return tx.PutTold(told)
}

// tell notes that the device knows the view of now: what the one before showed and this one does not was lost with n.
func (t *Told) tell(view string, p *Principal, now, n int64) {
	active := p.Active(now)
	for _, g := range lost(t.Shown, active) {
		g.To = ending(p, &g, now)
		t.Lost = append(t.Lost, Lost{Grant: g, N: n, At: now})
	}
	t.Lost = slices.DeleteFunc(t.Lost, func(l Lost) bool { return len(lost([]Grant{l.Grant}, active)) == 0 })
	for i := 0; i < len(t.Lost) && len(t.Lost) > maxLost; {
		if t.Lost[i].Purged == 0 {
			i++
			continue
		}
		t.Lost = slices.Delete(t.Lost, i, i+1)
	}
	t.View, t.Shown = view, active
}

// lost gives the grants that are not covered any more; of one of which only doors went, those doors.
func lost(was, is []Grant) []Grant {
	var out []Grant
	for _, g := range was {
		held, doors := false, map[string]bool{}
		for i := range is {
			if is[i].Scope == g.Scope && is[i].Role == g.Role {
				held = true
				for _, d := range is[i].Doors {
					doors[d] = true
				}
			}
		}
		g.Doors = slices.Clone(g.Doors)
		if held {
			g.Doors = slices.DeleteFunc(g.Doors, func(d string) bool { return doors[d] })
			if len(g.Doors) == 0 {
				continue
			}
		}
		out = append(out, g)
	}
	return out
}

// ending is when a grant that is not held now really ended: by the person's own grants, else when the centre first said so
// to the device (missed); now if neither tells.
func ending(p *Principal, g *Grant, now int64) int64 {
	end := int64(0)
	for i := range p.Grants {
		x := &p.Grants[i]
		if x.Scope != g.Scope || x.Role != g.Role || x.To == 0 || x.To > now {
			continue
		}
		if len(g.Doors) == 0 || slices.ContainsFunc(g.Doors, func(d string) bool { return slices.Contains(x.Doors, d) }) {
			end = max(end, x.To)
		}
	}
	switch {
	case end != 0:
		return end
	case g.To != 0 && g.To <= now:
		return g.To
	}
	return now
}

// missed notes when it was first seen that a grant is not held any more whose end the person's own grants do not tell: the
// unit that it came from belongs somewhere else, say. A device that never answers would else have it end anew each time.
func (t *Told) missed(p *Principal, now int64) (changed bool) {
	active := p.Active(now)
	for i := range t.Shown {
		g := &t.Shown[i]
		switch gone := len(lost([]Grant{*g}, active)) > 0; {
		case gone && ending(p, g, now) == now && g.To != now:
			g.To, changed = now, true
		case !gone && g.To != 0 && g.To <= now: // it is held again, before anybody was told
			g.To, changed = 0, true
		}
	}
	return changed
}

// Record makes durable what a device answered: that it knows a view, with its last n, or that it has purged. What does
// not fit the record any more is passed over. It gives the time of telling, by which a receipt is told from one for
// something earlier.
func (e *Engine) Record(store Store, t Tell, now int64) (at int64, err error) {
	err = store.Update(func(tx Tx) error {
		at = 0
		p, err := tx.Principal(t.Device)
		if err != nil || p == nil || p.Revoked != t.Retire {
			return err
		}
		told, err := tx.Told(t.Device)
		if err != nil {
			return err
		}
		if told == nil {
			told = &Told{Device: t.Device}
		}
		dev, err := tx.Device(t.Device)
		if err != nil {
			return err
		}
		last := int64(0)
		if dev != nil {
			last = dev.LastN
		}
		if t.Purged {
			if !told.receipt(p, t, last, now) {
				return nil
			}
			if err := tx.PutTold(told); err != nil {
				return err
			}
			return auditReceipt(tx, p, t, now)
		}
		if ok, err := e.Present(tx, t.Device, t.View, now); err != nil || !ok {
			return err // they changed again: another Welcome is on its way
		}
		if told.View != t.View {
			told.tell(t.View, p, now, min(t.N, last+MaxAhead))
			if err := tx.PutTold(told); err != nil {
				return err
			}
		}
		at = told.wants()
		return nil
	})
	return at, err
}

// receipt notes a receipt; false if it changes nothing. None is taken before what it is about is drained: last is the
// newest changeset of the device that has a verdict.
func (t *Told) receipt(p *Principal, r Tell, last, now int64) (changed bool) {
	if r.Retire {
		changed = !t.done(p) && r.N >= last
		if changed {
			t.Retired = now
		}
		return changed
	}
	for i := range t.Lost {
		if l := &t.Lost[i]; l.Purged == 0 && l.At <= r.At && l.N <= r.N && l.N <= last {
			l.Purged, changed = now, true
		}
	}
	return changed
}

// done tells whether a retired device has nothing left to do. One that had purged, and is to be erased since, has: its
// files and its key are there yet.
func (t *Told) done(p *Principal) bool {
	return t.Retired != 0 && (!p.Erase || p.Erased == 0 || t.Retired > p.Erased)
}

// wants is the time of telling of the newest loss that there is no receipt for; 0 = none.
func (t *Told) wants() (at int64) {
	for i := range t.Lost {
		if t.Lost[i].Purged == 0 {
			at = max(at, t.Lost[i].At)
		}
	}
	return at
}

// Present tells whether a view is the one that the device's person has now.
func (e *Engine) Present(tx ReadTx, device, view string, now int64) (bool, error) {
	v, err := e.views(tx, device, now)
	return err == nil && v.id == view, err
}

// late gives the grants that have ended and that a changeset with this n was written under, for all its author could
// know: the device had not been told yet, or was told when it had made this one. That is the device's word: one that
// lies, or never answers, gains what one has that stays offline, and no more. They count as long as they ended no longer
// ago than their role may be offline (schema.LateLife); past is what counts no more.
func (e *Engine) late(t *Told, p *Principal, n, now int64) (rights, past []Grant) {
	add := func(g Grant, end int64, knew bool) {
		if knew || now-end > e.schema.LateLife(g.Role) {
			past = append(past, g)
		} else {
			rights = append(rights, g)
		}
	}
	for _, g := range lost(t.Shown, p.Active(now)) {
		add(g, ending(p, &g, now), false)
	}
	for _, l := range t.Lost {
		add(l.Grant, l.Grant.To, n > l.N)
	}
	return rights, past
}

// offline fills in how long each grant may be used without contact, and gives the least: 0 = as long as one likes.
func (e *Engine) offline(grants []Grant) (lease int64) {
	for i := range grants {
		life := e.schema.OfflineLife(grants[i].Role)
		grants[i].Offline = life
		if life > 0 && (lease == 0 || life < lease) {
			lease = life
		}
	}
	return lease
}
