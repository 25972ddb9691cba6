package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// QuarantinedHead is what a list shows of a refused changeset: no values.
type QuarantinedHead struct {
	Device      string     `json:"device"`
	N           int64      `json:"n"`
	DeviceLabel string     `json:"device_label,omitempty"`
	AuthorName  string     `json:"author_name,omitempty"`
	Verdict     string     `json:"verdict" enum:"rejected,parked"`
	Code        string     `json:"code" doc:"Why it waits now."`
	Rule        string     `json:"rule,omitempty" doc:"awaits: the id waited for."`
	Record      string     `json:"record,omitempty" doc:"Record type that it was refused for."`
	RecordName  string     `json:"record_label,omitempty"`
	Row         string     `json:"row,omitempty"`
	Column      string     `json:"column,omitempty"`
	Was         string     `json:"first_code,omitempty" doc:"Why it was refused when it came, if that is another reason."`
	Scope       string     `json:"scope"`
	ScopeName   string     `json:"scope_name"`
	ReceivedAt  *time.Time `json:"received_at,omitempty"`
	EffectiveAt *time.Time `json:"effective_at,omitempty" doc:"When it was written, by the corrected clock of the device."`
	Open        bool       `json:"open"`
	Outcome     string     `json:"outcome,omitempty" enum:"retried,released,dismissed"`
	EndedByName string     `json:"ended_by,omitempty" doc:"Absent if it was released by itself when what it waited for came."`
	Reason      string     `json:"reason,omitempty" doc:"Why it was released or dismissed."`
	Records     int        `json:"record_count"`
}

// QuarantinedChange is one record that a refused changeset would change.
type QuarantinedChange struct {
	Record     string  `json:"record"`
	RecordName string  `json:"record_label"`
	Row        string  `json:"row"`
	Op         string  `json:"op" enum:"insert,update,delete,decide"`
	Values     []Value `json:"values"`
}

// Quarantined is a refused changeset, as the caller may see it.
type Quarantined struct {
	QuarantinedHead
	Changes    []QuarantinedChange `json:"changes"`
	MayRelease bool                `json:"may_release"`
	MayDismiss bool                `json:"may_dismiss"`
	Undecided  string              `json:"undecided,omitempty" doc:"Why you may not decide about it, if it waits."`
}

type quarantineListInput struct {
	Status string `query:"status" enum:"open,closed" default:"open"`
	Kind   string `query:"kind" enum:"all,parked,rejected" default:"all"`
	Scope  string `query:"scope" maxLength:"20" doc:"Only in this unit and below it."`
	After  string `query:"after" maxLength:"80" doc:"As next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type quarantineListBody struct {
	Body struct {
		Quarantined []QuarantinedHead `json:"quarantined"`
		Next        string            `json:"next,omitempty" doc:"Give it as after to go on; absent at the end."`
	}
}

type quarantineInput struct {
	Device string `path:"device" maxLength:"36"`
	N      int64  `path:"n" minimum:"1"`
}

type quarantineDecideInput struct {
	Device string `path:"device" maxLength:"36"`
	N      int64  `path:"n" minimum:"1"`
	Body   struct {
		Choice string `json:"choice" enum:"release,dismiss" doc:"release: the parked changeset takes effect now, as its author made it, on your authority. dismiss: it will not take effect."`
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"Its author reads it. Required to dismiss."`
	}
}

// Settled tells what became of a word on a refused changeset.
type Settled struct {
	Outcome string `json:"outcome" enum:"released,dismissed"`
	Seq     int64  `json:"seq" doc:"At which it took effect, or was closed."`
}

func (a *API) quarantineRoutes() {
	route(a, "quarantine-list", "GET", "/v1/quarantine", person, "List refused changesets in my units", a.quarantineList)
	route(a, "quarantine-show", "GET", "/v1/quarantine/{device}/{n}", person, "Show a refused changeset", a.quarantineShow)
	route(a, "quarantine-export", "GET", "/v1/quarantine/{device}/{n}/export", person, "Give a refused changeset whole", a.quarantineExport)
	route(a, "quarantine-decide", "POST", "/v1/quarantine/{device}/{n}/decision", person, "Release or dismiss a refused changeset", a.quarantineDecide)
}

