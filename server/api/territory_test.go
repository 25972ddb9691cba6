package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/syncengine"
)

const grid3 = wanghe + "003"

func one(v any) []schema.Value {
	switch v := v.(type) {
	case syncengine.RowID:
		return []schema.Value{schema.Text(string(v))}
	case int:
		return []schema.Value{schema.Int(int64(v))}
	}
	return []schema.Value{schema.Text(v.(string))}
}

func ids(list ...int) (out []string) {
	for _, n := range list {
		out = append(out, string(rowID(n)))
	}
	return out
}

// estate is grid 1 with two buildings: 1 with doors 11 and 12, 2 with doors 21 and 22. In each door d there is a
// household 100+d, with a resident 200+d, a visit 300+d and a wish 400+d. wang wrote dispute 500 with session 501 and
// patrol 502 with finding 503, li hazard 504.
func estate(t *testing.T, change ...func(*api.Config)) (w *world, wang, li *phone) {
	w = peopled(t, change...)
	wang, li = w.enrol("wang"), w.enrol("li")
	type cells = map[string][]schema.Value
	for _, b := range []int{1, 2} {
		w.building(b, grid1)
		for _, k := range []int{1, 2} {
			w.household(wang, 10*b+k, b, grid1)
		}
	}
	wang.insert("dispute", grid1, rowID(500), cells{"kind_code": one("noise"), "facts": one("f")})
	wang.insert("mediation_session", grid1, rowID(501), cells{"dispute_id": one(rowID(500)), "held_at": one(1), "record": one("r")})
	wang.insert("patrol", grid1, rowID(502), cells{"kind_code": one("day"), "started_at": one(1)})
	wang.insert("patrol_finding", grid1, rowID(503), cells{"patrol_id": one(rowID(502)), "kind_code": one("fire"), "found_at": one(1), "description": one("d")})
	li.insert("hazard", grid1, rowID(504), cells{"kind_code": one("fire")})
	return w, wang, li
}

// building puts a building there by the console of the supervisor.
func (w *world) building(n int, scope string) {
	w.t.Helper()
	w.desk("sun").insert("building", scope, rowID(n), map[string][]schema.Value{"no": one(fmt.Sprint(n))})
}

// desk is somebody's console.
func (w *world) desk(login string) *phone {
	w.t.Helper()
	v, err := w.dir.ConsoleDevice(ctx, w.ids[login])
	require.NoError(w.t, err)
	p := &phone{w: w, id: v.ID, account: w.ids[login]}
	require.NoError(w.t, w.store.View(func(tx syncengine.ReadTx) error {
		d, err := tx.Device(v.ID)
		if d != nil {
			p.n, p.prev = d.LastN, d.Hash
		}
		return err
	}))
	return p
}

func (w *world) household(p *phone, door, building int, scope string) {
	w.t.Helper()
	type cells = map[string][]schema.Value
	p.insert("dwelling", scope, rowID(door), cells{"building_id": one(rowID(building)), "room_no": one(fmt.Sprint(door))})
	p.insert("household", scope, rowID(100+door), cells{"dwelling_id": one(rowID(door))})
	p.insert("resident", scope, rowID(200+door), cells{"household_id": one(rowID(100 + door)), "name": one("n")})
	p.insert("visit", scope, rowID(300+door), cells{"household_id": one(rowID(100 + door)), "started_at": one(1), "outcome": one("met")})
	p.insert("wish", scope, rowID(400+door), cells{"household_id": one(rowID(100 + door)), "title": one("rail")})
}

// where gives the scope of each live row of estate, by number.
func (w *world) where() map[int]string {
	w.t.Helper()
	out := map[int]string{}
	require.NoError(w.t, w.store.View(func(tx syncengine.ReadTx) error {
		for _, t := range w.schema.Tables {
			for n := range 600 {
				r, err := tx.Row(t.Name, rowID(n))
				if err != nil {
					return err
				}
				if r != nil {
					out[n] = r.Scope
				}
			}
		}
		return nil
	}))
	return out
}

// in lists the numbers of rows of a scope, sorted.
func (w *world) in(scope string) (out []int) {
	at := w.where()
	for n := range 600 {
		if at[n] == scope {
			out = append(out, n)
		}
	}
	return out
}

func (w *world) plan(token string, in map[string]any) reply {
	w.t.Helper()
	return w.call("POST", "/v1/territory/plans", token, in)
}

