package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// rowsOnly is a replica that holds rows and nothing else.
type rowsOnly struct {
	Tx
	rows map[RowKey]Image
}

func (r rowsOnly) Row(t *schema.Table, id se.RowID) (Image, error) {
	return r.rows[RowKey{t.Name, id}], nil
}

func (r rowsOnly) PutRow(t *schema.Table, id se.RowID, row Image) error {
	r.rows[RowKey{t.Name, id}] = row
	return nil
}

// A new row whose writer left its scope out is where the first row is that it refers to; else in the only scope of its level
// that the device works in. Where there are several, the centre asks.
func TestScopeOfANewRow(t *testing.T) {
	ref := func(name string) *schema.Column {
		return &schema.Column{Name: name, Type: schema.TypeRef, Policy: schema.PolicyReview, Ref: "home"}
	}
	home := &schema.Table{Name: "home", Level: schema.LevelGrid, Columns: schema.BuiltIn()}
	visit := &schema.Table{Name: "visit", Level: schema.LevelGrid, Columns: append(schema.BuiltIn(),
		&schema.Column{Name: "text", Type: schema.TypeText, Policy: schema.PolicyLWW}, ref("home_id"), ref("other_id"))}
	s := &schema.Schema{Tables: []*schema.Table{home, visit}}
	s.Index()
	blank := func(t *schema.Table, values map[string]string) Image {
		row := make(Image, len(t.Cells))
		for i, cell := range t.Cells {
			row[i] = make([]schema.Value, len(cell.Columns))
			if v := values[cell.Name]; v != "" {
				row[i][0] = schema.Text(v)
			}
		}
		return row
	}
	one := se.Grant{Scope: "g1", Level: schema.LevelGrid}
	two, station := se.Grant{Scope: "g2", Level: schema.LevelGrid}, se.Grant{Scope: "s1", Level: "station"}
	for name, x := range map[string]struct {
		grants []se.Grant
		values map[string]string
		want   string
	}{
		"the only one":                       {[]se.Grant{one}, nil, "g1"},
		"twice the same":                     {[]se.Grant{one, one}, nil, "g1"},
		"the only one of its level":          {[]se.Grant{station, one, station}, nil, "g1"},
		"none of its level":                  {[]se.Grant{station}, nil, ""},
		"several":                            {[]se.Grant{one, two}, nil, ""},
		"several, and it refers to a row":    {[]se.Grant{one, two}, map[string]string{"home_id": "in g2"}, "g2"},
		"the first row that it refers to":    {[]se.Grant{one, two}, map[string]string{"home_id": "in g2", "other_id": "in g3"}, "g2"},
		"the second, the first is empty":     {[]se.Grant{one, two}, map[string]string{"other_id": "in g3"}, "g3"},
		"the second, the first is not here":  {[]se.Grant{one, two}, map[string]string{"home_id": "nowhere", "other_id": "in g3"}, "g3"},
		"neither is here":                    {[]se.Grant{one}, map[string]string{"home_id": "nowhere"}, "g1"},
		"its writer said it":                 {[]se.Grant{one}, map[string]string{"scope": "g7", "home_id": "in g2"}, "g7"},
		"a grant of an earlier centre, bare": {[]se.Grant{{Scope: "g1"}}, nil, "g1"},
	} {
		tx := rowsOnly{rows: map[RowKey]Image{
			{"home", "in g2"}: blank(home, map[string]string{"scope": "g2"}), {"home", "in g3"}: blank(home, map[string]string{"scope": "g3"}),
		}}
		now := blank(visit, x.values)
		z := &sealer{tx: tx, schema: s, ctl: &Control{Grants: x.grants}}
		require.NoError(t, z.fillScope(&fold{table: visit, row: "v"}, now), name)
		require.Equal(t, x.want, now[visit.CellIndex(schema.CellScope)][0].Str(), name)
		if _, put := tx.rows[RowKey{"visit", "v"}]; x.values["scope"] == "" {
			require.Equal(t, x.want != "", put, name)
		}
	}
}
