package syncengine

import (
	"crypto/sha256"
	"encoding/json"
)

// AuditKind names what happened. The engine's kinds are here; whoever else writes the log names its own, with dots.
type AuditKind string

// What the engine itself writes into the audit log, in the transaction of what it tells of.
const (
	AuditRejected AuditKind = "verdict.rejected"
	AuditParked   AuditKind = "verdict.parked"
	AuditDecision AuditKind = "decision"

	AuditPurged    AuditKind = "device.purged"   // the device's receipt: what ended is gone from it, or all it held
	AuditForked    AuditKind = "device.forked"   // a copied replica became a device of its own
	AuditEpoch     AuditKind = "epoch.began"     // after a restore
	AuditConfirmed AuditKind = "epoch.confirmed" // an administrator has looked at grants and revocations
)

// AuditEvent is a line of the audit log: what was done besides the writes that history holds, and who saw what. It
// holds ids, codes and names of columns, never a person's values. The log is a chain of its own: each line's Hash is
// over the line and the one before.
type AuditEvent struct {
	I      int64 // 1, 2, 3 … without gaps
	At     int64 // centre's clock, ms
	Kind   AuditKind
	Who    string // account; "" = the centre itself
	Device string // "" = none
	What   string // a JSON object
	Prev   Hash   // of the line before; zero for the first
	Hash   Hash
}

// AuditLink makes the event the line after last; last is nil for the first.
func AuditLink(last *AuditEvent, e AuditEvent) AuditEvent {
	e.I, e.Prev = 1, Hash{}
	if last != nil {
		e.I, e.Prev = last.I+1, last.Hash
	}
	e.Hash = e.Chain()
	return e
}

// Chain is the hash that the event must have.
func (e *AuditEvent) Chain() Hash {
	b := canon(make([]byte, 0, 256))
	b.str("doorstep.audit.v1")
	b = append(b, e.Prev[:]...)
	b.num(e.I)
	b.num(e.At)
	b.str(string(e.Kind))
	b.str(e.Who)
	b.str(e.Device)
	b.str(e.What)
	return sha256.Sum256(b)
}

// AuditWhat writes what an event is about: always the same bytes for the same facts.
func AuditWhat(facts map[string]any) string {
	b, err := json.Marshal(facts) // sorts its keys
	if err != nil {
		return "{}" // only for values that no caller gives: functions, channels
	}
	return string(b)
}

// auditRefusal notes a changeset that took no effect. The row is named, its values are not.
func auditRefusal(tx Tx, cs *Changeset, v *Verdict, now int64) error {
	kind := AuditRejected
	if v.Kind == Parked {
		kind = AuditParked
	}
	facts := map[string]any{"n": cs.N, "changeset": v.Hash.String()}
	if r := v.Reason; r != nil {
		facts["code"] = string(r.Code)
		for name, s := range map[string]string{"record": r.Table, "row": string(r.Row), "column": r.Column} {
			if s != "" && len(s) <= 100 { // names that came from a device and are no names of ours
				facts[name] = s
			}
		}
	}
	return tx.AppendAudit(AuditEvent{At: now, Kind: kind, Who: cs.Author, Device: cs.Device, What: AuditWhat(facts)})
}

// auditDecisions notes the decisions of a changeset that took effect. Their reasons are words of a person and stay in
// history.
func (g *ingest) auditDecisions() error {
	for i := range g.cs.Changes {
		c := &g.cs.Changes[i]
		if c.Op != OpDecide || c.Decide == nil {
			continue
		}
		facts := map[string]any{
			"n": g.cs.N, "seq": g.seq, "conflict": c.Decide.Conflict, "choice": string(c.Decide.Choice), "record": c.Table, "row": string(c.Row),
		}
		if q := c.Decide.Quarantined; q != (WriteID{}) {
			facts["of_device"], facts["of_n"] = q.Device, q.N
		}
		what := AuditWhat(facts)
		if err := g.tx.AppendAudit(AuditEvent{At: g.sub.Now, Kind: AuditDecision, Who: g.cs.Author, Device: g.cs.Device, What: what}); err != nil {
			return err
		}
	}
	return nil
}

// RowKey names a row.
type RowKey struct {
	Table string
	Row   RowID
}

// Rows lists the rows that the entry's changes name, once each, in order. Decisions name the row they are about.
func (e *Entry) Rows() []RowKey {
	if e.Changeset == nil {
		return nil
	}
	var out []RowKey
	seen := map[RowKey]bool{}
	name := func(table string, id RowID) {
		if k := (RowKey{table, id}); id != "" && !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	for i := range e.Changeset.Changes {
		c := &e.Changeset.Changes[i]
		name(c.Table, c.Row)
		if d := c.Decide; d != nil && c.Table != "" {
			for _, id := range append([]RowID{d.Survivor}, d.Retired...) {
				name(c.Table, id)
			}
		}
	}
	return out
}

// Chain is the hash that the entry must have: over the one before, its place and times, the changeset and what became
// of it. changeset is the changeset's hash, for who has no more of it.
func (e *Entry) Chain(changeset Hash) Hash {
	b := canon(make([]byte, 0, 256))
	b.str("doorstep.history.v1")
	b = append(b, e.Prev[:]...)
	b.num(e.Epoch)
	b.num(e.Seq)
	b.num(e.At)
	b.num(e.Received)
	b.flag(e.Suspect)
	b = append(b, changeset[:]...)
	for _, o := range e.Outcomes {
		b.num(int64(o.Change))
		b.str(o.Cell)
		b = append(b, byte(o.Fate))
	}
	return sha256.Sum256(b)
}

// auditReceipt notes a device's receipt that was taken.
func auditReceipt(tx Tx, p *Principal, t Tell, now int64) error {
	facts := map[string]any{"n": t.N}
	if t.Retire {
		facts["all"] = true
	}
	return tx.AppendAudit(AuditEvent{At: now, Kind: AuditPurged, Who: p.Account, Device: t.Device, What: AuditWhat(facts)})
}

// auditEpoch notes that an epoch began.
func auditEpoch(tx Tx, r Restore) error {
	facts := map[string]any{"epoch": r.Epoch, "ended": r.Ended, "head": r.Head, "last": r.Last, "cause": string(r.Cause)}
	return tx.AppendAudit(AuditEvent{At: r.At, Kind: AuditEpoch, What: AuditWhat(facts)})
}

// auditConfirmed notes that devices are served in an epoch again.
func auditConfirmed(tx Tx, r Restore) error {
	return tx.AppendAudit(AuditEvent{At: r.Confirmed, Kind: AuditConfirmed, Who: r.By, What: AuditWhat(map[string]any{"epoch": r.Epoch})})
}

// AuditFork notes that a copy of parent's replica is a device of its own now, with its parent's numbers up to the fork.
func AuditFork(tx Tx, parent string, f Forked, now int64) error {
	facts := map[string]any{"parent": parent, "fork": f.Fork}
	return tx.AppendAudit(AuditEvent{At: now, Kind: AuditForked, Device: f.Device, What: AuditWhat(facts)})
}
