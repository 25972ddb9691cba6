package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Who enrols again as somebody else's device takes over nothing of what that one was told.
func TestForkTakesNoGrantsOfAnother(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	a.tell(0)
	seq := a.ok(ins("home", rid(1), set("phone", 0, "1")))
	eve := w.dev("eve", "worker")
	w.store.SetPrincipal(eve.id, &se.Principal{Account: "eve", Device: eve.id, Grants: []se.Grant{{Scope: "g2", Role: "worker"}}})
	require.Zero(t, w.fork(a.id, eve.id, nil, se.CopyAt{}).Fork)
	eve.n, eve.hash = 0, se.Hash{}
	eve.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("phone", seq, "of eve")))
	eve.tell(1 << 20)
	require.False(t, eve.push(ins("home", rid(2), set("phone", 0, "of eve"))).Kind.Effective())
	require.Equal(t, "1", w.shows("home", rid(1), "phone"))
	require.Empty(t, eve.told().Lost)
}

// Whoever says that he wrote everything before he knew that his grid was taken learns nothing by the kind of his verdicts
// about which natural keys (identity numbers) there are now.
func TestLateWorkFindsNoNaturalKeys(t *testing.T) {
	w := twinWorld(t)
	w.s.Roles["worker"].Offline = 14
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	a.tell(0)
	w.moved(a)
	w.now += 1000
	a.tell(1 << 20)
	w.now += 13 * day
	b.ok(ins("home", rid(1), set("phone", 0, "370115199001011234")))
	hit := a.push(ins("home", rid(2), set("phone", 0, "370115199001011234")))
	miss := a.push(ins("home", rid(3), set("phone", 0, "another number")))
	require.Equal(t, miss.Kind, hit.Kind)
}
