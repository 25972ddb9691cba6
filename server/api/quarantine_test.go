package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// refused submits one change that must not take effect, and gives where it lies.
func (p *phone) refused(kind syncengine.VerdictKind, c syncengine.Change) string {
	p.w.t.Helper()
	p.n++
	now := p.w.Now().UnixMilli()
	cs := &syncengine.Changeset{Device: p.id, N: p.n, Prev: p.prev, HLC: p.clock.Now(now), Wall: now, Boot: "b", Mono: now, Schema: p.w.schema.Version, Author: p.account, Changes: []syncengine.Change{c}}
	res, err := p.w.centre.Submit(ctx, []*syncengine.Changeset{cs}, syncengine.Contact{Boot: "b", Mono: now, At: now})
	require.NoError(p.w.t, err)
	require.NoError(p.w.t, res[0].Err)
	require.Equal(p.w.t, kind, res[0].Verdict.Kind, "%+v", res[0].Verdict.Reason)
	p.prev = cs.Hash()
	return fmt.Sprintf("/v1/quarantine/%s/%d", p.id, p.n)
}

// leaves ends a person's assignments: what he still sends waits for a supervisor.
func (w *world) leaves(login string) {
	w.t.Helper()
	w.Advance(time.Minute)
	list := w.call("GET", "/v1/assignments?account="+w.ids[login], "admin", nil).want(200)
	for i := range list.get("assignments").([]any) {
		w.call("POST", "/v1/assignments/"+list.str("assignments", i, "id")+"/end", "admin", nil).want(200)
	}
}

func cells(scope string, more ...any) (out []syncengine.CellWrite) {
	out = []syncengine.CellWrite{{Cell: "scope", Values: []schema.Value{schema.Text(scope)}}}
	for i := 0; i < len(more); i += 2 {
		out = append(out, syncengine.CellWrite{Cell: more[i].(string), Values: []schema.Value{schema.Text(more[i+1].(string))}})
	}
	return out
}

// Who does not see all of a refused changeset that anybody at the centre sees cannot release, dismiss or export it, by
// the rule and with the sentence of conflicts; he does not read why somebody else ended it either.
func TestWhoMayDecideRefusedWork(t *testing.T) {
	w := peopled(t)
	p := w.enrol("wang")
	w.leaves("wang")
	insert := func(n int) syncengine.Change {
		return syncengine.Change{Table: "dispute", Row: rowID(n), Op: syncengine.OpInsert, Cells: cells(grid1, "kind_code", "neighbour", "facts", "噪音")}
	}
	first, second := p.refused(syncengine.Parked, insert(1)), p.refused(syncengine.Parked, insert(2))
	r := w.call("GET", first, "watch", nil).want(200)
	require.NotContains(t, r.body, "噪音")
	require.Equal(t, []any{false, false}, []any{r.get("may_release"), r.get("may_dismiss")})
	require.Contains(t, r.str("undecided"), "看不到")
	dismiss := map[string]any{"choice": "dismiss", "reason": "重复，见噪音那条"}
	for _, in := range []map[string]any{{"choice": "release"}, dismiss} {
		w.call("POST", first+"/decision", "watch", in).problem(403, "masked_for_you")
	}
	w.call("GET", first+"/export", "watch", nil).problem(403, "export_masked")
	w.call("POST", first+"/decision", "zhou", dismiss).problem(404, "quarantined_not_found")

	r = w.call("GET", first, "sun", nil).want(200)
	require.Equal(t, []any{true, true}, []any{r.get("may_release"), r.get("may_dismiss")})
	require.NotContains(t, r.body, "undecided")
	w.call("POST", first+"/decision", "sun", map[string]any{"choice": "release"}).want(200)
	w.call("POST", second+"/decision", "sun", dismiss).want(200)
	require.Contains(t, w.call("GET", second, "sun", nil).want(200).body, "见噪音那条")
	for _, url := range []string{second, "/v1/quarantine?status=closed"} {
		r := w.call("GET", url, "watch", nil).want(200)
		require.Contains(t, r.body, `"dismissed"`)
		require.NotContains(t, r.body, "见噪音那条")
	}
	require.Contains(t, w.call("GET", "/v1/quarantine?status=closed", "sun", nil).want(200).body, "见噪音那条")
}

