package syncengine

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// Delta is one frame of a step: part of what a replica lacks between its cursor and a head. A step takes as many
// frames as it needs; the replica stages them durably and applies all of them in ONE transaction when the frame with
// Done has come. Nothing of a step is visible before that (P3, P10).
type Delta struct {
	View  string      // id of the grants and views it was made for; a replica staging for another one starts again
	From  Base        // the cursor it goes on from; zero in a reset
	Reset bool        // the step is a whole snapshot: rows that it does not hold are dropped, pending edits stay
	Scope string      // the scope Items belong to; "" in a frame that only says Done
	Items []DeltaItem // with Kept, shared by all who are sent them: never to be written to
	Kept  *Kept       // where an encoder keeps them for all; nil = they are this frame's alone
	Start Position    // how far Scope had been read before this frame; {From.Seq, ""} in its first one
	After Position    // how far Scope has been read with this frame
	Read  int64       // reset: seq of the head at which the reading of Scope was begun; what left since comes as it left

	Snapshot string // the frame is a chunk of this snapshot: Packed stands for Items until its hash is checked
	Chunk    int    // 1, 2, 3 …
	Packed   []byte // shared by all who are sent it: never to be written to

	Done   bool
	Scopes []StagedScope // Done: how far each scope was read in this step, scopes without items left out
	To     Base          // Done: the head that all scopes were read at; the new cursor
	LastN  int64         // Done: the device's last n that To contains; overlays up to it end
	HLC    hlc.Timestamp // Done: the county's clock, to be heard

	History Hash // Done: hash of the history entry at To; zero before the first
	MAC     Hash // Done: proves To and History; zero where the centre gives no proofs
}

// carries tells whether the frame has anything of a scope.
func (d *Delta) carries() bool { return len(d.Items) > 0 || d.Packed != nil }

// DeltaKind is what a DeltaItem says about its row.
type DeltaKind uint8

// The kinds, in the order in which items of one seq are applied.
const (
	DeltaEvict DeltaKind = 1 // the row left Scope or the view: drop it if it is held under that scope; it is not deleted
	DeltaDead  DeltaKind = 2 // the row was deleted
	DeltaRow   DeltaKind = 3
)

// DeltaItem is one row's change.
type DeltaItem struct {
	Seq   int64
	Kind  DeltaKind
	Table string
	Row   RowID
	Whole bool        // DeltaRow: Cells is the whole row as this view shows it, what is missing is NULL
	Cells []CellValue // DeltaRow: changed cells only, unless Whole
}

// CellValue is what a cell shows.
type CellValue struct {
	Cell   string
	Values []schema.Value
}

// Size estimates an item's bytes, to bound frames.
func (i *DeltaItem) Size() int {
	n := 64
	for _, c := range i.Cells {
		n += len(c.Cell) + 4
		for _, v := range c.Values {
			n += 9 + len(v.Str())
		}
	}
	return n
}

// Hello is what a device says first.
type Hello struct {
	Device string
	Token  string // access token, where the transport did not carry it
	App    string // name and version, for people
	Schema int
	Epoch  int64 // of the cursor
	Cursor int64
	View   string // id of the view the cursor is for
	Staged []StagedScope
	// StagedView and StagedReset tell which step Staged belongs to.
	StagedView  string
	StagedReset bool
	Unpacks     []string // encodings of packed chunks that the device takes; none = it takes no snapshots
	LastN       int64    // the device's newest sealed changeset
	LastHash    Hash
	Acked       int64 // highest n up to which every verdict is durable on the device
	Inbox       int64 // last message stored
	Wall        int64 // clock readings at sending, ms: see Changeset
	Boot        string
	Mono        int64
	HLC         hlc.Timestamp

	History Hash // that came with the cursor
	MAC     Hash // that came with the cursor; zero = it has none

	// For the device list at the centre; nothing is decided by them.
	Waiting   int64 // changesets without a verdict
	Oldest    int64 // when the oldest of them was sealed, by the device's clock, ms; 0 = none
	FreeBytes int64 // on the disk of the replica; 0 = not told
	Checked   int64 // how long ago the last check of the replica ended, ms, at least 1; 0 = there was none
	Repaired  int64 // rows that checks of the last 30 days put right
}

