package simtest

import (
	"math/rand/v2"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// annexation is a grid that is merged into the other place by place while everybody works on, and split again later:
// whoever is offline meanwhile comes back with work on what has moved.
type annexation struct {
	rng   *rand.Rand
	parts []se.RowID // places still to move
	to    string
	split bool
	begun bool
	moved int
}

// annex begins them in every other world, by somebody who works in both grids.
func (w *World) annex(rng *rand.Rand) {
	if rng.IntN(2) != 0 {
		return
	}
	w.after(5000+rng.Int64N(20_000), func() { w.annexNext(&annexation{rng: rng}) })
}

func (w *World) annexNext(a *annexation) {
	if w.idle {
		return
	}
	n := w.nodes[2]
	if n.role("A") != roleWorker || n.role("B") != roleWorker {
		w.after(2000, func() { w.annexNext(a) })
		return
	}
	if !a.begun {
		a.begun = true
		w.annexChoose(n, a)
	}
	for len(a.parts) > 0 && !w.annexPart(n, a) {
		a.parts = a.parts[1:] // gone, or there already
	}
	if len(a.parts) > 0 {
		a.parts = a.parts[1:]
		w.after(50+a.rng.Int64N(250), func() { w.annexNext(a) })
		return
	}
	if a.moved > 0 {
		w.count(map[bool]string{false: "grid merged into another under load", true: "grid split under load"}[a.split])
	}
	a.split, a.begun = !a.split, false
	w.after(10_000+a.rng.Int64N(20_000), func() { w.annexNext(a) })
}

// annexChoose picks all places of a grid for a merge, and about half of them for a split.
func (w *World) annexChoose(n *node, a *annexation) {
	a.moved = 0
	if !a.split {
		a.to = map[string]string{"A": "B", "B": "A", "": "B"}[a.to]
	}
	t := w.schema.Table("place")
	from := map[string]string{"A": "B", "B": "A"}[a.to]
	if a.split {
		from, a.to = a.to, from
	}
	_ = n.dev.View(func(tx replica.Tx) error {
		list, _ := tx.RowIDs(t)
		for _, id := range list {
			r, _ := tx.Row(t, id)
			if scopeOf(t, r) == from && (!a.split || a.rng.IntN(2) == 0) {
				a.parts = append(a.parts, id)
			}
		}
		return nil
	})
}

// annexPart moves the next place; false if there is nothing to move.
func (w *World) annexPart(n *node, a *annexation) bool {
	t, id := w.schema.Table("place"), a.parts[0]
	there := false
	_ = n.dev.View(func(tx replica.Tx) error {
		r, _ := tx.Row(t, id)
		there = r != nil && scopeOf(t, r) != a.to && !w.spoiled[replica.RowKey{Table: "place", Row: id}]
		return nil
	})
	if !there {
		return false
	}
	w.moves = true
	j := &job{}
	j.add(Update, "place", id, Assign{"scope", text(a.to)})
	n.write(j)
	a.moved++
	return true
}
