package session

import se "github.com/doorstep-sync/doorstep/syncengine"

// Grants that end: what was written before its author knew is taken first, then nothing of it is left on his device,
// then the centre has a receipt (P8).
type (
	// Drain is the device's answer to a Welcome that names lost grants.
	Drain struct{ se.Drain }
	// Purged is the device's receipt for what ended.
	Purged struct{ se.Purged }
	// Retire is the centre's first message, instead of Welcome, to a device that may only drain and purge.
	Retire struct{ se.Retire }
)

func (*Drain) message()  {}
func (*Purged) message() {}
func (*Retire) message() {}

// Tell asks for Engine.Record; the driver answers with Recorded once that is durable.
type Tell struct{ Tell se.Tell }

func (*Tell) effect() {}

const (
	// DrainWithin is how long a device is waited for that was told of lost grants and does not answer: programs from
	// before there was a Drain never do. What they had sealed at Hello counts as written before they knew.
	DrainWithin = 60_000
)

// ended is the part of Centre about grants that end.
type ended struct {
	untold  bool    // Welcome named lost grants: nothing is read before the device's answer is durable
	asked   int64   // when that Welcome was sent
	telling int     // Tell effects that are out
	pushed  int64   // highest n that came on this connection
	early   *Purged // a receipt that came before the answer it follows was on record
	receipt int64   // when the device was told of what a receipt on this connection is about
	retired bool    // the device may only drain and purge
	until   int64   // when the first of the person's grants ends; 0 = none does
}

// drained takes the device's answer to a Welcome that named lost grants.
func (c *Centre) drained(m *Drain) []Effect {
	switch {
	case !c.welcomed || c.retired:
		return c.close(NoticeProtocol, "Drain answers a Welcome that names lost grants, and there was none")
	case !c.untold || m.View != c.view:
		return nil // answered already, or another Welcome is on its way to be answered
	case m.N-se.MaxAhead > max(c.hello.LastN, c.pushed):
		return c.close(NoticeProtocol, "drain.n is far above what this device has made; give the n of its newest sealed changeset")
	}
	return c.tell(se.Tell{View: m.View, N: m.N})
}

// purged takes a receipt. One that fits nothing is passed over.
func (c *Centre) purged(m *Purged) []Effect {
	if !c.welcomed {
		return c.close(NoticeProtocol, "Purged before Welcome")
	}
	switch {
	case c.retired:
	case c.untold && c.telling > 0: // it held nothing of what ended, and purged at once: its answer is being recorded
		c.early = m
		return nil
	case c.untold || c.receipt == 0:
		return nil
	}
	return c.tell(se.Tell{View: m.View, N: m.N, Purged: true, At: c.receipt, Retire: c.retired})
}

func (c *Centre) tell(t se.Tell) []Effect {
	t.Device = c.hello.Device
	c.telling++
	return []Effect{&Tell{t}}
}

// Recorded takes the answer to Tell: at is what Engine.Record gave. With a code it could not be written, and the
// connection closes.
func (c *Centre) Recorded(t se.Tell, at int64, code NoticeCode, text string, now int64) []Effect {
	c.telling--
	switch {
	case c.closed:
		return nil
	case code != "":
		return c.close(code, text)
	case t.Retire:
		return c.close(NoticeRevoked, "nothing is left on this device; thank you")
	case t.Purged:
		return nil
	}
	// Recorded or not: what is read next is for the view of now, and if that is not the one told, Welcome comes again.
	c.untold = c.untold && t.View != c.view
	c.receipt = max(c.receipt, at)
	out := c.read(now)
	if m := c.early; m != nil {
		c.early = nil
		out = append(out, c.purged(m)...)
	}
	return out
}

// silent goes on without the answer of a device that knows no Drain.
func (c *Centre) silent(now int64) []Effect {
	if !c.untold || c.telling > 0 || now-c.asked <= DrainWithin {
		return nil
	}
	return c.tell(se.Tell{View: c.view, N: max(c.hello.LastN, c.pushed)})
}

// Retired takes the answer to Open for a device that may only drain and purge. It is sent nothing but verdicts.
func (c *Centre) Retired(r se.Retire, now int64) []Effect {
	c.reading = false
	switch {
	case c.closed:
		return nil
	case r.Done:
		return c.close(NoticeRevoked, "this device may not synchronise any more; ask your supervisor")
	}
	if c.welcomed && c.retired {
		return nil
	}
	c.welcomed, c.retired, c.lastSent = true, true, now
	return []Effect{&Send{&Retire{r}}}
}

// Due is when Tick should be called at the latest: when the first of the person's grants ends, or when a device has been
// waited for long enough. 0 = no need. Once Tick was called it is later, or 0: a driver may sleep until then.
func (c *Centre) Due() int64 {
	switch {
	case c.closed || c.retired || c.untold && c.telling > 0:
		return 0
	case c.untold: // grants that end meanwhile are asked about after that
		return c.asked + DrainWithin + 1
	}
	return c.until
}

// expired notices that a grant has ended by itself.
func (c *Centre) expired(now int64) bool {
	if c.until == 0 || now < c.until || c.retired {
		return false
	}
	c.until = 0
	return true
}
