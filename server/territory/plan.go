// Package territory splits grids and merges them: a plan, what it would do, and its run in small changesets.
//
// Rows move as changesets of the planner's console session, one door at a time with all that belongs to it, so that they
// are audited, merge and travel like anything else, and nobody waits long. A run may be cut off at any moment and gone
// on with: what is handed in is written down before.
package territory

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Kind is what is done with a grid.
type Kind string

// The kinds.
const (
	Split Kind = "split" // some doors go to another grid
	Merge Kind = "merge" // everything goes to another grid, and the grid is closed
)

// State is how far a plan has come.
type State string

// The states. A failed plan may be run again: what was refused is tried anew.
const (
	Planned State = "planned"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
)

// Spec is what was asked for.
type Spec struct {
	Kind     Kind               `json:"kind"`
	Source   string             `json:"source"`
	Target   string             `json:"target"`
	Name     string             `json:"name,omitempty"`     // of the target, if it is to be made
	Doors    []syncengine.RowID `json:"doors,omitempty"`    // split: doors, or what doors are in
	Along    []string           `json:"along,omitempty"`    // split: accounts whose rows without a door go too
	Stewards bool               `json:"stewards,omitempty"` // who looks after doors that move keeps them
	Workers  []string           `json:"workers,omitempty"`  // accounts that get their roles in the target too
}

// Units tells whether the plan changes units or assignments, which is for administrators.
func (s *Spec) Units() bool {
	return s.Kind == Merge || s.Name != "" || s.Stewards || len(s.Workers) > 0
}

// Plan is a split or merge, from its dry run to its report.
type Plan struct {
	ID      int64
	Spec    Spec
	State   State
	Report  Report // of the dry run
	Planner string // account
	Created int64
	Runner  string // account that ran it last, "" for none
	Started int64
	Ended   int64
	Items   Progress
	Refused []Refusal // at most 20
}

// Progress counts a plan's items: doors, and rows without one.
type Progress struct {
	All, Waiting, Moved, Needless, Refused int
}

// Refusal is an item that could not be moved.
type Refusal struct {
	Table string
	Row   syncengine.RowID
	Code  string
}

// Reads is a state of the centre.
type Reads interface {
	View(fn func(syncengine.ReadTx) error) error
}

// Queue lists what waits for people at the centre; server/api has one.
type Queue interface {
	Conflicts(ctx context.Context, scopes []string, open bool, after string, limit int) ([]string, error)
	Quarantine(ctx context.Context, scopes []string, open bool, kind syncengine.VerdictKind, after syncengine.WriteID, limit int) ([]syncengine.WriteID, error)
}

// Commit makes changes the next changeset of a person's console and waits for its verdict. note is told which changeset
// it will be before it is handed in; an error of its ends it there.
type Commit func(ctx context.Context, account string, changes []syncengine.Change, note func(*syncengine.Changeset) error) (syncengine.Verdict, error)

// Config is what a Service needs. All must be set.
type Config struct {
	DB        directory.DB
	County    int64
	Directory *directory.Directory
	Schema    *schema.Schema
	State     Reads
	Queue     Queue
	Household string // record type that staffing counts; "" = none
	Now       func() time.Time
}

// Service is safe for use by several goroutines.
type Service struct {
	Config
	running sync.Mutex // one step of one plan at a time
}

// New makes a Service.
func New(c Config) *Service { return &Service{Config: c} }

func (s *Service) millis() int64 { return s.Now().UnixMilli() }

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}
