package api_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// disputed makes a dispute that two people edited without seeing each other, and gives the conflict's id.
func disputed(w *world) (a, b *phone, conflict string) {
	w.t.Helper()
	a, b = w.enrol("wang"), w.enrol("li")
	v := a.insert("dispute", grid1, rowID(1), map[string][]schema.Value{
		"kind_code": {schema.Text("neighbour")}, "facts": {schema.Text("噪音")}, "demands": {schema.Text("安静")}, "location": {schema.Text("三号楼")},
	})
	w.Advance(time.Minute)
	a.update("dispute", rowID(1), v.Seq, "demands", schema.Text("赔礼道歉 "+phoneNo))
	w.Advance(time.Minute)
	w.call("GET", "/v1/conflicts", "sun", nil).want(200)
	b.update("dispute", rowID(1), v.Seq, "demands", schema.Text("装隔音板"))
	return a, b, w.call("GET", "/v1/conflicts", "sun", nil).want(200).str("conflicts", 0, "id")
}

// decision answers a shown conflict.
func decision(r reply, choice string) map[string]any {
	shown := []any{}
	for _, c := range r.get("candidates").([]any) {
		shown = append(shown, c.(map[string]any)["id"])
	}
	return map[string]any{"choice": choice, "epoch": r.get("epoch"), "read_at": r.get("read_at"), "shown": shown}
}

func with(m map[string]any, k string, v any) map[string]any {
	m[k] = v
	return m
}

func TestShowConflict(t *testing.T) {
	w := peopled(t)
	_, _, id := disputed(w)
	r := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	require.Equal(t, []any{"cell", "dispute", "矛盾纠纷", "demands", "诉求", "一网格", true, true},
		[]any{r.get("kind"), r.get("record"), r.get("record_label"), r.get("cell"), r.get("cell_label"), r.get("scope_name"), r.get("open"), r.get("may_decide")})
	require.Equal(t, []any{"装隔音板", "li" + person, "li的手机", "2026-03-02T08:02:00Z", "2026-03-02T08:02:00Z"}, []any{r.get("standing", "values", 0, "text"),
		r.get("standing", "author_name"), r.get("standing", "device_label"), r.get("standing", "effective_at"), r.get("standing", "received_at")})
	require.Equal(t, []any{"赔礼道歉 " + phoneNo, "wang" + person}, []any{r.get("candidates", 0, "values", 0, "value"), r.get("candidates", 0, "author_name")})
	require.Equal(t, []any{"keep", "take", "set"}, r.get("choices"))
	require.Equal(t, []any{1.0, 3.0}, []any{r.get("epoch"), r.get("read_at")})
	require.Contains(t, r.body, `"column":"kind_code"`)
	require.Contains(t, r.body, "邻里", "codes are shown by their labels")
	en := w.call("GET", "/v1/conflicts/"+id, "sun", nil, "Accept-Language", "en").want(200)
	require.Equal(t, "Demands", en.get("cell_label"))
}

func TestConflictsStayInTheirUnits(t *testing.T) {
	w := peopled(t)
	_, _, id := disputed(w)
	gone := w.call("GET", "/v1/conflicts/99-1", "zhou", nil).problem(404, "conflict_not_found")
	his := w.call("GET", "/v1/conflicts/"+id, "zhou", nil).problem(404, "conflict_not_found")
	require.Equal(t, gone.body, his.body, "not there and not yours are one answer")
	require.Equal(t, []any{}, w.call("GET", "/v1/conflicts", "zhou", nil).want(200).get("conflicts"))
	require.Equal(t, []any{}, w.call("GET", "/v1/conflicts?scope="+grid2, "sun", nil).want(200).get("conflicts"))
	require.Len(t, w.call("GET", "/v1/conflicts?scope="+wanghe, "sun", nil).want(200).get("conflicts"), 1)
	none := w.call("GET", "/v1/conflicts?scope=370115003999", "sun", nil).problem(404, "unit_not_yours")
	notHis := w.call("GET", "/v1/conflicts?scope="+other, "sun", nil).problem(404, "unit_not_yours")
	require.Equal(t, strings.ReplaceAll(none.body, "370115003999", other), notHis.body, "not there and not yours are one answer")
	shown := w.call("GET", "/v1/conflicts/"+id, "sun", nil)
	w.call("POST", "/v1/conflicts/"+id+"/decision", "zhou", decision(shown, "keep")).problem(404, "conflict_not_found")
	w.call("POST", "/v1/conflicts/"+id+"/decision", "wang", decision(shown, "keep")).problem(403, "console_only")
	require.Len(t, w.call("GET", "/v1/conflicts", "sun", nil).get("conflicts"), 1, "nothing happened")

	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["zhou"], "role": "grid_worker", "scope": grid1}).want(201)
	w.call("GET", "/v1/conflicts/"+id, "zhou", nil).problem(404, "conflict_not_found") // supervisor there, but a worker here
}

