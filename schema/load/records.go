package load

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/doorstep-sync/doorstep/schema"
)

func (d *draft) record(r *reader) {
	f := r.fields(r.root, "a record type", "name", "extends", "zh", "en", "level", "append", "door", "natural_key",
		"idempotent", "columns", "steps", "views", "rights")
	name, extends := r.nameOf(f)
	if name == "" {
		return
	}
	var t *schema.Table
	if extends {
		if t = d.table(name); t == nil {
			r.lose(f.find("extends"), "write name: to declare a new one", "there is no record type %q to extend", clip(name))
			return
		}
	} else {
		t = &schema.Table{
			Name: name, Columns: schema.BuiltIn(), Source: r.at(f.find("name")), At: map[string]schema.Source{},
			Views: map[string]*schema.View{}, Rights: map[string]*schema.Right{},
		}
		d.setTable(t)
	}
	for _, e := range f.list {
		t.At[e.key] = r.at(e.at)
	}
	r.header(t, f, extends)
	if n := f.find("columns"); n != nil {
		for _, e := range r.entries(n, "columns") {
			setColumn(t, r.column(t, e))
		}
	}
	if n := f.find("steps"); n != nil {
		t.Steps = r.steps(n)
	}
	r.views(t, f.find("views"))
	r.rights(t, f.find("rights"))
}

// header reads what is said about the record type as a whole; an extension changes only what it names.
func (r *reader) header(t *schema.Table, f fields, extends bool) {
	if !extends || f.has("zh") || f.has("en") {
		t.Label = f.label()
	}
	if !extends || f.has("level") {
		t.Level = schema.Level(f.text("level"))
	}
	if !extends || f.has("append") {
		t.Append = f.flag("append")
	}
	if !extends || f.has("door") {
		t.Door = f.text("door")
	}
	if !extends || f.has("natural_key") {
		t.NaturalKey = f.texts("natural_key")
	}
	if !extends || f.has("idempotent") {
		t.Idempotent = f.texts("idempotent")
	}
}

func (r *reader) column(t *schema.Table, e entry) *schema.Column {
	f := r.fields(e.value, "column "+clip(e.key), "zh", "en", "type", "policy", "group", "queue", "required", "derived", "code", "ref",
		"max_len", "min", "max", "pattern", "check", "rank", "sensitivity", "hash_of")
	c := &schema.Column{
		Name: e.key, Label: f.label(), Source: r.at(e.at),
		Type: schema.Type(f.text("type")), Policy: schema.Policy(f.text("policy")), Group: f.text("group"),
		Queue: f.flag("queue"), Required: f.flag("required"), Derived: f.flag("derived"),
		Code: f.text("code"), Ref: f.text("ref"), MaxLen: f.int("max_len"), Min: f.number("min"), Max: f.number("max"),
		Pattern: f.text("pattern"), Check: f.text("check"), Rank: f.texts("rank"), Sensitivity: f.int("sensitivity"), HashOf: f.text("hash_of"),
	}
	if f.has("max_len") && c.MaxLen < 1 {
		r.fault(f.find("max_len"), "write a number from 1, or leave it out", "max_len of column %s is below 1", clip(e.key))
	}
	if c.Policy == "" {
		c.Policy = defaultPolicy(t, c)
	}
	return c
}

// defaultPolicy is what a column gets that names none: what people type about people is reviewed.
func defaultPolicy(t *schema.Table, c *schema.Column) schema.Policy {
	switch {
	case c.Derived:
		return schema.PolicyCentral
	case t.Append:
		return schema.PolicyAppend
	}
	return schema.PolicyReview
}

func (r *reader) steps(n *yaml.Node) *schema.Steps {
	f := r.fields(n, "steps", "case", "follows", "number", "step", "state", "initial", "moves")
	s := &schema.Steps{
		Case: f.text("case"), Follows: f.text("follows"), Number: f.text("number"), Step: f.text("step"),
		State: f.text("state"), Initial: f.text("initial"), Moves: map[string]schema.Move{}, Source: r.at(n),
	}
	if m := f.find("moves"); m != nil {
		for _, e := range r.entries(m, "moves") {
			x := r.fields(e.value, "move "+clip(e.key), "from", "to", "roles")
			s.Moves[e.key] = schema.Move{From: x.texts("from"), To: x.text("to"), Roles: x.texts("roles"), Source: r.at(e.at)}
		}
	}
	return s
}

// views reads what roles see. In an extension, what it says about a column replaces what was said before.
func (r *reader) views(t *schema.Table, n *yaml.Node) {
	if n == nil {
		return
	}
	for _, e := range r.entries(n, "views") {
		f := r.fields(e.value, "view of "+clip(e.key), "rows", "shown", "masked", "hidden")
		v := t.Views[e.key]
		if v == nil {
			v = &schema.View{Masks: map[string]schema.Mask{}}
			t.Views[e.key] = v
		}
		v.Source = r.at(e.at)
		if f.has("rows") {
			v.Rows = schema.Rows(f.text("rows"))
		}
		said := map[string]bool{}
		say := func(at *yaml.Node, column string) {
			if said[column] {
				r.fault(at, "name it once: shown, masked or hidden", "view of %s names column %q twice", clip(e.key), clip(column))
			}
			said[column] = true
			forget(v, column)
		}
		for _, c := range f.texts("shown") {
			say(e.at, c)
			v.Shown = append(v.Shown, c)
		}
		for _, c := range f.texts("hidden") {
			say(e.at, c)
			v.Hidden = append(v.Hidden, c)
		}
		if m := f.find("masked"); m != nil {
			for _, x := range r.entries(m, "masked") {
				say(x.at, x.key)
				v.Masks[x.key] = schema.Mask(r.text(x.value, "mask"))
			}
		}
	}
}

func forget(v *schema.View, column string) {
	is := func(c string) bool { return c == column }
	v.Shown = slices.DeleteFunc(v.Shown, is)
	v.Hidden = slices.DeleteFunc(v.Hidden, is)
	delete(v.Masks, column)
}

// rights reads what roles may write. An extension replaces a role's right as a whole.
func (r *reader) rights(t *schema.Table, n *yaml.Node) {
	if n == nil {
		return
	}
	for _, e := range r.entries(n, "rights") {
		f := r.fields(e.value, "right of "+clip(e.key), "insert", "delete", "update")
		t.Rights[e.key] = &schema.Right{Insert: f.flag("insert"), Delete: f.flag("delete"), Update: f.texts("update"), Source: r.at(e.at)}
	}
}

func (d *draft) table(name string) *schema.Table {
	for _, t := range d.schema.Tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// setTable adds a record type, or puts it in the place of the one that it replaces.
func (d *draft) setTable(t *schema.Table) {
	for i, old := range d.schema.Tables {
		if old.Name == t.Name {
			d.schema.Tables[i] = t
			return
		}
	}
	d.schema.Tables = append(d.schema.Tables, t)
}

// setColumn adds a declared column or replaces the one of the same name. A name of a built-in column is added, so
// that validation sees it twice and refuses it.
func setColumn(t *schema.Table, c *schema.Column) {
	for i, old := range t.Columns[len(schema.BuiltIn()):] {
		if old.Name == c.Name {
			t.Columns[len(schema.BuiltIn())+i] = c
			return
		}
	}
	t.Columns = append(t.Columns, c)
}
