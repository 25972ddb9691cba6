package device_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// nowhere is a centre that cannot be reached.
type nowhere struct{}

func (nowhere) Dial(context.Context) (device.Conn, error) { return nil, errors.New("no network") }

// Somebody who enters thirty records in a cellar has not waited thirty times: when he comes up, his phone is to come
// back soon.
func TestWritingDoesNotLengthenTheWait(t *testing.T) {
	r, err := device.Create(filepath.Join(t.TempDir(), "a.db"), device.Options{
		Clock: &hand{}, Rand: rand.NewChaCha8([32]byte{3}), After: func(time.Duration) <-chan time.Time { return nil },
	})
	require.NoError(t, err)
	defer r.Close()
	adopt(t, r)
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	waits, done := make(chan time.Duration), make(chan error, 1)
	go func() {
		done <- r.Run(ctx, nowhere{}, device.Events{Failed: func(_ error, w time.Duration) {
			select {
			case waits <- w:
			case <-ctx.Done():
			}
		}})
	}()
	for range 30 {
		require.Less(t, await.Value(t, waits, "a try that fails"), time.Second, "only waits that ran out make the next one longer")
		dwelling(t, r)
	}
	cancel()
	require.ErrorIs(t, await.Value(t, done, "Run to end"), context.Canceled)
}

// brief is a way to the centre that breaks after each verdict.
type brief struct{ device.Remote }

func (b brief) Dial(ctx context.Context) (device.Conn, error) {
	c, err := b.Remote.Dial(ctx)
	return &briefConn{Conn: c}, err
}

type briefConn struct {
	device.Conn
	over bool
}

func (c *briefConn) Receive() (session.Message, error) {
	if c.over {
		return nil, errors.New("cut")
	}
	m, err := c.Conn.Receive()
	switch m := m.(type) {
	case *session.Welcome:
		m.Limits.Window = 1
	case *session.Verdicts:
		c.over = true
	}
	return m, err
}

// A phone on a link that breaks all the time gets its work through, a little with each try. It is never in step, and yet
// it is not to wait longer and longer.
func TestProgressDoesNotLengthenTheWait(t *testing.T) {
	c, _, _ := pair(t)
	over := make(chan time.Time)
	close(over)
	r, err := device.Create(filepath.Join(t.TempDir(), "r.db"), device.Options{
		Clock: &hand{}, Rand: rand.NewChaCha8([32]byte{3}), After: func(d time.Duration) <-chan time.Time {
			if d == 2*time.Second || d == 15*time.Second { // looks for others' writes, and pings
				return nil
			}
			return over
		},
	})
	require.NoError(t, err)
	defer r.Close()
	adopt(t, r)
	synced(t, r, c)
	const tries = 20
	for range tries {
		dwelling(t, r)
	}
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	var waits []time.Duration
	err = r.Run(ctx, brief{c}, device.Events{
		Failed: func(_ error, w time.Duration) {
			if waits = append(waits, w); len(waits) == tries {
				cancel()
			}
		},
	})
	require.ErrorIs(t, err, context.Canceled)
	for _, w := range waits {
		require.Less(t, w, time.Second, "%v", waits)
	}
	s, err := r.Status(bg)
	require.NoError(t, err)
	require.Zero(t, s.Outbox)
}
