package api

import (
	"context"
	"strings"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// choices tells what may be decided about each kind of conflict.
var choices = map[syncengine.ConflictKind][]string{
	syncengine.ConflictCell:      {string(syncengine.ChoiceKeep), string(syncengine.ChoiceTake), string(syncengine.ChoiceSet)},
	syncengine.ConflictDelete:    {string(syncengine.ChoiceKeep), string(syncengine.ChoiceTake)},
	syncengine.ConflictDuplicate: {string(syncengine.ChoiceBoth)},
	syncengine.ConflictWorkflow:  {string(syncengine.ChoiceKeep), string(syncengine.ChoiceRenumber)},
}

// head gives what a list shows.
func (a *API) head(ctx context.Context, s *screen) (ConflictHead, error) {
	lang, k := language(ctx), s.con.Key
	h := ConflictHead{
		ID: s.con.ID, Kind: string(k.Kind), Record: k.Table, RecordName: s.table.Label.In(lang), Row: string(k.Row), Cell: k.Cell,
		CellName: messages.Say(messages.DefaultRowsLabel).In(lang), Scope: s.con.Scope, Open: s.con.Open(), Outcome: string(s.con.Outcome),
		Reason: s.con.Reason, Opened: s.con.Opened, Changed: s.con.Changed, Candidates: len(s.ids()),
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
	lang := language(ctx)
	c := Conflict{ConflictHead: head, Epoch: s.head.Epoch, ReadAt: s.head.Seq, Sides: []Side{}, Choices: []string{}, RowContext: []Value{}}
	if c.Standing, err = a.standingSide(ctx, s); err != nil {
		return c, err
	}
	if c.Sides, err = a.candidates(ctx, s); err != nil {
		return c, err
	}
	if s.row != nil {
		c.RowContext = a.rowValues(lang, s.table, s.access, s.row)
	}
	switch {
	case !s.con.Open():
		c.Undecided = messages.Say(messages.ConflictClosed).In(lang)
	case !s.readsAll():
		c.Undecided = messages.Say(messages.MaskedForYou).In(lang)
	default:
		c.MayDecide, c.Choices = true, choices[s.con.Key.Kind]
	}
	return c, nil
}

// readsAll tells whether the person sees unmasked what he would decide about.
func (s *screen) readsAll() bool {
	if s.con.Key.Kind == syncengine.ConflictCell {
		c := s.table.Cell(s.con.Key.Cell)
		return c != nil && s.access.Reads(c)
	}
	if s.con.Key.Kind == syncengine.ConflictDelete {
		for i := range s.con.Candidates {
			if c := s.table.Cell(s.con.Candidates[i].Cell.Cell); c == nil || !s.access.Reads(c) {
				return false
			}
		}
	}
	return true
}

func (a *API) standingSide(ctx context.Context, s *screen) (Side, error) {
	lang := language(ctx)
	side := Side{Values: []Value{}}
	if w := s.standing(); w != nil {
		var err error
		if side, err = a.side(ctx, s, w.ID(), w.Author, w.Seq, w.At, w.Suspect); err != nil {
			return side, err
		}
	}
	switch s.con.Key.Kind {
	case syncengine.ConflictCell:
		if k := s.table.CellIndex(s.con.Key.Cell); s.row != nil && k >= 0 && k < len(s.row.Cells) {
			side.Values = a.cellValues(lang, s.access, s.table.Cells[k], s.row.Cells[k].Values(s.table.Cells[k]))
		}
	case syncengine.ConflictDelete:
		side.Deleted = s.row == nil
		if s.dead != nil && s.dead.Row != nil {
			side.Values = a.rowValues(lang, s.table, s.access, s.dead.Row)
		}
	case syncengine.ConflictDuplicate:
		side.Row = string(s.con.Key.Row)
		if s.row != nil {
			side.Values = a.rowValues(lang, s.table, s.access, s.row)
		}
	case syncengine.ConflictWorkflow:
		if s.last != nil {
			side.Row = string(s.last.ID)
			side.Values = a.rowValues(lang, s.steps, s.stepsAcc, s.last)
		}
	}
	return side, nil
}

// candidates gives one Side for each changeset and record.
func (a *API) candidates(ctx context.Context, s *screen) ([]Side, error) {
	lang := language(ctx)
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
			if row := s.others[c.Row]; row != nil {
				out[at].Values = a.rowValues(lang, table, access, row)
			}
		}
		if def := s.table.Cell(c.Cell.Cell); c.Row == "" && def != nil {
			out[at].Values = append(out[at].Values, a.cellValues(lang, s.access, def, operationValues(&c.Cell))...)
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

func (a *API) side(ctx context.Context, s *screen, id syncengine.WriteID, author string, seq, effective int64, suspect bool) (Side, error) {
	side := Side{ID: &WriteID{id.Device, id.N}, EffectiveAt: ptr(at(effective)), SuspectClock: suspect, Values: []Value{}}
	if ms, ok := s.received[seq]; ok {
		side.ReceivedAt = ptr(at(ms))
	}
	names, err := a.Directory.AccountNames(ctx, []string{author})
	if err != nil {
		return side, err
	}
	side.AuthorName = names[author]
	v, err := a.Directory.Device(ctx, id.Device)
	if err != nil && !messages.Is(err, messages.NoDevice) {
		return side, err
	}
	side.DeviceLabel = v.Label
	return side, nil
}

func ptr(t time.Time) *time.Time { return &t }

func (a *API) rowValues(lang string, t *schema.Table, access *schema.Access, row *syncengine.Row) []Value {
	out := []Value{}
	if access == nil {
		return out
	}
	for k, def := range t.Cells {
		if k < len(row.Cells) && def.Name != schema.CellEnvelop && def.Name != schema.CellScope {
			out = append(out, a.cellValues(lang, access, def, row.Cells[k].Values(def))...)
		}
	}
	return out
}

// cellValues renders a cell as the person may see it: hidden columns are left out, masked ones are masked here.
func (a *API) cellValues(lang string, access *schema.Access, def *schema.Cell, values []schema.Value) []Value {
	out := []Value{}
	for i, col := range def.Columns {
		mask, shown := access.Shows(col.Name)
		if !shown || i >= len(values) {
			continue
		}
		v := Value{Column: col.Name, Label: col.Label.In(lang)}
		switch masked := mask.Apply(values[i]); {
		case values[i].IsNull():
		case mask == schema.MaskAll, mask != schema.MaskNone && masked.Kind() != schema.KindText:
			v.Masked, v.Text = true, messages.Say(messages.MaskedValue).In(lang)
		case mask != schema.MaskNone:
			v.Masked, v.Value, v.Text = true, masked.Str(), masked.Str()
		default:
			v.Value, v.Text = a.render(lang, col, values[i])
		}
		out = append(out, v)
	}
	return out
}

// render gives a value for programs and for people.
func (a *API) render(lang string, col *schema.Column, v schema.Value) (any, string) {
	switch col.Type {
	case schema.TypeSealed:
		return nil, messages.Say(messages.SealedValue).In(lang)
	case schema.TypeBool:
		key := messages.No
		if v.Int64() != 0 {
			key = messages.Yes
		}
		return v.Int64() != 0, messages.Say(key).In(lang)
	case schema.TypeTime:
		t := at(v.Int64()).Format(time.RFC3339)
		return t, t
	case schema.TypeCode:
		return v.Str(), a.codeLabel(lang, col.Code, v.Str())
	case schema.TypeSet:
		set, err := schema.ParseSet(v.Str())
		if err != nil {
			return v.Any(), v.String()
		}
		labels := make([]string, len(set))
		for i, e := range set {
			labels[i] = a.codeLabel(lang, col.Code, e)
		}
		return set, strings.Join(labels, "、")
	}
	return v.Any(), v.String()
}

// codeLabel gives a code's label; a value that the table does not know is shown as received.
func (a *API) codeLabel(lang, table, code string) string {
	if t := a.Schema.Codes[table]; t != nil {
		for _, c := range t.Codes {
			if c.Code == code {
				return c.Label.In(lang)
			}
		}
	}
	return code
}
