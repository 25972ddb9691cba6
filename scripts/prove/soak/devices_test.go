//go:build prove

package soak

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
)

const (
	perGrid  = 4 // devices that share a grid, and so hear of each other's work
	pace     = 1500 * time.Millisecond
	stays    = 10               // one in so many changesets is the last of its connection
	fresh    = 5 * time.Minute  // so long a token is used for new connections
	every    = time.Second      // between two samples
	patience = 20 * time.Second // until the centre has cleared up when everybody has left
	few      = 3                // goroutines or files that come and go
	mib      = 512              // that the centre may take
)

// soak lets devices work for so long and watches the centre.
func soak(t testing.TB, program string, devices int, long, warm time.Duration) (r *report) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	members := people(t, data, devices)
	c, err := crowd.Start(program, data, mib, false)
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	r = &report{long: long, warm: warm}
	wave(t, c, members)
	r.before = quiet(t, c, sample{})

	ctx, stop := context.WithTimeout(t.Context(), long)
	defer stop()
	var acked, links atomic.Int64
	errs := make([]error, devices)
	var wg sync.WaitGroup
	for i := range devices {
		d := &device{url: c.URL, mark: i, member: members[i], acked: &acked, links: &links}
		wg.Go(func() { errs[i] = d.work(ctx) })
	}
	watch(t, ctx, c, data, r)
	wg.Wait()
	for i, err := range errs {
		require.NoError(t, err, "device %d", i)
	}
	r.acked, r.links = acked.Load(), links.Load()
	require.Greater(t, r.acked, int64(devices))
	require.Greater(t, r.links, int64(devices))
	r.after = quiet(t, c, r.before)
	return r
}

// wave lets everybody come at once, hand in something and leave: what the centre opens once and keeps, such as its readers
// of the database, is there then.
func wave(t testing.TB, c *crowd.Process, members []crowd.Member) {
	t.Helper()
	errs := make([]error, len(members))
	var wg sync.WaitGroup
	for i, m := range members {
		d := &device{url: c.URL, mark: i, member: m, acked: new(atomic.Int64), links: new(atomic.Int64)}
		wg.Go(func() {
			w, err := d.arrive(t.Context())
			if err == nil {
				err = w.Offer()
				w.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for i, err := range errs {
		require.NoError(t, err, "device %d", i)
	}
}

func people(t testing.TB, data string, devices int) (list []crowd.Member) {
	t.Helper()
	x, err := crowd.Open(data, outside)
	require.NoError(t, err)
	defer x.Close()
	require.NoError(t, x.Units(t.Context(), (devices+perGrid-1)/perGrid))
	for i := range devices {
		m, err := x.Member(t.Context(), fmt.Sprint("worker", i), crowd.Grid(i/perGrid))
		require.NoError(t, err)
		list = append(list, m)
	}
	return list
}

// watch takes samples until the soak ends.
func watch(t testing.TB, ctx context.Context, c *crowd.Process, data string, r *report) {
	t.Helper()
	began := outside.Now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		wal, err := logged(data)
		require.NoError(t, err)
		r.wal = max(r.wal, wal)
		s, err := look(ctx, c, outside.Now().Sub(began))
		if ctx.Err() != nil {
			return
		}
		require.NoError(t, err)
		if s.at >= r.warm {
			r.samples = append(r.samples, s)
		}
	}
}

// quiet looks at the centre with nobody connected, until it has cleared up: no more than before is there, or, with
// nothing to compare to, nothing goes any more.
func quiet(t testing.TB, c *crowd.Process, before sample) (s sample) {
	t.Helper()
	for began, last := outside.Now(), before; ; last = s {
		var err error
		s, err = look(t.Context(), c, 0)
		require.NoError(t, err)
		goal := before
		if before.of == nil {
			goal = last
		}
		if goal.of != nil && s.of[goroutines] <= goal.of[goroutines]+few && s.of[files] <= goal.of[files]+few || outside.Now().Sub(began) > patience {
			return s
		}
		require.NoError(t, crowd.Pause(t.Context(), every))
	}
}

// device is a light client at work: it hands something in, pauses, and now and then hangs up and comes back.
type device struct {
	url          string
	mark         int
	member       crowd.Member
	signed       time.Time
	acked, links *atomic.Int64
}

// work goes on until ctx ends. Whatever had its verdict is known to the centre when the device comes back.
func (d *device) work(ctx context.Context) error {
	if err := crowd.Pause(ctx, outside.Random(pace)); err != nil {
		return nil //nolint:nilerr // the soak is over
	}
	w, err := d.arrive(ctx)
	for err == nil {
		if err = w.Offer(); err != nil {
			break
		}
		d.acked.Add(1)
		if crowd.Pause(ctx, outside.Random(2*pace)) != nil {
			break
		}
		if outside.Random(stays) == 0 {
			err = d.again(ctx, w)
		}
	}
	if w != nil && w.Link != nil {
		w.Close()
	}
	if ctx.Err() != nil {
		return nil // it was cut off by the end
	}
	return err
}

func (d *device) arrive(ctx context.Context) (*crowd.Writer, error) {
	if err := d.sign(ctx); err != nil {
		return nil, err
	}
	d.links.Add(1)
	return outside.Writer(ctx, d.url, d.member, d.mark)
}

func (d *device) again(ctx context.Context, w *crowd.Writer) error {
	if err := d.sign(ctx); err != nil {
		return err
	}
	had := w.N
	w.Member = d.member
	d.links.Add(1)
	if err := w.Again(ctx, d.url); err != nil {
		return err
	}
	if w.N != had {
		return errors.New("the centre does not know what it has acknowledged")
	}
	return nil
}

// sign gets a token if there is none or it is old.
func (d *device) sign(ctx context.Context) error {
	if outside.Now().Sub(d.signed) < fresh {
		return nil
	}
	d.signed = outside.Now()
	return d.member.Sign(ctx, d.url)
}
