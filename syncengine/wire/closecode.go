package wire

import "github.com/doorstep-sync/doorstep/syncengine/session"

// Close codes of the WebSocket (RFC 6455 §7.4; from 4000 on they are ours). A Notice with the sentence comes before
// the close frame where there is still somebody to read it.
const (
	CloseStopping     = 1001 // the centre is about to stop
	CloseProtocol     = 1002 // a message that does not fit here
	CloseKind         = 1003 // a text frame in doorstep.v1, or a binary one in doorstep.v1.json
	CloseMalformed    = 1007 // a message that cannot be read, or holds what no message may hold
	CloseTooLarge     = 1009 // a message beyond the limits
	CloseInternal     = 1011 // the centre failed
	CloseBusy         = 1013 // the centre has more to do than it can
	CloseUnauthorised = 4401 // no token, or one that is not valid (any more)
	CloseRevoked      = 4403 // the device may not synchronise any more
	CloseTimeout      = 4408 // no Hello came, or nothing at all for too long
	CloseClone        = 4409 // this n was used by another copy of the replica
	CloseQuota        = 4429 // too much of this device waits in quarantine
	CloseProof        = 4411 // the proof of the cursor is not this county's
	CloseRestored     = 4503 // the centre was restored and is not confirmed yet
	CloseGap          = 4410 // a changeset or frame before this one is missing
)

// NoticeHeader names the code that a Notice would carry, in an answer 503 to the handshake.
const NoticeHeader = "Doorstep-Notice"

// closeCodes has one line for each code that can close. NoticeClock never does; NoticeChunk is
// a device's own word, which hangs up.
var closeCodes = map[session.NoticeCode]int{
	session.NoticeStopping:     CloseStopping,
	session.NoticeProtocol:     CloseProtocol,
	session.NoticeTooLarge:     CloseTooLarge,
	session.NoticeInternal:     CloseInternal,
	session.NoticeBusy:         CloseBusy,
	session.NoticeUnauthorised: CloseUnauthorised,
	session.NoticeRevoked:      CloseRevoked,
	session.NoticeTimeout:      CloseTimeout,
	session.NoticeClone:        CloseClone,
	session.NoticeGap:          CloseGap,
	session.NoticeQuota:        CloseQuota,
	session.NoticeProof:        CloseProof,
	session.NoticeRestored:     CloseRestored,
}

// CloseCode gives the close code that goes with a notice.
func CloseCode(code session.NoticeCode) int {
	if n, ok := closeCodes[code]; ok {
		return n
	}
	return CloseProtocol
}

// NoticeOf gives what a close code says, for a device that lost the Notice before it. A code that is not ours, such
// as 1006 for a connection that broke, is NoticeInternal: come back later.
func NoticeOf(code int) session.NoticeCode {
	switch code {
	case CloseKind, CloseMalformed:
		return session.NoticeProtocol
	}
	for notice, n := range closeCodes {
		if n == code {
			return notice
		}
	}
	return session.NoticeInternal
}
