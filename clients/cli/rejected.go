package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// rejectedDoc is a refused changeset for programs.
type rejectedDoc struct {
	N       int64         `json:"n"`
	Verdict string        `json:"verdict"` // rejected or parked
	Code    string        `json:"code"`
	Rule    string        `json:"rule,omitempty"`
	Table   string        `json:"table"`
	Row     se.RowID      `json:"row"`
	Column  string        `json:"column,omitempty"`
	Message string        `json:"message"` // what happened and what to do
	Filed   string        `json:"filed"`
	Handled bool          `json:"handled"`
	Outcome string        `json:"outcome,omitempty"` // how it ended at the centre: released, dismissed
	Why     string        `json:"reason,omitempty"`  // the supervisor's reason
	Changes []refusedText `json:"changes"`
}

// refusedText is what the person had written: values are for the eyes.
type refusedText struct {
	Table  string         `json:"table"`
	Row    se.RowID       `json:"row"`
	Op     string         `json:"op"`
	Values map[string]any `json:"values"`
	// Operations are those on sums and sets that the row held already, by column.
	Operations map[string]operationDoc `json:"operations,omitempty"`
}

// operationDoc is a difference: of a sum what is added, of a set what goes in and out.
type operationDoc struct {
	Add any      `json:"add,omitempty"`
	In  []string `json:"in,omitempty"`
	Out []string `json:"out,omitempty"`
}

func (a *app) rejectedCommand() *cobra.Command {
	var all bool
	c := a.command("rejected", "rejected [--all]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		r, err := a.open()
		if err != nil {
			return err
		}
		list, err := r.Rejected(cmd.Context(), all)
		if err != nil {
			return err
		}
		if a.json {
			docs := []rejectedDoc{}
			for i := range list {
				docs = append(docs, a.rejectedDoc(r.Schema(), &list[i]))
			}
			return a.emit(map[string]any{"rejected": docs})
		}
		if len(list) == 0 {
			a.print("rejected_none")
			return nil
		}
		for i := range list {
			a.rejectedText(r.Schema(), &list[i])
		}
		a.rejectedHint(list)
		return nil
	})
	c.Flags().BoolVar(&all, "all", false, a.say("flag.all_rejected"))
	c.AddCommand(a.retryCommand(), a.dismissCommand())
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return a.unknown(cmd, args[0])
		}
		return nil
	}
	return c
}

// rejectedHint says what can be done about those that wait: what a person has no right to needs no correction, but the
// right.
func (a *app) rejectedHint(list []device.Rejection) {
	waits, retry := false, false
	for i := range list {
		if x := &list[i]; !x.Handled && x.Kind == se.Rejected {
			waits = true
			retry = retry || x.Reason.Code != se.CodeNoRight
		}
	}
	switch {
	case retry:
		a.print("rejected_hint")
	case waits:
		a.print("rejected_hint_dismiss")
	}
}

func (a *app) rejectedDoc(s *schema.Schema, x *device.Rejection) rejectedDoc {
	d := rejectedDoc{x.N, x.Kind.String(), string(x.Reason.Code), x.Reason.Rule, x.Reason.Table, x.Reason.Row, x.Reason.Column, x.In(a.lang), stamp(x.Filed), x.Handled, string(x.Outcome), x.Why, []refusedText{}}
	for _, c := range x.Changeset.Changes {
		w := refusedText{Table: c.Table, Row: c.Row, Op: c.Op.String(), Values: map[string]any{}}
		if t := s.Table(c.Table); t != nil {
			for name, v := range cellValues(t, c) {
				w.Values[name] = document(t.Column(name), v)
			}
			for _, x := range operations(t, c) {
				if w.Operations == nil {
					w.Operations = map[string]operationDoc{}
				}
				w.Operations[x.col.Name] = operationDoc{x.write.Add.Any(), x.write.In, x.write.Out}
			}
		}
		d.Changes = append(d.Changes, w)
	}
	return d
}

func (a *app) rejectedText(s *schema.Schema, x *device.Rejection) {
	mark, note := string(device.MarkRefused), ""
	if x.Handled {
		mark, note = "✓", "  "+a.say("rejected_handled")
	}
	if x.Outcome != "" {
		note = strings.TrimRight("  "+a.known("settled.", string(x.Outcome))+" "+clean(x.Why), " ")
	}
	fmt.Fprintf(a.Out, "%s %d  %s  %s%s\n", mark, x.N, a.say("verdict."+x.Kind.String()), a.when(x.Filed), note)
	fmt.Fprintf(a.Out, "  %s\n", clean(x.In(a.lang)))
	for _, c := range x.Changeset.Changes {
		t := s.Table(c.Table)
		if t == nil {
			continue
		}
		fmt.Fprintf(a.Out, "  %s %s %s%s\n", a.say("op."+c.Op.String()), a.label(t.Label), c.Row, a.written(t, c))
	}
}

