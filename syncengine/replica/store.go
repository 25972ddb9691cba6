// Package replica is what a device does to its replica: seal what programs wrote into changesets, stage and apply
// deltas, file verdicts. It holds the rules of engine.md §4 (base, overlay, apply) over a small port, so that the Go
// device on SQLite and the simulation in memory run the same code.
package replica

import (
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// Store is where a replica lives. Update is atomic and durable on return; while fn runs no other program writes, and
// what Tx writes is not captured.
type Store interface {
	Update(fn func(Tx) error) error
}

// Image is a row: for each of the record type's cells, in the schema's order, the values of its columns.
// A nil Image is a row that is not there.
type Image [][]schema.Value

// Tx is one transaction on a replica. Values handed over belong to the receiver; absent things are nil.
type Tx interface {
	Control() (Control, error)
	PutControl(Control) error

	// Row gives the row as programs see it.
	Row(t *schema.Table, id se.RowID) (Image, error)
	PutRow(t *schema.Table, id se.RowID, row Image) error
	DeleteRow(t *schema.Table, id se.RowID) error
	// RowIDs lists the rows that programs see, in order of id.
	RowIDs(t *schema.Table) ([]se.RowID, error)
	// Find lists visible rows whose column holds v, in order of id.
	Find(t *schema.Table, column string, v schema.Value) ([]se.RowID, error)

	// Captured gives what the triggers logged since the last seal, in order.
	Captured() ([]Capture, error)
	ClearCaptured() error

	// Under gives the centre's row under pending changes; ok is false if nothing is kept for that row.
	Under(t *schema.Table, id se.RowID) (row Image, ok bool, err error)
	PutUnder(t *schema.Table, id se.RowID, row Image) error
	DropUnder(t *schema.Table, id se.RowID) error
	// UnderIDs lists the rows of t that something is kept under, in order of id.
	UnderIDs(t *schema.Table) ([]se.RowID, error)

	// Pending lists the changes of a row whose overlay has not ended, in order of n.
	Pending(t *schema.Table, id se.RowID) ([]Pending, error)
	PutPending(Pending) error
	// PendingUpTo lists the rows that have a pending change with n in [from, to].
	PendingUpTo(from, to int64) ([]RowKey, error)
	// Overlaid tells whether anything lies over the centre's rows: changes whose overlay has not ended, or rows kept under
	// such ones.
	Overlaid() (bool, error)
	DropPending(t *schema.Table, id se.RowID, from, to int64) error

	// Outbox lists sealed changesets without a verdict with n > after, in order of n, at most limit.
	Outbox(after int64, limit int) ([]*se.Changeset, error)
	PutOutbox(*se.Changeset) error
	// Sealed gives a changeset that is in the outbox.
	Sealed(n int64) (*se.Changeset, error)
	// File moves a changeset from the outbox to the journal (took effect) or the device's own quarantine (refused),
	// with its verdict; a stub (n, hash, verdict) stays for ever.
	File(v se.Verdict) error
	// Verdict gives a filed verdict.
	Verdict(n int64) (*se.Verdict, error)
	// Body gives a filed changeset, nil if it is no longer here.
	Body(n int64) (*se.Changeset, error)
	// HashOf gives the hash of a changeset that was ever sealed here, filed or not; zero if there was none.
	HashOf(n int64) (se.Hash, error)
	// Offer puts a changeset into the outbox in place of what is there, or filed, under its number; a verdict on that is
	// forgotten. Overlays stay as they are.
	Offer(*se.Changeset) error

	// Lost lists rows that a snapshot of a new epoch lacked, in order of table and id.
	Lost() ([]LostRow, error)
	PutLost(LostRow) error
	DropLost(RowKey) error

	Stage(d *se.Delta) error
	// Staged lists the items of staged frames ordered by (Seq, Kind, Table, Row), a later frame after an earlier one
	// where these are equal.
	Staged() ([]StagedItem, error)
	// EachStaged calls fn with them, one after the other: not all need be in memory. fn may use the transaction, but not stage
	// or clear; an error of fn ends it and is in what it returns.
	EachStaged(fn func(*StagedItem) error) error
	ClearStaged() error

	PutMessage(se.Message) error

	// Kept gives what the centre shows of a row and these declarations do not know, in order of cell.
	Kept(RowKey) ([]se.CellValue, error)
	// PutKept replaces it; no cells forget the row.
	PutKept(RowKey, []se.CellValue) error
	// KeptRows lists the rows that something is kept of, in order of table and id.
	KeptRows() ([]RowKey, error)
	// Purge erases what filed changesets and messages say about rows for which keep is false: bodies, values in
	// reasons, whom a message names. What stays of a changeset is n, hash, kind and code.
	Purge(keep func(table string, row se.RowID) (bool, error)) error
	// Scopes lists the scopes that visible rows of t are in; "" for rows that lie in none.
	Scopes(t *schema.Table) ([]string, error)
	// InScope calls fn with the visible rows of t in a scope. fn must not use the transaction.
	InScope(t *schema.Table, scope string, fn func(se.RowID, Image)) error
	// PutMended keeps what a repair replaced, so that nobody's work vanishes.
	PutMended(Mended) error
	// PutCheck keeps how a check ended, and when.
	PutCheck(Checked) error
	// Checks lists how the last checks ended, newest first, at most limit.
	Checks(limit int) ([]Checked, error)
}

// Control is the replica's one row of state.
type Control struct {
	Device  string
	Account string
	Epoch   int64 // of the cursor
	Cursor  int64
	View    string // id of the view that the cursor is for
	Schema  int
	HLC     hlc.Timestamp
	LastN   int64 // newest sealed changeset
	Hash    se.Hash
	Acked   int64 // highest n up to which every changeset has its verdict here
	Inbox   int64
	Grants  []se.Grant // as of the last Welcome
	Live    []se.Grant // as of the view that the cursor is for: what the cursor vouches for
	Limits  se.Limits

	Keeps   bool       // everything that the cursor covers and these declarations do not know is kept
	Minimum se.Minimum // as of the last Welcome: below it, nothing new should be written here
	Drain   bool       // as of the last Welcome: the device is below it
	Unseen  []string   // "table.cell" that the cursor does not vouch for until the next snapshot is live

	StagedView  string // view of the unfinished step; "" = nothing staged
	StagedReset bool
	StagedAt    []se.StagedScope // in order of scope

	ProofAt se.Base // cursor that History and MAC came with
	History se.Hash
	MAC     se.Hash
	Met     int64 // newest epoch that a Welcome named
	MetN    int64 // last n in the first Welcome of it: what an ended epoch said about later ones is void
	Reoffer bool  // changesets are offered again: the next snapshot goes under their overlays
	Lease   Lease
	Leaving Leaving
}

// RowKey names a row.
type RowKey struct {
	Table string
	Row   se.RowID
}

// Pending is one change of a sealed changeset whose overlay has not ended.
type Pending struct {
	N      int64
	Change se.Change
}

// StagedItem is an item with the scope of the frame it came in.
type StagedItem struct {
	Scope string
	se.DeltaItem
}

// Capture is one line of the trigger's log (schema/ddl/DESIGN.md has the protocol).
type Capture struct {
	Table string
	Row   se.RowID
	Op    CaptureOp
	Col   string // "" in a marker
	Old   schema.Value
	New   schema.Value
	Base  se.Base
	Wall  int64
}

// CaptureOp is what was captured.
type CaptureOp string

// The operations.
const (
	CaptureKept   CaptureOp = "k" // old value before an insert that may replace the row
	CaptureInsert CaptureOp = "i" // the row was inserted: a marker with Col ""; replicas of before have lines for its columns, which say nothing more
	CaptureUpdate CaptureOp = "u" // column changed from Old to New
	CaptureDelete CaptureOp = "d" // the row was deleted (marker, and lines with the old values)
)

// Clock is the device's readings at one moment, however wrong.
type Clock struct {
	Wall int64  // ms since 1970 UTC
	Boot string // id of the boot that Mono counts from
	Mono int64  // ms
}
