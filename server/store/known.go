package store

import (
	"slices"
	"sync"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// known keeps what every listener asks of itself after every commit of its county, and what hardly any commit changes: who
// it is, what it was told, where it stands and that no message waits for it. It is read by SQL once and then kept until a
// transaction is about to commit that might change it: the engine's name the devices that they wrote of, all others may
// concern anybody. One process has the database (its folder is locked), so no other one changes it unseen.
//
// A reader must not get what is newer than the state that it reads, nor keep for others what is older than theirs:
//   - what a commit is about is forgotten before the commit, and not kept again until it has ended;
//   - what a reader keeps was changed by no commit that ended since it began;
//   - and it is given only to those that began when as many commits had ended, or later.
type known struct {
	mu      sync.Mutex // guards what follows
	ended   int64      // transactions that have ended, whether or not they could be committed
	writing bool       // one is being committed
	about   map[string]aspects
	anybody bool             // it may be about anything of any device
	touched map[aspect]int64 // ended, when the last one that was about this had ended
	floor   int64            // the same for all that touched does not name
	devices map[string]acquaintance
}

// aspects are parts of what is known of a device. Nothing but the directory changes who it is: the engine's transactions
// change the others, and most of them nothing but where it stands.
type aspects uint8

const (
	partTold aspects = 1 << iota
	partDevice
	partInbox
	partPrincipal
)

// aspect is one of them, of a device.
type aspect struct {
	device string
	of     aspects
}

// acquaintance is what is known of a device; nil is not known, or not there.
type acquaintance struct {
	since     int64 // ended, when the reader of the newest of it began
	principal *syncengine.Principal
	told      *syncengine.Told
	device    *syncengine.Device
	noneAfter int64 // there is no message after this number; -1 = not known
}

// Of each there is about a KiB: as many as may be connected, and some.
const (
	mostKnown   = 12_000
	mostTouched = 4_000
)

func newKnown() *known {
	return &known{about: map[string]aspects{}, touched: map[aspect]int64{}, devices: map[string]acquaintance{}}
}

// began is what a reader notes before its transaction begins.
func (k *known) began() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ended
}

// of gives what is known of a device to a reader that began then, whose transaction has read something.
func (k *known) of(device string, began int64) acquaintance {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a, ok := k.devices[device]; ok && a.since <= began {
		return a
	}
	return acquaintance{noneAfter: -1}
}

// keep keeps one aspect of what a reader that began then has read of a device.
func (k *known) keep(device string, p aspects, began int64, set func(*acquaintance)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.floor > began || k.touched[aspect{device, p}] > began || k.writing && (k.anybody || k.about[device]&p != 0) {
		return
	}
	a, ok := k.devices[device]
	if !ok {
		a.noneAfter = -1
		for other := range k.devices { // any of them: it is read anew when it asks
			if len(k.devices) < mostKnown {
				break
			}
			delete(k.devices, other)
		}
	}
	a.since = max(a.since, began)
	set(&a)
	k.devices[device] = a
}

// changing is called before a transaction is committed that is about these aspects of devices, or about anybody. done is
// called when that has ended.
func (k *known) changing(about map[string]aspects, anybody bool) (done func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.writing, k.about, k.anybody = true, about, anybody
	if anybody {
		clear(k.devices)
	}
	for d, ps := range about {
		if a, ok := k.devices[d]; ok {
			a.forget(ps)
			k.devices[d] = a
		}
	}
	return k.done
}

func (k *known) done() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended++
	if k.anybody || len(k.touched)+len(k.about) > mostTouched {
		clear(k.touched)
		k.floor = k.ended
	}
	for d, ps := range k.about {
		for p := partTold; p <= partPrincipal; p <<= 1 {
			if ps&p != 0 {
				k.touched[aspect{d, p}] = k.ended
			}
		}
	}
	k.writing, k.about, k.anybody = false, nil, false
}

// forget forgets aspects.
func (a *acquaintance) forget(ps aspects) {
	if ps&partTold != 0 {
		a.told = nil
	}
	if ps&partDevice != 0 {
		a.device = nil
	}
	if ps&partInbox != 0 {
		a.noneAfter = -1
	}
	if ps&partPrincipal != 0 {
		a.principal = nil
	}
}

func copyTold(t *syncengine.Told) *syncengine.Told {
	out := *t
	out.Shown, out.Lost = slices.Clone(t.Shown), slices.Clone(t.Lost)
	for i := range out.Shown {
		out.Shown[i].Doors = slices.Clone(out.Shown[i].Doors)
	}
	for i := range out.Lost {
		out.Lost[i].Grant.Doors = slices.Clone(out.Lost[i].Grant.Doors)
	}
	return &out
}
