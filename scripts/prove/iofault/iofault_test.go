//go:build prove

// Package iofault proves that a disk that is full or breaks, at any one call, makes nothing half and loses nothing
// that was acknowledged, that the failure has a name, and that work goes on at once when the disk does.
//
// A shim in front of libc fails every call that writes, cuts or flushes, of a scenario of more than a hundred steps,
// one after the other, and the step goes on from where that leaves it; see scripts/prove/writer/faulty.go. What the
// scenario leaves is checked without the shim. After each open that failed, and each close, the process has no
// descriptor of the database left.
//
// Left out: calls that read, open, lock, map or remove files; what Go itself writes (keys and leases beside a replica,
// internal/durable). The log's index is memory that is mapped, of which only the calls that make it grow can fail. To
// make the database costs much: its calls fail one by one with no space, torn, short and flushes, and not with the
// others, which differ in errno or in how long it lasts. What begins as a try before began, up to the centre's welcome,
// is not failed again in what is left of a step. What a centre wrote by halves is looked at after every try as those
// see it who have it open, and after one in forty as after a crash.
package iofault

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/doorstep-sync/doorstep/scripts/prove/faulty"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/shim"
)

// patience is how long one scenario with one kind of fault may take.
const patience = 20 * time.Minute

// fault is what a disk does.
type fault struct {
	name  string
	kind  shim.Kind
	times string // "once", or "many": every call from that one on, until after the next try
	long  string // the sides on which it is shown with DOORSTEP_LONG alone
}

const device, both = "device", "centre and device"

var noFlush = fault{"flush fails, once", shim.NoFlush, "once", ""}

var faults = []fault{
	{"no space, once", shim.NoSpace, "once", ""},
	{"no space, from there on", shim.NoSpace, "many", both},
	{"I/O error, once", shim.Broken, "once", device}, // that after some sectors is the same for a device, and more
	{"I/O error, from there on", shim.Broken, "many", both},
	{"some sectors, then an error", shim.Torn, "once", ""},
	{"fewer bytes, once", shim.Short, "once", ""},
	{"fewer bytes, from there on", shim.Short, "many", both},
	{"fewer bytes, then no space", shim.ShortFull, "once", both},
	noFlush,
	{"flush fails, from there on", shim.NoFlush, "many", both},
}

func TestCentre(t *testing.T) { all(t, faulty.Centre) }

func TestDevice(t *testing.T) { all(t, faulty.Device) }

// all runs a scenario with each kind of fault, two at a time.
func all(t *testing.T, sc faulty.Scenario) {
	writer := faulty.Build(t)
	side, _, _ := strings.Cut(sc.Mode, "-")
	for _, x := range faults {
		if os.Getenv("DOORSTEP_LONG") == "" && strings.Contains(x.long, side) {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			sum := run(t, sc, writer, x)
			figures.Of(t, figures.CallsFailed, sum.Faults)
			figures.Of(t, figures.FaultySteps, sum.Steps)
			figures.Of(t, figures.Lost, sum.Wrong.Count())
			require.True(t, sum.Wrong.Ok(), "%s", &sum.Wrong)
			require.GreaterOrEqual(t, sum.Steps, 100)
			require.Greater(t, sum.Faults, 100, "the shim sees what SQLite writes")
			if x.kind != shim.Short {
				require.Positive(t, sum.Noticed)
			}
		})
	}
}

// TestDeafnessIsSeen plants a store and a device that take no notice of a COMMIT that failed.
func TestDeafnessIsSeen(t *testing.T) {
	for _, bug := range []struct {
		faulty.Scenario
		overlay.Edit
	}{
		{faulty.Centre, overlay.Edit{File: "server/store/tx.go", From: `if err := t.c.exec("COMMIT"); err != nil {`, To: `if err := t.c.exec("COMMIT"); err != nil {
		return nil
	}
	if err := error(nil); err != nil {`}},
		{faulty.Device, overlay.Edit{File: "clients/device/transact.go", From: `if _, err := r.conn.ExecContext(bg, "COMMIT"); err != nil {`, To: `if _, err := r.conn.ExecContext(bg, "COMMIT"); err != nil {
		if r.read != nil { // not while it is made: a replica that has no tables is seen at once
			return nil
		}
		return fmt.Errorf("commit: %w", storage(err))
	}
	if err := error(nil); err != nil {`}},
	} {
		t.Run(bug.Mode, func(t *testing.T) {
			t.Parallel()
			sum := run(t, bug.Scenario, faulty.Build(t, bug.Edit), noFlush)
			require.Contains(t, sum.Wrong.String(), "said that all was well", "what was told and is not there has to be seen")
		})
	}
}

func run(t *testing.T, sc faulty.Scenario, writer string, x fault) *faulty.Sum {
	t.Helper()
	dir := folder(t)
	env, err := shim.Build(t.TempDir(), dir)
	require.NoError(t, err)
	sum, err := sc.Run(time.Now, writer, env, dir, folder(t), patience, strconv.Itoa(int(x.kind)), x.times)
	require.NoError(t, err)
	t.Logf("%s: %s", x.name, sum)
	return sum
}

// folder makes one in memory if there is room: the shim decides what fails, and a real disk only costs time.
func folder(t *testing.T) string {
	t.Helper()
	var room unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &room); err != nil || room.Bavail*uint64(room.Bsize) < 512<<20 {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "iofault")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}
