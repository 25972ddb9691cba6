package simtest

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
)

// worlds runs seeds at once and gives their reports, in order of seed.
func worlds(first, n int, opts Options) []Report {
	out, next := make([]Report, n), make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				out[i] = Run(uint64(first+i), opts)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return out
}

// Every world keeps every promise, has what a world should have, and together they reach every state that matters.
func TestWorlds(t *testing.T) {
	n := 300
	if testing.Short() {
		n = 30
	}
	sums, commits, faults := map[string]int{}, 0, 0
	for _, r := range worlds(1, n, Options{}) {
		require.Empty(t, r.Finding)
		require.GreaterOrEqual(t, r.Devices, 6, "devices of seed %d", r.Seed)
		require.GreaterOrEqual(t, r.Commits, 300, "commits of seed %d", r.Seed)
		require.GreaterOrEqual(t, r.Faults, 5, "faults of seed %d", r.Seed)
		commits, faults = commits+r.Commits, faults+r.Faults
		for k, c := range r.Sometimes {
			sums[k] += c
		}
	}
	t.Logf("%d worlds, %d commits, %d faults, %d states reached", n, commits, faults, len(sums))
	if n < 300 {
		return
	}
	for _, name := range Sometimes {
		require.Positive(t, sums[name], "never reached: %s", name)
	}
	for name := range sums {
		require.Contains(t, append(rare, Sometimes...), name, "a state that is counted but not listed")
	}
}

// The same seed is the same world, bit for bit.
func TestSameSeedSameWorld(t *testing.T) {
	for seed := range 20 {
		opts := Options{Commits: 100}
		a, b := Run(uint64(1000+seed), opts), Run(uint64(1000+seed), opts)
		require.Empty(t, a.Finding)
		require.Equal(t, a, b)
	}
	require.NotEqual(t, Run(1, Options{Commits: 50}).Trace, Run(2, Options{Commits: 50}).Trace)
}

// The small schema is one that a county could declare.
func TestSchemaIsValid(t *testing.T) {
	require.NoError(t, Schema().Validate().Err())
}

func TestImports(t *testing.T) {
	imports.Check(t, "syncengine/simtest", "database/sql", "net", "math/rand$", "server", "clients")
}
