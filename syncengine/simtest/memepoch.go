package simtest

import (
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Body implements replica.Tx, as do all methods below.
func (m *MemDevice) Body(n int64) (*se.Changeset, error) { return m.filed[n].cs, nil }

func (m *MemDevice) HashOf(n int64) (se.Hash, error) {
	if cs, _ := m.Sealed(n); cs != nil {
		return cs.Hash(), nil
	}
	return m.filed[n].verdict.Hash, nil
}

func (m *MemDevice) Offer(cs *se.Changeset) error {
	old, was := m.outbox, m.filed[cs.N]
	_, had := m.filed[cs.N]
	delete(m.filed, cs.N)
	m.outbox = slices.DeleteFunc(slices.Clone(old), func(x *se.Changeset) bool { return x.N == cs.N })
	m.outbox = append(m.outbox, cs)
	slices.SortFunc(m.outbox, func(a, b *se.Changeset) int { return int(a.N - b.N) })
	m.save(func() {
		m.outbox = old
		if had {
			m.filed[cs.N] = was
		}
	})
	return nil
}

func (m *MemDevice) Lost() ([]replica.LostRow, error) { return slices.Clone(m.lost), nil }

func (m *MemDevice) PutLost(l replica.LostRow) error {
	return m.setLost(l.RowKey, func(list []replica.LostRow) []replica.LostRow {
		l.Image = cloneImage(l.Image)
		list = append(list, l)
		slices.SortFunc(list, func(a, b replica.LostRow) int { return compareKeys(a.RowKey, b.RowKey) })
		return list
	})
}

func (m *MemDevice) DropLost(k replica.RowKey) error {
	return m.setLost(k, func(list []replica.LostRow) []replica.LostRow { return list })
}

func (m *MemDevice) setLost(k replica.RowKey, add func([]replica.LostRow) []replica.LostRow) error {
	old := m.lost
	m.lost = add(slices.DeleteFunc(slices.Clone(old), func(l replica.LostRow) bool { return l.RowKey == k }))
	m.save(func() { m.lost = old })
	return nil
}
