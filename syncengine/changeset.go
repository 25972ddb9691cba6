package syncengine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// RowID is the id of a row: a UUID (version 7 by custom) as 36 lower-case characters.
type RowID string

// Hash is the SHA-256 of a changeset's canonical bytes. The zero Hash stands for "nothing before".
type Hash [32]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero tells whether h stands for nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// Base says what a writer had seen: the epoch and seq that his replica had reached when he read the cell.
// The zero Base has seen nothing.
type Base struct {
	Epoch int64
	Seq   int64
}

// Less orders bases: an older epoch first, then the smaller seq.
func (b Base) Less(c Base) bool {
	return b.Epoch < c.Epoch || b.Epoch == c.Epoch && b.Seq < c.Seq
}

// Changeset is all changes of one local transaction of one device.
type Changeset struct {
	Device   string        // UUID of the device
	N        int64         // 1, 2, 3 … without gaps per device
	Prev     Hash          // hash of changeset N-1; zero for N = 1
	HLC      hlc.Timestamp // greater than that of N-1 and of everything the device had heard
	Wall     int64         // raw wall clock of the device, ms since 1970 UTC, however wrong
	Boot     string        // id of the boot (or process start) that Mono counts from
	Mono     int64         // monotonic clock since Boot, ms
	Schema   int           // schema version of the replica
	Author   string        // account that was signed in; the centre checks it against the device
	Foreign  bool          // some writes were captured from other programs: the clock is suspect
	Replaces int64         // n of the quarantined changeset that this one retries; 0 for none
	Changes  []Change      // in order
	Salvage  bool          // rows that a restored centre lacks, as a replica held them: a supervisor decides about them
	Gone     Hash          // a hole: the hash of changeset N, which the device no longer has. Nothing else is set but Device, N, Prev
}

// Op is what a change does to a row.
type Op uint8

// The operations. OpDecide is a decision on a conflict and comes from console sessions only.
const (
	OpUpdate Op = 1 // cells of a row the replica holds
	OpInsert Op = 2 // a row the replica did not hold
	OpDelete Op = 3
	OpDecide Op = 4
)

func (o Op) String() string {
	return [...]string{"?", "update", "insert", "delete", "decide"}[min(int(o), 4)]
}

// Change is what a changeset does to one row. A row appears at most once in a changeset.
type Change struct {
	Table  string
	Row    RowID
	Op     Op
	Base   Base        // delete and decide: what its author had seen of the row
	Cells  []CellWrite // insert and update: only the cells that changed, in the schema's order
	Decide *Decision   // decide only
}

// Size is the length of the change's canonical bytes.
func (c *Change) Size() int {
	b := canon(make([]byte, 0, 256))
	b.change(c)
	return len(b)
}

// CellWrite is a new value of a cell, or an operation on it.
type CellWrite struct {
	Cell   string
	Base   Base
	Values []schema.Value // lww, review, max, min, append, central: the cell's columns in order; nil for operations
	Add    schema.Value   // add: the difference; NULL for other policies
	In     []string       // union: elements added
	Out    []string       // union: elements removed
}

// Operation tells whether the write is an operation (add, union) rather than a value.
func (w CellWrite) Operation() bool { return w.Values == nil }

// Choice is what a supervisor decides about a conflict, or about a quarantined changeset.
type Choice string

// The choices. Which of them fit depends on the kind of the conflict.
const (
	ChoiceKeep     Choice = "keep"     // what stands stays; the candidates shown are dismissed
	ChoiceTake     Choice = "take"     // the candidate named replaces what stands (for a delete: restore with this edit)
	ChoiceSet      Choice = "set"      // a value given with the decision replaces what stands
	ChoiceBoth     Choice = "both"     // duplicate: these are different things, both stay
	ChoiceRenumber Choice = "renumber" // workflow: the step named is numbered after the case's last step
	ChoiceRelease  Choice = "release"  // quarantine: the parked changeset takes effect now, on the supervisor's authority
	ChoiceDismiss  Choice = "dismiss"  // quarantine: it will not take effect
	ChoiceMerge    Choice = "merge"    // duplicate: these are one thing; the rows named become the survivor
	ChoiceSplit    Choice = "split"    // duplicate that was merged: the merge was wrong, the rows named come back
)

// Decision is a supervisor's choice on a conflict. Candidates that joined after his screen was read stay open.
// On a quarantined changeset it names that instead.
type Decision struct {
	Conflict string // id
	Choice   Choice
	Shown    []WriteID      // the candidates his screen showed
	Take     WriteID        // take, renumber: the candidate chosen
	Values   []schema.Value // set: the cell's columns in order
	Reason   string

	Quarantined WriteID // release, dismiss: the changeset; then Conflict is ""
	Survivor    RowID   // merge: the row that stays
	Retired     []RowID // merge: the rows that become it; split: the ones to come back
	Picks       []Pick  // merge: cells in which the value of another row than the survivor is kept
}

