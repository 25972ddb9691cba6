package syncengine

import (
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// Submission is one changeset on its way in.
type Submission struct {
	Changeset *Changeset
	Contact   Contact
	Now       int64 // centre's clock at arrival, ms
}

// Ingest judges one changeset inside the county's writing transaction and gives its verdict. What it does is durable
// when the transaction is; nobody may hear the verdict before that (P1).
//
// A changeset that was judged before gets the same verdict and has no further effect (P2), also where it was judged under
// the name of another copy of its replica (twin). ErrGap, ErrClone, ErrQuota,
// ErrUnknownDevice, ErrRevoked and ErrUnconfirmed say that it cannot be judged; then nothing is written. Any other error is the store's
// and ends the transaction.
func (e *Engine) Ingest(tx Tx, sub Submission) (Verdict, error) {
	return e.ingest(tx, sub, &company{})
}

// ingest is Ingest of one of a group.
func (e *Engine) ingest(tx Tx, sub Submission, others *company) (Verdict, error) {
	cs := sub.Changeset
	reads, err := others.reads(e, tx, cs.Device, sub.Now)
	if err != nil {
		return Verdict{}, fmt.Errorf("read principal: %w", err)
	}
	if reads == nil {
		return Verdict{}, ErrUnknownDevice
	}
	p := reads.principal
	if p.Revoked && p.Console {
		return Verdict{}, ErrRevoked
	}
	if err := served(tx); err != nil {
		return Verdict{}, err
	}
	dev, err := tx.Device(cs.Device)
	if err != nil {
		return Verdict{}, fmt.Errorf("read device: %w", err)
	}
	if dev == nil {
		dev = &Device{ID: cs.Device, Console: p.Console}
	}
	dev.Acked = max(dev.Acked, sub.Contact.Acked)
	size, hash := cs.seal()
	switch {
	case cs.N <= dev.LastN:
		return known(tx, cs, hash)
	case cs.N > dev.LastN+1:
		return Verdict{}, ErrGap
	case cs.Prev != dev.Hash:
		return Verdict{}, ErrClone
	}
	head, err := tx.Head()
	if err != nil {
		return Verdict{}, fmt.Errorf("read head: %w", err)
	}
	g := &ingest{
		engine: e, tx: tx, sub: sub, cs: cs, dev: dev, epoch: head.Epoch, head: head.Seq, seq: head.Seq + 1,
		reads: reads, size: size, hash: hash,
	}
	if err := g.rights(p); err != nil {
		return Verdict{}, err
	}
	if g.past, err = lineage(tx, dev, head.Epoch); err != nil {
		return Verdict{}, err
	}
	g.at, g.suspect = effective(cs, sub.Contact, sub.Now, dev.At)
	if again, err := g.twin(p.Account); err != nil {
		return Verdict{}, err
	} else if again != nil {
		return *again, g.file(*again)
	}
	v := Verdict{N: cs.N, Hash: hash, Epoch: head.Epoch}
	var refused *refusal
	err = tx.Savepoint(g.run)
	switch {
	case errors.As(err, &refused):
		if err := e.mayRefuse(tx, cs, sub.Now); err != nil {
			return Verdict{}, err
		}
		v.Kind, v.Reason = refused.kind, &refused.reason
		err = errors.Join(g.quarantine(v), auditRefusal(tx, cs, &v, sub.Now))
	case err == nil:
		v.Kind, v.Seq = g.kind(), g.seq
		if v.Conflicts, err = g.disclosed(); err == nil {
			if v.Kind == Conflicts && len(v.Conflicts) == 0 && len(g.conflicts) > 0 {
				v.Kind = Accepted
			}
			err = errors.Join(g.recordAll(&head), g.auditDecisions())
		}
	}
	if err != nil {
		return Verdict{}, err
	}
	if err := errors.Join(g.file(v), g.first()); err != nil {
		return Verdict{}, err
	}
	return v, nil
}

// file keeps the verdict, and how far its device has come.
func (g *ingest) file(v Verdict) error {
	dev := g.dev
	// The device is read anew: messages may have been numbered for it inside the savepoint.
	if fresh, err := g.tx.Device(g.cs.Device); err != nil {
		return err
	} else if fresh != nil {
		dev = fresh
	}
	dev.LastN, dev.Hash, dev.At, dev.Acked = g.cs.N, v.Hash, g.at, g.dev.Acked
	if err := g.tx.PutDevice(dev); err != nil {
		return fmt.Errorf("put device: %w", err)
	}
	if err := g.tx.PutVerdict(g.cs.Device, v); err != nil {
		return fmt.Errorf("put verdict: %w", err)
	}
	return nil
}

// known gives the verdict of a changeset that was judged before.
func known(tx Tx, cs *Changeset, hash Hash) (Verdict, error) {
	v, err := tx.Verdict(cs.Device, cs.N)
	if err != nil {
		return Verdict{}, fmt.Errorf("read verdict: %w", err)
	}
	if v == nil || v.Hash != hash {
		return Verdict{}, ErrClone
	}
	return *v, nil
}

// ingest is one changeset being judged.
type ingest struct {
	engine  *Engine
	tx      Tx
	sub     Submission
	cs      *Changeset
	size    int  // of its canonical bytes
	hash    Hash // of them
	dev     *Device
	past    Lineage
	views   *views  // by which it is judged: the active grants, and those that had not ended when it was written
	reads   *views  // by which its author is told anything: the active ones
	ended   []Grant // that count no more
	epoch   int64
	head    int64 // seq of the head before
	seq     int64 // that the changeset takes if it takes effect
	at      int64 // effective time
	suspect bool

	outcomes  []WriteOutcome
	conflicts []ConflictRef
	opened    int            // conflicts opened by this changeset, for their ids
	checks    []func() error // what can be told only when all changes are in
	keys      []*sharedKey   // natural keys to be looked at anew, once each, when all changes are in
	byKey     map[string]*sharedKey
	late      []*lateSteps // steps that did not follow the last one, by case
	lateBy    map[ConflictKey]*lateSteps
	followed  int             // rows moved after another
	revived   map[RowID]bool  // rows that live again
	placed    []placed        // rows that were written, for those that belong to them
	led       map[RowKey]bool // rows that followed another into its scope
	arrived   []RowID         // rows that are there now, or somewhere else than before

	origin     RowID // the retired row that was written to, while a write to it is redirected
	redirected bool  // some write was

	again      bool         // a quarantined changeset that is tried again: its device is not being answered
	supervised bool         // it takes effect on a supervisor's authority, not by its author's rights
	skip       map[int]bool // changes that its device overtook
	parked     *Quarantined // it
	by         string       // who released it
	released   []*ingest    // quarantined changesets that this decision lets take effect
}

// run applies the changes. It is a savepoint's body: any error undoes all of it.
func (g *ingest) run() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &broken{r}
		}
	}()
	if g.cs.Hole() {
		return g.refuseWhole(Rejected, CodeGone)
	}
	if g.views.principal.Revoked && !g.again {
		if g.cs.Author != g.views.principal.Account {
			return g.refuseWhole(Rejected, CodeWrongAuthor) // a release would make it so on a supervisor's authority
		}
		return park(CodeDeviceRevoked, &Change{}, "", "") // whole, unread: a supervisor decides
	}
	if err := g.admit(); err != nil {
		return err
	}
	if g.cs.Salvage && !g.supervised {
		return g.salvage()
	}
	for i := range g.cs.Changes {
		if g.skip[i] {
			continue
		}
		if err := g.change(i); err != nil {
			return err
		}
	}
	if err := g.followAll(); err != nil {
		return err
	}
	if err := g.regroupAll(); err != nil {
		return err
	}
	if err := g.queueLate(); err != nil {
		return err
	}
	for _, check := range g.checks {
		if err := check(); err != nil {
			return err
		}
	}
	return g.afterwards()
}

