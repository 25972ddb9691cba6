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
	if len(move.Roles) > 0 && !g.hasRole(row.Scope, move.Roles) {
		return reject(CodeNoRight, c, st.Step, "role")
	}
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
		return g.late(t, row, caseID, lastID)
	}
	if !slices.Contains(move.From, state) {
		return reject(CodeBadStep, c, st.Step, state)
	}
	return g.number(t, row, caseID, last, move)
}

func (g *ingest) hasRole(scope string, roles []string) bool {
	sv := g.views.byScope[scope]
	return sv != nil && slices.ContainsFunc(sv.roles, func(r string) bool { return slices.Contains(roles, r) })
}

// late puts a step that does not follow the last one into the case's workflow conflict.
func (g *ingest) late(t *schema.Table, row *Row, caseID, lastID RowID) error {
	ref := t.Column(t.Steps.Case).Ref
	key := ConflictKey{ConflictWorkflow, ref, caseID, ""}
	con, err := g.tx.OpenConflict(key)
	if err != nil {
		return err
	}
	var list []Candidate
	if con != nil {
		list = con.Candidates
	}
	first := ""
	if lastID != "" {
		if r, err := g.tx.Row(t.Name, lastID); err != nil {
			return err
		} else if r != nil {
			first = candidateRow(t, r).Device
		}
	}
	return g.setCandidates(key, row, append(list, candidateRow(t, row)), true, first)
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
