package badinput

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// edited is a good changeset, an update of a record, with something about the changeset itself changed.
func (m *maker) edited(class, name string, w want, edit func(p *phone, cs *se.Changeset)) changesetCase {
	t := m.s.Table("hazard")
	return changesetCase{class: class, name: name, who: "worker", want: w, make: func(p *phone) *se.Changeset {
		c := m.seedUpdate(t, m.write(t, t.Cell("location"), grid1, nil))()
		c.Cells[0].Base = p.base()
		cs := p.make(c)
		edit(p, cs)
		return cs
	}}
}

// base has seen everything.
func (p *phone) base() se.Base { h := p.c.head(); return se.Base{Epoch: h.Epoch, Seq: h.Seq} }

func (m *maker) chainCases() []changesetCase {
	var all []changesetCase
	for _, list := range [][]changesetCase{
		m.basesAhead(), m.authors(), m.gaps(), m.clones(), m.chains(), m.tooLarge(), m.tooMany(), m.retries(), m.holes(), m.salvage(false), m.salvage(true), m.decisions(), m.clocks(), m.oddCodes(), m.empty(),
		m.noSteps(), m.stepsOutOfTurn(), m.stepsOfOthers(), m.stepsOfNobody(),
	} {
		all = append(all, spread(list, most, 0)...)
	}
	return all
}

func (m *maker) basesAhead() (out []changesetCase) {
	for i, p := range places(m.s, func(p place) bool { return p.def.Policy != schema.PolicyAppend && p.col == p.def.Columns[0] }) {
		base := []se.Base{{Epoch: 1, Seq: math.MaxInt64}, {Epoch: 2}, {Epoch: math.MaxInt64, Seq: math.MaxInt64}, {Epoch: 1, Seq: 1 << 40}}[i%4]
		w := m.write(p.t, p.def, grid1, nil)
		w.Base = base
		out = append(out, changes("a base beyond the head", fmt.Sprint(p, " ", base), inserter(p.t), p.String(), rejected(se.CodeBaseAhead, p.t.Name, p.def.Name, ""), m.seedUpdate(p.t, w)))
	}
	for _, t := range m.s.Tables {
		out = append(out, changes("a base beyond the head", "delete "+t.Name, "supervisor", t.Name, rejected(se.CodeBaseAhead, t.Name, "", ""), func() se.Change {
			return se.Change{Table: t.Name, Row: seedID(m.s, grid1, t.Name), Op: se.OpDelete, Base: se.Base{Epoch: 9, Seq: 9}}
		}))
	}
	return out
}

func (m *maker) authors() (out []changesetCase) {
	w := rejected(se.CodeWrongAuthor, "hazard", "", "")
	for _, who := range []string{"admin", "steward", "supervisor", "other", "mediator", "stranger"} {
		out = append(out, m.edited("another's name under it", who, w, func(p *phone, cs *se.Changeset) { cs.Author = p.c.accounts[who] }))
	}
	for _, name := range []string{"", "worker", "x", "root", " ", "' OR 1=1 --", "\x00", strings.Repeat("a", 255), "管理员"} {
		out = append(out, m.edited("another's name under it", fmt.Sprintf("%.12q", name), w, func(_ *phone, cs *se.Changeset) { cs.Author = name }))
	}
	return append(out, m.edited("another's name under it", "upper case", w, func(_ *phone, cs *se.Changeset) { cs.Author = strings.ToUpper(cs.Author) }),
		m.edited("another's name under it", "the device's id", w, func(p *phone, cs *se.Changeset) { cs.Author = p.id }))
}

func (m *maker) gaps() (out []changesetCase) {
	for _, by := range []int64{1, 2, 10, 1000, 1 << 32, math.MaxInt64 - 1<<20} {
		out = append(out, m.edited("a changeset before it is missing", fmt.Sprint(by, " too far"), want{notice: session.NoticeGap}, func(_ *phone, cs *se.Changeset) { cs.N += by }))
	}
	return out
}

func (m *maker) clones() (out []changesetCase) {
	for _, back := range []int64{1, 2, 3, 5, 8, 13} {
		out = append(out, m.edited("an n that was used", fmt.Sprint(back, " back"), want{notice: session.NoticeClone}, func(_ *phone, cs *se.Changeset) { cs.N = max(1, cs.N-back) }))
	}
	return out
}

func (m *maker) chains() (out []changesetCase) {
	for i := range 6 {
		out = append(out, m.edited("a chain that is broken", fmt.Sprint("byte ", i*6), want{notice: session.NoticeClone}, func(_ *phone, cs *se.Changeset) { cs.Prev[i*6] ^= 1 << i }))
	}
	return append(out, m.edited("a chain that is broken", "no hash", want{notice: session.NoticeClone}, func(_ *phone, cs *se.Changeset) { cs.Prev = se.Hash{} }))
}