func (a *API) quarantineList(ctx context.Context, in *quarantineListInput) (*quarantineListBody, error) {
	r, err := a.supervisor(ctx)
	if err != nil {
		return nil, err
	}
	scopes, err := a.consoleScopes(ctx, r, in.Scope)
	if err != nil {
		return nil, err
	}
	kind := map[string]syncengine.VerdictKind{"parked": syncengine.Parked, "rejected": syncengine.Rejected}[in.Kind]
	device, n, _ := strings.Cut(in.After, ":")
	num, _ := strconv.ParseInt(n, 10, 64)
	ids, err := a.Queue.Quarantine(ctx, scopes, in.Status == "open", kind, syncengine.WriteID{Device: device, N: num}, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var out quarantineListBody
	if len(ids) > in.Limit {
		ids = ids[:in.Limit]
		last := ids[in.Limit-1]
		out.Body.Next = fmt.Sprintf("%s:%d", last.Device, last.N)
	}
	out.Body.Quarantined = []QuarantinedHead{}
	for _, id := range ids {
		q, err := a.quarantined(ctx, r, id)
		if messages.Is(err, messages.NoQuarantined) {
			continue
		}
		if err != nil {
			return nil, err
		}
		head, _, err := a.quarantinedHead(ctx, r, q)
		if err != nil {
			return nil, err
		}
		out.Body.Quarantined = append(out.Body.Quarantined, head)
	}
	return &out, nil
}

// quarantined reads a refused changeset of one of the person's units at the centre; all others are not there for him.
func (a *API) quarantined(ctx context.Context, r directory.Rights, id syncengine.WriteID) (q *syncengine.Quarantined, err error) {
	err = a.State.View(func(tx syncengine.ReadTx) (err error) { q, err = tx.Quarantined(id.Device, id.N); return err })
	if err != nil {
		return nil, err
	}
	if q == nil {
		return nil, messages.Refuse(messages.NoQuarantined)
	}
	covering, err := a.Directory.At(ctx, r, q.Scope)
	if err != nil {
		return nil, err
	}
	if !a.Directory.ConsoleAt(covering) {
		return nil, messages.Refuse(messages.NoQuarantined)
	}
	return q, nil
}

// quarantinedHead also tells whether the person sees all of it. Who does not, does not read the words with which somebody
// ended it: they may quote what he does not see.
func (a *API) quarantinedHead(ctx context.Context, r directory.Rights, q *syncengine.Quarantined) (h QuarantinedHead, all bool, err error) {
	if all, err = a.readsQuarantined(ctx, r, q); err != nil {
		return h, all, err
	}
	h = QuarantinedHead{
		Device: q.Device, N: q.N, Verdict: q.Verdict.Kind.String(), Scope: q.Scope, Open: !q.Closed, Outcome: string(q.Outcome),
		ReceivedAt: maybe(q.Received), EffectiveAt: maybe(q.At), Records: len(q.Changeset.Changes),
	}
	if all {
		h.Reason = q.Why
	}
	if why := q.Reason(); why != nil {
		h.Code, h.Rule, h.Record, h.Row, h.Column = string(why.Code), why.Rule, why.Table, string(why.Row), why.Column
		if t := a.Schema.Table(why.Table); t != nil {
			h.RecordName = t.Label.In(language(ctx))
		}
		if first := q.Verdict.Reason; first != nil && first.Code != why.Code {
			h.Was = string(first.Code)
		}
	}
	unit, err := a.Directory.Unit(ctx, q.Scope)
	if err != nil && !messages.Is(err, messages.NoUnit) {
		return h, all, err
	}
	h.ScopeName = unit.Name
	names, err := a.Directory.AccountNames(ctx, []string{q.Changeset.Author, q.By})
	if err != nil {
		return h, all, err
	}
	h.AuthorName, h.EndedByName = names[q.Changeset.Author], names[q.By]
	v, err := a.Directory.Device(ctx, q.Device)
	if err != nil && !messages.Is(err, messages.NoDevice) {
		return h, all, err
	}
	h.DeviceLabel = v.Label
	return h, all, nil
}

// quarantinedFor gives what a supervisor asks for with what is said of it at its head, and whether he reads all of it.
func (a *API) quarantinedFor(ctx context.Context, in *quarantineInput) (r directory.Rights, q *syncengine.Quarantined, h QuarantinedHead, all bool, err error) {
	if r, err = a.supervisor(ctx); err != nil {
		return r, nil, h, false, err
	}
	if q, err = a.quarantined(ctx, r, syncengine.WriteID{Device: in.Device, N: in.N}); err != nil {
		return r, nil, h, false, err
	}
	h, all, err = a.quarantinedHead(ctx, r, q)
	return r, q, h, all, err
}

func (a *API) quarantineShow(ctx context.Context, in *quarantineInput) (*struct{ Body Quarantined }, error) {
	r, q, head, all, err := a.quarantinedFor(ctx, in)
	if err != nil {
		return nil, err
	}
	out := Quarantined{QuarantinedHead: head, Changes: []QuarantinedChange{}, MayDismiss: all && !q.Closed}
	out.MayRelease = out.MayDismiss && q.Verdict.Kind == syncengine.Parked
	p := a.painter(ctx, r)
	if !all && !q.Closed {
		out.Undecided = messages.Say(messages.MaskedForYou).In(p.lang)
	}
	for i := range q.Changeset.Changes {
		c := &q.Changeset.Changes[i]
		p.subject(c.Table, c.Row)
		x := QuarantinedChange{Record: c.Table, Row: string(c.Row), Op: c.Op.String(), Values: []Value{}}
		t, access, err := a.accessTo(ctx, r, q.Scope, c)
		if err != nil {
			return nil, err
		}
		if t != nil {
			x.RecordName = t.Label.In(p.lang)
		}
		if access != nil {
			for j := range c.Cells {
				if def := t.Cell(c.Cells[j].Cell); def != nil {
					x.Values = append(x.Values, p.cellValues(access, def, operationValues(&c.Cells[j]))...)
				}
			}
		}
		out.Changes = append(out.Changes, x)
	}
	return &struct{ Body Quarantined }{out}, p.err
}

func (a *API) quarantineDecide(ctx context.Context, in *quarantineDecideInput) (*struct{ Body Settled }, error) {
	r, err := a.supervisor(ctx)
	if err != nil {
		return nil, err
	}
	id := syncengine.WriteID{Device: in.Device, N: in.N}
	q, err := a.quarantined(ctx, r, id)
	if err != nil {
		return nil, err
	}
	all, err := a.readsQuarantined(ctx, r, q)
	if err != nil {
		return nil, err
	}
	reason := strings.TrimSpace(in.Body.Reason)
	switch {
	case q.Closed:
		return nil, messages.Refuse(messages.QuarantineClosed)
	case !all:
		return nil, messages.Refuse(messages.MaskedForYou)
	case in.Body.Choice == "release" && q.Verdict.Kind != syncengine.Parked:
		return nil, messages.Refuse(messages.NotReleasable)
	case in.Body.Choice == "dismiss" && reason == "":
		return nil, messages.Refuse(messages.ReasonMissing)
	}
	d := &syncengine.Decision{Choice: syncengine.Choice(in.Body.Choice), Quarantined: id, Reason: reason}
	v, err := a.commit(ctx, r.Account.ID, syncengine.Change{Op: syncengine.OpDecide, Decide: d})
	if err != nil {
		return nil, err
	}
	a.Log.Info().Str("device", in.Device).Int64("n", in.N).Str("choice", in.Body.Choice).Str("verdict", v.Kind.String()).Str("by", r.Account.ID).Msg("refused changeset settled")
	if err := a.unsettled(ctx, v); err != nil {
		return nil, err
	}
	if q, err = a.quarantined(ctx, r, id); err != nil {
		return nil, err
	}
	return &struct{ Body Settled }{Settled{string(q.Outcome), q.Seq}}, nil
}

// unsettled turns a refused release or dismissal into a sentence.
func (a *API) unsettled(ctx context.Context, v syncengine.Verdict) error {
	if v.Kind.Effective() || v.Reason == nil {
		return refusedDecision(v)
	}
	why := v.Reason
	word, rest, _ := strings.Cut(why.Rule, " ")
	switch {
	case why.Code != syncengine.CodeBadDecision:
	case word == "closed":
		return messages.Refuse(messages.QuarantineClosed)
	case word == "unknown":
		return messages.Refuse(messages.NoQuarantined)
	case word == "rejected":
		return messages.Refuse(messages.NotReleasable)
	case word == "first":
		return messages.Refuse(messages.ReleaseFirst, rest)
	case word == "refused":
		record := why.Table
		if t := a.Schema.Table(why.Table); t != nil {
			record = t.Label.In(language(ctx))
		}
		return messages.Refuse(messages.ReleaseRefused, record, strings.TrimSpace(why.Column+" "+rest))
	}
	return refusedDecision(v)
}
