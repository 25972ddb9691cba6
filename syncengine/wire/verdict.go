package wire

import (
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

func verdictsToWire(list []se.Verdict) (*Verdicts, error) {
	p := &Verdicts{}
	for i := range list {
		v := &list[i]
		if v.Kind < se.Accepted || v.Kind > se.Parked {
			return nil, fmt.Errorf("bug: verdict on %d is of kind %d", v.N, v.Kind)
		}
		x := &Verdict{
			N: v.N, Hash: hashToWire(v.Hash), Kind: VerdictKind(v.Kind), Epoch: v.Epoch, Seq: v.Seq, Reason: reasonToWire(v.Reason),
		}
		for _, r := range v.Conflicts {
			x.Conflicts = append(x.Conflicts, conflictToWire(r))
		}
		p.Verdicts = append(p.Verdicts, x)
	}
	return p, nil
}

func verdictsFromWire(p *Verdicts) (session.Message, error) {
	var c checks
	m := &session.Verdicts{}
	for i, x := range p.GetVerdicts() {
		v, err := verdictFromWire(x)
		c.at("verdicts", i, err)
		m.Verdicts = append(m.Verdicts, v)
	}
	return m, c.err
}

func verdictFromWire(p *Verdict) (se.Verdict, error) {
	var c checks
	v := se.Verdict{
		N:      c.atLeast("n", p.GetN(), 1),
		Hash:   c.hash("hash", p.GetHash()),
		Kind:   se.VerdictKind(p.GetKind()),
		Epoch:  c.count("epoch", p.GetEpoch()),
		Seq:    c.count("seq", p.GetSeq()),
		Reason: c.reason("reason", p.GetReason()),
	}
	switch p.GetKind() {
	case VerdictKind_VERDICT_KIND_ACCEPTED, VerdictKind_VERDICT_KIND_ACCEPTED_WITH_CONFLICTS, VerdictKind_VERDICT_KIND_MERGED:
		c.atLeast("seq", v.Seq, 1)
	case VerdictKind_VERDICT_KIND_REJECTED, VerdictKind_VERDICT_KIND_PARKED:
		if v.Reason == nil {
			c.fail("reason", "is missing; a refusal needs one")
		}
	default:
		c.fail("kind", "must be one of the five VERDICT_KIND_ values that are known")
	}
	for i, r := range p.GetConflicts() {
		ref, err := conflictFromWire(r)
		c.at("conflicts", i, err)
		v.Conflicts = append(v.Conflicts, ref)
	}
	return v, c.err
}

func reasonToWire(r *se.Reason) *Reason {
	if r == nil {
		return nil
	}
	return &Reason{
		Code: string(r.Code), Table: r.Table, Row: string(r.Row), Column: r.Column, Rule: r.Rule, Current: valuesToWire(r.Current),
	}
}

func (c *checks) reason(name string, p *Reason) *se.Reason {
	if p == nil {
		return nil
	}
	var of checks
	r := &se.Reason{
		Code:    se.Code(of.name("code", p.GetCode())),
		Table:   of.text("table", p.GetTable(), maxName),
		Row:     se.RowID(of.text("row", p.GetRow(), maxName)),
		Column:  of.text("column", p.GetColumn(), maxName),
		Rule:    of.text("rule", p.GetRule(), maxName),
		Current: of.values("current", p.GetCurrent()),
	}
	c.in(name, of.err)
	return r
}

func conflictToWire(r se.ConflictRef) *ConflictRef {
	return &ConflictRef{Id: r.ID, Key: &ConflictKey{
		Kind: string(r.Key.Kind), Table: r.Key.Table, Row: string(r.Key.Row), Cell: r.Key.Cell,
	}}
}

func conflictFromWire(p *ConflictRef) (se.ConflictRef, error) {
	var c checks
	k := p.GetKey()
	return se.ConflictRef{ID: c.name("id", p.GetId()), Key: se.ConflictKey{
		Kind:  se.ConflictKind(c.name("key.kind", k.GetKind())),
		Table: c.text("key.table", k.GetTable(), maxName),
		Row:   se.RowID(c.text("key.row", k.GetRow(), maxName)),
		Cell:  c.text("key.cell", k.GetCell(), maxName),
	}}, c.err
}

func inboxToWire(list []se.Message) *Inbox {
	p := &Inbox{}
	for _, m := range list {
		x := &InboxMessage{
			Device: m.Device, Number: m.Number, Kind: string(m.Kind), Seq: m.Seq,
			Conflict: conflictToWire(m.Conflict), Author: m.Author, Choice: string(m.Choice),
		}
		if m.N != 0 {
			x.Settled = &Settled{N: m.N, Reason: m.Reason}
		} else {
			x.Reason = m.Reason
		}
		p.Messages = append(p.Messages, x)
	}
	return p
}

func inboxFromWire(p *Inbox) (session.Message, error) {
	var c checks
	m := &session.Inbox{}
	for i, x := range p.GetMessages() {
		var of checks
		ref, err := conflictFromWire(x.GetConflict())
		of.in("conflict", err)
		var n int64
		reason := of.text("reason", x.GetReason(), maxText)
		if s := x.GetSettled(); s != nil {
			n, reason = of.atLeast("settled.n", s.GetN(), 1), of.text("settled.reason", s.GetReason(), maxText)
		}
		m.Messages = append(m.Messages, se.Message{
			N:        n,
			Reason:   reason,
			Device:   of.text("device", x.GetDevice(), maxName),
			Number:   of.atLeast("number", x.GetNumber(), 1),
			Kind:     se.MessageKind(of.name("kind", x.GetKind())),
			Seq:      of.count("seq", x.GetSeq()),
			Conflict: ref,
			Author:   of.text("author", x.GetAuthor(), maxName),
			Choice:   se.Choice(of.text("choice", x.GetChoice(), maxName)),
		})
		c.at("messages", i, of.err)
	}
	return m, c.err
}
