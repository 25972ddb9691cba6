package product

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
)

const (
	connected = 10_000 // devices that are connected and silent
	spare     = 200    // descriptors that a process needs besides
	settling  = 30 * time.Second
)

// BenchmarkIdle holds 10,000 devices connected and in step, or as many as a process may have descriptors, and tells how much
// memory the centre has then: at once, and half a minute later, when what their coming took has been given back. What it takes
// is the time of a connection until it is in step.
func BenchmarkIdle(b *testing.B) {
	n := min(connected, descriptors(b)-spare)
	f := newHoused(b, n)
	before := f.resident()
	for b.Loop() {
		a := f.listen(n)
		b.StopTimer()
		b.ReportMetric(float64(n), "devices")
		b.ReportMetric(mib(f.resident()), "MiB-at-once")
		<-time.After(settling)
		f.profile(b)() // what its memory is used for
		b.ReportMetric(mib(f.resident()), "MiB")
		b.ReportMetric(float64(f.resident()-before)/float64(n)/1024, "KiB/device")
		a.leave()
		b.StartTimer()
	}
	b.ReportMetric(mib(before), "MiB-alone")
	b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N)/float64(n), "ms/device")
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// descriptors raises how many descriptors this process may have, and the centre that it starts, as far as it is let.
func descriptors(t testing.TB) int {
	t.Helper()
	var l syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l))
	l.Cur = l.Max
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l))
	return int(min(l.Cur, 1<<20))
}

// newHoused is a county with an empty grid and so many devices in it.
func newHoused(t testing.TB, devices int) *full {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	f := &full{county: &county{t: t, dir: t.TempDir()}, schema: s}
	x, err := crowd.Open(filepath.Join(f.dir, "centre"), outside)
	require.NoError(t, err)
	require.NoError(t, x.Units(context.Background(), 1))
	for i := range devices {
		m, err := x.Member(context.Background(), fmt.Sprint("worker", i), crowd.Grid(0))
		require.NoError(t, err)
		f.workers = append(f.workers, m)
	}
	x.Close()
	f.centre = startCentre(t, filepath.Join(f.dir, "centre"))
	return f
}
