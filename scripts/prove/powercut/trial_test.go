//go:build prove

package powercut

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// side is one of those who work on a disk, in a folder of its own, and what must hold for what it leaves there.
type side struct {
	name string
	args func(dir, beside string, seed uint64) []string
	// check opens what lies in dir with the real code and holds it against every line that this side's writers have
	// printed on this disk. beside is the folder that no power cut touches. changesets is how many were compared.
	check func(dir, beside string, lines []string) (f workload.Faults, changesets int)
}

const (
	lives  = 5  // cuts that one disk goes through
	enough = 40 // acknowledgements of each side before most cuts
)

// found is what the cuts have done to one side.
type found struct {
	acknowledged, compared int
	perCut                 []workload.Faults
}

// lost tells how much was lost, torn or otherwise wrong, and in how many cuts anything was lost.
func (n *found) sums() (lost, torn, other, cuts int) {
	for i := range n.perCut {
		f := &n.perCut[i]
		lost, torn, other = lost+len(f.Lost), torn+len(f.Torn), other+len(f.Other)
		cuts += min(len(f.Lost), 1)
	}
	return lost, torn, other, cuts
}

// past is what a disk has been through: its image, and the promises on it.
type past struct {
	image, beside string
	lines         [][]string // by side
}

// promised tells whether every side has given a promise on this disk since it was as before.
func (p *past) promised(before *past) bool {
	for j, lines := range p.lines {
		if len(lines) == len(before.lines[j]) {
			return false
		}
	}
	return true
}

// series cuts the power so many times, each after promises of every side since the cut before, and gives what that did to
// each. Cuts that came before there was anything new to lose are made besides.
func series(t *testing.T, writer string, cuts int, seed uint64) []found {
	t.Helper()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	sides := []side{theCentre(t), theDevice(t)}
	d := newDisk(t)
	began := time.Now()
	sum := make([]found, len(sides))
	made, early := 0, 0
	var before *past
	for counted := 0; counted < cuts; made++ {
		if made%lives == 0 || before == nil {
			before = &past{beside: t.TempDir(), lines: make([][]string, len(sides))}
		}
		after := life(t, d, writer, sides, before, random)
		faults := examine(t, d, sides, after, sum)
		if after.promised(before) {
			counted++
		}
		for j := range sides {
			n := len(after.lines[j]) - len(before.lines[j])
			sum[j].acknowledged += n
			if n < enough {
				early++
				break
			}
		}
		if before = after; faults {
			before = nil // nothing can be built on it
		}
	}
	perCut := time.Since(began).Seconds() / float64(made)
	for j, s := range sides {
		lost, torn, other, in := sum[j].sums()
		t.Logf("%s: %d power cuts (%d of them in the first moments of a life): %d acknowledgements; %d lost (in %d cuts), %d torn, %d other faults; %d changesets compared; %.2f s a cut",
			s.name, made, early, sum[j].acknowledged, lost, in, torn, other, sum[j].compared, perCut)
	}
	return sum
}

// life runs writers on the disk until the power goes, and gives what is then behind the disk.
func life(t *testing.T, d *disk, writer string, sides []side, before *past, random *rand.Rand) *past {
	t.Helper()
	require.NoError(t, d.insert(before.image))
	var all []*child.Child
	for _, s := range sides {
		dir := filepath.Join(d.Root, s.name)
		require.NoError(t, os.MkdirAll(dir, 0o700))
		w, err := child.Start(writer, nil, s.args(dir, before.beside, random.Uint64())...)
		require.NoError(t, err)
		defer w.Kill()
		all = append(all, w)
	}
	await(t, all, random)
	// Nobody gives a promise any more that the image is too early for.
	signal := func(s syscall.Signal) (err error) {
		for _, w := range all {
			err = errors.Join(err, w.Signal(s))
		}
		return err
	}
	require.NoError(t, signal(syscall.SIGSTOP))
	copied, err := d.cut(func() error { return signal(syscall.SIGKILL) })
	require.NoError(t, err)
	after := &past{image: copied, beside: before.beside}
	for j, w := range all {
		<-w.Done
		after.lines = append(after.lines, slices.Concat(before.lines[j], w.Lines(0)))
	}
	require.NoError(t, d.take())
	if before.image != "" {
		require.NoError(t, os.Remove(before.image))
	}
	return after
}

// await waits for the moment of the cut: a while after every writer has given enough promises, or, now and then, in
// the first moments of a life, while tables are made or the last cut is recovered from.
func await(t *testing.T, all []*child.Child, random *rand.Rand) {
	t.Helper()
	awaited, ms := enough, random.IntN(350)
	if random.IntN(8) == 0 {
		awaited, ms = 0, random.IntN(150)
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		ready := true
		for _, w := range all {
			if w.Gone() {
				t.Fatalf("a writer ended by itself: %s", w.Errors())
			}
			ready = ready && w.Count() >= awaited
		}
		if ready {
			break
		}
		require.True(t, time.Now().Before(deadline), "30 s, and not every writer has given %d promises", enough)
	}
	<-time.After(time.Duration(ms) * time.Millisecond)
}

// examine puts the image into a machine, as it were, and checks what each side finds on it; what the checks write
// stays in the image. It tells whether anything is wrong.
func examine(t *testing.T, d *disk, sides []side, p *past, sum []found) (faults bool) {
	t.Helper()
	at := filepath.Join(d.dir, "after")
	require.NoError(t, os.MkdirAll(at, 0o700))
	require.NoError(t, mount(p.image, at), "the file system did not survive, which says nothing about ours")
	for j, s := range sides {
		f, n := s.check(filepath.Join(at, s.name), p.beside, p.lines[j])
		sum[j].perCut = append(sum[j].perCut, f)
		sum[j].compared += n
		faults = faults || !f.Ok()
	}
	require.NoError(t, unmount(at))
	return faults
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
