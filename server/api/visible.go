package api

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// shownAtAll tells whether a person sees anything of a cell.
func shownAtAll(access *schema.Access, def *schema.Cell) bool {
	return slices.ContainsFunc(def.Columns, func(col *schema.Column) bool { _, shown := access.Shows(col.Name); return shown })
}

// desk gives what all who work at the centre together may see of a record type, nil for nothing. Some columns are for
// nobody there, such as where a worker was when he visited.
func (a *API) desk(t *schema.Table) *schema.Access {
	var roles []string
	for name, r := range a.Schema.Roles {
		if r.Console {
			roles = append(roles, name)
		}
	}
	return t.Access(roles...)
}

// seesCell tells whether a person sees as much of a cell as anybody at the centre may: then he may decide about it.
func (a *API) seesCell(t *schema.Table, access *schema.Access, def *schema.Cell) bool {
	desk := a.desk(t)
	if desk == nil {
		return true
	}
	for _, col := range def.Columns {
		most, any := desk.Shows(col.Name)
		mine, shown := access.Shows(col.Name)
		if any && (!shown || mine != schema.MaskNone && mine != most) {
			return false
		}
	}
	return true
}

// sees is seesCell for all cells of a record type.
func (a *API) sees(t *schema.Table, access *schema.Access) bool {
	return !slices.ContainsFunc(t.Cells, func(def *schema.Cell) bool { return !a.seesCell(t, access, def) })
}
