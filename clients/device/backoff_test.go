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
