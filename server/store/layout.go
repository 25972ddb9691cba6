package store

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// layout says which cells and columns a row's packed versions have, in which order. Each order that a record type
// ever had is kept in cell_layout under a number that the row names, so that a row outlives changes of its
// declaration and still does not spell out the names of its cells.
type layout struct {
	id     int64
	stored []storedCell
	width  int // cells that the schema has now
}

type storedCell struct {
	name  string
	to    int   // place among the schema's cells now, -1 if it has none
	width int   // columns that the schema's cell has now
	value []int // place of each stored column in the cell now, nil if they are the same ones
}

// layoutText is how a layout is kept: [["cell",["column",…]],…].
func layoutText(t *schema.Table) string {
	out := make([][2]any, len(t.Cells))
	for i, c := range t.Cells {
		out[i] = [2]any{c.Name, columnNames(c)}
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic("bug: names have no JSON form: " + err.Error())
	}
	return string(b)
}

func columnNames(c *schema.Cell) []string {
	names := make([]string, len(c.Columns))
	for i, col := range c.Columns {
		names[i] = col.Name
	}
	return names
}

// parseLayout reads a stored layout against the schema of now.
func parseLayout(id int64, text string, t *schema.Table) (*layout, error) {
	var cells [][2]json.RawMessage
	if err := json.Unmarshal([]byte(text), &cells); err != nil {
		return nil, fmt.Errorf("read layout %d of %s: %w", id, t.Name, err)
	}
	l := &layout{id: id, width: len(t.Cells)}
	for _, raw := range cells {
		var c storedCell
		var cols []string
		if json.Unmarshal(raw[0], &c.name) != nil || json.Unmarshal(raw[1], &cols) != nil {
			return nil, fmt.Errorf("read layout %d of %s: it is damaged", id, t.Name)
		}
		c.to = t.CellIndex(c.name)
		if c.to >= 0 {
			now := columnNames(t.Cells[c.to])
			c.width = len(now)
			if !slices.Equal(now, cols) {
				for _, col := range cols {
					c.value = append(c.value, slices.Index(now, col))
				}
			}
		}
		l.stored = append(l.stored, c)
	}
	return l, nil
}

// place puts a stored cell where the schema has it now. What the schema no longer has is refused rather than dropped:
// codes and columns are retired, never removed (engine.md §7).
func (l *layout) place(cells []syncengine.Cell, i int, c syncengine.Cell) error {
	s := &l.stored[i]
	if s.to < 0 {
		if c.Shown != 0 || c.Survivors != nil {
			return fmt.Errorf("store: the schema no longer has the cell %q, but a row holds it: declare it again", s.name)
		}
		return nil
	}
	if s.value != nil {
		for j := range c.Survivors {
			vs, err := s.rearrange(c.Survivors[j].Values)
			if err != nil {
				return err
			}
			c.Survivors[j].Values = vs
		}
	}
	cells[s.to] = c
	return nil
}

func (s *storedCell) rearrange(old []schema.Value) ([]schema.Value, error) {
	if old == nil {
		return nil, nil
	}
	vs := make([]schema.Value, s.width)
	for k, v := range old {
		switch {
		case k < len(s.value) && s.value[k] >= 0:
			vs[s.value[k]] = v
		case !v.IsNull():
			return nil, fmt.Errorf("store: the schema no longer has a column of the cell %q, but a row holds it: declare it again", s.name)
		}
	}
	return vs, nil
}
