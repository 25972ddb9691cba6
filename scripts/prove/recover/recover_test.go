//go:build prove

// Package recover measures how long it takes until work goes on after each kind of loss, and proves that what was
// acknowledged, or is still held by a device, is there then: a centre that was killed, with a thousand and a hundred
// thousand changes in its history, and a million in a long run; a replica of 20,000 records whose process was killed; a
// centre whose disk is gone, from a dated backup and from a stream. What was lost fails the proof; how long it took is told
// (docs/reliability.md has it in a table).
package recover

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/loopback"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

// sizes are the histories that a centre is started with, and how often it is killed with each. Restores are measured with
// the last of them.
var sizes = []size{
	{1_000, 15, figures.Centre1K},
	{100_000, 15, figures.Centre100K},
}

type size struct {
	changes, kills int
	figure         string
}

// long is set for a long run: it makes a history of a million changes besides, 1 GiB, which takes many minutes.
const long = "DOORSTEP_LONG"

// Of the county.
const (
	perGrid   = 20_000 // records in a full grid
	replicas  = 20     // devices with a file that come back after a restore
	perDevice = 5      // records that each of them enters before the backup, and again after it
	memory    = 512    // MiB that the centre may take
)

func TestMain(m *testing.M) {
	if path := os.Getenv(phoneFile); path != "" {
		if err := phone(path); err != nil {
			fmt.Fprintln(os.Stderr, "phone:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// site is a centre's folder, its program, and who lives there.
type site struct {
	t       testing.TB
	program string
	data    string
	listen  string // the same address at each start
	out     crowd.Outside
	grids   int // filled
	changes int // in the history, by those who filled it
	writer  crowd.Member
	workers []string // accounts of those who have replicas
	centre  *crowd.Process
}

// TestRecover is one course, since what takes longest is to make a history.
func TestRecover(t *testing.T) {
	sizes := sizes
	if os.Getenv(long) != "" {
		sizes = append(sizes, size{1_000_000, 40, figures.Centre1M})
	}
	s := build(t)
	s.people(sizes[len(sizes)-1].changes, len(sizes))
	for i, size := range sizes {
		began := time.Now()
		s.fill(size.changes)
		t.Logf("a history of %d changes, %d MiB: made in %.1f s", size.changes, s.size()>>20, time.Since(began).Seconds())
		figures.Of(t, size.figure, ms(s.restarts(size.changes, size.kills).longest()))
		if i == len(sizes)-1 {
			s.phones()
			s.restore()
			s.stream()
		}
	}
}

func ms(d time.Duration) int { return int((d + time.Millisecond - 1).Milliseconds()) }

func build(t testing.TB) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, program: filepath.Join(dir, "doorstepd"), data: filepath.Join(dir, "data"), listen: loopback.Address(t), out: crowd.Outside{Now: time.Now, Random: crowd.Seeded(1)}}
	cmd := exec.Command("go", "build", "-tags", "sqlite_fts5", "-o", s.program, "./server/cmd/doorstepd")
	cmd.Dir = "../../.."
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)
	return s
}

// seeding works in the folder while no centre runs there.
func (s *site) seeding(work func(ctx context.Context, x *crowd.Seeding)) {
	s.t.Helper()
	x, err := crowd.Open(s.data, s.out)
	require.NoError(s.t, err)
	defer x.Close()
	work(s.t.Context(), x)
}

// people makes the county, for so many changes brought in so many portions: a writer with a grid of his own, a grid of those with replicas, and grids to fill.
func (s *site) people(changes, portions int) {
	s.t.Helper()
	s.seeding(func(ctx context.Context, x *crowd.Seeding) {
		require.NoError(s.t, x.Units(ctx, first+(changes+perGrid-1)/perGrid+portions))
		var err error
		s.writer, err = x.Member(ctx, "writer", crowd.Grid(writers))
		require.NoError(s.t, err)
		for i := range replicas {
			m, err := x.Member(ctx, fmt.Sprintf("worker%d", i), crowd.Grid(team))
			require.NoError(s.t, err)
			s.workers = append(s.workers, m.Account)
		}
	})
}

// Grids by their number.
const (
	writers = iota
	team
	first // to be filled
)

// fill brings the history to so many changes.
func (s *site) fill(changes int) {
	s.t.Helper()
	s.seeding(func(ctx context.Context, x *crowd.Seeding) {
		for s.changes < changes {
			n := min(perGrid, changes-s.changes)
			clerk, err := x.Member(ctx, fmt.Sprintf("clerk%d", s.grids), crowd.Grid(first+s.grids))
			require.NoError(s.t, err)
			require.NoError(s.t, x.Fill(ctx, clerk, first+s.grids, n))
			s.grids, s.changes = s.grids+1, s.changes+n
		}
		require.NoError(s.t, x.Sign(ctx, &s.writer))
	})
}

func (s *site) start() {
	s.t.Helper()
	var err error
	s.centre, err = crowd.Start(s.program, s.data, memory, false, "--listen", s.listen)
	require.NoError(s.t, err)
	s.t.Cleanup(s.centre.Stop)
}

// run is doorstepd with this folder.
func (s *site) run(args ...string) (said string, took time.Duration) {
	s.t.Helper()
	began := time.Now()
	cmd := exec.Command(s.program, slices.Concat(args[:1], []string{"--data", s.data}, args[1:])...)
	cmd.Env = crowd.Environ()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	text, err := cmd.Output()
	require.NoError(s.t, err, "doorstepd %v: %s%s", args, text, &errs)
	return string(text), time.Since(began)
}

func (s *site) size() int64 {
	s.t.Helper()
	info, err := os.Stat(filepath.Join(s.data, "doorstep.db"))
	require.NoError(s.t, err)
	return info.Size()
}

// spread is what times were, in order.
type spread []time.Duration

func (x spread) sorted() spread { return slices.Sorted(slices.Values(x)) }
func (x spread) median() time.Duration {
	return x.sorted()[len(x)/2]
}
func (x spread) longest() time.Duration { return slices.Max(x) }
func (x spread) String() string {
	return fmt.Sprintf("%d times, median %v, longest %v", len(x), x.median().Round(time.Millisecond), x.longest().Round(time.Millisecond))
}