func (m *maker) tooLarge() (out []changesetCase) {
	t := m.s.Table("hazard")
	for _, n := range []int{280 << 10, 300 << 10, 400 << 10} {
		out = append(out, m.edited("a changeset that is too large", fmt.Sprint(n>>10, " KiB"), rejected(se.CodeTooLarge, "hazard", "", "bytes"), func(_ *phone, cs *se.Changeset) {
			cs.Changes[0].Cells = []se.CellWrite{{Cell: t.Cell("photos").Name, In: []string{strings.Repeat("a", n)}}}
		}))
	}
	return out
}

func (m *maker) tooMany() (out []changesetCase) {
	for _, n := range []int{1, 2, 50, 100} {
		out = append(out, m.edited("a changeset of too many changes", fmt.Sprint(limits.MaxChanges+n), rejected(se.CodeTooLarge, "hazard", "", "changes"), func(_ *phone, cs *se.Changeset) {
			for len(cs.Changes) < limits.MaxChanges+n {
				cs.Changes = append(cs.Changes, se.Change{Table: "hazard", Row: m.fresh(), Op: se.OpUpdate})
			}
		}))
	}
	return out
}

func (m *maker) retries() (out []changesetCase) {
	for _, n := range []int64{1, 2, 1 << 20, math.MaxInt64} { // 1 and 2 were accepted: there is nothing to retry
		out = append(out, m.edited("a retry of what was not refused", fmt.Sprint(n), rejected(se.CodeHandled, "hazard", "", ""), func(_ *phone, cs *se.Changeset) { cs.Replaces = n }))
	}
	return out
}

func (m *maker) holes() (out []changesetCase) {
	for i := range 4 {
		out = append(out, m.edited("a changeset that is gone", fmt.Sprint("hash ", i), rejected(se.CodeGone, "", "", ""), func(_ *phone, cs *se.Changeset) {
			*cs = se.Changeset{Device: cs.Device, N: cs.N, Prev: cs.Prev, Gone: se.Hash{byte(i + 1), 7}}
		}))
	}
	return out
}

func (m *maker) salvage(update bool) (out []changesetCase) {
	for _, t := range m.s.Tables {
		c := changes("rows that were not lost, given back", t.Name, "worker", t.Name, want{kind: se.Parked, code: se.CodeSalvage, table: t.Name}, m.newRow(t, grid1, "", nil))
		inner := c.make
		c.make = func(p *phone) *se.Changeset { cs := inner(p); cs.Salvage = true; return cs }
		if !update {
			out = append(out, c)
			continue
		}
		u := changes("given back, and no insert", t.Name, "worker", t.Name, rejected(se.CodeBadRow, t.Name, "", "op"), m.seedUpdate(t, m.write(t, t.Cells[0], grid1, nil)))
		plain := u.make
		u.make = func(p *phone) *se.Changeset { cs := plain(p); cs.Salvage = true; return cs }
		out = append(out, u)
	}
	return out
}

// decisions of phones: only console sessions decide, and what they may not know is answered like what is not there.
func (m *maker) decisions() (out []changesetCase) {
	for i, choice := range []se.Choice{se.ChoiceKeep, se.ChoiceTake, se.ChoiceSet, se.ChoiceBoth, se.ChoiceRenumber, se.ChoiceMerge, se.ChoiceSplit, "nonsense"} {
		for _, who := range []string{"worker", "steward", "mediator", "supervisor"} {
			c := se.Change{Table: "hazard", Row: seedID(m.s, grid1, "hazard"), Op: se.OpDecide, Decide: &se.Decision{Conflict: fmt.Sprintf("%d-%d", i, i), Choice: choice, Take: se.WriteID{Device: "x", N: 1}}}
			out = append(out, changes("a decision by a phone", fmt.Sprint(choice, " by a ", who), who, "", rejected(se.CodeBadDecision, "hazard", "", "unknown"), func() se.Change { return c }))
		}
	}
	return out
}

// clocks are wrong; no data is ever refused for one.
func (m *maker) clocks() (out []changesetCase) {
	ok := want{kind: se.Accepted}
	for _, x := range []struct {
		name string
		edit func(*se.Changeset)
	}{
		{"hlc at the end of time", func(cs *se.Changeset) { cs.HLC = hlc.Timestamp(math.MaxUint64) }}, {"hlc half way", func(cs *se.Changeset) { cs.HLC = hlc.Timestamp(1 << 63) }},
		{"counter full", func(cs *se.Changeset) { cs.HLC = hlc.Make(cs.Wall, math.MaxUint16) }}, {"hlc of 2099", func(cs *se.Changeset) { cs.HLC = hlc.Make(4_070_908_800_000, 0) }},
		{"wall at the end of time", func(cs *se.Changeset) { cs.Wall = math.MaxInt64 }}, {"wall before all time", func(cs *se.Changeset) { cs.Wall = math.MinInt64 }},
		{"wall of 1970", func(cs *se.Changeset) { cs.Wall = 0 }}, {"wall of 2099", func(cs *se.Changeset) { cs.Wall = 4_070_908_800_000 }},
		{"mono negative", func(cs *se.Changeset) { cs.Mono = math.MinInt64 }}, {"mono at the end", func(cs *se.Changeset) { cs.Mono = math.MaxInt64 }},
		{"a boot of nobody", func(cs *se.Changeset) { cs.Boot = strings.Repeat("b", 255) }}, {"no boot", func(cs *se.Changeset) { cs.Boot = "" }},
	} {
		out = append(out, m.edited("a wrong clock", x.name, ok, func(_ *phone, cs *se.Changeset) { x.edit(cs) }))
	}
	return out
}

