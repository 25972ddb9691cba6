//go:build prove

package powercut

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/store"
)

// replicaFile is where the SDK asks SQLite for a flush at every commit, and makes sure of it.
const replicaFile = "clients/device/open.go"

func replicaWith(setting string, number int) []overlay.Edit {
	return []overlay.Edit{
		{File: replicaFile, From: `q.Set("_sync", "FULL")`, To: `q.Set("_sync", "` + setting + `")`},
		{File: replicaFile, From: `{"synchronous", "2"}`, To: fmt.Sprintf(`{"synchronous", "%d"}`, number)},
	}
}

// theDevice writes, files verdicts and applies deltas; the check is of its replica. The county that it is in step with
// lies beside the disk.
func theDevice(t *testing.T) side {
	s, err := load.Default()
	require.NoError(t, err)
	return side{
		name: "device",
		args: func(dir, beside string, seed uint64) []string {
			return []string{"device", dir, strconv.FormatUint(seed, 10), beside}
		},
		check: func(dir, beside string, lines []string) (f workload.Faults, changesets int) {
			r, err := device.Open(filepath.Join(dir, "replica.db"), device.Options{Schema: s})
			if code := device.CodeOf(err); len(lines) == 0 && (code == device.CodeMissingFile || code == device.CodeNotReplica) {
				return f, 0 // the power went before the replica was made
			}
			if err != nil {
				return opened(err, lines), 0
			}
			county, err := store.Open(filepath.Join(beside, "centre.db"), s)
			if err != nil {
				return opened(err, lines), 0
			}
			f, changesets = workload.CheckReplica(r, county, s, lines, time.Now)
			if err := errors.Join(r.Close(), county.Close()); err != nil {
				f.Otherwise("close: %v", err)
			}
			return f, changesets
		},
	}
}
