package simtest

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// reasons is the oracle's account of what supervisors gave as their reasons, and who was told.
type reasons struct {
	now   int64              // of the reading in which messages were found: grants are those of then
	given map[int64]string   // by the seq of the decision
	owed  []se.Message       // messages about decisions, in order
	heard map[string][]int64 // numbers of such messages that left the centre, by device
}

// becauseOf is what a supervisor writes: he quotes what he saw, as people do.
func becauseOf(x *se.Candidate) string {
	if len(x.Cell.Values) == 0 || x.Cell.Values[0].Kind() != schema.KindText {
		return "looked at it"
	}
	return fmt.Sprintf("looked at it: %s it is", x.Cell.Values[0].Str())
}

// reasoned takes what a commit says about decisions.
func (o *oracle) reasoned(r *record) {
	for i := range r.history {
		for _, c := range r.history[i].Changeset.Changes {
			if c.Decide != nil && c.Decide.Conflict != "" {
				o.reasons.given[r.history[i].Seq] = c.Decide.Reason
			}
		}
	}
	for _, m := range r.messages {
		if m.Kind == se.MessageDecided {
			o.reasons.owed = append(o.reasons.owed, m)
		}
	}
}

// hearsWhy checks what a device is told of decisions: the supervisor's words for who reads all that was before him then, and
// for nobody else.
func (o *oracle) hearsWhy(n *node, in *session.Inbox) {
	for i := range in.Messages {
		m := &in.Messages[i]
		if m.Kind != se.MessageDecided {
			continue
		}
		o.reasons.heard[n.id] = append(o.reasons.heard[n.id], m.Number)
		want := o.reasons.given[m.Seq]
		switch {
		case !o.readsAll(n, m):
			want = ""
			o.w.count("reason withheld")
		case want != "":
			o.w.count("reason told")
		}
		if m.Reason != want {
			o.bad("P8", "%s is told of the decision at %d on %s: %q, should be %q", n.id, m.Seq, m.Conflict.Key.Label(), m.Reason, want)
		}
	}
}

// readsAll tells whether a person reads all that a decision was about, by the world's own record of rows.
func (o *oracle) readsAll(n *node, m *se.Message) bool {
	k := m.Conflict.Key
	t := o.schema.Table(k.Table)
	if n.principal == nil {
		return false
	}
	rows := []se.RowID{k.Row}
	if k.Kind == se.ConflictDuplicate {
		for _, x := range o.conflicts[m.Conflict.ID].Candidates {
			rows = append(rows, x.Row)
		}
	}
	grants := activeAt(n.principal.Grants, o.reasons.now)
	for _, id := range rows {
		row := o.lastOf(replica.RowKey{Table: k.Table, Row: id})
		if row == nil || !shows(t, n.principal.Account, grants, row) || !readsCells(t, grants, row.Scope, k.Cell) {
			return false
		}
		if k.Kind == se.ConflictWorkflow && !readsCells(o.schema.Table("move"), grants, row.Scope, "") {
			return false
		}
	}
	return true
}

// lastOf gives a row as it is. Where one lay that was moved and deleted in one group no committed head tells: of dead ones
// the place is the store's.
func (o *oracle) lastOf(k replica.RowKey) *se.Row {
	if row := o.at(k, o.head.Seq); row != nil {
		return row
	}
	var dead *se.Dead
	_ = o.w.store.View(func(tx se.ReadTx) (err error) { dead, err = tx.Dead(k.Table, k.Row); return err })
	if dead == nil {
		return nil
	}
	return dead.Row
}

// readsCells tells whether every column of a cell ("" = of all) is shown unmasked by some role.
func readsCells(t *schema.Table, grants []se.Grant, scope, cell string) bool {
	for _, def := range t.Cells {
		if cell != "" && def.Name != cell || def.Derived {
			continue
		}
		for _, c := range def.Columns {
			if !slices.ContainsFunc(grants, func(g se.Grant) bool {
				view := t.Views[g.Role]
				if g.Scope != scope || view == nil {
					return false
				}
				hidden := slices.Contains(view.Hidden, c.Name) || c.Sensitivity >= schema.SensitiveFrom && !slices.Contains(view.Shown, c.Name)
				return !hidden && view.Masks[c.Name] == schema.MaskNone
			}) {
				return false
			}
		}
	}
	return true
}

// everybodyWasTold checks at the end, when all are in step, that who is in a conflict and reads it heard how it was decided.
// What comes while somebody has no grant, or while the row is elsewhere, is passed over for good: only those count whose
// grants never changed, and rows that never moved.
func (o *oracle) everybodyWasTold() {
	told := 0
	o.reasons.now = o.w.now
	for i := range o.reasons.owed {
		m := &o.reasons.owed[i]
		n := o.nodeOf(m.Device)
		if n == nil || n.over || len(o.views[n.id]) != 1 || !o.stayed(m.Conflict.Key) || !o.readsAll(n, m) {
			continue
		}
		told++
		if slices.Contains(o.reasons.heard[m.Device], m.Number) {
			continue
		}
		o.bad("P6", "%s was never told of the decision at %d on %s", n.id, m.Seq, m.Conflict.Key.Label())
	}
	if told > 0 {
		o.w.count("everybody in a conflict was told")
	}
}

// stayed tells whether a row was never anywhere else.
func (o *oracle) stayed(k se.ConflictKey) bool {
	var first *se.Row
	return !slices.ContainsFunc(o.versions[replica.RowKey{Table: k.Table, Row: k.Row}], func(v version) bool {
		if first == nil {
			first = v.row
		}
		return first != nil && v.row != nil && (first.Scope != v.row.Scope || first.Door != v.row.Door)
	})
}

func (o *oracle) nodeOf(id string) *node {
	for _, n := range o.w.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}
