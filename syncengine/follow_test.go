package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

func (w *world) scope(table string, row se.RowID) string {
	r := view(w, func(tx se.ReadTx) (*se.Row, error) { return tx.Row(table, row) })
	if r == nil {
		return "gone"
	}
	return r.Scope
}

// What belongs to a household lives in its grid, with its conflicts; what comes late lands there too, by the rights that
// its writer had where he saw the household.
func TestRowsFollowTheirHousehold(t *testing.T) {
	w := newWorld(t)
	both := w.dev("both", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	anna := w.dev("anna", "worker")
	far := w.dev("far", "worker", se.Grant{Scope: "g2", Role: "worker"})
	base := anna.ok(ins("door", rid(1)), ins("home", rid(2), set("door_id", 0, string(rid(1)))), ins("log", rid(3), set("home_id", 0, string(rid(2))), set("text", 0, "knocked")))
	anna.ok(upd("log", rid(3), set("void", base, 1)))
	require.Equal(t, se.Conflicts, both.push(upd("log", rid(3), set("void", base, 0))).Kind)
	anna.acked = base + 2
	moved := both.ok(upd("home", rid(2), set("scope", base+2, "g2")))
	require.Equal(t, "g2", w.scope("log", rid(3)))
	require.Equal(t, "g2", w.shows("log", rid(3), "scope"), "the cell says so too")
	require.Equal(t, "g1", w.scope("door", rid(1)), "the dwelling stays where it is")
	require.Equal(t, "g2", w.open(se.ConflictCell, "log", rid(3), "void").Scope)
	require.Equal(t, []string{"evict home/2", "evict log/3"}, w.next(anna, moved-1, false))
	require.Len(t, w.next(far, moved-1, false), 2)

	anna.ok(ins("log", rid(4), set("home_id", 0, string(rid(2))), set("text", 0, "written before she heard")))
	require.Equal(t, "g2", w.scope("log", rid(4)), "a late one lands where the household is")
	anna.refused(se.Rejected, se.CodeUnknownReference, ins("log", rid(5), set("home_id", 0, string(rid(9)))))
	there := ins("log", rid(6), set("home_id", 0, string(rid(2))))
	there.Cells[0] = set("scope", 0, "g2")
	far.ok(there)
	stranger := w.dev("stranger", "worker", se.Grant{Scope: "g3", Role: "worker"})
	c := ins("log", rid(7), set("home_id", 0, string(rid(2))))
	c.Cells[0] = set("scope", 0, "g3")
	stranger.refused(se.Rejected, se.CodeUnknownReference, c)
	require.Equal(t, "gone", w.shows("log", rid(7), "text"))
	both.push(upd("log", rid(4), set("scope", moved+2, "g1")))
	require.Equal(t, "g2", w.scope("log", rid(4)), "nobody takes a visit away from its household")
}

// A dwelling that changes its grid takes along the households that were in the same one, and what belongs to them.
func TestHouseholdsGoWithTheirDwelling(t *testing.T) {
	w := newWorld(t)
	both := w.dev("both", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"}, se.Grant{Scope: "g3", Role: "worker"})
	home := func(n int, scope string) se.Change {
		c := ins("home", rid(n), set("door_id", 0, string(rid(1))))
		c.Cells[0] = set("scope", 0, scope)
		return c
	}
	base := both.ok(ins("door", rid(1)), home(2, "g1"), home(3, "g3"), ins("log", rid(4), set("home_id", 0, string(rid(2)))))
	both.ok(upd("door", rid(1), set("scope", base, "g2")))
	require.Equal(t, []string{"g2", "g3", "g2"}, []string{w.scope("home", rid(2)), w.scope("home", rid(3)), w.scope("log", rid(4))})
}

// Steps follow their case, the conflict about late ones too.
func TestStepsFollowTheirCase(t *testing.T) {
	w := newWorld(t)
	both := w.dev("both", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	anna := w.dev("anna", "worker")
	base := anna.ok(ins("wish", rid(1), set("title", 0, "rail")))
	anna.acked = base
	step := func(n int, what string, cells ...se.CellWrite) se.Change {
		return ins("claim", rid(n), append([]se.CellWrite{set("wish_id", 0, string(rid(1))), set("step", 0, what)}, cells...)...)
	}
	both.ok(step(2, "claim"))
	require.Equal(t, se.Conflicts, both.push(step(3, "claim")).Kind)
	both.ok(upd("wish", rid(1), set("scope", base, "g2")))
	require.Equal(t, "g2", w.scope("claim", rid(2)))
	require.Equal(t, "g2", w.open(se.ConflictWorkflow, "wish", rid(1), "").Scope)
	anna.push(step(4, "done", set("follows_id", 0, string(rid(2)))))
	require.Equal(t, "g2", w.scope("claim", rid(4)), "a late step lands in the case's present grid")
	require.Equal(t, "done", w.shows("wish", rid(1), "state"))
}

// What somebody writes into a closed grid, offline when it was merged into another, lies in the one that took it over.
func TestWorkInAClosedScope(t *testing.T) {
	w := newWorld(t)
	anna := w.dev("anna", "worker")
	base := anna.ok(ins("door", rid(1)), ins("home", rid(2), set("door_id", 0, string(rid(1)))))
	w.store.SetPrincipal(anna.id, &se.Principal{Account: "anna", Device: anna.id, Grants: []se.Grant{{Scope: "g1", Role: "worker"}, {Scope: "g2", Role: "worker"}},
		Successors: map[string]string{"g1": "g2"}})
	anna.ok(ins("home", rid(3), set("door_id", 0, string(rid(1)))), ins("log", rid(4), set("home_id", 0, string(rid(3)))))
	require.Equal(t, []string{"g2", "g2"}, []string{w.scope("home", rid(3)), w.scope("log", rid(4))})
	anna.ok(upd("door", rid(1), set("scope", base, "g2")))
	anna.ok(upd("door", rid(1), set("scope", base+2, "g1")))
	require.Equal(t, "g2", w.scope("door", rid(1)), "nothing goes back into it")
}

// A phone that was cut off right after it took a row, so that nobody heard so, may work on the row when it has moved
// meanwhile; one that came to the grid when the row was gone may not.
func TestWorkOnAMovedRowThatNobodyHeardWasSeen(t *testing.T) {
	w := newWorld(t)
	both := w.dev("both", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	anna, bea, carl := w.dev("anna", "worker"), w.dev("bea", "worker"), w.dev("carl", "worker")
	base := anna.ok(ins("door", rid(1)))
	both.ok(upd("door", rid(1), set("scope", base, "g2")))
	bea.held, carl.held = base, base-1
	require.Equal(t, se.Accepted, anna.push(upd("door", rid(1), set("room", base, "her own"))).Kind)
	require.True(t, bea.push(upd("door", rid(1), set("room", base, "held"))).Kind.Effective())
	carl.refused(se.Parked, se.CodeAwaits, upd("door", rid(1), set("room", base-1, "guessed")))
}

// A row that changes its scope and its door in one commit left one place: who sees the doors that it passed in between
// was never shown it, and is not told that it left.
func TestOneMoveInACommit(t *testing.T) {
	w := newWorld(t)
	both := w.dev("both", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	there := w.dev("there", "steward", se.Grant{Scope: "g2", Role: "steward", Doors: []string{string(rid(1))}})
	to := ins("door", rid(5))
	to.Cells[0] = set("scope", 0, "g2")
	head := both.ok(ins("door", rid(1)), to, ins("home", rid(2), set("door_id", 0, string(rid(1)))))
	moved := both.ok(upd("home", rid(2), set("scope", head, "g2"), set("door_id", head, string(rid(5)))))
	moves := view(w, func(tx se.ReadTx) ([]se.Move, error) { return tx.Moves("home", rid(2), 0) })
	require.Equal(t, []se.Move{{Table: "home", ID: rid(2), Seq: moved, Scope: "g1", Door: string(rid(1)), Author: "both"}}, moves)
	require.Empty(t, w.next(there, head, false))
}
