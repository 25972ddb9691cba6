package replica

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// reoffer makes void what was said about changesets that the centre does not have (any more): they
// are in the outbox again, with their old bases; so is what the centre has judged anew, since a copy of this replica
// offered it first: the answer to it is the verdict that counts. What the device no longer has is offered as a hole, so that the numbers
// go on. The overlay comes back with the snapshot, when the centre's rows no longer hold what they did.
func reoffer(tx Tx, ctl *Control, w *se.Welcome) error {
	if w.Epoch > ctl.Met {
		ctl.Met, ctl.MetN = w.Epoch, w.LastN
	}
	from := w.LastN + 1
	if w.Anew > 0 {
		from = min(from, w.Anew)
	}
	for n := from; n <= ctl.LastN; n++ {
		v, err := tx.Verdict(n)
		if err != nil {
			return err
		}
		if v == nil {
			// Where the rows had caught up with it and its verdict was not heard, its overlay ended in the epoch that is over.
			ctl.Reoffer = ctl.Reoffer || ctl.Epoch > 0 && ctl.Epoch < w.Epoch
			continue
		}
		if v.Epoch == w.Epoch && (n <= w.LastN || n > w.Acked) {
			continue // what came since Hello may be younger than this Welcome
		}
		cs, err := bodyOf(tx, ctl.Device, n)
		if err != nil {
			return err
		}
		if err := tx.Offer(cs); err != nil {
			return fmt.Errorf("offer changeset %d again: %w", n, err)
		}
		ctl.Acked, ctl.Reoffer = min(ctl.Acked, n-1), true
	}
	return nil
}

// bodyOf gives changeset n, or the hole that it left.
func bodyOf(tx Tx, device string, n int64) (*se.Changeset, error) {
	cs, err := tx.Sealed(n)
	if err != nil || cs != nil {
		return cs, err
	}
	cs, err = tx.Body(n)
	if err != nil || cs != nil {
		return cs, err
	}
	hole := &se.Changeset{Device: device, N: n}
	if hole.Gone, err = tx.HashOf(n); err != nil {
		return nil, err
	}
	if n > 1 {
		hole.Prev, err = tx.HashOf(n - 1)
	}
	if err == nil && hole.Gone.IsZero() {
		err = fmt.Errorf("bug: changeset %d is neither in the outbox nor filed", n)
	}
	return hole, err
}

// repend lays offered changesets over the rows again that a snapshot brought: those that the snapshot does not contain
// and that are not refused.
func (a *applier) repend(ctl *Control, epoch int64) error {
	for n := a.lastN + 1; n <= ctl.LastN; n++ {
		v, err := a.tx.Verdict(n)
		if err != nil {
			return err
		}
		if v != nil && (!v.Kind.Effective() || v.Epoch < epoch) {
			continue
		}
		cs, err := bodyOf(a.tx, ctl.Device, n)
		if err != nil {
			return err
		}
		if cs.Salvage {
			continue
		}
		for _, c := range cs.Changes {
			if err := a.repair(n, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *applier) repair(n int64, c se.Change) error {
	t := a.schema.Table(c.Table)
	if t == nil {
		return nil
	}
	pending, err := a.tx.Pending(t, c.Row)
	if err != nil {
		return err
	}
	for _, p := range pending {
		if p.N == n {
			return nil
		}
	}
	if _, err := a.target(t, c.Row); err != nil {
		return err
	}
	return a.tx.PutPending(Pending{N: n, Change: c})
}

// Reidentify makes a copied replica the device that the centre made of it. What lies after the fork is chained anew
// under the new name and keeps its numbers; what lies before is the parent's and keeps its verdicts.
func Reidentify(tx Tx, s *schema.Schema, clock Clock, f *se.Forked) error {
	if err := refile(tx, f.Verdicts); err != nil {
		return err
	}
	if _, err := FileVerdicts(tx, s, clock, f.Verdicts); err != nil {
		return err
	}
	ctl, err := tx.Control()
	if err != nil {
		return err
	}
	if h, err := tx.HashOf(f.Fork); err != nil {
		return err
	} else if f.Fork > ctl.LastN || f.Fork > 0 && h != f.Hash {
		return fmt.Errorf("replica: the centre's fork %d is not in the past of this copy, which has %d", f.Fork, ctl.LastN)
	}
	prev := f.Hash
	for n := f.Fork + 1; n <= ctl.LastN; n++ {
		old, err := bodyOf(tx, ctl.Device, n)
		if err != nil {
			return err
		}
		v, err := tx.Verdict(n)
		if err != nil {
			return err
		}
		ctl.Reoffer = ctl.Reoffer || v != nil
		cs := *old
		cs.Device, cs.Prev = f.Device, prev
		if err := tx.Offer(&cs); err != nil {
			return fmt.Errorf("chain changeset %d anew: %w", n, err)
		}
		prev = cs.Hash()
	}
	if ctl.Reoffer {
		ctl.View = ""
	}
	ctl.Device, ctl.Hash, ctl.Acked = f.Device, prev, min(ctl.Acked, f.Fork)
	return tx.PutControl(ctl)
}

// refile takes over verdicts that an epoch gave which this copy has not heard of, in place of its old ones. What another
// copy declared gone and this one still has is refused here too, with that reason, and lies whole in its quarantine:
// offered again under a later number it would replace what the person wrote since.
func refile(tx Tx, verdicts []se.Verdict) error {
	for _, v := range verdicts {
		old, err := tx.Verdict(v.N)
		if err != nil {
			return err
		}
		body, err := tx.Sealed(v.N)
		if err == nil && body == nil {
			body, err = tx.Body(v.N)
		}
		if err != nil {
			return err
		}
		if old == nil || old.Epoch == v.Epoch && old.Kind == v.Kind {
			continue
		}
		if body == nil {
			body = &se.Changeset{Device: "", N: v.N, Gone: v.Hash}
		}
		if err := tx.Offer(body); err != nil {
			return fmt.Errorf("take verdict %d back: %w", v.N, err)
		}
		if err := tx.File(v); err != nil {
			return fmt.Errorf("file verdict %d anew: %w", v.N, err)
		}
	}
	return nil
}

// Claims tells what a copy knows of its own past, for the centre to find the fork: the hashes of the newest changeset
// with a verdict, or from where the centre asked for, and of everything after it.
func Claims(tx Tx, from int64) ([]se.Claim, error) {
	ctl, err := tx.Control()
	if err != nil {
		return nil, err
	}
	var out []se.Claim
	if from == 0 {
		from = max(ctl.Acked, 1)
	}
	for n := from; n <= ctl.LastN; n++ {
		h, err := tx.HashOf(n)
		if err != nil {
			return nil, err
		}
		out = append(out, se.Claim{N: n, Hash: h})
	}
	return out, nil
}

// Prove puts the proof that came with the cursor into a Hello.
func Prove(h *se.Hello, ctl *Control) {
	if ctl.ProofAt == ctl.Base() {
		h.History, h.MAC = ctl.History, ctl.MAC
	}
}
