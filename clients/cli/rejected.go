package cli

import (
	"context"
	"fmt"
	"strconv"

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
	Changes []refusedText `json:"changes"`
}

// refusedText is what the person had written: values are for the eyes.
type refusedText struct {
	Table  string         `json:"table"`
	Row    se.RowID       `json:"row"`
	Op     string         `json:"op"`
	Values map[string]any `json:"values"`
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
		a.print("rejected_hint")
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

func (a *app) rejectedDoc(s *schema.Schema, x *device.Rejection) rejectedDoc {
	d := rejectedDoc{x.N, x.Kind.String(), string(x.Reason.Code), x.Reason.Rule, x.Reason.Table, x.Reason.Row, x.Reason.Column, x.In(a.lang), stamp(x.Filed), x.Handled, []refusedText{}}
	for _, c := range x.Changeset.Changes {
		w := refusedText{c.Table, c.Row, c.Op.String(), map[string]any{}}
		if t := s.Table(c.Table); t != nil {
			for name, v := range cellValues(t, c) {
				w.Values[name] = document(t.Column(name), v)
			}
		}
		d.Changes = append(d.Changes, w)
	}
	return d
}

func (a *app) rejectedText(s *schema.Schema, x *device.Rejection) {
	fmt.Fprintf(a.Out, "! %d  %s  %s\n", x.N, a.say("verdict."+x.Kind.String()), a.when(x.Filed))
	fmt.Fprintf(a.Out, "  %s\n", x.In(a.lang))
	for _, c := range x.Changeset.Changes {
		t := s.Table(c.Table)
		if t == nil {
			continue
		}
		text := ""
		written := cellValues(t, c)
		for _, col := range t.Columns {
			if v, ok := written[col.Name]; ok {
				text += " " + col.Name + "=" + short(a.show(col, v), 40)
			}
		}
		fmt.Fprintf(a.Out, "  %s %s %s%s\n", a.say("op."+c.Op.String()), a.label(t.Label), c.Row, text)
	}
}

// cellValues gives the values that a change writes; operations are left out.
func cellValues(t *schema.Table, c se.Change) map[string]schema.Value {
	out := map[string]schema.Value{}
	for _, w := range c.Cells {
		cell := t.Cell(w.Cell)
		if cell == nil || len(w.Values) != len(cell.Columns) {
			continue
		}
		for i, col := range cell.Columns {
			out[col.Name] = w.Values[i]
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

// retryCommand writes again what was refused, with corrections to the record that the refusal names. It keeps the
// oldest base of what was refused: a retry never claims to have seen more than the first try had.
func (a *app) retryCommand() *cobra.Command {
	return a.command("rejected_retry", "retry N [column=value …]", a.between(1, -1), func(cmd *cobra.Command, args []string) error {
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
		var fixes []assignment
		if t := r.Schema().Table(x.Reason.Table); len(args) > 1 {
			if t == nil {
				return fail(ExitFailed, "retry_newer", x.N)
			}
			if fixes, err = a.assignments(ctx, r, t, args[1:], false); err != nil {
				return err
			}
		}
		receipt, err := r.Write(ctx, func(tx *device.Tx) error {
			if err := tx.Retries(x.N); err != nil {
				return err
			}
			return again(tx, r.Schema(), x, values(fixes))
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

// again writes a refused changeset once more.
func again(tx *device.Tx, s *schema.Schema, x *device.Rejection, fixes map[string]any) error {
	for i := range x.Changeset.Changes {
		c := &x.Changeset.Changes[i]
		t := s.Table(c.Table)
		if t == nil {
			return fail(ExitFailed, "retry_newer", x.N)
		}
		given := map[string]any{}
		for name, v := range cellValues(t, *c) {
			given[name] = v
		}
		if c.Row == x.Reason.Row && c.Table == x.Reason.Table {
			for name, v := range fixes {
				given[name] = v
			}
		}
		if at := oldest(c); at != (se.Base{}) && c.Op != se.OpInsert {
			if err := tx.ReadAt(at); err != nil {
				return err
			}
		}
		if err := repeat(tx, t, c, given); err != nil {
			return err
		}
		if err := tx.ReadAt(se.Base{}); err != nil {
			return err
		}
	}
	return nil
}

func repeat(tx *device.Tx, t *schema.Table, c *se.Change, given map[string]any) error {
	switch c.Op {
	case se.OpDelete:
		return tx.Delete(t.Name, c.Row)
	case se.OpInsert:
		given[schema.ColID] = c.Row
		_, err := tx.Insert(t.Name, given)
		if err != nil {
			return err
		}
	default:
		if err := tx.Set(t.Name, c.Row, given); err != nil {
			return err
		}
	}
	for _, w := range c.Cells {
		cell := t.Cell(w.Cell)
		if cell == nil || !w.Operation() || given[cell.Columns[0].Name] != nil {
			continue
		}
		name := cell.Columns[0].Name
		if !w.Add.IsNull() {
			if err := tx.AddTo(t.Name, c.Row, name, w.Add); err != nil {
				return err
			}
			continue
		}
		if err := tx.SetRemove(t.Name, c.Row, name, w.Out...); err != nil {
			return err
		}
		if err := tx.SetAdd(t.Name, c.Row, name, w.In...); err != nil {
			return err
		}
	}
	return nil
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
