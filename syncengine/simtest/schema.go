package simtest

import "github.com/doorstep-sync/doorstep/schema"

// Roles of the small schema.
const (
	roleWorker     = "worker"     // sees a whole grid
	roleSteward    = "steward"    // sees the doors listed, some columns masked or hidden
	roleSupervisor = "supervisor" // decides conflicts
)

// Schema is the declaration that worlds are made of: small, with every policy, a group, natural and idempotency keys,
// references, doors, masks, hidden columns and guarded steps. The names are of no record type of the product.
//
//	place   the doors; natural key (address); a group of two numbers; a sealed column
//	family  at a place; review, lww, union, add, max with queue, min, a reviewed group
//	entry   append; rows of one changeset share a token and sum to 0
//	call    append with an idempotency key; a reviewed group that voids it
//	matter  a case whose state is derived from its steps
//	move    the guarded steps of a matter
func Schema() *schema.Schema {
	s := &schema.Schema{Version: 1, Codes: map[string]*schema.CodeTable{
		"step":  codes("step", "claim", "finish", "drop", "reopen"),
		"state": codes("state", "new", "claimed", "done", "dropped"),
	}, Roles: map[string]*schema.Role{
		roleWorker:     {Name: roleWorker, Label: named(roleWorker), Offline: 1},
		roleSteward:    {Name: roleSteward, Label: named(roleSteward), Doors: true},
		roleSupervisor: {Name: roleSupervisor, Label: named(roleSupervisor), Console: true},
	}}
	all := []string{schema.AllCells}
	place := declare("place", schema.Table{Door: schema.DoorSelf, NaturalKey: []string{"address"}},
		col("address", schema.TypeText, schema.PolicyReview).required(),
		col("note", schema.TypeText, schema.PolicyLWW),
		col("lat", schema.TypeReal, schema.PolicyLWW).group("position"),
		col("owner", schema.TypeSealed, schema.PolicyReview).sensitive(), // ciphertext: see sealed.go
		col("lon", schema.TypeReal, schema.PolicyLWW).group("position"),
	)
	grant(place, schema.View{Rows: schema.RowsDoors, Hidden: []string{"owner"}}, schema.Right{Update: []string{"note"}}, schema.Right{Insert: true, Delete: true, Update: all})
	family := declare("family", schema.Table{Door: "place_id"},
		col("place_id", schema.TypeRef, schema.PolicyReview).ref("place").required(),
		col("head", schema.TypeText, schema.PolicyReview),
		col("phone", schema.TypeText, schema.PolicyLWW),
		col("remark", schema.TypeText, schema.PolicyLWW),
		col("tags", schema.TypeSet, schema.PolicyUnion),
		col("calls", schema.TypeInt, schema.PolicyAdd),
		col("risk", schema.TypeInt, schema.PolicyMax).queue(),
		col("since", schema.TypeInt, schema.PolicyMin),
		col("status", schema.TypeText, schema.PolicyReview).group("standing"),
		col("reason", schema.TypeText, schema.PolicyReview).group("standing"),
	)
	grant(family, schema.View{Rows: schema.RowsDoors, Hidden: []string{"remark"}, Masks: map[string]schema.Mask{"phone": schema.MaskPhone}},
		schema.Right{Update: []string{"head", "tags", "calls", "risk", "standing"}}, schema.Right{Insert: true, Delete: true, Update: all})
	entry := declare("entry", schema.Table{Append: true},
		col("token", schema.TypeText, schema.PolicyAppend).required(),
		col("amount", schema.TypeInt, schema.PolicyAppend).required(),
		col("remark", schema.TypeText, schema.PolicyLWW),
	)
	grant(entry, schema.View{Rows: schema.RowsOwn}, schema.Right{Insert: true}, schema.Right{Insert: true, Update: []string{"remark"}})
	call := declare("call", schema.Table{Append: true, Door: "family_id", Idempotent: []string{"source", "number"}},
		col("family_id", schema.TypeRef, schema.PolicyAppend).ref("family").required(),
		col("source", schema.TypeText, schema.PolicyAppend),
		col("number", schema.TypeInt, schema.PolicyAppend),
		col("people", schema.TypeSet, schema.PolicyAppend),
		col("seen_by", schema.TypeSet, schema.PolicyUnion),
		col("voided", schema.TypeBool, schema.PolicyReview).group("void"),
		col("why", schema.TypeText, schema.PolicyReview).group("void"),
	)
	grant(call, schema.View{Rows: schema.RowsDoors}, schema.Right{Insert: true, Update: []string{"seen_by", "void"}},
		schema.Right{Insert: true, Update: []string{"seen_by", "void"}})
	matter := declare("matter", schema.Table{Door: "family_id"},
		col("family_id", schema.TypeRef, schema.PolicyLWW).ref("family").required(),
		col("title", schema.TypeText, schema.PolicyReview),
		col("backers", schema.TypeInt, schema.PolicyAdd),
		col("state", schema.TypeCode, schema.PolicyCentral).code("state").derived(),
	)
	grant(matter, schema.View{Rows: schema.RowsDoors}, schema.Right{Insert: true, Update: []string{"title", "backers"}},
		schema.Right{Insert: true, Delete: true, Update: []string{"family_id", "title", "backers"}})
	move := declare("move", schema.Table{Append: true, Door: "matter_id"},
		col("matter_id", schema.TypeRef, schema.PolicyAppend).ref("matter").required(),
		col("follows_id", schema.TypeRef, schema.PolicyAppend).ref("move"),
		col("number", schema.TypeInt, schema.PolicyCentral),
		col("step", schema.TypeCode, schema.PolicyAppend).code("step").required(),
		col("note", schema.TypeText, schema.PolicyAppend),
	)
	move.Steps = &schema.Steps{
		Case: "matter_id", Follows: "follows_id", Number: "number", Step: "step", State: "state", Initial: "new",
		Moves: map[string]schema.Move{
			"claim":  {From: []string{"new"}, To: "claimed"},
			"finish": {From: []string{"claimed"}, To: "done"},
			"drop":   {From: []string{"new", "claimed"}, To: "dropped"},
			"reopen": {From: []string{"done", "dropped"}, To: "new", Roles: []string{roleWorker}},
		},
	}
	grant(move, schema.View{Rows: schema.RowsDoors}, schema.Right{Insert: true}, schema.Right{Insert: true})
	s.Tables = []*schema.Table{place, family, entry, call, matter, move}
	s.Index()
	return s
}

