package schema

import "slices"

func (v *validator) views(t *Table) {
	for _, role := range sortedKeys(t.Views) {
		view := t.Views[role]
		what := "view of " + clip(role) + " on " + clip(t.Name)
		r := v.schema.Roles[role]
		if r == nil {
			v.fault(view.Source, "declare the role in roles.yaml, or correct the name", "%s: there is no such role", what)
		}
		switch view.Rows {
		case RowsAll, RowsOwn:
		case RowsDoors:
			if r != nil && !r.Doors {
				v.fault(view.Source, "write doors: true at the role, or rows: all or own", "%s is by doors, but assignments of that role list none", what)
			}
			if t.Door == "" {
				v.fault(view.Source, "write rows: own, or declare door:", "%s is by doors, but the record type has no door", what)
			}
		default:
			v.fault(view.Source, "write rows: all, doors or own", "%s has rows %q", what, clip(string(view.Rows)))
		}
		v.mentions(t, view, what)
		v.groupsShown(t, view, what)
	}
}

// mentions checks what a view says of columns, and that it is not silent about a sensitive one.
func (v *validator) mentions(t *Table, view *View, what string) {
	for _, name := range slices.Concat(view.Shown, view.Hidden, sortedKeys(view.Masks)) {
		c := v.column(t, name)
		if c == nil {
			v.fault(view.Source, "correct the name, or declare the column", "%s names column %q, which is not declared", what, clip(name))
			continue
		}
		if (c.Name == ColID || c.Name == ColScope || c.Group == CellEnvelop) && !slices.Contains(view.Shown, name) {
			v.fault(view.Source, "remove it there", "%s hides or masks %s, which every view shows", what, name)
		}
		if m, ok := view.Masks[name]; ok && !m.fits(c) {
			v.fault(view.Source, "use name, phone, id or all on a text, all on a code or date, or hide the column", "%s masks %s with %q", what, name, clip(string(m)))
		}
	}
	for _, c := range t.Columns {
		if c.Sensitivity >= SensitiveFrom && !mentioned(view, c.Name) {
			v.fault(view.Source, "name it under shown, masked or hidden", "%s is silent about %s, which has sensitivity %d", what, c.Name, c.Sensitivity)
		}
	}
}

func mentioned(v *View, column string) bool {
	_, masked := v.Masks[column]
	return masked || slices.Contains(v.Shown, column) || slices.Contains(v.Hidden, column)
}

// fits tells whether a mask, which is text, can stand in a column's place in a replica's table.
func (m Mask) fits(c *Column) bool {
	switch m {
	case MaskName, MaskPhone, MaskID:
		return c.Type == TypeText
	case MaskAll:
		return c.Type == TypeText || c.Type == TypeCode || c.Type == TypeDate
	}
	return false
}

// groupsShown refuses a view that shows half of a cell: what merges as one is sent as one.
func (v *validator) groupsShown(t *Table, view *View, what string) {
	first := map[string]*Column{}
	for _, c := range t.Columns {
		if c.Group == "" {
			continue
		}
		f := first[c.Group]
		if f == nil {
			first[c.Group] = c
		} else if whole(view, c.Name) != whole(view, f.Name) {
			v.fault(view.Source, "treat all columns of the group alike", "%s shows only part of group %s (%s, %s)", what, clip(c.Group), f.Name, c.Name)
		}
	}
}

// whole tells whether a view sends a column in full.
func whole(v *View, column string) bool {
	_, masked := v.Masks[column]
	return !masked && !slices.Contains(v.Hidden, column)
}

func (v *validator) rights(t *Table) {
	for _, role := range sortedKeys(t.Rights) {
		right := t.Rights[role]
		what := "right of " + clip(role) + " on " + clip(t.Name)
		view := t.Views[role]
		if v.schema.Roles[role] == nil {
			v.fault(right.Source, "declare the role in roles.yaml, or correct the name", "%s: there is no such role", what)
			continue
		}
		if view == nil {
			v.fault(right.Source, "give the role a view, or remove the right", "%s: it may write what it cannot see", what)
			continue
		}
		if t.Append && right.Delete {
			v.fault(right.Source, "remove delete; wrong rows are voided with a reason", "%s allows delete, but the record type is append", what)
		}
		if right.Insert {
			v.insertable(t, view, right, what)
		}
		for _, cell := range right.Update {
			if cell != AllCells {
				v.updatable(t, view, right, cell, what)
			}
		}
	}
}

// insertable checks that a role which inserts can give all that an insert must have.
func (v *validator) insertable(t *Table, view *View, right *Right, what string) {
	for _, c := range t.Columns {
		if c.Required && !whole(view, c.Name) {
			v.fault(right.Source, "show the column in full, or remove insert", "%s allows insert, but the role does not see %s in full, which is required", what, c.Name)
		}
	}
}

func (v *validator) updatable(t *Table, view *View, right *Right, cell, what string) {
	var cols []*Column
	for _, c := range t.Columns {
		switch {
		case c.Group == cell, c.Name == cell && c.Group == "":
			cols = append(cols, c)
		case c.Name == cell:
			v.fault(right.Source, "name the group "+clip(c.Group)+" instead", "%s names %s, which is part of a group: a group shares one right", what, cell)
			return
		}
	}
	if len(cols) == 0 || cell == ColID {
		v.fault(right.Source, `name columns, groups or "*"`, "%s names %q, which is no cell", what, clip(cell))
		return
	}
	for _, c := range cols {
		if c.Policy == PolicyCentral || c.Policy == PolicyAppend {
			v.fault(right.Source, "remove it from update", "%s names %s, which has policy %s and is not updated", what, cell, c.Policy)
			return
		}
		if !whole(view, c.Name) {
			v.fault(right.Source, "show it in full, or remove it from update", "%s names %s, but the role does not see %s in full: nobody may overwrite what he cannot see", what, cell, c.Name)
		}
	}
}
