package replica

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Forbidden gives the first change of a changeset that was just sealed which the person's roles may not make by the
// declarations, nil if there is none: the centre would refuse it later, when he may be far from the door. It knows record
// types and columns alone. Where it is not sure (a unit that he has no grant in, a role that these declarations do not
// have, a row that moves) the centre judges, as ever.
func Forbidden(tx Tx, s *schema.Schema, ctl *Control, cs *se.Changeset) (*se.Reason, error) {
	for i := range cs.Changes {
		c := &cs.Changes[i]
		t := s.Table(c.Table)
		if t == nil {
			continue
		}
		scope, known, err := scopeOfChange(tx, t, c)
		if err != nil {
			return nil, err
		}
		a, sure := access(s, ctl, t, scope)
		if !known || !sure {
			continue
		}
		if why := forbidden(t, a, c); why != nil {
			return why, nil
		}
	}
	return nil, nil
}

// forbidden gives why a change is not allowed, nil if it is.
func forbidden(t *schema.Table, a *schema.Access, c *se.Change) *se.Reason {
	no := func(rule, column string) *se.Reason {
		return &se.Reason{Code: se.CodeNoRight, Table: t.Name, Row: c.Row, Column: column, Rule: rule}
	}
	switch {
	case c.Op == se.OpInsert && (a == nil || !a.Right.Insert):
		return no("insert", "")
	case c.Op == se.OpDelete && (a == nil || !a.Right.Delete && !t.Append):
		return no("delete", "")
	}
	for i := range c.Cells {
		def := t.Cell(c.Cells[i].Cell)
		if def == nil || def.Policy == schema.PolicyAppend && c.Op != se.OpInsert {
			continue
		}
		if c.Op == se.OpInsert && !a.MayInsert(def) {
			return no("insert", def.Name)
		}
		if c.Op == se.OpUpdate && (a == nil || !a.MayUpdate(def)) {
			return no("update", def.Name)
		}
	}
	return nil
}

// scopeOfChange gives the scope that a change is judged in; known is false for a row that moves, that a change before this
// one moved and the centre has not judged yet, or that is only here.
func scopeOfChange(tx Tx, t *schema.Table, c *se.Change) (scope string, known bool, err error) {
	for i := range c.Cells {
		if w := &c.Cells[i]; w.Cell == schema.CellScope && len(w.Values) == 1 {
			return w.Values[0].Str(), c.Op == se.OpInsert, nil
		}
	}
	row, _, err := tx.Under(t, c.Row)
	if err != nil || row == nil {
		return "", false, err
	}
	pending, err := tx.Pending(t, c.Row)
	if err != nil {
		return "", false, err
	}
	moved := slices.ContainsFunc(pending, func(p Pending) bool {
		return slices.ContainsFunc(p.Change.Cells, func(w se.CellWrite) bool { return w.Cell == schema.CellScope })
	})
	return row[t.CellIndex(schema.CellScope)][0].Str(), !moved, nil
}

// access gives what the person may do with a record type in a scope by the grants of the last Welcome; sure is false where
// that cannot be told here.
func access(s *schema.Schema, ctl *Control, t *schema.Table, scope string) (a *schema.Access, sure bool) {
	var roles []string
	for _, g := range ctl.Grants {
		if g.Scope == scope {
			if s.Roles[g.Role] == nil {
				return nil, false
			}
			roles = append(roles, g.Role)
		}
	}
	return t.Access(roles...), len(roles) > 0
}
