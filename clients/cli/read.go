package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// rowDoc is a row for programs.
type rowDoc struct {
	Table    string         `json:"table"`
	ID       se.RowID       `json:"id"`
	Mark     device.Mark    `json:"mark"`
	State    string         `json:"state"` // the mark as a word: saved, received, done, refused
	Scope    any            `json:"scope"`
	Values   map[string]any `json:"values"`   // declared columns
	Envelope map[string]any `json:"envelope"` // who and when, by the centre
	ReadAt   string         `json:"read_at,omitempty"`
	// Conflicts are the open ones that the row is in, as far as this device was told.
	Conflicts []string `json:"conflicts,omitempty"`
}

var states = map[device.Mark]string{
	device.MarkSaved: "saved", device.MarkReceived: "received", device.MarkDone: "done", device.MarkRefused: "refused",
}

func (a *app) rowDoc(ctx context.Context, r *device.Replica, t *schema.Table, row *device.Row, open map[[2]string][]string) (rowDoc, error) {
	mark, err := r.Mark(ctx, t.Name, row.ID)
	d := rowDoc{Conflicts: open[[2]string{t.Name, string(row.ID)}], Table: t.Name, ID: row.ID, Mark: mark, State: states[mark], Values: map[string]any{}, Envelope: map[string]any{}}
	for _, c := range t.Columns {
		v := document(c, row.Values[c.Name])
		switch {
		case c.Name == schema.ColID:
		case c.Name == schema.ColScope:
			d.Scope = v
		case c.Group == schema.CellEnvelop:
			d.Envelope[c.Name] = v
		default:
			d.Values[c.Name] = v
		}
	}
	return d, err
}

func (a *app) listCommand() *cobra.Command {
	var limit int
	var cols []string
	c := a.command("list", "list TABLE [column=value …]", a.between(1, -1), func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if limit < 1 || limit > 100_000 {
			return misuse("limit_range", limit)
		}
		r, t, err := a.opened(args[0])
		if err != nil {
			return err
		}
		given, err := a.assignments(ctx, r, t, args[1:], false)
		if err != nil {
			return err
		}
		shown, err := a.pickColumns(t, cols)
		if err != nil {
			return err
		}
		rows, err := r.List(ctx, t.Name, values(given), limit+1)
		if err != nil {
			return err
		}
		more := len(rows) > limit
		rows = rows[:min(len(rows), limit)]
		open, err := openConflicts(ctx, r)
		if err != nil {
			return err
		}
		if a.json {
			return a.listJSON(ctx, r, t, rows, open, more)
		}
		return a.listText(ctx, r, t, rows, shown, open, more)
	})
	c.Flags().IntVar(&limit, "limit", 50, a.say("flag.limit"))
	c.Flags().StringSliceVar(&cols, "columns", nil, a.say("flag.columns"))
	return c
}

func (a *app) pickColumns(t *schema.Table, names []string) ([]*schema.Column, error) {
	var out []*schema.Column
	for _, n := range names {
		c := column(t, strings.TrimSpace(n))
		if c == nil {
			var all []string
			for _, c := range t.Columns {
				all = append(all, a.columnName(c))
			}
			return nil, wrong("no_column_list", a.label(t.Label), clean(n), strings.Join(all, ", "))
		}
		out = append(out, c)
	}
	return out, nil
}

func (a *app) listJSON(ctx context.Context, r *device.Replica, t *schema.Table, rows []device.Row, open map[[2]string][]string, more bool) error {
	doc := struct {
		Rows []rowDoc `json:"rows"`
		More bool     `json:"more"`
	}{Rows: []rowDoc{}, More: more}
	for i := range rows {
		d, err := a.rowDoc(ctx, r, t, &rows[i], open)
		if err != nil {
			return err
		}
		doc.Rows = append(doc.Rows, d)
	}
	return a.emit(doc)
}

