package device

import (
	"context"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// afterUnclean is how long after a check a file that was not closed properly is not checked again, ms.
const afterUnclean = 3600_000

// Checked is how a check of a replica against the centre ended, and when by this device's clock.
type Checked = replica.Checked

// Check brings the replica in step like Sync and then compares it with the centre, row by row where it must; what
// differs is repaired, and Repairs lists it. The outbox is not touched. Sync and Run do the same by themselves once a
// day, and after a file was not closed properly; both look at the file itself first, and end with CodeDamaged if it is. After too many repairs within an hour a device stops checking for a
// day: then the error is CodeRepairs, unless again is given. CodeUnchecked says that no quiet moment came.
func (r *Replica) Check(ctx context.Context, remote Remote, again bool) (se.CheckReport, error) {
	var out *se.CheckReport
	err := r.alone(ctx, func() error {
		if err := r.sound(ctx); err != nil { // what the file itself cannot hold, no repair helps
			return err
		}
		if !again {
			if _, stopped, err := r.due(ctx); err != nil {
				return storage(err)
			} else if stopped {
				return say(CodeRepairs, nil)
			}
		}
		return r.converse(ctx, remote, func(c *conversation) {
			c.once, c.verify = true, wanted
			c.checked = func(report *se.CheckReport) { out = report }
		})
	})
	switch {
	case err != nil:
		return se.CheckReport{}, err
	case out == nil:
		return se.CheckReport{}, say(CodeUnchecked, nil)
	}
	return *out, nil
}

// Fresh makes the next conversation take everything anew from the centre: for a replica that a check could not mend, or
// whose proof the centre does not know. Unsent work, the journal and what was refused stay.
func (r *Replica) Fresh(ctx context.Context) error {
	return r.update(ctx, func(p *port) error {
		if err := replica.Forget(p); err != nil {
			return err
		}
		c, err := p.Control()
		if err != nil {
			return err
		}
		c.View, c.ProofAt, c.History, c.MAC = "", se.Base{}, se.Hash{}, se.Hash{}
		return p.PutControl(c)
	})
}

// due tells whether the replica should be checked without anybody asking.
func (r *Replica) due(ctx context.Context) (due, stopped bool, err error) {
	tx, err := r.read.BeginTx(ctx, nil)
	if err != nil {
		return false, false, err
	}
	defer func() { _ = tx.Rollback() }()
	p := &port{conn: tx, schema: r.schema, ctx: ctx}
	now := r.opts.Clock.Read().Wall
	due, stopped, err = replica.CheckDue(p, now)
	if err != nil || due || stopped || !r.unclean.Load() {
		return due, stopped, err
	}
	last, err := p.Checks(1)
	return err == nil && len(last) == 1 && (now-last[0].Wall > afterUnclean || now < last[0].Wall), false, err
}

// verifying is where a conversation is with checking.
type verifying uint8

const (
	unasked verifying = iota // whether a check is due has not been looked at
	wanted
	underway
	over
)

// compare checks the replica if that is due or asked for; busy while it is not through. It is called when everything
// is in.
func (c *conversation) compare() (busy bool, err error) {
	if c.verify == unasked {
		due, stopped, err := c.r.due(c.ctx)
		if err != nil {
			return false, err
		}
		c.verify = over
		if due && !stopped {
			if c.verify, err = c.first(); err != nil {
				return false, err
			}
			if c.verify == wanted { // everything was sent by now; what the file itself cannot hold, no repair helps
				if err := c.r.sound(c.ctx); err != nil {
					return false, err
				}
			}
		}
	}
	switch c.verify {
	case wanted:
		c.verify = underway
		msgs, err := c.dev.Check()
		c.put(msgs)
		if err != nil || len(msgs) > 0 || c.dev.Checking() {
			return true, err
		}
		c.verify = over // no view is live, or a centre that does not answer
	case underway:
		if c.dev.Checking() {
			return true, nil
		}
		c.verify = over
		if done := c.dev.Checked(); done != nil {
			c.r.unclean.Store(false)
			c.told(done)
			if c.checked != nil {
				c.checked(done)
			}
		}
	}
	return false, nil
}

// first notes, for a replica that was never checked, that everything came from the centre just now; the next check is
// due in a day.
func (c *conversation) first() (verifying, error) {
	var list []replica.Checked
	err := c.r.update(c.ctx, func(p *port) (err error) {
		if list, err = p.Checks(1); err != nil || len(list) > 0 {
			return err
		}
		return p.PutCheck(replica.Checked{Wall: p.wall})
	})
	if err != nil || len(list) == 0 {
		return over, err
	}
	return wanted, nil
}

// told logs what a check found, without saying in what.
func (c *conversation) told(r *se.CheckReport) {
	if r.Differed() {
		c.r.opts.Log.Warn().Int("repaired", r.Repaired).Int("local", r.Local).Bool("unmended", r.Unmended).Bool("stopped", r.Stopped).
			Msg("the replica was not what it should be, and was repaired from the centre")
	}
}

// again goes on with a check that waits for a better moment, and looks now and then whether one is due.
func (c *conversation) again() error {
	if c.polls++; c.polls%looksEvery == 0 && c.verify == over && !c.once {
		c.verify, c.idle = unasked, false
	}
	if c.verify != underway {
		return nil
	}
	if !c.dev.Checking() {
		c.idle = false // over, or given up
		return nil
	}
	msgs, err := c.dev.Check()
	c.put(msgs)
	c.idle = c.idle && len(msgs) == 0
	return err
}

// looksEvery is how many polls lie between looks whether a check is due.
const looksEvery = 300
