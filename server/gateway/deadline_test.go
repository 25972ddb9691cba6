package gateway_test

import (
	"context"
	"errors"
	"net"
	"net/http"
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
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// pipes is a listener whose connections lie in memory, so that the bubble's clock rules their deadlines. A write
// waits there until somebody reads: a device that never reads takes nothing at all.
type pipes struct {
	ends chan net.Conn
	over chan struct{}
	once sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.ends:
		return c, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.over) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// bubble runs a test with a county on a clock of its own.
func bubble(t *testing.T, change func(*gateway.Options), test func(t *testing.T, c *county, dial func(i int) *phone)) {
	_, err := declared() // outside of the bubble: other tests use it too
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		c := prepare(t, func(o *gateway.Options) { o.Deadlines.Linger = 0 }, change)
		line := &pipes{ends: make(chan net.Conn), over: make(chan struct{})}
		server := &http.Server{Handler: c.gate, ReadHeaderTimeout: 10 * time.Second}
		go server.Serve(line)
		t.Cleanup(func() { server.Close() })
		test(t, c, func(i int) *phone {
			d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) {
				mine, theirs := net.Pipe()
				line.ends <- theirs
				return mine, nil
			}}
			ws, _, err := d.Dial("ws://centre/v1/sync", http.Header{
				"Authorization": {"Bearer token-" + deviceID(i)}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary},
			})
			require.NoError(t, err)
			t.Cleanup(func() { ws.Close() })
			return &phone{t: t, ws: ws, i: i, patience: 48 * time.Hour, hello: se.Hello{Device: deviceID(i)}}
		})
	})
}

func same(*gateway.Options) {}

// ends tells when and how a phone's connection ends.
func (p *phone) ends() (after time.Duration, code int) {
	began := time.Now()
	_, code = p.closed()
	return time.Since(began), code
}

func TestNoHello(t *testing.T) {
	bubble(t, same, func(t *testing.T, _ *county, dial func(int) *phone) {
		after, code := dial(1).ends()
		require.Equal(t, wire.CloseTimeout, code)
		require.Equal(t, 10*time.Second, after)
	})
}

// Pongs before Hello buy no time.
func TestPongsAreNoHello(t *testing.T) {
	bubble(t, same, func(t *testing.T, _ *county, dial func(int) *phone) {
		p := dial(1)
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-time.After(time.Second):
					p.ws.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second))
				case <-stop:
					return
				}
			}
		}()
		after, code := p.ends()
		require.Equal(t, wire.CloseTimeout, code)
		require.Equal(t, 10*time.Second, after)
	})
}

// A device that answers pings stays as long as it likes; from time to time an empty step tells it that nothing is new.
func TestQuietDeviceStays(t *testing.T) {
	bubble(t, same, func(t *testing.T, c *county, dial func(int) *phone) {
		p := dial(1)
		p.greet()
		pings := 0
		answer := p.ws.PingHandler()
		p.ws.SetPingHandler(func(s string) error { pings++; return answer(s) })
		steps := 0
		go func() {
			for { // reading answers pings
				m, err := p.next()
				if err != nil {
					return
				}
				d := m.(*session.Delta)
				steps++
				require.True(t, d.Done && len(d.Items) == 0)
				p.say(&session.Seen{Frames: int64(1 + steps), Epoch: d.To.Epoch, Cursor: d.To.Seq, View: d.View})
			}
		}()
		time.Sleep(24 * time.Hour) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		require.Equal(t, 1, c.gate.Connections())
		require.InDelta(t, 24*60*4, pings, 2)
		require.Greater(t, steps, 24*60)
	})
}

// A link that died without a word: pings go out and nothing comes back. The centre notices 43 s after the last
// sign, and one commit more or less changes nothing.
func TestHalfOpen(t *testing.T) {
	bubble(t, same, func(t *testing.T, c *county, dial func(int) *phone) {
		p := dial(1)
		p.greet()
		began := time.Now()
		p.ws.SetPingHandler(func(string) error { return nil })
		after, code := p.ends()
		require.Equal(t, wire.CloseTimeout, code)
		require.Equal(t, 43*time.Second, after)
		p.ws.Close()
		synctest.Wait()
		require.Zero(t, c.gate.Connections())
		require.Equal(t, 43*time.Second, time.Since(began))
	})
}

// A device that never reads is cut off when it does not take a message; a second device does not notice.
func TestNeverReads(t *testing.T) {
	bubble(t, same, func(t *testing.T, c *county, dial func(int) *phone) {
		deaf, other := dial(1), dial(2)
		began := time.Now()
		deaf.say(&session.Hello{Hello: deaf.hello}) // Welcome is never taken
		other.greet()
		for range 5 {
			other.works()
			require.Less(t, time.Since(began), time.Second)
		}
		require.Equal(t, 2, c.gate.Connections())
		go func() {
			for {
				if _, err := other.next(); err != nil {
					return
				}
			}
		}()
		time.Sleep(11 * time.Second) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		require.Equal(t, 1, c.gate.Connections())
	})
}

