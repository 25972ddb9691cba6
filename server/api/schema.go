package api

import (
	"context"
	"sort"

	"github.com/doorstep-sync/doorstep/schema"
)

// Label is a name for people in both languages.
type Label struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// SchemaDoc is what the centre's declarations call things.
type SchemaDoc struct {
	Version int           `json:"version"`
	Records []RecordDoc   `json:"records"`
	Codes   []CodeListDoc `json:"codes"`
	Roles   []RoleDoc     `json:"roles"`
}

// RecordDoc is a record type.
type RecordDoc struct {
	Name    string      `json:"name"`
	Label   Label       `json:"label"`
	Level   string      `json:"level"`
	Columns []ColumnDoc `json:"columns"`
}

// ColumnDoc is a column of a record type.
type ColumnDoc struct {
	Name     string `json:"name"`
	Label    Label  `json:"label"`
	Type     string `json:"type"`
	Cell     string `json:"cell,omitempty" doc:"What it merges with as one unit."`
	Policy   string `json:"policy,omitempty"`
	Code     string `json:"code,omitempty" doc:"Its code table."`
	Ref      string `json:"ref,omitempty" doc:"The record type it refers to."`
	Required bool   `json:"required,omitempty"`
}

// CodeListDoc is a code table.
type CodeListDoc struct {
	Name   string     `json:"name"`
	Label  Label      `json:"label"`
	Values []ValueDoc `json:"values"`
}

// ValueDoc is a value of a code table.
type ValueDoc struct {
	Code    string `json:"code"`
	Label   Label  `json:"label"`
	Retired bool   `json:"retired,omitempty"`
}

// RoleDoc is a role that assignments may name.
type RoleDoc struct {
	Name    string `json:"name"`
	Label   Label  `json:"label"`
	Console bool   `json:"console,omitempty"`
	Admin   bool   `json:"admin,omitempty"`
	Doors   bool   `json:"doors,omitempty"`
}

func (a *API) schemaRoutes() {
	route(a, "schema", "GET", "/v1/schema", either, "Labels of record types, columns, codes and roles",
		func(ctx context.Context, _ *empty) (*struct{ Body SchemaDoc }, error) {
			if _, err := a.me(ctx); err != nil {
				return nil, err
			}
			return &struct{ Body SchemaDoc }{toSchema(a.Schema)}, nil
		})
}

func toSchema(s *schema.Schema) SchemaDoc {
	out := SchemaDoc{Version: s.Version, Records: []RecordDoc{}, Codes: []CodeListDoc{}, Roles: []RoleDoc{}}
	for _, t := range s.Tables {
		r := RecordDoc{Name: t.Name, Label: Label(t.Label), Level: string(t.Level), Columns: []ColumnDoc{}}
		for _, c := range t.Columns {
			d := ColumnDoc{Name: c.Name, Label: Label(c.Label), Type: string(c.Type), Policy: string(c.Policy), Code: c.Code, Ref: c.Ref, Required: c.Required}
			if cell := t.CellOf(c.Name); cell != nil {
				d.Cell = cell.Name
			}
			r.Columns = append(r.Columns, d)
		}
		out.Records = append(out.Records, r)
	}
	for _, t := range s.Codes {
		d := CodeListDoc{Name: t.Name, Label: Label(t.Label), Values: []ValueDoc{}}
		for _, c := range t.Codes {
			d.Values = append(d.Values, ValueDoc{c.Code, Label(c.Label), c.Retired})
		}
		out.Codes = append(out.Codes, d)
	}
	for _, r := range s.Roles {
		out.Roles = append(out.Roles, RoleDoc{r.Name, Label(r.Label), r.Console, r.Admin, r.Doors})
	}
	sort.Slice(out.Codes, func(i, j int) bool { return out.Codes[i].Name < out.Codes[j].Name })
	sort.Slice(out.Roles, func(i, j int) bool { return out.Roles[i].Name < out.Roles[j].Name })
	return out
}
