// Package schema is the model of what the data is: record types, code tables, roles, views and rights.
//
// The model is pure: no files, no SQL driver, no clock. Package load reads it from declarations (YAML),
// package ddl turns it into tables and triggers. Everything else asks it: which cells a record type has, how
// concurrent writes to a cell combine, who may see and write what.
package schema

import "regexp"

// Label is what users see, zh-CN first.
type Label struct {
	ZH, EN string
}

// In gives the text in a language ("zh-CN", "en"), falling back to the other one.
func (t Label) In(lang string) string {
	if lang == "en" && t.EN != "" || t.ZH == "" {
		return t.EN
	}
	return t.ZH
}

// Schema is one county's whole declaration. It is immutable once loaded and may be shared by goroutines.
type Schema struct {
	Version int // declared version, counted up with each published change, from 1
	Tables  []*Table
	Codes   map[string]*CodeTable
	Roles   map[string]*Role
	Founded int `json:",omitempty"` // carried: the version that this county began with; 0 = this one

	byName map[string]*Table
}

// Table gives a record type by name, nil if there is none. Names come from the network: this map is the only way in.
func (s *Schema) Table(name string) *Table { return s.byName[name] }

// Index completes a Schema that a loader or a test has filled in: it computes Cells and look-up maps and must be
// called once, before any other method. The model must have passed Validate.
func (s *Schema) Index() {
	s.byName = make(map[string]*Table, len(s.Tables))
	for _, t := range s.Tables {
		t.index()
		s.byName[t.Name] = t
	}
	for _, t := range s.Tables {
		if t.Steps != nil {
			if c := s.byName[t.Column(t.Steps.Case).Ref]; c != nil {
				c.StepsBy = t
			}
		}
		for _, c := range t.Columns {
			if c.Ref != "" && s.byName[c.Ref] != nil {
				r := s.byName[c.Ref]
				r.ReferredBy = append(r.ReferredBy, Reference{Table: t, Column: c})
			}
		}
	}
}

// Level is the kind of org unit whose scope a record type lives in.
type Level string

// The levels, from the smallest. Field records live in a grid, shared reference records above it.
const (
	LevelGrid      Level = "grid"
	LevelCommunity Level = "community"
	LevelStreet    Level = "street"
	LevelCounty    Level = "county"
)

// Table declares one record type.
type Table struct {
	Name       string
	Label      Label
	Level      Level
	Columns    []*Column // declared order; the built-in columns (see BuiltIn) first
	NaturalKey []string  // columns whose values together should be unique within a scope; nil for none
	Idempotent []string  // columns that make a second insert the same insert (append record types); nil for none
	Append     bool      // rows are inserted once; only cells with a policy of their own change afterwards; no deletes
	Door       string    // how a row belongs to a door: DoorSelf, a ref column whose row's door it shares, or "" for none
	Steps      *Steps    // set where rows are guarded steps of a case
	Views      map[string]*View
	Rights     map[string]*Right
	Source     Source            // where it was declared
	At         map[string]Source // where each key of the declaration stands ("natural_key", "door"), for messages

	Cells      []*Cell     `json:"-"` // computed: what merges as one unit, in order of first column
	StepsBy    *Table      `json:"-"` // computed: the record type that holds this one's steps, nil if none
	ReferredBy []Reference `json:"-"` // computed: the columns that refer to this record type

	cols     map[string]*Column
	cells    map[string]*Cell
	cellByCo map[string]*Cell
	accesses *accesses
}

// Source is where something was declared, for messages that a person can act on.
type Source struct {
	File string
	Line int
}

// Reference is a column that refers to a record type.
type Reference struct {
	Table  *Table
	Column *Column
}

// DoorSelf marks the record type whose rows are the doors themselves (a dwelling).
const DoorSelf = "self"

// Names of the built-in columns and cells that every record type has besides its declared ones.
const (
	ColID       = "id"       // UUIDv7 as 36 characters, made by the device; not a cell
	ColScope    = "scope"    // code of the org unit the row lives in; a cell of its own
	CellRow     = ""         // stands for the whole row where a conflict is not about one cell
	CellScope   = "scope"    //
	CellEnvelop = "envelope" // who and when, written at the centre with every accepted changeset
)

// EnvelopeColumns are the columns of the envelope cell, in order: account that created the row, effective time of
// that changeset, account and effective time of the last one, and the centre's clock when that arrived (ms UTC).
var EnvelopeColumns = []string{"created_by", "created_at", "updated_by", "updated_at", "received_at"}