func codes(name string, list ...string) *schema.CodeTable {
	t := &schema.CodeTable{Name: name, Label: named(name)}
	for _, c := range list {
		t.Codes = append(t.Codes, schema.Code{Code: c, Label: named(c)})
	}
	return t
}

func named(s string) schema.Label { return schema.Label{ZH: s, EN: s} }

// column builds a declared column.
type column schema.Column

func col(name string, t schema.Type, p schema.Policy) *column {
	return (*column)(&schema.Column{Name: name, Label: named(name), Type: t, Policy: p})
}

func (c *column) required() *column         { c.Required = true; return c }
func (c *column) sensitive() *column        { c.Sensitivity = 3; return c }
func (c *column) queue() *column            { c.Queue = true; return c }
func (c *column) derived() *column          { c.Derived = true; return c }
func (c *column) group(name string) *column { c.Group = name; return c }
func (c *column) ref(table string) *column  { c.Ref = table; return c }
func (c *column) code(table string) *column { c.Code = table; return c }

func declare(name string, t schema.Table, cols ...*column) *schema.Table {
	t.Name, t.Label, t.Level = name, named(name), schema.LevelGrid
	t.Columns = schema.BuiltIn()
	for _, c := range cols {
		t.Columns = append(t.Columns, (*schema.Column)(c))
	}
	return &t
}

// grant gives a record type its views and rights: steward as said, worker everything, supervisor to read.
func grant(t *schema.Table, steward schema.View, stewardMay, workerMay schema.Right) {
	t.Views = map[string]*schema.View{
		roleWorker: {Rows: schema.RowsAll}, roleSteward: &steward, roleSupervisor: {Rows: schema.RowsAll},
	}
	for _, c := range t.Columns {
		if c.Sensitivity >= schema.SensitiveFrom {
			t.Views[roleWorker].Shown, t.Views[roleSupervisor].Shown = []string{c.Name}, []string{c.Name}
		}
	}
	t.Rights = map[string]*schema.Right{
		roleWorker: &workerMay, roleSteward: &stewardMay, roleSupervisor: {Update: []string{schema.AllCells}},
	}
}
