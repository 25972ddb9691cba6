package session

import (
	"fmt"
	"time"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Effect is what the centre's end asks its driver to do: *Send, *Open, *Submit, *Read, *Tell, *Verify, *Report or
// *Close.
type Effect interface{ effect() }

type (
	// Send puts a message on the connection.
	Send struct{ Message Message }
	// Open asks for Engine.Open; the driver answers with Opened, or with Retired for a *se.Retire.
	Open struct{ Hello se.Hello }
	// Submit asks for the changesets to be committed in order; the driver answers with Committed once that is durable.
	Submit struct {
		Changesets []*se.Changeset
		Contact    se.Contact
	}
	// Read asks for Engine.Next; the driver answers with Advanced.
	// Heavy says that it may take much: it is read when there is room for it, and what is light goes first.
	Read struct {
		Request se.NextRequest
		Heavy   bool
	}
	// Verify asks for Engine.Check; the driver answers with Verified. It may take long: it must not stand in the way of
	// anything else, of this connection's deltas neither.
	Verify struct{ Request se.CheckRequest }
	// Report tells how a device's check of its replica ended, for the people who look after devices.
	Report struct {
		Device string
		Report se.CheckReport
	}
	// Close ends the connection after what was sent before it.
	Close struct {
		Code NoticeCode
		Text string
	}
)

func (*Send) effect()   {}
func (*Open) effect()   {}
func (*Submit) effect() {}
func (*Read) effect()   {}
func (*Verify) effect() {}
func (*Report) effect() {}
func (*Close) effect()  {}

// Timing bounds what one end waits for, in milliseconds.
const (
	// HelloWithin is how long the centre waits for the first message.
	HelloWithin = 10_000
	// QuietAfter is how long a device may go without a delta while the head moves elsewhere.
	QuietAfter = 30_000
	// ClockOff is the offset at which a device is told that its clock is wrong.
	ClockOff = 60_000
	// readBudget is about how many bytes of rows are read and sent before the device must have seen them.
	readBudget = 512 << 10
	// lightBudget is the budget of the first part of a step from a cursor: most steps are no larger.
	lightBudget = 64 << 10
)

// Centre is the centre's end of one connection. The driver owns it: one goroutine, or a lock. It never keeps more than
// one part in memory, so a slow device costs nothing but its own cursor falling behind (P14).
type Centre struct {
	opened   int64 // time of creation
	hello    *se.Hello
	contact  se.Contact
	welcomed bool
	closed   bool
	drain    bool // the device is below the minimum: it sends and gets verdicts, no rows
	limits   se.Limits
	budget   int // bytes of rows read and sent before the device must have seen them
	pages    se.Pages

	view     string
	cursor   se.Base // what the device holds, or will once it has seen what was sent
	staged   []se.StagedScope
	unpacks  []string          // encodings of packed chunks that the device takes
	offers   map[string]string // snapshots whose manifests were sent on this connection, by scope
	inbox    int64
	sent     int64 // Delta frames
	seen     int64
	offered  int64   // seq of the last whole step sent
	acked    int64   // seq of the last whole step sent and seen: what the device took, by the centre's own knowledge
	reached  se.Base // where the device last said that it stands, in Hello or Seen
	inFlight int     // changesets submitted and not committed
	reading  bool    // a Read or Open effect is out
	want     bool    // something may have changed
	owed     bool    // an empty delta must be sent too
	told     int64   // the device's last n that the last whole step contains
	judged   int64   // highest n whose verdict was sent
	lastSent int64

	ended
	checks checks
}

// NewCentre makes the centre's end of a connection accepted at now.
func NewCentre(limits se.Limits, now int64) *Centre {
	return &Centre{opened: now, limits: limits, budget: readBudget}
}

// Portion sets in what portions rows are read and sent: budget bytes before the device must have seen them.
func (c *Centre) Portion(budget int, pages se.Pages) { c.budget, c.pages = budget, pages }

// Receive takes a message of the device. Once the connection is closed nothing has an effect any more, whatever the
// driver still has to say.
func (c *Centre) Receive(m Message, now int64) []Effect {
	if c.closed {
		return nil
	}
	switch m := m.(type) {
	case *Hello:
		return c.hi(m, now)
	case *Push:
		return c.push(m)
	case *Seen:
		return c.sawn(m, now)
	case *Drain:
		return c.drained(m)
	case *Purged:
		return c.purged(m)
	case *Check:
		return c.check(&m.Check, now)
	}
	return c.close(NoticeProtocol, "this kind of message is the centre's to send")
}

func (c *Centre) hi(m *Hello, now int64) []Effect {
	if c.hello != nil {
		return c.close(NoticeProtocol, "a second Hello on one connection; open a new one")
	}
	h := m.Hello
	c.hello = &h
	c.contact = se.Contact{Offset: now - h.Wall, Boot: h.Boot, Mono: h.Mono, At: now, Held: se.Base{Epoch: h.Epoch, Seq: h.Cursor}}
	c.inbox, c.unpacks, c.reached = h.Inbox, h.Unpacks, c.contact.Held
	c.reading = true
	return []Effect{&Open{h}}
}

// Opened takes the answer to Open. A nil Welcome closes with the code and text given.
func (c *Centre) Opened(w *se.Welcome, code NoticeCode, text string, now int64) []Effect {
	c.reading = false
	switch {
	case c.closed:
		return nil
	case w == nil:
		return c.close(code, text)
	}
	out := []Effect{&Send{&Welcome{*w}}}
	if off := c.contact.Offset; !c.welcomed && (off > ClockOff || off < -ClockOff) {
		out = append(out, &Send{&Notice{Code: NoticeClock, Text: fmt.Sprintf("the clock of this device is off by %d s; nothing is lost for it, but please set it", -off/1000)}})
	}
	c.drain = w.Drain
	if n := c.outdated(w); n != nil {
		out = append(out, &Send{n})
	}
	first := !c.welcomed
	c.welcomed = true
	c.view = w.View
	c.untold, c.asked, c.receipt = len(w.Lost) > 0, now, max(c.receipt, w.Receipt)
	if first && !w.Reset {
		c.cursor = se.Base{Epoch: c.hello.Epoch, Seq: c.hello.Cursor}
	}
	if w.Reset {
		c.cursor = se.Base{}
	}
	c.staged = nil
	if first && c.hello.StagedFor(w) {
		c.staged = c.hello.Staged
	}
	c.want, c.owed = true, true
	return append(out, c.read(now)...)
}

// outdated is what a device below the minimum is told, nil for one that is not.
func (c *Centre) outdated(w *se.Welcome) *Notice {
	switch {
	case w.Drain:
		return &Notice{Code: NoticeUpdate, Text: "this app is too old for this centre; update it. What is on this device is sent and nothing is lost, but nothing comes in"}
	case !c.welcomed && w.Minimum.Below(c.hello.Schema, c.hello.App):
		return &Notice{Code: NoticeUpdateSoon, Text: "update this app before " + time.UnixMilli(w.Minimum.From).UTC().Format(time.DateOnly) + "; from then on an app this old gets no more data"}
	}
	return nil
}

// Delayed says that what was to be read waits for its turn among many devices' parts: the device is told, so that its
// person knows why nothing comes. What it sends is taken meanwhile.
func (c *Centre) Delayed() []Effect {
	if c.closed || !c.welcomed || !c.reading {
		return nil
	}
	return []Effect{&Send{&Notice{Code: NoticeBusy, Text: "many devices are being served; what this one lacks comes when it is its turn, and what it sends is taken meanwhile"}}}
}

func (c *Centre) push(m *Push) []Effect {
	if !c.welcomed {
		return c.close(NoticeProtocol, "Push before Welcome; say Hello and wait")
	}
	if len(m.Changesets) == 0 {
		return nil
	}
	if c.inFlight+len(m.Changesets) > c.limits.Window {
		return c.close(NoticeProtocol, fmt.Sprintf("more than %d changesets without a verdict; wait for Verdicts", c.limits.Window))
	}
	for _, cs := range m.Changesets {
		if cs.Device != c.hello.Device {
			return c.close(NoticeProtocol, "a changeset of another device")
		}
		c.pushed = max(c.pushed, cs.N)
	}
	c.inFlight += len(m.Changesets)
	// What was sealed before this connection was written before anything that it brought was seen, however long it takes
	// to get here.
	old := 0
	for old < len(m.Changesets) && m.Changesets[old].N <= c.hello.LastN {
		old++
	}
	var out []Effect
	if old > 0 {
		out = append(out, &Submit{m.Changesets[:old:old], c.contact})
	}
	if old < len(m.Changesets) {
		contact := c.contact
		contact.Acked = c.acked
		out = append(out, &Submit{m.Changesets[old:], contact})
	}
	return out
}

// Committed takes the verdicts of a Submit, in its order. code is set when one of them could not be judged (a gap, a
// clone, a failure): then the verdicts before it are sent and the connection closes.
func (c *Centre) Committed(n int, verdicts []se.Verdict, code NoticeCode, text string, now int64) []Effect {
	c.inFlight -= n
	if c.closed {
		return nil
	}
	var out []Effect
	if len(verdicts) > 0 {
		out = append(out, &Send{&Verdicts{verdicts}})
		c.want = true
		// The bell may have been faster: then the step that contains them is on its way already.
		c.judged = max(c.judged, verdicts[len(verdicts)-1].N)
		c.owed = c.owed || c.judged > c.told
	}
	if code != "" {
		return append(out, c.close(code, text)...)
	}
	return append(out, c.read(now)...)
}

// Bell says that the county may have moved. It never carries data.
func (c *Centre) Bell(now int64) []Effect {
	c.want = true
	return c.read(now)
}

// Tick is called from time to time.
func (c *Centre) Tick(now int64) []Effect {
	switch {
	case c.closed:
	case c.hello == nil && now-c.opened > HelloWithin:
		return c.close(NoticeTimeout, "no Hello came")
	case c.untold:
		return c.silent(now)
	case c.expired(now):
		return c.Bell(now)
	case c.welcomed && !c.retired && now-c.lastSent > QuietAfter:
		c.want, c.owed = true, true
		return c.read(now)
	}
	return nil
}

func (c *Centre) read(now int64) []Effect {
	if !c.want || c.reading || c.drain || !c.welcomed || c.retired || c.closed || c.sent > c.seen || c.untold {
		return nil
	}
	c.want, c.reading = false, true
	heavy, budget := c.cursor == (se.Base{}) || len(c.staged) > 0, c.budget
	if !heavy {
		budget = min(budget, lightBudget)
	}
	return []Effect{&Read{Heavy: heavy, Request: se.NextRequest{
		Device: c.hello.Device, Cursor: c.cursor, View: c.view, Staged: c.staged, Inbox: c.inbox, Now: now, Budget: budget, Pages: c.pages, Unpacks: c.unpacks,
		Schema: c.hello.Schema, App: c.hello.App,
	}}}
}

// Advanced takes the answer to Read; a nil part closes.
func (c *Centre) Advanced(part *se.Part, now int64) []Effect {
	c.reading = false
	if c.closed {
		return nil
	}
	if part == nil {
		return c.close(NoticeInternal, "the centre could not read; come back later")
	}
	fresh := c.cursor == (se.Base{})
	if part.View != c.view || part.Untold || part.Reset != fresh || part.Restart || part.Drain {
		// The person's grants changed since Welcome, or what the replica holds is too old to go on from, or its app has
		// come to be below the minimum: greet anew before anything of the new view is sent.
		h := c.from(c.view, c.cursor)
		c.reading = true
		return []Effect{&Open{h}}
	}
	var out []Effect
	c.until, c.inbox = part.Until, max(c.inbox, part.Inbox)
	if len(part.Messages) > 0 {
		out = append(out, &Send{&Inbox{part.Messages}})
	}
	last := &part.Frames[len(part.Frames)-1]
	if last.Done && len(part.Frames) == 1 && len(last.Items) == 0 && len(c.staged) == 0 && !c.owed && !part.Reset {
		return out // nothing for this view: its cursor may stay behind
	}
	for _, m := range part.Manifests {
		if c.offers[m.Scope] != m.ID {
			if c.offers == nil {
				c.offers = map[string]string{}
			}
			c.offers[m.Scope] = m.ID
			out = append(out, &Send{&Manifest{*m}})
		}
	}
	for i := range part.Frames {
		out = append(out, &Send{&Delta{part.Frames[i]}})
		c.sent++
		c.note(&part.Frames[i])
	}
	c.lastSent = now
	if last.Done {
		// A verdict that was sent while this was being read is in a later step: that one is owed still.
		c.cursor, c.staged, c.told = last.To, nil, last.LastN
		c.owed = c.judged > c.told
		c.want = c.want || c.owed
		c.offered = last.To.Seq
	} else {
		c.want = true
	}
	return out
}

func (c *Centre) note(d *se.Delta) {
	if d.Scope == "" {
		return
	}
	at := se.StagedScope{Scope: d.Scope, After: d.After, Snapshot: d.Snapshot, Read: d.Read}
	for i := range c.staged {
		if c.staged[i].Scope == d.Scope {
			c.staged[i] = at
			return
		}
	}
	c.staged = append(c.staged, at)
}

func (c *Centre) sawn(m *Seen, now int64) []Effect {
	if c.retired {
		return nil
	}
	if !c.welcomed {
		return c.close(NoticeProtocol, "Seen before Welcome")
	}
	if m.Frames < c.seen || m.Frames > c.sent {
		return c.close(NoticeProtocol, "Seen counts frames that were not sent")
	}
	c.seen, c.reached = m.Frames, se.Base{Epoch: m.Epoch, Seq: m.Cursor}
	if c.seen == c.sent {
		c.acked = c.offered
	}
	if again := c.believe(m); again != nil {
		return again
	}
	return c.read(now)
}

// believe takes the device's word for where it stands, once everything that was sent is seen: while two connections
// of one device are open, each brings it further, and steps of the slower one were ignored.
func (c *Centre) believe(m *Seen) []Effect {
	if c.seen < c.sent || c.reading || len(c.staged) > 0 || c.cursor == (se.Base{}) {
		return nil
	}
	at := se.Base{Epoch: m.Epoch, Seq: m.Cursor}
	c.want = c.want || at != c.cursor
	c.cursor = at
	if m.View == c.view {
		return nil
	}
	h := c.from(m.View, se.Base{Epoch: m.Epoch, Seq: m.Cursor})
	c.reading = true
	return []Effect{&Open{h}}
}

// from is the Hello of this connection as it would be from another place. The proof was for the place that it named, and
// has been checked.
func (c *Centre) from(view string, at se.Base) se.Hello {
	h := *c.hello
	h.View, h.Epoch, h.Cursor, h.Staged = view, at.Epoch, at.Seq, nil
	h.History, h.MAC = se.Hash{}, se.Hash{}
	return h
}

func (c *Centre) close(code NoticeCode, text string) []Effect {
	if c.closed {
		return nil
	}
	c.closed = true
	return []Effect{&Send{&Notice{Code: code, Text: text, Close: true}}, &Close{code, text}}
}

// Reached is where the device last said that it durably stands, in its Hello or a Seen since; zero for nothing. It is its
// own word: for people to read, nothing is decided by it.
func (c *Centre) Reached() se.Base { return c.reached }

// Began is where the device stood when it said Hello.
func (c *Centre) Began() se.Base { return c.contact.Held }

// Device is the device that said Hello, "" before.
func (c *Centre) Device() string {
	if c.hello == nil {
		return ""
	}
	return c.hello.Device
}