// BuiltIn gives the columns every record type starts with, in order: id, scope, then the envelope.
func BuiltIn() []*Column {
	cols := []*Column{
		{Name: ColID, Type: TypeID, Required: true, Label: Label{"编号", "Id"}},
		{Name: ColScope, Type: TypeScope, Required: true, Policy: PolicyLWW, Label: Label{"所属网格", "Scope"}},
	}
	labels := []Label{{"创建人", "Created by"}, {"创建时间", "Created at"}, {"修改人", "Updated by"}, {"修改时间", "Updated at"}, {"中心收到时间", "Received at"}}
	for i, n := range EnvelopeColumns {
		t := TypeTime
		if n == "created_by" || n == "updated_by" {
			t = TypeText
		}
		cols = append(cols, &Column{Name: n, Type: t, Policy: PolicyCentral, Group: CellEnvelop, Label: labels[i]})
	}
	return cols
}

// Type is what a column may hold.
type Type string

// The types and how they are stored.
const (
	TypeID     Type = "id"     // TEXT, UUID in lower case
	TypeScope  Type = "scope"  // TEXT, code of an org unit
	TypeText   Type = "text"   // TEXT
	TypeInt    Type = "int"    // INTEGER
	TypeReal   Type = "real"   // REAL
	TypeBool   Type = "bool"   // INTEGER 0 or 1
	TypeDate   Type = "date"   // TEXT YYYY-MM-DD, a calendar day where the record lives
	TypeTime   Type = "time"   // INTEGER, milliseconds since 1970 UTC
	TypeCode   Type = "code"   // TEXT, a value of a code table; unknown values are kept as received
	TypeRef    Type = "ref"    // TEXT, id of a row of another record type
	TypeSet    Type = "set"    // TEXT, a JSON array of distinct strings in byte order
	TypeSealed Type = "sealed" // BLOB, ciphertext wherever it lies; the engine never looks inside
)

// Kind tells how values of the type are stored.
func (t Type) Kind() Kind {
	switch t {
	case TypeInt, TypeBool, TypeTime:
		return KindInt
	case TypeReal:
		return KindReal
	case TypeSealed:
		return KindBlob
	}
	return KindText
}

// Policy says how concurrent writes to a cell combine (engine.md §5, §7).
type Policy string

// The policies.
const (
	PolicyLWW     Policy = "lww"     // the later stands, the other is kept in history (C1)
	PolicyReview  Policy = "review"  // one stands, the others wait in the conflict queue (C5)
	PolicyMax     Policy = "max"     // the greatest concurrent value is shown (keep-higher)
	PolicyMin     Policy = "min"     // the least concurrent value is shown
	PolicyAdd     Policy = "add"     // a number that travels as differences, all applied
	PolicyUnion   Policy = "union"   // a set that travels as elements added and removed; adds win over unseen removals (C3)
	PolicyAppend  Policy = "append"  // written with the row's insert, never after (C0, C4)
	PolicyCentral Policy = "central" // written at the centre only (C6)
)

// Operation tells whether writes of this policy travel as operations rather than values.
func (p Policy) Operation() bool { return p == PolicyAdd || p == PolicyUnion }

// Column declares one column.
type Column struct {
	Name        string
	Label       Label
	Type        Type
	Policy      Policy
	Group       string // columns with the same group merge as one cell
	Queue       bool   // max and min only: survivors that are not shown also wait in the conflict queue
	Required    bool
	Derived     bool     // state of a case, computed from its steps; never captured nor sent
	Code        string   // code table, for code and sets of codes
	Ref         string   // record type, for ref and sets of refs
	MaxLen      int      // text and sealed: characters or bytes, 0 = DefaultMaxLen; set: elements
	Min         *float64 // numbers and times
	Max         *float64
	Pattern     string   // text: an anchored regular expression
	Check       string   // text, and sealed before it is sealed: a named check, "citizen_id" (GB 11643), "identity_no", "phone", "uscc" (GB 32100)
	Rank        []string // max and min over codes: codes from least to greatest
	Sensitivity int      // 0 public to 3 restricted (domain.md A.1)
	HashOf      string   // text: the sealed column whose keyed hash this one holds, made on the device
	Source      Source

	RequiredSince int `json:",omitempty"` // carried: the version at which it became required of rows there were; see Demands

	pattern *regexp.Regexp // computed from Pattern
}

// DefaultMaxLen bounds a text that declares no length, in characters, and a sealed value, in bytes.
const DefaultMaxLen = 4000

// Cell is what merges as one unit: a column, or a declared group of columns that share one policy and one right.
type Cell struct {
	Name    string // the column's name, or the group's
	Columns []*Column
	Policy  Policy
	Queue   bool
	Derived bool
}

// Steps declares that rows of this record type are the guarded steps of a case (engine.md §8).
type Steps struct {
	Case    string // ref column naming the case
	Follows string // ref column naming the step of the same case that this one follows; NULL for the first
	Number  string // int column, policy central: the place in the case's order, given by the centre
	Step    string // code column: which step it is
	State   string // derived code column of the case
	Initial string // state of a case without steps
	Moves   map[string]Move
	Source  Source
}

