package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// salvaging sends rows that a replica held and a restored centre lacks.
func (d *dev) salvaging(changes ...se.Change) int64 {
	d.w.t.Helper()
	cs := d.make(changes...)
	cs.Salvage = true
	r := d.send(cs)
	require.NoError(d.w.t, r.Err)
	require.Equal(d.w.t, se.CodeSalvage, r.Verdict.Reason.Code)
	d.n, d.hash = cs.N, cs.Hash()
	d.w.now += 1000
	return cs.N
}

// TestSalvagedValueStandsBehindItsAuthor: a row that somebody's replica only held comes back by a supervisor's word; its own
// author comes later, with what he wrote and then wrote anew, without ever having met the centre in between. What he wrote
// last stands, and not what the other one held of it, though that was handed in with a later clock.
func TestSalvagedValueStandsBehindItsAuthor(t *testing.T) {
	w := newWorld(t)
	author, holder, boss := w.dev("author", "worker"), w.dev("holder", "worker"), w.dev("boss", "boss")
	first := author.make(ins("home", rid(1), set("head", 0, "Li"), set("phone", 0, "1")))
	author.n, author.hash = 1, first.Hash()
	w.now += 1000
	second := author.make(upd("home", rid(1), set("head", 0, "Wang"), set("phone", 0, "2")))
	w.now += 60_000
	n := holder.salvaging(ins("home", rid(1), set("head", 0, "Li"), set("phone", 0, "1")))
	boss.ok(settle(se.ChoiceRelease, holder, n, "they live there"))
	require.Equal(t, "Li", w.shows("home", rid(1), "head"))
	for _, cs := range []*se.Changeset{first, second} {
		require.True(t, author.send(cs).Verdict.Kind.Effective())
	}
	require.Equal(t, "Wang", w.shows("home", rid(1), "head"))
	require.Equal(t, "2", w.shows("home", rid(1), "phone"), "also where the other one is kept in history alone")
}

// TestSalvageOvertakesNothing: an edit of a row waits for the row to come back. The same replica hands in what it held of
// the row, and a supervisor lets that take effect: the edit was made upon it, and takes effect whole.
func TestSalvageOvertakesNothing(t *testing.T) {
	w := newWorld(t)
	a, boss := w.dev("a", "worker"), w.dev("boss", "boss")
	a.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("head", 0, "Wang"), set("phone", 0, "2")))
	n := a.salvaging(ins("home", rid(1), set("head", 0, "Li"), set("phone", 0, "1")))
	boss.ok(settle(se.ChoiceRelease, a, n, "they live there"))
	require.True(t, w.quarantined(a, 1).Closed)
	require.Equal(t, "2", w.shows("home", rid(1), "phone"))
	con := w.open(se.ConflictCell, "home", rid(1), "head")
	require.True(t, w.shows("home", rid(1), "head") == "Wang" || con != nil && len(con.Candidates) == 1, "it stands, or somebody decides")
}

// TestLostRowsThatComeBackWaitForNobody: a replica comes before the authors of what it held. Once they have come with all of
// it, nothing is left for a supervisor, and what stands is theirs.
func TestLostRowsThatComeBackWaitForNobody(t *testing.T) {
	w := newWorld(t)
	holder, author, other := w.dev("holder", "worker"), w.dev("author", "worker"), w.dev("other", "worker")
	n := holder.salvaging(ins("home", rid(1), set("head", 0, "Li")), ins("home", rid(2), set("head", 0, "Sun")))
	author.ok(ins("home", rid(1), set("head", 0, "Wang")))
	q := w.quarantined(holder, n)
	require.False(t, q.Closed, "one is still lost")
	require.Equal(t, rid(2), q.Awaits)
	other.ok(ins("home", rid(2), set("head", 0, "Zhou")))
	q = w.quarantined(holder, n)
	require.Equal(t, se.SettledReleased, q.Outcome)
	require.Empty(t, q.By, "by itself")
	require.Equal(t, "Wang", w.shows("home", rid(1), "head"))
	require.Equal(t, "Zhou", w.shows("home", rid(2), "head"))
	require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "head"))
}

// TestLostRowsThatComeBackAfterTheirHolderWasRevoked: who handed them in may be gone by then; nothing is asked of him.
func TestLostRowsThatComeBackAfterTheirHolderWasRevoked(t *testing.T) {
	w := newWorld(t)
	holder, author := w.dev("holder", "worker"), w.dev("author", "worker")
	n := holder.salvaging(ins("home", rid(1), set("head", 0, "Li")))
	w.store.SetPrincipal(holder.id, &se.Principal{Account: "holder", Device: holder.id, Revoked: true})
	author.ok(ins("home", rid(1), set("head", 0, "Wang")))
	require.Equal(t, se.SettledReleased, w.quarantined(holder, n).Outcome)
	require.Equal(t, "Wang", w.shows("home", rid(1), "head"))
}