func (a *app) listText(ctx context.Context, r *device.Replica, t *schema.Table, rows []device.Row, cols []*schema.Column, open map[[2]string][]string, more bool) error {
	if len(rows) == 0 {
		a.print("list_empty", a.label(t.Label))
		return nil
	}
	if len(cols) == 0 {
		cols = telling(t, rows)
	}
	lines := [][]string{{"", a.say("id")}}
	for _, c := range cols {
		lines[0] = append(lines[0], a.label(c.Label))
	}
	for i := range rows {
		mark, err := r.Mark(ctx, t.Name, rows[i].ID)
		if err != nil {
			return err
		}
		id, err := brief(ctx, r, t, rows[i].ID)
		if err != nil {
			return err
		}
		line := []string{string(mark), id}
		for _, c := range cols {
			text, err := a.cell(ctx, r, c, rows[i].Values[c.Name])
			if err != nil {
				return err
			}
			line = append(line, short(text, 30))
		}
		if ids := open[[2]string{t.Name, string(rows[i].ID)}]; len(ids) > 0 {
			line = append(line, a.say("in_conflict", strings.Join(ids, ", ")))
		}
		lines = append(lines, line)
	}
	columns(a.Out, lines)
	if more {
		a.print("list_more", len(rows))
	}
	return nil
}

// telling picks the first five declared columns that tell something in these rows.
func telling(t *schema.Table, rows []device.Row) []*schema.Column {
	var out []*schema.Column
	for _, c := range t.Columns {
		if c.Type == schema.TypeID || c.Name == schema.ColScope || c.Group == schema.CellEnvelop {
			continue
		}
		for i := range rows {
			if !rows[i].Values[c.Name].IsNull() {
				out = append(out, c)
				break
			}
		}
		if len(out) == 5 {
			break
		}
	}
	return out
}

// cell shows a value; a reference as a short id, and what its row is called.
func (a *app) cell(ctx context.Context, r *device.Replica, c *schema.Column, v schema.Value) (string, error) {
	to := r.Schema().Table(c.Ref)
	if c.Type != schema.TypeRef || to == nil || v.IsNull() {
		return a.show(c, v), nil
	}
	id := se.RowID(v.Str())
	text, err := brief(ctx, r, to, id)
	if err != nil {
		return "", err
	}
	row, err := r.Get(ctx, to.Name, id)
	if device.CodeOf(err) == device.CodeNoRow {
		return text, nil
	}
	if err != nil {
		return "", err
	}
	if title := a.title(to, row); title != "" {
		text += " " + title
	}
	return text, nil
}

// title is what people call a row: its natural key as far as it is text, else its first text.
func (a *app) title(t *schema.Table, row *device.Row) string {
	var parts []string
	for _, name := range t.NaturalKey {
		if c := t.Column(name); c.Type == schema.TypeText && c.HashOf == "" && !row.Values[name].IsNull() {
			parts = append(parts, a.show(c, row.Values[name]))
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, "-")
	}
	for _, c := range t.Columns {
		if c.Type == schema.TypeText && c.Group != schema.CellEnvelop && !row.Values[c.Name].IsNull() {
			return short(a.show(c, row.Values[c.Name]), 20)
		}
	}
	return ""
}

func (a *app) showCommand() *cobra.Command {
	return a.command("show", "show TABLE ID", a.exactly(2), func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		r, t, err := a.opened(args[0])
		if err != nil {
			return err
		}
		id, err := a.row(ctx, r, t, args[1])
		if err != nil {
			return err
		}
		form, err := r.Form(ctx, t.Name, id)
		if err != nil {
			return err
		}
		row := &device.Row{Table: form.Table, ID: form.ID, Values: form.Values}
		open, err := openConflicts(ctx, r)
		if err != nil {
			return err
		}
		if a.json {
			d, err := a.rowDoc(ctx, r, t, row, open)
			if err != nil {
				return err
			}
			d.ReadAt = base(form.Seen.Base)
			return a.emit(d)
		}
		return a.showText(ctx, r, t, row, open[[2]string{t.Name, string(row.ID)}], form.Seen.Base)
	})
}

func (a *app) showText(ctx context.Context, r *device.Replica, t *schema.Table, row *device.Row, open []string, at se.Base) error {
	mark, err := r.Mark(ctx, t.Name, row.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "%s %s %s\n", a.label(t.Label), t.Name, row.ID)
	fmt.Fprintf(a.Out, "%s %s\n", mark, a.say("mark."+states[mark]))
	if len(open) > 0 {
		a.print("in_conflict", strings.Join(open, ", "))
	}
	var lines, envelope [][]string
	for _, c := range t.Columns {
		if c.Type == schema.TypeID {
			continue
		}
		v := row.Values[c.Name]
		text, err := a.cell(ctx, r, c, v)
		if err != nil {
			return err
		}
		if c.Type == schema.TypeCode && text != v.Str() {
			text += " (" + v.Str() + ")"
		}
		if text == "" {
			continue
		}
		if c.Group == schema.CellEnvelop {
			envelope = append(envelope, []string{"  " + a.label(c.Label), c.Name, text})
		} else {
			lines = append(lines, []string{"  " + a.label(c.Label), c.Name, text})
		}
	}
	columns(a.Out, append(lines, envelope...))
	a.print("show_read_at", base(at))
	return nil
}