func TestMasks(t *testing.T) {
	w := peopled(t)
	_, _, id := disputed(w)
	r := w.call("GET", "/v1/conflicts/"+id, "watch", nil).want(200)
	for _, hidden := range []string{"隔音", "赔礼", phoneNo, "噪音", "三号楼"} {
		require.NotContains(t, r.body, hidden)
	}
	require.Contains(t, r.body, "三**")
	require.Equal(t, []any{true, false, []any{}}, []any{r.get("standing", "values", 0, "masked"), r.get("may_decide"), r.get("choices")})
	w.call("POST", "/v1/conflicts/"+id+"/decision", "watch", decision(r, "keep")).problem(403, "masked_for_you")
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name    string
		make    func(shown reply) map[string]any
		demands string
	}{
		{"keep", func(r reply) map[string]any { return decision(r, "keep") }, "装隔音板"},
		{"take", func(r reply) map[string]any {
			return with(decision(r, "take"), "take", r.get("candidates", 0, "id"))
		}, "赔礼道歉 " + phoneNo},
		{"set", func(r reply) map[string]any {
			return with(decision(r, "set"), "values", map[string]any{"demands": "两样都要"})
		}, "两样都要"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := peopled(t)
			_, _, id := disputed(w)
			shown := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
			r := w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", with(c.make(shown), "reason", "双方同意")).want(200)
			require.Equal(t, []any{false, 4.0}, []any{r.get("open"), r.get("seq")})
			require.NoError(t, w.store.View(func(tx syncengine.ReadTx) error {
				row, err := tx.Row("dispute", rowID(1))
				require.NoError(t, err)
				tab := w.schema.Table("dispute")
				k := tab.CellIndex("demands")
				require.Equal(t, c.demands, row.Cells[k].Values(tab.Cells[k])[0].Str())
				require.Empty(t, row.Cells[k].Candidates())
				h, err := tx.History(3, 1)
				require.NoError(t, err)
				require.Equal(t, w.ids["sun"], h[0].Author, "the decision is a changeset like any other")
				require.False(t, h[0].Suspect)
				return nil
			}))
			require.Empty(t, w.call("GET", "/v1/conflicts", "sun", nil).get("conflicts"))
			closed := w.call("GET", "/v1/conflicts?status=closed", "sun", nil).want(200)
			require.Equal(t, []any{c.name, "sun" + person, "双方同意"}, []any{closed.get("conflicts", 0, "outcome"), closed.get("conflicts", 0, "decided_by"), closed.get("conflicts", 0, "reason")})
			w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", c.make(shown)).problem(409, "conflict_closed")
			devices := w.call("GET", "/v1/devices?account="+w.ids["sun"], "admin", nil)
			require.Equal(t, true, devices.get("devices", 0, "console"))
		})
	}
}

// What joined after the screen was read stays open.
func TestDecideOnStaleScreen(t *testing.T) {
	w := peopled(t)
	_, _, id := disputed(w)
	shown := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	late := w.enrol("wang")
	late.ago = time.Hour.Milliseconds() // an earlier write, so that it joins as a candidate
	late.update("dispute", rowID(1), 1, "demands", schema.Text("换房"))
	r := w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", decision(shown, "keep")).want(200)
	require.Equal(t, []any{true, 1.0}, []any{r.get("open"), r.get("candidate_count")})
	again := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	require.Equal(t, "换房", again.get("candidates", 0, "values", 0, "text"))
	w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", decision(again, "keep")).want(200)
}

