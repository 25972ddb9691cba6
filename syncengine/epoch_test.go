package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// rewind makes the centre one that holds only what it had at seq: the changesets up to there are put in again, and a
// new epoch begins. It is confirmed unless told otherwise.
func (w *world) rewind(seq int64, confirmed bool) {
	var kept []se.Entry
	require.NoError(w.t, w.store.View(func(tx se.ReadTx) (err error) { kept, err = tx.History(0, int(seq)); return err }))
	devs := map[string]*se.Principal{}
	require.NoError(w.t, w.store.View(func(tx se.ReadTx) error {
		for _, d := range w.devs {
			p, err := tx.Principal(d.id)
			devs[d.id] = p
			require.NoError(w.t, err)
		}
		return nil
	}))
	w.store = memstore.New(w.s)
	w.store.RunTwice = true
	for id, p := range devs {
		w.store.SetPrincipal(id, p)
	}
	for _, e := range kept {
		r := w.e.Commit(w.store, []se.Submission{{Changeset: e.Changeset, Contact: se.Contact{Boot: "b", Mono: e.Received, At: e.Received}, Now: e.Received}})
		require.NoError(w.t, r[0].Err)
		require.Equal(w.t, e.Seq, r[0].Verdict.Seq)
	}
	require.NoError(w.t, w.store.Update(func(tx se.Tx) error {
		r, err := w.e.NewEpoch(tx, 0, seq, w.now, se.CauseCommand)
		require.Equal(w.t, se.Restore{Epoch: 2, Ended: 1, Last: seq, Head: seq, At: w.now, Cause: se.CauseCommand}, r)
		if confirmed {
			_, err := w.e.Confirm(tx, "root", w.now)
			return err
		}
		return err
	}))
}

// TestNobodyIsServedBeforeItIsConfirmed: what was revoked in the lost commits is not revoked in the restored ones.
func TestNobodyIsServedBeforeItIsConfirmed(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	require.Equal(t, se.Accepted, a.send(a.make(ins("door", rid(1), set("unit", 0, "1")))).Verdict.Kind)
	w.rewind(0, false)
	require.ErrorIs(t, a.send(a.make(ins("door", rid(1), set("unit", 0, "1")))).Err, se.ErrUnconfirmed)
	view := func(fn func(tx se.ReadTx) error) error { return w.store.View(fn) }
	require.ErrorIs(t, view(func(tx se.ReadTx) error { _, err := w.e.Welcome(tx, se.Hello{Device: a.id}, w.now); return err }), se.ErrUnconfirmed)
	require.ErrorIs(t, view(func(tx se.ReadTx) error { _, err := w.e.Next(tx, se.NextRequest{Device: a.id}); return err }), se.ErrUnconfirmed)
	for _, want := range []bool{true, false} {
		require.NoError(t, w.store.Update(func(tx se.Tx) error {
			did, err := w.e.Confirm(tx, "root", 77)
			if did { // the store may run this twice
				require.True(t, want)
			}
			return err
		}))
	}
	require.NoError(t, view(func(tx se.ReadTx) error {
		r, err := se.Unconfirmed(tx)
		require.Nil(t, r)
		require.NoError(t, err)
		list, err := tx.Restores()
		require.NoError(t, err)
		require.Equal(t, "root", list[0].By)
		require.EqualValues(t, 77, list[0].Confirmed)
		log, err := tx.Audit(0, 10)
		require.Equal(t, []any{se.AuditEpoch, se.AuditConfirmed, "root"}, []any{log[0].Kind, log[1].Kind, log[1].Who})
		require.Len(t, log, 2)
		require.JSONEq(t, fmt.Sprintf(`{"epoch":%d,"ended":%d,"head":%d,"last":%d,"cause":%q}`, list[0].Epoch, list[0].Ended, list[0].Head, list[0].Last, list[0].Cause), log[0].What)
		return err
	}))
	require.Equal(t, se.Accepted, a.send(a.make(ins("door", rid(1), set("unit", 0, "1")))).Verdict.Kind)
}