// base writes a cursor as epoch:seq.
func base(b se.Base) string { return fmt.Sprintf("%d:%d", b.Epoch, b.Seq) }

// parseBase is the inverse of base; the empty text is the zero Base.
func parseBase(text string) (se.Base, error) {
	if text == "" {
		return se.Base{}, nil
	}
	e, s, ok := strings.Cut(text, ":")
	epoch, err1 := strconv.ParseInt(e, 10, 64)
	seq, err2 := strconv.ParseInt(s, 10, 64)
	if !ok || err1 != nil || err2 != nil || epoch < 1 || seq < 0 {
		return se.Base{}, misuse("read_at_form", clean(text))
	}
	return se.Base{Epoch: epoch, Seq: seq}, nil
}

func (a *app) tablesCommand() *cobra.Command {
	return a.command("tables", "tables [TABLE]", a.between(0, 1), func(_ *cobra.Command, args []string) error {
		s, err := a.schema()
		if err != nil {
			return err
		}
		list := s.Tables
		if len(args) == 1 {
			t, err := a.table(args[0])
			if err != nil {
				return err
			}
			list = []*schema.Table{t}
		}
		switch {
		case a.json:
			return a.tablesJSON(list)
		case len(args) == 1:
			a.tableText(list[0])
			return nil
		}
		var lines [][]string
		for _, t := range list {
			lines = append(lines, []string{t.Name, a.label(t.Label), a.say("level." + string(t.Level)), strings.Join(columnNames(t)[2:], " ")})
		}
		columns(a.Out, lines)
		return nil
	})
}

func (a *app) tableText(t *schema.Table) {
	fmt.Fprintf(a.Out, "%s %s\n", t.Name, a.label(t.Label))
	var lines [][]string
	for _, c := range t.Columns {
		note := string(c.Policy)
		switch {
		case c.Derived:
			note = a.say("derived")
		case c.Required:
			note += " " + a.say("required")
		}
		kind := string(c.Type)
		if c.Ref != "" {
			kind += " → " + c.Ref
		}
		if c.Code != "" {
			kind += ": " + a.codes(c, a.lang)
		}
		lines = append(lines, []string{"  " + c.Name, a.label(c.Label), note, kind})
	}
	columns(a.Out, lines)
}

type labelDoc struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

type codeDoc struct {
	Code    string   `json:"code"`
	Label   labelDoc `json:"label"`
	Retired bool     `json:"retired,omitempty"`
}

type schemaColumn struct {
	Name     string    `json:"name"`
	Label    labelDoc  `json:"label"`
	Type     string    `json:"type"`
	Policy   string    `json:"policy,omitempty"`
	Required bool      `json:"required,omitempty"`
	Derived  bool      `json:"derived,omitempty"`
	Ref      string    `json:"ref,omitempty"`
	Codes    []codeDoc `json:"codes,omitempty"`
}

type tableDoc struct {
	Name    string         `json:"name"`
	Label   labelDoc       `json:"label"`
	Level   string         `json:"level"`
	Columns []schemaColumn `json:"columns"`
}

func (a *app) tablesJSON(list []*schema.Table) error {
	s, err := a.schema()
	if err != nil {
		return err
	}
	doc := struct {
		Schema int        `json:"schema"`
		Tables []tableDoc `json:"tables"`
	}{s.Version, []tableDoc{}}
	for _, t := range list {
		d := tableDoc{Name: t.Name, Label: labelDoc(t.Label), Level: string(t.Level)}
		for _, c := range t.Columns {
			col := schemaColumn{Name: c.Name, Label: labelDoc(c.Label), Type: string(c.Type), Policy: string(c.Policy), Required: c.Required, Derived: c.Derived, Ref: c.Ref}
			if codes := s.Codes[c.Code]; codes != nil {
				for _, k := range codes.Codes {
					col.Codes = append(col.Codes, codeDoc{k.Code, labelDoc(k.Label), k.Retired})
				}
			}
			d.Columns = append(d.Columns, col)
		}
		doc.Tables = append(doc.Tables, d)
	}
	return a.emit(doc)
}