// run goes on with a plan until it is not running any more.
func (w *world) run(id any, token string, steps int) reply {
	w.t.Helper()
	for range 100 {
		r := w.call("POST", fmt.Sprintf("/v1/territory/plans/%v/run?steps=%d", id, steps), token, nil).want(200)
		if r.str("state") != "running" {
			return r
		}
	}
	w.t.Fatal("the plan does not end")
	return reply{}
}

func counted(r reply, path ...any) map[string]int {
	out := map[string]int{}
	list, ok := r.get(path...).([]any)
	require.True(r.t, ok, "%v", path)
	for _, x := range list {
		m := x.(map[string]any)
		n, ok := m["count"].(float64)
		require.True(r.t, ok)
		out[m["record"].(string)] = int(n)
	}
	return out
}

func (w *world) steward(login, scope string, doors ...int) string {
	w.t.Helper()
	id := w.call("POST", "/v1/accounts", "admin", map[string]string{"login": login, "name": login}).want(201).str("id")
	w.ids[login] = id
	return w.call("POST", "/v1/assignments", "admin", map[string]any{"account": id, "role": "steward", "scope": scope, "doors": ids(doors...)}).want(201).str("id")
}

func (w *world) holds(login string) map[string][]string {
	w.t.Helper()
	r, err := w.dir.Rights(ctx, w.ids[login])
	require.NoError(w.t, err)
	out := map[string][]string{}
	for _, a := range r.Assignments {
		out[a.Scope] = append(out[a.Scope], a.Doors...)
	}
	return out
}

func TestGridSplit(t *testing.T) {
	w, wang, _ := estate(t)
	w.steward("whole", grid1, 21, 22)
	w.steward("half", grid1, 11, 21)
	w.steward("none", grid1, 12)
	base := wang.update("household", rowID(121), 0, "phone", schema.Text("13900000000")).Seq
	require.Positive(t, base)
	before := w.where()

	r := w.plan("sun", map[string]any{"kind": "split", "source": grid1, "target": grid3, "name": "三网格", "doors": ids(2), "along": []string{"wang"}, "stewards": true, "workers": []string{"li"}}).want(201)
	id := r.get("id")
	require.Equal(t, []any{"planned", true, true, 2.0, 2.0}, []any{r.get("state"), r.get("target_new"), r.get("needs_admin"), r.get("report", "doors"), r.get("report", "doors_left")})
	require.Equal(t, map[string]int{"building": 1, "dwelling": 2, "household": 2, "resident": 2, "visit": 2, "wish": 2, "dispute": 1, "mediation_session": 1, "patrol": 1, "patrol_finding": 1}, counted(r, "report", "moves"))
	require.Equal(t, map[string]int{"wish": 2}, counted(r, "report", "cases"))
	require.Equal(t, map[string]int{"hazard": 1, "dispute": 1, "mediation_session": 1, "patrol": 1, "patrol_finding": 1}, counted(r, "report", "loose"))
	effects := map[string]string{}
	for _, x := range r.get("report", "people").([]any) {
		effects[x.(map[string]any)["account"].(string)] = x.(map[string]any)["effect"].(string)
	}
	require.Equal(t, map[string]string{w.ids["whole"]: "moves", w.ids["half"]: "both", w.ids["none"]: "stays", w.ids["wang"]: "stays", w.ids["li"]: "both"}, effects)
	require.Equal(t, []any{2.0, 0.0, 2.0}, []any{r.get("report", "staffing", 0, "after"), r.get("report", "staffing", 1, "before"), r.get("report", "staffing", 1, "after")})
	require.Equal(t, before, w.where(), "a dry run moves nothing")
	w.call("GET", "/v1/org/"+grid3, "sun", nil).problem(404, "unit_not_found")

	w.call("POST", fmt.Sprintf("/v1/territory/plans/%v/run", id), "sun", nil).problem(403, "plan_for_admins")
	w.call("POST", fmt.Sprintf("/v1/territory/plans/%v/run", id), "zhou", nil).problem(404, "plan_not_found")
	r = w.run(id, "admin", 1)
	require.Equal(t, []any{"done", 0.0, 0.0, 0.0}, []any{r.get("state"), r.get("waiting"), r.get("refused"), r.get("needless")})
	require.Equal(t, []int{2, 21, 22, 121, 122, 221, 222, 321, 322, 421, 422, 500, 501, 502, 503}, w.in(grid3))
	require.Equal(t, []int{1, 11, 12, 111, 112, 211, 212, 311, 312, 411, 412, 504}, w.in(grid1))
	require.Equal(t, map[string][]string{grid3: ids(21, 22)}, w.holds("whole"))
	require.Equal(t, map[string][]string{grid1: ids(11), grid3: ids(21)}, w.holds("half"))
	require.Equal(t, map[string][]string{grid1: ids(12)}, w.holds("none"))
	require.Contains(t, w.holds("li"), grid3)
	require.NotContains(t, w.holds("wang"), grid3)
	w.call("GET", "/v1/org/"+grid3, "sun", nil).want(200)
	list := w.call("GET", "/v1/territory/plans", "sun", nil).want(200)
	require.Equal(t, "done", list.get("plans", 0, "state"))
	require.Equal(t, []any{}, w.call("GET", "/v1/territory/plans", "zhou", nil).want(200).get("plans"))
	w.call("GET", "/v1/territory/plans", "wang", nil).problem(403, "console_only")
}

