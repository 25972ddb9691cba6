package api

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// choices tells what may be decided about the conflict as it is.
func (s *screen) choices() []string {
	out := choices[s.con.Key.Kind]
	switch {
	case s.con.Key.Kind != syncengine.ConflictDuplicate:
		if !s.con.Open() {
			return nil
		}
	case s.con.Open() && s.mergeable():
		return append(slices.Clone(out), string(syncengine.ChoiceMerge))
	case !s.con.Open() && len(s.merged()) > 0:
		return []string{string(syncengine.ChoiceSplit)}
	case !s.con.Open():
		return nil
	}
	return out
}

// mergeable tells whether records of the type can become one, by this person: who does not see all of them cannot say
// what the one should hold.
func (s *screen) mergeable() bool {
	if s.table.Append || s.table.Steps != nil || s.table.StepsBy != nil {
		return false
	}
	for _, c := range s.table.Cells {
		if c.Policy != schema.PolicyCentral && !c.Derived && !s.access.Reads(c) {
			return false
		}
	}
	return true
}

// records lists the records that a conflict about duplicates is between, the standing one first.
func (s *screen) records() []syncengine.RowID {
	out := []syncengine.RowID{s.con.Key.Row}
	for i := range s.con.Candidates {
		out = append(out, s.con.Candidates[i].Row)
	}
	return out
}

// merged lists those of them that were merged into another record.
func (s *screen) merged() []syncengine.RowID {
	return slices.DeleteFunc(s.records(), func(id syncengine.RowID) bool { return s.gone[id] == nil || s.gone[id].Into == "" })
}

// record gives one of the conflict's records as it is, or was when it was merged into another.
func (s *screen) record(id syncengine.RowID) (row *syncengine.Row, into syncengine.RowID) {
	if row = s.others[id]; row == nil && id == s.con.Key.Row {
		row = s.row
	}
	if d := s.gone[id]; row == nil && d != nil && d.Into != "" {
		if into = d.Into; !d.Bare() {
			row = d.Row
		}
	}
	return row, into
}

// merge fills in which record stays, which become it, and whose values are kept.
func (s *screen) merge(d *syncengine.Decision, b *decideInputBody) error {
	all := s.records()
	if d.Survivor = syncengine.RowID(b.Into); !slices.Contains(all, d.Survivor) {
		return messages.Refuse(messages.MergeInto)
	}
	d.Retired = slices.DeleteFunc(slices.Clone(all), func(id syncengine.RowID) bool { return id == d.Survivor })
	if len(b.Retired) > 0 {
		d.Retired = nil
		for _, id := range b.Retired {
			d.Retired = append(d.Retired, syncengine.RowID(id))
		}
	}
	for _, id := range d.Retired {
		if !slices.Contains(all, id) || id == d.Survivor {
			return messages.Refuse(messages.MergeInto)
		}
	}
	for _, c := range s.table.Cells { // in their order: a map has none
		id, ok := b.From[c.Name]
		for _, col := range c.Columns {
			if x, by := b.From[col.Name]; by {
				id, ok = x, true
			}
		}
		if ok {
			d.Picks = append(d.Picks, syncengine.Pick{Cell: c.Name, Row: syncengine.RowID(id)})
		}
	}
	for name, id := range b.From {
		row := syncengine.RowID(id)
		def := s.table.Cell(name)
		if def == nil {
			def = s.table.CellOf(name)
		}
		if def == nil || def.Name == schema.CellScope || def.Policy == schema.PolicyCentral || def.Derived || def.Policy.Operation() ||
			row != d.Survivor && !slices.Contains(d.Retired, row) {
			return messages.Refuse(messages.MergeFrom, name)
		}
	}
	return nil
}

// split fills in which records come back: those that the conflict says were merged, unless they are named.
func (s *screen) split(d *syncengine.Decision, b *decideInputBody) error {
	d.Retired = s.merged()
	if len(b.Retired) > 0 {
		d.Retired = nil
		for _, id := range b.Retired {
			d.Retired = append(d.Retired, syncengine.RowID(id))
		}
	}
	if len(d.Retired) == 0 {
		return messages.Refuse(messages.SplitNothing)
	}
	return nil
}

// refusedMerge gives the sentence for a merge or split that the engine refused, nil if there is none of its own.
func refusedMerge(why *syncengine.Reason, choice syncengine.Choice) error {
	switch {
	case choice == syncengine.ChoiceSplit && why.Rule == "retired":
		return messages.Refuse(messages.SplitNothing)
	case choice == syncengine.ChoiceSplit && why.Rule == "forgotten":
		return messages.Refuse(messages.SplitForgotten)
	case choice == syncengine.ChoiceMerge && (why.Rule == "retired" || why.Rule == "survivor" || why.Rule == "scope"):
		return messages.Refuse(messages.MergeGone)
	case why.Code == syncengine.CodeTooLarge && why.Rule == "followers":
		return messages.Refuse(messages.MergeTooLarge)
	}
	return nil
}
