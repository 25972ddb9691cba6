package simtest

import (
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// ErrOutdated is what a Device's Exec says of a replica whose app is below the county's minimum. Replicas in memory take
// what is written all the same.
var ErrOutdated = errors.New("simtest: the app is below the minimum")

var errStopped = errors.New("simtest: the centre stopped")

// trouble is what befalls a mixed world beside cuts: messages that come twice, or after their connection, processes that
// end at any commit of a phone or the centre, disks that are full, clocks that are set.
type trouble struct {
	rng    *rand.Rand
	on     bool
	faults int
	ghosts []*mixedLink // connections that phones gave up, with what they had sent
	arms   map[*phoneOf]*arm
	centre int // commits of the centre until it stops; 0 = it does not
}

func (m *mixed) begin(seed uint64) {
	h := fnv.New64a()
	h.Write([]byte("versions: trouble"))
	t := &m.trouble
	t.rng, t.arms = rand.New(rand.NewPCG(seed, h.Sum64())), map[*phoneOf]*arm{}
	if t.on = t.rng.IntN(2) == 0; !t.on {
		return
	}
	for _, p := range m.phones {
		p.dev.SetHook(func(after bool) error { return m.committing(p, after) })
	}
	m.store.SetHook(m.storing)
}

// calm ends all trouble.
func (m *mixed) calm() {
	m.trouble.on, m.trouble.arms, m.trouble.centre, m.trouble.ghosts = false, nil, 0, nil
}

// often is true in one of n cases, where there is trouble.
func (t *trouble) often(n int) bool {
	if !t.on || t.rng.IntN(n) > 0 {
		return false
	}
	t.faults++
	return true
}

func (t *trouble) pick(n int) int {
	if t.rng == nil {
		return 0
	}
	return t.rng.IntN(n)
}

// twice tells whether a message comes once more.
func (t *trouble) twice() bool { return t.often(20) }

// strike lets something happen before a step.
func (m *mixed) strike() {
	t := &m.trouble
	if !t.often(6) {
		return
	}
	p := m.phones[t.rng.IntN(len(m.phones))]
	switch t.rng.IntN(5) {
	case 0, 1:
		t.arms[p] = &arm{after: 1 + t.rng.IntN(4), kind: []string{failCommit, crashBefore, crashAfter}[t.rng.IntN(3)]}
	case 2:
		t.centre = 1 + t.rng.IntN(3)
	case 3:
		p.clock.offset = []int64{10 * year, -10 * year, t.rng.Int64N(4*year) - 2*year, t.rng.Int64N(180_000) - 90_000}[t.rng.IntN(4)]
		m.counts["clock set wrong"]++
	default:
		p.clock.reboot(m.now)
		m.counts["reboot"]++
	}
}

// committing is a phone's hook.
func (m *mixed) committing(p *phoneOf, after bool) error {
	a := m.trouble.arms[p]
	if !a.due(after) {
		return nil
	}
	delete(m.trouble.arms, p)
	m.counts["phone "+a.kind]++
	if a.kind == failCommit {
		return errDisk
	}
	panic(crashed{p.principal.Device})
}

// storing is the centre's hook.
func (m *mixed) storing() error {
	t := &m.trouble
	if t.centre > 0 {
		if t.centre--; t.centre == 0 {
			m.counts["centre stopped at a commit"]++
			panic(crashed{"centre"})
		}
	}
	return nil
}

// run does something on a phone. If its process ends meanwhile, dead is true and it is open again.
func (m *mixed) run(p *phoneOf, fn func() error) (dead bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			if c, ok := r.(crashed); !ok || c.who != p.principal.Device {
				panic(r)
			}
			dead, err = true, nil
			p.synced = false
			p.dev.Crash(m.clock(p))
		}
	}()
	return false, fn()
}

// failed tells whether an error of a phone may happen.
func (m *mixed) failed(p *phoneOf, what string, err error) {
	switch {
	case err == nil, m.trouble.on && errors.Is(err, errDisk):
	case errors.Is(err, ErrOutdated) && p.outdated:
		m.counts["an app below the minimum refused to be written"]++
	case errors.Is(err, ErrLocked):
		m.counts["locked by its lease"]++
	default:
		m.bad("%s of %s, version %d: %v", what, p.principal.Account, p.version, err)
	}
}

// served lets the centre do something; it may stop in the middle.
func (m *mixed) served(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if c, ok := r.(crashed); !ok || c.who != "centre" {
				panic(r)
			}
			m.store.Crash()
			m.trouble.ghosts = nil // its connections are gone
			err = errStopped
		}
	}()
	return fn()
}

// leave ends a connection on the phone's side. What it had sent may still be under way.
func (m *mixed) leave(c *mixedLink) {
	if (c.err != nil || c.gone) && len(c.up) > 0 && m.trouble.on {
		m.trouble.ghosts = append(m.trouble.ghosts, c)
	}
}

// haunt lets what was under way on dead connections reach the centre, which knows nothing of their end yet.
func (m *mixed) haunt() {
	t := &m.trouble
	for _, c := range slices.Clone(t.ghosts) {
		if !t.often(2) {
			continue
		}
		t.ghosts = slices.DeleteFunc(t.ghosts, func(x *mixedLink) bool { return x == c })
		for _, msg := range c.up {
			if _, ok := msg.(*session.Push); ok {
				m.counts["pushed by a dead connection"]++
			}
			var closed *session.Closed
			if err := m.served(func() error { return c.do(c.cen.Receive(msg, m.now)) }); err != nil && !errors.Is(err, errStopped) && !errors.As(err, &closed) {
				m.bad("%s, on a dead connection: %v", c.p.principal.Account, err)
			}
		}
	}
}
