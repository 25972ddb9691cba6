package api_test

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// layout is the hash of all that the centre's database declares, and how many rows each table has.
func (w *world) layout() (hash string, rows map[string]int) {
	w.t.Helper()
	list, err := w.store.Reader().Query(`SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name`)
	require.NoError(w.t, err)
	defer list.Close()
	sum, rows := sha256.New(), map[string]int{}
	var tables []string
	for list.Next() {
		var kind, name, sql string
		require.NoError(w.t, list.Scan(&kind, &name, &sql))
		fmt.Fprintf(sum, "%q %q %q\n", kind, name, sql)
		if kind == "table" {
			tables = append(tables, name)
		}
	}
	require.NoError(w.t, list.Err())
	for _, name := range tables {
		var n int
		require.NoError(w.t, w.store.Reader().QueryRow(`SELECT count(*) FROM "`+strings.ReplaceAll(name, `"`, `""`)+`"`).Scan(&n))
		rows[name] = n
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), rows
}

// hostileNames are more than 500 names that no declaration has: quotes, ends of statements, tables of SQLite, of
// PostgreSQL and of our own, look-alikes, and good names written otherwise.
func hostileNames(s *schema.Schema) (out []string) {
	seeds := []string{"", " ", "\x00", "'", `"`, "`", "[", "]", ";", "--", "/*", "*/", "\\", "%", "_", "*", "?", "$1", ":a", "@a", "\n", "\r\n", "\t", "\u202e", "\ufeff", "\u200b", "\xff\xfe",
		"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_sequence", "sqlite_stat1", "main.sqlite_master", "temp.x", "pragma_table_info", "pragma_user_version", "json_each",
		"rowid", "_rowid_", "oid", "pg_catalog", "pg_catalog.pg_class", "information_schema.tables", "current_user", "NULL", "null", "true", "1", "0", "-1", "1e999", "0x1",
		"ds_outbox", "account", "assignment", "device", "history", "quarantine", "audit", "county", "goose_db_version", "r_hazard", "load_extension", "readfile", "ATTACH",
		strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("x", 10_000), strings.Repeat("'", 10_000), strings.Repeat("网", 3000)}
	tails := []string{"", "'", `"`, `";--`, "';--", `"; DROP TABLE hazard; --`, "' OR '1'='1", `" OR ""="`, ") --", "\x00", " ", ".", "/*", "\\", " UNION SELECT * FROM device", "`", "]", "\n"}
	known := []string{"hazard", "dispute", "household", "resident", "description", "kind_code", "scope"}
	for _, name := range append(seeds, known...) {
		for _, tail := range tails {
			out = append(out, name+tail)
		}
	}
	for _, name := range known { // homoglyphs, full width, case, accents
		out = append(out, strings.ToUpper(name), strings.ToUpper(name[:1])+name[1:], strings.Replace(name, "a", "а", 1), strings.Replace(name, "e", "е", 1), strings.Replace(name, "i", "ı", 1),
			strings.Replace(name, "s", "ſ", 1), strings.Replace(name, "o", "о", 1), strings.Replace(name, "d", "ｄ", 1), name+"\u0301", "main."+name, `"`+name+`"`, "["+name+"]", "`"+name+"`", "'"+name+"'")
	}
	seen := map[string]bool{}
	for _, t := range s.Tables {
		seen[t.Name] = true
		for _, c := range t.Cells {
			seen[c.Name] = true
		}
		for _, c := range t.Columns {
			seen[c.Name] = true
		}
	}
	kept := out[:0]
	for _, name := range out {
		if !seen[name] {
			kept, seen[name] = append(kept, name), true
		}
	}
	return kept
}

