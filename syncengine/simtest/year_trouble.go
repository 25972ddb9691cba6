package simtest

import (
	"errors"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// restarted forgets what was under way: the centre's connections are gone.
func (y *yearly) restarted() {
	if y != nil {
		y.ghosts = nil
	}
}

// ends tells how the centre's process ends at this commit.
func (y *yearly) ends() string {
	if y == nil || y.ending == "" {
		return ""
	}
	kind := y.ending
	y.ending, y.ghosts = "", nil
	y.faults++
	y.w.count("year: centre stopped " + kind + " a commit")
	return kind
}

// calm ends all trouble, and brings every app up to date.
func (y *yearly) calm() {
	if y == nil {
		return
	}
	y.over, y.ghosts, y.ending = true, nil, ""
	for _, p := range y.w.nodes {
		p.arm = nil
		for range 2 {
			y.update(p)
		}
	}
}

// twice tells whether a message comes once more.
func (y *yearly) twice(p *handset) bool {
	if y == nil {
		return false
	}
	p.tally.frames++
	if !y.often(13) {
		return false
	}
	p.tally.frames++
	p.tally.rough++
	p.doubled = true
	y.w.count("year: frame came twice")
	return true
}

// rough tells whether a connection may end like this: messages came twice on it.
func (y *yearly) rough(p *handset, c *session.Closed) bool {
	return y != nil && p.doubled && c.Code == session.NoticeProtocol && c.Text != brokenText
}

// leave gives a connection up. What the phone had sent may still be under way.
func (y *yearly) leave(p *handset, cen *session.Centre, up []session.Message) {
	if y != nil && len(up) > 0 && !y.over {
		y.ghosts = append(y.ghosts, ghost{p, cen, up})
	}
}

// haunt lets what was under way on connections that are over reach the centre.
func (y *yearly) haunt() {
	if y == nil {
		return
	}
	for len(y.ghosts) > 0 && y.often(2) {
		g := y.ghosts[0]
		y.ghosts = y.ghosts[1:]
		for _, m := range g.up {
			g.p.tally.frames++
			g.p.tally.rough++
			y.w.count("year: frame came after its connection")
			if _, open := y.w.centreTakes(g.cen, g.cen.Receive(m, y.w.now)); !open {
				break
			}
		}
	}
}

// run does something on a phone. If its process ends meanwhile, dead is true and the next one runs.
func (p *handset) run(fn func() error) (dead bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			if c, ok := r.(crashed); !ok || c.who != p.dev.ctl.Device {
				panic(r)
			}
			dead, err = true, nil
			if p.w.year.rng.IntN(2) == 0 {
				p.clock.reboot(p.w.now)
			}
			p.dev.Crash(p.clock.read(p.w.now))
			p.opens()
		}
	}()
	return false, fn()
}

// committing is a phone's hook.
func (p *handset) committing(after bool) error {
	p.committed = p.committed || after
	a := p.arm
	if !a.due(after) {
		return nil
	}
	p.arm = nil
	p.w.year.faults++
	p.w.count("year: phone " + a.kind)
	if a.kind == failCommit {
		p.tally.full++
		return errDisk
	}
	p.tally.kills++
	panic(crashed{p.dev.ctl.Device})
}

// full tells whether an error is that of a disk that is full.
func (p *handset) full(err error) bool { return p.w.year != nil && errors.Is(err, errDisk) }

// purged tells whether a replica cannot offer a changeset again, since it gave its body away when its person's work there
// ended: a restore took it from the centre afterwards.
func (p *handset) purged(n int64, h se.Hash) bool {
	if f, ok := p.dev.filed[n]; !ok || f.cs != nil || !p.w.cut[h] || !p.ended {
		return false
	}
	p.w.count("purged, and then taken from the centre by a restore")
	return true
}

func (p *handset) purgedWord(n int64) bool {
	h, _ := p.dev.HashOf(n)
	return p.purged(n, h)
}
