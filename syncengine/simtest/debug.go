package simtest

import (
	"fmt"
	"slices"
	"strings"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// tell describes what became of a row: who wrote it, and with which verdicts. It is for people who read a finding.
func (o *oracle) tell(table string, id se.RowID) string {
	k := replica.RowKey{Table: table, Row: id}
	var b strings.Builder
	for _, v := range o.versions[k] {
		if v.row == nil {
			fmt.Fprintf(&b, "\n  %d: gone", v.seq)
			continue
		}
		if t := o.schema.Table(table); t.StepsBy != nil {
			fmt.Fprintf(&b, "\n  state %v", shown(t, v.row, t.StepsBy.Steps.State))
		}
		fmt.Fprintf(&b, "\n  %d: scope %s door %s seq %d inserted %d", v.seq, v.row.Scope, v.row.Door, v.row.Seq, v.row.Inserted)
	}
	for _, d := range o.watches {
		for _, s := range d.sets {
			ch := s.on(k)
			if ch == nil {
				continue
			}
			fmt.Fprintf(&b, "\n  %v %v", s.id, ch.op)
			for _, w := range ch.cells {
				name := o.schema.Table(table).Cells[w.cell].Name
				fmt.Fprintf(&b, " %s=%v+%v-%v", name, w.vals, w.in, w.out)
				for _, x := range w.saw.writes {
					fmt.Fprintf(&b, "<%v", x.id)
				}
			}
			if s.verdict != nil {
				fmt.Fprintf(&b, ": %v at %d", s.verdict.Kind, s.verdict.Seq)
				if s.verdict.Reason != nil {
					fmt.Fprintf(&b, " %s", s.verdict.Reason.Code)
				}
			}
			if s.want != "" {
				fmt.Fprintf(&b, " (asked for: %s)", s.want)
			}
		}
	}
	if t := o.schema.Table(table); t.StepsBy != nil {
		for _, x := range append(slices.Clone(o.model.caseOf(id, t.StepsBy).numbered), o.model.caseOf(id, t.StepsBy).lateRows...) {
			b.WriteString("\n step " + string(x) + o.tell(t.StepsBy.Name, x))
		}
	}
	return b.String()
}

func (o *oracle) tellAll(table string, ids []string) string {
	out := ""
	for _, id := range ids {
		out += "\n" + table + " " + id + o.tell(table, se.RowID(id))
	}
	return out
}

// tellDuplicates lists every conflict that ever was about the natural keys of rows.
func (o *oracle) tellDuplicates(rows []*se.Row) string {
	out := ""
	for _, id := range o.conflictIDs() {
		c := o.conflicts[id]
		for _, r := range rows {
			if c.Key.Kind == se.ConflictDuplicate && c.Key.Row == r.ID {
				out += fmt.Sprintf("\n conflict %s on %s: opened %d changed %d closed %d %q", c.ID, r.ID, c.Opened, c.Changed, c.Closed, c.Outcome)
				for _, x := range c.Candidates {
					out += " " + string(x.Row)
				}
			}
		}
	}
	return out
}

// story describes every row that a set touches or refers to.
func (o *oracle) story(s *set) string {
	out := ""
	for i := range s.changes {
		ch := &s.changes[i]
		out += "\n" + ch.key.Table + " " + string(ch.key.Row) + o.tell(ch.key.Table, ch.key.Row)
		for _, w := range ch.cells {
			if c := o.schema.Table(ch.key.Table).Cells[w.cell].Columns[0]; c.Ref != "" && len(w.vals) > 0 {
				out += "\n refers to " + c.Ref + o.tell(c.Ref, se.RowID(w.vals[0].Str()))
			}
		}
	}
	return out
}