func TestGridMerge(t *testing.T) {
	w, wang, _ := estate(t)
	w.household(wang, 13, 1, grid1)
	w.steward("whole", grid1, 21, 22)
	// A visit whose household was deleted follows nobody.
	w.desk("sun").commit(syncengine.Change{Table: "household", Row: rowID(113), Op: syncengine.OpDelete, Base: w.now()})
	r := w.plan("sun", map[string]any{"kind": "merge", "source": grid1, "target": grid2, "stewards": true, "workers": []string{"wang"}}).want(201)
	require.Equal(t, []any{}, r.get("report", "stuck"))
	require.Equal(t, 5.0, r.get("report", "doors"))
	require.Equal(t, 0.0, r.get("report", "doors_left"))
	effects := map[string]string{}
	for _, x := range r.get("report", "people").([]any) {
		effects[x.(map[string]any)["account"].(string)] = x.(map[string]any)["effect"].(string)
	}
	require.Equal(t, map[string]string{w.ids["whole"]: "moves", w.ids["wang"]: "moves", w.ids["li"]: "loses_it"}, effects)
	id := r.get("id")
	w.call("POST", fmt.Sprintf("/v1/territory/plans/%v/run?steps=2", id), "admin", nil).want(200)
	w.household(wang, 14, 2, grid1) // comes while it runs
	r = w.run(id, "admin", 3)
	require.Equal(t, []any{"done", 0.0}, []any{r.get("state"), r.get("refused")})
	require.Empty(t, w.in(grid1))
	require.Len(t, w.in(grid2), len(w.where()))
	require.Contains(t, w.in(grid2), 313, "the visit of nobody")
	require.Contains(t, w.in(grid2), 414, "what came meanwhile")
	unit := w.call("GET", "/v1/org/"+grid1, "sun", nil).want(200)
	require.Equal(t, grid2, unit.str("successor"))
	require.NotEmpty(t, unit.str("ended_at"))
	require.Equal(t, map[string][]string{grid2: ids(21, 22)}, w.holds("whole"))
	require.Contains(t, w.holds("wang"), grid2)
	require.Empty(t, w.holds("li"))
	require.Contains(t, w.call("POST", "/v1/territory/plans", "sun", map[string]any{"kind": "merge", "source": grid2, "target": grid1}).problem(409, "grid_taken_over").body, grid2)
}

// now is the head as a base.
func (w *world) now() (b syncengine.Base) {
	w.t.Helper()
	require.NoError(w.t, w.store.View(func(tx syncengine.ReadTx) error {
		h, err := tx.Head()
		b = syncengine.Base{Epoch: h.Epoch, Seq: h.Seq}
		return err
	}))
	return b
}

