package gateway_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/wsframe"
	"github.com/doorstep-sync/doorstep/server/gateway"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// zeros gives n bytes of zeros.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// peak runs f and tells by how much the heap grew meanwhile, at most.
func peak(f func()) uint64 {
	var before, m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	over, most := make(chan struct{}), make(chan uint64)
	go func() {
		top := before.HeapAlloc
		for {
			runtime.ReadMemStats(&m)
			top = max(top, m.HeapAlloc)
			select {
			case <-over:
				most <- top
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	f()
	close(over)
	return <-most - before.HeapAlloc
}

// Bombs: 256 MiB of zeros deflated to 256 KiB, a header that announces 1 GB with zeros behind it, JSON 10,000 deep and
// in megabytes, from eight devices each at once. Every one is closed with its code, the centre grows by less than
// 64 MiB, and another device goes on working (S7).
func TestBombsThroughASocket(t *testing.T) {
	c := open(t)
	witness := c.greet(90, wire.Binary)
	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.BestCompression)
	require.NoError(t, err)
	_, err = io.CopyN(w, zeros{}, 256<<20)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Less(t, deflated.Len(), small.MaxFrame, "it would pass as a message")
	bombs := []struct {
		name   string
		format wire.Format
		bytes  []byte
		fill   int64 // zeros sent behind it, as long as they are taken
		code   int
	}{
		{"deflated, marked as compressed", wire.Binary, wsframe.Masked(0xc2, deflated.Len(), deflated.Bytes()), 0, wire.CloseProtocol},
		{"deflated, not marked", wire.Binary, wsframe.Masked(0x82, deflated.Len(), deflated.Bytes()), 0, wire.CloseMalformed},
		{"1 GB announced", wire.Binary, wsframe.Masked(0x82, 1<<30, nil), 32 << 20, wire.CloseTooLarge},
		{"1 GB in parts", wire.Binary, append(wsframe.Masked(0x02, 100, make([]byte, 100)), wsframe.Masked(0x00, 1<<30, nil)...), 32 << 20, wire.CloseTooLarge},
		{"10,000 deep", wire.JSON, wsframe.Masked(0x81, 50_000, []byte(strings.Repeat("[[[[[", 10_000))), 0, wire.CloseMalformed},
		{"10,000 deep in push", wire.JSON, wsframe.Masked(0x81, 80_000, []byte(strings.Repeat(`{"push":`, 10_000))), 0, wire.CloseMalformed},
	}
	told := make([]atomic.Int64, len(bombs))
	grown := peak(func() {
		var all sync.WaitGroup
		for i, x := range bombs {
			for k := range 8 {
				p := c.greet(1+i*8+k, x.format)
				all.Go(func() {
					_, err := p.ws.NetConn().Write(x.bytes)
					if err == nil && x.fill > 0 {
						io.CopyN(p.ws.NetConn(), zeros{}, x.fill) // it is cut off, which is the point
					}
				})
				all.Go(func() {
					for {
						if _, _, err := p.ws.ReadMessage(); err != nil {
							if e := (&websocket.CloseError{}); errors.As(err, &e) { // else it was cut off while it still sent
								if e.Code != x.code {
									t.Errorf("%s: closed with %d, not %d", x.name, e.Code, x.code)
								}
								told[i].Add(1)
							}
							return
						}
					}
				})
			}
		}
		for range 20 {
			witness.works()
		}
		all.Wait()
	})
	t.Logf("the centre and 48 devices grew by %d KiB", grown>>10)
	require.Less(t, grown, uint64(64<<20))
	for i, x := range bombs {
		require.Positive(t, told[i].Load(), "%s: nobody was told why", x.name)
	}
	require.Eventually(t, func() bool { return c.gate.Connections() == 1 }, time.Minute, time.Millisecond)
	witness.works()
}

// A thousand connections of the slow kind: silent ones, such as drip a byte every ten seconds, and such as never read.
// Each is gone when its time is over, and a healthy device waits for none of them (S8).
func TestAThousandSlowConnections(t *testing.T) {
	const each = 333
	bubble(t, func(o *gateway.Options) { o.MaxConnections = 2000 }, func(t *testing.T, c *county, dial func(int) *phone) {
		for i := range 3*each + 2 {
			c.enrol(100 + i)
		}
		healthy := dial(0)
		healthy.greet()
		began := time.Now()
		var drips sync.WaitGroup
		for i := range each {
			dial(100 + i)                // says nothing
			drip := dial(100 + each + i) // says Hello, a byte every ten seconds
			deaf := dial(100 + 2*each + i)
			deaf.say(&session.Hello{Hello: deaf.hello}) // and takes nothing of the answer
			b := encode(t, drip)
			b = wsframe.Masked(0x82, len(b), b)
			drips.Go(func() {
				for k := range b {
					if _, err := drip.ws.NetConn().Write(b[k : k+1]); err != nil {
						return
					}
					time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock
				}
			})
		}
		synctest.Wait()
		require.Greater(t, c.gate.Connections(), 3*each)
		for range 10 {
			healthy.works()
		}
		require.Zero(t, time.Since(began), "by the bubble's clock a healthy device waits for nobody")
		go func() {
			for { // reading answers pings
				if _, err := healthy.next(); err != nil {
					return
				}
			}
		}()
		time.Sleep(22 * time.Second) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		require.Equal(t, 1, c.gate.Connections(), "Hello within 10 s, and whoever does not even take the notice of that within 10 s more")
		drips.Wait()
	})
}
