package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// lateEdit is a row that a deleted without having seen what b had written to it, and made again. c had seen what b wrote while
// the row still lived, and nothing since.
func lateEdit(t *testing.T, b se.CellWrite, again ...se.CellWrite) (w *world, c *dev, seen int64) {
	t.Helper()
	w = newWorld(t)
	a := w.dev("a", "worker")
	c = w.dev("c", "worker")
	made := a.ok(ins("home", rid(1)))
	seen = w.dev("b", "worker").ok(upd("home", rid(1), b))
	require.Equal(t, se.Conflicts, a.push(del("home", rid(1), made)).Kind, "the deletion had not seen it")
	require.Equal(t, "gone", w.shows("home", rid(1), "phone"))
	a.ok(ins("home", rid(1), again...))
	require.Nil(t, w.open(se.ConflictDelete, "home", rid(1), ""))
	return w, c, seen
}

// Who saw an edit before the row died has seen it still once the row lives again: what he writes replaces it.
func TestEditSeenBeforeTheRowDiedIsSeenStill(t *testing.T) {
	w, c, seen := lateEdit(t, set("level", 0, "high"))
	require.Equal(t, "high", w.shows("home", rid(1), "level"), "the edit met the row that lives again")
	c.ok(upd("home", rid(1), set("level", seen, "low")))
	require.Equal(t, "low", w.shows("home", rid(1), "level"))
	require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "level"))

	w, c, seen = lateEdit(t, set("level", 0, "high"))
	require.Equal(t, se.Conflicts, c.push(upd("home", rid(1), set("level", seen-1, "low"))).Kind, "and who had not, has not")
	require.Equal(t, "high", w.shows("home", rid(1), "level"))
}

// Of the additions on a row that lives again, who saw the late one before the row died takes away that one. What came with
// the row made again is not the late one's: he has not seen it.
func TestOnlyTheLateAdditionWasSeen(t *testing.T) {
	w, c, seen := lateEdit(t, se.CellWrite{Cell: "tags", In: []string{"late"}}, se.CellWrite{Cell: "tags", In: []string{"again"}})
	require.Equal(t, `["again","late"]`, w.shows("home", rid(1), "tags"))
	both := se.CellWrite{Cell: "tags", Base: se.Base{Epoch: 1, Seq: seen}, Out: []string{"again", "late"}}
	c.ok(upd("home", rid(1), both))
	require.Equal(t, `["again"]`, w.shows("home", rid(1), "tags"))
}