func TestSplitDryRunNamesPhones(t *testing.T) {
	w, wang, li := estate(t)
	w.steward("quiet", grid1, 11)
	quiet := w.enrol("quiet")
	hear := func(p *phone, r directory.Heard) { require.NoError(t, w.dir.Hear(ctx, p.id, r)) }
	hear(quiet, directory.Heard{})
	w.Advance(8 * 24 * time.Hour)
	w.tokens["sun"] = w.call("POST", "/v1/login", "", map[string]string{"login": "sun", "password": password}).want(200).str("token")
	oldest := w.Now().Add(-time.Hour).UnixMilli()
	hear(wang, directory.Heard{Waiting: 3, Oldest: oldest})
	hear(li, directory.Heard{})
	in := map[string]any{"kind": "split", "source": grid1, "target": grid2, "doors": ids(11)}
	r := w.plan("sun", in).want(201)
	require.Equal(t, 3.0, r.get("report", "phones_all"))
	list := r.get("report", "phones").([]any)
	require.Len(t, list, 2)
	require.Equal(t, []any{wang.id, 3.0, false, w.ids["wang"]}, []any{r.get("report", "phones", 0, "device"), r.get("report", "phones", 0, "waiting"), r.get("report", "phones", 0, "silent"), r.get("report", "phones", 0, "account")})
	require.Equal(t, time.UnixMilli(oldest).UTC().Format(time.RFC3339), r.str("report", "phones", 0, "oldest_waiting")[:19]+"Z")
	require.Equal(t, []any{quiet.id, 0.0, true}, []any{r.get("report", "phones", 1, "device"), r.get("report", "phones", 1, "waiting"), r.get("report", "phones", 1, "silent")})
	require.Equal(t, ids(1), strs(r.get("report", "shared")), "its building serves both grids then")
	require.Equal(t, "cut", r.get("report", "people", len(r.get("report", "people").([]any))-1, "effect"))
	// What waits for people about it is counted, what is about other doors is not.
	require.Equal(t, []any{0.0, 0.0}, []any{r.get("report", "conflicts"), r.get("report", "quarantined")})
	for _, n := range []int{211, 212} {
		wang.update("resident", rowID(n), 0, "name", schema.Text("a"))
		li.update("resident", rowID(n), 0, "name", schema.Text("b"))
	}
	require.Equal(t, 1.0, w.plan("sun", in).want(201).get("report", "conflicts"))
}

func strs(v any) (out []string) {
	for _, x := range v.([]any) {
		out = append(out, x.(string))
	}
	return out
}

// killing is a centre whose process ends while it decides.
type killing struct {
	api.Decider
	before, after int // of the calls from now
	calls         int
}

var errKilled = errors.New("killed")

func (k *killing) Decide(ctx context.Context, cs *syncengine.Changeset) (syncengine.Verdict, error) {
	k.calls++
	if k.calls == k.before {
		return syncengine.Verdict{}, errKilled
	}
	v, err := k.Decider.Decide(ctx, cs)
	if k.calls == k.after {
		return syncengine.Verdict{}, errKilled
	}
	return v, err
}

func TestSplitResumesAfterKill(t *testing.T) {
	for _, c := range []struct {
		name string
		kill killing
	}{{"before the commit", killing{before: 2}}, {"after the commit", killing{after: 2}}} {
		t.Run(c.name, func(t *testing.T) {
			k := &c.kill
			w, _, _ := estate(t, func(a *api.Config) { k.Decider = a.Decider; a.Decider = k })
			id := w.plan("sun", map[string]any{"kind": "split", "source": grid1, "target": grid2, "doors": ids(11, 12, 21)}).want(201).get("id")
			first := w.now().Seq
			url := fmt.Sprintf("/v1/territory/plans/%v", id)
			w.call("POST", url+"/run", "sun", nil).problem(500, "internal")
			require.Equal(t, "running", w.call("GET", url, "sun", nil).want(200).str("state"))
			w.call("DELETE", url, "sun", nil).problem(409, "plan_begun")
			w.plan("sun", map[string]any{"kind": "split", "source": grid1, "target": grid2, "doors": ids(22)}).problem(409, "plan_in_the_way")
			r := w.run(id, "sun", 50)
			require.Equal(t, []any{"done", 4.0, 4.0, 0.0}, []any{r.get("state"), r.get("items"), r.get("moved"), r.get("needless")})
			require.Equal(t, first+4, w.now().Seq, "each part took effect once: the building, three doors")
			require.Equal(t, []int{1, 11, 12, 21, 111, 112, 121, 211, 212, 221, 311, 312, 321, 411, 412, 421}, w.in(grid2))
		})
	}
}

