package schema

import "slices"

// steps checks a declaration of guarded steps: every step has one move, every move can happen, and the columns the
// engine writes into are of the kind it writes.
func (v *validator) steps(t *Table) {
	s := t.Steps
	if s == nil {
		return
	}
	what := "steps of " + clip(t.Name)
	if !t.Append {
		v.fault(s.Source, "add append: true", "%s: steps are only ever added, but the record type is not append", what)
	}
	caseCol := v.stepColumn(t, what, "case", s.Case, TypeRef, PolicyAppend)
	if caseCol != nil && !caseCol.Required {
		v.fault(caseCol.Source, "add required: true", "%s: a step without a case belongs nowhere", what)
	}
	if f := v.stepColumn(t, what, "follows", s.Follows, TypeRef, PolicyAppend); f != nil && (f.Ref != t.Name || f.Required) {
		v.fault(f.Source, "write ref: "+t.Name+" and no required", "%s: follows must refer to a step, and the first step follows none", what)
	}
	v.stepColumn(t, what, "number", s.Number, TypeInt, PolicyCentral)
	step := v.stepColumn(t, what, "step", s.Step, TypeCode, PolicyAppend)
	if step != nil && !step.Required {
		v.fault(step.Source, "add required: true", "%s: a step must say which step it is", what)
	}
	if state := v.stateColumn(t, caseCol, what); state != nil && step != nil {
		v.moves(t, step, state, what)
	}
}

func (v *validator) stepColumn(t *Table, what, key, name string, typ Type, policy Policy) *Column {
	c := v.column(t, name)
	if c == nil || c.Type != typ || c.Policy != policy {
		v.fault(t.Steps.Source, "name a column of type "+string(typ)+" and policy "+string(policy), "%s: %s is %q", what, key, clip(name))
		return nil
	}
	return c
}

// stateColumn is the derived column of the case that the steps decide.
func (v *validator) stateColumn(t *Table, caseCol *Column, what string) *Column {
	if caseCol == nil || v.tables[caseCol.Ref] == nil {
		return nil
	}
	caseTable := v.tables[caseCol.Ref]
	c := v.column(caseTable, t.Steps.State)
	if c == nil || !c.Derived {
		v.fault(t.Steps.Source, "name a column of "+caseTable.Name+" with derived: true", "%s: state is %q", what, clip(t.Steps.State))
		return nil
	}
	for _, other := range v.schema.Tables {
		if other == t || other.Steps == nil {
			continue
		}
		if o := v.column(other, other.Steps.Case); o != nil && o.Ref == caseTable.Name && other.Name < t.Name {
			v.fault(t.Steps.Source, "keep the steps of a case in one record type", "%s and %s both hold the steps of %s", other.Name, t.Name, caseTable.Name)
		}
	}
	for _, role := range sortedKeys(caseTable.Views) {
		if view := caseTable.Views[role]; whole(view, c.Name) && t.Views[role] == nil {
			v.fault(view.Source, "give the role a view of "+t.Name+", or hide "+c.Name, "view of %s on %s shows %s, but without the steps its device cannot know it", clip(role), caseTable.Name, c.Name)
		}
	}
	return c
}

func (v *validator) moves(t *Table, step, state *Column, what string) {
	stepCodes, states := v.schema.Codes[step.Code], v.schema.Codes[state.Code]
	if stepCodes == nil || states == nil {
		return // said elsewhere
	}
	s := t.Steps
	isState := func(at Source, code string) {
		if !states.has(code) {
			v.fault(at, "use codes of "+state.Code, "%s: %q is no state", what, clip(code))
		}
	}
	isState(s.Source, s.Initial)
	for _, c := range stepCodes.Codes {
		if _, ok := s.Moves[c.Code]; !ok {
			v.fault(s.Source, "add a move for it", "%s: step %s has no move", what, clip(c.Code))
		}
	}
	for _, name := range sortedKeys(s.Moves) {
		m := s.Moves[name]
		if !stepCodes.has(name) {
			v.fault(m.Source, "use codes of "+step.Code, "%s: move %q is no step", what, clip(name))
		}
		if len(m.From) == 0 {
			v.fault(m.Source, "write from: [state, …]", "%s: move %s has no state to start from", what, clip(name))
		}
		for _, f := range m.From {
			isState(m.Source, f)
		}
		isState(m.Source, m.To)
		for _, role := range m.Roles {
			if r := t.Rights[role]; r == nil || !r.Insert {
				v.fault(m.Source, "give the role the right to insert, or remove it here", "%s: move %s is for role %s, which may not insert steps", what, clip(name), clip(role))
			}
		}
	}
	v.reachable(s, what)
}

// reachable refuses a move that no path of moves leads to.
func (v *validator) reachable(s *Steps, what string) {
	reached := []string{s.Initial}
	for i := 0; i < len(reached); i++ {
		for _, m := range s.Moves {
			if slices.Contains(m.From, reached[i]) && !slices.Contains(reached, m.To) {
				reached = append(reached, m.To)
			}
		}
	}
	for _, name := range sortedKeys(s.Moves) {
		m := s.Moves[name]
		if len(m.From) > 0 && !slices.ContainsFunc(m.From, func(f string) bool { return slices.Contains(reached, f) }) {
			v.fault(m.Source, "add a move that leads to one of its from states", "%s: move %s can never be taken", what, clip(name))
		}
	}
}

// derived checks that every derived column is the state of some steps.
func (v *validator) derived() {
	for _, t := range v.schema.Tables {
		for _, c := range t.Columns {
			if c.Derived && !v.isState(t, c) {
				v.fault(c.Source, "declare steps with this column as state:, or remove derived", "column %s of %s is derived, but from no steps", c.Name, t.Name)
			}
		}
	}
}

func (v *validator) isState(t *Table, c *Column) bool {
	for _, s := range v.schema.Tables {
		if s.Steps == nil || s.Steps.State != c.Name {
			continue
		}
		if cc := v.column(s, s.Steps.Case); cc != nil && cc.Ref == t.Name {
			return true
		}
	}
	return false
}
