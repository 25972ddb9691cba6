package device_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

func controlOf(t *testing.T, r *device.Replica) (ctl replica.Control) {
	t.Helper()
	require.NoError(t, r.Store().Update(func(tx replica.Tx) (err error) { ctl, err = tx.Control(); return err }))
	return ctl
}

// A Welcome that takes nothing away leaves what other programs are writing to be sealed with the rest; one that does seals it
// first, so that all of it counts as written before anybody here could know.
func TestWelcomeSealsOnlyBeforeGrantsEnd(t *testing.T) {
	r := create(t)
	shell(t, r, "INSERT INTO dispute(kind_code) VALUES ('neighbour');")
	w := &se.Welcome{Epoch: 1, View: viewA, Grants: grants(), Limits: se.DefaultLimits}
	require.Nil(t, greet(t, r.Session(), w))
	require.Empty(t, outbox(t, r))
	w.Lost = []se.Grant{{Scope: "370115003239002", Role: "grid_worker"}}
	require.Equal(t, &se.Drain{View: viewA, N: 1}, greet(t, r.Session(), w))
	require.Len(t, outbox(t, r), 1)
}

// A replica that is retired has no grants any more, and its cursor is for no view.
func TestRetiredReplicaHasNoGrants(t *testing.T) {
	r := create(t)
	before := controlOf(t, r)
	require.NotEmpty(t, before.Grants)
	require.NotEmpty(t, before.Live)
	require.NotEmpty(t, before.View)
	shell(t, r, "INSERT INTO dispute(kind_code) VALUES ('neighbour');")
	require.NoError(t, r.Session().Retire(se.Retire{}))
	after := controlOf(t, r)
	require.Empty(t, after.Grants)
	require.Empty(t, after.Live)
	require.Empty(t, after.View)
	require.EqualValues(t, 1, after.Leaving.N, "what was written is drained first")
}

// Seal tells the number of the changeset that it made; where nothing was written it makes none, and tells none.
func TestSealTellsWhatItMade(t *testing.T) {
	r := create(t)
	for want := range int64(2) {
		shell(t, r, "INSERT INTO dispute(kind_code) VALUES ('neighbour');")
		n, err := r.Seal(bg)
		require.NoError(t, err)
		require.Equal(t, want+1, n)
		n, err = r.Seal(bg)
		require.NoError(t, err)
		require.Zero(t, n)
	}
}
