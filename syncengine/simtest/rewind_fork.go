package simtest

import (
	"errors"
	"fmt"
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// fork makes the replica a device of its own.
func (p *handset) fork() {
	if !p.becomes() {
		p.w.wrong("%s could not become a device of its own", p.dev.ctl.Device)
	}
	if !p.w.habits.strange {
		p.w.floor = len(p.w.log) // a device that is made after a backup is unknown to the centre restored from it
	}
}

// stranger tells whether the centre was put back to before a device was made: it takes no token of it.
func (w *rewound) stranger(id string) bool { return w.born[id] == 1<<30 }

// enrolAgain makes a replica a device again that the centre does not know any more, with a new code for its person.
func (p *handset) enrolAgain() bool {
	if !p.becomes() {
		return false // not before it is confirmed
	}
	p.again = true
	p.w.count("enrolled again: the centre did not know it any more")
	return true
}

// becomes makes the replica the device that the centre makes of it; false if the centre waits for an administrator.
func (p *handset) becomes() bool {
	w := p.w
	p.arm = nil // one thing at a time
	id := fmt.Sprintf("%08d-0000-7000-8000-%012d", p.no+1, w.copies+1)
	parent, account, at := p.dev.ctl.Device, p.dev.ctl.Account, se.CopyAt{Epoch: p.dev.ctl.Epoch, Inbox: p.dev.ctl.Inbox, Before: p.before}
	var out se.Forked
	for again := true; again; again = out.From > 0 {
		var claims []se.Claim
		_ = p.dev.View(func(tx replica.Tx) (err error) { claims, err = replica.Claims(tx, out.From); return err })
		var err error
		w.do(func(c rewoundCentre) {
			err = c.Update(func(tx se.Tx) (err error) { out, err = w.engine.Fork(tx, parent, id, claims, at); return err })
		})
		if errors.Is(err, se.ErrUnconfirmed) {
			w.log = w.log[:len(w.log)-1]
			return false
		}
		w.must(err)
	}
	if want := p.known(parent); w.stranger(parent) && out.Fork != want {
		w.wrong("P2: %s was enrolled again as a copy up to %d, and the centre has %d of its changesets", parent, out.Fork, want)
	}
	w.copies++
	w.enrol(id, account)
	w.born[id] = len(w.log) - 1
	if err := p.dev.Update(func(tx replica.Tx) error { return replica.Reidentify(tx, p.dev.schema, p.clock.read(w.now), &out) }); err != nil {
		w.wrong("%s becomes %s: %v", parent, id, err)
	}
	p.before = slices.Insert(slices.Clone(p.before), 0, se.WriteID{Device: parent, N: out.Fork})
	p.stale = false
	w.count("copy became a device of its own")
	if len(p.dev.outbox) > 0 {
		w.count("copy with unsent work")
	}
	return true
}

// known tells how many of a stranger's changesets the centre has under the name of the nearest device that it was and that
// the centre knows: its last one too, if the restore took the person's part of making it and left the copy's. That one may
// have been put back itself, and have gone on with others.
func (p *handset) known(last string) (n int64) {
	_ = p.w.store.View(func(tx se.ReadTx) error {
		for _, b := range append([]se.WriteID{{Device: last}}, p.before...) {
			dev, _ := tx.Device(b.Device)
			if dev == nil {
				continue
			}
			for n = dev.Fork; n < dev.LastN; n++ {
				own, _ := p.dev.HashOf(n + 1)
				if v, _ := tx.Verdict(b.Device, n+1); v == nil || v.Hash != own {
					break
				}
			}
			return nil
		}
		return nil
	})
	return n
}
