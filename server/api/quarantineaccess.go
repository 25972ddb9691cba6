package api

import (
	"context"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// accessTo gives the record type of a change and what the person may see of it where it belongs: in the scope that its
// row is in, or was in when it died, else in the one that it names, else where the changeset is kept.
func (a *API) accessTo(ctx context.Context, r directory.Rights, scope string, c *syncengine.Change) (*schema.Table, *schema.Access, error) {
	t := a.Schema.Table(c.Table)
	if t == nil {
		return nil, nil, nil
	}
	row, err := a.rowOf(c)
	if err != nil {
		return t, nil, err
	}
	if row != nil {
		access, doors, err := a.roles(ctx, r, t, row.Scope)
		if err != nil || access == nil || !shows(access, row.Author == r.Account.ID, row.Door, doors) {
			return t, nil, err
		}
		return t, access, nil
	}
	if named := namedScope(c); named != "" {
		scope = named
	}
	access, _, err := a.roles(ctx, r, t, scope)
	return t, access, err
}

// rowOf gives the row that a change is about, as it is or was when it died; nil if there never was one.
func (a *API) rowOf(c *syncengine.Change) (row *syncengine.Row, err error) {
	if a.Schema.Table(c.Table) == nil {
		return nil, nil
	}
	err = a.State.View(func(tx syncengine.ReadTx) (err error) {
		if row, err = tx.Row(c.Table, c.Row); err != nil || row != nil {
			return err
		}
		dead, err := tx.Dead(c.Table, c.Row)
		if dead != nil {
			row = dead.Row
		}
		return err
	})
	return row, err
}

// namedScope gives the scope that a change puts its row into, "" if it names none.
func namedScope(c *syncengine.Change) string {
	for _, w := range c.Cells {
		if w.Cell == schema.CellScope && len(w.Values) == 1 {
			return w.Values[0].Str()
		}
	}
	return ""
}

// roles gives what a person may see of a record type in a scope, and his doors there; nil for nothing, also if there is
// no such scope: it may come from a device.
func (a *API) roles(ctx context.Context, r directory.Rights, t *schema.Table, scope string) (*schema.Access, []string, error) {
	covering, err := a.Directory.At(ctx, r, scope)
	if messages.Is(err, messages.NoUnit) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var roles, doors []string
	for _, as := range covering {
		roles, doors = append(roles, as.Role), append(doors, as.Doors...)
	}
	return t.Access(roles...), doors, nil
}

// readsChange tells whether a person sees as much of a change as anybody at the centre may. What no declaration here
// knows is for those who see all of what is known.
func (a *API) readsChange(ctx context.Context, r directory.Rights, scope string, c *syncengine.Change) (bool, error) {
	row, err := a.rowOf(c)
	if err != nil {
		return false, err
	}
	t, access, err := a.accessTo(ctx, r, scope, c)
	if err == nil && t != nil && access == nil && row != nil {
		var was []syncengine.Move
		if err := a.State.View(func(tx syncengine.ReadTx) (err error) { was, _, err = tx.Places(c.Table, c.Row); return err }); err != nil {
			return false, err
		}
		his := false
		for _, m := range append(was, syncengine.Move{Scope: row.Scope}) {
			at, _, err := a.roles(ctx, r, t, m.Scope)
			if err != nil {
				return false, err
			}
			his = his || at != nil
		}
		if !his {
			row = nil // never was anywhere that he sees: as if it were not there
		}
	}
	if err == nil && t != nil && access == nil && row == nil {
		access, _, err = a.roles(ctx, r, t, scope) // it never was anywhere: for those where it is kept, though they are not shown it
	}
	if err != nil || t != nil && access == nil {
		return false, err
	}
	if t == nil {
		for _, t := range a.Schema.Tables {
			access, _, err := a.roles(ctx, r, t, scope)
			if err != nil || a.desk(t) != nil && (access == nil || !a.sees(t, access)) {
				return false, err
			}
		}
		return true, nil
	}
	if c.Decide != nil {
		return a.sees(t, access), nil
	}
	for i := range c.Cells {
		def := t.Cell(c.Cells[i].Cell)
		if def != nil && !a.seesCell(t, access, def) || def == nil && !a.sees(t, access) {
			return false, nil
		}
	}
	return true, nil
}

// readsQuarantined is readsChange for all of a refused changeset: who does not, cannot decide about it.
func (a *API) readsQuarantined(ctx context.Context, r directory.Rights, q *syncengine.Quarantined) (bool, error) {
	for i := range q.Changeset.Changes {
		if ok, err := a.readsChange(ctx, r, q.Scope, &q.Changeset.Changes[i]); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}