// Pick says which row's value a cell keeps in a merge.
type Pick struct {
	Cell string
	Row  RowID
}

// extended tells whether a decision has more than the first release knew. Its canonical bytes say so: those of all
// others are what they always were.
func (d *Decision) extended() bool {
	return d.Quarantined != WriteID{} || d.Survivor != "" || len(d.Retired)+len(d.Picks) > 0
}

// WriteID names a write: the changeset it came in.
type WriteID struct {
	Device string
	N      int64
}

// Canonical gives the bytes that a changeset's hash is computed over; every client makes the same ones
// (wire/protocol.md, "Canonical bytes"). Nothing decodes them.
func (c *Changeset) Canonical() []byte {
	b := canon(make([]byte, 0, 1024))
	if c.Hole() {
		b.str("doorstep.hole.v1")
		b.str(c.Device)
		b.num(c.N)
		b = append(b, c.Prev[:]...)
		return append(b, c.Gone[:]...)
	}
	b.str("doorstep.changeset.v1")
	b.str(c.Device)
	b.num(c.N)
	b = append(b, c.Prev[:]...)
	b.num(int64(c.HLC))
	b.num(c.Wall)
	b.str(c.Boot)
	b.num(c.Mono)
	b.num(int64(c.Schema))
	b.str(c.Author)
	b.flag(c.Foreign)
	b.num(c.Replaces)
	b.num(int64(len(c.Changes)))
	for i := range c.Changes {
		b.change(&c.Changes[i])
	}
	if c.Salvage {
		b.flag(true) // only where it is set, so that the hashes of all others are what they always were
	}
	return b
}

// Hash is the SHA-256 of the canonical bytes. That of a hole is the hash of what is gone: the next one is chained to it.
func (c *Changeset) Hash() Hash {
	if c.Hole() {
		return c.Gone
	}
	return sha256.Sum256(c.Canonical())
}

// seal gives the size of the canonical bytes and the Hash; they are made once for both.
func (c *Changeset) seal() (size int, h Hash) {
	b := c.Canonical()
	if c.Hole() {
		return len(b), c.Gone
	}
	return len(b), sha256.Sum256(b)
}

// Hole tells whether this only says that changeset N is gone.
func (c *Changeset) Hole() bool { return !c.Gone.IsZero() }

// ID names the changeset.
func (c *Changeset) ID() WriteID { return WriteID{c.Device, c.N} }

type canon []byte

func (b *canon) str(s string) {
	*b = binary.AppendUvarint(*b, uint64(len(s)))
	*b = append(*b, s...)
}
func (b *canon) num(n int64) { *b = binary.BigEndian.AppendUint64(*b, uint64(n)) }
func (b *canon) flag(f bool) {
	if f {
		*b = append(*b, 1)
	} else {
		*b = append(*b, 0)
	}
}
func (b *canon) base(x Base) { b.num(x.Epoch); b.num(x.Seq) }
func (b *canon) values(vs []schema.Value) {
	b.num(int64(len(vs)))
	for _, v := range vs {
		*b = v.AppendCanonical(*b)
	}
}
func (b *canon) strs(ss []string) {
	b.num(int64(len(ss)))
	for _, s := range ss {
		b.str(s)
	}
}
func (b *canon) id(w WriteID) { b.str(w.Device); b.num(w.N) }

func (b *canon) change(c *Change) {
	b.str(c.Table)
	b.str(string(c.Row))
	*b = append(*b, byte(c.Op))
	b.base(c.Base)
	b.num(int64(len(c.Cells)))
	for _, w := range c.Cells {
		b.str(w.Cell)
		b.base(w.Base)
		b.flag(w.Operation())
		if w.Operation() {
			*b = w.Add.AppendCanonical(*b)
			b.strs(w.In)
			b.strs(w.Out)
		} else {
			b.values(w.Values)
		}
	}
	if c.Decide != nil && c.Decide.extended() {
		*b = append(*b, 2)
	} else {
		b.flag(c.Decide != nil)
	}
	if d := c.Decide; d != nil {
		b.str(d.Conflict)
		b.str(string(d.Choice))
		b.num(int64(len(d.Shown)))
		for _, s := range d.Shown {
			b.id(s)
		}
		b.id(d.Take)
		b.values(d.Values)
		b.str(d.Reason)
		if d.extended() {
			b.id(d.Quarantined)
			b.str(string(d.Survivor))
			b.num(int64(len(d.Retired)))
			for _, r := range d.Retired {
				b.str(string(r))
			}
			b.num(int64(len(d.Picks)))
			for _, p := range d.Picks {
				b.str(p.Cell)
				b.str(string(p.Row))
			}
		}
	}
}
