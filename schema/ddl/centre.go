package ddl

import (
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// CentrePrefix stands before the name of a record type's table at the centre.
const CentrePrefix = "rec_"

// CentreTable is the name of a record type's table at the centre.
func CentreTable(t *schema.Table) string { return CentrePrefix + t.Name }

// Centre gives the statements that make the typed tables at the centre (SQLite). Running them again changes nothing.
func Centre(s *schema.Schema) []string { return CentreUpgrade(s, nil) }

// CentreUpgrade gives the statements that bring the typed tables to this schema; have tells which columns each table
// has (pragma table_info), tables that it lacks are made. Columns the schema no longer has stay, with what is in them.
//
// The tables have a rowid: their rows carry packed versions and grow to kilobytes, which a tree without rowid would
// move about, and the secondary indexes are smaller by the 40 bytes of (county, id).
func CentreUpgrade(s *schema.Schema, have map[string][]string) []string {
	var out []string
	for _, t := range s.Tables {
		name, cols := CentreTable(t), centreColumns(t)
		if held, ok := have[name]; ok {
			out = append(out, addColumns(name, cols, held)...)
		} else {
			out = append(out, create(name, cols, `PRIMARY KEY("county", "id")`, "STRICT"))
		}
		out = append(out, centreIndexes(t)...)
	}
	return out
}

func centreColumns(t *schema.Table) []column {
	cols := []column{{"county", "INTEGER NOT NULL"}}
	for _, c := range t.Columns {
		spec := storage(c)
		if c.Name == schema.ColID || c.Name == schema.ColScope {
			spec += " NOT NULL"
		}
		cols = append(cols, column{c.Name, spec})
	}
	return append(cols,
		column{"row_seq", "INTEGER NOT NULL DEFAULT 0"}, // position at which a replica's view of the row last changed
		column{"door", "TEXT"},                          // id of the door the row belongs to
		column{"author", "TEXT"},                        // account that created the row
		column{"versions", "BLOB"})                      // packed cell versions
}

func centreIndexes(t *schema.Table) []string {
	name := CentreTable(t)
	index := func(label string, cols ...string) string {
		return "CREATE INDEX IF NOT EXISTS " + quote(name+":"+label) + " ON " + quote(name) + "(" + quoteAll(append([]string{"county"}, cols...)) + ")"
	}
	out := []string{index("feed", "scope", "row_seq", "id")}
	if t.Door != "" {
		out = append(out, index("door", "door"))
	}
	for _, c := range t.Columns {
		if c.Type == schema.TypeRef {
			out = append(out, index(c.Name, c.Name))
		}
	}
	if len(t.NaturalKey) > 0 { // not unique: two rows with one key both live until somebody decides (engine.md §5)
		out = append(out, index("key:"+strings.Join(t.NaturalKey, ","), append([]string{"scope"}, t.NaturalKey...)...))
	}
	return out
}
