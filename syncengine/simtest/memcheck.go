package simtest

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

func (m *MemDevice) Scopes(t *schema.Table) ([]string, error) {
	var out []string
	for _, id := range m.ids[t.Name] {
		out = append(out, scopeOf(t, m.rows[replica.RowKey{Table: t.Name, Row: id}]))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (m *MemDevice) InScope(t *schema.Table, scope string, fn func(se.RowID, replica.Image)) error {
	for _, id := range m.ids[t.Name] {
		if row := m.rows[replica.RowKey{Table: t.Name, Row: id}]; scopeOf(t, row) == scope {
			fn(id, cloneImage(row))
		}
	}
	return nil
}

func (m *MemDevice) PutMended(x replica.Mended) error {
	old := m.mended
	m.mended = append(slices.Clip(old), x)
	m.save(func() { m.mended = old })
	return nil
}

func (m *MemDevice) PutCheck(c replica.Checked) error {
	old := m.checks
	m.checks = append([]replica.Checked{c}, old...)
	m.save(func() { m.checks = old })
	return nil
}

func (m *MemDevice) Checks(limit int) ([]replica.Checked, error) {
	return slices.Clone(m.checks[:min(limit, len(m.checks))]), nil
}
