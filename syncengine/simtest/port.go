// Package simtest runs whole fleets on one goroutine: devices and a centre under simulated time, a network that cuts,
// duplicates and delays, clocks that are years off, crashes between any two commits. A generator makes a morning's
// work, and an oracle that keeps its own history says whether every promise of engine.md §2 held.
//
// A world is made of one seed and replays bit for bit. The generator, the faults and the oracle know devices and the
// centre only through Device and Centre, so that the same worlds run over real files (scripts/fleet).
package simtest

import (
	"errors"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Device is one replica with its capture triggers.
type Device interface {
	replica.Store
	// View reads the replica as programs see it; what fn writes is lost.
	View(fn func(replica.Tx) error) error
	// Exec runs one transaction of a program under the capture triggers. One of the SDK is sealed in the same
	// transaction; one of a foreign program stays captured until the next seal. The SDK refuses with ErrLocked once the
	// replica has been without contact for longer than its person's role allows.
	Exec(x Transaction, clock replica.Clock) error
	// Crash ends the process: what was not committed is gone, what was is there. The next one opens the device at once,
	// at this time.
	Crash(clock replica.Clock)
	// SetHook sets what is called at each commit, before it takes effect and after. An error before fails the commit;
	// the hook may also panic to end the process there.
	SetHook(func(after bool) error)
}

// ErrLocked is what a Device's Exec says of a replica that its lease has locked.
var ErrLocked = errors.New("simtest: the replica is locked")

// ErrNoRight is what a Device's Exec says of what the person's role may not write.
var ErrNoRight = errors.New("simtest: the role has no right")

// ErrNotRefused is what a Device's Exec says of a changeset to be replaced that it does not hold as refused.
var ErrNotRefused = errors.New("simtest: nothing refused to be replaced")

// Sealer is a Device whose SDK seals what other programs wrote as a changeset of its own, before one of its own.
type Sealer interface {
	Seal(clock replica.Clock) error
}

// Speaker is a Device that brings its own half of a session; each method is one durable transaction.
type Speaker interface {
	Session(clock func() replica.Clock) session.Replica
}

// Centre is one county's store with the people who may work on it.
type Centre interface {
	se.Store
	// SetPrincipal says who a device acts for from now on.
	SetPrincipal(device string, p *se.Principal)
	// SetHook sets what is called before each commit takes effect; its error fails the commit, a panic ends the process.
	SetHook(func() error)
	// Crash ends the process and opens the store again.
	Crash()
}

// Transaction is what a program does to a replica in one transaction.
type Transaction struct {
	Foreign    bool          // another program than the SDK
	Form       *replica.Form // the SDK saves a form that was opened before
	Replaces   int64         // the SDK takes up the refused changeset with this n; 0 = none
	Statements []Statement
}

// Statement is one SQL statement on one row.
type Statement struct {
	Verb  Verb
	Table string
	Row   se.RowID
	Set   []Assign
}

// Verb is the kind of a statement.
type Verb uint8

// The verbs.
const (
	Insert  Verb = iota // INSERT
	Replace             // INSERT OR REPLACE
	Ignore              // INSERT OR IGNORE
	Upsert              // INSERT … ON CONFLICT DO UPDATE
	Update              // UPDATE … WHERE id = ?
	Delete              // DELETE … WHERE id = ?
)

// Assign gives a column a value.
type Assign struct {
	Column string
	Value  schema.Value
}
