package schema

// Check tells whether next may replace prev while devices of prev, and changesets they wrote offline, are still about:
// a device two versions behind keeps working, and what it sends is neither refused nor dropped. A column may become
// required: it is then demanded only of replicas that know so (Carry, Demands). Both schemas are indexed. No fault
// means that it may. Each fault says the way out.
func Check(prev, next *Schema) Faults {
	c := &checker{prev: prev, next: next}
	for _, old := range prev.Tables {
		if t := next.Table(old.Name); t == nil {
			c.refuse(old.Source, "keep it; take away the rights to insert and update, and it is history", "record type %s is removed", old.Name)
		} else {
			c.table(old, t)
		}
	}
	c.codes()
	c.roles()
	c.changed = c.changed || !same(prev, next)
	switch {
	case next.Version < prev.Version:
		c.refuse(Source{}, "count it up in version.yaml", "version %d is below %d, which is in use", next.Version, prev.Version)
	case next.Version == prev.Version && c.changed:
		c.refuse(Source{}, "count it up in version.yaml", "the declarations differ but the version is still %d", next.Version)
	}
	return c.faults
}

type checker struct {
	prev, next *Schema
	changed    bool // something differs that devices must learn
	faults     Faults
}

func (c *checker) refuse(at Source, do, what string, args ...any) {
	c.changed = true
	c.faults = append(c.faults, NewFault(at, do, what, args...))
}

func (c *checker) table(old, t *Table) {
	if old.Level != t.Level {
		c.refuse(t.at("level"), "declare a new record type", "record type %s moves from level %s to %s; its rows lie in scopes of the old one", t.Name, old.Level, t.Level)
	}
	if old.Door != t.Door {
		c.refuse(t.at("door"), "keep it; declare a new record type for what belongs to doors in another way", "record type %s changes its door from %s to %s; its rows lie at doors of the old one", t.Name, orNone(old.Door), orNone(t.Door))
	}
	if old.Append != t.Append {
		c.refuse(t.at("append"), "declare a new record type", "record type %s changes append", t.Name)
	}
	if (old.Steps == nil) != (t.Steps == nil) || old.Steps != nil && c.stepColumns(old.Steps) != c.stepColumns(t.Steps) {
		c.refuse(t.at("steps"), "keep the columns of the steps; moves may change", "record type %s changes which columns hold its steps", t.Name)
	}
	for _, col := range old.Columns {
		if n := t.Column(col.Name); n == nil {
			c.refuse(col.Source, "keep it; hide it in the views, and it is out of sight", "column %s of %s is removed", col.Name, t.Name)
		} else {
			c.column(t, col, n)
		}
	}
	for _, col := range t.Columns {
		if old.Column(col.Name) != nil {
			continue
		}
		if cell := old.Cell(t.CellOf(col.Name).Name); cell != nil {
			c.refuse(col.Source, "put new columns into a group of their own", "column %s of %s joins group %s, of which older phones send less", col.Name, t.Name, cell.Name)
		}
	}
}

func (c *checker) stepColumns(s *Steps) [5]string {
	return [5]string{s.Case, s.Follows, s.Number, s.Step, s.State}
}

func (c *checker) column(t *Table, old, col *Column) {
	what := "column " + col.Name + " of " + t.Name
	const anew = "declare a new column beside it"
	switch {
	case old.Type != col.Type:
		c.refuse(col.Source, anew, "%s changes its type from %s to %s", what, old.Type, col.Type)
	case old.Ref != col.Ref:
		c.refuse(col.Source, anew, "%s refers to %s instead of %s", what, orNone(col.Ref), orNone(old.Ref))
	case old.Derived != col.Derived:
		c.refuse(col.Source, anew, "%s changes derived", what)
	case old.Policy.travels() != col.Policy.travels():
		c.refuse(col.Source, anew, "%s changes its policy from %s to %s, which travel in different ways", what, old.Policy, col.Policy)
	case old.Group != col.Group:
		c.refuse(col.Source, "keep the group", "%s changes its group from %s to %s; stored versions and conflicts are kept per cell", what, orNone(old.Group), orNone(col.Group))
	}
	if c.narrower(old, col) {
		c.refuse(col.Source, "keep the wider limit; let the form warn", "%s is limited more than before, so that what older phones hold would be refused", what)
	}
	if old.Code != "" && old.Code != col.Code {
		c.codeTable(c.prev.Codes[old.Code], c.next.Codes[col.Code], col.Source)
	}
}

// travels is how writes of a policy come from a device. Policies that travel alike may replace one another: it is the
// centre that combines values, and it keeps all survivors whatever the policy shows.
func (p Policy) travels() string {
	switch p {
	case PolicyAdd, PolicyUnion, PolicyAppend, PolicyCentral:
		return string(p)
	}
	return "value"
}

func (c *checker) narrower(old, col *Column) bool {
	below := func(n, o *float64) bool { return n != nil && (o == nil || *n < *o) }
	above := func(n, o *float64) bool { return n != nil && (o == nil || *n > *o) }
	if old.Type != col.Type {
		return false // said already
	}
	return col.limit() < old.limit() || below(col.Max, old.Max) || above(col.Min, old.Min) ||
		col.Pattern != "" && col.Pattern != old.Pattern || col.Check != "" && col.Check != old.Check && col.Type != TypeSealed // that one is the device's alone
}

// limit is the greatest length that the column takes.
func (c *Column) limit() int {
	if c.Type == TypeSet {
		return c.maxEntries()
	}
	return c.maxLen()
}

func (c *checker) codes() {
	for _, name := range sortedKeys(c.prev.Codes) {
		old, t := c.prev.Codes[name], c.next.Codes[name]
		if t == nil {
			c.refuse(old.Source, "keep it, and retire its codes", "code table %s is removed", name)
			continue
		}
		c.codeTable(old, t, t.Source)
	}
}

func (c *checker) codeTable(old, t *CodeTable, at Source) {
	if old == nil || t == nil {
		return // said by Validate
	}
	for _, code := range old.Codes {
		if !t.has(code.Code) {
			c.refuse(at, "keep it with retired: true", "code %s of %s is removed, but records hold it", clip(code.Code), t.Name)
		}
	}
}

func (c *checker) roles() {
	for _, name := range sortedKeys(c.prev.Roles) {
		old, r := c.prev.Roles[name], c.next.Roles[name]
		if r == nil {
			c.refuse(old.Source, "keep it and end its assignments first", "role %s is removed", name)
		} else if old.Doors != r.Doors {
			c.refuse(r.Source, "declare a new role and reassign people", "role %s changes doors, so that its assignments mean something else", name)
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
