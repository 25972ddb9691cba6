// Package ddl turns a schema into SQL text: the replica on a device, and the typed tables at the centre.
//
// It is pure: it opens nothing and runs nothing. Every name in the text comes from a schema that has passed Validate,
// and is quoted all the same. DESIGN.md says what the capture triggers write and how it is to be read.
package ddl

import (
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// Existing is what a database holds already, as read from its catalogue. Its zero value is an empty database.
type Existing struct {
	Columns  map[string][]string // table -> columns, from pragma table_info
	Triggers []string            // names, from sqlite_schema
}

// quote makes an identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// text makes a string literal.
func text(s string) string { return `'` + strings.ReplaceAll(s, `'`, `''`) + `'` }

func quoteAll(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = quote(n)
	}
	return strings.Join(q, ", ")
}

// storage is the SQLite type of a column.
func storage(c *schema.Column) string {
	switch c.Type.Kind() {
	case schema.KindInt:
		return "INTEGER"
	case schema.KindReal:
		return "REAL"
	case schema.KindBlob:
		return "BLOB"
	}
	return "TEXT"
}

// addColumns gives the ALTER TABLE statements for what a table lacks, nil if it lacks nothing.
func addColumns(table string, want []column, have []string) []string {
	held := map[string]bool{}
	for _, h := range have {
		held[h] = true
	}
	var out []string
	for _, c := range want {
		if !held[c.name] {
			out = append(out, "ALTER TABLE "+quote(table)+" ADD COLUMN "+quote(c.name)+" "+c.spec)
		}
	}
	return out
}

// column is one line of a CREATE TABLE.
type column struct{ name, spec string }

func create(table string, cols []column, constraint, options string) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE IF NOT EXISTS " + quote(table) + "(\n")
	for i, c := range cols {
		b.WriteString("  " + quote(c.name) + " " + c.spec)
		if i < len(cols)-1 || constraint != "" {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	if constraint != "" {
		b.WriteString("  " + constraint + "\n")
	}
	b.WriteString(") " + options)
	return b.String()
}
