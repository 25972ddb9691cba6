package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// A stolen and revoked phone still hands over what it holds, to be decided on. What it hands over is its own person's:
// nobody is made the author of what he never wrote, however a supervisor decides.
func TestRevokedDeviceWritesInNobodysName(t *testing.T) {
	w := newWorld(t)
	a, boss := w.dev("a", "worker"), w.dev("b", "boss")
	s := a.ok(ins("home", rid(1), set("phone", 0, "1")))
	w.store.SetPrincipal(a.id, &se.Principal{Account: "a", Device: a.id, Grants: []se.Grant{{Scope: "g1", Role: "worker"}}, Revoked: true})
	cs := a.make(upd("home", rid(1), set("phone", s, "2")))
	cs.Author = "b"
	r := a.send(cs)
	require.NoError(t, r.Err)
	require.Equal(t, se.Rejected, r.Verdict.Kind)
	require.Equal(t, se.CodeWrongAuthor, r.Verdict.Reason.Code)
	a.n, a.hash = cs.N, cs.Hash()
	boss.refused(se.Rejected, se.CodeBadDecision, se.Change{Op: se.OpDecide, Decide: &se.Decision{Choice: se.ChoiceRelease, Quarantined: se.WriteID{Device: a.id, N: cs.N}}})
	require.Equal(t, "1", w.shows("home", rid(1), "phone"))
	a.refused(se.Parked, se.CodeDeviceRevoked, upd("home", rid(1), set("phone", s, "3")))
}

// After a restore the ids of views are others. A device answers a Welcome with the id that it was given.
func TestGrantsEndInALaterEpoch(t *testing.T) {
	w := newWorld(t)
	w.s.Roles["worker"].Offline = 14
	a := w.dev("a", "worker")
	s := a.ok(ins("home", rid(1), set("phone", 0, "1")))
	w.rewind(s, true)
	first := a.tell(a.n)
	present := func(view string) bool {
		var ok bool
		require.NoError(t, w.store.View(func(tx se.ReadTx) (err error) { ok, err = w.e.Present(tx, a.id, view, w.now); return err }))
		return ok
	}
	require.True(t, present(first.View), "or every frame that waits for a slow link is taken for one of a view that ended")
	w.moved(a)
	require.False(t, present(first.View))
	lost := a.tell(a.n)
	require.Equal(t, []se.Grant{{Scope: "g1", Role: "worker"}}, lost.Lost)
	require.Empty(t, a.tell(a.n).Lost, "it was told once")
	require.Equal(t, lost.View, a.told().View)
	a.refused(se.Parked, se.CodeGrantEnded, upd("home", rid(1), set("phone", s, "2")))
}

// How far a device has come is what the centre sent and heard to be seen. A cursor that a Hello claims without a proof
// opens no row that had left before its person came.
func TestClaimedCursorOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.e = w.e.WithProofs(se.Proofs{County: 1, Key: []byte("the county's")})
	a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	a.ok(ins("home", rid(1), set("phone", 0, "1")))
	a.ok(ins("home", rid(2)))
	left := a.ok(upd("home", rid(1), set("scope", 2, "g2")))
	thief := w.dev("t", "worker") // of g1, and came only now
	h := se.Hello{Device: thief.id, Epoch: 1, Cursor: 2}
	require.NoError(t, w.store.Update(func(tx se.Tx) error { return w.e.Note(tx, []se.Heard{se.HeardFrom(&h, w.now)}) }))
	thief.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("phone", left, "2")))
	require.Equal(t, "1", w.shows("home", rid(1), "phone"))
}
