package simtest

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// guardDoor refuses to write rows of doors that were taken from the person, as the triggers do: before the statement as
// after it.
func (m *MemDevice) guardDoor(t *schema.Table, st *Statement, old replica.Image) error {
	if len(m.ctl.Leaving.Doors) == 0 {
		return nil
	}
	images := []replica.Image{old}
	if st.Verb != Delete {
		row := newImage(t)
		if old != nil && st.Verb != Replace {
			row = cloneImage(old)
		}
		assign(t, row, st.Set)
		images = append(images, row)
	}
	for _, row := range images {
		if row == nil {
			continue
		}
		door := m.doorOf(t, st.Row, row)
		for _, lost := range m.ctl.Leaving.Doors {
			if door != "" && replica.DoorOf(lost) == string(door) {
				return fmt.Errorf("your work at %s %w", door, errEnded)
			}
		}
	}
	return nil
}

// doorOf follows the references that lead to a row's door, as far as the replica shows them.
func (m *MemDevice) doorOf(t *schema.Table, id se.RowID, row replica.Image) se.RowID {
	for row != nil && t.Door != "" {
		if t.Door == schema.DoorSelf {
			return id
		}
		c := t.Column(t.Door)
		id = se.RowID(row[t.CellIndex(t.CellOf(c.Name).Name)][columnIn(t, c)].Str())
		if t = m.schema.Table(c.Ref); t.Door == schema.DoorSelf {
			return id
		}
		row = m.rows[replica.RowKey{Table: t.Name, Row: id}]
	}
	return ""
}

func columnIn(t *schema.Table, c *schema.Column) int {
	for i, x := range t.CellOf(c.Name).Columns {
		if x == c {
			return i
		}
	}
	return -1
}
