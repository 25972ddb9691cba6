//go:build prove

// Package diskfull proves what a full disk does: nothing half, nothing acknowledged lost, an error that says so, and
// work that goes on when there is room again.
//
// A centre and a device work on a small file system of their own. Each of their steps (making the file, enrolling, a
// commit, a snapshot, a write, sending, taking in, closing, opening) is tried with no room left, with 4 KiB, with 8 KiB
// and so on, up to twice the room with which it succeeds; see scripts/prove/writer/faulty.go.
package diskfull

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/doorstep-sync/doorstep/scripts/prove/faulty"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/mounts"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

func TestMain(m *testing.M) { mounts.Main("full disks are mounted", m.Run, 0) }

// patience is how long one side may take.
const patience = 10 * time.Minute

func TestCentre(t *testing.T) { full(t, faulty.Centre) }

func TestDevice(t *testing.T) { full(t, faulty.Device) }

func full(t *testing.T, sc faulty.Scenario) {
	t.Parallel()
	sum := run(t, sc)
	figures.Of(t, figures.Rooms, sum.Noticed) // where there was room enough, nothing was shown
	figures.Of(t, figures.Lost, sum.Wrong.Count())
	require.True(t, sum.Wrong.Ok(), "%s", &sum.Wrong)
	require.Greater(t, sum.Noticed, 300)
}

// TestDeafnessIsSeen plants a store and a device that take a full disk for a success.
func TestDeafnessIsSeen(t *testing.T) {
	for _, bug := range []struct {
		faulty.Scenario
		overlay.Edit
	}{
		{faulty.Centre, overlay.Edit{File: "server/store/tx.go", From: `if err := t.c.exec("COMMIT"); err != nil {`, To: `if err := t.c.exec("COMMIT"); err != nil && strings.Contains(err.Error(), "full") {
		return nil
	} else if err != nil {`}},
		{faulty.Device, overlay.Edit{File: "clients/device/transact.go", From: `if _, err := r.conn.ExecContext(bg, "COMMIT"); err != nil {`, To: `if _, err := r.conn.ExecContext(bg, "COMMIT"); CodeOf(storage(err)) == CodeDiskFull {
		return nil
	} else if err != nil {`}},
	} {
		t.Run(bug.Mode, func(t *testing.T) {
			t.Parallel()
			edits := []overlay.Edit{bug.Edit}
			if bug.Mode == faulty.Centre.Mode {
				edits = append(edits, overlay.Edit{File: bug.File, From: `	"errors"`, To: `	"errors"
	"strings"`})
			}
			sum := run(t, bug.Scenario, edits...)
			require.False(t, sum.Wrong.Ok(), "what was told and is not there has to be seen")
			t.Log(&sum.Wrong)
		})
	}
}

func run(t *testing.T, sc faulty.Scenario, edits ...overlay.Edit) *faulty.Sum {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, unix.Mount("full", dir, "tmpfs", 0, "size=64m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	sum, err := sc.Run(time.Now, faulty.Build(t, edits...), nil, dir, t.TempDir(), patience, "room", "each")
	require.NoError(t, err)
	t.Log(sum)
	return sum
}
