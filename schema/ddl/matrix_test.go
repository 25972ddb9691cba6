package ddl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
)

// sample gives two different literals that fit a column.
func sample(c *schema.Column) (before, after string) {
	if c.HashOf != "" {
		return "'" + strings.Repeat("a1", 32) + "'", "'" + strings.Repeat("0", 64) + "'"
	}
	if c.Type == schema.TypeSealed { // as far as SQL can tell
		return "X'D5530100000001" + strings.Repeat("00", 56) + "'", "X'D55301FF000000" + strings.Repeat("FF", 72) + "'"
	}
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
				var updates []string // the centre's own columns are only kept, for the row to be shown again
				if !c.Derived && c.Group != schema.CellEnvelop {
					updates = []string{"u " + a + " " + b, "u " + b + " NULL", "u NULL " + a}
				}
				inserted := table.Name + ". i NULL NULL"
				want = append(want, inserted)
				for _, l := range append(updates, "d "+a+" NULL", "k "+a+" NULL") { // and inserted again, over nothing and over itself
					want = append(want, table.Name+"."+c.Name+" "+l)
					if l[0] == 'd' {
						want = append(want, inserted)
					}
				}
				want = append(want, inserted)
			}
		}
		require.Empty(t, e.run(t, append(append([]string{"BEGIN"}, script...), "COMMIT")...))
		got := e.lines(t, `SELECT tbl || '.' || coalesce(col, '') || ' ' || op || ' ' || quote(old) || ' ' || quote(new) FROM ds_capture
			WHERE op = 'i' OR old IS NOT NULL OR new IS NOT NULL ORDER BY k`)
		require.Equal(t, want, got)
	})
}

// Both sides keep the columns in one order: id, scope, the envelope, then as declared.
func TestRowColumns(t *testing.T) {
	s := defaultSchema(t)
	d := openDriver(t, freshReplica(t))
	require.Empty(t, d.run(t, ddl.Centre(s)...))
	for _, table := range s.Tables {
		var want []string
		for _, c := range table.Columns {
			want = append(want, c.Name)
		}
		require.Equal(t, []string{"id", "scope", "created_by", "created_at", "updated_by", "updated_at", "received_at"}, want[:7])
		require.Equal(t, want, d.lines(t, `SELECT name FROM pragma_table_info('`+table.Name+`') ORDER BY cid`))
		centre := append(append([]string{"county"}, want...), "row_seq", "door", "author", "versions")
		require.Equal(t, centre, d.lines(t, `SELECT name FROM pragma_table_info('rec_`+table.Name+`') ORDER BY cid`))
	}
}

// Plain text is refused in a column of ciphertext, whoever writes it and however, with a sentence; the row stays as it
// was, and nothing of the text is in the capture log.
func TestPlainTextIntoSealedColumn(t *testing.T) {
	s := defaultSchema(t)
	const canary = "37010219800101123X"
	good, _ := sample(s.Table("resident").Column("id_no_sealed"))
	eachEngine(t, func(t *testing.T, e engine) {
		require.Empty(t, e.run(t, `INSERT INTO resident(id, name) VALUES('`+id(1)+`', '王丽')`))
		for name, value := range map[string]string{
			"text": "'" + canary + "'", "number": "370102", "bytes": "CAST('" + canary + "' AS BLOB)", "empty": "''", "no bytes": "X''", "magic alone": "X'D55301'",
			"no key": "X'D5530100000000" + strings.Repeat("00", 56) + "'", "another version": "X'D5530200000001" + strings.Repeat("00", 56) + "'",
			"not whole blocks": "X'D5530100000001" + strings.Repeat("00", 57) + "'", "cut": "X'D5530100000001" + strings.Repeat("00", 40) + "'",
		} {
			for _, q := range []string{
				`UPDATE resident SET id_no_sealed = ` + value + ` WHERE id = '` + id(1) + `'`,
				`INSERT INTO resident(id, name, id_no_sealed) VALUES('` + id(2) + `', '李强', ` + value + `)`,
				`REPLACE INTO resident(id, name, id_no_sealed) VALUES('` + id(1) + `', '王丽', ` + value + `)`,
				`INSERT OR IGNORE INTO resident(id, name, id_no_sealed) VALUES('` + id(3) + `', '李强', ` + value + `)`,
			} {
				said := e.run(t, q) // SQLite itself refuses what is no blob, in an UPDATE before any trigger
				require.Regexp(t, `is kept sealed and takes no plain text|cannot store (TEXT|INT) value in BLOB column`, said, "%s: %s", name, q)
				require.NotContains(t, said, canary)
			}
		}
		for _, value := range []string{"'" + canary + "'", "'" + strings.Repeat("A", 64) + "'", "'" + strings.Repeat("a", 63) + "'"} {
			require.Contains(t, e.run(t, `UPDATE resident SET id_no_hash = `+value), "is kept sealed", value)
		}
		require.Empty(t, e.run(t, `UPDATE resident SET id_no_sealed = `+good, `UPDATE resident SET id_no_sealed = NULL, id_no_hash = ''`))
		require.Equal(t, []string{"1"}, e.lines(t, `SELECT count(*) FROM resident`))
		require.Equal(t, []string{"0"}, e.lines(t, `SELECT count(*) FROM ds_capture WHERE instr(CAST(old AS TEXT), '`+canary+`') OR instr(CAST(new AS TEXT), '`+canary+`')`))
	})
}
