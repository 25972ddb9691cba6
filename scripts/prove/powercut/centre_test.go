//go:build prove

package powercut

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/store"
)

// storeFile is where the store asks SQLite for a flush at every commit, and makes sure of it.
const storeFile = "server/store/open.go"

func storeWith(setting string, number int) []overlay.Edit {
	return []overlay.Edit{
		{File: storeFile, From: "_sync=FULL", To: "_sync=" + setting},
		{File: storeFile, From: "synchronous != 2", To: fmt.Sprintf("synchronous != %d", number)},
	}
}

// TestCentre cuts the power of a centre that commits changesets of many devices.
func TestCentre(t *testing.T) { none(t, series(t, centreProof(t), buildWriter(t), 50, 1)) }

// TestCentreWithoutFlushes shows that TestCentre sees what a missing flush does.
func TestCentreWithoutFlushes(t *testing.T) {
	for number, setting := range []string{"OFF", "NORMAL"} {
		t.Run(setting, func(t *testing.T) {
			some(t, series(t, centreProof(t), buildWriter(t, storeWith(setting, number)...), 8, 2))
		})
	}
}

// centreProof checks a store.
func centreProof(t *testing.T) proof {
	s, err := load.Default()
	require.NoError(t, err)
	return proof{
		args: func(dir, _ string, seed uint64) []string {
			return []string{"centre", dir, strconv.FormatUint(seed, 10)}
		},
		check: func(dir, _ string, lines []string) (f workload.Faults, n tally) {
			file := filepath.Join(dir, "centre.db")
			if _, err := os.Stat(file); err != nil {
				return opened(err, lines), n
			}
			st, err := store.Open(file, s)
			if err != nil {
				return opened(err, lines), n
			}
			f, n.changesets = workload.CheckStore(st, s, lines, time.Now)
			if err := st.Close(); err != nil {
				f.Otherwise("close: %v", err)
			}
			return f, n
		},
	}
}
