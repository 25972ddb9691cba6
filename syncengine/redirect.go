package syncengine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// last gives the row that an id stands for now: itself, or what it was merged into, however often. path lists the
// retired ids on the way. Merges have no cycles: what a row is merged into lives at the time.
func (g *ingest) last(table string, id RowID) (last RowID, path []RowID, err error) {
	for last = id; ; {
		row, err := g.tx.Peek(table, last)
		if err != nil || row != nil {
			return last, path, err
		}
		dead, err := g.tx.Dead(table, last)
		if err != nil || dead == nil || dead.Into == "" {
			return last, path, err
		}
		path, last = append(path, last), dead.Into
	}
}

// redirect puts a late write to a retired row on the row that it was merged into, as a concurrent write that has seen
// nothing of it: its author had another row before him. Rights are those on the row that he saw, and he must be able to
// write the other one, too; else it waits for a supervisor, and he is told nothing of where it would go.
func (g *ingest) redirect(i int, c *Change, t *schema.Table, dead *Dead) error {
	a, _, err := g.reach(c, t, dead.Row)
	if err != nil {
		return err
	}
	for j := range c.Cells {
		if def := t.Cell(c.Cells[j].Cell); def != nil && !a.MayUpdate(def) {
			return reject(CodeNoRight, c, def.Name, "update")
		}
	}
	id, _, err := g.last(t.Name, c.Row)
	if err != nil {
		return err
	}
	x := g.unseenBy(i, c, t, id)
	if len(x.Cells) == 0 {
		return nil
	}
	g.redirected, g.origin = true, c.Row
	defer func() { g.origin = "" }()
	row, err := g.tx.Peek(t.Name, id)
	if err != nil {
		return fmt.Errorf("read the row that an id was merged into: %w", err)
	}
	if row != nil {
		return asWritten(g.update(i, x, t, row), c, id)
	}
	gone, err := g.tx.Dead(t.Name, id)
	if err != nil || gone == nil {
		return errors.Join(err, park(CodeAwaits, c, "", string(c.Row)))
	}
	return asWritten(g.toDead(i, x, t, gone), c, id)
}

// unseenBy makes a change to a retired row one to the row that it is now. What it takes out of sets stays in: additions
// win over removals that have not seen them.
func (g *ingest) unseenBy(i int, c *Change, t *schema.Table, id RowID) *Change {
	x := *c
	x.Row, x.Cells = id, nil
	for _, w := range c.Cells {
		w.Base = Base{}
		if len(w.Out) > 0 {
			if w.Out = nil; len(w.In) == 0 {
				g.redirected = true
				g.fate(i, w.Cell, FateLost)
				continue
			}
		}
		if def := t.Cell(w.Cell); def != nil && len(w.Values) == len(def.Columns) {
			w.Values = g.engine.resealed(t, def, c.Row, id, w.Values)
		}
		x.Cells = append(x.Cells, w)
	}
	return &x
}

// asWritten makes a refusal name the row that its author wrote. What he may not reach he is told nothing of.
func asWritten(err error, c *Change, id RowID) error {
	var r *refusal
	if !errors.As(err, &r) || r.reason.Row != id {
		return err
	}
	if r.kind == Parked {
		return park(CodeAwaits, c, "", string(c.Row))
	}
	own := *r
	own.reason.Row = c.Row
	return &own
}

// resealed gives the values of a cell as they are to be in another row: ciphertext opens only where it was sealed for.
// What cannot be opened stays as it is.
func (e *Engine) resealed(t *schema.Table, def *schema.Cell, from, to RowID, values []schema.Value) []schema.Value {
	if e.keys == nil || from == to {
		return values
	}
	for j, col := range def.Columns {
		if col.Type != schema.TypeSealed || values[j].IsNull() {
			continue
		}
		ring := e.keys()
		text, err := ring.Open(t.Name, col.Name, string(from), values[j].Bytes())
		if err != nil {
			continue
		}
		if sealed, err := ring.Seal(t.Name, col.Name, string(to), text); err == nil {
			values = slices.Clone(values)
			values[j] = schema.Blob(sealed)
		}
	}
	return values
}

// current re-points what a write refers to, where that was merged into another row. It is kept which write named the
// retired row, so that a split can give it back.
func (g *ingest) current(t *schema.Table, row *Row, def *schema.Cell, w *CellWrite, in *Write) (*CellWrite, error) {
	if !slices.ContainsFunc(def.Columns, func(c *schema.Column) bool { return c.Ref != "" }) {
		return w, nil
	}
	out := *w
	for j, col := range def.Columns {
		if col.Ref == "" {
			continue
		}
		now := func(id RowID) (RowID, error) { return g.named(t, row.ID, col, id, in.Seq, w.In) }
		var err, err2 error
		if w.Operation() {
			out.In, err = mapIDs(w.In, now)
			out.Out, err2 = mapIDs(w.Out, now)
		} else {
			out.Values = slices.Clone(out.Values)
			out.Values[j], err = mapRefs(col, w.Values[j], now)
		}
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
	}
	in.Values = out.Values
	return &out, nil
}

// named gives what an id stands for now and notes that a write named it. beside are the other ids that the write names:
// one that names the survivor, too, stays as it is.
func (g *ingest) named(t *schema.Table, row RowID, col *schema.Column, id RowID, seq int64, beside []string) (RowID, error) {
	last, path, err := g.last(col.Ref, id)
	if err != nil || slices.Contains(beside, string(last)) {
		return last, err
	}
	for _, hop := range path {
		r := Repointed{Table: col.Ref, Retired: hop, RefTable: t.Name, Row: row, Column: col.Name, Seq: seq}
		if err := g.tx.PutRepointed(r); err != nil {
			return last, fmt.Errorf("keep what was re-pointed: %w", err)
		}
	}
	return last, nil
}

// currentElements re-points what the elements of a set refer to.
func (g *ingest) currentElements(t *schema.Table, row *Row, def *schema.Cell, cell *Cell) error {
	col := def.Columns[0]
	if col.Ref == "" {
		return nil
	}
	for _, e := range slices.Clone(cell.Elements) {
		last, path, err := g.last(col.Ref, RowID(e.Value))
		if err != nil || len(path) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		seqs := cell.repoint(schema.Reference{Table: t, Column: col}, RowID(e.Value), last, nil)
		for _, seq := range seqs {
			if _, err := g.named(t, row.ID, col, RowID(e.Value), seq, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// mapRefs gives a value of a reference column, or of a set of references, with its ids replaced.
func mapRefs(col *schema.Column, v schema.Value, now func(RowID) (RowID, error)) (schema.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	if col.Type != schema.TypeSet {
		id, err := now(RowID(v.Str()))
		if err != nil || id == RowID(v.Str()) {
			return v, err
		}
		return schema.Text(string(id)), nil
	}
	set, ok := SetOf(v)
	if !ok {
		return v, nil
	}
	out, err := mapIDs(set, now)
	if err != nil || slices.Equal(out, set) {
		return v, err
	}
	return schema.Text(schema.FormatSet(out)), nil
}

func mapIDs(list []string, now func(RowID) (RowID, error)) ([]string, error) {
	out := make([]string, 0, len(list))
	for _, s := range list {
		id, err := now(RowID(s))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, string(id)) {
			out = append(out, string(id))
		}
	}
	if list == nil {
		return nil, nil
	}
	return out, nil
}
