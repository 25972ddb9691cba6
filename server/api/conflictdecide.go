package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

type decideInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body decideInputBody
}

type decideInputBody struct {
	Choice  string            `json:"choice" enum:"keep,take,restore,set,both,merge,split,renumber" doc:"keep: what stands stays. take: the candidate in take replaces it. restore: the deleted record lives again with the edit in take; the same as take there. set: values replace it. both: not duplicates. merge: the records become the one in into. split: a merge was wrong, the records come back. renumber: the step in take follows the case's last one."`
	Epoch   int64             `json:"epoch" minimum:"1" doc:"As the conflict was shown."`
	ReadAt  int64             `json:"read_at" minimum:"0" doc:"As the conflict was shown."`
	Shown   []WriteID         `json:"shown" minItems:"1" maxItems:"1000" doc:"The ids of all candidates that were shown. What joined since stays open."`
	Take    *WriteID          `json:"take,omitempty" doc:"take, restore and renumber: the candidate chosen."`
	Values  map[string]any    `json:"values,omitempty" doc:"set: a value for each column of the cell."`
	Into    string            `json:"into,omitempty" maxLength:"36" doc:"merge: the record that stays."`
	Retired []string          `json:"retired,omitempty" maxItems:"100" doc:"merge: the records that become it; absent: all others of the conflict. split: those that come back; absent: all of the conflict that were merged."`
	From    map[string]string `json:"from,omitempty" doc:"merge: the record whose value is kept, by column or cell. Otherwise the value of into is kept where it has one, else another's; the greatest or least where the column says so; sums and sets are those of all."`
	Reason  string            `json:"reason,omitempty" maxLength:"500"`
}

// Decided tells what became of a decision.
type Decided struct {
	Verdict   string `json:"verdict" enum:"accepted,accepted_with_conflicts,merged"`
	Seq       int64  `json:"seq"`
	Open      bool   `json:"open" doc:"True: candidates that you were not shown still wait; show it again."`
	Remaining int    `json:"candidate_count"`
}

