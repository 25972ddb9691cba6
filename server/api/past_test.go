package api_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// away moves the disputed record to the other community and lets it be written to there.
func away(w *world) (boss *phone) {
	boss = w.enrol("sun")
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["sun"], "role": "supervisor", "scope": other}).want(201)
	w.Advance(time.Minute)
	boss.update("dispute", rowID(1), 3, "scope", schema.Text(grid9))
	w.Advance(time.Minute)
	boss.update("dispute", rowID(1), 4, "location", schema.Text("九号楼"))
	return boss
}

// allOf reads a person's history of the disputed record page by page, and counts the pages.
func (w *world) allOf(login string, limit int) (lines []string, pages int) {
	w.t.Helper()
	for before := "0"; ; pages++ {
		page := w.call("GET", historyOf("dispute", rowID(1), fmt.Sprintf("?limit=%d&before=%s", limit, before)), login, nil)
		lines = append(lines, page.lines()...)
		next, more := page.get().(map[string]any)["next"]
		if !more {
			return lines, pages + 1
		}
		before = fmt.Sprint(next)
	}
}

// Retention forgets what left a unit for devices, but not for whoever reads history: a record that came from elsewhere
// shows no more of its past afterwards, and none of it is told by a page that ends there.
func TestHistoryAfterRetention(t *testing.T) {
	w := peopled(t)
	disputed(w)
	away(w)
	theirs, _ := w.allOf("zhou", 50)
	require.Len(t, theirs, 2)
	all, _ := w.allOf("sun", 50)
	w.Advance(400 * 24 * time.Hour)
	w.tokens["zhou"] = w.call("POST", "/v1/login", "", map[string]string{"login": "zhou", "password": password}).want(200).str("token")
	w.tokens["sun"] = w.call("POST", "/v1/login", "", map[string]string{"login": "sun", "password": password}).want(200).str("token")
	done, err := w.centre.Prune(time.Hour)
	require.NoError(t, err)
	require.Equal(t, 1, done.Moves)
	require.NoError(t, w.store.View(func(tx syncengine.ReadTx) error {
		moves, err := tx.Moves("dispute", rowID(1), 0)
		require.Empty(t, moves, "the engine has forgotten")
		return err
	}))
	for limit := 1; limit < 4; limit++ {
		got, pages := w.allOf("zhou", limit)
		require.Equal(t, theirs, got)
		require.Equal(t, (len(theirs)+limit-1)/limit, pages, "no page tells of what was before")
		got, _ = w.allOf("sun", limit)
		require.Equal(t, all, got)
	}
	require.Empty(t, w.call("GET", historyOf("dispute", rowID(1), "?before=4"), "zhou", nil).lines())
}

// Of a centre that had forgotten already nobody can tell where the record was: what is in doubt is left out, and counted.
func TestHistoryOfUnknownPlaces(t *testing.T) {
	w := peopled(t)
	disputed(w)
	away(w)
	w.Advance(time.Minute)
	_, err := w.centre.Prune(time.Second)
	require.NoError(t, err)
	require.NoError(t, w.store.WithTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM moved; UPDATE county SET places_from = 5`)
		return err
	}))
	for _, login := range []string{"zhou", "sun"} {
		r := w.call("GET", historyOf("dispute", rowID(1), ""), login, nil)
		require.Len(t, r.lines(), 1, login)
		require.Equal(t, 4.0, r.get("unplaced"), login)
		require.NotContains(t, r.body, "噪音")
	}
	// Each is counted on one page.
	require.NoError(t, w.store.WithTx(ctx, func(tx *sql.Tx) error { _, err := tx.Exec(`UPDATE county SET places_from = 3`); return err }))
	counted, before := 0.0, "0"
	for before != "" {
		r := w.call("GET", historyOf("dispute", rowID(1), "?limit=1&before="+before), "zhou", nil).want(200)
		n, _ := r.get("unplaced").(float64)
		counted, before = counted+n, ""
		if next, more := r.get().(map[string]any)["next"]; more {
			before = fmt.Sprint(next)
		}
	}
	require.Equal(t, 2.0, counted)
}

// What was written where a person saw it masked stays masked, also when he sees all of the record where it is now; what
// he saw there does not tell him what a cell shows that he may not see now.
func TestHistoryKeepsTheMasksOfThePlace(t *testing.T) {
	w := peopled(t)
	disputed(w)
	away(w)
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["watch"], "role": "supervisor", "scope": other}).want(201)
	r := w.call("GET", historyOf("dispute", rowID(1), ""), "watch", nil).want(200)
	require.Contains(t, r.body, "九号楼", "he is supervisor there")
	for _, hidden := range []string{"隔音", "赔礼", phoneNo, "噪音", "三号楼", "安静", `"facts"`} {
		require.NotContains(t, r.body, hidden)
	}

	// The other way round: unmasked then, masked now.
	boss := w.enrol("zhou")
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["zhou"], "role": "watcher", "scope": wanghe}).want(201)
	boss.insert("dispute", grid9, rowID(2), map[string][]schema.Value{"kind_code": {schema.Text("neighbour")}, "demands": {schema.Text("赔偿")}})
	mover := w.enrol("sun")
	mover.update("dispute", rowID(2), 6, "scope", schema.Text(grid1))
	got := w.call("GET", historyOf("dispute", rowID(2), "?column=demands"), "zhou", nil).lines()
	require.Equal(t, []string{"6 insert demands 赔偿 stands  0:0 "}, got, "whether it still stands is what he may not see")
	require.Equal(t, []string{"6 insert demands 赔偿 stands stands 0:0 "}, w.call("GET", historyOf("dispute", rowID(2), "?column=demands"), "sun", nil).lines())
}

// The reason of a decision may quote what somebody does not see.
func TestReasonsOfDecisionsOnWholeRecords(t *testing.T) {
	w := peopled(t)
	a, b, _ := disputed(w)
	boss := w.enrol("sun")
	boss.commit(syncengine.Change{Table: "dispute", Row: rowID(1), Op: syncengine.OpDelete, Base: syncengine.Base{Epoch: 1, Seq: 3}})
	a.update("dispute", rowID(1), 3, "location", schema.Text("五号楼"))
	_ = b
	id := w.call("GET", "/v1/conflicts", "sun", nil).want(200).str("conflicts", 0, "id")
	shown := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", with(decision(shown, "keep"), "reason", "重复登记，"+phoneNo)).want(200)
	require.Contains(t, w.call("GET", historyOf("dispute", rowID(1), ""), "sun", nil).want(200).body, "重复登记")
	r := w.call("GET", historyOf("dispute", rowID(1), ""), "watch", nil).want(200)
	require.Contains(t, r.body, `"decide"`)
	require.NotContains(t, r.body, "重复登记")
}