// written shows what a change writes as a person would type it.
func (a *app) written(t *schema.Table, c se.Change) string {
	texts := map[string]string{}
	for name, v := range cellValues(t, c) {
		texts[name] = " " + name + "=" + short(a.show(t.Column(name), v), 40)
	}
	for _, x := range operations(t, c) {
		texts[x.col.Name] = a.operationText(x)
	}
	out := ""
	for _, col := range t.Columns {
		out += texts[col.Name]
	}
	return out
}

func (a *app) operationText(x operation) string {
	out := ""
	for _, side := range []struct {
		sign string
		list []string
	}{{"+=", x.write.In}, {"-=", x.write.Out}} {
		if len(side.list) > 0 {
			out += " " + x.col.Name + side.sign + short(strings.Join(side.list, ","), 40)
		}
	}
	if x.write.Add.IsNull() {
		return out
	}
	if n := a.show(x.col, x.write.Add); strings.HasPrefix(n, "-") {
		out += " " + x.col.Name + "-=" + n[1:]
	} else {
		out += " " + x.col.Name + "+=" + n
	}
	return out
}

// operation is a difference that a change makes to a sum or a set.
type operation struct {
	col   *schema.Column
	write se.CellWrite
}

// operations gives those of a row that was there; in a new row they are values, see cellValues.
func operations(t *schema.Table, c se.Change) []operation {
	var out []operation
	for _, w := range c.Cells {
		if cell := t.Cell(w.Cell); c.Op != se.OpInsert && cell != nil && w.Operation() {
			out = append(out, operation{cell.Columns[0], w})
		}
	}
	return out
}

// cellValues gives the values that a change writes; differences only of a new row, where they are the values.
func cellValues(t *schema.Table, c se.Change) map[string]schema.Value {
	out := map[string]schema.Value{}
	for _, w := range c.Cells {
		cell := t.Cell(w.Cell)
		switch {
		case cell == nil:
		case w.Operation():
			if c.Op != se.OpInsert {
				continue
			}
			if !w.Add.IsNull() {
				out[cell.Columns[0].Name] = w.Add
			} else {
				out[cell.Columns[0].Name] = schema.Text(schema.FormatSet(slices.Clone(w.In)))
			}
		case len(w.Values) == len(cell.Columns):
			for i, col := range cell.Columns {
				out[col.Name] = w.Values[i]
			}
		}
	}
	return out
}

// refused finds a refused changeset that nobody has dealt with.
func (a *app) refused(ctx context.Context, r *device.Replica, text string) (*device.Rejection, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return nil, misuse("number_form", clean(text))
	}
	list, err := r.Rejected(ctx, false)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].N == n {
			return &list[i], nil
		}
	}
	return nil, wrong("rejected_unknown", n)
}

func (a *app) dismissCommand() *cobra.Command {
	return a.command("rejected_dismiss", "dismiss N", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		r, err := a.open()
		if err != nil {
			return err
		}
		x, err := a.refused(cmd.Context(), r, args[0])
		if err != nil {
			return err
		}
		if err := r.Handled(cmd.Context(), x.N); err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"n": x.N, "handled": true})
		}
		a.print("rejected_dismissed", x.N)
		return nil
	})
}

// retryCommand writes again what was refused, with corrections to any of its records. It keeps the
// oldest base of what was refused: a retry never claims to have seen more than the first try had.
func (a *app) retryCommand() *cobra.Command {
	return a.command("rejected_retry", "retry N [[ROWPREFIX.]column=value …]", a.between(1, -1), func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		r, err := a.open()
		if err != nil {
			return err
		}
		x, err := a.refused(ctx, r, args[0])
		if err != nil {
			return err
		}
		if x.Kind != se.Rejected {
			return fail(ExitFailed, "retry_parked", x.N)
		}
		fixes, err := a.corrections(ctx, r, x, args[1:])
		if err != nil {
			return err
		}
		receipt, err := r.Write(ctx, func(tx *device.Tx) error {
			if err := tx.Retries(x.N); err != nil {
				return err
			}
			return again(tx, r.Schema(), x, fixes)
		})
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"n": receipt.N, "replaces": x.N})
		}
		a.print("rejected_retried", x.N, string(device.MarkSaved), receipt.N)
		return nil
	})
}

// rowStart is how a correction names a row of the changeset: ROWPREFIX.column=value.
var rowStart = regexp.MustCompile(`^([0-9a-fA-F][0-9a-fA-F-]{0,35})\.([^=]+=.*)$`)

