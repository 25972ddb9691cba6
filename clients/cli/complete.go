package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// completer proposes what may come next. Completion says nothing when it knows nothing: no error reaches a person here.
type completer func(q *asked, args []string, typed string) []string

// asked is one question of a shell: what may come next?
type asked struct {
	*app
	ctx context.Context
	s   *schema.Schema
}

// completed gives a command completion by the declarations that the program and its replica work with.
func (a *app) completed(c *cobra.Command, propose completer) *cobra.Command {
	c.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		s, err := a.schema()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		out, open := propose(&asked{a, cmd.Context(), s}, args, typed), cobra.ShellCompDirectiveNoFileComp
		if len(out) > 0 && strings.HasSuffix(strings.SplitN(out[0], "\t", 2)[0], "=") {
			open |= cobra.ShellCompDirectiveNoSpace // the value comes next
		}
		return out, open
	}
	return c
}

// withNote is a proposal and what the shell shows beside it.
func withNote(word, note string) string { return word + "\t" + clean(note) }

func tableNames(q *asked, args []string, typed string) []string {
	if len(args) > 0 {
		return nil
	}
	var out []string
	for _, t := range q.s.Tables {
		if strings.HasPrefix(t.Name, typed) {
			out = append(out, withNote(t.Name, q.label(t.Label)))
		}
	}
	return out
}

// tableAndRow proposes a record type, then the ids of its rows.
func tableAndRow(q *asked, args []string, typed string) []string {
	switch len(args) {
	case 0:
		return tableNames(q, args, typed)
	case 1:
		return q.rowIDs(args[0], typed)
	}
	return nil
}

// maxProposals bounds how many rows are proposed: a shell that lists thousands helps nobody.
const maxProposals = 50

func (q *asked) rowIDs(table, typed string) []string {
	t := q.s.Table(table)
	r, err := q.open()
	if err != nil || t == nil || typed != "" && !idStart.MatchString(typed) {
		return nil
	}
	rows, err := r.Query(q.ctx, `SELECT "id" FROM "`+t.Name+`" WHERE "id" >= ?1 AND "id" < ?1 || 'g' ORDER BY "id" LIMIT ?2`, typed, maxProposals)
	if err != nil {
		return nil
	}
	var ids []string
	for rows.Next() {
		var id string
		if rows.Scan(&id) == nil {
			ids = append(ids, id)
		}
	}
	_ = rows.Close()
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id
		if row, err := r.Get(q.ctx, t.Name, se.RowID(id)); err == nil {
			out[i] = withNote(id, q.title(t, row))
		}
	}
	return out
}

// tableAndValues proposes a record type, then column=, then codes and known values; first is where columns begin.
func tableAndValues(first int) completer {
	return func(q *asked, args []string, typed string) []string {
		switch {
		case len(args) == 0:
			return tableNames(q, args, typed)
		case len(args) < first:
			return q.rowIDs(args[0], typed)
		}
		t := q.s.Table(args[0])
		if t == nil {
			return nil
		}
		if name, value, ok := strings.Cut(typed, "="); ok {
			return q.columnValues(t, name, value)
		}
		return q.columnsLeft(t, args[first:], typed)
	}
}

// columnsLeft proposes the columns that a person may write and has not written yet.
func (q *asked) columnsLeft(t *schema.Table, given []string, typed string) []string {
	used := map[string]bool{}
	for _, x := range given {
		name, _, _ := strings.Cut(x, "=")
		used[strings.TrimRight(name, "+-")] = true
	}
	var out []string
	for _, name := range columnNames(t) {
		if !used[name] && name != schema.ColID && strings.HasPrefix(name, typed) {
			out = append(out, withNote(name+"=", q.label(t.Column(name).Label)))
		}
	}
	return out
}

// columnValues proposes what a column may hold, where that is a list: codes, yes and no.
func (q *asked) columnValues(t *schema.Table, name, value string) []string {
	c := t.Column(strings.TrimRight(name, "+-"))
	if c == nil {
		return nil
	}
	var out []string
	add := func(word, note string) {
		if strings.HasPrefix(word, value) {
			out = append(out, withNote(name+"="+word, note))
		}
	}
	switch {
	case q.s.Codes[c.Code] != nil:
		for _, k := range q.s.Codes[c.Code].Codes {
			if !k.Retired {
				add(k.Code, q.label(k.Label))
			}
		}
	case c.Type == schema.TypeBool:
		add("true", q.say("yes"))
		add("false", q.say("no"))
	}
	return out
}

// tableRowColumn proposes a record type, a row, and the columns that have a history.
func tableRowColumn(q *asked, args []string, typed string) []string {
	if len(args) < 2 {
		return tableAndRow(q, args, typed)
	}
	t := q.s.Table(args[0])
	if t == nil || len(args) > 2 {
		return nil
	}
	var out []string
	for _, name := range historyColumns(t) {
		if strings.HasPrefix(name, typed) {
			out = append(out, withNote(name, q.label(t.Column(name).Label)))
		}
	}
	return out
}
