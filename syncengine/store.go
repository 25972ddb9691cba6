package syncengine

import (
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// Store keeps one county. Implementations: memstore (tests, simulation) and server/store (SQLite; PostgreSQL can
// stand behind the same interface). storetest.Run holds the contract.
type Store interface {
	// Update runs fn in the county's one writing transaction and makes it durable before it returns nil
	// (a power cut after that loses nothing, P1). The head is locked first. When fn returns an error, or the
	// commit fails, nothing of it remains and that error is returned; one that is not fn's wraps ErrUnavailable.
	// fn may be run again.
	Update(fn func(Tx) error) error
	// View runs fn on one consistent state, that of a single head.
	View(fn func(ReadTx) error) error
}

// Reception is when the entry of history at a seq was received, by the centre's clock in ms.
type Reception struct{ Seq, At int64 }

// ReadTx reads one consistent state. What it returns belongs to the caller and may be changed freely.
// Absent things are nil without error.
type ReadTx interface {
	Head() (Head, error)
	Device(id string) (*Device, error)
	Row(table string, id RowID) (*Row, error)
	// Peek gives what Row gives for who only looks at it: nobody may change it, neither may it change by what is put later.
	Peek(table string, id RowID) (*Row, error)
	Dead(table string, id RowID) (*Dead, error)
	Verdict(device string, n int64) (*Verdict, error)
	Quarantined(device string, n int64) (*Quarantined, error)
	// Conflict gives a conflict by id, open or closed.
	Conflict(id string) (*Conflict, error)
	// OpenConflict gives the one open conflict with that key.
	OpenConflict(key ConflictKey) (*Conflict, error)
	// DismissedConflict gives the newest closed conflict with that key whose outcome is "both".
	DismissedConflict(key ConflictKey) (*Conflict, error)
	// ByNaturalKey lists live rows of a scope with these values in the natural key's columns, in order of id.
	ByNaturalKey(table, scope string, key []schema.Value) ([]RowID, error)
	// ByIdempotencyKey gives the row that was inserted with these values in the idempotency columns.
	ByIdempotencyKey(table string, key []schema.Value) (RowID, error)
	// Referrers lists live rows of table whose column holds id, in order of id.
	Referrers(table, column string, id RowID) ([]RowID, error)
	// Repointed lists the writes that were made to name another row than a retired one, in order of RefTable, Row,
	// Column and Seq.
	Repointed(table string, retired RowID) ([]Repointed, error)
	// LastStep gives the last numbered step of a case, nil if it has none.
	LastStep(table string, caseID RowID) (*Step, error)
	// AwaitedRow tells whether a quarantined changeset would have created that row, and which.
	AwaitedRow(table string, id RowID) (*WriteID, error)
	// Refused counts the changesets of a device that wait in quarantine, and those received at or after a time that the
	// device itself retried. What others dealt with is left out.
	Refused(device string, since int64) (Usage, error)
	// ScopeRows counts the live rows of a scope.
	ScopeRows(scope string) (int64, error)
	// Parked lists a device's open parked changesets with n > after, in order, at most limit.
	Parked(device string, after int64, limit int) ([]int64, error)
	// ParkedOn lists a device's open parked changesets that change a row, in order of n.
	ParkedOn(device, table string, id RowID) ([]int64, error)
	// Ready lists open parked changesets that are to be tried again, in order of device and n, at most limit.
	Ready(limit int) ([]WriteID, error)
	// Principal gives what a device's person is and may do now, from the centre's own rows.
	Principal(device string) (*Principal, error)
	// Told gives what a device was last told of its person's grants.
	Told(device string) (*Told, error)
	// Changed lists what changed in a scope after the position, in order of (Seq, Key), at most limit items.
	Changed(scope string, after Position, limit int) ([]Item, error)
	// Moves lists the moves of a row after a seq, oldest first.
	Moves(table string, id RowID, after int64) ([]Move, error)
	// Places lists all moves of a row, those that PruneMoves took included, oldest first. None with a seq above from is
	// missing.
	Places(table string, id RowID) (moves []Move, from int64, err error)
	// Inbox lists messages to a device after a number, oldest first.
	Inbox(device string, after int64, limit int) ([]Message, error)
	// Work tells under which name a changeset's work (Changeset.Work) was judged first, zero for none that was kept.
	Work(Hash) (WriteID, error)
	// Kin lists the devices that PutKin named of a device, in order of id.
	Kin(device string) ([]WriteID, error)
	// Copies lists the devices whose replica was copied from a device's, in order of id.
	Copies(device string) ([]Device, error)
	// Devices lists devices with id > after, in order of id, at most limit.
	Devices(after string, limit int) ([]Device, error)
	// OldDead lists dead ids that died at or below a seq and whose content is not forgotten, in order, after a place.
	OldDead(upTo int64, after DeadAt, limit int) ([]DeadAt, error)
	// History lists entries with seq > after in order, at most limit.
	History(after int64, limit int) ([]Entry, error)
	// Received tells when what History lists was received, and reads nothing else of it: an entry may hold some thousand
	// changes.
	Received(after int64, limit int) ([]Reception, error)
	// RowHistory lists the entries that name a row (Entry.Rows) with seq < before, all for 0, newest first, at most limit.
	RowHistory(table string, id RowID, before int64, limit int) ([]Entry, error)
	// Audit lists lines of the audit log with I > after in order, at most limit.
	Audit(after int64, limit int) ([]AuditEvent, error)
	// HistoryHash gives the hash of the entry at a seq; ok is false if there is none.
	HistoryHash(seq int64) (h Hash, ok bool, err error)
	// Restores lists the beginnings of epochs after the first, oldest first.
	Restores() ([]Restore, error)
	// LastAudit gives the last line of the audit log.
	LastAudit() (*AuditEvent, error)
}

// Tx is the writing transaction. Put methods replace; they keep no reference to their argument.
type Tx interface {
	ReadTx
	// Savepoint runs fn; when fn returns an error everything it wrote is undone, caches included, and that error
	// is returned. The transaction goes on.
	Savepoint(fn func() error) error
	// Expect names rows that will be asked for, living, dead or not there, so that a store may read them together. It
	// changes no answer; names that mean nothing are no error.
	Expect([]RowKey) error
	PutHead(Head) error
	PutDevice(*Device) error
	PutTold(*Told) error
	// PutWork keeps under which name a changeset's work was judged first.
	PutWork(Hash, WriteID) error
	// PutKin keeps that another device's changesets up to n are a device's own past; of two for one device the greater n.
	PutKin(device string, other WriteID) error
	PutRow(*Row) error
	// Kill removes a row and keeps its dead id for ever.
	Kill(*Dead) error
	// Revive forgets a dead id, and what was re-pointed from it; the caller puts the row in the same transaction.
	Revive(table string, id RowID) error
	// PutRepointed keeps what a split gives back.
	PutRepointed(Repointed) error
	PutVerdict(device string, v Verdict) error
	PutQuarantined(*Quarantined) error
	// MarkReady marks open parked changesets that await one of the ids as ready.
	MarkReady(ids []RowID) error
	PutConflict(*Conflict) error
	PutStep(table string, caseID RowID, s Step) error
	PutMove(Move) error
	PutMessage(Message) error
	AppendHistory(Entry) error
	// AppendAudit adds a line to the audit log, whose I, Prev and Hash it sets (AuditLink).
	AppendAudit(AuditEvent) error
	// PutRestore keeps the beginning of an epoch.
	PutRestore(Restore) error

	// StripDead forgets what a dead row held, and what was re-pointed from it: see Dead.Strip. The id stays dead, and
	// what it was merged into is known.
	StripDead(table string, id RowID) error
	// PruneMoves takes moves at or below a seq out of the streams of scopes and out of Moves, the oldest first, at most
	// limit, and tells how many. Places has them still.
	PruneMoves(upTo int64, limit int) (int, error)
	// PruneInbox forgets messages to a device up to a number, the oldest first, at most limit, and tells how many.
	PruneInbox(device string, upTo int64, limit int) (int, error)
}

// Head is the county's place in its one order.
type Head struct {
	Epoch   int64 // from 1
	Seq     int64 // of the last accepted changeset; 0 before the first
	History Hash  // of the history entry at Seq
	HLC     hlc.Timestamp
	Floor   int64 // up to this seq what left a scope is forgotten: no cursor below it can be gone on from
}

// reaches tells whether a replica at a cursor can be told what it lacks.
func (h *Head) reaches(cursor Base) bool {
	return cursor.Epoch == h.Epoch && cursor.Seq <= h.Seq && cursor.Seq >= h.Floor
}

// Device is what the centre remembers of a device for synchronising. Its person and rights are in Principal.
type Device struct {
	ID      string
	LastN   int64
	Hash    Hash  // of changeset LastN
	At      int64 // effective time of LastN: the next one is never below it
	Inbox   int64 // number of the last message made for it
	Acked   int64 // seq up to which it has taken what the centre sent, as far as the centre heard; 0 = nothing yet
	Cursor  int64 // seq of its cursor when it was last heard of, 0 = it had none of this epoch
	Heard   int64 // when that was, centre's clock, ms; 0 = never
	Taken   int64 // number of the last message that it said to have stored
	Console bool  // a console session of the centre rather than a replica

	Parent string // device that its replica was copied from, "" for none
	Fork   int64  // n of the parent up to which the two are one: its own changesets begin after it
	Copied bool   // its replica was copied
}

// Row is a live row.
type Row struct {
	Table    string
	ID       RowID
	Scope    string
	Door     string // id of the door it belongs to, "" for none
	Author   string // account that inserted it
	Inserted int64  // seq
	Seq      int64  // at which what any replica shows of it last changed: a cell, its scope or its door
	Cells    []Cell // one for each of the record type's cells, in the schema's order
}

// Dead is a row that was deleted. The id is kept for ever.
type Dead struct {
	Table string
	ID    RowID
	Seq   int64
	Epoch int64
	By    Write // who deleted it: Values is nil
	Row   *Row  // as it was; kept so that a decision can restore it. Once it is bare, its cells are empty
	Into  RowID // the row that it was merged into, "" if it was deleted
}

// Move is a row's leaving a scope or a door.
type Move struct {
	Table  string
	ID     RowID
	Seq    int64
	Scope  string // that it left, or was in
	Door   string // that it left, or was at
	Author string
}

// Position is a place in a scope's stream of changes: everything up to (Seq, Key) has been read.
type Position struct {
	Seq int64
	Key string // "" = everything below Seq+1 … see Item.Key; with Key "" nothing at Seq itself remains to be read
}

// Item is one change in a scope's stream: exactly one of the pointers is set.
type Item struct {
	Seq  int64
	Key  string // orders items of one seq: kind, table, id
	Row  *Row
	Dead *Dead
	Move *Move // the row left this scope, or a door in it
}

// Step is a numbered step of a case.
type Step struct {
	Row    RowID
	Number int64
	State  string // of the case after it
}

// Principal is who a device acts for and what he may do.
type Principal struct {
	Account   string
	Device    string
	Console   bool    // a console session: may write central cells and decide conflicts
	Revoked   bool    // the device may not synchronise any more: it may drain and purge
	Erase     bool    // with Revoked: nothing may stay on it, its key included
	Erased    int64   // when that was asked, centre's clock, ms: a receipt from before is none for it
	Minimum   Minimum // the county's
	Snapshots int64   // how often an administrator told the device to take everything anew
	// Successors are the closed scopes among those of Grants that another took over, with the one that is in use now.
	Successors map[string]string
	Grants     []Grant // one for each scope and role, in order of scope; ended ones included
}

// Grant is one role in one scope, from one assignment. An assignment to a unit above a grid gives one for each scope below it.
type Grant struct {
	Scope string
	Name  string       // of the org unit, for people
	Level schema.Level // of the org unit; "" = not known, then it fits every record type
	Role  string
	Doors []string // for roles that look after doors, sorted
	From  int64    // ms since 1970 UTC; 0 = always
	To    int64    // end, exclusive; 0 = open
	// Offline is how long it may be used without contact, in ms; 0 = as long as one likes. Only Welcome fills it in.
	Offline int64
}

// Active tells whether the grant holds at an instant.
func (g *Grant) Active(now int64) bool { return g.From <= now && (g.To == 0 || now < g.To) }

// Before tells whether p is before q in a scope's stream.
func (p Position) Before(q Position) bool {
	if p.Seq != q.Seq {
		return p.Seq < q.Seq
	}
	// An empty key is the end of its seq.
	return q.Key == "" && p.Key != "" || p.Key != "" && q.Key != "" && p.Key < q.Key
}