// corrections reads `column=value`, for the row that the refusal names, and `ROWPREFIX.column=value`, for any row of
// the changeset.
func (a *app) corrections(ctx context.Context, r *device.Replica, x *device.Rejection, args []string) (map[se.RowID][]assignment, error) {
	texts := map[se.RowID][]string{}
	for _, arg := range args {
		id := x.Reason.Row
		if m := rowStart.FindStringSubmatch(arg); m != nil {
			var err error
			if id, err = rowOf(x, strings.ToLower(m[1])); err != nil {
				return nil, err
			}
			arg = m[2]
		}
		texts[id] = append(texts[id], arg)
	}
	out := map[se.RowID][]assignment{}
	for id, list := range texts {
		i := slices.IndexFunc(x.Changeset.Changes, func(c se.Change) bool { return c.Row == id })
		if i < 0 {
			return nil, wrong("fix_row_missing", x.N)
		}
		c := &x.Changeset.Changes[i]
		t := r.Schema().Table(c.Table)
		if t == nil {
			return nil, fail(ExitFailed, "retry_newer", x.N)
		}
		if c.Op == se.OpDelete {
			return nil, wrong("fix_delete", a.label(t.Label), string(id))
		}
		var err error
		if out[id], err = a.assignments(ctx, r, t, list, c.Op == se.OpUpdate); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rowOf finds the row of a changeset whose id begins as a person typed it.
func rowOf(x *device.Rejection, start string) (se.RowID, error) {
	var found se.RowID
	for _, c := range x.Changeset.Changes {
		switch {
		case !strings.HasPrefix(string(c.Row), start) || c.Row == found:
		case found != "":
			return "", wrong("id_several", start)
		default:
			found = c.Row
		}
	}
	if found == "" {
		return "", wrong("fix_row_unknown", x.N, start)
	}
	return found, nil
}

// again writes a refused changeset once more.
func again(tx *device.Tx, s *schema.Schema, x *device.Rejection, fixes map[se.RowID][]assignment) error {
	for i := range x.Changeset.Changes {
		c := &x.Changeset.Changes[i]
		t := s.Table(c.Table)
		if t == nil {
			return fail(ExitFailed, "retry_newer", x.N)
		}
		if at := oldest(c); at != (se.Base{}) && c.Op != se.OpInsert {
			if err := tx.ReadAt(at); err != nil {
				return err
			}
		}
		if err := repeat(tx, t, c, fixes[c.Row]); err != nil {
			return err
		}
		if err := tx.ReadAt(se.Base{}); err != nil {
			return err
		}
	}
	return nil
}

// repeat writes one change again. A correction stands in place of what the change had for its column, be that a value
// or an operation.
func repeat(tx *device.Tx, t *schema.Table, c *se.Change, fixes []assignment) error {
	if c.Op == se.OpDelete {
		return tx.Delete(t.Name, c.Row)
	}
	given, fixed := map[string]any{}, map[string]bool{}
	for name, v := range cellValues(t, *c) {
		given[name] = v
	}
	for _, x := range fixes {
		fixed[x.col.Name] = true
		delete(given, x.col.Name)
	}
	for name, v := range values(fixes) {
		given[name] = v
	}
	if c.Op == se.OpInsert {
		given[schema.ColID] = c.Row
		_, err := tx.Insert(t.Name, given)
		return err
	}
	if err := tx.Set(t.Name, c.Row, given); err != nil {
		return err
	}
	for _, x := range fixes {
		if x.op != '=' {
			if err := operate(tx, t, c.Row, x); err != nil {
				return err
			}
		}
	}
	for _, x := range operations(t, *c) {
		if fixed[x.col.Name] {
			continue
		}
		if err := operateAgain(tx, t, c.Row, x); err != nil {
			return err
		}
	}
	return nil
}

func operateAgain(tx *device.Tx, t *schema.Table, id se.RowID, x operation) error {
	if !x.write.Add.IsNull() {
		return tx.AddTo(t.Name, id, x.col.Name, x.write.Add)
	}
	if err := tx.SetRemove(t.Name, id, x.col.Name, x.write.Out...); err != nil {
		return err
	}
	return tx.SetAdd(t.Name, id, x.col.Name, x.write.In...)
}

// oldest is the least base of a change; the zero Base if its author had seen nothing.
func oldest(c *se.Change) se.Base {
	if len(c.Cells) == 0 {
		return c.Base
	}
	at := c.Cells[0].Base
	for _, w := range c.Cells[1:] {
		if w.Base.Less(at) {
			at = w.Base
		}
	}
	return at
}
