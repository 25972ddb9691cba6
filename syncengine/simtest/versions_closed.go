package simtest

import (
	"hash/fnv"
	"math/rand/v2"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// closing is the end of scope A: B took it over, and everybody's work in it lies there from then on.
type closing struct {
	step int   // at which it happens; 0 = never
	seq  int64 // of the head then
	done bool
}

func (m *mixed) beginClosing(seed uint64) {
	h := fnv.New64a()
	h.Write([]byte("versions: closing"))
	if rng := rand.New(rand.NewPCG(seed, h.Sum64())); rng.IntN(2) == 0 {
		m.closing.step = 20 + rng.IntN(50)
	}
}

// successors is what a person's scopes lead to.
func (m *mixed) successors() map[string]string {
	if m.closing.done {
		return map[string]string{"A": "B"}
	}
	return nil
}

// closeScope closes the scope when it is time to. Who is offline goes on writing into it.
func (m *mixed) closeScope() {
	if m.steps != m.closing.step || m.closing.done {
		return
	}
	m.closing.done = true
	_ = m.store.View(func(tx se.ReadTx) error { head, err := tx.Head(); m.closing.seq = head.Seq; return err })
	for _, p := range m.phones {
		q := *p.principal
		q.Successors = m.successors()
		p.principal = &q
		m.store.SetPrincipal(q.Device, p.principal)
	}
	m.counts["scope closed"]++
}

// closed checks that nothing came into the scope since it was closed, and that what was written into it lies in the other.
func (m *mixed) closed(tx se.ReadTx, list []se.Entry) {
	if !m.closing.done {
		return
	}
	for _, k := range m.ids {
		row, _ := tx.Row(k.Table, k.Row)
		if row != nil && row.Scope == "A" && row.Inserted > m.closing.seq {
			m.bad("%s %s was entered at %d and lies in a scope that was closed at %d", k.Table, k.Row, row.Inserted, m.closing.seq)
		}
	}
	for _, e := range list {
		for _, c := range e.Changeset.Changes {
			for _, w := range c.Cells {
				if w.Cell == schema.CellScope && e.Seq > m.closing.seq && w.Values[0].Str() == "A" {
					m.counts["written into a closed scope"]++
				}
			}
		}
	}
}
