package api

import (
	"context"
	"strings"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// painter renders values as one person may see them, in his language. One request owns it; err is the first failure
// of looking up what a reference leads to.
type painter struct {
	api    *API
	ctx    context.Context // of the request, which it lives as long as
	lang   string
	rights directory.Rights
	refs   map[syncengine.RowID]string // what rows are called, "" for what the person may not see
	err    error
	seen   *reads // of the request; nil = nobody asks
	table  string // and row: what cellValues renders
	row    syncengine.RowID
}

func (a *API) painter(ctx context.Context, r directory.Rights) *painter {
	seen, _ := ctx.Value(keyReads).(*reads)
	return &painter{api: a, ctx: ctx, lang: language(ctx), rights: r, refs: map[syncengine.RowID]string{}, seen: seen}
}

// subject says which row cellValues renders from here on.
func (p *painter) subject(table string, row syncengine.RowID) { p.table, p.row = table, row }

func (p *painter) rowValues(t *schema.Table, access *schema.Access, row *syncengine.Row) []Value {
	out := []Value{}
	if access == nil {
		return out
	}
	defer p.subject(p.table, p.row)
	p.subject(t.Name, row.ID)
	for k, def := range t.Cells {
		if k < len(row.Cells) && def.Name != schema.CellEnvelop && def.Name != schema.CellScope {
			out = append(out, p.cellValues(access, def, row.Cells[k].Values(def))...)
		}
	}
	return out
}

// cellValues renders a cell as the person may see it: hidden columns are left out, masked ones are masked here.
func (p *painter) cellValues(access *schema.Access, def *schema.Cell, values []schema.Value) []Value {
	out := []Value{}
	for i, col := range def.Columns {
		mask, shown := access.Shows(col.Name)
		if !shown || i >= len(values) {
			continue
		}
		v := Value{Column: col.Name, Label: col.Label.In(p.lang)}
		switch masked := mask.Apply(values[i]); {
		case values[i].IsNull():
		case mask == schema.MaskAll, mask != schema.MaskNone && masked.Kind() != schema.KindText:
			v.Masked, v.Text = true, messages.Say(messages.MaskedValue).In(p.lang)
		case mask != schema.MaskNone:
			v.Masked, v.Value, v.Text = true, masked.Str(), masked.Str()
		default:
			v.Value, v.Text = p.render(col, values[i])
			if _, opened := v.Value.(string); opened || col.Type != schema.TypeSealed {
				p.seen.saw(p.table, p.row, col)
			}
		}
		out = append(out, v)
	}
	return out
}

// open gives what a sealed value of the row that is being rendered says.
func (p *painter) open(col *schema.Column, v schema.Value) (string, bool) {
	if p.api.Seals == nil {
		return "", false
	}
	text, err := p.api.Seals().Open(p.table, col.Name, string(p.row), v.Bytes())
	return text, err == nil
}

// render gives a value for programs and for people.
func (p *painter) render(col *schema.Column, v schema.Value) (any, string) {
	switch col.Type {
	case schema.TypeSealed:
		if text, ok := p.open(col, v); ok {
			return text, text
		}
		return nil, messages.Say(messages.SealedValue).In(p.lang)
	case schema.TypeBool:
		key := messages.No
		if v.Int64() != 0 {
			key = messages.Yes
		}
		return v.Int64() != 0, messages.Say(key).In(p.lang)
	case schema.TypeTime:
		t := at(v.Int64())
		return t.Format(time.RFC3339), t.In(p.api.Now().Location()).Format(time.RFC3339)
	case schema.TypeCode, schema.TypeRef:
		return v.Str(), p.entry(col, v.Str())
	case schema.TypeSet:
		set, err := schema.ParseSet(v.Str())
		if err != nil {
			return v.Any(), v.String()
		}
		labels := make([]string, len(set))
		for i, e := range set {
			labels[i] = p.entry(col, e)
		}
		return set, strings.Join(labels, "、")
	}
	return v.Any(), v.String()
}

// entry gives a code's label, or what the row is called that an id leads to; what is unknown is shown as received.
func (p *painter) entry(col *schema.Column, s string) string {
	if col.Ref != "" {
		if title := p.title(col.Ref, syncengine.RowID(s), 2); title != "" {
			return title
		}
		return s
	}
	if t := p.api.Schema.Codes[col.Code]; t != nil {
		for _, c := range t.Codes {
			if c.Code == s {
				return c.Label.In(p.lang)
			}
		}
	}
	return s
}

// title gives what people call a row, as far as this person may see it: its natural key ("王河-7"), else its first
// required text, else what the record is called that it belongs to, at most depth steps away. It is "" for a row that
// is not there or not in his view, without distinction.
func (p *painter) title(table string, id syncengine.RowID, depth int) string {
	if title, done := p.refs[id]; done || p.err != nil {
		return title
	}
	t := p.api.Schema.Table(table)
	if t == nil {
		return ""
	}
	var row *syncengine.Row
	gone := false
	p.err = p.api.State.View(func(tx syncengine.ReadTx) (err error) {
		if row, err = tx.Row(table, id); err != nil || row != nil {
			return err
		}
		dead, err := tx.Dead(table, id)
		if err == nil && dead != nil {
			row, gone = dead.Row, true
		}
		return err
	})
	if p.err != nil || row == nil {
		return ""
	}
	title := ""
	if access := p.access(t, row); access != nil {
		title = p.name(t, access, row, depth)
	}
	if title != "" && gone {
		title += messages.Say(messages.DeletedRow).In(p.lang)
	}
	p.refs[id] = title
	return title
}

// access gives how the person sees a row, nil if he does not.
func (p *painter) access(t *schema.Table, row *syncengine.Row) *schema.Access {
	covering, err := p.api.Directory.At(p.ctx, p.rights, row.Scope)
	if err != nil {
		p.err = err
		return nil
	}
	var roles, doors []string
	for _, as := range covering {
		roles = append(roles, as.Role)
		doors = append(doors, as.Doors...)
	}
	access := t.Access(roles...)
	if access == nil || !shows(access, row.Author == p.rights.Account.ID, row.Door, doors) {
		return nil
	}
	return access
}

func (p *painter) name(t *schema.Table, access *schema.Access, row *syncengine.Row, depth int) string {
	var key []string
	for _, name := range t.NaturalKey {
		if t.Column(name).HashOf != "" {
			continue // tells nobody anything
		}
		if text := p.word(t, access, row, t.Column(name)); text != "" {
			key = append(key, text)
		}
	}
	if len(key) > 0 {
		return strings.Join(key, "-")
	}
	for _, c := range t.Columns[len(schema.BuiltIn()):] {
		if c.Required {
			if text := p.word(t, access, row, c); text != "" {
				return text
			}
		}
	}
	for _, c := range t.Columns[len(schema.BuiltIn()):] {
		if mask, shown := access.Shows(c.Name); depth > 0 && c.Required && c.Type == schema.TypeRef && shown && mask == schema.MaskNone {
			return p.title(c.Ref, syncengine.RowID(value(t, row, c).Str()), depth-1)
		}
	}
	return ""
}

// word gives a text column for a title, masked and short; "" if it has none for this person.
func (p *painter) word(t *schema.Table, access *schema.Access, row *syncengine.Row, c *schema.Column) string {
	mask, shown := access.Shows(c.Name)
	v := value(t, row, c)
	if !shown || mask == schema.MaskAll || c.Type != schema.TypeText || v.IsNull() {
		return ""
	}
	if mask == schema.MaskNone {
		p.seen.saw(t.Name, row.ID, c)
	}
	text := []rune(mask.Apply(v).Str())
	if len(text) > 20 {
		return string(text[:20]) + "…"
	}
	return string(text)
}

// value gives a column's value of a row, NULL if it has none.
func value(t *schema.Table, row *syncengine.Row, c *schema.Column) schema.Value {
	def := t.CellOf(c.Name)
	if def == nil {
		return schema.Null()
	}
	k := t.CellIndex(def.Name)
	if k < 0 || k >= len(row.Cells) {
		return schema.Null()
	}
	values := row.Cells[k].Values(def)
	for i, x := range def.Columns {
		if x.Name == c.Name && i < len(values) {
			return values[i]
		}
	}
	return schema.Null()
}

// operation gives what a write adds to a cell and removes from it, as the person may see it.
func (p *painter) operation(access *schema.Access, def *schema.Cell, w *syncengine.CellWrite) (added, removed []string) {
	mask, _ := access.Shows(def.Columns[0].Name)
	show := func(v schema.Value) string {
		if mask == schema.MaskNone {
			p.seen.saw(p.table, p.row, def.Columns[0])
			if v.Kind() == schema.KindText {
				return p.entry(def.Columns[0], v.Str())
			}
			return v.String()
		}
		return messages.Say(messages.MaskedValue).In(p.lang)
	}
	if !w.Add.IsNull() {
		added = append(added, show(w.Add))
	}
	for _, e := range w.In {
		added = append(added, show(schema.Text(e)))
	}
	for _, e := range w.Out {
		removed = append(removed, show(schema.Text(e)))
	}
	return added, removed
}
