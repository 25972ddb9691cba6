package replica

import (
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// ErrForeignVerdict says that the centre's verdict is about another changeset with our number: this replica was
// copied, or the centre restored. Nothing is filed; the device stops and says so.
type ErrForeignVerdict struct{ N int64 }

func (e *ErrForeignVerdict) Error() string {
	return fmt.Sprintf("replica: the verdict on changeset %d is about another changeset", e.N)
}

// FileVerdicts stores verdicts durably, takes their changesets out of the outbox and, for refused ones, ends their
// overlay in the same transaction so that the centre's value shows. The overlay of one that took effect stays until
// the cursor passes its seq. Verdicts that are filed already are ignored. It returns the ones newly filed.
func FileVerdicts(tx Tx, s *schema.Schema, clock Clock, verdicts []se.Verdict) ([]se.Verdict, error) {
	// Rows are about to be shown anew: what programs wrote into them since the last seal must be a changeset first.
	if _, err := Seal(tx, s, clock, true); err != nil {
		return nil, fmt.Errorf("seal before verdicts: %w", err)
	}
	ctl, err := tx.Control()
	if err != nil {
		return nil, err
	}
	var filed []se.Verdict
	here := make(map[int64]bool, len(verdicts))
	for _, v := range verdicts {
		old, err := tx.Verdict(v.N)
		if err != nil {
			return nil, err
		}
		if old != nil || v.N > ctl.MetN && v.Epoch < ctl.Met {
			continue // it came late, from a centre that has lost what it judged since
		}
		// That what was sealed still has its hash was checked when it was sent.
		if hash, err := tx.HashOf(v.N); err != nil {
			return nil, err
		} else if hash.IsZero() || hash != v.Hash {
			return nil, &ErrForeignVerdict{v.N}
		}
		if err := tx.File(v); err != nil {
			return nil, fmt.Errorf("file verdict on changeset %d: %w", v.N, err)
		}
		if !v.Kind.Effective() {
			if err := undo(tx, s, v.N); err != nil {
				return nil, err
			}
		}
		filed = append(filed, v)
		here[v.N] = true
	}
	for {
		if here[ctl.Acked+1] {
			ctl.Acked++
			continue
		}
		v, err := tx.Verdict(ctl.Acked + 1)
		if err != nil {
			return nil, err
		}
		if v == nil {
			break
		}
		ctl.Acked++
	}
	return filed, tx.PutControl(ctl)
}

// undo ends the overlay of one refused changeset: what it changed shows the centre's value again, with later pending
// edits still on top.
func undo(tx Tx, s *schema.Schema, n int64) error {
	rows, err := tx.PendingUpTo(n, n)
	if err != nil {
		return err
	}
	var cases caseSet
	for _, k := range rows {
		t := s.Table(k.Table)
		if t == nil {
			continue
		}
		if row, err := tx.Row(t, k.Row); err != nil {
			return err
		} else {
			cases.note(t, k.Row, row)
		}
		if err := tx.DropPending(t, k.Row, n, n); err != nil {
			return err
		}
		under, ok, err := tx.Under(t, k.Row)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("bug: pending change of %s without the centre's row under it", k.Table)
		}
		if err := show(tx, t, k.Row, under); err != nil {
			return err
		}
	}
	return cases.derive(tx, s)
}

// ErrCopied says that the centre has changesets of this device that this replica never made: the replica is a copy,
// or was put back to an older state.
var ErrCopied = errors.New("replica: the centre has changesets of this device that are not in this replica")

// known tells whether the newest changeset that the centre has of this device is one of ours. It asks the replica as
// it is now: what was sealed since Hello may have reached the centre over another connection.
func known(tx Tx, ctl *Control, w *se.Welcome) error {
	switch {
	case w.LastN > ctl.LastN, w.LastN == ctl.LastN && w.LastN > 0 && w.Hash != ctl.Hash:
		return ErrCopied
	}
	if w.LastN == 0 {
		return nil
	}
	h, err := tx.HashOf(w.LastN)
	if err != nil {
		return err
	}
	if h != w.Hash {
		return ErrCopied
	}
	return nil
}

// Receive stores messages of the inbox. One that is stored already is ignored.
func Receive(tx Tx, messages []se.Message) error {
	ctl, err := tx.Control()
	if err != nil {
		return err
	}
	for _, m := range messages {
		if m.Number <= ctl.Inbox {
			continue
		}
		if err := tx.PutMessage(m); err != nil {
			return fmt.Errorf("store message %d: %w", m.Number, err)
		}
		ctl.Inbox = m.Number
	}
	return tx.PutControl(ctl)
}
