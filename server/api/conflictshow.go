package api

import (
	"context"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// choiceRestore is what people call taking an edit of a deleted record.
const choiceRestore = "restore"

// choices tells what may be decided about each kind of conflict; about duplicates see screen.choices.
var choices = map[syncengine.ConflictKind][]string{
	syncengine.ConflictCell:      {string(syncengine.ChoiceKeep), string(syncengine.ChoiceTake), string(syncengine.ChoiceSet)},
	syncengine.ConflictDelete:    {string(syncengine.ChoiceKeep), string(syncengine.ChoiceTake), choiceRestore},
	syncengine.ConflictDuplicate: {string(syncengine.ChoiceBoth)},
	syncengine.ConflictWorkflow:  {string(syncengine.ChoiceKeep), string(syncengine.ChoiceRenumber)},
}

// head gives what a list shows.
func (a *API) head(ctx context.Context, s *screen) (ConflictHead, error) {
	lang, k := language(ctx), s.con.Key
	h := ConflictHead{
		ID: s.con.ID, Kind: string(k.Kind), Record: k.Table, RecordName: s.table.Label.In(lang), Row: string(k.Row), Cell: k.Cell,
		CellName: messages.Say(messages.DefaultRowsLabel).In(lang), Scope: s.con.Scope, Open: s.con.Open(), Outcome: string(s.con.Outcome),
		Opened: s.con.Opened, Changed: s.con.Changed, Candidates: len(s.ids()),
	}
	if a.readsAll(s) {
		h.Reason = s.con.Reason // it may quote what others do not see
	}
	if c := s.table.Cell(k.Cell); c != nil {
		var labels []string
		for _, col := range c.Columns {
			labels = append(labels, col.Label.In(lang))
		}
		h.CellName = strings.Join(labels, "、")
	}
	unit, err := a.Directory.Unit(ctx, s.con.Scope)
	if err != nil && !messages.Is(err, messages.NoUnit) {
		return h, err
	}
	h.ScopeName = unit.Name
	names, err := a.Directory.AccountNames(ctx, []string{s.con.DecidedBy})
	h.DecidedBy = names[s.con.DecidedBy]
	return h, err
}

// ids lists the candidates' changesets once each, in order.
func (s *screen) ids() []syncengine.WriteID {
	var out []syncengine.WriteID
	seen := map[syncengine.WriteID]bool{}
	for i := range s.con.Candidates {
		if id := s.con.Candidates[i].ID(); !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// show gives the whole conflict as the person may see it.
func (a *API) show(ctx context.Context, s *screen) (Conflict, error) {
	head, err := a.head(ctx, s)
	if err != nil {
		return Conflict{}, err
	}
	p := a.painter(ctx, s.rights)
	p.subject(s.table.Name, s.con.Key.Row)
	c := Conflict{ConflictHead: head, Epoch: s.head.Epoch, ReadAt: s.head.Seq, Sides: []Side{}, Choices: []string{}, RowContext: []Value{}}
	if c.Standing, err = a.standingSide(ctx, s, p); err != nil {
		return c, err
	}
	if c.Sides, err = a.candidates(ctx, s, p); err != nil {
		return c, err
	}
	if s.row != nil {
		c.RowContext = p.rowValues(s.table, s.access, s.row)
	}
	if p.err != nil {
		return c, p.err
	}
	switch {
	case !s.con.Open() && len(s.choices()) == 0:
		c.Undecided = messages.Say(messages.ConflictClosed).In(p.lang)
	case !a.readsAll(s):
		c.Undecided = messages.Say(messages.MaskedForYou).In(p.lang)
	default:
		c.MayDecide, c.Choices = true, s.choices()
	}
	return c, nil
}

// readsAll tells whether the person sees unmasked what he would decide about. Of whole records, which a merge puts into
// each other or a step belongs to, he has to see as much as anybody at the centre may.
func (a *API) readsAll(s *screen) bool {
	switch s.con.Key.Kind {
	case syncengine.ConflictCell:
		c := s.table.Cell(s.con.Key.Cell)
		return c != nil && s.access.Reads(c)
	case syncengine.ConflictDuplicate:
		return a.sees(s.table, s.access)
	case syncengine.ConflictWorkflow:
		return s.steps == nil || s.stepsAcc != nil && a.sees(s.steps, s.stepsAcc)
	case syncengine.ConflictDelete:
		for i := range s.con.Candidates {
			if c := s.table.Cell(s.con.Candidates[i].Cell.Cell); c == nil || !s.access.Reads(c) {
				return false
			}
		}
	}
	return true
}

// standingSide gives what stands: a cell's write, the deletion, or the record with who entered it.
func (a *API) standingSide(ctx context.Context, s *screen, p *painter) (side Side, err error) {
	side = Side{Values: []Value{}}
	if w := s.standing(); w != nil {
		side, err = a.side(ctx, s, w.ID(), w.Author, w.Seq, w.At, w.Suspect)
	} else if row := s.stands(); row != nil {
		side, err = a.side(ctx, s, syncengine.WriteID{}, row.Author, row.Inserted, 0, false)
	}
	if err != nil {
		return side, err
	}
	switch s.con.Key.Kind {
	case syncengine.ConflictCell:
		if k := s.table.CellIndex(s.con.Key.Cell); s.row != nil && k >= 0 && k < len(s.row.Cells) {
			side.Values = p.cellValues(s.access, s.table.Cells[k], s.row.Cells[k].Values(s.table.Cells[k]))
		}
	case syncengine.ConflictDelete:
		side.Deleted = s.row == nil
		switch {
		case s.row != nil: // restored by a decision
			side.Values = p.rowValues(s.table, s.access, s.row)
		case s.dead != nil && s.dead.Row != nil:
			side.Values = p.rowValues(s.table, s.access, s.dead.Row)
		}
	case syncengine.ConflictDuplicate:
		side.Row = string(s.con.Key.Row)
		row, into := s.record(s.con.Key.Row)
		side.MergedInto = string(into)
		if row != nil {
			side.Values = p.rowValues(s.table, s.access, row)
		}
	case syncengine.ConflictWorkflow:
		if s.last != nil {
			side.Row = string(s.last.ID)
			side.Values = p.rowValues(s.steps, s.stepsAcc, s.last)
		}
	}
	return side, nil
}

// candidates gives one Side for each changeset and record.
func (a *API) candidates(ctx context.Context, s *screen, p *painter) ([]Side, error) {
	type key struct {
		id  syncengine.WriteID
		row syncengine.RowID
	}
	place := map[key]int{}
	out := []Side{}
	for i := range s.con.Candidates {
		c := &s.con.Candidates[i]
		k := key{c.ID(), c.Row}
		at, again := place[k]
		if !again {
			side, err := a.side(ctx, s, c.ID(), c.Author, c.Seq, c.At, c.Suspect)
			if err != nil {
				return nil, err
			}
			side.Row = string(c.Row)
			at = len(out)
			place[k], out = at, append(out, side)
			table, access := s.table, s.access
			if s.steps != nil {
				table, access = s.steps, s.stepsAcc
			}
			if s.con.Key.Kind == syncengine.ConflictDuplicate || s.con.Key.Kind == syncengine.ConflictWorkflow {
				row, into := s.record(c.Row)
				out[at].MergedInto = string(into)
				if row != nil {
					out[at].Values = p.rowValues(table, access, row)
				}
			}
		}
		if def := s.table.Cell(c.Cell.Cell); def != nil {
			out[at].Values = append(out[at].Values, p.cellValues(s.access, def, operationValues(&c.Cell))...)
		}
	}
	return out, nil
}

// operationValues gives what a write would set; an operation has no value of its own and shows what it adds.
func operationValues(w *syncengine.CellWrite) []schema.Value {
	switch {
	case !w.Operation():
		return w.Values
	case !w.Add.IsNull():
		return []schema.Value{w.Add}
	}
	return []schema.Value{schema.Text(schema.FormatSet(w.In))}
}

// side tells who, with which device and when. What the write itself does not say (an element of a set, a whole
// record) is taken from the commit it came in.
func (a *API) side(ctx context.Context, s *screen, id syncengine.WriteID, author string, seq, effective int64, suspect bool) (Side, error) {
	side := Side{Values: []Value{}}
	if e, ok := s.entries[seq]; ok {
		side.ReceivedAt = maybe(e.Received)
		if e.Changeset != nil && id == (syncengine.WriteID{}) {
			id = syncengine.WriteID{Device: e.Changeset.Device, N: e.Changeset.N}
		}
		if author == "" {
			author = e.Author
		}
		if effective == 0 {
			effective, suspect = e.At, e.Suspect
		}
	}
	side.EffectiveAt, side.SuspectClock = maybe(effective), suspect
	names, err := a.Directory.AccountNames(ctx, []string{author})
	if err != nil {
		return side, err
	}
	side.AuthorName = names[author]
	if id == (syncengine.WriteID{}) {
		return side, nil
	}
	side.ID = &WriteID{id.Device, id.N}
	v, err := a.Directory.Device(ctx, id.Device)
	if err != nil && !messages.Is(err, messages.NoDevice) {
		return side, err
	}
	side.DeviceLabel = v.Label
	return side, nil
}
