package session

import (
	"errors"
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// How long a device tries.
const (
	staleTries = 30 // answers that came too late, before a check is given up until another day
	sameScope  = 4  // rounds that found something though all was said to be mended, before a scope is left alone
	manyRounds = 1000
	maxRepair  = 64 << 20 // bytes of rows in one answer: far above what a centre puts there before it says that a snapshot is due
)

// checking is a check of the whole replica, one scope at a time, from the device's side.
type checking struct {
	scopes  []string
	at      int
	sent    *se.Check // waits for its answer
	part    int       // parts of the answer so far
	items   []se.DeltaItem
	size    int  // bytes of items
	waiting bool // for the next step, or until Check is called again
	stale   int
	vain    int // rounds of this scope after which it should have been equal, and was not
	rounds  int // of this scope
	report  se.CheckReport
}

// Check starts to compare the replica with the centre, or goes on where a moment was not right. It gives nothing to send
// while one is under way. The driver calls it when the replica is in step and idle; Checked tells the end.
func (d *Device) Check() ([]Message, error) {
	if !d.welcomed || !d.answers || d.check != nil && !d.check.waiting {
		return nil, nil
	}
	if d.check == nil {
		scopes, local, err := d.replica.Scopes()
		if err != nil || len(scopes) == 0 {
			return nil, err
		}
		d.check, d.checked = &checking{scopes: scopes, report: se.CheckReport{Local: local}}, nil
	}
	return d.compare()
}

// Checking tells whether a check is under way.
func (d *Device) Checking() bool { return d.check != nil }

// Checked gives how the last check on this connection ended, nil while none did.
func (d *Device) Checked() *se.CheckReport { return d.checked }

// resume goes on after a step was applied.
func (d *Device) resume() ([]Message, error) {
	if d.check == nil || !d.check.waiting {
		return nil, nil
	}
	return d.compare()
}

// compare sends the digests of the present scope.
func (d *Device) compare() ([]Message, error) {
	c := d.check
	check, err := d.replica.Digest(c.scopes[c.at])
	if err != nil {
		return nil, fmt.Errorf("make digests: %w", err)
	}
	if check == nil {
		return d.later()
	}
	d.checks++
	check.Number = d.checks
	c.sent, c.part, c.items, c.size, c.waiting = check, 0, nil, 0, false
	return []Message{&Check{*check}}, nil
}

// later waits for the next step. A check that never finds a quiet moment is given up.
func (d *Device) later() ([]Message, error) {
	c := d.check
	c.sent, c.items, c.waiting = nil, nil, true
	if c.stale++; c.stale >= staleTries {
		d.check = nil
	}
	return nil, nil
}

// repair takes a part of the centre's answer; with the last one the replica is repaired.
func (d *Device) repair(m *se.Repair) ([]Message, error) {
	c := d.check
	if c == nil || c.sent == nil || m.Number != c.sent.Number || m.Part <= c.part {
		return nil, nil // of a check that is over, or come twice
	}
	if m.Part != c.part+1 {
		return nil, &Closed{NoticeGap, "a part of a repair is missing; say Hello again"}
	}
	c.part = m.Part
	c.items = append(c.items, m.Items...)
	for i := range m.Items {
		c.size += m.Items[i].Size()
	}
	if c.size > maxRepair {
		return nil, &Closed{NoticeProtocol, "a repair of more rows than one may hold; where so much differs a snapshot is due"}
	}
	switch {
	case !m.Done:
		return nil, nil
	case m.Stale:
		return d.later()
	case m.Snapshot:
		if err := d.replica.Broken(); err != nil {
			return nil, err
		}
		return nil, &Closed{NoticeProtocol, "too much of the replica differs from the centre; it will ask for a snapshot"}
	case len(m.Covered) == 0:
		return d.advance()
	}
	n, current, err := d.replica.Repair(c.sent, c.items, m.Covered)
	switch {
	case errors.Is(err, replica.ErrBroken):
		return nil, &Closed{NoticeProtocol, "the repair holds something else than whole rows; nothing of it was taken"}
	case err != nil:
		return nil, fmt.Errorf("repair: %w", err)
	case !current:
		return d.later()
	}
	c.report.Repaired += n
	if c.rounds++; n == 0 || !m.More {
		c.vain++
	}
	if c.vain >= sameScope || c.rounds >= manyRounds {
		c.report.Unmended = true
		return d.advance()
	}
	// Once more: there may be more than one answer holds, and what was mended has to be seen equal.
	out, err := d.compare()
	if err != nil {
		return nil, err
	}
	more, err := d.Sealed() // what other programs wrote was sealed before the repair
	return append(out, more...), err
}

// advance goes to the next scope; after the last one the check is over.
func (d *Device) advance() ([]Message, error) {
	c := d.check
	c.report.Scopes++
	c.vain, c.rounds = 0, 0
	if c.at++; c.at < len(c.scopes) {
		return d.compare()
	}
	report, err := d.replica.Checked(c.report)
	if err != nil {
		return nil, fmt.Errorf("keep how the check ended: %w", err)
	}
	d.check, d.checked = nil, &report
	d.checks++
	return []Message{&Check{se.Check{Number: d.checks, Report: &report}}}, nil
}

// checks is what the centre's end remembers of them.
type checks struct {
	number int64 // of the last one
	out    bool  // a Verify effect is out
	own    Allowance
	spend  func(now int64) bool // nil: own
}

func (c *Centre) check(m *se.Check, now int64) []Effect {
	k := &c.checks
	switch {
	case !c.welcomed:
		return c.close(NoticeProtocol, "Check before Welcome")
	case m.Number <= k.number:
		return nil // come twice
	case k.out:
		return c.close(NoticeProtocol, "a second Check before the answer to the first")
	}
	k.number = m.Number
	spend := k.spend
	if spend == nil {
		spend = k.own.Spend
	}
	over := !spend(now)
	switch {
	case m.Report != nil && over:
		return nil
	case m.Report != nil:
		return []Effect{&Report{c.hello.Device, *m.Report}}
	case c.drain || c.untold || c.sent > c.seen || over:
		return []Effect{&Send{&Repair{se.Repair{Number: m.Number, Part: 1, Done: true, Stale: true}}}}
	}
	k.out = true
	return []Effect{&Verify{se.CheckRequest{Device: c.hello.Device, Schema: c.hello.Schema, App: c.hello.App, Check: m, Now: now, Budget: c.budget, Pages: c.pages}}}
}

// Verified takes the answer to Verify; none says that the centre has no time now.
func (c *Centre) Verified(list []se.Repair) []Effect {
	c.checks.out = false
	if c.closed {
		return nil
	}
	if len(list) == 0 {
		list = []se.Repair{{Number: c.checks.number, Part: 1, Done: true, Stale: true}}
	}
	var out []Effect
	for i := range list {
		out = append(out, &Send{&Repair{list[i]}})
	}
	return out
}
