package syncengine

import (
	"errors"
	"fmt"
)

// Result is what became of a Submission: a verdict, or an error that says why there is none (yet).
type Result struct {
	Verdict Verdict
	Err     error // ErrGap, ErrClone, ErrQuota, ErrUnknownDevice, ErrRevoked, ErrUnconfirmed; otherwise the store's: try again later
}

// Commit judges a group of submissions in one durable transaction, whoever they come from. It returns when that is
// durable: only then may anyone hear a verdict. A group that fails is halved; what fails alone, twice, is put into
// quarantine as internal, so that one poisonous changeset holds up nobody (P14).
func (e *Engine) Commit(store Store, group []Submission) []Result {
	if len(group) == 0 {
		return nil
	}
	results, err := e.commit(store, group)
	if err == nil {
		return results
	}
	if errors.Is(err, ErrUnavailable) {
		return failed(group, err)
	}
	if half := len(group) / 2; half > 0 {
		return append(e.Commit(store, group[:half]), e.Commit(store, group[half:])...)
	}
	if results, err = e.commit(store, group); err == nil {
		return results
	}
	if errors.Is(err, ErrUnavailable) {
		return failed(group, err)
	}
	v, qerr := e.quarantine(store, group[0])
	if errors.Is(qerr, ErrQuota) {
		return failed(group, qerr)
	}
	if qerr != nil {
		return failed(group, errors.Join(err, qerr))
	}
	return []Result{{Verdict: v}}
}

func failed(group []Submission, err error) []Result {
	out := make([]Result, len(group))
	for i := range out {
		out[i].Err = err
	}
	return out
}

func (e *Engine) commit(store Store, group []Submission) ([]Result, error) {
	var results []Result
	err := store.Update(func(tx Tx) error {
		results = results[:0] // the function may run again
		if err := tx.Expect(e.expected(group)); err != nil {
			return fmt.Errorf("read what a group of changesets is about: %w", err)
		}
		var others company
		for _, sub := range group {
			v, err := e.ingest(tx, sub, &others)
			switch {
			case err == nil, errors.Is(err, ErrGap), errors.Is(err, ErrClone), errors.Is(err, ErrQuota), errors.Is(err, ErrUnknownDevice), errors.Is(err, ErrRevoked), errors.Is(err, ErrUnconfirmed):
				results = append(results, Result{v, err})
			default:
				return fmt.Errorf("ingest changeset %d: %w", sub.Changeset.N, err)
			}
		}
		_, err := e.retryReady(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// quarantine gives a changeset that cannot be processed its verdict, so that the device's counter moves on.
func (e *Engine) quarantine(store Store, sub Submission) (Verdict, error) {
	cs := sub.Changeset
	v := Verdict{N: cs.N, Hash: cs.Hash(), Kind: Rejected, Reason: &Reason{Code: CodeInternal}}
	err := store.Update(func(tx Tx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		v.Epoch = head.Epoch
		dev, err := tx.Device(cs.Device)
		if err != nil {
			return err
		}
		if dev == nil {
			dev = &Device{ID: cs.Device}
		}
		if cs.N != dev.LastN+1 || cs.Prev != dev.Hash {
			return ErrGap
		}
		if err := e.mayRefuse(tx, cs, sub.Now); err != nil {
			return err
		}
		dev.LastN, dev.Hash = cs.N, v.Hash
		q := &Quarantined{Device: cs.Device, N: cs.N, Changeset: cs, Verdict: v, Received: sub.Now, At: sub.Now, Suspect: true}
		if p, err := tx.Principal(cs.Device); err != nil {
			return err
		} else if p != nil && len(p.Grants) > 0 {
			q.Scope = p.Grants[0].Scope
		}
		return errors.Join(
			tx.PutQuarantined(q),
			tx.PutDevice(dev), tx.PutVerdict(cs.Device, v), auditRefusal(tx, cs, &v, sub.Now),
		)
	})
	return v, err
}

// Welcome makes the answer to a Hello; Open also records it: who the device acts for, and from where it goes on.
func (e *Engine) Welcome(tx ReadTx, h Hello, now int64) (*Welcome, error) {
	p, err := tx.Principal(h.Device)
	if err != nil {
		return nil, fmt.Errorf("read principal: %w", err)
	}
	if p == nil {
		return nil, ErrUnknownDevice
	}
	told, err := tx.Told(h.Device)
	if err != nil {
		return nil, fmt.Errorf("read what the device was told: %w", err)
	}
	if told == nil {
		told = &Told{}
	}
	if p.Revoked {
		return nil, &Retire{Wipe: p.Erase, Done: told.done(p)}
	}
	head, err := tx.Head()
	if err != nil {
		return nil, fmt.Errorf("read head: %w", err)
	}
	if err := e.proved(tx, &h, p.Account, head); err != nil {
		return nil, err
	}
	if err := served(tx); err != nil {
		return nil, err
	}
	dev, err := tx.Device(h.Device)
	if err != nil {
		return nil, fmt.Errorf("read device: %w", err)
	}
	v := newViews(e.schema, p, now)
	v.in(head.Epoch)
	w := &Welcome{
		Epoch: head.Epoch, Head: head.Seq, Time: now, View: v.id, Grants: p.Active(now),
		Reset:  h.View != v.id || !head.reaches(Base{h.Epoch, h.Cursor}),
		Schema: e.schema.Version, Limits: e.limits, HLC: head.HLC, Floor: head.Floor, Keys: e.keysFor(v), Lost: lost(told.Shown, p.Active(now)), Receipt: told.wants(), Checks: true,
	}
	w.Lease = e.offline(w.Grants)
	if dev != nil {
		w.LastN, w.Hash = dev.LastN, dev.Hash
		if h.Epoch < head.Epoch && head.Epoch > 1 {
			if w.Anew, err = rejudged(tx, dev.ID, dev.LastN+1, dev.Fork, h.Epoch); err != nil {
				return nil, err
			}
		}
	}
	w.Minimum, w.Drain = p.Minimum, p.Minimum.Drains(h.Schema, h.App, now)
	w.Reset = w.Reset && !w.Drain
	return w, nil
}
