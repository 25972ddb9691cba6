package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Who may delete a row decides about all of it, also about cells that he is not shown: what his replica had come past counts
// as seen. What somebody else wrote beyond that makes the deletion a conflict, hidden or not.
func TestDeletionAndHiddenCells(t *testing.T) {
	w := newWorld(t)
	w.s.Table("home").Rights["steward"].Delete = true
	b := w.dev("b", "worker")
	b.ok(ins("door", rid(1)))
	a := w.dev("a", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(1))}})
	for n, late := range map[int]bool{11: false, 12: true} {
		base := b.ok(ins("home", rid(n), set("door_id", 0, string(rid(1))), set("secret", 0, "first")))
		hidden := b.ok(upd("home", rid(n), set("secret", base, "changed")))
		if late {
			hidden = base
		}
		v := a.push(del("home", rid(n), hidden))
		require.Equal(t, map[bool]se.VerdictKind{false: se.Accepted, true: se.Conflicts}[late], v.Kind)
		require.Equal(t, late, w.open(se.ConflictDelete, "home", rid(n), "") != nil)
		require.Equal(t, "gone", w.shows("home", rid(n), "secret"))
	}
}
