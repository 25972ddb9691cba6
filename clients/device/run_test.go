package device_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/await"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// timers lets a test move time: After returns at once what the test fires.
type timers struct{ asked chan wait }

type wait struct {
	d    time.Duration
	fire chan time.Time
}

func (x *timers) After(d time.Duration) <-chan time.Time {
	w := wait{d, make(chan time.Time, 1)}
	x.asked <- w
	return w.fire
}

func TestRunBacksOffAndComesBack(t *testing.T) {
	clock := &timers{asked: make(chan wait, 1000)}
	c, r := worker(t, device.Options{Clock: &hand{}, After: clock.After, Rand: rand.NewChaCha8([32]byte{1})})
	c.down = errors.New("no network")

	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	waits, rounds, done := make(chan time.Duration, 100), make(chan device.Report, 100), make(chan error, 1)
	go func() {
		done <- r.Run(ctx, c, device.Events{
			Failed: func(err error, w time.Duration) {
				if device.CodeOf(err) != device.CodeOffline {
					t.Errorf("another failure than that of the network: %v", err)
				}
				waits <- w
			},
			Synced: func(r device.Report) { rounds <- r },
		})
	}()
	for i := range 12 {
		ceiling := min(5*time.Minute, time.Second<<i)
		w := await.Value(t, waits, "a try that fails")
		require.Less(t, w, ceiling)
		fire(t, clock, w)
	}
	w := await.Value(t, waits, "a try that fails") // and the thirteenth ends when something is written
	c.mu.Lock()
	c.down = nil
	c.mu.Unlock()
	id := household(t, r)
	untilAccepted(t, rounds)
	require.Equal(t, device.MarkDone, mark(t, r, "household", id), "after a wait that was to last %v", w)
	cancel()
	require.ErrorIs(t, await.Value(t, done, "Run to end"), context.Canceled)
}

// A phone without any network looks often whether there is one: it costs nobody anything. What it failed then does not
// count once there is a network again and the centre does not answer.
func TestRunLooksOftenForANetwork(t *testing.T) {
	for name, away := range map[string]error{
		"no network":     &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)},
		"no way":         &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)},
		"all links down": &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ENETDOWN)},
		"no names":       &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "centre.example", IsTemporary: true}},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &timers{asked: make(chan wait, 1000)}
			c, r := worker(t, device.Options{Clock: &hand{}, After: clock.After, Rand: rand.NewChaCha8([32]byte{1})})
			down := func(err error) {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.down = err
			}
			down(away)
			ctx, cancel := context.WithCancel(bg)
			defer cancel()
			waits, done := make(chan time.Duration, 100), make(chan error, 1)
			go func() {
				done <- r.Run(ctx, c, device.Events{Failed: func(_ error, w time.Duration) { waits <- w }})
			}()
			longest := time.Duration(0)
			for range 40 {
				w := await.Value(t, waits, "a try that fails")
				longest = max(longest, w)
				fire(t, clock, w)
			}
			require.Less(t, longest, 8*time.Second)
			require.Greater(t, longest, 4*time.Second, "it waits longer each time, up to there")
			down(errors.New("no answer"))
			for range 2 {
				w := await.Value(t, waits, "a try that fails")
				require.Less(t, w, 32*time.Second)
				fire(t, clock, w)
			}
			cancel()
			require.ErrorIs(t, await.Value(t, done, "Run to end"), context.Canceled)
		})
	}
}

// untilAccepted waits for a round in which one changeset was accepted.
func untilAccepted(t testing.TB, rounds <-chan device.Report) {
	t.Helper()
	ctx, cancel := timeout()
	defer cancel()
	for {
		select {
		case r := <-rounds:
			require.Zero(t, r.Kinds[se.Rejected]+r.Kinds[se.Parked])
			if r.Kinds[se.Accepted] == 1 {
				return
			}
		case <-ctx.Done():
			t.Fatal("it was not sent")
		}
	}
}

