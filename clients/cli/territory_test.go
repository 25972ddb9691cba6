package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

const second = "370115003239002"

// made is the id of what a command made.
func made(out string) string { return uuidForm.FindString(out) }

// lies gives the grid of a row at the centre.
func (w *world) lies(table, id string) (scope string) {
	w.t.Helper()
	require.NoError(w.t, w.store.View(func(tx se.ReadTx) error {
		r, err := tx.Row(table, se.RowID(id))
		if r != nil {
			scope = r.Scope
		}
		return err
	}))
	return scope
}

// A worker who is offline while his grid is split, or merged into another, loses nothing: what he wrote about
// households that moved, and beside them, is accepted when he comes back and lies where the household is now.
func TestLateWorkAfterASplit(t *testing.T) {
	for _, kind := range []string{"split", "merge"} {
		t.Run(kind, func(t *testing.T) {
			w := settle(t)
			root, zhou, wang, li := w.machine("root"), w.machine("zhou"), w.machine("wang"), w.machine("li")
			file := filepath.Join(w.dir, "second.csv")
			require.NoError(t, os.WriteFile(file, []byte("code,name,level,parent\n"+second+",二,grid,370115003239\n"), 0o600))
			root.do("org", "import", file)
			b := made(zhou.do("new", "building", "scope="+grid, "no=1"))
			zhou.do("sync")
			wang.do("sync")
			door := made(wang.do("new", "dwelling", "building_id="+b, "room_no=1"))
			home := made(wang.do("new", "household", "dwelling_id="+door))
			wish := made(wang.do("new", "wish", "household_id="+home, "title=扶手"))
			wang.do("sync")
			root.do("account", "create", "--login", "sun", "--name", "孙")
			root.do("assign", "create", "sun", "grid_worker", second)
			w.machine("sun").do("enrol", "--server", w.url, "--code", code(root.do("code", "create", "sun")), "--label", "x")

			// Offline from here on.
			wang.do("set", "household", home, "notes=按时服药", "phone=13900000000")
			wang.do("set", "dwelling", door, "room_no=1-1")
			visit := made(wang.do("new", "visit", "household_id="+home, "started_at=2046-03-02T08:00", "outcome=met"))
			person := made(wang.do("new", "resident", "household_id="+home, "name=王秀英"))
			other := made(wang.do("new", "household", "dwelling_id="+door))
			claim := made(wang.do("new", "wish_claim", "wish_id="+wish, "step=verify"))
			talk := made(wang.do("new", "dispute", "kind_code=noise", "facts=楼上吵"))

			if kind == "split" {
				zhou.do("grid", "split", grid, second, "--door", b, "--yes")
			} else {
				zhou.do("grid", "merge", grid, second, "--dry-run")
				root.do("grid", "plan", "run", "1")
			}
			li.do("sync")
			require.Equal(t, second, w.lies("household", home))

			var synced struct{ Accepted, Sent, Parked, Rejected int }
			out := wang.do("--json", "sync")
			require.NoError(t, json.Unmarshal([]byte(out), &synced), out)
			require.Zero(t, synced.Parked+synced.Rejected, out)
			for table, id := range map[string]string{"household": home, "dwelling": door, "visit": visit, "resident": person, "wish_claim": claim} {
				require.Equal(t, second, w.lies(table, id), table)
			}
			if kind == "split" { // what has no door stays with its author, and so does a household that nobody had seen
				require.Equal(t, []string{grid, grid}, []string{w.lies("household", other), w.lies("dispute", talk)})
				require.Contains(t, zhou.do("grid", "split", grid, second, "--door", door, "--yes"), "移走 1")
			} else {
				require.Equal(t, second, w.lies("dispute", talk), "nothing lies in a closed grid")
			}
			require.Equal(t, second, w.lies("household", other), "a new household of a dwelling that moved")
			sun := w.machine("sun")
			sun.do("sync")
			shown := sun.do("show", "household", home)
			require.Contains(t, shown, "按时服药")
			require.Contains(t, shown, "13900000000")
			require.Contains(t, sun.do("show", "dwelling", door), "1-1")
			require.Contains(t, sun.do("list", "resident"), "王秀英")
			require.Contains(t, sun.do("show", "wish", wish), "verified")
			require.NotContains(t, sun.do("list", "visit"), "没有符合条件")
		})
	}
}