func TestBadDecisions(t *testing.T) {
	w := peopled(t)
	_, _, id := disputed(w)
	r := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	for _, c := range []struct {
		name   string
		body   map[string]any
		status int
		key    string
	}{
		{"unfit choice", decision(r, "renumber"), 422, "choice_unfit"},
		{"unknown choice", decision(r, "burn"), 422, "bad_request"},
		{"nothing shown", with(decision(r, "keep"), "shown", []any{}), 422, "bad_request"},
		{"take without which", decision(r, "take"), 422, "take_not_shown"},
		{"take what was not shown", with(decision(r, "take"), "take", map[string]any{"device": "x", "n": 1}), 422, "take_not_shown"},
		{"a state that never was", with(decision(r, "keep"), "read_at", 99), 409, "read_elsewhere"},
		{"another epoch", with(decision(r, "keep"), "epoch", 2), 409, "read_elsewhere"},
		{"negative seq", with(decision(r, "keep"), "read_at", -1), 422, "bad_request"},
		{"set nothing", decision(r, "set"), 422, "set_incomplete"},
		{"set another column", with(decision(r, "set"), "values", map[string]any{"facts": "x"}), 422, "set_incomplete"},
		{"set a number", with(decision(r, "set"), "values", map[string]any{"demands": 5}), 422, "set_value"},
		{"set too long a text", with(decision(r, "set"), "values", map[string]any{"demands": longText(4001)}), 422, "bad_field"},
		{"long reason", with(decision(r, "keep"), "reason", longText(501)), 422, "bad_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", c.body).problem(c.status, c.key)
			require.NotContains(t, got.body, "%!")
		})
	}
	require.Len(t, w.call("GET", "/v1/conflicts", "sun", nil).get("conflicts"), 1, "nothing happened")
	devices := w.call("GET", "/v1/devices?account="+w.ids["sun"], "admin", nil)
	require.Empty(t, devices.get("devices"), "not even a console device was made")
}

func longText(n int) string {
	b := make([]rune, n)
	for i := range b {
		b[i] = '长'
	}
	return string(b)
}

// overlap notices two decisions of one person at once. The first one waits a moment for a second.
type overlap struct {
	api.Decider
	once   sync.Once
	inside atomic.Int32
	second chan struct{}
	found  atomic.Bool
}

func (o *overlap) Decide(ctx context.Context, cs *syncengine.Changeset) (syncengine.Verdict, error) {
	if o.inside.Add(1) > 1 {
		o.found.Store(true)
		o.once.Do(func() { close(o.second) })
	}
	defer o.inside.Add(-1)
	select {
	case <-o.second:
	case <-time.After(50 * time.Millisecond):
	}
	return o.Decider.Decide(ctx, cs)
}

// Two windows of one person decide at once: one takes effect, n has no gap, the other is told.
func TestParallelDecisions(t *testing.T) {
	o := &overlap{second: make(chan struct{})}
	w := peopled(t, func(c *api.Config) { o.Decider, c.Decider = c.Decider, o })
	_, _, id := disputed(w)
	shown := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", decision(shown, "keep")).status
		})
	}
	wg.Wait()
	won := 0
	for _, s := range statuses {
		if s == 200 {
			won++
		} else {
			require.Equal(t, 409, s)
		}
	}
	require.Equal(t, 1, won)
	require.False(t, o.found.Load(), "one person's changesets are made one after the other")
}

