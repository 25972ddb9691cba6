package product

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// BenchmarkFanOut is W4: somebody enters forty records one after another, each when he has the verdict on the one before, and
// 500 devices hear of all of them. It ends when everybody has them all. Listeners keep no replica and say that they have seen
// each frame, as devices do; they are in this process. Their memory is the centre's, from before they come until they are in
// step, and after what they then heard.
func BenchmarkFanOut(b *testing.B) {
	const listeners, writes = 500, 40
	f := newFull(b, writes, listeners+1)
	w, err := outside.Writer(b.Context(), f.url, f.signed(listeners), 0)
	require.NoError(b, err)
	defer w.Close()
	before := f.resident()
	a := f.listen(listeners)
	defer a.leave()
	came := f.resident()
	list, home := record.Generate(2, 100*writes), record.Generate(1, 1)[0].Home // a household that is there
	stop := f.profile(b)
	for b.Loop() {
		heard := a.expect(listeners * writes)
		for range writes {
			require.NotEmpty(b, list, "no records are left: ask for a shorter -benchtime")
			list[0].Home = home
			require.NoError(b, w.HandIn([]se.Change{f.visit(&list[0])}))
			list = list[1:]
		}
		await.Value(b, heard, "the last listener")
	}
	stop()
	b.ReportMetric(float64(came-before)/listeners/1024, "KiB/listener")
	b.ReportMetric(float64(f.resident()-before)/listeners/1024, "KiB/listener-after")
	b.ReportMetric(float64(a.frames.Load())/float64(b.N), "frames/op")
	b.ReportMetric(listeners*writes*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// signed gives a worker with a token.
func (f *full) signed(i int) crowd.Member {
	f.t.Helper()
	m := f.workers[i]
	require.NoError(f.t, m.Sign(f.t.Context(), f.url))
	return m
}

// resident is how much memory the centre has, in bytes.
func (c *centre) resident() int64 {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Pid()))
	require.NoError(c.t, err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			require.NoError(c.t, err)
			return kb << 10
		}
	}
	c.t.Fatal("the system does not tell how much memory a process has")
	return 0
}

// audience are listeners that are in step.
type audience struct {
	cut          context.CancelFunc
	running      sync.WaitGroup
	heard        chan struct{} // capacity 1: as many rows as were expected
	rows, frames atomic.Int64
	want         atomic.Int64
}

// listen lets the first so many workers come, a few at a time.
func (f *full) listen(n int) *audience {
	f.t.Helper()
	ctx, cut := context.WithCancel(context.Background())
	a := &audience{cut: cut, heard: make(chan struct{}, 1)}
	var coming sync.WaitGroup
	turns := make(chan struct{}, 16)
	for i := range n {
		coming.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := f.come(ctx, a, f.workers[i%len(f.workers)]); err != nil {
				f.t.Errorf("listener %d: %v", i, err)
			}
		})
	}
	coming.Wait()
	require.False(f.t, f.t.Failed())
	return a
}

func (f *full) come(ctx context.Context, a *audience, m crowd.Member) error {
	if err := m.Sign(ctx, f.url); err != nil {
		return err
	}
	l, err := outside.Dial(ctx, f.url, m)
	if err != nil {
		return err
	}
	if err := l.Step(m); err != nil {
		l.Close()
		return err
	}
	a.running.Go(func() {
		defer l.Close()
		if err := l.Listen(a.take); ctx.Err() == nil {
			f.t.Errorf("a listener was cut: %v", err)
		}
	})
	return nil
}

// take counts what a frame brought.
func (a *audience) take(rows int) {
	a.frames.Add(1)
	if rows > 0 && a.rows.Add(int64(rows)) == a.want.Load() {
		a.heard <- struct{}{}
	}
}

// expect gives a channel that tells when so many rows more were heard.
func (a *audience) expect(rows int64) <-chan struct{} {
	a.want.Add(rows)
	return a.heard
}

// leave ends all connections.
func (a *audience) leave() {
	a.cut()
	a.running.Wait()
}

// TestFanOut: each listener hears each record once, and nobody is cut.
func TestFanOut(t *testing.T) {
	const listeners, writes = 3, 2
	f := newFull(t, writes, listeners+1)
	w, err := outside.Writer(t.Context(), f.url, f.signed(listeners), 0)
	require.NoError(t, err)
	defer w.Close()
	a := f.listen(listeners)
	defer a.leave()
	heard := a.expect(listeners * writes)
	for i, r := range record.Generate(2, writes) {
		r.Home = record.Generate(1, writes)[i].Home
		require.NoError(t, w.HandIn([]se.Change{f.visit(&r)}))
	}
	await.Value(t, heard, "the last listener")
	require.EqualValues(t, listeners*writes, a.rows.Load())
}
