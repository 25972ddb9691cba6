package ddl_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
)

// sample gives two different literals that fit a column.
func sample(c *schema.Column) (before, after string) {
	switch c.Type.Kind() {
	case schema.KindInt:
		return "1", "2"
	case schema.KindReal:
		return "1.0", "2.5"
	case schema.KindBlob:
		return "X'00FF'", "X''"
	}
	return "'a'", "'b'"
}

// Every column of every record type is captured when it is set, changed, cleared, deleted and replaced away; what the
// centre alone writes only when it goes away.
func TestEveryColumnIsCaptured(t *testing.T) {
	s := defaultSchema(t)
	eachEngine(t, func(t *testing.T, e engine) {
		var script, want []string
		for _, table := range s.Tables {
			for i, c := range table.Columns[1:] {
				row := id(i)
				a, b := sample(c)
				set := func(v string) string { return fmt.Sprintf(`UPDATE %q SET %q=%s`, table.Name, c.Name, v) }
				insert := fmt.Sprintf(`INSERT INTO %q(id, %q) VALUES('%s', %s)`, table.Name, c.Name, row, a)
				script = append(script, insert, set(b), set("NULL"), set(a), fmt.Sprintf(`DELETE FROM %q`, table.Name),
					insert, fmt.Sprintf(`REPLACE INTO %q(id) VALUES('%s')`, table.Name, row), fmt.Sprintf(`DELETE FROM %q`, table.Name))
				if !c.Derived && c.Group != schema.CellEnvelop {
					for _, l := range []string{"i NULL " + a, "u " + a + " " + b, "u " + b + " NULL", "u NULL " + a, "d " + a + " NULL", "i NULL " + a, "k " + a + " NULL"} {
						want = append(want, table.Name+"."+c.Name+" "+l)
					}
					continue
				}
				// The centre's own columns are only kept, for the row to be shown again.
				for _, l := range []string{"d " + a + " NULL", "k " + a + " NULL"} {
					want = append(want, table.Name+"."+c.Name+" "+l)
				}
			}
		}
		require.Empty(t, e.run(t, append(append([]string{"BEGIN"}, script...), "COMMIT")...))
		got := e.lines(t, `SELECT tbl || '.' || col || ' ' || op || ' ' || quote(old) || ' ' || quote(new) FROM ds_capture
			WHERE old IS NOT NULL OR new IS NOT NULL ORDER BY k`)
		require.Equal(t, want, got)
	})
}

// The centre's tables take the same columns in the same order as RowColumns says.
func TestRowColumns(t *testing.T) {
	s := defaultSchema(t)
	d := openDriver(t, freshReplica(t))
	require.Empty(t, d.run(t, ddl.Centre(s)...))
	for _, table := range s.Tables {
		want := ddl.RowColumns(table)
		require.Equal(t, []string{"id", "scope", "created_by", "created_at", "updated_by", "updated_at", "received_at"}, want[:7])
		require.Equal(t, want, d.lines(t, `SELECT name FROM pragma_table_info('`+table.Name+`') ORDER BY cid`))
		centre := append(append([]string{"county"}, want...), "row_seq", "door", "author", "versions")
		require.Equal(t, centre, d.lines(t, `SELECT name FROM pragma_table_info('rec_`+table.Name+`') ORDER BY cid`))
	}
}