// StagedScope says how far a scope of an unfinished step is staged.
type StagedScope struct {
	Scope    string
	After    Position
	Snapshot string // of which the last frame was a chunk, "" for none
	Read     int64  // reset: seq of the head at which the reading was begun
}

// SamePlaces tells whether two lists name the same scopes read to the same positions.
func SamePlaces(a, b []StagedScope) bool {
	return slices.EqualFunc(a, b, func(x, y StagedScope) bool { return x.Scope == y.Scope && x.After == y.After })
}

// Welcome is the centre's answer to Hello. It is sent again when the person's grants change.
type Welcome struct {
	Epoch  int64
	Head   int64
	Time   int64 // centre's clock, ms
	View   string
	Reset  bool // the cursor is not for this view: a snapshot follows, staged frames are forgotten
	Grants []Grant
	LastN  int64 // last n of this device that the centre has given a verdict
	Hash   Hash  // of that changeset
	// Anew is the first n that was judged in an epoch after the one of Hello's cursor; 0 = none. A replica that has older
	// verdicts from there on takes them back: a copy of it offered those changesets again.
	Anew    int64
	Schema  int
	Minimum Minimum // the county's; zero for none
	Drain   bool    // the device is below it: it may send what it holds, and gets no rows
	Limits  Limits
	HLC     hlc.Timestamp
	Floor   int64 // what a replica has staged of a snapshot begun below this seq is forgotten
	// Lost are grants that have ended since the device was last told: it answers with Drain before it gets anything.
	Lost []Grant
	// Acked is what the Hello said that this answers. It is not sent: the device's end fills it in.
	Acked int64
	// Lease is how long the replica may be used without another Welcome, in ms; 0 = as long as one likes.
	Lease int64
	// Receipt is when the device was told of losses that the centre has no receipt for; 0 = there are none.
	Receipt int64
	// Keys of the sealed columns that the person's view shows in full; a device forgets those that are not among them.
	Keys   []seal.Key
	Checks bool // the centre answers Check
}

// Limits are what the centre takes; a device checks them when it seals.
type Limits struct {
	MaxChangeset int // bytes, canonical
	MaxChanges   int // changes in a changeset
	MaxFrame     int // bytes of one message
	Window       int // changesets in flight
}

// DefaultLimits allow a transaction of 10,000 rows.
var DefaultLimits = Limits{MaxChangeset: 32 << 20, MaxChanges: 50_000, MaxFrame: 48 << 20, Window: 512}

// StagedFor tells whether what the device has staged belongs to the step that a Welcome announces.
func (h *Hello) StagedFor(w *Welcome) bool {
	return len(h.Staged) > 0 && h.StagedView == w.View && h.StagedReset == w.Reset && !w.Outdates(h.Staged)
}

// Outdates tells whether something staged for a snapshot was begun below the floor: what left since may be forgotten.
func (w *Welcome) Outdates(staged []StagedScope) bool {
	return w.Reset && slices.ContainsFunc(staged, func(s StagedScope) bool { return s.Read < w.Floor })
}

// The encodings of packed chunks.
const (
	Deflate = "deflate"      // the items as a message DeltaItems, deflated (RFC 1951)
	Columns = "columns+zstd" // the items as a message DeltaColumns, compressed with zstd (RFC 8878)
)

// Contact is what one connection tells about a device's clock.
type Contact struct {
	Offset int64  // centre's clock minus the device's wall clock, ms
	Boot   string // id of the boot that Mono counts from
	Mono   int64  // the device's monotonic clock at contact, ms
	At     int64  // centre's clock at contact, ms
	Acked  int64  // seq of the last step that this connection sent and the device said it has seen; 0 = none yet
	Held   Base   // the cursor that it said Hello with: rows up to there may be on it, whatever was heard of since
}
