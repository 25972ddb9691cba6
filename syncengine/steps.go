package syncengine

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// column gives what a row shows in one column.
func (r *Row) column(t *schema.Table, name string) schema.Value {
	def := t.CellOf(name)
	return r.Cells[t.CellIndex(def.Name)].Values(def)[slices.Index(def.Columns, t.Column(name))]
}

// firstState gives a new case the state of one without steps.
func (g *ingest) firstState(t *schema.Table, row *Row) error {
	if t.StepsBy == nil {
		return nil
	}
	last, err := g.tx.LastStep(t.StepsBy.Name, row.ID)
	if err != nil {
		return err
	}
	state := t.StepsBy.Steps.Initial
	if last != nil {
		state = last.State
	}
	g.central(row, t.CellIndex(t.CellOf(t.StepsBy.Steps.State).Name), []schema.Value{schema.Text(state)})
	return nil
}

// step judges a new guarded step (engine.md §5 rule 6). The first valid one in the centre's order stands and is
// numbered; one that follows another step than the case's last joins the case's one workflow conflict, without a
// number until a decision gives it one.
func (g *ingest) step(t *schema.Table, row *Row) error {
	st := t.Steps
	c := &Change{Table: t.Name, Row: row.ID}
	caseID := RowID(row.column(t, st.Case).Str())
	if caseID == "" {
		return reject(CodeMissing, c, st.Case, schema.RuleRequired)
	}
	move, ok := st.Moves[row.column(t, st.Step).Str()]
	if !ok {
		return reject(CodeBadStep, c, st.Step, "unknown")
	}
	if len(move.Roles) > 0 && !g.supervised && !g.hasRole(row.Scope, move.Roles) {
		return reject(CodeNoRight, c, st.Step, "role")
	}
	if err := g.ownCase(c, t, caseID); err != nil {
		return err
	}
	g.checks = append(g.checks, func() error { return g.ownCase(c, t, caseID) }) // the case may come later in the changeset
	last, err := g.tx.LastStep(t.Name, caseID)
	if err != nil {
		return fmt.Errorf("read last step: %w", err)
	}
	follows, state := RowID(row.column(t, st.Follows).Str()), st.Initial
	lastID := RowID("")
	if last != nil {
		lastID, state = last.Row, last.State
	}
	if follows != lastID {
		return g.lateStep(t, row, caseID, lastID)
	}
	if !slices.Contains(move.From, state) {
		return reject(CodeBadStep, c, st.Step, state)
	}
	return g.number(t, row, caseID, last, move)
}

// ownCase makes sure, once all changes are in, that nobody takes a step of a case that he never saw. The answer is that
// for a case that is not there.
func (g *ingest) ownCase(c *Change, t *schema.Table, caseID RowID) error {
	ref := t.Column(t.Steps.Case).Ref
	owner, err := g.tx.Peek(ref, caseID)
	if err != nil || owner == nil {
		return err // the reference is checked by itself
	}
	ok, err := g.sees(g.views.table(ref), owner)
	if err == nil && !ok {
		err = reject(CodeUnknownReference, c, t.Steps.Case, "")
	}
	return err
}

func (g *ingest) hasRole(scope string, roles []string) bool {
	sv := g.views.byScope[scope]
	return sv != nil && slices.ContainsFunc(sv.roles, func(r string) bool { return slices.Contains(roles, r) })
}

// lateSteps are the steps of one case that the changeset brought too late.
type lateSteps struct {
	key   ConflictKey
	first WriteID // of the case's last step
	row   *Row    // one of them: where the conflict belongs
	list  []Candidate
}

// maxLate is how many late steps of a case may wait. Nobody takes so many by mistake.
const maxLate = 200

// lateStep puts a step that does not follow the last one into the case's workflow conflict.
func (g *ingest) lateStep(t *schema.Table, row *Row, caseID, lastID RowID) error {
	key := ConflictKey{ConflictWorkflow, t.Column(t.Steps.Case).Ref, caseID, ""}
	l := g.lateBy[key]
	if l == nil {
		l = &lateSteps{key: key, row: row}
		if g.lateBy == nil {
			g.lateBy = map[ConflictKey]*lateSteps{}
		}
		g.lateBy[key] = l
		g.late = append(g.late, l)
		if lastID != "" {
			if r, err := g.tx.Row(t.Name, lastID); err != nil {
				return err
			} else if r != nil {
				x := candidateRow(t, r)
				l.first = x.ID()
			}
		}
	}
	l.list = append(l.list, candidateRow(t, row))
	if len(l.list) > maxLate {
		return reject(CodeTooLarge, &Change{Table: t.Name, Row: row.ID}, t.Steps.Follows, "steps")
	}
	return nil
}

// queueLate puts the late steps into the conflicts of their cases, once for each case.
func (g *ingest) queueLate() error {
	for _, l := range g.late {
		dead, err := g.tx.Dead(l.key.Table, l.key.Row)
		if err != nil {
			return err
		}
		if dead != nil && dead.Seq == g.seq {
			continue // the same changeset deleted the case
		}
		con, err := g.tx.OpenConflict(l.key)
		if err != nil {
			return err
		}
		var list []Candidate
		if con != nil {
			list = con.Candidates
		}
		if list = append(list, l.list...); len(list) > maxLate {
			return reject(CodeTooLarge, &Change{Table: l.row.Table, Row: l.row.ID}, "", "steps")
		}
		at := l.row
		if owner, err := g.tx.Row(l.key.Table, l.key.Row); err != nil {
			return err
		} else if owner != nil {
			at = owner // where the case is now
		}
		if err := g.setCandidates(l.key, at, list, true, l.first); err != nil {
			return err
		}
	}
	return nil
}

// number gives a step its place after the case's last one and the case its new state.
func (g *ingest) number(t *schema.Table, row *Row, caseID RowID, last *Step, move schema.Move) error {
	n := int64(1)
	if last != nil {
		n = last.Number + 1
	}
	g.central(row, t.CellIndex(t.CellOf(t.Steps.Number).Name), []schema.Value{schema.Int(n)})
	row.Seq = g.seq
	if err := g.tx.PutRow(row); err != nil {
		return fmt.Errorf("put step: %w", err)
	}
	if err := g.tx.PutStep(t.Name, caseID, Step{Row: row.ID, Number: n, State: move.To}); err != nil {
		return fmt.Errorf("put last step: %w", err)
	}
	ref := t.Column(t.Steps.Case)
	owner := g.views.table(ref.Ref)
	r, err := g.tx.Row(ref.Ref, caseID)
	if err != nil || r == nil {
		return err // of a case that comes later in the changeset, or is dead
	}
	// The state is derived: replicas compute it from the numbered steps, so the row itself does not move.
	i := owner.CellIndex(owner.CellOf(t.Steps.State).Name)
	g.central(r, i, []schema.Value{schema.Text(move.To)})
	return g.tx.PutRow(r)
}
