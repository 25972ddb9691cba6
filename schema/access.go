package schema

import (
	"strings"
	"sync"
)

// Access is what a principal with one or more roles in one scope sees and may write of a record type: the union of
// the roles' views (the least masked wins) and rights. It is computed once per set of roles and shared.
type Access struct {
	Rows  map[Rows]bool // which filters show a row; any one suffices
	masks map[string]Mask
	shown map[string]bool
	write map[string]bool // cells
	Right Right
}

// Access combines the views and rights of the named roles on t. It is nil if none of them sees t at all.
func (t *Table) Access(roles ...string) *Access {
	k := t.accesses
	if k == nil || k.of != t { // it is a copy, and may be another one by now
		return t.access(roles)
	}
	names := strings.Join(roles, "\x00")
	k.mu.RLock()
	a, ok := k.by[names]
	k.mu.RUnlock()
	if ok {
		return a
	}
	a = t.access(roles)
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.by) < mostAccesses {
		k.by[names] = a
	}
	return a
}

// accesses keeps what was computed for a record type.
type accesses struct {
	of *Table
	mu sync.RWMutex       // guards what follows
	by map[string]*Access // by roles; nil for those that do not see it
}

// mostAccesses is how many sets of roles are remembered: as many as a county has, and to spare.
const mostAccesses = 256

func (t *Table) access(roles []string) *Access {
	var a *Access
	for _, role := range roles {
		v := t.Views[role]
		if v == nil {
			continue
		}
		if a == nil {
			a = &Access{Rows: map[Rows]bool{}, masks: map[string]Mask{}, shown: map[string]bool{}, write: map[string]bool{}}
		}
		a.addView(t, v)
	}
	if a == nil {
		return nil
	}
	for _, role := range roles {
		if r := t.Rights[role]; r != nil && t.Views[role] != nil {
			a.addRight(t, r)
		}
	}
	return a
}

func (a *Access) addView(t *Table, v *View) {
	a.Rows[v.Rows] = true
	hidden := map[string]bool{}
	for _, h := range v.Hidden {
		hidden[h] = true
	}
	for _, c := range t.Columns {
		if hidden[c.Name] {
			continue
		}
		m := v.Masks[c.Name]
		if old, ok := a.masks[c.Name]; !ok || !a.shown[c.Name] || old != MaskNone && m == MaskNone {
			a.masks[c.Name] = m
		}
		a.shown[c.Name] = true
	}
}

func (a *Access) addRight(t *Table, r *Right) {
	a.Right.Insert = a.Right.Insert || r.Insert
	a.Right.Delete = a.Right.Delete || r.Delete
	for _, u := range r.Update {
		for _, c := range t.Cells {
			if u == AllCells || u == c.Name {
				a.write[c.Name] = true
			}
		}
	}
}

// Shows tells whether a column is sent at all, and under which mask.
func (a *Access) Shows(column string) (Mask, bool) { return a.masks[column], a.shown[column] }

// Reads tells whether every column of the cell is shown unmasked.
func (a *Access) Reads(c *Cell) bool {
	for _, col := range c.Columns {
		if m, ok := a.Shows(col.Name); !ok || m != MaskNone {
			return false
		}
	}
	return true
}

// MayUpdate tells whether the cell of an existing row may be written: the right is given, and the role reads the
// cell unmasked (nobody may overwrite what he cannot see).
func (a *Access) MayUpdate(c *Cell) bool {
	return a.write[c.Name] && a.Reads(c) && c.Policy != PolicyCentral && !c.Derived
}

// MayInsert tells whether the cell may be given with an insert.
func (a *Access) MayInsert(c *Cell) bool {
	return a.Right.Insert && a.Reads(c) && c.Policy != PolicyCentral && !c.Derived
}

// FullAccess is the access of somebody who may read and write everything of a record type. No role has it: it is for
// acts of the centre on a supervisor's word.
func (t *Table) FullAccess() *Access {
	a := &Access{Rows: map[Rows]bool{RowsAll: true}, masks: map[string]Mask{}, shown: map[string]bool{}, write: map[string]bool{}}
	a.addView(t, &View{Rows: RowsAll})
	a.addRight(t, &Right{Insert: true, Delete: true, Update: []string{AllCells}})
	return a
}
