package syncengine

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// decide carries out a supervisor's decision. It is a changeset of a console session like any other: it has a base,
// it names the candidates that his screen showed, and what joined since stays open.
func (g *ingest) decide(i int, c *Change) error {
	d := c.Decide
	if d == nil {
		return reject(CodeBadDecision, c, "", "missing")
	}
	if d.Quarantined != (WriteID{}) {
		return g.decideQuarantined(i, c, d)
	}
	con, err := g.tx.Conflict(d.Conflict)
	if err != nil {
		return fmt.Errorf("read conflict: %w", err)
	}
	if !g.views.principal.Console || con == nil || !g.mayDecide(con.Scope) {
		return reject(CodeBadDecision, c, "", "unknown") // the same for what is not there and what is not his
	}
	c = &Change{Table: con.Key.Table, Row: con.Key.Row, Op: OpDecide, Base: c.Base, Decide: d}
	t := g.views.table(con.Key.Table)
	if t == nil {
		return reject(CodeUnknownTable, c, "", "")
	}
	if d.Choice == ChoiceSplit && con.Key.Kind == ConflictDuplicate {
		g.fate(i, "", FateStands)
		return g.split(c, t, con) // as a rule the conflict ended with the merge
	}
	if !con.Open() {
		return reject(CodeBadDecision, c, con.Key.Cell, "closed")
	}
	g.fate(i, con.Key.Cell, FateStands)
	switch con.Key.Kind {
	case ConflictCell:
		return g.decideCell(i, c, t, con)
	case ConflictDelete:
		return g.decideDelete(i, c, t, con)
	case ConflictDuplicate:
		return g.decideDuplicate(i, c, t, con)
	case ConflictWorkflow:
		return g.decideWorkflow(c, con)
	}
	return reject(CodeBadDecision, c, "", "kind")
}

func (g *ingest) mayDecide(scope string) bool {
	sv := g.views.byScope[scope]
	if sv == nil {
		return false
	}
	for _, r := range sv.roles {
		if role := g.engine.schema.Roles[r]; role != nil && role.Console {
			return true
		}
	}
	return false
}

// dismiss takes the candidates that were shown out of a conflict and ends it if none is left.
func (g *ingest) dismiss(con *Conflict, d *Decision, outcome Outcome) error {
	before := slices.Clone(con.Candidates)
	rest := slices.DeleteFunc(slices.Clone(before), func(x Candidate) bool { return slices.Contains(d.Shown, x.ID()) })
	if err := g.announce(con, d); err != nil {
		return err
	}
	if len(rest) > 0 {
		con.Candidates, con.Changed = rest, g.seq
		return g.tx.PutConflict(con)
	}
	return g.closeConflict(con, outcome, d.Reason)
}

// announce tells everybody who knows of a conflict what was decided.
func (g *ingest) announce(con *Conflict, d *Decision) error {
	return g.tellAll(con, Message{Kind: MessageDecided, Choice: d.Choice, Reason: d.Reason})
}

func find(con *Conflict, id WriteID) []Candidate {
	var out []Candidate
	for _, x := range con.Candidates {
		if x.ID() == id {
			out = append(out, x)
		}
	}
	return out
}

func (g *ingest) decideCell(i int, c *Change, t *schema.Table, con *Conflict) error {
	d := c.Decide
	row, err := g.tx.Row(t.Name, con.Key.Row)
	if err != nil || row == nil {
		return err
	}
	before := CopyRow(row)
	k := t.CellIndex(con.Key.Cell)
	def := t.Cells[k]
	cell := row.Cells[k]
	shown := func(w Write) bool { return !w.Stands() && slices.Contains(d.Shown, w.ID()) }
	w := &CellWrite{Cell: def.Name, Base: c.Base}
	switch d.Choice {
	case ChoiceKeep:
	case ChoiceTake:
		x := find(con, d.Take)
		if len(x) == 0 {
			return reject(CodeBadDecision, c, def.Name, "candidate")
		}
		w.Values = x[0].Cell.Values
	case ChoiceSet:
		w.Values = d.Values
		if _, err := g.values(t, c, w); err != nil {
			return err
		}
		if a := g.views.access(t, row.Scope); a == nil || !a.MayUpdate(def) {
			return reject(CodeNoRight, c, def.Name, "update")
		}
		g.checkReferences(&Change{Table: t.Name, Row: row.ID, Cells: []CellWrite{*w}}, t)
	default:
		return reject(CodeBadDecision, c, def.Name, "choice")
	}
	cell = cell.Clone()
	cell.Survivors = slices.DeleteFunc(cell.Survivors, shown)
	row.Cells[k] = cell
	if w.Values != nil {
		if err := g.merge(i, t, row, w, g.write(w)); err != nil {
			return err
		}
	}
	if err := g.announce(con, d); err != nil {
		return err
	}
	if len(row.Cells[k].Candidates()) == 0 {
		if err := g.closeConflict(con, Outcome(d.Choice), d.Reason); err != nil {
			return err
		}
	}
	return g.save(t, row, before)
}