func TestPlanRefusals(t *testing.T) {
	w, _, _ := estate(t)
	w.building(3, grid2)
	w.household(w.enrolled("zhang", grid2), 31, 3, grid2)
	split := func(source, target string, doors ...string) map[string]any {
		return map[string]any{"kind": "split", "source": source, "target": target, "doors": doors}
	}
	one := ids(11)[0]
	for _, c := range []struct {
		name   string
		in     map[string]any
		status int
		key    string
	}{
		{"unknown grid", split(wanghe+"777", grid2, one), 404, "unit_not_found"},
		{"unknown target", split(grid1, grid3, one), 404, "unit_not_found"},
		{"wrong level", split(wanghe, grid2, one), 422, "not_a_grid"},
		{"wrong level of the target", split(grid1, wanghe, one), 422, "not_a_grid"},
		{"new grid of another community", map[string]any{"kind": "split", "source": grid1, "target": other + "009", "name": "x", "doors": ids(11)}, 422, "unit_unfit"},
		{"the same grid", split(grid1, grid1, one), 422, "same_grid"},
		{"somebody else's grid", split(grid1, grid9, one), 404, "unit_not_yours"},
		{"doors of another grid", split(grid1, grid2, one, ids(31)[0]), 409, "door_elsewhere"},
		{"no such door", split(grid1, grid2, ids(99)[0]), 404, "door_unknown"},
		{"a household", split(grid1, grid2, ids(111)[0]), 422, "not_a_door"},
		{"no id", split(grid1, grid2, "1-302"), 422, "door_invalid"},
		{"empty list", split(grid1, grid2), 422, "no_doors_named"},
		{"a merge of some doors", map[string]any{"kind": "merge", "source": grid1, "target": grid2, "doors": ids(11)}, 422, "merge_takes_all"},
		{"nobody of that name", map[string]any{"kind": "merge", "source": grid1, "target": grid2, "workers": []string{"x"}}, 404, "account_not_found"},
	} {
		t.Run(c.name, func(t *testing.T) { w.plan("sun", c.in).problem(c.status, c.key) })
	}
	// What is in somebody else's unit is not there, by the same words; so are people who have nothing to do with the grid.
	w.enrol("zhou").insert("building", grid9, rowID(77), map[string][]schema.Value{"no": {schema.Text("77")}})
	hidden, absent := w.plan("sun", split(grid1, grid2, string(rowID(77)))).problem(404, "door_unknown"), w.plan("sun", split(grid1, grid2, string(rowID(78)))).problem(404, "door_unknown")
	require.Equal(t, strings.ReplaceAll(hidden.body, string(rowID(77)), string(rowID(78))), absent.body)
	for _, list := range []string{"workers", "along"} {
		in := func(source, login string) map[string]any {
			return with(split(source, grid2, one), list, []string{login})
		}
		require.Equal(t, w.plan("sun", in(grid1, "zhou")).problem(404, "account_not_found").body, w.plan("sun", in(grid1, "nobody")).problem(404, "account_not_found").body)
		require.Equal(t, w.plan("sun", in(grid9, "zhou")).problem(404, "unit_not_yours").body, w.plan("sun", in(grid9, "nobody")).problem(404, "unit_not_yours").body)
	}
	w.plan("wang", split(grid1, grid2, one)).problem(403, "console_only")
	w.plan("admin", split(grid1, grid2, one)).problem(403, "console_only")
	w.call("GET", "/v1/territory/plans/7", "sun", nil).problem(404, "plan_not_found")

	id := w.plan("sun", split(grid1, grid2, one)).want(201).get("id")
	url := fmt.Sprintf("/v1/territory/plans/%v", id)
	w.run(id, "sun", 10)
	w.call("POST", url+"/run", "sun", nil).problem(409, "plan_done")
	w.call("DELETE", url, "sun", nil).problem(409, "plan_begun")
	id = w.plan("sun", split(grid1, grid2, ids(12)[0])).want(201).get("id")
	url = fmt.Sprintf("/v1/territory/plans/%v", id)
	w.call("DELETE", url, "wang", nil).problem(403, "console_only")
	w.call("DELETE", url, "sun", nil).want(204)
	w.call("GET", url, "sun", nil).problem(404, "plan_not_found")

	merge := w.plan("sun", map[string]any{"kind": "merge", "source": grid1, "target": grid2}).want(201).get("id")
	w.run(merge, "admin", 50)
	w.plan("sun", split(grid2, grid1, one)).problem(409, "grid_taken_over")
	w.plan("sun", split(grid1, grid2, one)).problem(409, "grid_taken_over")

	// The watcher works at the centre too, but may move nothing.
	r := w.plan("watch", map[string]any{"kind": "split", "source": grid2, "target": grid3, "name": "三", "doors": ids(31)}).want(201)
	require.Equal(t, map[string]int{"building": 1, "dwelling": 1}, counted(r, "report", "stuck"))
	w.call("POST", fmt.Sprintf("/v1/territory/plans/%v/run", r.get("id")), "admin", nil).problem(409, "plan_stuck")
}

func (w *world) enrolled(login, scope string) *phone {
	w.t.Helper()
	w.ids[login] = w.call("POST", "/v1/accounts", "admin", map[string]string{"login": login, "name": login}).want(201).str("id")
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids[login], "role": "grid_worker", "scope": scope}).want(201)
	return w.enrol(login)
}