// What nobody at the centre sees, such as where a worker stood, keeps nobody there from deciding; what no declaration
// knows is for those who see all of what is known.
func TestDecideWhatNobodyAtTheCentreSees(t *testing.T) {
	w := peopled(t)
	p, boss := w.enrol("wang"), w.enrol("sun")
	text := func(s string) []schema.Value { return []schema.Value{schema.Text(s)} }
	boss.insert("building", grid1, rowID(1), map[string][]schema.Value{"no": text("1")})
	boss.insert("dwelling", grid1, rowID(2), map[string][]schema.Value{"building_id": text(string(rowID(1))), "unit": text("1"), "room_no": text("101")})
	boss.insert("household", grid1, rowID(3), map[string][]schema.Value{"dwelling_id": text(string(rowID(2)))})
	w.leaves("wang")
	visit := p.refused(syncengine.Parked, syncengine.Change{Table: "visit", Row: rowID(4), Op: syncengine.OpInsert, Cells: append(
		cells(grid1, "household_id", string(rowID(3)), "outcome", "met"),
		syncengine.CellWrite{Cell: "started_at", Values: []schema.Value{schema.Int(w.Now().UnixMilli())}},
		syncengine.CellWrite{Cell: "place", Values: []schema.Value{schema.Real(36.5), schema.Real(117.25), schema.Real(5)}})})
	require.NotContains(t, w.call("GET", visit, "sun", nil).want(200).body, "117.25")
	w.call("GET", visit+"/export", "sun", nil).problem(403, "export_masked")
	w.call("POST", visit+"/decision", "watch", map[string]any{"choice": "release"}).problem(403, "masked_for_you")
	w.call("POST", visit+"/decision", "sun", map[string]any{"choice": "release"}).want(200)

	li := w.enrol("li")
	unknown := []string{
		li.refused(syncengine.Rejected, syncengine.Change{Table: "dispute", Row: rowID(5), Op: syncengine.OpInsert, Cells: cells(grid1, "kind_code", "neighbour", "future", "机密")}),
		li.refused(syncengine.Rejected, syncengine.Change{Table: "future", Row: rowID(6), Op: syncengine.OpInsert, Cells: cells(grid1, "text", "机密")}),
	}
	for _, url := range unknown {
		w.call("GET", url+"/export", "watch", nil).problem(403, "export_masked")
		w.call("POST", url+"/decision", "watch", map[string]any{"choice": "dismiss", "reason": "x"}).problem(403, "masked_for_you")
		require.Contains(t, w.call("GET", url+"/export", "sun", nil).want(200).body, "机密")
		w.call("POST", url+"/decision", "sun", map[string]any{"choice": "dismiss", "reason": "x"}).want(200)
	}
	// What names a unit in which its author has nothing never was there; those where it is kept deal with it, unseen.
	url := li.refused(syncengine.Rejected, syncengine.Change{Table: "dispute", Row: rowID(7), Op: syncengine.OpInsert, Cells: cells("nowhere", "kind_code", "neighbour", "facts", "机密")})
	w.call("GET", url+"/export", "sun", nil).problem(403, "export_masked")
	w.call("POST", url+"/decision", "watch", map[string]any{"choice": "dismiss", "reason": "x"}).problem(403, "masked_for_you")
	w.call("POST", url+"/decision", "sun", map[string]any{"choice": "dismiss", "reason": "x"}).want(200)
}

// A refused changeset about a record that has gone to another unit is decided by somebody who sees it there.
func TestRefusedWorkOnWhatHasMoved(t *testing.T) {
	w := peopled(t)
	_, a, _ := disputed(w)
	boss := w.enrol("sun")
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["sun"], "role": "supervisor", "scope": other}).want(201)
	boss.update("dispute", rowID(1), 3, "scope", schema.Text(grid9))
	url := a.refused(syncengine.Parked, syncengine.Change{Table: "dispute", Row: rowID(9), Op: syncengine.OpUpdate, Cells: cells(grid1, "facts", "旧事")[1:]})
	both := a.refused(syncengine.Parked, syncengine.Change{Table: "dispute", Row: rowID(1), Op: syncengine.OpUpdate, Cells: cells(grid1, "facts", "旧事")[1:]})
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["watch"], "role": "supervisor", "scope": grid1}).want(201)
	w.call("POST", both+"/decision", "watch", map[string]any{"choice": "dismiss", "reason": "x"}).problem(403, "masked_for_you")
	w.call("POST", url+"/decision", "watch", map[string]any{"choice": "dismiss", "reason": "x"}).want(200)
	w.call("POST", both+"/decision", "sun", map[string]any{"choice": "dismiss", "reason": "x"}).want(200)
}

// Sensitive columns of refused work are audited like those of records, also in a file.
func TestReadsOfRefusedWorkAreAudited(t *testing.T) {
	w := peopled(t)
	p := w.enrol("wang")
	w.leaves("wang")
	url := p.refused(syncengine.Parked, syncengine.Change{Table: "dispute", Row: rowID(1), Op: syncengine.OpInsert, Cells: cells(grid1, "kind_code", "neighbour", "demands", "赔偿")})
	w.call("GET", url, "watch", nil).want(200)
	w.call("GET", url+"/export", "watch", nil).want(403)
	require.Empty(t, w.audited("read"))
	w.call("GET", url, "sun", nil).want(200)
	w.call("GET", url+"/export", "sun", nil, "Doorstep-Reason", "%E5%A4%8D%E6%A0%B8").want(200)
	rows := []any{map[string]any{"record": "dispute", "row": string(rowID(1)), "columns": []any{"demands"}}}
	require.Equal(t, []map[string]any{
		{"who": w.ids["sun"], "operation": "quarantine-show", "rows": rows},
		{"who": w.ids["sun"], "operation": "quarantine-export", "rows": rows, "reason": "复核"},
	}, w.audited("read"))
}
