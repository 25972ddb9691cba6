package schema

import (
	"regexp"
	"slices"
	"strings"
)

// maxMaxLen bounds max_len: a changeset must fit into one frame.
const maxMaxLen = 100_000

var declarable = []Type{TypeText, TypeInt, TypeReal, TypeBool, TypeDate, TypeTime, TypeCode, TypeRef, TypeSet, TypeSealed}

var policies = []Policy{PolicyLWW, PolicyReview, PolicyMax, PolicyMin, PolicyAdd, PolicyUnion, PolicyAppend, PolicyCentral}

func (v *validator) columns(t *Table) {
	builtIn := len(BuiltIn())
	seen := map[string]bool{ColID: true, ColScope: true}
	for _, c := range t.Columns[min(builtIn, len(t.Columns)):] {
		what := "column " + clip(c.Name) + " of " + clip(t.Name)
		if slices.Contains(reserved, c.Name) || c.Name == ColID || c.Name == ColScope {
			v.fault(c.Source, "choose another name", "%s has a name that every record has already", what)
		} else if seen[c.Name] {
			v.fault(c.Source, "keep one of them", "%s is declared twice", what)
		} else {
			v.name(c.Source, "a column of "+clip(t.Name), c.Name)
		}
		seen[c.Name] = true
		v.label(c.Source, what, c.Label)
		v.typeAndPolicy(t, c, what)
		v.refAndCode(c, what)
		v.limits(c, what)
	}
}

func (v *validator) typeAndPolicy(t *Table, c *Column, what string) {
	if !slices.Contains(declarable, c.Type) {
		v.fault(c.Source, "use one of: "+joinWords(declarable), "%s has type %q", what, clip(string(c.Type)))
		return
	}
	if !slices.Contains(policies, c.Policy) {
		v.fault(c.Source, "use one of: "+joinWords(policies), "%s has policy %q", what, clip(string(c.Policy)))
		return
	}
	number := c.Type == TypeInt || c.Type == TypeReal
	ordered := number || c.Type == TypeDate || c.Type == TypeTime || c.Type == TypeBool || c.Type == TypeCode
	extreme := c.Policy == PolicyMax || c.Policy == PolicyMin
	switch {
	case c.Policy == PolicyAdd && !number:
		v.fault(c.Source, "use type int or real, or another policy", "%s has policy add but is no number", what)
	case c.Policy == PolicyUnion && c.Type != TypeSet:
		v.fault(c.Source, "use type set, or another policy", "%s has policy union but is no set", what)
	case extreme && !ordered:
		v.fault(c.Source, "use a number, bool, date, time or code with rank, or another policy", "%s has policy %s but no order", what, c.Policy)
	case c.Policy == PolicyAdd && (c.Min != nil || c.Max != nil):
		v.fault(c.Source, "remove min and max", "%s has policy add and a limit, which no single difference could keep", what)
	}
	if c.Queue && !extreme {
		v.fault(c.Source, "remove queue, or use policy review", "%s has queue, which is for max and min", what)
	}
	if c.Derived && (c.Policy != PolicyCentral || c.Type != TypeCode || c.Required || c.Group != "") {
		v.fault(c.Source, "leave out policy, required and group, and use type code", "%s is derived from steps but declared as if people wrote it", what)
	}
	if c.Required && c.Policy == PolicyCentral {
		v.fault(c.Source, "remove required", "%s is required but written at the centre only, so no insert could give it", what)
	}
	v.rank(c, what, extreme)
}

// rank gives codes an order. Every code must be in it: a code without a place could neither win nor lose.
func (v *validator) rank(c *Column, what string, extreme bool) {
	if c.Type != TypeCode || !extreme {
		if len(c.Rank) > 0 {
			v.fault(c.Source, "remove rank", "%s has rank, which is for codes of policy max or min", what)
		}
		return
	}
	table := v.schema.Codes[c.Code]
	if table == nil {
		return // said elsewhere
	}
	for i, r := range c.Rank {
		if !table.has(r) {
			v.fault(c.Source, "use codes of "+c.Code, "rank of %s names %q, which is no code of %s", what, clip(r), c.Code)
		}
		if slices.Contains(c.Rank[:i], r) {
			v.fault(c.Source, "name each once", "rank of %s names %q twice", what, clip(r))
		}
	}
	for _, code := range table.Codes {
		if !slices.Contains(c.Rank, code.Code) {
			v.fault(c.Source, "list every code from least to greatest: rank: [low, medium, high]", "rank of %s leaves out %q", what, clip(code.Code))
		}
	}
}

func (v *validator) refAndCode(c *Column, what string) {
	switch {
	case c.Type == TypeCode && c.Code == "":
		v.fault(c.Source, "write code: and the name of a code table", "%s has type code but no code table", what)
	case c.Type == TypeRef && c.Ref == "":
		v.fault(c.Source, "write ref: and the name of a record type", "%s has type ref but no record type", what)
	case c.Code != "" && c.Type != TypeCode && c.Type != TypeSet:
		v.fault(c.Source, "remove code, or use type code or set", "%s names a code table but has type %s", what, c.Type)
	case c.Ref != "" && c.Type != TypeRef && c.Type != TypeSet:
		v.fault(c.Source, "remove ref, or use type ref or set", "%s names a record type but has type %s", what, c.Type)
	case c.Ref != "" && c.Code != "":
		v.fault(c.Source, "keep one of the two", "%s has both code and ref", what)
	}
	if c.Code != "" && v.schema.Codes[c.Code] == nil {
		v.fault(c.Source, "declare it in codes/, or correct the name", "%s uses code table %q, which is not declared", what, clip(c.Code))
	}
	if c.Ref != "" && v.tables[c.Ref] == nil {
		v.fault(c.Source, "declare it in records/, or correct the name", "%s refers to record type %q, which is not declared", what, clip(c.Ref))
	}
}