func TestOtherKindsOfConflict(t *testing.T) {
	w := peopled(t)
	a, b, sun := w.enrol("wang"), w.enrol("li"), w.enrol("sun")
	v := a.insert("dispute", grid1, rowID(2), map[string][]schema.Value{"kind_code": {schema.Text("neighbour")}, "facts": {schema.Text("x")}})
	sun.commit(syncengine.Change{Table: "dispute", Row: rowID(2), Op: syncengine.OpDelete, Base: syncengine.Base{Epoch: 1, Seq: v.Seq}})
	b.update("dispute", rowID(2), v.Seq, "facts", schema.Text("新情况"))
	r := w.call("GET", "/v1/conflicts", "sun", nil).want(200)
	require.Equal(t, "delete", r.get("conflicts", 0, "kind"))
	shown := w.call("GET", "/v1/conflicts/"+r.str("conflicts", 0, "id"), "sun", nil).want(200)
	require.Equal(t, []any{true, "sun" + person, "sun的手机", "2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z", "新情况"}, []any{shown.get("standing", "deleted"), shown.get("standing", "author_name"),
		shown.get("standing", "device_label"), shown.get("standing", "effective_at"), shown.get("standing", "received_at"), shown.get("candidates", 0, "values", 0, "text")})
	w.call("POST", "/v1/conflicts/"+shown.str("id")+"/decision", "sun", with(decision(shown, "take"), "take", shown.get("candidates", 0, "id"))).want(200)
	shown = w.call("GET", "/v1/conflicts/"+shown.str("id"), "sun", nil).want(200)
	require.Equal(t, []any{nil, "wang" + person}, []any{shown.get("standing", "deleted"), shown.get("standing", "author_name")}, "once restored it is no deletion")
}

// value gives one column's rendering on a side.
func value(side any, column string) (v map[string]any) {
	for _, x := range side.(map[string]any)["values"].([]any) {
		if x.(map[string]any)["column"] == column {
			return x.(map[string]any)
		}
	}
	return nil
}

// What a reference leads to is called by its natural key, and only to who may see it.
func TestReferencesAndTimesAreReadable(t *testing.T) {
	beijing := time.FixedZone("", 8*3600)
	w := peopled(t, func(c *api.Config) { now := c.Now; c.Now = func() time.Time { return now().In(beijing) } })
	w.schema.Table("hazard").Views["watcher"] = &schema.View{Rows: schema.RowsAll}
	a, b, sun := w.enrol("wang"), w.enrol("li"), w.enrol("sun")
	text := func(s string) []schema.Value { return []schema.Value{schema.Text(s)} }
	for i, no := range []string{"7", "8"} {
		sun.insert("building", grid1, rowID(50+i), map[string][]schema.Value{"estate": text("王河"), "no": text(no)})
	}
	a.insert("dwelling", grid1, rowID(60), map[string][]schema.Value{"building_id": text(string(rowID(50))), "unit_no": text("1"), "room_no": text("302")})
	a.insert("household", grid1, rowID(70), map[string][]schema.Value{"dwelling_id": text(string(rowID(60)))})
	v := a.insert("hazard", grid1, rowID(80), map[string][]schema.Value{"kind_code": text("fire"), "household_id": text(string(rowID(70))), "building_id": text(string(rowID(50))),
		"description": text("x"), "found_at": {schema.Int(w.Now().UnixMilli())}})
	a.update("hazard", rowID(80), v.Seq, "building_id", text(string(rowID(51)))...)
	a.update("hazard", rowID(80), v.Seq, "description", text("甲")...)
	b.update("hazard", rowID(80), v.Seq, "description", text("乙")...)
	id := w.call("GET", "/v1/conflicts", "sun", nil).want(200).str("conflicts", 0, "id")
	shown := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	row := map[string]any{"values": shown.get("record_values")}
	require.Equal(t, []any{string(rowID(51)), "王河-8"}, []any{value(row, "building_id")["value"], value(row, "building_id")["text"]})
	require.Equal(t, "1-302", value(row, "household_id")["text"], "a household is called by its dwelling")
	require.Equal(t, []any{"2026-03-02T08:00:00Z", "2026-03-02T16:00:00+08:00"}, []any{value(row, "found_at")["value"], value(row, "found_at")["text"]})

	w.schema.Table("building").Views["watcher"] = &schema.View{Rows: schema.RowsAll, Masks: map[string]schema.Mask{"estate": schema.MaskName}}
	row = map[string]any{"values": w.call("GET", "/v1/conflicts/"+id, "watch", nil).want(200).get("record_values")}
	require.Equal(t, "王*-8", value(row, "building_id")["text"], "masked as the building itself would be")
	require.Equal(t, string(rowID(70)), value(row, "household_id")["text"], "who does not see households is told the id alone")
}

