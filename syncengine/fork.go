package syncengine

import (
	"fmt"
	"slices"
)

// Claim is what a copied replica tells of its past: the hash of its own changeset n.
type Claim struct {
	N    int64
	Hash Hash
}

// Forked is what a copy becomes.
type Forked struct {
	Device   string
	Fork     int64     // n up to which the parent's changesets are the copy's own past; its own begin after it
	Hash     Hash      // of that changeset
	Verdicts []Verdict // on the claims up to the fork, in order of n
	From     int64     // not 0: nothing was done, the claims begin too late; send them from this n on
}

// CopyAt is how far a copy had heard of the centre.
type CopyAt struct {
	Epoch int64 // of its cursor: what was judged anew since, it has to hear again
	Inbox int64 // last message stored
	// Before are the devices that its replica was before, the nearest first, each with the n up to which what it has is
	// that device's: the centre may have been restored to before one of them was made, and know an earlier one.
	Before []WriteID
}

// maxForkVerdicts bounds what one answer carries; it is far above what an outbox holds.
const maxForkVerdicts = 100_000

// forkSpan is how far back a device is asked to go at a time.
const forkSpan = 1000

// Fork makes a device of a copy of parent's replica. The fork is the greatest claim whose hash is that of what the
// centre has: hashes are chained, so everything before it is the same too. The copy goes on numbering where the fork
// is, under its own name: no number of its journal changes, and nothing of either copy is lost. Asked again for the
// same device it gives the same answer, and ErrClone to a copy that is not the one which asked first. Where this store does
// not know the parent (it was restored from a backup of before), the nearest that it knows of the devices that the replica
// was before is in its place: what is theirs is not offered a second time under another name. If it knows none, the fork is 0.
func (e *Engine) Fork(tx Tx, parent, device string, claims []Claim, at CopyAt) (out Forked, err error) {
	out.Device = device
	if err := served(tx); err != nil {
		return out, err
	}
	from, parent, err := nearest(tx, parent, device, at.Before)
	if err != nil {
		return out, err
	}
	dev, err := tx.Device(device)
	if err != nil {
		return out, fmt.Errorf("read device: %w", err)
	}
	var list []Verdict
	for _, c := range claims {
		if from == nil || c.N > from.LastN || len(list) >= maxForkVerdicts {
			break
		}
		if c.N <= from.Fork && from.Parent != "" {
			continue // the copy was made before its own parent wrote anything
		}
		v, err := tx.Verdict(parent, c.N)
		if err != nil {
			return out, fmt.Errorf("read verdict: %w", err)
		}
		if v == nil || v.Hash != c.Hash {
			break
		}
		list = append(list, *v)
	}
	own := int64(0)
	if from != nil {
		own = from.Fork
	}
	if dev == nil && from != nil && len(list) == 0 && len(claims) > 0 && claims[0].N > own+1 && from.LastN > own {
		out.From = max(own+1, min(claims[0].N, from.LastN)-forkSpan)
		return out, nil
	}
	if dev == nil && from != nil && len(claims) > 0 {
		if out.From, err = rejudged(tx, parent, claims[0].N, own, at.Epoch); err != nil || out.From > 0 {
			return out, err
		}
	}
	switch {
	case dev != nil: // asked again: the first answer was lost
		out.Fork = dev.Fork
	case len(list) > 0:
		out.Fork = list[len(list)-1].N
	case from != nil:
		out.Fork = from.Fork
	}
	if out.Hash, err = e.forkHash(tx, from, out.Fork); err != nil {
		return out, err
	}
	if dev != nil && !claimed(claims, out.Fork, own, out.Hash) {
		return out, ErrClone
	}
	for _, v := range list {
		if v.N <= out.Fork {
			out.Verdicts = append(out.Verdicts, v)
		}
	}
	if dev != nil {
		return out, nil
	}
	dev = &Device{ID: device, LastN: out.Fork, Hash: out.Hash, Parent: parent, Fork: out.Fork}
	if from != nil {
		dev.At, dev.Inbox = from.At, from.Inbox
		from.Copied = true
		if err := tx.PutDevice(from); err != nil {
			return out, fmt.Errorf("put device: %w", err)
		}
		if err := copyInbox(tx, parent, device, at.Inbox); err != nil {
			return out, err
		}
	}
	if err := copyTold(tx, parent, device); err != nil {
		return out, err
	}
	if err := tx.PutDevice(dev); err != nil {
		return out, fmt.Errorf("put device: %w", err)
	}
	return out, nil
}

