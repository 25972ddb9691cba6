package floor

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// BenchmarkFanOut is W4: forty messages of 300 bytes, each made ready once, go to 500 listeners, in this process too. It
// ends when everybody has them all.
func BenchmarkFanOut(b *testing.B) {
	const listeners, messages = 500, 40
	var mu sync.Mutex
	var all []*websocket.Conn
	over := make(chan struct{})
	url := serve(b, func(ws *websocket.Conn) {
		mu.Lock()
		all = append(all, ws)
		mu.Unlock()
		_ = ws.WriteMessage(websocket.BinaryMessage, nil)
		<-over
	})
	defer close(over)
	var got atomic.Int64
	arrived := make(chan struct{}, 1)
	var want atomic.Int64
	for range listeners {
		ws := dial(b, url)
		_, _, err := ws.ReadMessage()
		require.NoError(b, err)
		go func() {
			for {
				if _, _, err := ws.ReadMessage(); err != nil {
					return
				}
				if got.Add(1) == want.Load() {
					arrived <- struct{}{}
				}
			}
		}()
	}
	payload := make([]byte, 300)
	for b.Loop() {
		want.Add(listeners * messages)
		var writing sync.WaitGroup
		for range messages {
			m, err := websocket.NewPreparedMessage(websocket.BinaryMessage, payload)
			require.NoError(b, err)
			const writers = 2
			for w := range writers {
				writing.Go(func() {
					for i := w; i < listeners; i += writers {
						_ = all[i].WritePreparedMessage(m)
					}
				})
			}
			writing.Wait()
		}
		<-arrived
	}
	rate(b, listeners*messages, "deliveries")
}
