package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// Whoever guesses ids learns nothing: a row that was never in his view, one that died there, one that a stranger's
// quarantined changeset would make, and one that never was get the same answer.
func TestReferencesRevealNothing(t *testing.T) {
	w := newWorld(t)
	far := w.dev("far", "worker", se.Grant{Scope: "g2", Role: "worker"})
	anna := w.dev("anna", "worker")
	in := func(scope string, c se.Change) se.Change { c.Cells[0] = set("scope", 0, scope); return c }
	base := far.ok(in("g2", ins("door", rid(1))), in("g2", ins("door", rid(2))))
	far.ok(del("door", rid(2), base))
	far.refused(se.Parked, se.CodeAwaits, in("g2", ins("door", rid(3))), upd("door", rid(9), set("room", 0, "x")))
	var answers []se.Reason
	for _, id := range []int{1, 2, 3, 4} {
		row := rid(20 + id)
		why := anna.refused(se.Rejected, se.CodeUnknownReference, ins("home", row, set("door_id", 0, string(rid(id)))))
		require.Equal(t, row, why.Row)
		why.Row = ""
		answers = append(answers, why)
	}
	require.Equal(t, []se.Reason{answers[0], answers[0], answers[0], answers[0]}, answers)
	mine := anna.ok(ins("door", rid(5)), ins("home", rid(6), set("door_id", 0, string(rid(5)))))
	w.store.SetPrincipal(anna.id, &se.Principal{Account: "anna", Device: anna.id, Grants: []se.Grant{{Scope: "g1", Role: "worker", To: w.now}, {Scope: "g2", Role: "worker"}}})
	anna.ok(in("g2", ins("home", rid(7), set("door_id", 0, string(rid(5))))))
	require.NotZero(t, mine)
}

// What a supervisor sets is checked like any write: a reference to nothing is refused.
func TestDecisionsCheckReferences(t *testing.T) {
	w := newWorld(t)
	anna, ben, boss := w.dev("anna", "worker"), w.dev("ben", "worker"), w.dev("boss", "boss")
	base := anna.ok(ins("door", rid(1)), ins("door", rid(2)), ins("door", rid(3)), ins("home", rid(4), set("door_id", 0, string(rid(1)))))
	anna.ok(upd("home", rid(4), set("door_id", base, string(rid(2)))))
	require.Equal(t, se.Conflicts, ben.push(upd("home", rid(4), set("door_id", base, string(rid(3))))).Kind)
	con := w.open(se.ConflictCell, "home", rid(4), "door_id")
	set := func(id se.RowID) se.Change {
		return se.Change{Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: base + 2}, Decide: &se.Decision{Conflict: con.ID, Choice: se.ChoiceSet,
			Values: set("door_id", 0, string(id)).Values, Shown: []se.WriteID{con.Candidates[0].ID()}}}
	}
	boss.refused(se.Rejected, se.CodeUnknownReference, set(rid(77)))
	boss.ok(set(rid(1)))
	require.Equal(t, string(rid(1)), w.shows("home", rid(4), "door_id"))
}

// A row goes where the row goes that it belongs to. Whoever names one that he never saw is answered as if there were none
// (S23), before anything is said about where it would lead.
func TestALeaderThatIsNotTheirsIsNotThere(t *testing.T) {
	w := newWorld(t)
	pet := &schema.Table{
		Name: "pet", Level: schema.LevelGrid, Door: "home_id", Columns: append(schema.BuiltIn(), &schema.Column{Name: "home_id", Type: schema.TypeRef, Ref: "home", Policy: schema.PolicyLWW}),
		Views:  map[string]*schema.View{"worker": {Rows: schema.RowsAll}},
		Rights: map[string]*schema.Right{"worker": {Insert: true, Update: []string{schema.AllCells}}},
	}
	w.s = testSchema()
	w.s.Tables = append(w.s.Tables, pet)
	w.s.Index()
	w.store, w.e = memstore.New(w.s), se.New(w.s, se.DefaultLimits)
	anna, other := w.dev("anna", "worker"), w.dev("other", "worker", se.Grant{Scope: "g2", Role: "worker"})
	anna.ok(ins("home", rid(1)), ins("pet", rid(2), set("home_id", 0, string(rid(1)))))
	base := other.ok(se.Change{Table: "home", Row: rid(3), Op: se.OpInsert, Cells: []se.CellWrite{set("scope", 0, "g2")}})
	there := anna.refused(se.Rejected, se.CodeUnknownReference, upd("pet", rid(2), set("home_id", base, string(rid(3)))))
	nowhere := anna.refused(se.Rejected, se.CodeUnknownReference, upd("pet", rid(2), set("home_id", base, string(rid(77)))))
	require.Equal(t, nowhere, there)
}
