//go:build prove

// Package iofault proves that a disk that is full or breaks, at any one call, makes nothing half and loses nothing
// that was acknowledged, that the failure has a name, and that work goes on when the disk does.
//
// A shim in front of libc fails the k-th write or flush of a short scenario, for every k, and for some k the next
// twenty as well. The scenario tries each step again until it succeeds.
package iofault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/store"
)

// most bounds the calls that fail for one kind of fault; where a scenario makes more, every so manieth is taken.
const most = 40

// fault is what a disk does. The numbers of the kinds are the shim's.
type fault struct {
	name   string
	kind   uint64
	length uint64 // calls that fail, from the k-th on
}

var noFlush = fault{"flush fails, once", 4, 1}

var faults = []fault{
	{"no space, once", 1, 1},
	{"no space, 20 times", 1, 20},
	{"write error, once", 2, 1},
	{"half a write, then no space", 3, 3},
	noFlush,
	{"flush fails, 3 times", 4, 3},
}

// shim builds the library.
func shim(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "shim.so")
	text, err := exec.Command("gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", out, "testdata/shim.c", "-ldl").CombinedOutput()
	require.NoError(t, err, "the shim needs gcc, as cgo does: %s", text)
	return out
}

// page is the memory that the shim and this process share.
type page []byte

func newPage(t *testing.T) (file string, p page) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "page")
	require.NoError(t, os.WriteFile(file, make([]byte, 4096), 0o600))
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	p, err = unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Munmap(p) })
	return file, p
}

func (p page) set(numbers ...uint64) {
	for i, n := range numbers {
		binary.NativeEndian.PutUint64(p[8*i:], n)
	}
}

func (p page) calls() uint64 { return binary.NativeEndian.Uint64(p) }

// scenario is one of the writer's, and how to check what it leaves.
type scenario struct {
	mode  string
	check func(dir, beside string, lines []string) (workload.Faults, error)
}

func TestCentre(t *testing.T) {
	total := everyCall(t, centre(t), faults)
	total.tell(t)
	total.note(t)
	require.Zero(t, total.bad)
}

func TestDevice(t *testing.T) {
	total := everyCall(t, phone(t), faults)
	total.tell(t)
	total.note(t)
	require.Zero(t, total.bad)
}

// TestDeafnessIsSeen plants a store and a device that take no notice of a COMMIT that failed.
func TestDeafnessIsSeen(t *testing.T) {
	for _, bug := range []struct {
		scenario
		overlay.Edit
	}{
		{centre(t), overlay.Edit{File: "server/store/tx.go", From: `if err := t.c.exec("COMMIT"); err != nil {`, To: `if err := t.c.exec("COMMIT"); err != nil {
		return nil
	}
	if err := error(nil); err != nil {`}},
		{phone(t), overlay.Edit{File: "clients/device/transact.go", From: `if _, err := r.conn.ExecContext(bg, "COMMIT"); err != nil {`, To: `if _, err := r.conn.ExecContext(bg, "COMMIT"); err != nil {
		return nil
	}
	if err := error(nil); err != nil {`}},
	} {
		t.Run(bug.mode, func(t *testing.T) {
			total := everyCall(t, bug.scenario, []fault{noFlush}, bug.Edit)
			total.tell(t)
			require.Positive(t, total.bad, "what was told and is not there has to be seen")
		})
	}
}

func centre(t *testing.T) scenario {
	s, err := load.Default()
	require.NoError(t, err)
	return scenario{"centre-steps", func(dir, _ string, lines []string) (f workload.Faults, err error) {
		st, err := store.Open(filepath.Join(dir, "centre.db"), s)
		if err != nil {
			return f, err
		}
		f, _ = workload.CheckStore(st, s, lines, time.Now)
		return f, st.Close()
	}}
}

func phone(t *testing.T) scenario {
	s, err := load.Default()
	require.NoError(t, err)
	return scenario{"device-steps", func(dir, beside string, lines []string) (workload.Faults, error) {
		return checkDevice(s, dir, beside, lines)
	}}
}

func checkDevice(s *schema.Schema, dir, beside string, lines []string) (f workload.Faults, err error) {
	r, err := device.Open(filepath.Join(dir, "replica.db"), device.Options{Schema: s})
	if err != nil {
		return f, err
	}
	county, err := store.Open(filepath.Join(beside, "centre.db"), s)
	if err != nil {
		return f, errors.Join(err, r.Close())
	}
	f, _ = workload.CheckReplica(r, county, s, lines, time.Now)
	return f, errors.Join(r.Close(), county.Close())
}

