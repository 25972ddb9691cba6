package api_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// tally counts the rows of a record type by scope.
func (w *world) tally(table string) map[string]int {
	w.t.Helper()
	rows, err := w.store.Reader().Query(`SELECT scope, count(*) FROM "rec_` + table + `" GROUP BY scope`)
	require.NoError(w.t, err)
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var scope string
		var n int
		require.NoError(w.t, rows.Scan(&scope, &n))
		out[scope] = n
	}
	require.NoError(w.t, rows.Err())
	return out
}

// A door to which more belongs than one changeset may take along is moved in smaller portions: its households one by one
// with what is theirs, then the door by itself. Nothing stays behind, and nothing is refused.
func TestSplitOfADoorThatIsTooLarge(t *testing.T) {
	w, wang, _ := estate(t)
	type cells = map[string][]schema.Value
	const households, visits = 6, 900
	for h := range households {
		home := rowID(1000 + h)
		changes := []syncengine.Change{w.inserted("household", grid1, home, cells{"dwelling_id": one(rowID(11))})}
		for v := range visits {
			changes = append(changes, w.inserted("visit", grid1, rowID(10_000*(h+1)+v), cells{"household_id": one(home), "started_at": one(1), "outcome": one("met")}))
		}
		wang.commit(changes...)
	}
	id := w.plan("sun", map[string]any{"kind": "split", "source": grid1, "target": grid2, "doors": ids(11)}).want(201).get("id")
	r := w.run(id, "sun", 3)
	require.Equal(t, []any{"done", 0.0, 0.0}, []any{r.get("state"), r.get("refused"), r.get("waiting")})
	require.Equal(t, map[string]int{grid1: 3, grid2: households*visits + 1}, w.tally("visit"))
	require.Equal(t, map[string]int{grid1: 3, grid2: households + 1}, w.tally("household"))
	require.Equal(t, map[string]int{grid1: 3, grid2: 1}, w.tally("dwelling"))
}

// picky is a centre that refuses whatever touches one row.
type picky struct {
	api.Decider
	row     syncengine.RowID // "" = none any more
	refused []int            // changes of what it refused
}

func (p *picky) Decide(ctx context.Context, cs *syncengine.Changeset) (syncengine.Verdict, error) {
	if p.row == "" || !slices.ContainsFunc(cs.Changes, func(c syncengine.Change) bool { return c.Row == p.row }) {
		return p.Decider.Decide(ctx, cs)
	}
	p.refused = append(p.refused, len(cs.Changes))
	return syncengine.Verdict{N: cs.N, Hash: cs.Hash(), Kind: syncengine.Rejected, Reason: &syncengine.Reason{Code: syncengine.CodeNoRight}}, nil
}

// Of rows that go together, one that is refused holds up no other: they are tried one by one, the one at fault is named,
// and running the plan again tries it anew.
func TestRefusedRowHoldsUpNoOther(t *testing.T) {
	p := &picky{row: rowID(600)}
	w, wang, _ := estate(t, func(c *api.Config) { p.Decider = c.Decider; c.Decider = p })
	for n := 600; n < 605; n++ {
		wang.insert("hazard", grid1, rowID(n), map[string][]schema.Value{"kind_code": one("fire")})
	}
	id := w.plan("sun", map[string]any{"kind": "split", "source": grid1, "target": grid2, "doors": ids(11), "along": []string{"wang"}}).want(201).get("id")
	r := w.run(id, "sun", 50)
	require.Equal(t, []any{"failed", 1.0, 0.0}, []any{r.get("state"), r.get("refused"), r.get("waiting")})
	require.Equal(t, string(rowID(600)), fmt.Sprint(r.get("refusals", 0, "row")))
	require.Greater(t, p.refused[0], 1, "it was with others")
	require.Equal(t, 1, p.refused[1])
	require.Equal(t, map[string]int{grid1: 2, grid2: 4}, w.tally("hazard"), "li's stays, and the one at fault")
	p.row = ""
	r = w.run(id, "sun", 50)
	require.Equal(t, []any{"done", 0.0}, []any{r.get("state"), r.get("refused")})
	require.Equal(t, map[string]int{grid1: 1, grid2: 5}, w.tally("hazard"))
}

// A household that somebody entered offline at a dwelling that had moved meanwhile goes along if it comes while the plan
// runs; one that comes later stays until the dwelling's split is asked for again.
func TestHouseholdEnteredWhileItsDwellingMoves(t *testing.T) {
	w, wang, _ := estate(t)
	base := w.now()
	late := func(n int) {
		wang.insert("household", grid1, rowID(n), map[string][]schema.Value{"dwelling_id": one(rowID(11))})
		wang.insert("visit", grid1, rowID(n+10), map[string][]schema.Value{"household_id": one(rowID(n)), "started_at": one(1), "outcome": one("met")})
	}
	split := map[string]any{"kind": "split", "source": grid1, "target": grid2, "doors": ids(11, 12)}
	id := w.plan("sun", split).want(201).get("id")
	r := w.call("POST", fmt.Sprintf("/v1/territory/plans/%v/run?steps=2", id), "sun", nil).want(200)
	require.Equal(t, "running", r.get("state"))
	require.Contains(t, w.in(grid2), 11, "the dwelling has moved")
	require.Less(t, base.Seq, w.now().Seq)
	late(551)
	require.Contains(t, w.in(grid1), 551, "it lies where its author saw the dwelling")
	r = w.run(id, "sun", 1)
	require.Equal(t, []any{"done", 0.0}, []any{r.get("state"), r.get("refused")})
	require.Subset(t, w.in(grid2), []int{11, 12, 111, 112, 551, 561})
	late(552)
	require.Subset(t, w.in(grid1), []int{552, 562})
	split["doors"] = ids(11)
	r = w.run(w.plan("sun", split).want(201).get("id"), "sun", 50)
	require.Equal(t, "done", r.get("state"))
	require.Subset(t, w.in(grid2), []int{552, 562})
}
