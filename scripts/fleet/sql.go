package fleet

import (
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// text makes SQL of a statement.
func text(st *simtest.Statement) (query string, args []any) {
	var names []string
	for _, a := range st.Set { // the last value of a column is the one that counts
		if i := slices.Index(names, quote(a.Column)); i >= 0 {
			args[i] = a.Value.Any()
			continue
		}
		names, args = append(names, quote(a.Column)), append(args, a.Value.Any())
	}
	id := string(st.Row)
	verb := map[simtest.Verb]string{
		simtest.Insert: "INSERT", simtest.Upsert: "INSERT", simtest.Replace: "INSERT OR REPLACE", simtest.Ignore: "INSERT OR IGNORE",
	}[st.Verb]
	switch st.Verb {
	case simtest.Update:
		return "UPDATE " + quote(st.Table) + " SET " + strings.Join(names, " = ?, ") + ` = ? WHERE "id" = ?`, append(args, id)
	case simtest.Delete:
		return "DELETE FROM " + quote(st.Table) + ` WHERE "id" = ?`, []any{id}
	}
	query = verb + " INTO " + quote(st.Table) + "(" + strings.Join(append(slices.Clone(names), `"id"`), ", ") +
		") VALUES(" + strings.Repeat("?, ", len(names)) + "?)"
	if st.Verb == simtest.Upsert {
		var sets []string
		for _, n := range names {
			sets = append(sets, n+" = excluded."+n)
		}
		query += ` ON CONFLICT("id") DO UPDATE SET ` + strings.Join(sets, ", ")
	}
	return query, append(args, id)
}
