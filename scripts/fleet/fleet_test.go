package fleet_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/fleet"
	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

var (
	seed    = flag.Uint64("seed", 0, "run this one world, with every event")
	commits = flag.Int("commits", 100, "local commits in each world, at least")
)

// A world over files keeps every promise, and is event for event the world in memory.
func TestWorldsOverFiles(t *testing.T) {
	if *seed != 0 {
		r := fleet.Check(t, *seed, simtest.Options{Commits: *commits, Log: func(at int64, what string, n []int64) {
			fmt.Fprintf(os.Stderr, "%9d %s %v\n", at, what, n)
		}})
		t.Logf("trace %016x", r.Trace)
		return
	}
	for s := range uint64(3) {
		t.Run(fmt.Sprint("seed ", s+1), func(t *testing.T) {
			t.Parallel()
			r := fleet.Check(t, s+1, simtest.Options{Commits: *commits})
			require.GreaterOrEqual(t, r.Commits, *commits)
		})
	}
}

// TestVersionsOverFiles: phones of several versions over files, updated over full outboxes, with crashes, full disks and
// wrong clocks.
func TestVersionsOverFiles(t *testing.T) {
	sum := map[string]int{}
	for s := range uint64(6) {
		dir, err := fleet.TempDir()
		require.NoError(t, err)
		r := fleet.RunVersions(dir, s+1, simtest.Options{})
		require.Empty(t, r.Finding, "over files; they are kept in %s", dir)
		require.NoError(t, os.RemoveAll(dir))
		for k, n := range r.Sometimes {
			sum[k] += n
		}
	}
	for _, state := range []string{"adopted at the head", "centre stopped at a commit", "cut", "phone after", "phone before", "phone fail", "update with something kept"} {
		require.Positive(t, sum[state], "no world reached: %s (%v)", state, sum)
	}
}
