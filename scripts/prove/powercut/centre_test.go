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

// theCentre commits changesets of many devices; the check is of its store.
func theCentre(t *testing.T) side {
	s, err := load.Default()
	require.NoError(t, err)
	return side{
		name: "centre",
		args: func(dir, _ string, seed uint64) []string {
			return []string{"centre", dir, strconv.FormatUint(seed, 10)}
		},
		check: func(dir, _ string, lines []string) (f workload.Faults, changesets int) {
			file := filepath.Join(dir, "centre.db")
			if _, err := os.Stat(file); err != nil {
				return opened(err, lines), 0
			}
			st, err := store.Open(file, s)
			if err != nil {
				return opened(err, lines), 0
			}
			f, changesets = workload.CheckStore(st, s, lines, time.Now)
			if err := st.Close(); err != nil {
				f.Otherwise("close: %v", err)
			}
			return f, changesets
		},
	}
}
