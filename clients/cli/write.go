package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// assignment is one col=value of a command line; sets and sums also take col+=value and col-=value.
type assignment struct {
	col   *schema.Column
	op    byte // '=', '+' or '-'
	text  string
	value schema.Value
}

// assignments reads col=value arguments. Every value is checked before anything is written; the error names all.
func (a *app) assignments(ctx context.Context, r *device.Replica, t *schema.Table, args []string, ops bool) ([]assignment, error) {
	var out []assignment
	seen := map[string]bool{}
	bad := &fault{exit: ExitUsage, code: "bad_value"}
	for _, arg := range args {
		x, err := a.assignment(t, arg, ops)
		if err != nil {
			return nil, err
		}
		if seen[x.col.Name] {
			return nil, misuse("column_twice", x.col.Name)
		}
		seen[x.col.Name] = true
		if x.col.Ref != "" {
			if x.text, err = a.reference(ctx, r, x.col, x.text); err != nil {
				return nil, err
			}
		}
		x.value, err = a.parse(t, x.col, x.text)
		if p := (*schema.Problem)(nil); errors.As(err, &p) {
			bad.cols = append(bad.cols, p)
		} else if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	if len(bad.cols) > 0 {
		return nil, bad
	}
	return out, nil
}

func (a *app) assignment(t *schema.Table, arg string, ops bool) (assignment, error) {
	name, text, ok := strings.Cut(arg, "=")
	if !ok {
		return assignment{}, misuse("assignment_form", clean(arg))
	}
	x := assignment{op: '=', text: text}
	if n := len(name); n > 0 && (name[n-1] == '+' || name[n-1] == '-') {
		name, x.op = name[:n-1], name[n-1]
	}
	if x.col = column(t, name); x.col == nil {
		return x, wrong("no_column", a.label(t.Label), clean(name), strings.Join(a.columnTexts(t), ", "))
	}
	if x.op != '=' {
		number := x.col.Type == schema.TypeInt || x.col.Type == schema.TypeReal
		if !ops || x.col.Type != schema.TypeSet && !number {
			return x, misuse("operation_unfit", x.col.Name)
		}
		if text == "" {
			return x, misuse("operation_empty", x.col.Name)
		}
	}
	return x, nil
}

// column gives a column by name or label.
func column(t *schema.Table, name string) *schema.Column {
	if c := t.Column(name); c != nil {
		return c
	}
	for _, c := range t.Columns {
		if name != "" && (c.Label.ZH == name || strings.EqualFold(c.Label.EN, name)) {
			return c
		}
	}
	return nil
}

func columnNames(t *schema.Table) []string {
	var out []string
	for _, c := range t.Columns {
		if c.Policy != schema.PolicyCentral && !c.Derived {
			out = append(out, c.Name)
		}
	}
	return out
}

// columnTexts names the columns that a person may write.
func (a *app) columnTexts(t *schema.Table) []string {
	out := columnNames(t)
	for i := range out {
		out[i] = a.columnName(t.Column(out[i]))
	}
	return out
}

// columnName gives a column's name, in Chinese with its label.
func (a *app) columnName(c *schema.Column) string {
	if a.lang == zh {
		return c.Name + "（" + c.Label.In(zh) + "）"
	}
	return c.Name
}

func values(list []assignment) map[string]any {
	out := map[string]any{}
	for _, x := range list {
		if x.op == '=' {
			out[x.col.Name] = x.value
		}
	}
	return out
}

// written is what new, set and delete tell programs.
type written struct {
	Table string      `json:"table"`
	ID    se.RowID    `json:"id"`
	N     int64       `json:"n"` // of the changeset; 0 = nothing changed
	Mark  device.Mark `json:"mark"`
}

func (a *app) newCommand() *cobra.Command {
	return a.command("new", "new TABLE column=value …", a.between(1, -1), func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		r, t, err := a.opened(args[0])
		if err != nil {
			return err
		}
		given, err := a.assignments(ctx, r, t, args[1:], false)
		if err != nil {
			return err
		}
		if err := a.checkScope(ctx, r, t, given); err != nil {
			return err
		}
		var id se.RowID
		receipt, err := r.Write(ctx, func(tx *device.Tx) error {
			id, err = tx.Insert(t.Name, values(given))
			return err
		})
		if device.CodeOf(err) == device.CodeNoScope {
			return a.whichScope(ctx, r, t, err)
		}
		if err != nil {
			return err
		}
		return a.saved("saved_new", t, id, receipt)
	})
}

// units lists the org units that a person works in and that a record type's rows may be in; all says whether the
// level of each is known.
func units(grants []se.Grant, t *schema.Table) (fit []string, known bool) {
	known = len(grants) > 0
	for _, g := range grants {
		known = known && g.Level != ""
		if g.Level != "" && g.Level != t.Level {
			continue
		}
		if text := strings.TrimSpace(g.Scope + " " + clean(g.Name)); !slices.Contains(fit, text) {
			fit = append(fit, text)
		}
	}
	if rest := len(fit) - shownUnits; rest > 0 {
		fit = append(fit[:shownUnits], "…")
	}
	return fit, known
}

