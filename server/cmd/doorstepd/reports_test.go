package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// take opens a socket and takes deltas until it has all there is, which it says.
func (b *busy) take(h *session.Hello) {
	b.connect(h)
	for frames := int64(1); ; {
		_, in, err := b.ws.ReadMessage()
		require.NoError(b.t, err)
		m, err := wire.Unmarshal(in, wire.Binary, se.DefaultLimits)
		require.NoError(b.t, err)
		if d, ok := m.(*session.Delta); ok {
			if d.Done {
				b.say(&session.Seen{Frames: frames, Epoch: d.To.Epoch, Cursor: d.To.Seq, View: d.View})
				return
			}
			b.say(&session.Seen{Frames: frames})
			frames++
		}
	}
}

// How far a phone came and how its checks went is told by its Hello and by what it says while it is connected, and is
// known when it is off and the centre has started again.
func TestDeviceListTellsOfChecks(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := start(t, data)
	b := r.peopled()
	admin := r.call("POST", "/v1/login", "", map[string]string{"login": "root", "password": "long enough password"}, 200)["token"].(string)
	shown := func() map[string]any { return r.call("GET", "/v1/devices/"+b.device, admin, nil, 200) }
	for range 2 {
		require.True(t, b.push())
	}
	require.NoError(t, b.ws.Close())
	_, metrics := r.get("/metrics")
	require.Contains(t, metrics, "\ndoorstep_devices_repaired 0\n")
	require.Equal(t, []any{2.0, nil, nil}, []any{shown()["behind"], shown()["checked_at"], shown()["repaired"]})

	hello := se.Hello{Device: b.device, App: "phone/2", Schema: 1, Wall: time.Now().Add(time.Hour).UnixMilli(), LastN: b.n, LastHash: b.prev,
		Checked: (5 * 24 * time.Hour).Milliseconds(), Repaired: 3}
	b.take(&session.Hello{Hello: hello})
	require.Eventually(t, func() bool { return shown()["behind"] == 0.0 }, 20*time.Second, time.Millisecond, "it is connected and says so")
	at, err := time.Parse(time.RFC3339, shown()["checked_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(-5*24*time.Hour), at, 20*time.Second, "by the centre's clock, whatever the phone's")
	require.Equal(t, 3.0, shown()["repaired"])
	_, metrics = r.get("/metrics")
	require.Contains(t, metrics, "\ndoorstep_devices_repaired 1\n")
	require.Contains(t, metrics, "\ndoorstep_devices_check_overdue 0\n", "it was enrolled today")

	b.say(&session.Check{Check: se.Check{Number: 1, Report: &se.CheckReport{Scopes: 1, Repaired: 2, Local: 1}}})
	require.Eventually(t, func() bool { return shown()["repaired"] == 6.0 }, 20*time.Second, time.Millisecond)
	at, err = time.Parse(time.RFC3339, shown()["checked_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, 20*time.Second)
	require.NoError(t, b.ws.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second)))
	require.NoError(t, r.end())

	r = start(t, data)
	require.Equal(t, []any{0.0, 6.0}, []any{shown()["behind"], shown()["repaired"]})
	require.NoError(t, r.end())
}