func (g *ingest) change(i int) error {
	c := &g.cs.Changes[i]
	if c.Op == OpDecide {
		return g.decide(i, c)
	}
	t := g.views.table(c.Table)
	if t == nil {
		return reject(CodeUnknownTable, c, "", "")
	}
	row, err := g.tx.Peek(c.Table, c.Row)
	if err != nil {
		return fmt.Errorf("read row of %s: %w", c.Table, err)
	}
	dead, err := g.tx.Dead(c.Table, c.Row)
	if err != nil {
		return fmt.Errorf("read dead id of %s: %w", c.Table, err)
	}
	switch {
	case g.cs.Salvage && (row != nil || dead != nil):
		return nil // it came back without this, or somebody deleted it
	case c.Op == OpDelete && row != nil:
		return g.delete(i, c, t, CopyRow(row))
	case c.Op == OpDelete && dead != nil:
		return nil // dead already
	case c.Op == OpInsert && row == nil && (dead == nil || g.own(dead)):
		return g.insert(i, c, t, dead)
	case c.Op != OpDelete && row != nil:
		return g.update(i, c, t, row)
	case c.Op == OpUpdate && dead != nil && dead.Into != "":
		return g.redirect(i, c, t, dead)
	case c.Op != OpDelete && dead != nil:
		return g.toDead(i, c, t, dead)
	}
	return park(CodeAwaits, c, "", string(c.Row))
}

