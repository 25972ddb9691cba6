package ddl_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
)

// image is a row's captured columns as quoted SQL literals; NULL columns are absent.
type image map[string]string

// replay applies captures to the rows they started from, as DESIGN.md says they are to be read, and checks every old
// value on the way. It shows that the log is complete: it leads from the rows before to the rows after.
type replay struct {
	columns int // captured columns of the table
	rows    map[string]image
	kept    map[string]image // void unless an insert of the row comes next
	gone    image            // the row whose delete is being read
}

func (r *replay) read(op, id, col, old, now string) error {
	row := r.rows[id]
	switch {
	case op == ddl.OpKept:
		if r.kept[id] == nil {
			r.kept[id] = image{}
		}
		r.kept[id][col] = old
		if row == nil || value(row, col) != old {
			return fmt.Errorf("kept %s=%s, but the row held %s", col, old, value(row, col))
		}
		return nil
	case op == ddl.OpInsert && col == "":
		if row != nil && len(r.kept[id]) != r.columns {
			return fmt.Errorf("a row is replaced, but %d of %d columns were kept", len(r.kept[id]), r.columns)
		}
		r.rows[id] = image{}
	case op == ddl.OpInsert:
		row[col] = now
	case op == ddl.OpUpdate:
		if row == nil || value(row, col) != old {
			return fmt.Errorf("update of %s from %s, but the row held %s", col, old, value(row, col))
		}
		row[col] = now
		if now == "NULL" {
			delete(row, col)
		}
	case col == "":
		r.gone = row
		delete(r.rows, id)
	case value(r.gone, col) != old:
		return fmt.Errorf("delete with %s=%s, but the row held %s", col, old, value(r.gone, col))
	}
	delete(r.kept, id)
	return nil
}

func value(row image, col string) string {
	if v, ok := row[col]; ok {
		return v
	}
	return "NULL"
}

// Whatever a program writes, the log leads from the rows before to the rows after.
func TestReplayOfRandomPrograms(t *testing.T) {
	table := defaultSchema(t).Table("hazard")
	d := openDriver(t, freshReplica(t))
	rapid.Check(t, func(rt *rapid.T) {
		mustRun(rt, d, `UPDATE ds_control SET applying=1`, `DELETE FROM hazard`, `PRAGMA recursive_triggers=OFF`)
		for range rapid.IntRange(0, 3).Draw(rt, "rows before") {
			mustRun(rt, d, "INSERT OR IGNORE INTO hazard"+drawRow(rt))
		}
		mustRun(rt, d, `UPDATE ds_control SET applying=0`, `DELETE FROM ds_capture`)
		r := replay{columns: len(ddl.Captured(table)), rows: rowsOf(rt, d, table), kept: map[string]image{}}
		for range rapid.IntRange(1, 8).Draw(rt, "statements") {
			s := drawStatement(rt)
			rt.Log(s)
			_, _ = d.db.Exec(s) // statements may fail: then they must leave nothing, or only void 'k's, behind
		}
		for _, c := range logOf(rt, d) {
			if col := table.Column(c[2]); col != nil && (col.Derived || col.Group == schema.CellEnvelop) {
				if c[0] != ddl.OpKept && c[0] != ddl.OpDelete {
					rt.Fatalf("%v: a column of the centre's is captured", c)
				}
				continue
			}
			if err := r.read(c[0], c[1], c[2], c[3], c[4]); err != nil {
				rt.Fatalf("%v: %v", c, err)
			}
		}
		require.Equal(rt, rowsOf(rt, d, table), r.rows)
	})
}

