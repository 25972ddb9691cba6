// Package session is one connection as a state machine, both ends: messages and time in, messages and effects out.
// It has no I/O, clock or randomness of its own, so that the real server, the Go device and the simulation run the
// same code. wire/protocol.md numbers the rules that hold here.
package session

import se "github.com/doorstep-sync/doorstep/syncengine"

// Message is what travels: *Hello, *Welcome, *Push, *Verdicts, *Delta, *Manifest, *Inbox, *Seen, *Notice, *Drain,
// *Purged, *Retire, *Check or *Repair.
type Message interface{ message() }

type (
	// Hello is the device's first message.
	Hello struct{ se.Hello }
	// Welcome is the centre's first message, and comes again when the person's grants change.
	Welcome struct{ se.Welcome }
	// Push offers changesets of one device in order of n.
	Push struct{ Changesets []*se.Changeset }
	// Verdicts are the centre's words on changesets. They are durable there before they are sent.
	Verdicts struct{ Verdicts []se.Verdict }
	// Delta is one frame of a step.
	Delta struct{ se.Delta }
	// Manifest says what the chunks of a snapshot must be. It goes before the first of them on each connection.
	Manifest struct{ se.Manifest }
	// Inbox is what the centre tells this device outside of deltas and verdicts.
	Inbox struct{ Messages []se.Message }
	// Seen tells how far the device has durably come. It is also its credit: the centre sends more only when every
	// frame it sent is seen.
	Seen struct {
		Frames int64 // Delta frames of this connection that are staged, applied or ignored
		Epoch  int64 // of the cursor
		Cursor int64
		View   string
		Inbox  int64
		Acked  int64 // highest n up to which every verdict is durable here
	}
	// Check is what the device holds of a scope, for the centre to compare; or how a check of the whole replica ended.
	Check struct{ se.Check }
	// Repair answers a Check, in one or more parts.
	Repair struct{ se.Repair }
	// Notice tells a person or program something; with Close the sender hangs up after it.
	Notice struct {
		Code  NoticeCode
		Text  string // one plain sentence, in the language asked for
		Close bool
	}
)

// NoticeCode is what a Notice is about, for programs.
type NoticeCode string

// The codes of notices. Retry tells whether coming back later can help.
const (
	NoticeProtocol     NoticeCode = "protocol"     // a message that does not fit here
	NoticeTooLarge     NoticeCode = "too_large"    // a message beyond the limits
	NoticeUnauthorised NoticeCode = "unauthorised" // no token, or one that is not valid (any more)
	NoticeRevoked      NoticeCode = "revoked"      // the device may not synchronise any more
	NoticeClone        NoticeCode = "clone"        // this n was used by another copy of the replica
	NoticeGap          NoticeCode = "gap"          // a changeset before this one is missing: say Hello again
	NoticeQuota        NoticeCode = "quota"        // too much of this device waits in quarantine: somebody has to deal with it
	NoticeStopping     NoticeCode = "stopping"     // the centre is about to stop
	NoticeInternal     NoticeCode = "internal"
	NoticeTimeout      NoticeCode = "timeout"
	NoticeBusy         NoticeCode = "busy"        // the centre has more to do than it can; come back later
	NoticeChunk        NoticeCode = "chunk"       // a chunk of a snapshot is not what its manifest says
	NoticeRestored     NoticeCode = "restored"    // the centre was put back to an older state and is being looked at: come back later
	NoticeProof        NoticeCode = "bad_proof"   // the proof of the cursor is not this county's: an operator has to look
	NoticeClock        NoticeCode = "clock"       // the device's clock is far off; nothing is refused for it
	NoticeUpdate       NoticeCode = "update"      // the app is below the minimum: it can send what it holds, and gets nothing
	NoticeUpdateSoon   NoticeCode = "update_soon" // it will be, from the date in the text on
)

// Retry tells whether a device that was closed with this code should come back by itself.
func (c NoticeCode) Retry() bool {
	switch c {
	case NoticeRevoked, NoticeClone, NoticeUnauthorised, NoticeTooLarge, NoticeProof:
		return false
	}
	return true
}

func (*Hello) message()    {}
func (*Welcome) message()  {}
func (*Push) message()     {}
func (*Verdicts) message() {}
func (*Delta) message()    {}
func (*Manifest) message() {}
func (*Inbox) message()    {}
func (*Seen) message()     {}
func (*Notice) message()   {}
func (*Check) message()    {}
func (*Repair) message()   {}