// own tells whether this device itself deleted the row: then inserting the id again is its author's explicit will,
// and a new incarnation. Anybody else's insert of a dead id waits for a decision (P9).
func (g *ingest) own(d *Dead) bool { return d.By.Device == g.cs.Device && d.By.N < g.cs.N }

// write makes a Write of this changeset.
func (g *ingest) write(w *CellWrite) Write {
	at := g.at
	if g.cs.Salvage {
		at = 0 // a replica only held it: it never stands before what somebody wrote, who may have had it before him
	}
	return Write{
		Device: g.cs.Device, N: g.cs.N, Author: g.cs.Author, Seq: g.seq, Epoch: g.epoch,
		Base: w.Base, At: at, Suspect: g.suspect, Values: w.Values, Row: g.origin,
	}
}

func (g *ingest) fate(i int, cell string, f Fate) {
	g.outcomes = append(g.outcomes, WriteOutcome{Change: i, Cell: cell, Fate: f})
}

// kind sums up what became of the writes.
func (g *ingest) kind() VerdictKind {
	if len(g.conflicts) > 0 {
		return Conflicts
	}
	for _, o := range g.outcomes {
		switch o.Fate {
		case FateWon, FateConverged, FateLost:
			return Merged
		case FateCandidate:
			return Conflicts
		}
	}
	if g.redirected {
		return Merged
	}
	return Accepted
}

// record appends the history entry and moves the head.
func (g *ingest) record(head *Head) error {
	cs := g.cs
	if g.parked != nil {
		cs = g.parked.Changeset // as it was made; what was left out has no outcome
	}
	entry := Entry{
		Seq: g.seq, Epoch: g.epoch, Changeset: cs, Author: g.cs.Author, At: g.at, Received: g.sub.Now,
		Suspect: g.suspect, Outcomes: g.outcomes, Prev: head.History,
	}
	entry.Hash = entry.Chain(g.hash)
	if err := g.tx.AppendHistory(entry); err != nil {
		return fmt.Errorf("append history: %w", err)
	}
	head.Seq, head.History = g.seq, entry.Hash
	// A clock ten years off is heard, so that what is written next is stamped later; the end of time is not.
	head.HLC = max(head.HLC, min(g.cs.HLC, hlc.Make(g.sub.Now+farAhead, 0)))
	if err := g.tx.PutHead(*head); err != nil {
		return fmt.Errorf("put head: %w", err)
	}
	return nil
}

// farAhead is how far in front of the centre's clock a stamp is heard, in ms: some 20 years.
const farAhead = 20 * 365 * 24 * 3600 * 1000

// clockOff is the offset above which a device's clock is suspect, in ms.
const clockOff = 60_000

// effective gives the time that orders concurrent writes, from the raw readings and the offset measured on contact,
// never from the HLC. It is not after the centre's now and not before the device's previous changeset. suspect says
// that it should not be trusted much: no wrong clock is ever a reason to refuse (engine.md §5 "Clocks").
func effective(cs *Changeset, contact Contact, now, last int64) (at int64, suspect bool) {
	const far = 1 << 50 // some 35,000 years: keeps the sums from overflowing
	clamp := func(x int64) int64 { return min(max(x, -far), far) }
	offset := clamp(contact.Offset)
	suspect = cs.Foreign || offset > clockOff || offset < -clockOff
	if ran := clamp(contact.Mono) - clamp(cs.Mono); cs.Boot != "" && cs.Boot == contact.Boot && ran >= 0 {
		at = contact.At - ran // the monotonic clock has counted since: exact, whatever the wall clock says
	} else {
		at = clamp(cs.Wall) + offset
		suspect = true
	}
	return max(min(at, now), last), suspect
}
