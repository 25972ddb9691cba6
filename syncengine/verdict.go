package syncengine

import "github.com/doorstep-sync/doorstep/schema"

// VerdictKind is what became of a changeset. Every changeset gets exactly one verdict, for ever (P7).
type VerdictKind uint8

// The kinds. The first three took effect and carry the seq.
const (
	Accepted  VerdictKind = 1 // every write stands
	Conflicts VerdictKind = 2 // took effect; at least one write waits in the conflict queue, or opened a conflict
	Merged    VerdictKind = 3 // took effect; at least one write met a concurrent one and was combined with it or lost to it
	Rejected  VerdictKind = 4 // took no effect; it is in quarantine with the reason
	Parked    VerdictKind = 5 // took no effect yet; it waits in quarantine for something named in the reason
)

func (k VerdictKind) String() string {
	return [...]string{"?", "accepted", "accepted_with_conflicts", "merged", "rejected", "parked"}[min(int(k), 5)]
}

// Effective tells whether a changeset with this verdict took effect.
func (k VerdictKind) Effective() bool { return k >= Accepted && k <= Merged }

// Verdict is the centre's word on one changeset. It is durable before anyone hears it.
type Verdict struct {
	N         int64
	Hash      Hash // of the changeset it is about
	Kind      VerdictKind
	Epoch     int64
	Seq       int64         // kinds that took effect: the changeset's place in the county's order
	Reason    *Reason       // rejected and parked
	Conflicts []ConflictRef // what it opened or joined
}

// Code is why a changeset was refused, for programs. Sentences for people are in the message catalogue.
type Code string

// The codes. Each has a sentence that says what to do (messages.go).
const (
	CodeUnknownTable     Code = "unknown_table"
	CodeUnknownCell      Code = "unknown_cell"
	CodeBadRow           Code = "bad_row"   // the id is not a UUID, a row twice in one changeset, an unknown operation
	CodeBadValue         Code = "bad_value" // Rule names which rule of the column
	CodeMissing          Code = "missing"   // a required column has no value
	CodeTooLarge         Code = "too_large"
	CodeOutOfScope       Code = "out_of_scope" // no grant on the scope, or the row is not in the person's view
	CodeNoRight          Code = "no_right"     // the role may not write this
	CodeCentralOnly      Code = "central_only"
	CodeAppendOnly       Code = "append_only"
	CodeUnknownReference Code = "unknown_reference"
	CodeBadStep          Code = "bad_step"     // the step is not allowed in the case's state
	CodeBadDecision      Code = "bad_decision" // the conflict is closed or the choice does not fit it
	CodeBaseAhead        Code = "base_ahead"   // a base beyond what the centre ever sent
	CodeWrongAuthor      Code = "wrong_author"
	CodeGrantEnded       Code = "grant_ended"    // parked: a supervisor decides
	CodeDeviceRevoked    Code = "device_revoked" // parked: what a revoked device had not sent yet; a supervisor decides
	CodeAwaits           Code = "awaits"         // parked: a row it changes or refers to is not there (yet)
	CodeHandled          Code = "handled"        // it retries a changeset that was retried, released or dismissed already
	CodeQuota            Code = "quota"          // the scope is full, or the conflict holds too much of this device
	CodeSalvage          Code = "salvage"        // parked: rows that a restored centre lacks; a supervisor decides
	CodeGone             Code = "gone"           // the device says that it no longer has this changeset
	CodeInternal         Code = "internal"       // quarantined: the centre could not process it
)

// Reason is why a changeset was refused. It names the first failure.
type Reason struct {
	Code    Code
	Table   string
	Row     RowID
	Column  string         // or cell, "" if it is about the row
	Rule    string         // bad_value: short name of the rule; awaits: the id waited for
	Current []schema.Value // what the centre shows in that cell now, for the eyes; nil if the person may not see it
}

// Quarantined is a rejected or parked changeset, whole. Its verdict stands for ever; what becomes of it later is told by
// Outcome, to its author by message and, where it took effect, by delta.
type Quarantined struct {
	Device    string
	N         int64
	Changeset *Changeset
	Verdict   Verdict
	Received  int64  // centre's clock, ms
	At        int64  // effective time, as judged when it came
	Suspect   bool   // its clock was suspect
	Scope     string // whose supervisors see it: where what it was refused for belongs, as far as that is known
	Awaits    RowID  // parked: the id it waits for now, "" for none
	Ready     bool   // what it waits for may be there: it is tried in this commit or one of the next
	Present   *Reason
	Overtaken []Overtaken
	Closed    bool
	Outcome   Settlement
	Seq       int64  // of the county's order at which it ended
	By        string // account that retried, released or dismissed it; "" if it was released by itself
	Why       string // the reason given
}

// Settlement is how a quarantined changeset ended. The first of them is the only one.
type Settlement string

// The settlements.
const (
	SettledNot       Settlement = ""
	SettledRetried   Settlement = "retried"   // its device sent another in its place
	SettledReleased  Settlement = "released"  // it took effect, by a supervisor's word or because what it awaited came
	SettledDismissed Settlement = "dismissed" // a supervisor decided that it will not take effect
)

// Overtaken is what the device of a parked changeset wrote again with a later n that took effect. A release leaves it
// out: it would undo what its own author did since.
type Overtaken struct {
	Table    string
	Row      RowID
	Cell     string   // CellRow: the row as a whole, which was deleted since, or lives since
	Elements []string // of a set, those that were added or removed since; nil for the whole cell
}

// Reason is why it waits now: the verdict's, unless it was tried again since.
func (q *Quarantined) Reason() *Reason {
	if q.Present != nil {
		return q.Present
	}
	return q.Verdict.Reason
}

// Size is the changeset's canonical bytes: what it counts for in Usage.
func (q *Quarantined) Size() int64 {
	if q.Changeset == nil {
		return 0
	}
	return int64(len(q.Changeset.Canonical()))
}