// Slow-loris: a message that drips is cut off when its time is over, a byte every 10 s buys nothing. A slow link gets
// its large message through, though it takes longer than that.
func TestDrip(t *testing.T) {
	bubble(t, same, func(t *testing.T, c *county, dial func(int) *phone) {
		var drip sync.WaitGroup
		send := func(p *phone, b []byte, portion int, pause time.Duration) {
			p.ws.SetPingHandler(func(string) error { return nil }) // a pong would land inside the message
			drip.Go(func() {
				for len(b) > 0 {
					n := min(len(b), portion)
					if _, err := p.ws.NetConn().Write(b[:n]); err != nil {
						return
					}
					b = b[n:]
					time.Sleep(pause) //nolint:forbidigo // the bubble's clock
				}
			})
		}
		for _, x := range []struct {
			portion int
			pause   time.Duration
		}{{1, 10 * time.Second}, {9000, 40 * time.Second}} {
			dripping := dial(1)
			dripping.greet()
			send(dripping, wsframe.Masked(0x82, 200_000, make([]byte, 200_000)), x.portion, x.pause)
			after, code := dripping.ends()
			require.Equal(t, wire.CloseTimeout, code)
			require.LessOrEqual(t, after, 50*time.Second)
			dripping.ws.Close()
			drip.Wait()
		}

		slow := dial(2)
		slow.greet()
		cs := slow.hazard("slow")
		cs.Boot = "b"
		for i := range 900 {
			x := cs.Changes[0]
			x.Row = rowID(1000 + i)
			cs.Changes = append(cs.Changes, x)
		}
		b := mustMarshal(t, &session.Push{Changesets: []*se.Changeset{cs}})
		b = wsframe.Masked(0x82, len(b), b)
		require.Greater(t, len(b), 110_000)
		began := time.Now()
		send(slow, b, 200, 100*time.Millisecond)
		v := hear[*session.Verdicts](slow).Verdicts[0]
		require.Equal(t, cs.Hash(), v.Hash)
		require.Greater(t, time.Since(began), 50*time.Second)
		drip.Wait()
	})
}

// Half a handshake is http.Server's to bound, with ReadHeaderTimeout.
func TestHalfAHandshake(t *testing.T) {
	bubble(t, same, func(t *testing.T, c *county, dial func(int) *phone) {
		mine, theirs := net.Pipe()
		line := &pipes{ends: make(chan net.Conn, 1), over: make(chan struct{})}
		line.ends <- theirs
		server := &http.Server{Handler: c.gate, ReadHeaderTimeout: 10 * time.Second}
		go server.Serve(line)
		defer server.Close()
		began := time.Now()
		mine.Write([]byte("GET /v1/sync HTTP/1.1\r\nHost: centre\r\nUpgrade: web"))
		mine.Read(make([]byte, 1))
		require.Equal(t, 10*time.Second, time.Since(began))
		mine.Close()
	})
}

// A token's end is the connection's end (S12).
func TestTokenRunsOut(t *testing.T) {
	bubble(t, same, func(t *testing.T, c *county, dial func(int) *phone) {
		c.tokens.expires[deviceID(1)] = time.Now().Add(7*time.Minute + 3*time.Second)
		p, other := dial(1), dial(2)
		p.greet()
		other.greet()
		go func() {
			for {
				if _, err := other.next(); err != nil {
					return
				}
			}
		}()
		after, code := p.ends()
		require.Equal(t, 7*time.Minute+3*time.Second, after)
		require.Equal(t, wire.CloseUnauthorised, code)
		p.ws.Close()
		synctest.Wait()
		require.Equal(t, 1, c.gate.Connections())
	})
}

// A device above its rate waits; it is not cut off, and another one does not wait.
func TestPace(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.PushRate, o.PushBurst = 2, 3 }, func(t *testing.T, c *county, dial func(int) *phone) {
		fast, other := dial(1), dial(2)
		fast.greet()
		other.greet()
		began := time.Now()
		for range 3 {
			fast.works()
		}
		require.Zero(t, time.Since(began))
		for range 10 {
			fast.works()
		}
		require.Equal(t, 5*time.Second, time.Since(began))
		began = time.Now()
		other.works()
		require.Zero(t, time.Since(began))
	})
}

// Shutdown with patience that ends: whoever is still there is cut off, a commit that hangs included.
func TestShutdownLosesPatience(t *testing.T) {
	hang := make(chan struct{})
	bubble(t, func(o *gateway.Options) { o.Centre = hanging{o.Centre, hang} }, func(t *testing.T, c *county, dial func(int) *phone) {
		p := dial(1)
		p.greet()
		p.say(&session.Push{Changesets: []*se.Changeset{p.hazard("x")}})
		synctest.Wait()
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.ErrorIs(t, c.gate.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, 20*time.Second, time.Since(began))
		require.Zero(t, c.gate.Connections())
	})
}

// hanging is a Centre whose commits do not end before the context does.
type hanging struct {
	gateway.Centre
	until chan struct{}
}

