package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// A device whose refused changesets fill its share of the quarantine waits, with all it holds; nobody else does, and
// when somebody has dealt with one it goes on where it stood.
func TestQuotaOfRefusals(t *testing.T) {
	w := newWorld(t)
	w.e = w.e.WithQuotas(se.Quotas{Refused: 3})
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	home := rid(1)
	a.ok(ins("home", home, set("phone", 0, "1")))
	bad := func() se.Change { return upd("home", home, set("nothing", 1, "x")) }
	for range 3 {
		a.refused(se.Rejected, se.CodeUnknownCell, bad())
	}
	fourth := a.make(bad())
	for range 2 {
		require.ErrorIs(t, a.send(fourth).Err, se.ErrQuota)
	}
	dev := view(w, func(tx se.ReadTx) (*se.Device, error) { return tx.Device(a.id) })
	require.EqualValues(t, 4, dev.LastN, "the counter stays")
	require.Nil(t, view(w, func(tx se.ReadTx) (*se.Quarantined, error) { return tx.Quarantined(a.id, 5) }))
	b.ok(upd("home", home, set("phone", 1, "2")))

	retry := b.make(bad())
	require.NoError(t, b.send(retry).Err, "another device's share is its own")
	require.NoError(t, w.store.Update(func(tx se.Tx) error {
		q, err := tx.Quarantined(a.id, 2)
		if err != nil {
			return err
		}
		q.Closed = true
		return tx.PutQuarantined(q)
	}))
	r := a.send(fourth)
	require.NoError(t, r.Err)
	require.Equal(t, se.Rejected, r.Verdict.Kind)
}

func TestQuotaOfRefusedBytes(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	large := make([]byte, 5000)
	for i := range large {
		large[i] = 'x'
	}
	w.e = w.e.WithQuotas(se.Quotas{RefusedBytes: 6000})
	for range 2 {
		a.refused(se.Rejected, se.CodeUnknownCell, ins("home", rid(1), set("nothing", 0, string(large))))
	}
	require.ErrorIs(t, a.send(a.make(upd("home", rid(1), set("nothing", 0, "x")))).Err, se.ErrQuota)
	a.ok(ins("home", rid(900)))
}

// A scope that is full takes no more rows; what is there can be changed, and a deletion makes room.
func TestScopeIsFull(t *testing.T) {
	w := newWorld(t)
	w.e = w.e.WithQuotas(se.Quotas{ScopeRows: 5})
	a := w.dev("a", "worker")
	for i := range 5 {
		a.ok(ins("home", rid(i+1)))
	}
	r := a.refused(se.Rejected, se.CodeQuota, ins("home", rid(6)))
	require.Equal(t, "scope_rows", r.Rule)
	a.refused(se.Rejected, se.CodeQuota, upd("home", rid(1), set("phone", 5, "1")), ins("home", rid(6)))
	at := a.ok(upd("home", rid(1), set("phone", 5, "1")))
	a.ok(del("home", rid(1), at))
	a.ok(ins("home", rid(6)))
	n := view(w, func(tx se.ReadTx) (int64, error) { return tx.ScopeRows("g1") })
	require.EqualValues(t, 5, n)
}

// Operations on a deleted row do not replace each other: one device cannot fill a conflict with them without end.
func TestCandidatesAreBounded(t *testing.T) {
	w := newWorld(t)
	w.e = w.e.WithQuotas(se.Quotas{Candidates: 3})
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	home := rid(1)
	at := a.ok(ins("home", home))
	a.ok(del("home", home, at))
	add := func(i int) se.Change {
		return upd("home", home, se.CellWrite{Cell: "tags", Base: se.Base{Epoch: 1, Seq: at}, In: []string{fmt.Sprint("t", i)}})
	}
	for i := range 3 {
		require.Equal(t, se.Conflicts, b.push(add(i)).Kind)
	}
	require.Equal(t, "candidates", b.refused(se.Rejected, se.CodeQuota, add(3)).Rule)
	require.Equal(t, se.Conflicts, a.push(upd("home", home, set("head", at, "x"))).Kind, "others still may")
	require.Len(t, w.open(se.ConflictDelete, "home", home, "").Candidates, 4)
}