// decide makes the decision a changeset of the person's console device, which travels, merges and is kept like any
// other. What it rests on was read at (epoch, read_at), so a decision on stale information is found out.
func (a *API) decide(ctx context.Context, in *decideInput) (*struct{ Body Decided }, error) {
	r, err := a.supervisor(ctx)
	if err != nil {
		return nil, err
	}
	s, err := a.screen(ctx, r, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := a.decision(s, in)
	if err != nil {
		return nil, err
	}
	change := syncengine.Change{Table: s.con.Key.Table, Row: s.con.Key.Row, Op: syncengine.OpDecide,
		Base: syncengine.Base{Epoch: in.Body.Epoch, Seq: in.Body.ReadAt}, Decide: d}
	v, err := a.commit(ctx, r.Account.ID, change)
	if err != nil {
		return nil, err
	}
	a.Log.Info().Str("conflict", s.con.ID).Str("choice", in.Body.Choice).Str("verdict", v.Kind.String()).Str("by", r.Account.ID).Msg("conflict decided")
	if v.Reason != nil {
		if err := refusedMerge(v.Reason, d.Choice); err != nil {
			return nil, err
		}
	}
	if err := refusedDecision(v); err != nil {
		return nil, err
	}
	out := Decided{Verdict: v.Kind.String(), Seq: v.Seq}
	err = a.State.View(func(tx syncengine.ReadTx) error {
		con, err := tx.Conflict(s.con.ID)
		if err == nil && con != nil && con.Open() {
			out.Open, out.Remaining = true, len((&screen{con: con}).ids())
		}
		return err
	})
	return &struct{ Body Decided }{out}, err
}

// decision checks what was sent against the conflict.
func (a *API) decision(s *screen, in *decideInput) (*syncengine.Decision, error) {
	b := &in.Body
	fit := s.choices()
	named := b.Choice == string(syncengine.ChoiceSplit) && s.con.Key.Kind == syncengine.ConflictDuplicate && len(b.Retired) > 0
	switch {
	case !s.con.Open() && !named && !slices.Contains(fit, b.Choice):
		return nil, messages.Refuse(messages.ConflictClosed)
	case !a.readsAll(s):
		return nil, messages.Refuse(messages.MaskedForYou)
	case !named && !slices.Contains(fit, b.Choice):
		return nil, messages.Refuse(messages.ChoiceUnfit, b.Choice, strings.Join(fit, ", "))
	case b.Epoch != s.head.Epoch || b.ReadAt > s.head.Seq:
		return nil, messages.Refuse(messages.ReadElsewhere, b.Epoch, b.ReadAt)
	}
	d := &syncengine.Decision{Conflict: s.con.ID, Choice: syncengine.Choice(b.Choice), Reason: strings.TrimSpace(b.Reason)}
	for _, w := range b.Shown {
		d.Shown = append(d.Shown, syncengine.WriteID{Device: w.Device, N: w.N})
	}
	if b.Choice == choiceRestore {
		d.Choice = syncengine.ChoiceTake
	}
	switch d.Choice {
	case syncengine.ChoiceMerge:
		return d, s.merge(d, b)
	case syncengine.ChoiceSplit:
		return d, s.split(d, b)
	case syncengine.ChoiceTake, syncengine.ChoiceRenumber:
		if b.Take == nil || !slices.Contains(b.Shown, *b.Take) {
			return nil, messages.Refuse(messages.TakeNotShown)
		}
		d.Take = syncengine.WriteID{Device: b.Take.Device, N: b.Take.N}
	case syncengine.ChoiceSet:
		values, err := a.parseValues(s.table, s.con.Key.Row, s.table.Cell(s.con.Key.Cell), b.Values)
		if err != nil {
			return nil, err
		}
		d.Values = values
	}
	return d, nil
}

// parseValues takes a value for each column of the cell, no more and no less.
// What belongs into a sealed column is given in clear and sealed here, and the keyed hash beside it follows from it.
func (a *API) parseValues(t *schema.Table, row syncengine.RowID, def *schema.Cell, given map[string]any) ([]schema.Value, error) {
	if err := a.hashes(t, def, given); err != nil {
		return nil, err
	}
	var names []string
	for _, col := range def.Columns {
		names = append(names, col.Name)
	}
	if len(given) != len(names) {
		return nil, messages.Refuse(messages.SetIncomplete, strings.Join(names, ", "))
	}
	out := make([]schema.Value, len(names))
	for i, col := range def.Columns {
		x, ok := given[col.Name]
		if !ok {
			return nil, messages.Refuse(messages.SetIncomplete, strings.Join(names, ", "))
		}
		if col.Type == schema.TypeSealed && x != nil {
			v, err := a.sealed(t, col, row, x)
			if err != nil {
				return nil, err
			}
			out[i] = v
			continue
		}
		v, ok := parseValue(col.Type, x)
		if !ok {
			return nil, messages.Refuse(messages.SetValue, col.Name, messages.Say(messages.Key("type."+string(col.Type))))
		}
		if p := a.Schema.CheckValue(t, col, v); p != nil {
			return nil, messages.Refuse(messages.BadField, col.Name, p)
		}
		out[i] = v
	}
	return out, nil
}

// parseValue reads a JSON value as a column's type.
func parseValue(t schema.Type, x any) (schema.Value, bool) {
	if x == nil {
		return schema.Null(), true
	}
	switch t {
	case schema.TypeSealed:
		return schema.Null(), false // ciphertext is made on devices only
	case schema.TypeBool:
		b, ok := x.(bool)
		return schema.Bool(b), ok
	case schema.TypeInt:
		f, ok := x.(float64)
		return schema.Int(int64(f)), ok && f == math.Trunc(f) && math.Abs(f) < 1<<53
	case schema.TypeReal:
		f, ok := x.(float64)
		return schema.Real(f), ok
	case schema.TypeTime:
		s, ok := x.(string)
		at, err := time.Parse(time.RFC3339, s)
		return schema.Int(at.UnixMilli()), ok && err == nil
	case schema.TypeSet:
		list, ok := x.([]any)
		set := make([]string, len(list))
		for i, e := range list {
			var is bool
			set[i], is = e.(string)
			ok = ok && is
		}
		return schema.Text(schema.FormatSet(set)), ok
	}
	s, ok := x.(string)
	return schema.Text(s), ok
}

// commit makes the next changeset of the person's console device and waits for its verdict. One at a time for a
// person, so that n has no gaps.
func (a *API) commit(ctx context.Context, account string, change syncengine.Change) (syncengine.Verdict, error) {
	return a.commitAll(ctx, account, []syncengine.Change{change}, nil)
}

// commitAll is commit for several changes. note, if any, is told which changeset it is before it is handed in.
func (a *API) commitAll(ctx context.Context, account string, changes []syncengine.Change, note func(*syncengine.Changeset) error) (syncengine.Verdict, error) {
	lock, _ := a.deciding.LoadOrStore(account, &sync.Mutex{})
	mu := lock.(*sync.Mutex)
	mu.Lock()
	defer mu.Unlock()
	device, err := a.Directory.ConsoleDevice(ctx, account)
	if err != nil {
		return syncengine.Verdict{}, err
	}
	now := a.Now()
	cs := &syncengine.Changeset{
		Device: device.ID, N: 1, Wall: now.UnixMilli(), Boot: a.Boot, Mono: now.Sub(a.start).Milliseconds(),
		Schema: a.Schema.Version, Author: account, Changes: changes,
	}
	err = a.State.View(func(tx syncengine.ReadTx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		clock := hlc.Clock{Last: head.HLC}
		cs.HLC = clock.Now(cs.Wall)
		last, err := tx.Device(device.ID)
		if err == nil && last != nil {
			cs.N, cs.Prev = last.LastN+1, last.Hash
		}
		return err
	})
	if err != nil {
		return syncengine.Verdict{}, fmt.Errorf("read console device: %w", err)
	}
	if note != nil {
		if err := note(cs); err != nil {
			return syncengine.Verdict{}, err
		}
	}
	v, err := a.Decider.Decide(ctx, cs)
	switch {
	case errors.Is(err, syncengine.ErrGap), errors.Is(err, syncengine.ErrClone):
		return v, messages.Refuse(messages.Busy).Because(err) // another node decided for the same person at this moment
	case errors.Is(err, syncengine.ErrRevoked):
		return v, messages.Refuse(messages.DeviceRevoked).Because(err)
	case err != nil:
		return v, fmt.Errorf("commit decision: %w", err)
	}
	return v, nil
}

// refusedDecision turns a rejected or parked verdict into a refusal.
func refusedDecision(v syncengine.Verdict) error {
	if v.Kind.Effective() {
		return nil
	}
	why := syncengine.Reason{Code: syncengine.CodeInternal}
	if v.Reason != nil {
		why = *v.Reason
	}
	switch {
	case why.Code == syncengine.CodeBadDecision && why.Rule == "closed":
		return messages.Refuse(messages.ConflictClosed)
	case why.Code == syncengine.CodeBadDecision && why.Rule == "unknown":
		return messages.Refuse(messages.NoConflict)
	}
	text := string(why.Code)
	for _, part := range []string{why.Column, why.Rule} {
		if part != "" {
			text += " " + part
		}
	}
	if v.Kind == syncengine.Parked {
		return messages.Refuse(messages.DecisionParked, text)
	}
	return messages.Refuse(messages.DecisionRefused, text)
}
