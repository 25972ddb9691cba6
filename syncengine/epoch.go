package syncengine

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Restore is one beginning of a new epoch: the centre had lost commits, and said so.
type Restore struct {
	Epoch     int64 // that began
	Ended     int64 // that ended
	Last      int64 // seq up to which every replica of the ended epoch holds what this centre holds; 0 = nobody knows
	Head      int64 // seq at which the new epoch began
	At        int64 // centre's clock, ms
	Cause     Cause
	Confirmed int64  // centre's clock, ms: an administrator has looked at grants and revocations; 0 = not yet
	By        string // account that confirmed
}

// Cause is why an epoch began.
type Cause string

// The causes.
const (
	CauseCommand Cause = "command" // somebody put a backup in place and said so
	CauseProof   Cause = "proof"   // a device proved that it holds commits which the centre does not have
)

// ErrUnconfirmed says that the centre was restored and no administrator has confirmed grants and revocations yet: no
// device is served, for what was revoked in the lost commits is not revoked here.
var ErrUnconfirmed = errors.New("syncengine: the centre was restored; an administrator has to confirm grants and revocations first")

// NewEpoch begins an epoch after the one of the head and after atLeast. last is the seq up to which replicas of the
// ended epoch hold what this store holds, 0 if nobody knows it: then everything they saw counts as seen in part.
func (e *Engine) NewEpoch(tx Tx, atLeast, last, now int64, cause Cause) (Restore, error) {
	head, err := tx.Head()
	if err != nil {
		return Restore{}, fmt.Errorf("read head: %w", err)
	}
	if atLeast > head.Epoch {
		// The store is from before an epoch that had begun. That one may have begun because this one's number had two lines
		// of history; then nobody knows which of them a replica is on.
		last = 0
	}
	r := Restore{Epoch: max(head.Epoch, atLeast) + 1, Ended: head.Epoch, Last: last, Head: head.Seq, At: now, Cause: cause}
	head.Epoch = r.Epoch
	if err := tx.PutRestore(r); err != nil {
		return Restore{}, fmt.Errorf("put restore: %w", err)
	}
	if err := tx.PutHead(head); err != nil {
		return Restore{}, fmt.Errorf("put head: %w", err)
	}
	if err := auditEpoch(tx, r); err != nil {
		return Restore{}, fmt.Errorf("note the new epoch: %w", err)
	}
	return r, nil
}

// Confirm notes that an administrator has looked at grants and revocations: devices are served again. It tells false
// if nothing was waiting.
func (e *Engine) Confirm(tx Tx, by string, now int64) (bool, error) {
	list, err := tx.Restores()
	if err != nil {
		return false, fmt.Errorf("read restores: %w", err)
	}
	any := false
	for _, r := range list {
		if r.Confirmed != 0 {
			continue
		}
		r.Confirmed, r.By, any = now, by, true
		if err := tx.PutRestore(r); err != nil {
			return false, fmt.Errorf("put restore: %w", err)
		}
		if err := auditConfirmed(tx, r); err != nil {
			return false, fmt.Errorf("note the confirmation: %w", err)
		}
	}
	return any, nil
}

// Unconfirmed gives the newest restore that waits for an administrator, nil if there is none.
func Unconfirmed(tx ReadTx) (*Restore, error) {
	head, err := tx.Head()
	if err != nil {
		return nil, fmt.Errorf("read head: %w", err)
	}
	if head.Epoch <= 1 {
		return nil, nil // never restored: the usual case costs nothing
	}
	list, err := tx.Restores()
	if err != nil {
		return nil, fmt.Errorf("read restores: %w", err)
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Confirmed == 0 {
			return &list[i], nil
		}
	}
	return nil, nil
}

// served tells whether a principal may be served now. A console may look, and decides nothing meanwhile.
func served(tx ReadTx) error {
	r, err := Unconfirmed(tx)
	if err == nil && r != nil {
		err = ErrUnconfirmed
	}
	return err
}

// Lineage is what the centre knows, besides a write's base, of what its author had seen: how far the epochs that ended
// are those of this store, and which devices the author's replica was copied from. The zero Lineage is that of a device
// of its own in a county that was never restored.
type Lineage struct {
	Epochs  []EndedEpoch
	Parents []WriteID // of each device that the replica was copied from, the nearest first: up to this n it is its own past
	Kin     []WriteID // of each device that offered work of before it was copied: the same
}

// EndedEpoch is an epoch that is over.
type EndedEpoch struct {
	Epoch int64
	Last  int64 // seq up to which replicas of it hold what the centre holds; 0 = nobody knows
}

// lineage reads what is known of a device's past.
func lineage(tx ReadTx, dev *Device, epoch int64) (l Lineage, err error) {
	if epoch > 1 {
		list, err := tx.Restores()
		if err != nil {
			return l, fmt.Errorf("read restores: %w", err)
		}
		for _, r := range list {
			l.Epochs = append(l.Epochs, EndedEpoch{r.Ended, r.Last})
		}
	}
	l.Parents, l.Kin, err = family(tx, dev, epoch)
	return l, err
}

// maxParents bounds how many copies of copies are followed. A replica that was copied so often has other troubles.
const maxParents = 64

// family lists the devices that a replica was copied from, and those that share work with it or with one of them. A copy of
// a copy that was made early has no more of the first replica than it has of the second.
func family(tx ReadTx, dev *Device, epoch int64) (from, kin []WriteID, err error) {
	for n := int64(math.MaxInt64); len(from) < maxParents && dev != nil; {
		if dev.shares(epoch) {
			list, err := tx.Kin(dev.ID)
			if err != nil {
				return nil, nil, fmt.Errorf("read who shares a device's past: %w", err)
			}
			for _, k := range list {
				kin = append(kin, WriteID{k.Device, min(k.N, n)})
			}
		}
		if dev.Parent == "" {
			break
		}
		n = min(n, dev.Fork)
		from = append(from, WriteID{dev.Parent, n})
		if dev, err = tx.Device(dev.Parent); err != nil {
			return nil, nil, fmt.Errorf("read parent of a device: %w", err)
		}
	}
	return from, kin, nil
}

// own tells whether a write of a device with that n is in the past of device's changeset n.
func (l Lineage) own(device string, n int64, w WriteID) bool {
	if w.Device == device {
		return w.N < n
	}
	past := func(p WriteID) bool { return p.Device == w.Device && w.N <= p.N }
	return w.N < n && (slices.ContainsFunc(l.Parents, past) || slices.ContainsFunc(l.Kin, past))
}

// sight tells up to which seq of this store somebody with a base had seen everything. part says that he had seen more,
// which the centre lost: what stood at seq may have been replaced before his eyes, so that nothing of it counts as seen.
//
// No base of an epoch that ended is refused. What lies beyond the restored head cannot be checked here any more, and
// need not be: seen in part it removes nothing that another device wrote, which is less than any base at the head does.
func (l Lineage) sight(b Base, epoch int64) (seq int64, part bool) {
	if b.Epoch >= epoch || b.Epoch == 0 {
		return b.Seq, false
	}
	for _, x := range l.Epochs {
		if x.Epoch == b.Epoch {
			return min(b.Seq, x.Last), b.Seq > x.Last
		}
	}
	return 0, true // an epoch that this store never had
}

// covers tells whether a replica at base b held what is at seq of this store. It is for what accumulates (sets, the
// survivors of max and min): what was there at the restored head was still there, or had been removed by somebody who saw
// it, whatever was lost since.
func (l Lineage) covers(b Base, epoch, seq int64) bool {
	to, _ := l.sight(b, epoch)
	return b.Epoch > 0 && seq <= to
}
