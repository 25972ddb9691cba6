package gateway_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// How far a device came is known while it is connected, and told once when the connection ends, whoever ends it; a
// connection that brought nothing tells nothing.
func TestEndedTellsHowFarADeviceCame(t *testing.T) {
	var mu sync.Mutex
	var ended []se.Base
	c := open(t, func(o *gateway.Options) {
		o.Ended = func(device string, at se.Base) {
			mu.Lock()
			defer mu.Unlock()
			require.Equal(t, deviceID(1), device)
			ended = append(ended, at)
		}
	})
	told := func(want ...se.Base) {
		t.Helper()
		require.Eventually(t, func() bool { return c.gate.Connections() == 0 }, 30*time.Second, time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, want, ended)
	}
	_, connected := c.gate.Reached(deviceID(1))
	require.False(t, connected)
	p := c.greet(1, wire.Binary)
	p.works()
	p.catchUp(2)
	require.Eventually(t, func() bool {
		at, connected := c.gate.Reached(deviceID(1))
		return connected && at == se.Base{Epoch: 1, Seq: 1}
	}, 30*time.Second, time.Millisecond)
	p.ws.Close()
	told(se.Base{Epoch: 1, Seq: 1})

	again := c.dial(1, wire.Binary)
	again.hello = p.hello
	again.hello.LastN, again.hello.LastHash = p.n, p.prev
	again.greet()
	again.ws.Close()
	told(se.Base{Epoch: 1, Seq: 1})
}
