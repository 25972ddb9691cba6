package simtest

import (
	"math/rand/v2"
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// rivals write what a supervisor is deciding about, while his console's link is slow: his decision has its time when he
// makes it, and arrives after theirs.
type rivals struct {
	w   *World
	rng *rand.Rand
}

// slow tells for how long a decision is under way; meanwhile somebody writes the cell.
func (r *rivals) slow(c *se.Change) int64 {
	if c.Decide.Choice != se.ChoiceSet && c.Decide.Choice != se.ChoiceTake || r.rng.IntN(2) == 0 {
		return 0
	}
	con := r.w.oracle.conflicts[c.Decide.Conflict]
	if con == nil || con.Key.Kind != se.ConflictCell {
		return 0
	}
	late := 2000 + r.rng.Int64N(4000)
	r.w.after(1+r.rng.Int64N(200), func() { r.write(con.Key) })
	return late
}

// write lets somebody who is online and shown the row change the cell.
func (r *rivals) write(key se.ConflictKey) {
	t := r.w.schema.Table(key.Table)
	first := r.rng.IntN(len(r.w.nodes))
	for i := range r.w.nodes {
		n := r.w.nodes[(first+i)%len(r.w.nodes)]
		if len(n.conns) == 0 || n.principal.Revoked {
			continue
		}
		var row replica.Image
		_ = n.dev.View(func(tx replica.Tx) (err error) { row, err = tx.Row(t, key.Row); return err })
		if row == nil || slices.Contains(n.closed, scopeOf(t, row)) {
			continue
		}
		for _, column := range editable(t.Name, n.role(scopeOf(t, row))) {
			if t.CellOf(column).Name != key.Cell {
				continue
			}
			if set := r.w.sealed(n.ring, t.Name, key.Row, n.assign(t, row, column)); len(set) > 0 {
				j := &job{}
				j.add(Update, t.Name, key.Row, set...)
				n.write(j)
				return
			}
		}
	}
}
