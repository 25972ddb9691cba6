package simtest

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// TestRewoundWorlds: centres are put back to older states, replicas are copied, put back and holed, in every order; when
// all have come back, nothing that a living replica holds is lost (INV 2; O2, O3, O20, O22, O35, O36).
func TestRewoundWorlds(t *testing.T) {
	n := 800 // some seconds; go run ./scripts/sim -rewound makes more
	if testing.Short() {
		n = 60
	}
	sums := map[string]int{}
	for seed := range n {
		r := RunRewound(uint64(seed + 1))
		require.Empty(t, r.Finding)
		for k, c := range r.Sometimes {
			sums[k] += c
		}
	}
	if n < 400 {
		return
	}
	for _, name := range Rewound {
		require.Positive(t, sums[name], "never reached: %s", name)
	}
}

// TestOwnWorkShowsInTheNextEpoch: the rows caught up with a changeset whose verdict was never heard, and the centre was then
// put back to before it. It is on its way again, and its person sees it over the rows of the new epoch.
func TestOwnWorkShowsInTheNextEpoch(t *testing.T) {
	w := &rewound{seed: 1, rng: rand.New(rand.NewPCG(1, 1)), counts: map[string]int{}, now: start, schema: Schema(), people: map[string]*se.Principal{}, born: map[string]int{}, lain: map[replica.RowKey][]lain{}}
	w.engine, w.store = se.New(w.schema, se.DefaultLimits), newRewoundCentre(w)
	id, row := "00000001-0000-7000-8000-000000000000", replica.RowKey{Table: "place", Row: "00000002-0000-7000-8000-000000000000"}
	w.enrol(id, "who")
	dev := NewMemDevice(w.schema, id, "who")
	e := &end{dev: dev, schema: w.schema, clock: func() replica.Clock { return replica.Clock{Wall: w.now, Boot: "b"} }}
	require.NoError(t, dev.Exec(Transaction{Statements: []Statement{
		{Insert, row.Table, row.Row, []Assign{{"scope", schema.Text("A")}, {"address", schema.Text("here")}}},
	}}, e.clock()))
	step := func() {
		hello, err := e.Hello()
		require.NoError(t, err)
		require.NoError(t, w.store.View(func(tx se.ReadTx) error {
			welcome, err := w.engine.Welcome(tx, hello, w.now)
			require.NoError(t, err)
			_, err = e.Greet(welcome)
			require.NoError(t, err)
			req := se.NextRequest{Device: id, Cursor: se.Base{Epoch: hello.Epoch, Seq: hello.Cursor}, View: hello.View, Now: w.now, Budget: 1 << 20}
			part, err := w.engine.Next(tx, req)
			require.NoError(t, err)
			for i := range part.Frames {
				_, err = e.Stage(&part.Frames[i])
				require.NoError(t, err)
			}
			return nil
		}))
	}
	r := w.engine.Commit(w.store, []se.Submission{{Changeset: dev.outbox[0], Now: w.now}})
	require.Equal(t, se.Accepted, r[0].Verdict.Kind)
	step()
	require.Empty(t, dev.pending, "the row is the centre's")
	require.Len(t, dev.outbox, 1, "the verdict was not heard")

	w.store = newRewoundCentre(w)
	w.mayNow(id)
	w.begin(1, true, se.CauseCommand)
	w.confirm()
	step()
	require.EqualValues(t, 2, dev.ctl.Epoch)
	require.NotNil(t, dev.rows[row])
	require.Len(t, dev.pending[row], 1)
}