func (h hanging) Submit(ctx context.Context, list []*se.Changeset, contact se.Contact) ([]se.Result, error) {
	<-ctx.Done()
	return nil, errors.New("hung: " + strings.ToLower(ctx.Err().Error()))
}

// counting is an Observer that counts pushes.
type counting struct{ pushes atomic.Int64 }

func (c *counting) Received(kind string, _ int) {
	if kind == "push" {
		c.pushes.Add(1)
	}
}
func (*counting) Refused(int)                  {}
func (*counting) Opened()                      {}
func (*counting) Closed(string)                {}
func (*counting) Sent(string, int)             {}
func (*counting) Committed(int, time.Duration) {}

// What a device pushes while the committer is busy does not pile up at the centre: it is not read (S7).
func TestUnjudgedBytesAreBounded(t *testing.T) {
	seen := &counting{}
	bubble(t, func(o *gateway.Options) {
		o.Observer, o.MaxUnjudged, o.Centre = seen, 3000, hanging{o.Centre, nil}
	}, func(t *testing.T, c *county, dial func(int) *phone) {
		p := dial(1)
		p.greet()
		go func() {
			for range small.Window {
				b, err := wire.Marshal(&session.Push{Changesets: []*se.Changeset{p.hazard(strings.Repeat("x", 1000))}}, wire.Binary)
				if err != nil || p.ws.WriteMessage(websocket.BinaryMessage, b) != nil {
					return
				}
			}
		}()
		synctest.Wait()
		require.LessOrEqual(t, seen.pushes.Load(), int64(3))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.gate.Shutdown(ctx), context.DeadlineExceeded)
	})
}

// A device that has not said what it has seen is sent no more, however much happens; then everything comes as one step
// (P14: nothing piles up for it at the centre).
func TestCredit(t *testing.T) {
	bubble(t, same, func(t *testing.T, c *county, dial func(int) *phone) {
		slow, other := dial(1), dial(2)
		slow.say(&session.Hello{Hello: slow.hello})
		hear[*session.Welcome](slow)
		d := hear[*session.Delta](slow)
		came := make(chan session.Message, 100)
		go func() {
			for {
				m, err := slow.next()
				if err != nil {
					close(came)
					return
				}
				came <- m
			}
		}()
		other.greet()
		for range 5 {
			other.works()
		}
		synctest.Wait()
		require.Empty(t, came)
		slow.say(&session.Seen{Frames: 1, Epoch: d.To.Epoch, Cursor: d.To.Seq, View: d.View})
		synctest.Wait()
		require.Len(t, came, 1)
		require.Len(t, (<-came).(*session.Delta).Items, 5)
		slow.ws.Close()
		<-came
	})
}

// A device that pushes and never reads is not read any further: what waits for it is bounded (S8).
func TestPushesAndNeverReads(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.PushBurst = 1_000_000 }, func(t *testing.T, c *county, dial func(int) *phone) {
		deaf := dial(1)
		deaf.say(&session.Hello{Hello: deaf.hello})
		synctest.Wait() // it is welcome, only it has not read so
		for i := 0; ; i++ {
			require.Less(t, i, 300)
			b := mustMarshal(t, &session.Push{Changesets: []*se.Changeset{deaf.hazard("x")}})
			taken := make(chan struct{})
			go func() {
				deaf.ws.WriteMessage(websocket.BinaryMessage, b)
				close(taken)
			}()
			synctest.Wait()
			select {
			case <-taken:
				continue
			default:
			}
			require.Greater(t, i, 200)
			break
		}
		other := dial(2)
		other.greet()
		other.works()
	})
}

// telling is a Centre that wants a receipt and takes its time to write it down.
type telling struct {
	gateway.Centre
	until chan struct{}
}

func (x telling) Welcome(h se.Hello) (*se.Welcome, error) {
	w, err := x.Centre.Welcome(h)
	if w != nil {
		w.Receipt = 1
	}
	return w, err
}

func (x telling) Tell(se.Tell) (int64, error) { <-x.until; return 1, nil }

// Receipts that a device repeats while the centre writes one down do not pile up at the centre: they are not read (S7).
func TestReceiptsAreBounded(t *testing.T) {
	var until chan struct{} // of the bubble
	bubble(t, func(o *gateway.Options) { until = make(chan struct{}); o.Centre = telling{o.Centre, until} }, func(t *testing.T, c *county, dial func(int) *phone) {
		p := dial(1)
		p.greet()
		var said atomic.Int64
		b, err := wire.Marshal(&session.Purged{Purged: se.Purged{View: p.hello.View}}, p.format)
		require.NoError(t, err)
		over := make(chan struct{})
		go func() {
			defer close(over)
			for range 5000 {
				if p.ws.WriteMessage(websocket.BinaryMessage, b) != nil {
					return
				}
				said.Add(1)
			}
		}()
		synctest.Wait()
		require.Less(t, said.Load(), int64(1000))
		close(until)
		<-over
		require.EqualValues(t, 5000, said.Load())
		p.works()
	})
}
