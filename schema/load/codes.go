package load

import (
	"github.com/doorstep-sync/doorstep/schema"
)

func (d *draft) version(r *reader) {
	f := r.fields(r.root, "version.yaml", "version")
	v := f.int("version")
	if v < 1 {
		r.fault(r.root, "write a whole number from 1 and count it up with every change", "version is missing or below 1")
	}
	d.schema.Version += v
}

func (d *draft) roles(r *reader) {
	f := r.fields(r.root, "roles.yaml", "roles")
	n := f.find("roles")
	if n == nil {
		return
	}
	for _, e := range r.entries(n, "roles") {
		x := r.fields(e.value, "role "+clip(e.key), "zh", "en", "console", "admin", "doors", "offline")
		d.schema.Roles[e.key] = &schema.Role{
			Name: e.key, Label: x.label(), Source: r.at(e.at),
			Console: x.flag("console"), Admin: x.flag("admin"), Doors: x.flag("doors"),
			Offline: x.int("offline"),
		}
	}
}

func (d *draft) codeTable(r *reader) {
	f := r.fields(r.root, "a code table", "name", "extends", "zh", "en", "ours", "codes")
	name, extends := r.nameOf(f)
	if name == "" {
		return
	}
	t := &schema.CodeTable{Name: name, Label: f.label(), Ours: f.flag("ours"), Source: r.at(f.find(nameKey(extends)))}
	if extends {
		old := d.schema.Codes[name]
		if old == nil {
			r.lose(f.find("extends"), "write name: to declare a new one", "there is no code table %q to extend", clip(name))
			return
		}
		t = old
		if f.has("zh") || f.has("en") {
			t.Label = f.label()
		}
	}
	d.schema.Codes[name] = t
	if n := f.find("codes"); n != nil {
		for _, e := range r.entries(n, "codes") {
			x := r.fields(e.value, "code "+clip(e.key), "zh", "en", "retired")
			setCode(t, schema.Code{Code: e.key, Label: x.label(), Retired: x.flag("retired"), Source: r.at(e.at)})
		}
	}
}

func setCode(t *schema.CodeTable, c schema.Code) {
	for i := range t.Codes {
		if t.Codes[i].Code == c.Code {
			t.Codes[i] = c
			return
		}
	}
	t.Codes = append(t.Codes, c)
}

// nameOf reads "name: x" or "extends: x"; exactly one of the two must be there.
func (r *reader) nameOf(f fields) (name string, extends bool) {
	if f.has("name") == f.has("extends") {
		r.lose(r.root, `write "name:" to declare a new one or replace a whole one, "extends:" to add to one`, "the file must have either name or extends")
		return "", false
	}
	if f.has("extends") {
		return f.text("extends"), true
	}
	return f.text("name"), false
}

func nameKey(extends bool) string {
	if extends {
		return "extends"
	}
	return "name"
}