// fire ends the wait of that length.
func fire(t *testing.T, clock *timers, d time.Duration) {
	t.Helper()
	for {
		select {
		case w := <-clock.asked:
			if w.d == d {
				w.fire <- time.Time{}
				return
			}
		case <-time.After(time.Minute):
			t.Fatalf("nobody waits for %v", d)
		}
	}
}

// Another program's writes are found by looking, now and then.
func TestRunFindsWhatOthersWrite(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	require.NoError(t, a.Close())
	clock := &timers{asked: make(chan wait, 1000)}
	a, err := device.Open(a.Path(), device.Options{Clock: &hand{}, After: clock.After})
	require.NoError(t, err)
	defer a.Close()
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	rounds, done := make(chan device.Report, 100), make(chan error, 1)
	go func() { done <- a.Run(ctx, c, device.Events{Synced: func(r device.Report) { rounds <- r }}) }()
	await.Value(t, rounds, "the first round")
	shell(t, a, `UPDATE household SET notes = 'by hand';`)
	fire(t, clock, 2*time.Second)
	untilAccepted(t, rounds)
	synced(t, b, c)
	require.Equal(t, "by hand", field(t, b, id, "notes").Str())
	cancel()
	await.Value(t, done, "Run to end")
}

func TestRunEndsWhereComingBackDoesNotHelp(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := household(t, a)
	c.store.SetPrincipal(deviceA, &se.Principal{Account: "acc-" + deviceA, Device: deviceA, Revoked: true})
	ctx, cancel := timeout()
	defer cancel()
	err := a.Run(ctx, c, device.Events{})
	require.Equal(t, device.CodeRevoked, device.CodeOf(err))
	require.Equal(t, device.MarkRefused, mark(t, a, "household", id), "it is at the centre, whole, and waits for a decision")
	s, err := a.Status(bg)
	require.NoError(t, err)
	require.Zero(t, s.Outbox)
	require.Equal(t, session.NoticeRevoked, s.Notices[0].Code)
}

// Frames of a step that was cut are kept, and the step goes on from them.
func TestCutDownloadGoesOn(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	for range 3 {
		write(t, a, func(tx *device.Tx) error {
			for range 400 {
				if _, err := tx.Insert("dispute", map[string]any{"kind_code": "neighbour", "facts": long}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	synced(t, a, c)
	for tries := 0; ; tries++ {
		seen := 0
		c.cutting(func(m session.Message) bool {
			if _, ok := m.(*session.Seen); ok {
				seen++
			}
			return seen > 1
		})
		ctx, cancel := timeout()
		_, err := b.Sync(ctx, c)
		cancel()
		if err == nil {
			require.Greater(t, tries, 1)
			break
		}
		rows, err := b.List(bg, "dispute", nil, 0)
		require.NoError(t, err)
		if len(rows) > 0 {
			require.Len(t, rows, 1200, "all or nothing")
			break
		}
		require.Less(t, tries, 50)
	}
	c.cutting(nil)
	synced(t, b, c)
	require.Equal(t, dump(t, a), dump(t, b))
}

var long = func() string {
	b := make([]byte, 2000)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}()

func TestJitterSpreads(t *testing.T) {
	random := rand.NewChaCha8([32]byte{2})
	var sum time.Duration
	for range 2000 {
		w := device.Jitter(30, random)
		require.Less(t, w, 5*time.Minute)
		sum += w
	}
	require.InDelta(t, 150, (sum / 2000).Seconds(), 10, "evenly, up to the ceiling")
}

func TestPercent(t *testing.T) {
	at := func(seq ...int64) (out []se.StagedScope) {
		for _, s := range seq {
			out = append(out, se.StagedScope{After: se.Position{Seq: s}})
		}
		return out
	}
	require.Equal(t, 0, device.Percent(10, 20, 2, nil))
	require.Equal(t, 50, device.Percent(10, 20, 2, at(20)))
	require.Equal(t, 99, device.Percent(10, 20, 2, at(20, 25)), "not 100 before it is applied")
	require.Equal(t, 0, device.Percent(20, 20, 2, at(20)))
}
