//go:build prove

// Package fleet proves that simulated fleets over real files keep every promise: the worlds of scripts/fleet, more of
// them and whole ones.
package fleet

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/fleet"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

const (
	seeds   = 13 // with DOORSTEP_LONG, many
	many    = 60
	first   = 1000
	commits = 300
	minutes = 3 // no world begins later
)

func TestWorldsOverFiles(t *testing.T) {
	began := time.Now()
	worlds, sealed, faults := make([]simtest.Report, seeds), 0, 0
	if os.Getenv("DOORSTEP_LONG") != "" {
		worlds = make([]simtest.Report, many)
	}
	t.Run("worlds", func(t *testing.T) {
		for i := range worlds {
			t.Run(fmt.Sprint("seed ", first+i), func(t *testing.T) {
				t.Parallel()
				if time.Since(began) > minutes*time.Minute {
					t.Log("not run: the time is up") // how many did run is printed at the end
					return
				}
				worlds[i] = fleet.Check(t, uint64(first+i), simtest.Options{Commits: commits})
			})
		}
	})
	n := 0
	for _, r := range worlds {
		if r.Steps > 0 {
			n, sealed, faults = n+1, sealed+r.Commits, faults+r.Faults
		}
	}
	figures.Of(t, figures.FileWorlds, n)
	require.Positive(t, n, "no world ran")
	t.Logf("%d worlds over files, %d commits, %d faults, in %.0f s", n, sealed, faults, time.Since(began).Seconds())
}
