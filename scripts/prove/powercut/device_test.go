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

// TestDevice cuts the power of a device that writes, files verdicts and applies deltas.
func TestDevice(t *testing.T) { none(t, series(t, deviceProof(t), buildWriter(t), 50, 3)) }

// TestDeviceWithoutFlushes shows that TestDevice sees what a missing flush does.
func TestDeviceWithoutFlushes(t *testing.T) {
	for number, setting := range []string{"OFF", "NORMAL"} {
		t.Run(setting, func(t *testing.T) {
			some(t, series(t, deviceProof(t), buildWriter(t, replicaWith(setting, number)...), 8, 4))
		})
	}
}

func deviceProof(t *testing.T) proof {
	s, err := load.Default()
	require.NoError(t, err)
	return proof{
		args: func(dir, beside string, seed uint64) []string {
			return []string{"device", dir, strconv.FormatUint(seed, 10), beside}
		},
		check: func(dir, beside string, lines []string) (f workload.Faults, n tally) {
			r, err := device.Open(filepath.Join(dir, "replica.db"), device.Options{Schema: s})
			if code := device.CodeOf(err); len(lines) == 0 && (code == device.CodeMissingFile || code == device.CodeNotReplica) {
				return f, n // the power went before the replica was made
			}
			if err != nil {
				return opened(err, lines), n
			}
			county, err := store.Open(filepath.Join(beside, "centre.db"), s)
			if err != nil {
				return opened(err, lines), n
			}
			f, n.changesets = workload.CheckReplica(r, county, s, lines, time.Now)
			if err := errors.Join(r.Close(), county.Close()); err != nil {
				f.Otherwise("close: %v", err)
			}
			return f, n
		},
	}
}
