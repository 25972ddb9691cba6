package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// copied makes a device of a copy of d's replica as it was when it had claims' last changeset.
func (d *dev) copied(id string, claims ...se.Claim) *dev {
	d.w.t.Helper()
	x := d.w.dev(id, "worker")
	d.w.store.SetPrincipal(x.id, &se.Principal{Account: d.who, Device: x.id, Grants: []se.Grant{{Scope: "g1", Role: "worker"}}})
	require.NoError(d.w.t, d.w.store.Update(func(tx se.Tx) error {
		f, err := d.w.e.Fork(tx, d.id, x.id, claims, se.CopyAt{Epoch: 1})
		x.who, x.n, x.hash = d.who, f.Fork, f.Hash
		return err
	}))
	return x
}

func (d *dev) inbox() (out []string) {
	for _, m := range view(d.w, func(tx se.ReadTx) ([]se.Message, error) { return tx.Inbox(d.id, 0, 99) }) {
		out = append(out, string(m.Kind))
	}
	return out
}

// What becomes of work that a replica and its copies share is told to all of them, however late; what one of them did
// after they had parted, to that one.
func TestCopiesHearOfWhatTheyShare(t *testing.T) {
	w := newWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	var claims []se.Claim
	wrote := func() { claims = append(claims, se.Claim{N: a.n, Hash: a.hash}) }
	base := a.ok(ins("home", rid(1), set("head", 0, "x")))
	wrote()
	a.ok(upd("home", rid(1), set("head", base, "of a")))
	wrote()
	a.refused(se.Parked, se.CodeAwaits, upd("home", rid(9), set("head", 0, "of a")))
	wrote()
	early, late := a.copied("early", claims[0]), a.copied("late", claims...)
	second := late.copied("second", claims...)
	require.EqualValues(t, []int64{1, 3, 3}, []int64{early.n, late.n, second.n})

	require.Equal(t, se.Conflicts, b.push(upd("home", rid(1), set("head", base, "of b"))).Kind)
	after := a.copied("after", claims...)
	con := w.open(se.ConflictCell, "home", rid(1), "head")
	boss.ok(se.Change{Table: "home", Row: rid(1), Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: 3}, Decide: &se.Decision{Conflict: con.ID, Choice: se.ChoiceKeep, Shown: []se.WriteID{con.Candidates[0].ID()}}})
	b.ok(ins("home", rid(9), set("phone", 0, "1")))
	for _, d := range []*dev{a, late, second, after} {
		require.Equal(t, []string{"conflict", "decided", "released"}, d.inbox(), d.id)
	}
	require.Empty(t, early.inbox(), "it parted before")

	head := a.ok(ins("home", rid(2), set("head", 0, "x")))
	a.ok(upd("home", rid(2), set("head", head, "of a alone")))
	require.Equal(t, se.Conflicts, b.push(upd("home", rid(2), set("head", head, "of b"))).Kind)
	require.Len(t, a.inbox(), 4)
	for _, d := range []*dev{late, second} {
		require.Len(t, d.inbox(), 3, "%s never had it", d.id)
	}
}

// A conflict is told to a bounded number of copies, however many were made.
func TestCopiesThatAreToldAreBounded(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	base := a.ok(ins("home", rid(1), set("head", 0, "x")))
	a.ok(upd("home", rid(1), set("head", base, "of a")))
	claims := []se.Claim{{N: a.n, Hash: a.hash}}
	var copies []*dev
	for i := range 200 {
		copies = append(copies, a.copied(fmt.Sprint("c", i), claims...))
	}
	b.push(upd("home", rid(1), set("head", base, "of b")))
	n := 0
	for _, c := range copies {
		n += len(c.inbox())
	}
	require.Positive(t, n)
	require.LessOrEqual(t, n, 64)
}
