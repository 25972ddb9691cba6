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
