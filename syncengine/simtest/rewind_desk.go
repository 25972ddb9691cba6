package simtest

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

const clerkID = "00000099-0000-7000-8000-000000000000"

// clerk is the supervisor of a rewound world. What is on his screen may be of commits that the centre has lost when he
// decides; his own number in the county's order is the centre's, since a console keeps nothing.
type clerk struct {
	w       *rewound
	rng     *rand.Rand
	pending *screen
	merged  []merged
	screens map[se.Hash]screen // of each decision that he sent
	said    map[string]bool    // words of his own, or that he took
}

// screen is what he looks at.
type screen struct {
	con   *se.Conflict
	head  se.Head
	words map[se.RowID][]string // that stood in the rows on it
}

func (c *clerk) begin() {
	if !c.w.habits.desk {
		return
	}
	c.said = map[string]bool{}
	c.w.people[clerkID] = &se.Principal{Account: "zhang", Device: clerkID, Console: true, Grants: c.w.year.desk([]se.Grant{{Scope: "A", Role: roleSupervisor}})}
	c.w.mayNow(clerkID)
}

// act looks at something, or decides what he looked at before.
func (c *clerk) act() {
	if !c.w.habits.desk || c.rng.IntN(5) > 0 {
		return
	}
	switch k := c.rng.IntN(10); {
	case c.pending != nil:
		s := c.pending
		c.pending = nil
		if s.con.Key.Kind == se.ConflictDuplicate && c.rng.IntN(4) > 0 {
			c.unite(s)
			return
		}
		c.decide(s)
	case k < 6:
		c.look()
	case k < 9:
		c.empty()
	default:
		c.split()
	}
}

// look opens one conflict. Half the time he decides at once.
func (c *clerk) look() {
	var open []*se.Conflict
	s := &screen{}
	_ = c.w.store.View(func(tx se.ReadTx) error {
		s.head, _ = tx.Head()
		open = c.w.open(tx)
		if len(open) == 0 {
			return nil
		}
		s.con = open[c.rng.IntN(len(open))]
		s.words = map[se.RowID][]string{}
		ids := []se.RowID{s.con.Key.Row}
		for _, x := range s.con.Candidates {
			if s.con.Key.Kind == se.ConflictDuplicate {
				ids = append(ids, x.Row)
			}
		}
		for _, id := range ids {
			s.words[id] = c.w.standing(tx, s.con.Key.Table, id)
		}
		return nil
	})
	if s.con == nil {
		return
	}
	c.pending = s
	if c.rng.IntN(2) == 0 {
		c.rng.IntN(2)
		c.act()
	}
}

// standing gives the words that stand in a row, live or dead.
func (w *rewound) standing(tx se.ReadTx, table string, id se.RowID) (out []string) {
	if w.schema.Table(table).CellOf(w.reviewed(table)) == nil {
		return nil
	}
	row, _ := tx.Row(table, id)
	if dead, _ := tx.Dead(table, id); row == nil && dead != nil {
		row = dead.Row
	}
	if row == nil || len(row.Cells) == 0 {
		return nil
	}
	for _, x := range row.Cells[w.schema.Table(table).CellIndex(w.reviewed(table))].Survivors {
		if x.Stands() {
			out = append(out, w.heard(table, id, x.Values[0]))
		}
	}
	return out
}

