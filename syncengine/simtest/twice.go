package simtest

import (
	"fmt"
	"math/rand/v2"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// twice lets workers enter places that are there already, and work on both entries, whether or not they have heard that
// these were merged.
type twice struct {
	w     *World
	rng   *rand.Rand
	twins []se.RowID
}

func (w *World) beginTwice() {
	t := &twice{w: w, rng: w.stream("twice")}
	w.after(4000, t.enter)
	w.after(6000, t.fuss)
}

// entry gives a worker and a place that his replica shows; ok tells which of them will do.
func (t *twice) entry(ok func(se.RowID) bool) (n *node, id se.RowID, row replica.Image) {
	n = t.w.nodes[t.rng.IntN(4)]
	def := t.w.schema.Table("place")
	_ = n.dev.View(func(tx replica.Tx) error {
		ids, _ := tx.RowIDs(def)
		for _, k := range t.rng.Perm(len(ids)) {
			r, _ := tx.Row(def, ids[k])
			if ok(ids[k]) && n.role(scopeOf(def, r)) == roleWorker && !t.w.spoiled[replica.RowKey{Table: "place", Row: ids[k]}] {
				id, row = ids[k], r
				return nil
			}
		}
		return nil
	})
	return n, id, row
}

func (t *twice) newID() se.RowID {
	t.w.ids++
	return se.RowID(fmt.Sprintf("%08x-0000-7000-8000-%012x", t.rng.Uint32(), t.w.ids))
}

// enter enters a place a second time, with what is known of it now.
func (t *twice) enter() {
	if t.w.idle {
		return
	}
	t.w.after(5000+t.rng.Int64N(15_000), t.enter)
	n, id, row := t.entry(func(se.RowID) bool { return true })
	if row == nil {
		return
	}
	def, w := t.w.schema.Table("place"), t.w
	scope := text(scopeOf(def, row))
	j := &job{}
	again := t.newID()
	set := []Assign{{"scope", scope}, {"address", value(def, row, "address")}}
	if t.rng.IntN(2) == 0 {
		set = append(set, w.sealed(n.ring, "place", again, []Assign{{"owner", text(w.word())}})...)
	}
	if t.rng.IntN(2) == 0 {
		set = append(set, Assign{"note", text(w.word())})
	}
	j.add(Insert, "place", again, set...)
	if t.rng.IntN(2) == 0 {
		j.add(Insert, "family", t.newID(), Assign{"scope", scope}, Assign{"place_id", text(string(again))}, Assign{"head", text(w.word())})
	}
	t.twins = append(t.twins, id, again)
	n.write(j)
	w.count("place entered twice")
}

// fuss works on a place of which there were two: writes of it, and of what is in it.
func (t *twice) fuss() {
	if t.w.idle {
		return
	}
	t.w.after(1000+t.rng.Int64N(4000), t.fuss)
	recent := map[se.RowID]bool{}
	for _, id := range t.twins[max(0, len(t.twins)-12):] {
		recent[id] = true
	}
	n, id, row := t.entry(func(id se.RowID) bool { return recent[id] })
	if row == nil {
		return
	}
	def, w := t.w.schema.Table("place"), t.w
	j := &job{}
	switch t.rng.IntN(5) {
	case 0, 1:
		j.add(Update, "place", id, w.sealed(n.ring, "place", id, []Assign{{"owner", text(w.word())}})...)
	case 2:
		j.add(Update, "place", id, Assign{"note", text(w.word())})
	case 3:
		j.add(Update, "place", id, Assign{"note", text(w.word())})
		fallthrough
	case 4:
		j.add(Insert, "family", t.newID(), Assign{"scope", text(scopeOf(def, row))}, Assign{"place_id", text(string(id))}, Assign{"head", text(w.word())})
	}
	n.write(j)
}
