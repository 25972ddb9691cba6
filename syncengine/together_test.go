package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// What is read for many at once is for each of them what he alone would get: whatever his role, his doors, his cursor and
// his budget, and whoever was served before him.
func TestNextTogetherIsNextForEach(t *testing.T) {
	w := newWorld(t)
	ann, boss := w.dev("ann", "worker"), w.dev("boss", "boss", se.Grant{Scope: "g1", Role: "boss"}, se.Grant{Scope: "g2", Role: "boss"})
	devs := []*dev{
		ann, boss, w.dev("ben", "worker"), w.dev("cid", "worker", se.Grant{Scope: "g2", Role: "worker"}),
		w.dev("s1", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(1))}}),
		w.dev("s2", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(1))}}),
		w.dev("s3", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(2))}}),
		w.dev("none", "worker", se.Grant{Scope: "g3", Role: "worker"}),
	}
	ann.ok(ins("door", rid(1)), ins("door", rid(2)))
	ann.ok(ins("home", rid(3), set("door_id", 0, string(rid(1))), set("phone", 0, "13812345678"), set("secret", 0, "x")))
	ann.ok(ins("home", rid(4), set("door_id", 0, string(rid(2))), set("phone", 0, "13912345678")))
	boss.ok(ins("home", rid(5), set("phone", 0, "13712345678")))
	boss.ok(upd("home", rid(5), set("scope", 4, "g2")))
	at := ann.ok(upd("home", rid(3), set("phone", 3, "13612345678")))
	boss.ok(upd("home", rid(4), set("scope", 3, "g2")))
	head := boss.ok(del("home", rid(5), at))

	var list []*se.Reading
	for _, budget := range []int{1 << 20, 200, 1} {
		for _, d := range devs {
			wel := view(w, func(tx se.ReadTx) (*se.Welcome, error) { return w.e.Welcome(tx, se.Hello{Device: d.id}, w.now) })
			for cursor := int64(0); cursor <= head+1; cursor++ {
				list = append(list, &se.Reading{Request: se.NextRequest{
					Device: d.id, Now: w.now, Budget: budget, View: wel.View, Cursor: se.Base{Epoch: 1, Seq: cursor},
				}})
			}
		}
	}
	view(w, func(tx se.ReadTx) (bool, error) { w.e.NextTogether(tx, list); return true, nil })
	shared := map[*se.Kept]int{}
	for _, r := range list {
		require.NoError(t, r.Err)
		for i := range r.Part.Frames {
			if k := r.Part.Frames[i].Kept; k != nil {
				shared[k]++
				r.Part.Frames[i].Kept = nil
			}
		}
		alone := view(w, func(tx se.ReadTx) (*se.Part, error) { return w.e.Next(tx, r.Request) })
		require.Equal(t, alone, r.Part, fmt.Sprintf("%s at %d, budget %d", r.Request.Device, r.Request.Cursor.Seq, r.Request.Budget))
	}
	most := 0
	for _, n := range shared {
		most = max(most, n)
	}
	require.Greater(t, most, 1, "those who lack the same are given the same")
}
