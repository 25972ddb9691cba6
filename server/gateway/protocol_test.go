package gateway_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// The device and account that protocol.md writes.
var written = gateway.Identity{Account: "01941f29-7c00-7000-8000-0000000000ac", Device: "01941f29-7c00-7000-8000-0000000000d1"}

type identity struct{ gateway.Identity }

func (i identity) Authenticate(context.Context, string) (gateway.Identity, error) {
	return i.Identity, nil
}

// TestProtocolExample sends the frames that protocol.md shows, exactly as they stand there, and compares every answer.
func TestProtocolExample(t *testing.T) {
	text, err := os.ReadFile("../../syncengine/wire/protocol.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```json (send|hear)\n(.*?)\n```").FindAllStringSubmatch(string(text), -1)
	require.Len(t, blocks, 19)

	c := open(t, func(o *gateway.Options) { o.Auth = identity{written} })
	c.store.SetPrincipal(written.Device, &se.Principal{
		Account: written.Account, Device: written.Device, Grants: []se.Grant{{Scope: grid, Name: "一网格", Level: schema.LevelGrid, Role: "grid_worker"}},
	})
	ws, _, err := websocket.DefaultDialer.Dial(c.url(), http.Header{
		"Authorization": {"Bearer token"}, "Sec-Websocket-Protocol": {wire.SubprotocolJSON},
	})
	require.NoError(t, err)
	defer ws.Close()
	ws.SetReadDeadline(time.Now().Add(20 * time.Second))

	var waiting []any // documented answers to what was sent last: they have no order
	hear := func() {
		for len(waiting) > 0 {
			_, b, err := ws.ReadMessage()
			require.NoError(t, err, "still waited for: %v", waiting)
			var got any
			require.NoError(t, json.Unmarshal(b, &got))
			i := 0
			for i < len(waiting) && !alike(waiting[i], got) {
				i++
			}
			require.Less(t, i, len(waiting), "protocol.md does not show this answer:\n%s\nit shows: %v", b, waiting)
			waiting = append(waiting[:i], waiting[i+1:]...)
		}
	}
	for _, b := range blocks {
		if b[1] == "send" {
			hear()
			require.NotContains(t, b[2], "\n", "one line, to be pasted")
			require.NoError(t, ws.WriteMessage(websocket.TextMessage, []byte(b[2])))
			continue
		}
		var want any
		require.NoError(t, json.Unmarshal([]byte(b[2]), &want))
		waiting = append(waiting, want)
	}
	hear()
	_, _, err = ws.ReadMessage()
	require.True(t, websocket.IsCloseError(err, wire.CloseMalformed), "%v", err)
	require.EqualValues(t, 2, c.head())
}

// alike compares a documented message with one that came; … stands for anything.
func alike(want, got any) bool {
	switch want := want.(type) {
	case string:
		if want == "…" {
			return got != nil
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(want) {
			return false
		}
		for k := range want {
			if !alike(want[k], g[k]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return false
		}
		for i := range want {
			if !alike(want[i], g[i]) {
				return false
			}
		}
		return true
	}
	return want == got
}
