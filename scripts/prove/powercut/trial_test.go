//go:build prove

package powercut

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// proof is a kind of writer and what must hold for the disk it leaves.
type proof struct {
	args func(dir, beside string, seed uint64) []string
	// check opens what lies in dir with the real code and holds it against every line that the writers of this disk
	// have printed. beside is the folder that no power cut touches.
	check func(dir, beside string, lines []string) (workload.Faults, tally)
}

// tally counts what a check has looked at.
type tally struct{ changesets, acknowledged int }

const (
	lives  = 5  // cuts that one disk goes through
	enough = 60 // acknowledgements before most cuts
)

// series cuts the power so many times and gives the faults of each cut.
func series(t *testing.T, p proof, writer string, cuts int, seed uint64) []workload.Faults {
	t.Helper()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	d := newDisk(t)
	began := time.Now()
	var all []workload.Faults
	var sum tally
	var early, lost, torn, other int
	var image, beside string
	var lines []string
	for i := range cuts {
		if i%lives == 0 {
			image, beside, lines = "", t.TempDir(), nil
		}
		before := len(lines)
		image, lines = life(t, d, writer, p.args(d.Root, beside, random.Uint64()), image, lines, random)
		if len(lines)-before < enough {
			early++
		}
		f, n := examine(t, d, p, image, beside, lines)
		all = append(all, f)
		sum.acknowledged += len(lines) - before
		sum.changesets += n.changesets
		lost, torn, other = lost+len(f.Lost), torn+len(f.Torn), other+len(f.Other)
		if !f.Ok() {
			image, beside, lines = "", t.TempDir(), nil // nothing can be built on it
		}
	}
	took := time.Since(began)
	t.Logf("%d power cuts (%d of them in the first moments of a life): %d acknowledgements, %d lost, %d torn, %d other faults; %d changesets compared; %.2f s a cut",
		cuts, early, sum.acknowledged, lost, torn, other, sum.changesets, took.Seconds()/float64(cuts))
	return all
}

// life runs a writer on the disk until the power goes, and gives the disk's image and all lines of promises on it.
func life(t *testing.T, d *disk, writer string, args []string, image string, lines []string, random *rand.Rand) (string, []string) {
	t.Helper()
	require.NoError(t, d.insert(image))
	w, err := child.Start(writer, nil, args...)
	require.NoError(t, err)
	defer w.Kill()
	awaited, ms := enough, random.IntN(350)
	if random.IntN(8) == 0 {
		awaited, ms = 0, random.IntN(150) // while it makes its tables, or recovers
	}
	moment := time.NewTimer(time.Hour)
	for deadline := time.After(20 * time.Second); ; {
		if awaited >= 0 && w.Count() >= awaited {
			awaited = -1
			moment.Reset(time.Duration(ms) * time.Millisecond)
		}
		select {
		case <-w.More:
			continue
		case <-w.Done:
			t.Fatalf("the writer ended by itself: %s", w.Errors())
		case <-deadline:
			t.Fatalf("the writer acknowledged only %d changesets in 20 s", w.Count())
		case <-moment.C:
		}
		break
	}
	require.NoError(t, w.Signal(syscall.SIGSTOP)) // it gives no promise that the image is too early for
	copied, err := d.cut(func() error { return w.Signal(syscall.SIGKILL) })
	require.NoError(t, err)
	<-w.Done
	require.NoError(t, d.take())
	if image != "" {
		require.NoError(t, os.Remove(image))
	}
	return copied, append(lines, w.Lines(0)...)
}

// examine puts the image into a machine, as it were, and checks it. What the check writes stays in the image.
func examine(t *testing.T, d *disk, p proof, image, beside string, lines []string) (workload.Faults, tally) {
	t.Helper()
	at := filepath.Join(d.dir, "after")
	require.NoError(t, os.MkdirAll(at, 0o700))
	require.NoError(t, mount(image, at), "the file system did not survive, which says nothing about ours")
	f, n := p.check(at, beside, lines)
	require.NoError(t, unmount(at))
	return f, n
}

// none requires that no cut has done anything.
func none(t *testing.T, all []workload.Faults) {
	t.Helper()
	faults := 0
	for i := range all {
		faults += len(all[i].Lost) + len(all[i].Torn) + len(all[i].Other)
		if !all[i].Ok() {
			t.Errorf("cut %d: %s", i+1, &all[i])
		}
	}
	figures.Of(t, figures.Cuts, len(all))
	figures.Of(t, figures.Lost, faults)
}

// some requires that the proof has seen a loss: it would be worth nothing otherwise.
func some(t *testing.T, all []workload.Faults) {
	t.Helper()
	trials, lost := 0, 0
	for i := range all {
		if lost += len(all[i].Lost); len(all[i].Lost) > 0 {
			trials++
		}
	}
	t.Logf("acknowledged and lost: %d, in %d of %d cuts", lost, trials, len(all))
	figures.Of(t, figures.CutsSeen, min(lost, 1))
	require.Positive(t, lost, "this setting loses acknowledged changesets at a power cut, and the proof did not see it")
}

// opened turns an error of opening what a cut has left into faults: then every promise is broken.
func opened(err error, lines []string) (f workload.Faults) {
	if err == nil {
		return f
	}
	if len(lines) == 0 && errors.Is(err, os.ErrNotExist) {
		return f // the power went before there was anything
	}
	f.Otherwise("open what is there: %v", err)
	for _, line := range lines {
		f.Lost = append(f.Lost, fmt.Sprintf("%q cannot be looked up", line))
	}
	return f
}
