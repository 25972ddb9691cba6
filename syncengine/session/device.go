package session

import (
	"errors"
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Replica is what the device's end needs of the replica. Each method is one durable transaction.
type Replica interface {
	// Hello seals what other programs wrote and tells where the replica stands. Token and App are the driver's to fill.
	Hello() (se.Hello, error)
	// Greet takes over what a Welcome says. Where it names lost grants, what was written is sealed first, and the answer
	// says up to which n.
	Greet(*se.Welcome) (*se.Drain, error)
	// Retire seals what was written; from then on the replica is only drained and purged.
	Retire(se.Retire) error
	// Purge removes what ended from the device's files, once it is drained, and gives the receipt; nil while it is not,
	// or if there is nothing to purge.
	Purge() (*se.Purged, error)
	// Outbox lists sealed changesets with n > after that have no verdict, in order, at most limit.
	Outbox(after int64, limit int) ([]*se.Changeset, error)
	// Stage is replica.Stage.
	Stage(*se.Delta) (applied bool, err error)
	File([]se.Verdict) error
	Receive([]se.Message) error
	// Broken forgets staged frames and the view of the cursor, so that the next Hello asks for a snapshot.
	Broken() error
	// Unpack reads the items of a chunk in an encoding, which unpacks to size bytes. It writes nothing.
	Unpack(encoding string, packed []byte, size int) ([]se.DeltaItem, error)
	// Spoiled notes that a chunk of a scope's snapshot was not what the manifest says. What is staged stays: it was
	// checked. From the second time on, until a step is applied, Hello takes no packed chunks.
	Spoiled(scope string) error
	// Seen tells how far the replica has durably come; Frames is the session's to fill.
	Seen() (Seen, error)
	// Salvage seals what a restored centre still lacks of what the replica held, as changesets for a supervisor.
	Salvage() error
	// Scopes is replica.Reshow, which counts what it mended, and replica.CheckScopes.
	Scopes() (scopes []string, local int, err error)
	// Digest is replica.Digest, after sealing if that is needed; nil where the moment is not right.
	Digest(scope string) (*se.Check, error)
	// Repair is replica.Repair.
	Repair(check *se.Check, items []se.DeltaItem, covered []se.Covered) (n int, current bool, err error)
	// Checked is replica.EndCheck.
	Checked(se.CheckReport) (se.CheckReport, error)
}

// Closed says that a connection is over, and why.
type Closed struct {
	Code NoticeCode
	Text string
}

func (c *Closed) Error() string { return fmt.Sprintf("session: closed (%s): %s", c.Code, c.Text) }

// Device is the device's end of one connection. It belongs to one goroutine. An error of any method ends the
// connection; the replica is whole at every moment and the next connection goes on from it.
type Device struct {
	replica  Replica
	hello    se.Hello
	welcomed bool
	limits   se.Limits
	pushed   int64 // highest n sent on this connection
	inFlight int
	frames   int64
	notices  []Notice
	queued   bool                    // the centre said that what this device lacks waits for its turn
	offers   map[string]*se.Manifest // by scope
	offered  int                     // chunks of all of them
	receipt  *se.Purged              // sent on this connection
	answers  bool                    // the centre answers Check
	check    *checking               // of the whole replica, under way
	checks   int64                   // Check messages sent
	checked  *se.CheckReport
}

// NewDevice makes the device's end of a new connection.
func NewDevice(r Replica) *Device { return &Device{replica: r} }

// Start gives the first message.
func (d *Device) Start(token, app string) (*Hello, error) {
	h, err := d.replica.Hello()
	if err != nil {
		return nil, fmt.Errorf("prepare Hello: %w", err)
	}
	h.Token, h.App = token, app
	d.hello = h
	return &Hello{h}, nil
}

// Receive takes a message of the centre and gives the ones to send.
func (d *Device) Receive(m Message) ([]Message, error) {
	switch m.(type) {
	case *Welcome, *Retire:
	default:
		if d.welcomed {
			break
		}
		if n, ok := m.(*Notice); ok {
			return nil, d.notice(n)
		}
		return nil, &Closed{NoticeProtocol, "the centre's first message was not Welcome"}
	}
	switch m := m.(type) {
	case *Welcome:
		return d.welcome(m)
	case *Retire:
		return d.retire(m)
	case *Verdicts:
		if err := d.replica.File(m.Verdicts); err != nil {
			return nil, fmt.Errorf("file verdicts: %w", err)
		}
		d.inFlight = max(0, d.inFlight-len(m.Verdicts))
		out, err := d.Sealed()
		return d.purged(out, err)
	case *Manifest:
		return nil, d.offer(&m.Manifest)
	case *Delta:
		d.queued = false
		if m.Packed != nil {
			var err error
			if m, err = d.unpack(m); err != nil {
				return nil, err
			}
		}
		return d.delta(m)
	case *Inbox:
		if err := d.replica.Receive(m.Messages); err != nil {
			return nil, fmt.Errorf("store inbox: %w", err)
		}
		return d.seen()
	case *Repair:
		return d.repair(&m.Repair)
	case *Notice:
		return nil, d.notice(m)
	}
	return nil, &Closed{NoticeProtocol, "a kind of message that only devices send"}
}

func (d *Device) welcome(m *Welcome) ([]Message, error) {
	m.Acked = d.hello.Acked
	drain, err := d.replica.Greet(&m.Welcome)
	switch {
	case errors.Is(err, replica.ErrCopied):
		return nil, &Closed{NoticeClone, "the centre has changesets of this device that this replica never made: it is a copy, or was put back to an older state"}
	case err != nil:
		return nil, fmt.Errorf("take over Welcome: %w", err)
	}
	d.limits, d.answers = m.Limits, m.Checks
	if !d.welcomed {
		// A centre that lost commits has judged less than the device holds verdicts for: those are void.
		d.pushed = min(d.hello.Acked, m.LastN)
		if m.Anew > 0 {
			d.pushed = min(d.pushed, m.Anew-1)
		}
	}
	d.welcomed = true
	var out []Message
	if drain != nil {
		out = append(out, &Drain{*drain})
	}
	more, err := d.Sealed()
	if m.Receipt != 0 || len(m.Lost) > 0 {
		d.receipt = nil // the centre has not got it, or waits for one for something else
	}
	return d.purged(append(out, more...), err)
}

// retire drains a device that may not synchronise any more.
func (d *Device) retire(m *Retire) ([]Message, error) {
	if err := d.replica.Retire(m.Retire); err != nil {
		return nil, fmt.Errorf("retire: %w", err)
	}
	if !d.welcomed {
		d.pushed = d.hello.Acked
	}
	d.limits, d.welcomed = se.DefaultLimits, true
	d.limits.Window = 64 // Retire names no limits, and this is what every centre takes
	out, err := d.Sealed()
	return d.purged(out, err)
}

// Purged purges what ended if that can be done by now, and gives the receipt to send. The driver calls it from time to
// time.
func (d *Device) Purged() ([]Message, error) {
	if !d.welcomed {
		return nil, nil
	}
	return d.purged(nil, nil)
}

// purged adds the receipt to what is sent, once what ended is drained and gone.
func (d *Device) purged(out []Message, err error) ([]Message, error) {
	if err != nil {
		return out, err
	}
	p, err := d.replica.Purge()
	if err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	if p != nil && (d.receipt == nil || *p != *d.receipt) {
		d.receipt = p
		out = append(out, &Purged{*p})
	}
	return out, nil
}

// Sealed sends what is in the outbox and not yet on its way, as far as the window allows. The driver calls it when
// something was sealed.
func (d *Device) Sealed() ([]Message, error) {
	if !d.welcomed {
		return nil, nil
	}
	room := d.limits.Window - d.inFlight
	if room <= 0 {
		return nil, nil
	}
	list, err := d.replica.Outbox(d.pushed, room)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var out []Message
	for _, cs := range list {
		// One changeset a message: a large one does not hold a small one up, and a cut costs one at most.
		out = append(out, &Push{Changesets: []*se.Changeset{cs}})
		d.pushed = cs.N
		d.inFlight++
	}
	return out, nil
}

// outrun refuses the end of a snapshot that was read before what another connection of this device has brought since:
// the cursor would go back (P10). Where the centre is behind even of what Hello said, the snapshot is the cure.
func (d *Device) outrun(m *se.Delta) error {
	if !m.Done || !m.Reset {
		return nil
	}
	s, err := d.replica.Seen()
	if err != nil {
		return err
	}
	if s.View == m.View || m.To.Epoch != s.Epoch || m.To.Seq >= s.Cursor || d.hello.Cursor > m.To.Seq {
		return nil
	}
	if err := d.replica.Broken(); err != nil {
		return err
	}
	return &Closed{NoticeGap, "the snapshot was read before what this device has from another connection; it will ask again"}
}

func (d *Device) delta(m *Delta) ([]Message, error) {
	d.frames++
	if err := d.outrun(&m.Delta); err != nil {
		return nil, err
	}
	applied, err := d.replica.Stage(&m.Delta)
	switch {
	case errors.Is(err, replica.ErrBroken):
		if err := d.replica.Broken(); err != nil {
			return nil, err
		}
		return nil, &Closed{NoticeProtocol, "the delta did not fit this replica; it will ask for a snapshot"}
	case errors.Is(err, replica.ErrGap):
		return nil, &Closed{NoticeGap, "a frame is missing; say Hello again"}
	case err != nil:
		return nil, fmt.Errorf("stage delta: %w", err)
	}
	out, err := d.seen()
	if err != nil || !applied {
		return out, err
	}
	if d.hello.Epoch == m.To.Epoch {
		// The restored centre's snapshot came on an earlier connection: others have had their chance to bring work back.
		if err := d.replica.Salvage(); err != nil {
			return nil, fmt.Errorf("seal what is to be salvaged: %w", err)
		}
	}
	// What other programs wrote was sealed before the step was applied: it is on its way now.
	more, err := d.Sealed()
	if err != nil {
		return nil, err
	}
	again, err := d.resume()
	if err != nil {
		return nil, err
	}
	return d.purged(append(append(out, more...), again...), nil)
}

func (d *Device) seen() ([]Message, error) {
	s, err := d.replica.Seen()
	if err != nil {
		return nil, err
	}
	s.Frames = d.frames
	return []Message{&s}, nil
}

func (d *Device) notice(n *Notice) error {
	if n.Code == NoticeBusy && !n.Close {
		d.queued = true // until something comes: nothing that is worth keeping
		return nil
	}
	if d.notices = append(d.notices, *n); len(d.notices) > maxNotices {
		d.notices = d.notices[1:]
	}
	if n.Close {
		return &Closed{n.Code, n.Text}
	}
	return nil
}

// Queued tells that the centre serves many devices, and that what this one lacks waits for its turn.
func (d *Device) Queued() bool { return d.queued }

// maxNotices is how many notices of one connection are kept, the newest.
const maxNotices = 100

// Notices gives what the centre told on this connection.
func (d *Device) Notices() []Notice { return d.notices }
