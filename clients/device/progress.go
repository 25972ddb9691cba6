package device

import (
	"time"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Progress is how far the conversation with the centre has come.
type Progress struct {
	Sent     int   // changesets offered
	Verdicts int   // verdicts filed
	Rows     int   // rows that came in, each once
	Percent  int   // of the step that is running, by its place in the county's order; 100 = at the head
	In, Out  int64 // bytes received and sent, where the transport counts them
	// Queued says that the centre serves many devices at this moment, and that what this one lacks waits for its turn. What it
	// sends is taken meanwhile.
	Queued bool
	// Staged is how much of the snapshots that this conversation brings is durably here, and how much they are; zero where
	// none is needed. It is shown when all of it is here, not before.
	Staged session.Taken
}

// Report says what one round came to.
type Report struct {
	Progress
	Kinds   map[se.VerdictKind]int // verdicts by kind
	Steps   int                    // steps applied
	Cursor  se.Base
	Took    time.Duration
	Notices []session.Notice // what the centre told about the connection, such as that the clock is wrong
	Became  *Became          // the replica was copied or put back and became a device of its own on the way; nil = it did not
}

// Events are told what Run does, one after the other, on Run's goroutine: they must not block. Nil ones are skipped.
type Events struct {
	Progress func(Progress)                      // something moved
	Synced   func(Report)                        // everything is sent and the cursor is at the head; the numbers count from the last Synced
	Failed   func(err error, wait time.Duration) // the conversation ended; the next try comes after wait
}

func (e Events) progress(p Progress) {
	if e.Progress != nil {
		e.Progress(p)
	}
}

func (e Events) synced(r Report) {
	if e.Synced != nil {
		e.Synced(r)
	}
}

func (e Events) failed(err error, wait time.Duration) {
	if e.Failed != nil {
		e.Failed(err, wait)
	}
}

// percent tells how far a step has been read: the mean of its scopes' places between the cursor and the target.
// A step that is not applied yet is never at 100.
func percent(from int64, target int64, scopes int, at []se.StagedScope) int {
	if target <= from || scopes == 0 {
		return 0
	}
	var sum float64
	for _, s := range at {
		sum += float64(min(s.After.Seq, target)-from) / float64(target-from)
	}
	return max(0, min(99, int(100*sum/float64(max(scopes, len(at))))))
}
