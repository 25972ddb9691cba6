package centre

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

func TestImports(t *testing.T) {
	imports.Check(t, "server/centre", "clients/", "server/gateway", "server/api", "database/sql")
}

type counting struct {
	mu     sync.Mutex
	rings  int
	groups []int
}

func (b *counting) Ring()                           { b.mu.Lock(); b.rings++; b.mu.Unlock() }
func (b *counting) Judged(_ syncengine.VerdictKind) {}
func (b *counting) Committed(n int, _ time.Duration) {
	b.mu.Lock()
	b.groups = append(b.groups, n)
	b.mu.Unlock()
}

// TestGroups shows that what waits while a commit is under way becomes one transaction, and that every changeset
// gets its own verdict.
func TestGroups(t *testing.T) {
	defer goleak.VerifyNone(t)
	s, err := load.Default()
	require.NoError(t, err)
	store := memstore.New(s)
	bell := &counting{}
	entered, gate := make(chan struct{}, 1), make(chan struct{})
	first := true
	store.FailCommit = func() error { // runs inside the writing transaction
		if first {
			first = false
			entered <- struct{}{}
			<-gate
		}
		return nil
	}
	devices := []string{"d1", "d2", "d3", "d4", "d5"}
	for _, d := range devices {
		store.SetPrincipal(d, &syncengine.Principal{Account: "a", Device: d})
	}
	c := New(syncengine.New(s, syncengine.DefaultLimits), store, Options{Now: func() time.Time { return time.UnixMilli(1) }, Bell: bell, Observer: bell})
	var wg sync.WaitGroup
	send := func(d string) {
		wg.Go(func() {
			res, err := c.Submit(context.Background(), []*syncengine.Changeset{{Device: d, N: 1, Author: "a"}}, syncengine.Contact{})
			require.NoError(t, err)
			require.NoError(t, res[0].Err)
			require.Equal(t, syncengine.Accepted, res[0].Verdict.Kind)
		})
	}
	send(devices[0])
	await.Value(t, entered, "the first commit")
	for _, d := range devices[1:] {
		send(d)
	}
	close(gate)
	await.Group(t, &wg, "all commits")
	c.Close()
	total := 0
	for _, n := range bell.groups {
		total += n
	}
	require.Equal(t, len(devices), total)
	require.Equal(t, 1, bell.groups[0])
	require.Equal(t, len(bell.groups), bell.rings)
	_, err = c.Submit(context.Background(), nil, syncengine.Contact{})
	require.ErrorIs(t, err, ErrStopped)
}
