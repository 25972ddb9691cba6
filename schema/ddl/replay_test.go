package ddl_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
)

// image is a row's captured columns as quoted SQL literals; NULL columns are absent.
type image map[string]string

// replay takes captures back, the last one first, from the rows they led to, as DESIGN.md says they are to be read, and checks
// every value on the way. It shows that the log is complete: it leads from the rows after to the rows before.
type replay struct {
	columns int // captured columns of the table
	rows    map[string]image
	undone  map[string]bool            // ids whose insert was just taken back: what was kept before it was there
	gone    map[string]image           // rows whose delete is being read
	kept    map[string]map[string]bool // columns that were kept before the insert that was taken back
}

func (r *replay) read(op, id, col, old, now string) error {
	row := r.rows[id]
	if op == ddl.OpKept {
		if !r.undone[id] || r.kept[id][col] || r.kept[id] == nil && row != nil { // void, or a delete between says it too
			if row == nil || value(row, col) != old {
				return fmt.Errorf("kept %s=%s, but the row held %s", col, old, value(row, col))
			}
			return nil
		}
		if row == nil {
			row = image{}
			r.rows[id], r.kept[id] = row, map[string]bool{}
		}
		row.set(col, old)
		r.kept[id][col] = true
		return nil
	}
	if err := r.whole(id); err != nil {
		return err
	}
	switch {
	case op == ddl.OpInsert && (col != "" || row == nil):
		return fmt.Errorf("inserted, with %q, but the row held %v", col, row)
	case op == ddl.OpInsert:
		delete(r.rows, id)
		r.undone[id] = true
		return nil
	case op == ddl.OpUpdate:
		if row == nil || value(row, col) != now {
			return fmt.Errorf("update of %s to %s, but the row held %s", col, now, value(row, col))
		}
		row.set(col, old)
	case row != nil:
		return fmt.Errorf("deleted, but the row held %v", row)
	case col != "":
		if r.gone[id] == nil {
			r.gone[id] = image{}
		}
		r.gone[id].set(col, old)
		return nil
	default:
		if r.rows[id] = r.gone[id]; r.rows[id] == nil {
			r.rows[id] = image{}
		}
		delete(r.gone, id)
		return nil // what was kept before stands before this
	}
	return nil
}

// whole wants all columns of a replaced row to have been kept. What was kept for it ends here.
func (r *replay) whole(id string) error {
	n := len(r.kept[id])
	delete(r.kept, id)
	delete(r.undone, id)
	if n != 0 && n != r.columns {
		return fmt.Errorf("a row is replaced, but %d of %d columns were kept", n, r.columns)
	}
	return nil
}

func (row image) set(col, v string) {
	if row[col] = v; v == "NULL" {
		delete(row, col)
	}
}

func value(row image, col string) string {
	if v, ok := row[col]; ok {
		return v
	}
	return "NULL"
}

// Whatever a program writes, the log leads from the rows after to the rows before.
func TestReplayOfRandomPrograms(t *testing.T) {
	table := defaultSchema(t).Table("hazard")
	d := openDriver(t, freshReplica(t))
	rapid.Check(t, func(rt *rapid.T) {
		mustRun(rt, d, `UPDATE ds_control SET applying=1`, `DELETE FROM hazard`, `PRAGMA recursive_triggers=OFF`)
		for range rapid.IntRange(0, 3).Draw(rt, "rows before") {
			mustRun(rt, d, "INSERT OR IGNORE INTO hazard"+drawRow(rt))
		}
		mustRun(rt, d, `UPDATE ds_control SET applying=0`, `DELETE FROM ds_capture`)
		before := rowsOf(rt, d, table)
		for range rapid.IntRange(1, 8).Draw(rt, "statements") {
			s := drawStatement(rt)
			rt.Log(s)
			_, _ = d.db.Exec(s) // statements may fail: then they must leave nothing, or only void 'k's, behind
		}
		r := replay{len(ddl.Captured(table)), rowsOf(rt, d, table), map[string]bool{}, map[string]image{}, map[string]map[string]bool{}}
		for _, c := range slices.Backward(logOf(rt, d)) {
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
		for id := range r.undone {
			require.NoError(rt, r.whole(id))
		}
		require.Equal(rt, before, r.rows)
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