// Move is what one kind of step does.
type Move struct {
	From  []string // states in which it may be taken
	To    string
	Roles []string // who may take it; empty = whoever may insert the record

	Source Source
}

// CodeTable is a list of values with labels. Codes are retired, never removed.
type CodeTable struct {
	Name   string
	Label  Label
	Codes  []Code
	Ours   bool // the source names the thing without defining it: this default is ours and a county should replace it
	Source Source
}

// Code is one value of a code table.
type Code struct {
	Code    string
	Label   Label
	Retired bool
	Source  Source
}

// Role is what an assignment makes a person.
type Role struct {
	Name    string
	Label   Label
	Console bool // works at the centre (supervisor, administrator): may decide conflicts in his scopes
	Admin   bool // manages org units, accounts, assignments and devices
	Doors   bool // the assignment lists the doors the person looks after
	Offline int  // days that a phone may go without contact with the centre; 0 = no limit, see LateLife
	Source  Source

	ViewsSince int `json:",omitempty"` // carried: the version at which what it sees of what there was last changed; 0 = never
}

// lateDays is how long after its end an assignment counts for what was written under it, where its role has no limit:
// phones of such a role never lock, but nobody's rights of the past count for ever.
const lateDays = 90

// LateLife is how long after a grant's end what was written before it, for all its author could know, is still taken, in
// ms. What comes later waits for a supervisor.
func (s *Schema) LateLife(role string) int64 {
	if life := s.OfflineLife(role); life > 0 {
		return life
	}
	return lateDays * 24 * 3600 * 1000
}

// OfflineLife is how long a role's phones may go without contact, in ms: as long their records may be read there.
// 0 = no limit.
func (s *Schema) OfflineLife(role string) int64 {
	r := s.Roles[role]
	if r == nil {
		return 0
	}
	return int64(r.Offline) * 24 * 3600 * 1000
}

// Rows says which rows of a scope a view shows.
type Rows string

// The row filters. RowsDoors shows rows of the assignment's doors and, where a row has no door, those its author made.
const (
	RowsAll   Rows = "all"
	RowsDoors Rows = "doors"
	RowsOwn   Rows = "own" // rows the person created
)

// Mask says how a column is shown.
type Mask string

// The masks. A masked value is computed at the centre; the device never holds the full one.
const (
	MaskNone  Mask = ""
	MaskName  Mask = "name"  // 王**
	MaskPhone Mask = "phone" // 138****5678
	MaskID    Mask = "id"    // 3****************X
	MaskAll   Mask = "all"   // only that there is a value
)

// View is what a role sees of a record type in a scope. No view = no row.
type View struct {
	Rows   Rows
	Hidden []string        // columns not sent
	Masks  map[string]Mask // columns sent masked
	Shown  []string        // sensitive columns that the declaration says are sent in full; others are shown without saying
	Source Source
}

// SensitiveFrom is the sensitivity from which a view may not be silent about a column: it is shown, masked or hidden by name.
const SensitiveFrom = 2

// Right is what a role may write. It is checked on the row before and after every change.
type Right struct {
	Insert bool
	Delete bool
	Update []string // cells; AllCells for every cell the role reads unmasked
	Source Source
}

// AllCells in Right.Update stands for every writable cell.
const AllCells = "*"

func (t *Table) index() {
	t.accesses = &accesses{of: t, by: map[string]*Access{}}
	t.cols = map[string]*Column{}
	t.cells = map[string]*Cell{}
	t.cellByCo = map[string]*Cell{}
	t.Cells = nil
	for _, c := range t.Columns {
		t.cols[c.Name] = c
		if c.Pattern != "" {
			c.pattern = regexp.MustCompile(c.Pattern)
		}
		if c.Type == TypeID {
			continue
		}
		name := c.Name
		if c.Group != "" {
			name = c.Group
		}
		cell := t.cells[name]
		if cell == nil {
			cell = &Cell{Name: name, Policy: c.Policy, Queue: c.Queue, Derived: c.Derived}
			t.cells[name] = cell
			t.Cells = append(t.Cells, cell)
		}
		cell.Columns = append(cell.Columns, c)
		t.cellByCo[c.Name] = cell
	}
}

// Column gives a column by name, nil if there is none.
func (t *Table) Column(name string) *Column { return t.cols[name] }

// Cell gives a cell by name, nil if there is none.
func (t *Table) Cell(name string) *Cell { return t.cells[name] }

// CellOf gives the cell that a column belongs to, nil for the id and unknown names.
func (t *Table) CellOf(column string) *Cell { return t.cellByCo[column] }

// CellIndex gives the place of a cell in Cells, -1 if there is none.
func (t *Table) CellIndex(name string) int {
	for i, c := range t.Cells {
		if c.Name == name {
			return i
		}
	}
	return -1
}