// decideDelete keeps a deletion, or restores the row with one changeset's edit. A restored row is a new incarnation:
// whoever wrote to the old one without having seen this is concurrent with it.
func (g *ingest) decideDelete(i int, c *Change, t *schema.Table, con *Conflict) error {
	d := c.Decide
	switch d.Choice {
	case ChoiceKeep:
		return g.dismiss(con, d, Outcome(ChoiceKeep))
	case ChoiceTake:
	default:
		return reject(CodeBadDecision, c, "", "choice")
	}
	edit := find(con, d.Take)
	dead, err := g.tx.Dead(t.Name, con.Key.Row)
	if err != nil {
		return err
	}
	if len(edit) == 0 || dead == nil {
		return reject(CodeBadDecision, c, "", "candidate")
	}
	if dead.Bare() {
		return reject(CodeBadDecision, c, "", "forgotten") // nothing is left to restore: it must be entered anew
	}
	was, row := CopyRow(dead.Row), dead.Row
	if err := g.anew(t, row); err != nil {
		return err
	}
	for _, x := range edit {
		w := x.Cell
		w.Base = Base{g.epoch, g.head}
		if k := t.CellIndex(w.Cell); !t.Cells[k].Policy.Operation() {
			row.Cells[k] = Cell{} // chosen over what the row said when it was deleted
		}
		if err := g.merge(i, t, row, &w, g.write(&w)); err != nil {
			return err
		}
	}
	for _, x := range con.Candidates { // not on his screen: they meet the restored row as late writes
		if x.ID() != d.Take && !slices.Contains(d.Shown, x.ID()) {
			if err := g.meet(t, row, dead, &x); err != nil {
				return err
			}
		}
	}
	row.Scope = row.column(t, schema.ColScope).Str()
	if row.Scope != was.Scope && g.views.access(t, row.Scope) == nil {
		return reject(CodeBadDecision, c, schema.ColScope, "scope")
	}
	if err := g.firstState(t, row); err != nil { // steps may have come while the case was dead
		return err
	}
	if err := g.revive(dead, was); err != nil {
		return err
	}
	if err := g.announce(con, d); err != nil {
		return err
	}
	if err := g.closeConflict(con, Outcome(ChoiceTake), d.Reason); err != nil {
		return err
	}
	if err := g.save(t, row, nil); err != nil {
		return err
	}
	return g.followers(t, row) // rows that came to refer to it while it was dead have no door yet
}

// anew makes a dead row a new incarnation of what it showed. What that refers to may have been merged into something.
func (g *ingest) anew(t *schema.Table, row *Row) error {
	row.Inserted, row.Seq = g.seq, g.seq
	for k, def := range t.Cells {
		cell := &row.Cells[k]
		if cell.Shown == 0 {
			continue
		}
		cell.Shown = g.seq
		if def.Policy.Operation() {
			if err := g.currentElements(t, row, def, cell); err != nil {
				return err
			}
			continue
		}
		g.central(row, k, cell.Values(def))
		w := &row.Cells[k].Survivors[0]
		if _, err := g.current(t, row, def, &CellWrite{Values: w.Values}, w); err != nil {
			return err
		}
	}
	return nil
}

// decideWorkflow leaves late steps unnumbered, or numbers one after the case's last.
func (g *ingest) decideWorkflow(c *Change, con *Conflict) error {
	d := c.Decide
	if d.Choice == ChoiceKeep {
		return g.dismiss(con, d, Outcome(ChoiceKeep))
	}
	pick := find(con, d.Take)
	if d.Choice != ChoiceRenumber || len(pick) == 0 {
		return reject(CodeBadDecision, c, "", "choice")
	}
	steps := g.views.table(con.Key.Table).StepsBy
	for _, x := range pick {
		row, err := g.tx.Row(steps.Name, x.Row)
		if err != nil || row == nil {
			return err
		}
		last, err := g.tx.LastStep(steps.Name, con.Key.Row)
		if err != nil {
			return err
		}
		state := steps.Steps.Initial
		if last != nil {
			state = last.State
		}
		move := steps.Steps.Moves[row.column(steps, steps.Steps.Step).Str()]
		if !slices.Contains(move.From, state) {
			return reject(CodeBadDecision, c, "", "state")
		}
		if err := g.number(steps, row, con.Key.Row, last, move); err != nil {
			return err
		}
	}
	one := *d
	one.Shown = []WriteID{d.Take}
	return g.dismiss(con, &one, Outcome(ChoiceRenumber))
}
