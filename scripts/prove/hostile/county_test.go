//go:build prove

// Package hostile proves of a running doorstepd that people who are slow, deaf, or out to break it cost themselves their
// connection, and others nothing: a healthy device's work is judged meanwhile, and the centre's memory, files and
// goroutines stay within bounds and come back.
package hostile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

const (
	memory = 512 // MiB, of the centre
	// heldUp is a verdict's time that nothing but waiting for somebody else explains: deadlines for those begin at 10 s.
	heldUp = 5 * time.Second
	// mostGrowth is by how much the centre's memory may grow, MiB (S7).
	mostGrowth = 63
	// mostForLong is the same for what is large itself: messages of 48 MiB, of which 80 MiB are taken at once, and files of
	// 16 MiB; with the garbage of reading them.
	mostForLong = 299
)

// county is a running centre, a healthy worker of it, and devices that are not healthy.
type county struct {
	t       testing.TB
	process *crowd.Process
	out     crowd.Outside
	worker  *crowd.Writer
	second  *crowd.Writer // whose changesets are long; nil: nobody
	others  []crowd.Member

	asked, answered int // requests of a bomb
}

// open starts a centre with people in one grid that holds so many records.
func open(t testing.TB, others, records int, edits ...overlay.Edit) *county {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "doorstepd")
	require.NoError(t, overlay.Build("./server/cmd/doorstepd", bin, edits...))
	c := &county{t: t, out: crowd.Outside{Now: time.Now, Random: crowd.Seeded(1)}}
	people := c.seed(filepath.Join(dir, "data"), others+1, records)
	p, err := crowd.Start(bin, filepath.Join(dir, "data"), memory, false)
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	c.process, c.others = p, people[1:]
	c.worker, err = c.out.Writer(t.Context(), p.URL, people[0], 1)
	require.NoError(t, err)
	t.Cleanup(c.worker.Close)
	return c
}

func (c *county) seed(folder string, people, records int) (members []crowd.Member) {
	c.t.Helper()
	ctx := c.t.Context()
	x, err := crowd.Open(folder, c.out)
	require.NoError(c.t, err)
	defer x.Close()
	require.NoError(c.t, x.Units(ctx, 1))
	clerk, err := x.Member(ctx, "clerk", crowd.Grid(0))
	require.NoError(c.t, err)
	require.NoError(c.t, x.Fill(ctx, clerk, 0, records))
	for i := range people {
		m, err := x.Member(ctx, fmt.Sprintf("p%d", i), crowd.Grid(0))
		require.NoError(c.t, err)
		require.NoError(c.t, x.Sign(ctx, &m))
		members = append(members, m)
	}
	return members
}

// beside lets the healthy worker hand in a changeset each 20 ms while fn runs, and gives the times to their verdicts. One
// that is held up ends the centre with the stacks of its goroutines.
func (c *county) beside(fn func()) (took verdicts) {
	c.t.Helper()
	over := make(chan struct{})
	var offering sync.WaitGroup
	var failed error
	offering.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			late := time.AfterFunc(heldUp, func() { _ = syscall.Kill(c.process.Pid(), syscall.SIGQUIT) })
			began := c.out.Now()
			failed = c.worker.Offer()
			took = append(took, c.out.Now().Sub(began))
			late.Stop()
			if failed != nil {
				return
			}
			select {
			case <-over:
				return
			case <-tick.C:
			}
		}
	})
	fn()
	close(over)
	offering.Wait()
	require.NoError(c.t, failed, "a healthy device's changeset was not judged in time: %v", took.longest())
	require.Less(c.t, took.longest(), heldUp)
	return took
}

// verdicts are the times to them.
type verdicts []time.Duration

func (v verdicts) at(percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[(len(sorted)-1)*percent/100].Round(100 * time.Microsecond)
}
func (v verdicts) longest() time.Duration { return v.at(100) }

func (v verdicts) String() string {
	return fmt.Sprintf("p50 %v, p99 %v, longest %v (%d)", v.at(50), v.at(99), v.at(100), len(v))
}

// taking is what the centre takes.
type taking struct{ files, goroutines, sockets int }

func (c *county) taking() taking {
	c.t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.process.Pid()))
	require.NoError(c.t, err)
	said := c.said()
	return taking{len(files), int(said["go_goroutines"]), int(said["doorstep_sockets"])}
}

func (c *county) said() crowd.Said {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	said, err := c.process.Metrics(ctx)
	require.NoError(c.t, err)
	return said
}

// closed counts the connections that the centre has ended for a reason.
func (c *county) closed(reason string) int {
	return int(c.said()[`doorstep_sockets_closed_total{reason="`+reason+`"}`])
}

// givesBack waits until what the centre takes is what it was, but for a few: the store opens files for reading as many
// read at once, and keeps them.
func (c *county) givesBack(before taking) {
	c.t.Helper()
	const few, fewFiles = 5, 20
	deadline := c.out.Now().Add(20 * time.Second)
	now := c.taking()
	for ; now.sockets != before.sockets || now.files > before.files+fewFiles || now.goroutines > before.goroutines+few; now = c.taking() {
		if c.out.Now().After(deadline) { // its goroutines tell why
			_ = syscall.Kill(c.process.Pid(), syscall.SIGQUIT)
		}
		require.True(c.t, c.out.Now().Before(deadline), "before: %+v, now: %+v", before, now)
		c.pause(100 * time.Millisecond)
	}
	c.t.Logf("before: %+v, after: %+v", before, now)
}

func (c *county) pause(d time.Duration) {
	c.t.Helper()
	require.NoError(c.t, crowd.Pause(c.t.Context(), d))
}

func (c *county) address() string { return strings.TrimPrefix(c.process.URL, "http://") }
