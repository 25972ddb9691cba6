package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// A phone is behind by what it has not taken yet, wherever it said last how far it is: nothing, if what the county did
// since did not touch its person's units.
func TestBehindCountsWhatConcernsADevice(t *testing.T) {
	live := map[string]syncengine.Base{}
	w := peopled(t, func(c *api.Config) {
		c.Reached = func(device string) (syncengine.Base, bool) { at, ok := live[device]; return at, ok }
	})
	w.ids["qian"] = w.call("POST", "/v1/accounts", "admin", map[string]string{"login": "qian", "name": "钱", "password": password}).want(201).str("id")
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["qian"], "role": "grid_worker", "scope": grid9}).want(201)
	wang, qian := w.enrol("wang"), w.enrol("qian")
	behind := func(p *phone) float64 {
		t.Helper()
		return w.call("GET", "/v1/devices/"+p.id, "admin", nil).want(200).get("behind").(float64)
	}
	hazard := func(p *phone, scope string, n int) int64 {
		return p.insert("hazard", scope, rowID(n), map[string][]schema.Value{"kind_code": {schema.Text("stairs")}, "description": {schema.Text("x")}}).Seq
	}
	greet := func(p *phone) {
		_, err := w.centre.Welcome(syncengine.Hello{Device: p.id, Wall: w.Now().UnixMilli()})
		require.NoError(t, err)
	}
	first := hazard(wang, grid1, 1)
	require.EqualValues(t, 1, behind(wang), "never heard")
	greet(wang)
	greet(qian)
	require.NoError(t, w.dir.Reached(ctx, wang.id, 1, first))
	require.Zero(t, behind(wang))
	require.NoError(t, w.dir.Reached(ctx, wang.id, 1, first-1))
	require.Zero(t, behind(wang), "an end that was noticed late takes nothing back")

	second := hazard(qian, grid9, 2)
	require.Zero(t, behind(wang), "not his grid")
	hazard(wang, grid1, 3)
	require.EqualValues(t, 2, behind(wang))
	live[wang.id] = syncengine.Base{Epoch: 1, Seq: second}
	require.EqualValues(t, 1, behind(wang), "as far as its open connection tells")
	live[wang.id] = syncengine.Base{Epoch: 7, Seq: 100}
	require.EqualValues(t, 3, behind(wang), "a cursor of another epoch counts for nothing")
	live[wang.id] = syncengine.Base{Epoch: 1, Seq: second + 1}
	require.Zero(t, behind(wang))

	// A unit that came to him is not there yet, however old what lies in it is.
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["wang"], "role": "grid_worker", "scope": grid2}).want(201)
	hazard(qian, grid9, 4)
	require.EqualValues(t, 1, behind(wang))
	greet(wang)
	require.Zero(t, behind(wang), "told of it")
	w.call("POST", "/v1/devices/"+wang.id+"/revoke", "admin", nil).want(200)
	require.Zero(t, behind(wang), "it takes nothing any more")
}

// Whoever has to tell what somebody may read who found a phone is shown what it holds, and what it gave back.
func TestDeviceShowsWhatItHolds(t *testing.T) {
	w := peopled(t)
	p := w.enrol("wang")
	shown := func() reply { return w.call("GET", "/v1/devices/"+p.id, "admin", nil).want(200) }
	require.Nil(t, shown().get("holds"), "it never said Hello")
	greet := func() *syncengine.Welcome {
		out, err := w.centre.Welcome(syncengine.Hello{Device: p.id, Wall: w.Now().UnixMilli(), LastN: p.n})
		require.NoError(t, err)
		return out
	}
	greet()
	require.Equal(t, []any{map[string]any{"scope": grid1, "name": "一网格", "role": "grid_worker"}}, shown().get("holds"))
	list := w.call("GET", "/v1/assignments?account="+w.ids["wang"], "admin", nil).want(200)
	w.call("POST", "/v1/assignments/"+list.str("assignments", 0, "id")+"/end", "admin", map[string]any{}).want(200)
	w.Advance(time.Hour)
	require.NotNil(t, shown().get("holds"), "nobody told it")
	greeted := greet()
	require.Len(t, greeted.Lost, 1)
	told, err := w.centre.Tell(syncengine.Tell{Device: p.id, View: greeted.View})
	require.NoError(t, err)
	require.Nil(t, shown().get("holds"))
	require.Equal(t, []any{grid1, nil}, []any{shown().get("taken", 0, "scope"), shown().get("taken", 0).(map[string]any)["purged_at"]})
	w.Advance(time.Hour)
	_, err = w.centre.Tell(syncengine.Tell{Device: p.id, View: greeted.View, Purged: true, At: told})
	require.NoError(t, err)
	require.Equal(t, w.Now().Format(time.RFC3339), shown().str("taken", 0, "purged_at"))
}
