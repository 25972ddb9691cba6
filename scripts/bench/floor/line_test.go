package floor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// serve starts a server that gives each connection to fn.
func serve(t testing.TB, fn func(*websocket.Conn)) (url string) {
	t.Helper()
	up := websocket.Upgrader{ReadBufferSize: 4096, WriteBufferSize: 4096}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		fn(ws)
	}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func dial(t testing.TB, url string) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	require.NoError(t, err)
	t.Cleanup(func() { ws.Close() })
	return ws
}

// BenchmarkEcho sends 300 bytes to and fro on one connection, one message at a time.
func BenchmarkEcho(b *testing.B) {
	url := serve(b, func(ws *websocket.Conn) {
		for {
			kind, m, err := ws.ReadMessage()
			if err != nil || ws.WriteMessage(kind, m) != nil {
				return
			}
		}
	})
	ws := dial(b, url)
	m := make([]byte, 300)
	for b.Loop() {
		require.NoError(b, ws.WriteMessage(websocket.BinaryMessage, m))
		_, _, err := ws.ReadMessage()
		require.NoError(b, err)
	}
}
