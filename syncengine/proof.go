package syncengine

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Proofs makes and checks what proves that a county was at a seq with a history: a MAC under a key that is kept outside
// the database, so that a database that was put back cannot have made proofs of its own of what it lost.
type Proofs struct {
	County int64
	Key    []byte
}

// ErrBadProof says that a device's proof was not made with this county's key. Nobody but that device is stopped.
var ErrBadProof = errors.New("syncengine: the proof of the cursor is not this county's")

// LostError says that a device proved commits which the centre does not have: it was put back to an older state.
type LostError struct {
	Epoch int64 // that was proved
	Seq   int64
}

func (e *LostError) Error() string {
	return fmt.Sprintf("syncengine: a device holds seq %d of epoch %d, which this centre does not have", e.Seq, e.Epoch)
}

// WithProofs gives an engine whose deltas carry proofs.
func (e *Engine) WithProofs(p Proofs) *Engine {
	out := *e
	out.proofs = &p
	return &out
}

func (e *Engine) mac(account string, at Base, history Hash) Hash {
	if e.proofs == nil {
		return Hash{}
	}
	return e.proofs.MAC(account, at, history)
}

// MAC proves that a person's device was told that the county was at a seq of an epoch with that history. It is the person's
// and not the device's: a replica that was copied, or enrolled again, proves where it is though it has another name now,
// maybe at a centre that never knew the one before. With somebody else's proof one would claim to have been shown what he
// was.
func (p *Proofs) MAC(account string, at Base, history Hash) (out Hash) {
	b := canon(make([]byte, 0, 96))
	b.str("doorstep.proof.v1")
	b.num(p.County)
	b.str(account)
	b.base(at)
	b = append(b, history[:]...)
	m := hmac.New(sha256.New, p.Key)
	m.Write(b)
	m.Sum(out[:0])
	return out
}

// proved checks the proof of a Hello's cursor against the centre's history: *LostError if the centre lacks what is
// proved, or has another history there.
//
// A device without a proof is taken at its word: it gains nothing by it but a snapshot.
func (e *Engine) proved(tx ReadTx, h *Hello, account string, head Head) error {
	if e.proofs == nil || h.MAC.IsZero() {
		return nil
	}
	at := Base{h.Epoch, h.Cursor}
	if want := e.proofs.MAC(account, at, h.History); !hmac.Equal(want[:], h.MAC[:]) {
		return ErrBadProof
	}
	switch {
	case h.Epoch < head.Epoch:
		return nil // it is told of the newer epoch; what it lacks and has, it offers
	case h.Epoch > head.Epoch, h.Cursor > head.Seq:
		return &LostError{h.Epoch, h.Cursor}
	case h.Cursor == head.Seq:
		if h.History != head.History {
			return &LostError{h.Epoch, h.Cursor}
		}
		return nil
	}
	have, ok, err := tx.HistoryHash(h.Cursor)
	if err != nil {
		return fmt.Errorf("read history at %d: %w", h.Cursor, err)
	}
	if ok && have != h.History { // not ok: nothing was committed yet, or history was cut off there
		return &LostError{h.Epoch, h.Cursor}
	}
	return nil
}