// oddCodes are codes that no table knows: they come from newer declarations, and are kept as received.
func (m *maker) oddCodes() (out []changesetCase) {
	for _, p := range places(m.s, func(p place) bool {
		return p.col.Type == schema.TypeCode && p.def.Policy != schema.PolicyAppend && p.def.Policy != schema.PolicyMax && inserter(p.t) == "worker"
	}) {
		c := changes("a code that no table knows", p.String(), "worker", p.String(), want{kind: se.Accepted}, nil...)
		c.make = func(ph *phone) *se.Changeset {
			w := m.write(p.t, p.def, grid1, map[string]schema.Value{p.col.Name: schema.Text("of_tomorrow")})
			w.Base = ph.base()
			return ph.make(m.seedUpdate(p.t, w)())
		}
		out = append(out, c)
	}
	return out
}

func (m *maker) empty() (out []changesetCase) {
	ok := want{kind: se.Accepted}
	return []changesetCase{
		m.edited("a changeset of nothing", "no changes", ok, func(_ *phone, cs *se.Changeset) { cs.Changes = nil }),
		m.edited("a changeset of nothing", "no cells", ok, func(_ *phone, cs *se.Changeset) { cs.Changes[0].Cells = nil }),
		m.edited("a changeset of nothing", "a schema of nobody", ok, func(_ *phone, cs *se.Changeset) { cs.Schema = 1 << 20 }),
		m.edited("a changeset of nothing", "an old schema", ok, func(_ *phone, cs *se.Changeset) { cs.Schema = 0 }),
	}
}

// step takes a step of the seed's case; after, one that follows the seed's own, which verified the case.
func (m *maker) step(t *schema.Table, name string) func() se.Change {
	return m.newRow(t, grid1, t.Steps.Step, func(c *se.Change) { cellOf(c, t.Steps.Step).Values = []schema.Value{schema.Text(name)} })
}

func (m *maker) after(t *schema.Table, name string) func() se.Change {
	return func() se.Change {
		c := m.step(t, name)()
		c.Cells = append(c.Cells, se.CellWrite{Cell: t.Steps.Follows, Values: []schema.Value{schema.Text(string(seedID(m.s, grid1, t.Name)))}})
		return c
	}
}

func (m *maker) noSteps() (out []changesetCase) {
	t := m.s.Table("wish_claim")
	for _, name := range append([]string{"", "VERIFY", "closed", "recorded", "verify ", "step"}, hostile...) {
		if len(name) > 100 || strings.Contains(name, "\x00") {
			continue
		}
		out = append(out, changes("a step that there is not", fmt.Sprintf("%q", name), "worker", "wish_claim.step", rejected(se.CodeBadStep, t.Name, "step", "unknown"), m.step(t, name)))
	}
	return out
}

func (m *maker) stepsOutOfTurn() (out []changesetCase) {
	t := m.s.Table("wish_claim")
	now := t.Steps.Moves["verify"].To
	for _, name := range sorted(t.Steps.Moves) {
		if slices.Contains(t.Steps.Moves[name].From, now) {
			continue
		}
		for _, who := range []string{"worker", "supervisor"} {
			out = append(out, changes("a step out of turn", name+" by a "+who, who, "wish_claim.step", rejected(se.CodeBadStep, t.Name, "step", now), m.after(t, name)))
		}
	}
	return out
}

func (m *maker) stepsOfOthers() (out []changesetCase) {
	t := m.s.Table("wish_claim")
	for _, name := range sorted(t.Steps.Moves) {
		if len(t.Steps.Moves[name].Roles) > 0 {
			out = append(out, changes("a step of another role", name, "steward", "wish_claim.step", rejected(se.CodeNoRight, t.Name, "step", "role"), m.after(t, name)))
		}
	}
	return out
}

func (m *maker) stepsOfNobody() (out []changesetCase) {
	t := m.s.Table("wish_claim")
	for i, id := range []se.RowID{seedID(m.s, grid2, "wish"), seedID(m.s, grid9, "wish"), rowID(0x500, 1), seedID(m.s, grid1, "hazard")} {
		out = append(out, changes("a step of a case that is not theirs", fmt.Sprint(i), "worker", "wish_claim.wish_id", rejected(se.CodeUnknownReference, t.Name, "wish_id", ""),
			m.newRow(t, grid1, "", func(c *se.Change) { cellOf(c, "wish_id").Values = []schema.Value{schema.Text(string(id))} })))
	}
	return out
}
