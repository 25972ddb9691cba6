package simtest

import (
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Kept implements replica.Tx, as do the methods below.
func (m *MemDevice) Kept(k replica.RowKey) ([]se.CellValue, error) {
	return slices.Clone(m.kept[k]), nil
}

// PutKept replaces what is kept of a row.
func (m *MemDevice) PutKept(k replica.RowKey, cells []se.CellValue) error {
	old := m.kept[k]
	set := func(cells []se.CellValue) {
		if len(cells) == 0 {
			delete(m.kept, k)
		} else {
			m.kept[k] = cells
		}
	}
	set(slices.Clone(cells))
	m.save(func() { set(old) })
	return nil
}

// KeptRows lists the rows that something is kept of.
func (m *MemDevice) KeptRows() ([]replica.RowKey, error) {
	var out []replica.RowKey
	for k := range m.kept {
		out = append(out, k)
	}
	slices.SortFunc(out, compareKeys)
	return out, nil
}
