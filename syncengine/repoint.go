package syncengine

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// Repointed says that a write named a retired row and was made to name what that was merged into. A split gives it back,
// if it still stands.
type Repointed struct {
	Table    string // of the retired row
	Retired  RowID
	RefTable string
	Row      RowID // that refers
	Column   string
	Seq      int64 // of the write, or of the addition to a set
}

// repointAll makes every live row that refers to a retired one refer to its survivor.
func (g *ingest) repointAll(t *schema.Table, from, to RowID) error {
	for _, ref := range t.ReferredBy {
		ids, err := g.tx.Referrers(ref.Table.Name, ref.Column.Name, from)
		if err != nil {
			return fmt.Errorf("list what refers to a row: %w", err)
		}
		for _, id := range ids {
			if g.followed++; g.followed > maxFollowers {
				return reject(CodeTooLarge, &Change{Table: t.Name, Row: from}, "", "followers")
			}
			row, err := g.tx.Row(ref.Table.Name, id)
			if err != nil || row == nil {
				return err
			}
			before := CopyRow(row)
			seqs := row.Cells[ref.Table.CellIndex(ref.Table.CellOf(ref.Column.Name).Name)].repoint(ref, from, to, nil)
			for _, seq := range seqs {
				r := Repointed{Table: t.Name, Retired: from, RefTable: ref.Table.Name, Row: id, Column: ref.Column.Name, Seq: seq}
				if err := g.tx.PutRepointed(r); err != nil {
					return fmt.Errorf("keep what was re-pointed: %w", err)
				}
			}
			if err := g.reseat(ref.Table, row, before, ref.Column); err != nil {
				return err
			}
		}
	}
	return nil
}

// repoint replaces an id in what a cell's writes say, in place: whose they are, what they had seen, and which of them
// stand, stays as it was. It gives the seqs of the writes that named it. only, if not nil, limits it to writes with
// these seqs; then what stands is changed only if all that stand together are.
func (c *Cell) repoint(ref schema.Reference, from, to RowID, only []int64) (seqs []int64) {
	def, j := ref.Table.CellOf(ref.Column.Name), 0
	for j = range def.Columns {
		if def.Columns[j] == ref.Column {
			break
		}
	}
	swap := func(id RowID) (RowID, error) {
		if id == from {
			return to, nil
		}
		return id, nil
	}
	standing := only == nil || !slices.ContainsFunc(c.Survivors, func(w Write) bool { return w.Stands() && !slices.Contains(only, w.Seq) })
	for i := range c.Survivors {
		w := &c.Survivors[i]
		if only != nil && !slices.Contains(only, w.Seq) || w.Stands() && !standing {
			continue
		}
		if v, _ := mapRefs(ref.Column, w.Values[j], swap); v != w.Values[j] {
			w.Values = slices.Clone(w.Values)
			w.Values[j] = v
			seqs = append(seqs, w.Seq)
		}
	}
	k, ok := c.element(string(from))
	if !ok {
		return seqs
	}
	tags := c.Elements[k].Tags
	stay := []Tag{}
	for _, tag := range tags {
		if only != nil && (!slices.Contains(only, tag.Seq) || slices.Contains(seqs, tag.Seq)) { // one changeset may have named both
			stay = append(stay, tag)
			continue
		}
		seqs = append(seqs, tag.Seq)
		at, found := c.element(string(to))
		if !found {
			c.Elements = slices.Insert(c.Elements, at, Element{Value: string(to)})
		}
		c.Elements[at].Tags = append(c.Elements[at].Tags, tag)
	}
	k, _ = c.element(string(from))
	if c.Elements[k].Tags = stay; len(stay) == 0 {
		c.Elements = slices.Delete(c.Elements, k, k+1)
	}
	return seqs
}

// reseat saves a row of which a reference was changed in place: replicas learn it, and it goes where that leads.
func (g *ingest) reseat(t *schema.Table, row, before *Row, col *schema.Column) error {
	row.Cells[t.CellIndex(t.CellOf(col.Name).Name)].Shown = g.seq
	row.Seq = g.seq
	moved, err := g.placeDoor(t, row, true)
	if err != nil {
		return err
	}
	if err := g.tx.PutRow(row); err != nil {
		return fmt.Errorf("put row of %s: %w", t.Name, err)
	}
	g.placed = append(g.placed, placed{key: RowKey{t.Name, row.ID}})
	if moved {
		if err := g.followers(t, row); err != nil {
			return err
		}
	}
	if err := g.cellConflicts(t, row, before); err != nil {
		return err
	}
	g.duplicates(t, row, before)
	return nil
}

// pointBack gives a row that lives again the references that named it and still stand. last is what it had become.
func (g *ingest) pointBack(list []Repointed, last RowID) error {
	for len(list) > 0 {
		first, n := list[0], 1
		seqs := []int64{first.Seq}
		for ; n < len(list) && list[n].RefTable == first.RefTable && list[n].Row == first.Row && list[n].Column == first.Column; n++ {
			seqs = append(seqs, list[n].Seq)
		}
		list = list[n:]
		t := g.engine.schema.Table(first.RefTable)
		if t == nil || t.Column(first.Column) == nil {
			continue // the declarations have changed since
		}
		row, err := g.tx.Row(first.RefTable, first.Row)
		if err != nil {
			return fmt.Errorf("read a row that was re-pointed: %w", err)
		}
		if row == nil {
			continue
		}
		if g.followed++; g.followed > maxFollowers {
			return reject(CodeTooLarge, &Change{Table: first.Table, Row: first.Retired}, "", "followers")
		}
		before, ref := CopyRow(row), schema.Reference{Table: t, Column: t.Column(first.Column)}
		if len(row.Cells[t.CellIndex(t.CellOf(first.Column).Name)].repoint(ref, last, first.Retired, seqs)) == 0 {
			continue
		}
		if err := g.reseat(t, row, before, ref.Column); err != nil {
			return err
		}
	}
	return nil
}
