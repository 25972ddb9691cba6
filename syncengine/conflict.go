package syncengine

// ConflictKind is what a conflict is about.
type ConflictKind string

// The kinds.
const (
	ConflictCell      ConflictKind = "cell"      // concurrent writes to a reviewed cell
	ConflictDelete    ConflictKind = "delete"    // a deleted row was written concurrently, or later by a stale device
	ConflictDuplicate ConflictKind = "duplicate" // rows with the same natural key
	ConflictWorkflow  ConflictKind = "workflow"  // steps of a case that did not follow its last one

	// AboutQuarantine is no kind of conflict: messages about a quarantined changeset name the record that it was refused
	// for under it.
	AboutQuarantine ConflictKind = "quarantine"
)

// ConflictKey names what a conflict is about. At most one conflict with a key is open at a time.
type ConflictKey struct {
	Kind  ConflictKind
	Table string
	Row   RowID  // cell, delete: the row; duplicate: the row with that natural key that came first; workflow: the case
	Cell  string // cell conflicts only
}

// ConflictRef tells a device which conflict one of its writes is in.
type ConflictRef struct {
	ID  string
	Key ConflictKey
}

// Outcome is how a conflict ended.
type Outcome string

// The outcomes. A decision's outcome is its choice.
const (
	OutcomeOpen       Outcome = ""
	OutcomeSuperseded Outcome = "superseded" // somebody who had seen the candidates wrote the cell anew
	OutcomeGone       Outcome = "gone"       // what it was about is no longer there: the row was deleted, the key changed
)

// Conflict waits for a supervisor. For cells its candidates ARE the survivors that do not stand.
type Conflict struct {
	ID         string // "<seq>-<i>": stable, short, unique in the county
	Key        ConflictKey
	Scope      string
	Door       string
	Opened     int64 // seq
	Changed    int64 // seq at which its candidates last changed
	Closed     int64 // seq, 0 = open
	Outcome    Outcome
	DecidedBy  string // account
	Reason     string
	Candidates []Candidate // when closed: what was last shown
	Told       []string    // devices that know of it, by verdict or message: they hear how it ends
}

// Open tells whether it still waits.
func (c *Conflict) Open() bool { return c.Closed == 0 }

// Candidate is one write that waits: of one cell, or of one row for duplicates and workflows. A changeset that wrote
// several cells of a deleted row has as many candidates, all with its ID.
type Candidate struct {
	Device  string
	N       int64
	Author  string
	Seq     int64
	Epoch   int64
	At      int64 // effective time, ms
	Suspect bool
	From    int64     // seqs between which the cell showed it, as in Write
	To      int64     //
	Row     RowID     // duplicate: the other row; workflow: the step; cell, delete: as Write.Row
	Cell    CellWrite // cell and delete: what it wrote, with its base
}

// ID names the changeset the candidate came in.
func (c *Candidate) ID() WriteID { return WriteID{c.Device, c.N} }

// Message is what the centre tells one device outside of deltas and verdicts.
type Message struct {
	Device   string
	Number   int64 // 1, 2, 3 … per device
	Kind     MessageKind
	Seq      int64
	Conflict ConflictRef
	Author   string // the other account concerned
	Choice   Choice // decided
	N        int64  // released, dismissed: which of the device's changesets
	Reason   string // decided, dismissed: why, in the supervisor's words; decided: only for who reads all that it was about
}

// MessageKind is what a message says.
type MessageKind string

// The kinds of messages.
const (
	MessageConflict MessageKind = "conflict" // your write is in a conflict that somebody else's changeset opened or widened
	MessageDecided  MessageKind = "decided"  // a conflict you are in was decided
	MessageEnded    MessageKind = "ended"    // a conflict you are in ended without a decision: written anew, or gone

	MessageReleased  MessageKind = "released"  // a parked changeset of yours took effect after all
	MessageDismissed MessageKind = "dismissed" // a supervisor closed a refused changeset of yours
)

// Entry is the history of one accepted changeset: a log, one append each, chained by hash.
type Entry struct {
	Seq       int64
	Epoch     int64
	Changeset *Changeset
	Author    string
	At        int64 // effective time
	Received  int64 // centre's clock
	Suspect   bool
	Outcomes  []WriteOutcome
	Prev      Hash
	Hash      Hash
}

// WriteOutcome is what became of one cell write.
type WriteOutcome struct {
	Change int // index
	Cell   string
	Fate   Fate
}

// Fate is what became of a write at the moment it was merged.
type Fate uint8

// The fates. Lost writes are in this log, candidates in the conflict queue too; nothing has a third place to go.
const (
	FateStands    Fate = 1 // shown, having seen what it replaced
	FateWon       Fate = 2 // shown, though somebody had written concurrently
	FateConverged Fate = 3 // the same value already stood
	FateCombined  Fate = 4 // an operation was applied
	FateCandidate Fate = 5 // waits in the conflict queue
	FateLost      Fate = 6 // not shown and not queued: lww, or max/min without queue
)

// Label shows a conflict key for people who read logs: never the values.
func (k ConflictKey) Label() string {
	s := string(k.Kind) + " " + k.Table + "/" + string(k.Row)
	if k.Cell != "" {
		s += "." + k.Cell
	}
	return s
}

// candidateOf makes a candidate of a surviving write of a cell.
func candidateOf(w *Write, cell string) Candidate {
	return Candidate{
		Device: w.Device, N: w.N, Author: w.Author, Seq: w.Seq, Epoch: w.Epoch, At: w.At, Suspect: w.Suspect,
		From: w.From, To: w.To, Row: w.Row, Cell: CellWrite{Cell: cell, Base: w.Base, Values: w.Values},
	}
}

// write is the inverse of candidateOf.
func (c *Candidate) write() Write {
	return Write{
		Device: c.Device, N: c.N, Author: c.Author, Seq: c.Seq, Epoch: c.Epoch, At: c.At, Suspect: c.Suspect,
		From: c.From, To: c.To, Row: c.Row, Base: c.Cell.Base, Values: c.Cell.Values,
	}
}