func (v *validator) limits(c *Column, what string) {
	if c.MaxLen != 0 && c.Type != TypeText && c.Type != TypeSet && c.Type != TypeSealed {
		v.fault(c.Source, "remove max_len", "%s has max_len, which is for text, set and sealed", what)
	}
	if c.MaxLen < 0 || c.MaxLen > maxMaxLen {
		v.fault(c.Source, "use 1 to 100000; longer things are attachments", "%s has max_len %d", what, c.MaxLen)
	}
	if (c.Min != nil || c.Max != nil) && c.Type != TypeInt && c.Type != TypeReal && c.Type != TypeTime {
		v.fault(c.Source, "remove min and max", "%s has min or max, which are for int, real and time", what)
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		v.fault(c.Source, "exchange them", "%s has min above max", what)
	}
	if c.Sensitivity < 0 || c.Sensitivity > 3 {
		v.fault(c.Source, "use 0 public, 1 internal, 2 personal or 3 restricted", "%s has sensitivity %d", what, c.Sensitivity)
	}
	if c.Type == TypeSealed && c.Sensitivity < SensitiveFrom {
		v.fault(c.Source, "write sensitivity: 3 (or 2)", "%s is sealed but not marked as sensitive", what)
	}
	if c.Check != "" && (checks[c.Check] == nil || c.Type != TypeText && c.Type != TypeSealed) {
		v.fault(c.Source, "use citizen_id, identity_no, phone or uscc, on a text or a sealed column", "%s has check %q", what, clip(c.Check))
	}
	if c.Type == TypeSealed && c.SealedRoom() < SealBlock {
		v.fault(c.Source, "write max_len: 128 or more; it counts the ciphertext", "%s is sealed but has no room for text", what)
	}
	v.pattern(c, what)
}

// hashes checks that a column of keyed hashes merges with the column it is made of: one without the other finds nothing.
func (v *validator) hashes(t *Table) {
	for _, c := range t.Columns {
		if c.HashOf == "" {
			continue
		}
		what := "column " + clip(c.Name) + " of " + clip(t.Name)
		of := v.column(t, c.HashOf)
		switch {
		case of == nil || of.Type != TypeSealed:
			v.fault(c.Source, "name a sealed column of the same record type", "%s is the hash of %q, which is no sealed column", what, clip(c.HashOf))
		case c.Type != TypeText || c.MaxLen != 0 && c.MaxLen < 64:
			v.fault(c.Source, "use type text with max_len of 64 or more", "%s cannot hold a hash of 64 characters", what)
		case c.Group == "" || c.Group != of.Group:
			v.fault(c.Source, "put both into one group", "%s and %s are written together but not one cell", what, clip(of.Name))
		}
	}
}

func (v *validator) pattern(c *Column, what string) {
	if c.Pattern == "" {
		return
	}
	if c.Type != TypeText {
		v.fault(c.Source, "remove pattern", "%s has pattern, which is for text", what)
	}
	if !strings.HasPrefix(c.Pattern, "^") || !strings.HasSuffix(c.Pattern, "$") {
		v.fault(c.Source, "begin it with ^ and end it with $", "pattern of %s is not anchored", what)
	}
	if _, err := regexp.Compile(c.Pattern); err != nil {
		v.fault(c.Source, "correct it; look-ahead and back-references do not exist here", "pattern of %s cannot be read", what)
	}
}

// groups checks that columns of one group can merge as one cell.
func (v *validator) groups(t *Table) {
	first := map[string]*Column{}
	count := map[string]int{}
	for _, c := range t.Columns {
		if c.Group == "" || c.Group == CellEnvelop && slices.Contains(EnvelopeColumns, c.Name) {
			continue
		}
		count[c.Group]++
		f := first[c.Group]
		if f == nil {
			first[c.Group] = c
			v.name(c.Source, "a group of "+clip(t.Name), c.Group)
			if v.column(t, c.Group) != nil || c.Group == CellEnvelop {
				v.fault(c.Source, "rename the group", "group %s of %s has the name of a column or of a built-in cell", c.Group, t.Name)
			}
			if c.Policy.Operation() || c.Policy == PolicyMax || c.Policy == PolicyMin {
				v.fault(c.Source, "use lww, review, append or central", "group %s of %s has policy %s, which is for single columns", clip(c.Group), t.Name, c.Policy)
			}
			continue
		}
		if c.Policy != f.Policy {
			v.fault(c.Source, "give all its columns one policy", "group %s of %s has columns of policy %s and %s", clip(c.Group), t.Name, f.Policy, c.Policy)
		}
	}
	for _, g := range sortedKeys(count) {
		if count[g] == 1 {
			v.fault(first[g].Source, "add the other columns, or remove group", "group %s of %s has only one column", clip(g), t.Name)
		}
	}
}

func (t *CodeTable) has(code string) bool {
	return slices.ContainsFunc(t.Codes, func(c Code) bool { return c.Code == code })
}

func joinWords[T ~string](list []T) string {
	s := make([]string, len(list))
	for i, x := range list {
		s[i] = string(x)
	}
	return strings.Join(s, ", ")
}