// nearest gives the first of the devices that a replica was which this store knows, and which are of the same person: what
// was told to one goes to the copy. If there is none, the device is nil.
func nearest(tx ReadTx, parent, device string, before []WriteID) (*Device, string, error) {
	own, err := tx.Principal(device)
	if err != nil {
		return nil, "", fmt.Errorf("read principal: %w", err)
	}
	if p, err := tx.Principal(parent); err != nil {
		return nil, "", fmt.Errorf("read principal: %w", err)
	} else if own != nil && p != nil && p.Account != own.Account {
		parent = "" // somebody else's: nothing of it is this one's
	}
	list := append([]WriteID{{Device: parent}}, before[:min(len(before), maxParents)]...)
	for _, was := range list {
		dev, err := tx.Device(was.Device)
		if err != nil {
			return nil, "", fmt.Errorf("read device: %w", err)
		}
		if dev == nil || dev.Console {
			continue
		}
		p, err := tx.Principal(was.Device)
		if err != nil {
			return nil, "", fmt.Errorf("read principal: %w", err)
		}
		if own == nil || p == nil || p.Account == own.Account {
			return dev, was.Device, nil
		}
	}
	return nil, parent, nil
}

// claimed tells whether a copy's past reaches to the fork: it claims that very changeset, or the fork is where its
// parent's own began, which is in the past of all its copies.
func claimed(claims []Claim, fork, own int64, hash Hash) bool {
	return fork <= own || slices.ContainsFunc(claims, func(c Claim) bool { return c.N == fork && c.Hash == hash })
}

// copyTold makes known what a copy may hold: whatever its parent was ever shown. What of it ended is taken from the copy
// as from any device that has been away, whether or not its parent has heard of that: the copy may be older.
func copyTold(tx Tx, parent, device string) error {
	told, err := tx.Told(parent)
	if err != nil || told == nil {
		return err
	}
	out := &Told{Device: device, Shown: slices.Clone(told.Shown)}
	for _, l := range told.Lost {
		out.Shown = append(out.Shown, lost([]Grant{l.Grant}, out.Shown)...)
	}
	return tx.PutTold(out)
}

// rejudged gives the first n of those right before a device's changeset first that were judged in an epoch after the
// given one, which a replica of it has not heard of; 0 = none. Its own verdicts there are void.
func rejudged(tx ReadTx, parent string, first, own, epoch int64) (from int64, err error) {
	for n := first - 1; n > own; n-- {
		v, err := tx.Verdict(parent, n)
		if err != nil {
			return 0, fmt.Errorf("read verdict: %w", err)
		}
		if v == nil || v.Epoch <= epoch {
			break
		}
		from = n
	}
	return from, nil
}

// forkHash gives the hash of the parent's changeset n, which may be one of its own parent's.
func (e *Engine) forkHash(tx Tx, from *Device, n int64) (Hash, error) {
	for i := 0; from != nil && n > 0 && i < maxParents; i++ {
		if from.LastN == n {
			return from.Hash, nil
		}
		v, err := tx.Verdict(from.ID, n)
		if err != nil {
			return Hash{}, fmt.Errorf("read verdict: %w", err)
		}
		if v != nil {
			return v.Hash, nil
		}
		if from.Parent == "" {
			break
		}
		if from, err = tx.Device(from.Parent); err != nil {
			return Hash{}, fmt.Errorf("read device: %w", err)
		}
	}
	return Hash{}, nil
}

// copyInbox gives a copy what its parent was told since the copy was made: it concerns the work of both.
func copyInbox(tx Tx, parent, device string, after int64) error {
	for {
		list, err := tx.Inbox(parent, after, 500)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, m := range list {
			after, m.Device = m.Number, device
			if err := tx.PutMessage(m); err != nil {
				return fmt.Errorf("put message: %w", err)
			}
		}
	}
}