func TestDuplicateAndWorkflow(t *testing.T) {
	w := peopled(t)
	a, b, sun := w.enrol("wang"), w.enrol("li"), w.enrol("sun")
	text := func(s string) []schema.Value { return []schema.Value{schema.Text(s)} }
	sun.insert("building", grid1, rowID(50), map[string][]schema.Value{"estate": text("王河"), "no": text("3")})
	for i, p := range []*phone{a, b} {
		p.insert("dwelling", grid1, rowID(60+i), map[string][]schema.Value{"building_id": text(string(rowID(50))), "unit_no": text("1"), "room_no": text("302"), "notes": text("由" + string(rune('甲'+i)) + "录入")})
	}
	id := w.call("GET", "/v1/conflicts", "sun", nil).want(200).str("conflicts", 0, "id")
	shown := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	require.Equal(t, []any{"duplicate", string(rowID(60)), string(rowID(61)), []any{"both", "merge"}}, []any{shown.get("kind"), shown.get("standing", "row"), shown.get("candidates", 0, "row"), shown.get("choices")})
	require.Equal(t, []any{"wang" + person, "wang的手机", "2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z", a.id}, []any{shown.get("standing", "author_name"), shown.get("standing", "device_label"),
		shown.get("standing", "effective_at"), shown.get("standing", "received_at"), shown.get("standing", "id", "device")}, "the standing side says who, with what and when too")
	require.Equal(t, []any{string(rowID(50)), "王河-3"}, []any{value(shown.get("standing"), "building_id")["value"], value(shown.get("standing"), "building_id")["text"]})
	require.Equal(t, len(shown.get("standing", "values").([]any)), len(shown.get("candidates", 0, "values").([]any)), "side by side")
	w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", decision(shown, "both")).want(200)

	a.insert("household", grid1, rowID(70), map[string][]schema.Value{"dwelling_id": text(string(rowID(60)))})
	a.insert("wish", grid1, rowID(71), map[string][]schema.Value{"household_id": text(string(rowID(70))), "title": text("修路灯")})
	for i, step := range []string{"verify", "publish", "claim"} {
		cells := map[string][]schema.Value{"wish_id": text(string(rowID(71))), "step": text(step)}
		if i > 0 {
			cells["follows_id"] = text(string(rowID(79 + i)))
		}
		a.insert("wish_claim", grid1, rowID(80+i), cells)
	}
	b.insert("wish_claim", grid1, rowID(90), map[string][]schema.Value{"wish_id": text(string(rowID(71))), "step": text("claim"), "follows_id": text(string(rowID(81)))})
	id = w.call("GET", "/v1/conflicts", "sun", nil).want(200).str("conflicts", 0, "id")
	shown = w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	require.Equal(t, []any{"workflow", string(rowID(82)), string(rowID(90)), "li" + person}, []any{shown.get("kind"), shown.get("standing", "row"), shown.get("candidates", 0, "row"), shown.get("candidates", 0, "author_name")})
	require.Equal(t, []any{"wang" + person, "wang的手机", "2026-03-02T08:00:00Z", "修路灯"}, []any{shown.get("standing", "author_name"), shown.get("standing", "device_label"),
		shown.get("standing", "received_at"), value(shown.get("standing"), "wish_id")["text"]})
	w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", with(decision(shown, "renumber"), "take", shown.get("candidates", 0, "id"))).problem(409, "decision_refused")
	shown = w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", decision(shown, "keep")).want(200)
	require.Empty(t, w.call("GET", "/v1/conflicts", "sun", nil).get("conflicts"))
}
