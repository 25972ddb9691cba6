package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// retries lets people take up what was refused: they write it anew, corrected, as a changeset that replaces the refused
// one; sometimes a second time, though the first may have done it or a supervisor settled it meanwhile.
func (w *World) retries(rng *rand.Rand) {
	w.after(2000+rng.Int64N(8000), func() {
		if w.idle {
			return
		}
		w.retries(rng)
		n := w.nodes[rng.IntN(len(w.nodes))]
		if s := n.refused(rng); s != nil && !n.left {
			n.retry(rng, s)
		}
	})
}

// refused gives a changeset whose refusal the device has heard of: one that nobody took up, or now and then any.
func (n *node) refused(rng *rand.Rand) *set {
	var list []*set
	any := rng.IntN(4) == 0
	for _, s := range n.w.oracle.devices[n.id].sets {
		if s.filed && !s.verdict.Kind.Effective() && (any || !s.again) {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[rng.IntN(len(list))]
}

// retry writes what the refused changeset wrote, as it may stand: a place that it entered, a row that it changed, or else
// another.
func (n *node) retry(rng *rand.Rand, s *set) {
	d := n.w.oracle.devices[n.id]
	underWay := func(x *set) bool { return x.replaces == s.id.N && x.verdict == nil }
	if len(d.order) > 0 || slices.ContainsFunc(d.sets, underWay) {
		return
	}
	j := &job{}
	j.Replaces = s.id.N
	n.correct(j, rng, s)
	had := d.lastN
	n.write(j)
	if d.lastN > had {
		n.w.count("refused changeset written anew")
		s.again = true
	}
}

func (n *node) correct(j *job, rng *rand.Rand, s *set) {
	for i := range s.changes {
		ch := &s.changes[i]
		if scope := n.worksIn(rng); ch.key.Table == "place" && ch.op == se.OpInsert && s.verdict.Kind == se.Rejected && scope != "" {
			n.w.ids++
			id := se.RowID(fmt.Sprintf("%08x-0000-7000-8000-%012x", uint32(rng.Uint64()), n.w.ids))
			j.add(Insert, "place", id, Assign{"scope", text(scope)}, Assign{"address", text(n.w.word())})
			return
		}
	}
	t := n.w.schema.Table("family")
	var ids []se.RowID
	_ = n.dev.View(func(tx replica.Tx) error {
		all, _ := tx.RowIDs(t)
		for _, id := range all {
			if row, _ := tx.Row(t, id); n.role(scopeOf(t, row)) != "" {
				ids = append(ids, id)
				if s.on(replica.RowKey{Table: "family", Row: id}) != nil {
					ids = []se.RowID{id}
					break
				}
			}
		}
		return nil
	})
	if len(ids) > 0 {
		j.add(Update, "family", ids[rng.IntN(len(ids))], Assign{"head", text(n.w.word())})
	}
}

// worksIn gives a scope in which the person is a grid worker, "" if he is in none.
func (n *node) worksIn(rng *rand.Rand) string {
	var list []string
	for _, g := range n.rights() {
		if g.Role == roleWorker {
			list = append(list, g.Scope)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return list[rng.IntN(len(list))]
}
