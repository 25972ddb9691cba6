package device_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/await"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// A round in which nothing is new notes its end in one transaction: when everything was in, and what the centre said.
func TestTheEndOfARoundIsOneCommit(t *testing.T) {
	r := create(t)
	quiet(t, r) // the first one also notes when the next check is due
	commits := 0
	require.NoError(t, device.CountCommits(r, func() { commits++ }))
	quiet(t, r)
	require.NoError(t, device.CountCommits(r, nil))
	require.Equal(t, 3, commits, "Hello, Welcome, and the end")
	s, err := r.Status(bg)
	require.NoError(t, err)
	require.Positive(t, s.LastSync)
}

// quiet is a round with a centre that has nothing new.
func quiet(t *testing.T, r *device.Replica) {
	t.Helper()
	c, done := newScript(), make(chan error, 1)
	go func() {
		ctx, end := timeout()
		defer end()
		_, err := r.Sync(ctx, c)
		done <- err
	}()
	await.Put(t, c.says, session.Message(&session.Welcome{Welcome: se.Welcome{Epoch: 1, Head: 10, View: viewA, Grants: grants(), Limits: se.DefaultLimits}}), "Welcome")
	require.NoError(t, await.Value(t, done, "the sync to end"))
}