// Names come from the declarations alone. Whatever a changeset, a check or a request gives as a record type, a column, a
// row or a scope, it is refused in a sentence, and the database is what it was: its layout, and every row but those of
// the refusals themselves (S14).
func TestHostileNames(t *testing.T) {
	w := peopled(t)
	p := w.enrol("wang")
	p.insert("hazard", grid1, rowID(1), map[string][]schema.Value{"kind_code": {schema.Text("stairs")}, "description": {schema.Text("x")}})
	names := hostileNames(w.schema)
	require.Greater(t, len(names), 500)
	layout, before := w.layout()
	text := []schema.Value{schema.Text("x")}
	var batch []*syncengine.Changeset
	now := w.Now().UnixMilli()
	say := func(c syncengine.Change) {
		p.n++
		cs := &syncengine.Changeset{Device: p.id, N: p.n, Prev: p.prev, Wall: now, Boot: "b", Mono: now, Schema: w.schema.Version, Author: p.account, Changes: []syncengine.Change{c}}
		p.prev = cs.Hash()
		batch = append(batch, cs)
	}
	for i, name := range names {
		switch i % 5 {
		case 0:
			say(syncengine.Change{Table: name, Row: rowID(1), Op: syncengine.OpUpdate, Cells: []syncengine.CellWrite{{Cell: "description", Values: text}}})
		case 1:
			say(syncengine.Change{Table: "hazard", Row: rowID(1), Op: syncengine.OpUpdate, Cells: []syncengine.CellWrite{{Cell: name, Values: text}}})
		case 2:
			say(syncengine.Change{Table: "hazard", Row: syncengine.RowID(name), Op: syncengine.OpDelete})
		case 3:
			say(syncengine.Change{Table: "hazard", Row: rowID(1000 + i), Op: syncengine.OpInsert, Cells: []syncengine.CellWrite{{Cell: "scope", Values: []schema.Value{schema.Text(name)}}, {Cell: "kind_code", Values: []schema.Value{schema.Text("stairs")}}}})
		case 4:
			say(syncengine.Change{Table: name, Row: rowID(1000 + i), Op: syncengine.OpInsert, Cells: []syncengine.CellWrite{{Cell: name, Values: text}}})
		}
	}
	refused := 0
	for len(batch) > 0 {
		part := batch[:min(len(batch), 50)]
		batch = batch[len(part):]
		res, err := w.centre.Submit(ctx, part, syncengine.Contact{Boot: "b", Mono: now, At: now})
		require.NoError(t, err)
		for i, r := range res {
			require.NoError(t, r.Err)
			require.False(t, r.Verdict.Kind.Effective(), "%+v", part[i].Changes[0])
			require.NotEqual(t, syncengine.CodeInternal, r.Verdict.Reason.Code, "%q ended in an error of SQL", part[i].Changes[0])
			refused++
		}
	}
	require.Equal(t, len(names), refused)
	wel, err := w.centre.Welcome(syncengine.Hello{Device: p.id, Schema: w.schema.Version})
	require.NoError(t, err)
	for i, name := range names { // each in one of the places that a check has for a name
		d, scope := syncengine.TableDigest{Table: "hazard", Columns: []string{"description"}, Buckets: 1}, grid1
		*[]*string{&d.Table, &d.Columns[0], &scope}[i%3] = name
		_, err := w.centre.Check(ctx, syncengine.CheckRequest{Device: p.id, Schema: w.schema.Version, Now: now, Budget: 1 << 16,
			Check: &syncengine.Check{Number: 1, At: syncengine.Base{Epoch: 1, Seq: wel.Head}, View: wel.View, Scope: scope, Tables: []syncengine.TableDigest{d}}})
		if err != nil {
			require.NotContains(t, err.Error(), "syntax", "%q", name)
			require.NotContains(t, err.Error(), "no such", "%q", name)
		}
	}
	for i, name := range names {
		if len(name) > 200 || i%2 == 0 {
			continue
		}
		path := []string{"/v1/history/" + url.PathEscape(name) + "/" + string(rowID(1)), "/v1/history/hazard/" + url.PathEscape(name), "/v1/history/hazard/" + string(rowID(1)) + "?column=" + url.QueryEscape(name)}[i%3]
		r := w.call("GET", path, "sun", nil)
		require.Less(t, r.status, 500, "%s: %s", path, r.body)
	}
	then, after := w.layout()
	require.Equal(t, layout, then, "nothing was declared, altered or dropped")
	for table, n := range before {
		require.GreaterOrEqual(t, after[table], n, "%s lost rows", table)
	}
	for _, x := range w.schema.Tables {
		require.Contains(t, before, ddl.CentreTable(x))
		require.Equal(t, before[ddl.CentreTable(x)], after[ddl.CentreTable(x)], x.Name)
	}
	require.NotContains(t, w.log.String(), "request failed")
	require.NotContains(t, w.log.String(), "syntax error")
	p.insert("hazard", grid1, rowID(2), map[string][]schema.Value{"kind_code": {schema.Text("stairs")}, "description": {schema.Text("x")}})
}
