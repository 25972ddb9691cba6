package simtest

import (
	"math/rand/v2"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// follow says where rows live after a set took effect: those that belong to a family or a matter live where that does;
// a family that was in its place's scope goes along when the place moves.
func (m *model) follow(seq int64, s *set) {
	if m.placeAt == nil {
		m.placeAt = map[se.RowID]string{}
	}
	moved := map[se.RowID][2]string{}
	for _, k := range m.order {
		if r := m.rows[k]; k.Table == "place" && !r.alive {
			delete(m.placeAt, k.Row) // one that comes back elsewhere has not moved
		} else if k.Table == "place" {
			at := m.text(r, schema.ColScope)
			if old, ok := m.placeAt[k.Row]; ok && old != at {
				moved[k.Row] = [2]string{old, at}
			}
			m.placeAt[k.Row] = at
		}
	}
	for _, table := range []string{"family", "call", "matter", "move"} {
		for _, k := range m.order {
			r := m.rows[k]
			if k.Table != table || !r.alive {
				continue
			}
			leader := replica.RowKey{Table: r.table.Column(r.table.Door).Ref, Row: se.RowID(m.text(r, r.table.Door))}
			at := m.text(r, schema.ColScope)
			if table == "family" {
				if x, ok := moved[leader.Row]; ok && x[0] == at {
					m.lead(seq, s, r, x[1])
				}
				continue
			}
			if l := m.rows[leader]; l != nil && l.alive {
				if to := m.text(l, schema.ColScope); to != at {
					m.lead(seq, s, r, to)
				}
			}
		}
	}
}

// lead puts a row into a scope by the centre's word.
func (m *model) lead(seq int64, s *set, r *mrow, scope string) {
	c := r.cells[r.table.CellIndex(schema.CellScope)]
	for _, x := range c.surv {
		if x.write.id != s.id || !slices.Equal(x.vals, []schema.Value{schema.Text(scope)}) {
			x.fate = "superseded"
		}
	}
	c.surv = []surv{{&write{id: s.id, at: s.at, vals: []schema.Value{schema.Text(scope)}, fate: "stands"}, true}}
	c.written = true
	c.note(seq)
	m.count("row followed another into its scope")
}

// haul lets somebody who works in both grids move a place that nobody looks after, with all that belongs to it.
func (w *World) haul(rng *rand.Rand) {
	w.after(10_000+rng.Int64N(30_000), func() {
		if w.idle {
			return
		}
		w.haul(rng)
		n := w.nodes[2]
		if n.role("A") != roleWorker || n.role("B") != roleWorker {
			return
		}
		t := w.schema.Table("place")
		var ids []se.RowID
		var rows []replica.Image
		_ = n.dev.View(func(tx replica.Tx) error {
			list, _ := tx.RowIDs(t)
			for _, id := range list {
				if r, _ := tx.Row(t, id); rng.IntN(3) == 0 && !w.spoiled[replica.RowKey{Table: "place", Row: id}] {
					ids, rows = append(ids, id), append(rows, r)
				}
			}
			return nil
		})
		if len(ids) == 0 {
			return
		}
		w.moves = true
		j := &job{}
		j.add(Update, "place", ids[0], Assign{"scope", text(map[string]string{"A": "B", "B": "A"}[scopeOf(t, rows[0])])})
		n.write(j)
		w.count("place moved to another scope")
	})
}