// TestVerdictsThatACopyHadGivenAnew: a centre that lost commits judged what a copy of the replica offered again. The other
// one, which comes later with the same changesets and the verdicts of before, is told from where on those are void.
func TestVerdictsThatACopyHadGivenAnew(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	var sent []*se.Changeset
	for n := range 4 {
		cs := a.make(ins("door", rid(n+1)))
		require.Equal(t, se.Accepted, a.send(cs).Verdict.Kind)
		a.n, a.hash = cs.N, cs.Hash()
		sent = append(sent, cs)
	}
	anew := func(epoch int64) int64 {
		return view(w, func(tx se.ReadTx) (*se.Welcome, error) {
			return w.e.Welcome(tx, se.Hello{Device: a.id, Epoch: epoch}, w.now)
		}).Anew
	}
	require.Zero(t, anew(1))
	w.rewind(2, true)
	require.Zero(t, anew(1), "nobody has offered anything yet: what is above last_n says enough")
	hole := &se.Changeset{Device: a.id, N: 3, Prev: sent[1].Hash(), Gone: sent[2].Hash()}
	require.Equal(t, se.CodeGone, a.send(hole).Verdict.Reason.Code, "the copy had lost it")
	require.Equal(t, se.Accepted, a.send(sent[3]).Verdict.Kind)
	require.EqualValues(t, 3, anew(1))
	require.EqualValues(t, 1, anew(0), "one without a snapshot may have verdicts of any epoch")
	require.Zero(t, anew(2), "it has heard of the new epoch, and so of what was judged in it")
	require.Equal(t, se.CodeGone, a.send(sent[2]).Verdict.Reason.Code, "what the other one still has is answered the same")
}

// TestProofs: a device that proves a history which the centre lacks, or has otherwise, makes it say so; a proof made
// with another key stops nobody else.
func TestProofs(t *testing.T) {
	w := newWorld(t)
	w.e = w.e.WithProofs(se.Proofs{County: 1, Key: []byte("the county's")})
	a := w.dev("a", "worker")
	step := func() se.Hello {
		var part *se.Part
		require.NoError(t, w.store.View(func(tx se.ReadTx) (err error) {
			part, err = w.e.Next(tx, se.NextRequest{Device: a.id, Now: w.now, Budget: 1 << 20})
			return err
		}))
		d := part.Frames[len(part.Frames)-1]
		require.True(t, d.Done)
		require.False(t, d.MAC.IsZero())
		return se.Hello{Device: a.id, Epoch: d.To.Epoch, Cursor: d.To.Seq, View: d.View, History: d.History, MAC: d.MAC}
	}
	hello := func(h se.Hello) error {
		return w.store.View(func(tx se.ReadTx) error { _, err := w.e.Welcome(tx, h, w.now); return err })
	}
	add := func(n int) {
		cs := a.make(ins("door", rid(n)))
		require.Equal(t, se.Accepted, a.send(cs).Verdict.Kind)
		a.n, a.hash = cs.N, cs.Hash()
	}
	first := step()
	add(1)
	one := step()
	add(2)
	two := step()
	for _, h := range []se.Hello{first, one, two, {Device: a.id}} {
		require.NoError(t, hello(h))
	}
	forged := two
	forged.Cursor++
	require.ErrorIs(t, hello(forged), se.ErrBadProof)

	// Somebody else's proof says nothing of what one was shown oneself; a copy of the replica has its own past.
	stolen, copied := two, two
	stolen.Device = w.dev("b", "worker").id
	require.ErrorIs(t, hello(stolen), se.ErrBadProof)
	copied.Device = "copy-of-a"
	w.store.SetPrincipal(copied.Device, &se.Principal{Account: a.who, Device: copied.Device, Grants: []se.Grant{{Scope: "g1", Role: "worker"}}})
	require.NoError(t, hello(copied))

	backup := w.store
	w.store = memstore.New(w.s)
	w.store.SetPrincipal(a.id, &se.Principal{Account: "a", Device: a.id, Grants: []se.Grant{{Scope: "g1", Role: "worker"}}})
	var lost *se.LostError
	require.ErrorAs(t, hello(two), &lost, "the head is behind")
	require.Equal(t, se.LostError{Epoch: 1, Seq: 2}, *lost)
	a.n, a.hash = 0, se.Hash{}
	w.now++
	add(7)
	add(8)
	require.ErrorAs(t, hello(one), &lost, "another history at that seq")
	require.ErrorAs(t, hello(two), &lost, "another history at the head")
	w.store = backup
	require.NoError(t, hello(two))
	later := two
	later.Epoch = 9
	later.MAC = (&se.Proofs{County: 1, Key: []byte("the county's")}).MAC(a.who, se.Base{Epoch: 9, Seq: 2}, later.History)
	require.ErrorAs(t, hello(later), &lost, "an epoch that the centre has not begun")
}

// Whoever had seen a write in an epoch that is over has seen it still when he writes the cell once more, with nothing left
// to read it from.
func TestWhatOneHadSeenWhenHeWroteBefore(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	w.rewind(0, true)
	b.ok(ins("home", rid(1), set("head", 0, "b")))
	b.ok(upd("home", rid(1), set("head", 11, "b, after a"))) // he had seen a's, at a head that was lost
	b.ok(upd("home", rid(1), set("head", 0, "b, last")))
	require.Equal(t, se.Conflicts, a.push(upd("home", rid(1), set("head", 5, "a"))).Kind)
	require.Equal(t, "b, last", w.shows("home", rid(1), "head"))
}
