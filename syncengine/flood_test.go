package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// A device that writes one cell over and over against the same old base fills the queue with one item of one candidate
// of its own; and nobody waits for it or loses a candidate by it (S25).
func TestFloodOfConflicts(t *testing.T) {
	w := newWorld(t)
	w.store.RunTwice = false
	flood, b, c := w.dev("flood", "worker"), w.dev("b", "worker"), w.dev("c", "worker")
	base := b.ok(ins("home", rid(1), set("head", 0, "王")))
	require.Equal(t, se.Accepted, b.push(upd("home", rid(1), set("head", base, "李"))).Kind)
	for i := range 3000 {
		require.True(t, flood.push(upd("home", rid(1), set("head", base, fmt.Sprint("f", i)))).Kind.Effective())
	}
	con := w.open(se.ConflictCell, "home", rid(1), "head")
	require.Len(t, con.Candidates, 1)
	require.Equal(t, se.Conflicts, c.push(upd("home", rid(1), set("head", base, "赵"))).Kind)
	con = w.open(se.ConflictCell, "home", rid(1), "head")
	require.LessOrEqual(t, len(con.Candidates), 2, "one of each, less the one that stands")
	row := w.row("home", rid(1))
	require.Len(t, row.Cells[w.s.Table("home").CellIndex("head")].Survivors, 3, "b's, the flood's last and c's: nobody is pushed out")
	require.Empty(t, w.store.Quarantine())
}