// shownUnits bounds how many org units an error lists.
const shownUnits = 12

// checkScope refuses a scope that the centre would refuse, as far as the grants in the replica tell.
func (a *app) checkScope(ctx context.Context, r *device.Replica, t *schema.Table, given []assignment) error {
	i := slices.IndexFunc(given, func(x assignment) bool { return x.col.Name == schema.ColScope && !x.value.IsNull() })
	if i < 0 {
		return nil
	}
	s, err := r.Status(ctx)
	if err != nil {
		return err
	}
	fit, known := units(s.Grants, t)
	if !known || len(fit) == 0 {
		return nil // nothing to judge by: the centre does
	}
	code, yours := given[i].value.Str(), strings.Join(fit, ", ")
	levels := map[schema.Level]bool{}
	for _, g := range s.Grants {
		if g.Scope == code {
			levels[g.Level] = true
			if g.Level == t.Level {
				return nil
			}
		}
	}
	for l := range levels {
		return wrong("scope_level", clean(code), a.say("level."+string(l)), a.label(t.Label), a.say("level."+string(t.Level)), yours)
	}
	return wrong("scope_foreign", clean(code), yours)
}

// whichScope tells a person with several org units which there are to choose from.
func (a *app) whichScope(ctx context.Context, r *device.Replica, t *schema.Table, cause error) error {
	s, err := r.Status(ctx)
	if err != nil {
		return err
	}
	fit, _ := units(s.Grants, t)
	if len(fit) == 0 {
		return cause
	}
	return wrong("scope_several", a.label(t.Label), strings.Join(fit, ", ")).because(cause)
}

func (a *app) setCommand() *cobra.Command {
	var readAt string
	c := a.command("set", "set TABLE ID column=value …", a.between(3, -1), func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		r, t, err := a.opened(args[0])
		if err != nil {
			return err
		}
		at, err := parseBase(readAt)
		if err != nil {
			return err
		}
		id, err := a.row(ctx, r, t, args[1])
		if err != nil {
			return err
		}
		given, err := a.assignments(ctx, r, t, args[2:], true)
		if err != nil {
			return err
		}
		receipt, err := r.Write(ctx, func(tx *device.Tx) error { return change(tx, t, id, at, given) })
		if err != nil {
			return err
		}
		if receipt.N == 0 {
			return a.saved("saved_same", t, id, receipt)
		}
		return a.saved("saved_set", t, id, receipt)
	})
	c.Flags().StringVar(&readAt, "read-at", "", a.say("flag.read_at"))
	return c
}

func change(tx *device.Tx, t *schema.Table, id se.RowID, at se.Base, given []assignment) error {
	if at != (se.Base{}) {
		if err := tx.ReadAt(at); err != nil {
			return err
		}
	}
	if err := tx.Set(t.Name, id, values(given)); err != nil {
		return err
	}
	for _, x := range given {
		if x.op == '=' {
			continue
		}
		if err := operate(tx, t, id, x); err != nil {
			return err
		}
	}
	if at != (se.Base{}) {
		return tx.ReadAt(se.Base{})
	}
	return nil
}

func operate(tx *device.Tx, t *schema.Table, id se.RowID, x assignment) error {
	if x.col.Type == schema.TypeSet {
		list, err := schema.ParseSet(x.value.Str())
		switch {
		case err != nil:
			return err
		case x.op == '-':
			return tx.SetRemove(t.Name, id, x.col.Name, list...)
		}
		return tx.SetAdd(t.Name, id, x.col.Name, list...)
	}
	v := x.value
	if x.op == '-' {
		if v.Kind() == schema.KindInt {
			v = schema.Int(-v.Int64())
		} else {
			v = schema.Real(-v.Float64())
		}
	}
	return tx.AddTo(t.Name, id, x.col.Name, v)
}

func (a *app) deleteCommand() *cobra.Command {
	return a.command("delete", "delete TABLE ID", a.exactly(2), func(cmd *cobra.Command, args []string) error {
		r, t, err := a.opened(args[0])
		if err != nil {
			return err
		}
		id, err := a.row(cmd.Context(), r, t, args[1])
		if err != nil {
			return err
		}
		receipt, err := r.Write(cmd.Context(), func(tx *device.Tx) error { return tx.Delete(t.Name, id) })
		if err != nil {
			return err
		}
		return a.saved("saved_delete", t, id, receipt)
	})
}

// opened opens the replica and finds the record type.
func (a *app) opened(table string) (*device.Replica, *schema.Table, error) {
	t, err := a.table(table)
	if err != nil {
		return nil, nil, err
	}
	r, err := a.open()
	return r, t, err
}

func (a *app) saved(key string, t *schema.Table, id se.RowID, receipt *device.Receipt) error {
	if a.json {
		return a.emit(written{t.Name, id, receipt.N, device.MarkSaved})
	}
	a.print(key, string(device.MarkSaved), a.label(t.Label), string(id))
	return nil
}
