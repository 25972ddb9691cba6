package syncengine_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

func (w *world) fork(parent, device string, claims []se.Claim, at se.CopyAt) (out se.Forked) {
	w.t.Helper()
	require.NoError(w.t, w.store.Update(func(tx se.Tx) (err error) { out, err = w.e.Fork(tx, parent, device, claims, at); return err }))
	return out
}

// sent lets a device send doors, and gives their claims.
func (d *dev) sent(rows ...int) (claims []se.Claim) {
	for _, n := range rows {
		d.ok(ins("door", rid(n)))
		claims = append(claims, se.Claim{N: d.n, Hash: d.hash})
	}
	return claims
}

// TestForkOfAnUnknownDevice: a centre was restored to before a copy was made. It does not know the copy, but what it is a copy
// of: that is its parent, as far as the centre has what both have. Where it knows none of what a replica was, all is new.
func TestForkOfAnUnknownDevice(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	claims := a.sent(1, 2)
	after := append(slices.Clone(claims), se.Claim{N: 3, Hash: se.Hash{7}}, se.Claim{N: 4, Hash: se.Hash{8}}) // that it wrote since, as the copy
	a.sent(3)
	before := []se.WriteID{{Device: "copy", N: 3}, {Device: a.id, N: 2}}
	own := w.dev("own", "worker")
	w.store.SetPrincipal(own.id, &se.Principal{Account: "a", Device: own.id})

	out := w.fork("copy of the copy", own.id, after[2:], se.CopyAt{Epoch: 1, Before: before})
	require.EqualValues(t, 1, out.From, "its newest ones are unknown: it has to begin earlier")
	out = w.fork("copy of the copy", own.id, after, se.CopyAt{Epoch: 1, Before: before})
	require.EqualValues(t, 2, out.Fork)
	require.Equal(t, claims[1].Hash, out.Hash)
	require.Len(t, out.Verdicts, 2)
	dev := view(w, func(tx se.ReadTx) (*se.Device, error) { return tx.Device(own.id) })
	require.Equal(t, se.Device{ID: own.id, LastN: 2, Hash: claims[1].Hash, Parent: a.id, Fork: 2, At: dev.At, Inbox: dev.Inbox}, *dev)
	require.Equal(t, out, w.fork("copy of the copy", own.id, after, se.CopyAt{Epoch: 1, Before: before}), "asked again, the same answer")

	out = w.fork("nobody", "new", after, se.CopyAt{Epoch: 1, Before: []se.WriteID{{Device: "nobody either", N: 1}}})
	require.Zero(t, out.Fork)
}

// TestForkOfAnotherPersonsDevice: whoever enrols with a code says himself what his replica was. Naming somebody else's device
// gives nothing of what that one was told.
func TestForkOfAnotherPersonsDevice(t *testing.T) {
	w := newWorld(t)
	a, b, eve := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("eve", "worker")
	seq := a.ok(ins("home", rid(1), set("head", 0, "Li")))
	for _, d := range []*dev{a, b} {
		d.push(upd("home", rid(1), set("head", seq, d.who)))
	}
	require.NotEmpty(t, w.messages(a), "a hears of the conflict")
	for _, at := range []se.CopyAt{{}, {Before: []se.WriteID{{Device: a.id, N: 2}}}} {
		parent := a.id
		if at.Before != nil {
			parent = "unknown"
		}
		eve.id += "'"
		w.store.SetPrincipal(eve.id, &se.Principal{Account: "eve", Device: eve.id})
		out := w.fork(parent, eve.id, nil, at)
		require.Zero(t, out.Fork)
		require.Empty(t, w.messages(eve))
		require.Nil(t, view(w, func(tx se.ReadTx) (*se.Told, error) { return tx.Told(eve.id) }))
	}
	same := w.dev("a again", "worker")
	w.store.SetPrincipal(same.id, &se.Principal{Account: "a", Device: same.id})
	require.EqualValues(t, 0, w.fork(a.id, same.id, nil, se.CopyAt{}).Fork)
	require.NotEmpty(t, w.messages(same), "one's own are one's own")
}