func mustRun(t rapid.TB, d *driver, statements ...string) {
	for _, s := range statements {
		if _, err := d.db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

var (
	someID     = rapid.SampledFrom([]string{id(1), id(2), id(3)})
	someColumn = rapid.SampledFrom([]string{"scope", "description", "lat", "lon", "status", "closed_at", "closed_reason", "photos", "updated_at"})
	textValue  = rapid.SampledFrom([]string{"NULL", "''", "'a'", "'1'", "'王'"})
	realValue  = rapid.SampledFrom([]string{"NULL", "1", "1.5", "'2'", "0", "1e300"})
	intValue   = rapid.SampledFrom([]string{"NULL", "0", "7", "'8'", "9007199254740993"})
)

func drawValue(rt *rapid.T, col string) string {
	switch col {
	case "lat", "lon":
		return realValue.Draw(rt, col)
	case "closed_at", "updated_at":
		return intValue.Draw(rt, col)
	}
	return textValue.Draw(rt, col)
}

func drawRow(rt *rapid.T) string {
	cols := rapid.SliceOfNDistinct(someColumn, 0, 5, rapid.ID[string]).Draw(rt, "columns")
	values := []string{"'" + someID.Draw(rt, "id") + "'"}
	for _, c := range cols {
		values = append(values, drawValue(rt, c))
	}
	return "(" + strings.Join(append([]string{"id"}, cols...), ", ") + ") VALUES(" + strings.Join(values, ", ") + ")"
}

func drawStatement(rt *rapid.T) string {
	update := func() string {
		var parts []string
		for _, c := range rapid.SliceOfNDistinct(someColumn, 1, 4, rapid.ID[string]).Draw(rt, "set") {
			parts = append(parts, c+"="+drawValue(rt, c))
		}
		return " SET " + strings.Join(parts, ", ")
	}
	where := " WHERE id='" + someID.Draw(rt, "which") + "'"
	switch rapid.IntRange(0, 12).Draw(rt, "kind") {
	case 0, 1:
		return "INSERT OR REPLACE INTO hazard" + drawRow(rt)
	case 2:
		return "INSERT INTO hazard" + drawRow(rt)
	case 3:
		return "INSERT OR IGNORE INTO hazard" + drawRow(rt)
	case 4:
		return "INSERT INTO hazard" + drawRow(rt) + " ON CONFLICT(id) DO UPDATE" + update()
	case 5:
		return "INSERT INTO hazard" + drawRow(rt) + " ON CONFLICT DO NOTHING"
	case 6:
		return "DELETE FROM hazard" + where
	case 7:
		return "DELETE FROM hazard"
	case 8:
		return "UPDATE hazard" + update()
	case 9:
		return "UPDATE OR REPLACE hazard" + update() + where
	case 10:
		return "INSERT OR REPLACE INTO hazard(id, description, lat) SELECT id, status, lon FROM hazard UNION ALL SELECT id, 'twice', 1 FROM hazard"
	case 11:
		return rapid.SampledFrom([]string{"PRAGMA recursive_triggers=ON", "PRAGMA recursive_triggers=OFF"}).Draw(rt, "pragma")
	}
	return "UPDATE hazard" + update() + where
}

// rowsOf reads the captured columns of every row.
func rowsOf(t rapid.TB, d *driver, table *schema.Table) map[string]image {
	var exprs []string
	cols := ddl.Captured(table)
	for _, c := range cols {
		exprs = append(exprs, `quote("`+c.Name+`")`)
	}
	out := map[string]image{}
	scanAll(t, d, "SELECT id, "+strings.Join(exprs, ", ")+" FROM "+table.Name, func(v []string) {
		row := image{}
		for i, c := range cols {
			if v[i+1] != "NULL" {
				row[c.Name] = v[i+1]
			}
		}
		out[v[0]] = row
	})
	return out
}

func logOf(t rapid.TB, d *driver) (out [][]string) {
	scanAll(t, d, `SELECT op, id, coalesce(col, ''), quote(old), quote(new) FROM ds_capture ORDER BY k`, func(v []string) { out = append(out, v) })
	return out
}

func scanAll(t rapid.TB, d *driver, query string, row func([]string)) {
	rows, err := d.db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	names, _ := rows.Columns()
	for rows.Next() {
		v := make([]string, len(names))
		p := make([]any, len(names))
		for i := range v {
			p[i] = (*nullable)(&v[i])
		}
		if err := rows.Scan(p...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		row(v)
	}
}

// nullable scans a text.
type nullable string

func (n *nullable) Scan(x any) error {
	var s sql.NullString
	if err := s.Scan(x); err != nil {
		return err
	}
	*n = nullable(s.String)
	return nil
}
