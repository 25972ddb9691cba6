package device_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// crowd is a centre that has no room: it says so and hangs up.
type crowd struct{}

func (crowd) Dial(context.Context) (device.Conn, error) { return crowd{}, nil }
func (crowd) Send(session.Message) error                { return nil }
func (crowd) Receive() (session.Message, error) {
	return &session.Notice{Code: session.NoticeBusy, Text: "later", Close: true}, nil
}
func (crowd) Close() error { return nil }

type granted struct{}

func (granted) Token(context.Context) (string, error) { return "t", nil }

// A centre that is busy is left alone for a while, and devices that heard it at once do not come back at once: the
// wait is what it asked for and a random part as long again, besides the usual back-off.
func TestBusyBacksOff(t *testing.T) {
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "40")
		w.Header().Set(wire.NoticeHeader, string(session.NoticeBusy))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer full.Close()
	socket, err := device.WebSocket(full.URL, granted{}, device.WebSocketOptions{})
	require.NoError(t, err)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "40")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer proxy.Close()
	silent, err := device.WebSocket(proxy.URL, granted{}, device.WebSocketOptions{})
	require.NoError(t, err)
	for name, x := range map[string]struct {
		remote device.Remote
		least  time.Duration
		code   device.Code
	}{
		"notice": {crowd{}, 5 * time.Second, device.CodeCentreBusy}, "503": {socket, 40 * time.Second, device.CodeCentreBusy},
		"503 without a word": {silent, 40 * time.Second, device.CodeStopping},
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[time.Duration]bool{}
			for i := range 8 {
				r, err := device.Create(filepath.Join(t.TempDir(), "a.db"), device.Options{
					Clock: &hand{}, Rand: rand.NewChaCha8([32]byte{byte(i)}), After: func(time.Duration) <-chan time.Time { return nil },
				})
				require.NoError(t, err)
				adopt(t, r)
				ctx, cancel := context.WithCancel(bg)
				wait, done := make(chan time.Duration, 1), make(chan error, 1)
				go func() {
					done <- r.Run(ctx, x.remote, device.Events{Failed: func(err error, w time.Duration) {
						if device.CodeOf(err) != x.code {
							t.Errorf("not %s: %v", x.code, err)
						}
						select {
						case wait <- w:
						default:
						}
					}})
				}()
				w := await.Value(t, wait, "the centre to be busy")
				require.GreaterOrEqual(t, w, x.least)
				require.Less(t, w, 2*x.least+2*time.Second)
				seen[w.Round(100*time.Millisecond)] = true
				cancel()
				require.ErrorIs(t, await.Value(t, done, "Run to end"), context.Canceled)
				require.NoError(t, r.Close())
			}
			require.Greater(t, len(seen), 5, "they come back at different times")
		})
	}
}