// What a device retried itself counts on for a while: one could fill the quarantine without end, each refusal followed by
// a small changeset in its place.
func TestQuotaCountsWhatWasRetried(t *testing.T) {
	w := newWorld(t)
	w.e = w.e.WithQuotas(se.Quotas{Refused: 3})
	a, boss := w.dev("a", "worker"), w.dev("boss", "boss")
	base := a.ok(ins("home", rid(1)))
	retry := func() {
		cs := a.make(upd("home", rid(1), set("phone", base, "x")))
		cs.Replaces = a.n
		require.Equal(t, se.Accepted, a.send(cs).Verdict.Kind)
		a.n, a.hash = cs.N, cs.Hash()
		w.now += 1000
	}
	for range 3 {
		a.refused(se.Rejected, se.CodeUnknownCell, upd("home", rid(1), set("nothing", 1, "x")))
		retry()
	}
	more := a.make(upd("home", rid(1), set("nothing", 1, "x")))
	require.ErrorIs(t, a.send(more).Err, se.ErrQuota)
	w.now += 30 * day
	require.NoError(t, a.send(more).Err, "it does not count for ever")
	a.n, a.hash = more.N, more.Hash()

	b := w.dev("b", "worker")
	for range 5 { // what a supervisor dealt with does not count
		b.refused(se.Parked, se.CodeAwaits, upd("home", rid(9), set("phone", 0, "x")))
		boss.ok(se.Change{Op: se.OpDecide, Decide: &se.Decision{Choice: se.ChoiceDismiss, Quarantined: se.WriteID{Device: b.id, N: b.n}, Reason: "x"}})
	}
}

// What the centre cannot process counts as well.
func TestQuotaOfPoison(t *testing.T) {
	w := newWorld(t)
	w.e = w.e.WithQuotas(se.Quotas{Refused: 2})
	a := w.dev("a", "worker")
	bad := poisoned{w.store, rid(2)}
	for range 2 {
		cs := a.make(ins("home", rid(2)))
		res := w.e.Commit(bad, []se.Submission{{Changeset: cs, Now: w.now}})
		require.Equal(t, se.CodeInternal, res[0].Verdict.Reason.Code)
		a.n, a.hash = cs.N, cs.Hash()
	}
	third := a.make(ins("home", rid(2)))
	for range 2 {
		res := w.e.Commit(bad, []se.Submission{{Changeset: third, Now: w.now}})
		require.ErrorIs(t, res[0].Err, se.ErrQuota)
	}
	require.Nil(t, view(w, func(tx se.ReadTx) (*se.Quarantined, error) { return tx.Quarantined(a.id, third.N) }))
	require.EqualValues(t, 2, view(w, func(tx se.ReadTx) (*se.Device, error) { return tx.Device(a.id) }).LastN)
}

// Nothing is moved into a scope that is full either, nor led there by what it belongs to.
func TestMovesIntoAFullScope(t *testing.T) {
	w := newWorld(t)
	w.e = w.e.WithQuotas(se.Quotas{ScopeRows: 3})
	a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"}, se.Grant{Scope: "g3", Role: "worker"})
	base := a.ok(ins("door", rid(1)), ins("home", rid(2), set("door_id", 0, string(rid(1)))), ins("log", rid(3), set("home_id", 0, string(rid(2)))))
	there := func(n int) se.Change {
		c := ins("home", rid(n))
		c.Cells[0] = set("scope", 0, "g2")
		return c
	}
	a.ok(there(11), there(12))
	a.refused(se.Rejected, se.CodeQuota, upd("home", rid(2), set("scope", base, "g2")))
	require.Equal(t, "g1", w.scope("log", rid(3)), "the visit would be one too many")
	a.ok(there(13))
	lone := ins("home", rid(20))
	lone.Cells[0] = set("scope", 0, "g3")
	alone := a.ok(lone)
	a.refused(se.Rejected, se.CodeQuota, upd("home", rid(20), set("scope", alone, "g2")))
	a.refused(se.Rejected, se.CodeQuota, upd("door", rid(1), set("scope", base, "g2")))
	require.Equal(t, "g1", w.scope("door", rid(1)))
	n := view(w, func(tx se.ReadTx) (int64, error) { return tx.ScopeRows("g2") })
	require.EqualValues(t, 3, n)
}
