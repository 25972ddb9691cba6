package api

import (
	"context"
	"slices"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// ConflictHead is what a list shows of a conflict: no values.
type ConflictHead struct {
	ID         string `json:"id"`
	Kind       string `json:"kind" enum:"cell,delete,duplicate,workflow"`
	Record     string `json:"record" doc:"Record type."`
	RecordName string `json:"record_label"`
	Row        string `json:"row"`
	Cell       string `json:"cell,omitempty" doc:"The cell in question; absent if it is the whole record."`
	CellName   string `json:"cell_label"`
	Scope      string `json:"scope"`
	ScopeName  string `json:"scope_name"`
	Open       bool   `json:"open"`
	Outcome    string `json:"outcome,omitempty"`
	DecidedBy  string `json:"decided_by,omitempty" doc:"Name of who decided."`
	Reason     string `json:"reason,omitempty"`
	Opened     int64  `json:"opened" doc:"Seq at which it opened."`
	Changed    int64  `json:"changed" doc:"Seq at which its candidates last changed."`
	Candidates int    `json:"candidate_count"`
}

// Value is one column's value.
type Value struct {
	Column string `json:"column"`
	Label  string `json:"label"`
	Value  any    `json:"value,omitempty" doc:"Text, number or list of texts, times as RFC 3339 in UTC: the form that a decision takes. Absent if there is none, or it is not for you."`
	Text   string `json:"text" doc:"For people: codes as their labels, references as what the record is called (its id if you may not see it), times as RFC 3339 with the centre's offset."`
	Masked bool   `json:"masked,omitempty" doc:"You see only part of it, or that there is one."`
}

// WriteID names the changeset that a write came in.
type WriteID struct {
	Device string `json:"device" maxLength:"36"`
	N      int64  `json:"n"`
}

// Side is one of the writes, or records, that a conflict is between.
type Side struct {
	ID           *WriteID   `json:"id,omitempty" doc:"Absent if nobody wrote it."`
	AuthorName   string     `json:"author_name,omitempty"`
	DeviceLabel  string     `json:"device_label,omitempty"`
	EffectiveAt  *time.Time `json:"effective_at,omitempty" doc:"When it was written or deleted, by the corrected clock of the device."`
	ReceivedAt   *time.Time `json:"received_at,omitempty" doc:"When it reached the centre."`
	SuspectClock bool       `json:"suspect_clock,omitempty" doc:"Do not trust effective_at much."`
	Row          string     `json:"row,omitempty" doc:"Duplicate and workflow: the record in question. Otherwise: the record that it was written to, which was merged into this one."`
	MergedInto   string     `json:"merged_into,omitempty" doc:"Duplicate: the record that this one was merged into; values are as it was then."`
	Deleted      bool       `json:"deleted,omitempty" doc:"This side is a deletion: author, device and times say who deleted the record and when; values are the record as it was."`
	Values       []Value    `json:"values"`
}

// Conflict is a conflict with all sides, as the caller may see them.
type Conflict struct {
	ConflictHead
	Standing   Side     `json:"standing" doc:"What the record shows now. Duplicate and workflow: the record, or the case's last step, and who entered it."`
	Sides      []Side   `json:"candidates" doc:"What waits for a decision."`
	Choices    []string `json:"choices" doc:"What may be decided."`
	Epoch      int64    `json:"epoch" doc:"Send back with the decision."`
	ReadAt     int64    `json:"read_at" doc:"Seq of the state shown. Send back with the decision."`
	Undecided  string   `json:"note,omitempty" doc:"Why you cannot decide it, if so."`
	MayDecide  bool     `json:"may_decide"`
	RowContext []Value  `json:"record_values" doc:"The rest of the record, so that people know what it is about."`
}

type conflictsInput struct {
	Status string `query:"status" enum:"open,closed" default:"open"`
	Scope  string `query:"scope" maxLength:"20" doc:"Only in this unit and below it."`
	After  string `query:"after" maxLength:"40" doc:"Id after which the list goes on."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type conflictsBody struct {
	Body struct {
		Conflicts []ConflictHead `json:"conflicts"`
		Next      string         `json:"next,omitempty" doc:"Give it as after to go on; absent at the end."`
	}
}

type conflictInput struct {
	ID string `path:"id" maxLength:"40"`
}

func (a *API) conflictRoutes() {
	route(a, "conflict-list", "GET", "/v1/conflicts", person, "List conflicts in my units", a.conflicts)
	route(a, "conflict-show", "GET", "/v1/conflicts/{id}", person, "Show a conflict", a.conflict)
	route(a, "conflict-decide", "POST", "/v1/conflicts/{id}/decision", person, "Decide a conflict", a.decide)
}

func (a *API) conflicts(ctx context.Context, in *conflictsInput) (*conflictsBody, error) {
	r, err := a.supervisor(ctx)
	if err != nil {
		return nil, err
	}
	scopes, err := a.consoleScopes(ctx, r, in.Scope)
	if err != nil {
		return nil, err
	}
	ids, err := a.Queue.Conflicts(ctx, scopes, in.Status == "open", in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var out conflictsBody
	if len(ids) > in.Limit {
		ids = ids[:in.Limit]
		out.Body.Next = ids[in.Limit-1]
	}
	out.Body.Conflicts = []ConflictHead{}
	for _, id := range ids {
		s, err := a.screen(ctx, r, id)
		if messages.Is(err, messages.NoConflict) {
			continue // not in this person's view of the scope
		}
		if err != nil {
			return nil, err
		}
		head, err := a.head(ctx, s)
		if err != nil {
			return nil, err
		}
		out.Body.Conflicts = append(out.Body.Conflicts, head)
	}
	return &out, nil
}

// consoleScopes lists the units in which the person works at the centre, or those of them in a unit and below it.
func (a *API) consoleScopes(ctx context.Context, r directory.Rights, within string) ([]string, error) {
	scopes, err := a.Directory.ConsoleScopes(ctx, r)
	if err != nil {
		return nil, err
	}
	if within != "" {
		below, err := a.Directory.Below(ctx, within)
		if err != nil {
			return nil, err
		}
		scopes = slices.DeleteFunc(scopes, func(s string) bool { return !slices.Contains(below, s) })
		if len(scopes) == 0 { // one answer for what is not there and what is not his
			return nil, messages.Refuse(messages.NoUnitOfYours, within)
		}
	}
	return scopes, nil
}

func (a *API) conflict(ctx context.Context, in *conflictInput) (*struct{ Body Conflict }, error) {
	r, err := a.supervisor(ctx)
	if err != nil {
		return nil, err
	}
	s, err := a.screen(ctx, r, in.ID)
	if err != nil {
		return nil, err
	}
	c, err := a.show(ctx, s)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Conflict }{c}, nil
}

// screen is one conflict as one person sees it, read at one head.
type screen struct {
	head     syncengine.Head
	con      *syncengine.Conflict
	table    *schema.Table
	access   *schema.Access
	row      *syncengine.Row // nil if it is dead
	dead     *syncengine.Dead
	others   map[syncengine.RowID]*syncengine.Row  // duplicate and workflow: the candidates' records
	gone     map[syncengine.RowID]*syncengine.Dead // duplicate: those of the records that are not there any more
	last     *syncengine.Row                       // workflow: the case's last step
	entries  map[int64]syncengine.Entry            // of history, by seq
	rights   directory.Rights
	steps    *schema.Table // workflow
	stepsAcc *schema.Access
}

// screen reads a conflict. What is not there, not in the person's units at the centre, or not in his view of the
// record type, is NoConflict without distinction.
func (a *API) screen(ctx context.Context, r directory.Rights, id string) (*screen, error) {
	s := &screen{others: map[syncengine.RowID]*syncengine.Row{}, gone: map[syncengine.RowID]*syncengine.Dead{}, entries: map[int64]syncengine.Entry{}, rights: r}
	err := a.State.View(func(tx syncengine.ReadTx) error { return s.read(tx, a.Schema, id) })
	if err != nil {
		return nil, err
	}
	if s.con == nil || s.table == nil {
		return nil, messages.Refuse(messages.NoConflict)
	}
	covering, err := a.Directory.At(ctx, r, s.con.Scope)
	if err != nil {
		return nil, err
	}
	if !a.Directory.ConsoleAt(covering) {
		return nil, messages.Refuse(messages.NoConflict)
	}
	var roles, doors []string
	for _, as := range covering {
		roles = append(roles, as.Role)
		doors = append(doors, as.Doors...)
	}
	s.access = s.table.Access(roles...)
	if s.access == nil || !s.visible(r.Account.ID, doors) {
		return nil, messages.Refuse(messages.NoConflict)
	}
	if s.steps != nil {
		s.stepsAcc = s.steps.Access(roles...)
	}
	return s, nil
}

// visible applies the row filters, as the engine's views do.
func (s *screen) visible(account string, doors []string) bool {
	author := ""
	switch {
	case s.row != nil:
		author = s.row.Author
	case s.dead != nil && s.dead.Row != nil:
		author = s.dead.Row.Author
	}
	return shows(s.access, author == account, s.con.Door, doors)
}

// shows applies an access's row filters to a row: whether the person wrote it, and its door.
func shows(access *schema.Access, own bool, door string, doors []string) bool {
	rows := access.Rows
	return rows[schema.RowsAll] || rows[schema.RowsOwn] && own ||
		rows[schema.RowsDoors] && (door == "" && own || slices.Contains(doors, door))
}

func (s *screen) read(tx syncengine.ReadTx, sch *schema.Schema, id string) (err error) {
	if s.head, err = tx.Head(); err != nil {
		return err
	}
	if s.con, err = tx.Conflict(id); err != nil || s.con == nil {
		return err
	}
	k := s.con.Key
	if s.table = sch.Table(k.Table); s.table == nil {
		return nil
	}
	if s.row, err = tx.Row(k.Table, k.Row); err != nil {
		return err
	}
	if s.dead, err = tx.Dead(k.Table, k.Row); err != nil {
		return err
	}
	in := s.table
	if k.Kind == syncengine.ConflictWorkflow && s.table.StepsBy != nil {
		in, s.steps = s.table.StepsBy, s.table.StepsBy
		if err = s.readLast(tx); err != nil {
			return err
		}
	}
	if k.Kind == syncengine.ConflictDuplicate {
		for _, id := range s.records() {
			if s.gone[id], err = tx.Dead(k.Table, id); err != nil {
				return err
			}
		}
	}
	for i := range s.con.Candidates {
		c := &s.con.Candidates[i]
		if c.Row != "" && (k.Kind == syncengine.ConflictDuplicate || k.Kind == syncengine.ConflictWorkflow) {
			if s.others[c.Row], err = tx.Row(in.Name, c.Row); err != nil {
				return err
			}
		}
		if err = s.readEntry(tx, c.Seq); err != nil {
			return err
		}
	}
	if w := s.standing(); w != nil {
		return s.readEntry(tx, w.Seq)
	}
	if row := s.stands(); row != nil {
		return s.readEntry(tx, row.Inserted)
	}
	return nil
}

func (s *screen) readLast(tx syncengine.ReadTx) error {
	step, err := tx.LastStep(s.steps.Name, s.con.Key.Row)
	if err != nil || step == nil {
		return err
	}
	s.last, err = tx.Row(s.steps.Name, step.Row)
	return err
}

// readEntry notes a commit from history: who sent it, and when its changeset reached the centre.
func (s *screen) readEntry(tx syncengine.ReadTx, seq int64) error {
	if seq <= 0 {
		return nil
	}
	entries, err := tx.History(seq-1, 1)
	if err == nil && len(entries) == 1 && entries[0].Seq == seq {
		s.entries[seq] = entries[0]
	}
	return err
}

// stands gives the record that a conflict without a standing write is about: the one that was there first, a case's
// last step, or a record that was restored; nil if there is none.
func (s *screen) stands() *syncengine.Row {
	if s.con.Key.Kind == syncengine.ConflictWorkflow {
		return s.last
	}
	return s.row
}

// standing gives the write that the cell shows, or the deletion.
func (s *screen) standing() *syncengine.Write {
	switch s.con.Key.Kind {
	case syncengine.ConflictCell:
		if k := s.table.CellIndex(s.con.Key.Cell); s.row != nil && k >= 0 && k < len(s.row.Cells) {
			return s.row.Cells[k].Standing()
		}
	case syncengine.ConflictDelete:
		if s.dead != nil {
			return &s.dead.By
		}
	}
	return nil
}