// open lists the conflicts that wait, by looking for one at each place where there could be.
func (w *rewound) open(tx se.ReadTx) (out []*se.Conflict) {
	for _, k := range w.ledger.made {
		t := w.schema.Table(k.Table)
		keys := []se.ConflictKey{{Kind: se.ConflictDelete, Table: k.Table, Row: k.Row}, {Kind: se.ConflictDuplicate, Table: k.Table, Row: k.Row},
			{Kind: se.ConflictWorkflow, Table: k.Table, Row: k.Row}}
		for _, def := range t.Cells {
			keys = append(keys, se.ConflictKey{Kind: se.ConflictCell, Table: k.Table, Row: k.Row, Cell: def.Name})
		}
		for _, key := range keys {
			if con, _ := tx.OpenConflict(key); con != nil {
				out = append(out, con)
			}
		}
	}
	slices.SortFunc(out, func(a, b *se.Conflict) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// decide is his word on a conflict.
func (c *clerk) decide(s *screen) {
	con := s.con
	dec := &se.Decision{Conflict: con.ID, Reason: "looked at it"}
	for _, x := range con.Candidates {
		dec.Shown = append(dec.Shown, x.ID())
	}
	pick := con.Candidates[c.rng.IntN(len(con.Candidates))]
	dec.Take = pick.ID()
	choices := []se.Choice{se.ChoiceKeep, se.ChoiceTake, se.ChoiceTake}
	switch con.Key.Kind {
	case se.ConflictDuplicate:
		choices = []se.Choice{se.ChoiceBoth}
	case se.ConflictWorkflow:
		choices = []se.Choice{se.ChoiceKeep, se.ChoiceRenumber}
	case se.ConflictCell:
		if con.Key.Cell == c.w.reviewed(con.Key.Table) {
			choices = append(choices, se.ChoiceSet)
		}
	}
	dec.Choice = choices[c.rng.IntN(len(choices))]
	table, id := con.Key.Table, con.Key.Row
	switch dec.Choice {
	case se.ChoiceSet:
		text := c.w.word()
		e := &entry{key: replica.RowKey{Table: table, Row: id}, cell: con.Key.Cell, saw: map[string]bool{}}
		for _, x := range s.words[id] {
			c.w.ledger.sees(e, x)
		}
		c.w.ledger.writes[text] = e
		c.said[text] = true
		dec.Values = []schema.Value{c.w.said(table, id, text)}
	case se.ChoiceTake:
		for _, x := range con.Candidates {
			if x.ID() == dec.Take && len(x.Cell.Values) == 1 && x.Cell.Cell == c.w.reviewed(table) {
				c.said[c.w.heard(table, id, x.Cell.Values[0])] = true
			}
		}
		for _, x := range s.words[id] { // a row that is restored shows them in his name
			if con.Key.Kind == se.ConflictDelete {
				c.said[x] = true
			}
		}
	}
	c.offer(se.Change{Table: table, Row: id, Op: se.OpDecide, Base: se.Base{Epoch: s.head.Epoch, Seq: s.head.Seq}, Decide: dec}, s)
}

// unite merges rows that were entered twice.
func (c *clerk) unite(s *screen) {
	con := s.con
	ids := []se.RowID{con.Key.Row}
	dec := &se.Decision{Conflict: con.ID, Choice: se.ChoiceMerge, Reason: "the same"}
	for _, x := range con.Candidates {
		ids = append(ids, x.Row)
		dec.Shown = append(dec.Shown, x.ID())
	}
	c.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	dec.Survivor, dec.Retired = ids[0], ids[1:min(len(ids), 2+c.rng.IntN(2))]
	for _, cell := range []string{"address", "note", sealedColumn} {
		if c.rng.IntN(3) == 0 {
			dec.Picks = append(dec.Picks, se.Pick{Cell: cell, Row: ids[c.rng.IntN(1+len(dec.Retired))]})
		}
	}
	for _, id := range ids[:1+len(dec.Retired)] {
		for _, x := range s.words[id] {
			c.said[x] = true
		}
	}
	for _, id := range dec.Retired {
		c.merged = append(c.merged, merged{con.ID, id})
	}
	c.offer(se.Change{
		Table: con.Key.Table, Row: con.Key.Row, Op: se.OpDecide, Base: se.Base{Epoch: s.head.Epoch, Seq: s.head.Seq}, Decide: dec,
	}, s)
}

// split finds that a merge was wrong.
func (c *clerk) split() {
	if len(c.merged) == 0 {
		return
	}
	m := c.merged[c.rng.IntN(len(c.merged))]
	s := &screen{words: map[se.RowID][]string{}}
	_ = c.w.store.View(func(tx se.ReadTx) error {
		s.head, _ = tx.Head()
		for _, x := range c.w.standing(tx, "place", m.retired) {
			c.said[x] = true
		}
		return nil
	})
	c.offer(se.Change{
		Table: "place", Op: se.OpDecide, Base: se.Base{Epoch: s.head.Epoch, Seq: s.head.Seq},
		Decide: &se.Decision{Conflict: m.conflict, Choice: se.ChoiceSplit, Retired: []se.RowID{m.retired}, Reason: "two after all"},
	}, s)
}

// empty deals with a changeset in quarantine.
func (c *clerk) empty() {
	var list []se.WriteID
	all := c.w.store.Quarantine()
	for id, q := range all {
		if !q.Closed {
			list = append(list, id)
		}
	}
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b se.WriteID) int { return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.N, b.N)) })
	held := slices.DeleteFunc(slices.Clone(list), func(id se.WriteID) bool { return !all[id].Changeset.Salvage })
	if len(held) > 0 && c.rng.IntN(3) > 0 {
		list = held
	}
	q := all[list[c.rng.IntN(len(list))]]
	dec := &se.Decision{Choice: se.ChoiceRelease, Quarantined: se.WriteID{Device: q.Device, N: q.N}, Reason: "looked at it"}
	if c.rng.IntN(4) == 0 || q.Verdict.Kind == se.Rejected {
		dec.Choice = se.ChoiceDismiss
	}
	c.offer(se.Change{Op: se.OpDecide, Decide: dec}, &screen{})
}

// offer makes a decision the console's next changeset, as the centre counts it.
func (c *clerk) offer(ch se.Change, s *screen) {
	w := c.w
	cs := &se.Changeset{Device: clerkID, N: 1, Wall: w.now, Schema: w.schema.Version, Author: "zhang", Changes: []se.Change{ch}}
	_ = w.store.View(func(tx se.ReadTx) error {
		if dev, _ := tx.Device(clerkID); dev != nil {
			cs.N, cs.Prev = dev.LastN+1, dev.Hash
		}
		head, _ := tx.Head()
		if s.head.Epoch > 0 && s.head.Epoch < head.Epoch {
			w.count("decision on a screen of an epoch that ended")
		}
		cs.HLC = head.HLC + 1
		return nil
	})
	c.screens[cs.Hash()] = *s
	sub := se.Submission{Changeset: cs, Now: w.now, Contact: se.Contact{At: w.now}}
	var r []se.Result
	w.do(func(m rewoundCentre) { r = w.engine.Commit(m, []se.Submission{sub}) })
	what := "rewound: decided " + string(ch.Decide.Choice)
	switch {
	case r[0].Err != nil:
		w.count("decision not taken before it is confirmed")
	case r[0].Verdict.Reason != nil:
		w.count("rewound: decision refused " + r[0].Verdict.Reason.Rule)
	case s.con != nil:
		w.count(what + " " + string(s.con.Key.Kind))
	default:
		w.count(what)
	}
}