// total adds up runs.
type total struct {
	mode                        string
	runs, reached, noticed, bad int
	steps                       map[string]int // tries that failed
	first                       []string       // what was bad
	took                        time.Duration
}

func (n *total) tell(t *testing.T) {
	t.Logf("%s: %d runs in %.0f s; the fault came in %d, and %d noticed; something lost, torn or wrong in %d; tries that failed: %v",
		n.mode, n.runs, n.took.Seconds(), n.reached, n.noticed, n.bad, n.steps)
	for _, text := range n.first {
		t.Log(text)
	}
}

func (n *total) note(t *testing.T) {
	figures.Of(t, figures.CallsFailed, n.reached)
	figures.Of(t, figures.Lost, n.bad)
}

// everyCall runs a scenario once for every call that can fail, and kind of fault, and stops when five went wrong.
func everyCall(t *testing.T, sc scenario, faults []fault, edits ...overlay.Edit) *total {
	t.Helper()
	writer := filepath.Join(t.TempDir(), "writer")
	require.NoError(t, overlay.Build("./scripts/prove/writer", writer, edits...))
	library := shim(t)
	file, shared := newPage(t)
	random := rand.New(rand.NewPCG(1, 1))
	began := time.Now()
	sum := &total{mode: sc.mode, steps: map[string]int{}}
	for _, fault := range faults {
		shared.set(0, 0, 0, fault.kind)
		lines, failed, f := sc.run(t, writer, library, file)
		calls := shared.calls()
		require.True(t, f.Ok() && len(failed) == 0 && len(lines) > 0, "without a fault: %s %v", &f, failed)
		require.Greater(t, calls, uint64(20), "the shim sees what SQLite writes")
		stride := (calls + most - 1) / most
		for k := 1 + random.Uint64N(stride); k <= calls && sum.bad < 5; k += stride {
			shared.set(0, k, fault.length, fault.kind)
			_, failed, f := sc.run(t, writer, library, file)
			sum.add(fmt.Sprintf("%s, call %d of %d", fault.name, k, calls), shared.calls() >= k, failed, f)
		}
	}
	sum.took = time.Since(began)
	return sum
}

func (n *total) add(what string, reached bool, failed []string, f workload.Faults) {
	n.runs++
	if reached {
		n.reached++
	}
	if len(failed) > 0 {
		n.noticed++
	}
	for _, line := range failed {
		step, _, _ := strings.Cut(line, ":")
		n.steps[step]++
	}
	if !f.Ok() {
		n.bad++
		n.first = append(n.first, fmt.Sprintf("%s: %s\n%s", what, &f, strings.Join(failed[:min(len(failed), 3)], "\n")))
	}
}

// folder makes one in memory if there is room: the shim decides what fails, and a real disk only costs time.
func folder(t *testing.T) string {
	t.Helper()
	var room unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &room); err != nil || room.Bavail*uint64(room.Bsize) < 256<<20 {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "iofault")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// run runs the scenario under the shim and checks what it leaves without it. failed are the tries that failed.
func (sc *scenario) run(t *testing.T, writer, library, file string) (lines, failed []string, f workload.Faults) {
	t.Helper()
	dir, beside := folder(t), folder(t)
	args := []string{sc.mode, dir, "1"}
	if sc.mode == "device-steps" {
		args = append(args, beside)
	}
	w, err := child.Start(writer, []string{"LD_PRELOAD=" + library, "IOFAULT_PAGE=" + file, "IOFAULT_DIR=" + dir + "/"}, args...)
	require.NoError(t, err)
	defer w.Kill()
	select {
	case <-w.Done:
	case <-time.After(60 * time.Second):
		f.Otherwise("it hangs")
		return nil, nil, f
	}
	for _, line := range w.Lines(0) {
		if what, ok := strings.CutPrefix(line, "failed "); ok {
			failed = append(failed, what)
		} else {
			lines = append(lines, line)
		}
	}
	if text := w.Errors(); text != "" {
		f.Otherwise("it ended with %s", text)
	}
	more, err := sc.check(dir, beside, lines)
	f.Add(more)
	if err != nil {
		f.Otherwise("open and close what it left: %v", err)
	}
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.RemoveAll(beside))
	return lines, failed, f
}
