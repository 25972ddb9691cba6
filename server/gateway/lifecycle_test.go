package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/internal/wsframe"
	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// Revoked closes the device's sockets at once, all of them and no others (S12). On the one that comes next it may drain.
func TestRevoked(t *testing.T) {
	c := open(t)
	a, b, other := c.greet(1, wire.Binary), c.greet(1, wire.JSON), c.greet(2, wire.Binary)
	silent := c.dial(1, wire.Binary) // has not even said Hello
	require.Eventually(t, func() bool { return c.gate.Connections() == 4 }, time.Minute, time.Millisecond, "the last one may hear of its handshake before the centre has noted it")
	began := time.Now()
	c.gate.Revoked(deviceID(1))
	for _, p := range []*phone{a, b, silent} {
		notice, code := p.closed()
		require.Equal(t, wire.CloseGap, code)
		require.Equal(t, session.NoticeGap, notice.Code, "it comes back at once, to be retired")
	}
	require.Less(t, time.Since(began), 5*time.Second)
	other.works()
	c.gate.Revoked(deviceID(50)) // not here
}

// What a device still sends after the end is read away, and has no effect.
func TestNothingAfterTheEnd(t *testing.T) {
	c := open(t)
	p := c.greet(1, wire.Binary)
	b := mustMarshal(t, &session.Push{Changesets: []*se.Changeset{p.hazard("late")}})
	p.ws.SetCloseHandler(func(int, string) error { return nil })
	c.gate.Revoked(deviceID(1))
	p.closed()
	_, err := p.ws.NetConn().Write(wsframe.Masked(0x82, len(b), b))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return c.gate.Connections() == 0 }, time.Minute, time.Millisecond)
	require.Zero(t, c.head())
}

// One device cannot take all the room: its oldest socket gives way.
func TestSocketsOfOneDevice(t *testing.T) {
	c := open(t, func(o *gateway.Options) { o.MaxPerDevice = 2 })
	first, second := c.greet(1, wire.Binary), c.greet(1, wire.Binary)
	third := c.greet(1, wire.Binary)
	_, code := first.closed()
	require.Equal(t, wire.CloseProtocol, code)
	second.works()
	third.hello.LastN = 1
	third.n, third.prev = second.n, second.prev
	third.works()
}

func TestRoom(t *testing.T) {
	c := open(t, func(o *gateway.Options) { o.MaxConnections, o.MaxStrangers = 4, 2 })
	page := func() (*websocket.Conn, int) {
		ws, resp, err := websocket.DefaultDialer.Dial(c.url(), http.Header{"Origin": {c.server.URL}, "Sec-Websocket-Protocol": {wire.SubprotocolJSON}})
		if err != nil {
			resp.Body.Close()
			require.NotEmpty(t, resp.Header.Get("Retry-After"))
			require.Equal(t, string(session.NoticeBusy), resp.Header.Get(wire.NoticeHeader))
			return nil, resp.StatusCode
		}
		return ws, resp.StatusCode
	}
	one, _ := page()
	two, _ := page()
	defer one.Close()
	_, status := page()
	require.Equal(t, http.StatusServiceUnavailable, status, "strangers have little room")
	p := c.greet(1, wire.Binary)
	require.Eventually(t, func() bool { return c.gate.Connections() == 3 }, time.Minute, time.Millisecond) // also who was let in a moment ago
	two.Close()
	require.Eventually(t, func() bool { return c.gate.Connections() == 2 }, time.Minute, time.Millisecond)
	three, status := page()
	require.Equal(t, 101, status, "room comes back")
	defer three.Close()
	c.greet(2, wire.Binary)
	status, _, _ = shake(t, c.url(), nil)
	require.Equal(t, http.StatusServiceUnavailable, status, "no more than four")
	p.works()
}

// Room is kept for who is let in: of many that come at once no more get in than there is room for.
func TestRoomForManyAtOnce(t *testing.T) {
	c := open(t, func(o *gateway.Options) { o.MaxConnections, o.MaxStrangers = 4, 2 })
	var in, out atomic.Int64
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			ws, resp, err := websocket.DefaultDialer.Dial(c.url(), http.Header{"Origin": {c.server.URL}, "Sec-Websocket-Protocol": {wire.SubprotocolJSON}})
			switch {
			case err == nil:
				in.Add(1)
				t.Cleanup(func() { ws.Close() })
			case resp != nil && resp.StatusCode == http.StatusServiceUnavailable:
				out.Add(1)
			default:
				t.Errorf("neither in nor told to come back: %v", err)
			}
		})
	}
	await.Group(t, &wg, "all handshakes")
	require.EqualValues(t, 2, in.Load())
	require.EqualValues(t, 38, out.Load())
}

// A centre that stops lets the commit under way answer, says so to everybody and takes nobody new.
func TestShutdown(t *testing.T) {
	gate := make(chan struct{})
	entered := make(chan struct{})
	first := sync.OnceFunc(func() { close(entered) }) // what comes when connections end is written too
	c := open(t)
	a, b := c.greet(1, wire.Binary), c.greet(2, wire.JSON)
	c.store.FailCommit = func() error { first(); <-gate; return nil }
	cs := a.hazard("last")
	a.say(&session.Push{Changesets: []*se.Changeset{cs}})
	await.Value(t, entered, "the commit")
	done := make(chan error, 1)
	go func() { done <- c.gate.Shutdown(context.Background()) }()
	notice, code := b.closed()
	require.Equal(t, wire.CloseStopping, code)
	require.True(t, notice.Code.Retry())
	status, _, _ := shake(t, c.url(), nil)
	require.Equal(t, http.StatusServiceUnavailable, status)
	close(gate)
	require.Equal(t, cs.Hash(), hear[*session.Verdicts](a).Verdicts[0].Hash)
	_, code = a.closed()
	require.Equal(t, wire.CloseStopping, code)
	require.NoError(t, await.Value(t, done, "the gateway to end"))
}

// shaky panics where it is told to.
type shaky struct {
	gateway.Centre
	mu    sync.Mutex
	where string
}

func (s *shaky) at(where string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.where == where {
		s.where = ""
		panic("bug: " + canary)
	}
}

func (s *shaky) Welcome(h se.Hello) (*se.Welcome, error) { s.at("welcome"); return s.Centre.Welcome(h) }
func (s *shaky) Next(r se.NextRequest) (*se.Part, error) { s.at("next"); return s.Centre.Next(r) }
func (s *shaky) Submit(ctx context.Context, l []*se.Changeset, c se.Contact) ([]se.Result, error) {
	s.at("submit")
	return s.Centre.Submit(ctx, l, c)
}

// A bug on one connection ends that one and is logged without what it was about.
func TestPanic(t *testing.T) {
	for _, where := range []string{"welcome", "next", "submit"} {
		t.Run(where, func(t *testing.T) {
			s := &shaky{}
			c := open(t, func(o *gateway.Options) { s.Centre = o.Centre; o.Centre = s })
			other := c.greet(2, wire.Binary)
			s.mu.Lock()
			s.where = where
			s.mu.Unlock()
			p := c.dial(1, wire.Binary)
			p.say(&session.Hello{Hello: p.hello})
			if where == "submit" {
				hear[*session.Welcome](p)
				p.say(&session.Push{Changesets: []*se.Changeset{p.hazard("x")}})
			}
			if where == "submit" { // the writer still can say so
				_, code := p.closed()
				require.Equal(t, wire.CloseInternal, code)
			} else {
				for {
					if _, err := p.next(); err != nil {
						break
					}
				}
			}
			other.works()
			c.greet(1, wire.Binary).works()
			require.Contains(t, c.logs.String(), `"where"`)
			require.NotContains(t, c.logs.String(), canary)
			c.logs.mu.Lock()
			c.logs.b.Reset()
			c.logs.mu.Unlock()
		})
	}
}

// counts is an Observer.
type counts struct {
	mu sync.Mutex
	m  map[string]int
}

func (c *counts) add(what string, n int)           { c.mu.Lock(); c.m[what] += n; c.mu.Unlock() }
func (c *counts) Refused(status int)               { c.add(http.StatusText(status), 1) }
func (c *counts) Opened()                          { c.add("opened", 1) }
func (c *counts) Closed(code string)               { c.add("closed "+code, 1) }
func (c *counts) Received(kind string, bytes int)  { c.add("in "+kind, 1); c.add("bytes in", bytes) }
func (c *counts) Sent(kind string, bytes int)      { c.add("out "+kind, 1); c.add("bytes out", bytes) }
func (c *counts) Committed(n int, _ time.Duration) { c.add("committed", n) }
func (c *counts) get(what string) int              { c.mu.Lock(); defer c.mu.Unlock(); return c.m[what] }

func TestObserver(t *testing.T) {
	o := &counts{m: map[string]int{}}
	c := open(t, func(opts *gateway.Options) { opts.Observer = o })
	p := c.greet(1, wire.Binary)
	p.works()
	p.works()
	p.send([]byte{0xff})
	p.closed()
	p.ws.Close()
	gone := c.greet(2, wire.Binary)
	gone.ws.Close()
	shake(t, c.url(), map[string][]string{"Sec-Websocket-Protocol": nil})
	require.Eventually(t, func() bool { return c.gate.Connections() == 0 && o.get("closed gone") == 1 }, time.Minute, time.Millisecond)
	for what, n := range map[string]int{
		"opened": 2, "closed protocol": 1, "closed gone": 1, "in hello": 2, "in push": 2, "out welcome": 2, "committed": 2, "Bad Request": 1,
	} {
		require.Equal(t, n, o.get(what), what)
	}
	require.Positive(t, o.get("bytes in"))
	require.Positive(t, o.get("bytes out"))
}

// Forty devices at once, each pushing and hearing of the others, and hanging up as it likes: every verdict is right and
// nobody is left behind.
func TestManyAtOnce(t *testing.T) {
	c := open(t)
	const devices, each = 20, 10
	var wg sync.WaitGroup
	for i := range devices {
		wg.Go(func() {
			f := []wire.Format{wire.Binary, wire.JSON}[i%2]
			for range each {
				p := c.greet(i, f)
				p.works()
				p.ws.Close()
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, devices*each, c.head())
	last := c.dial(99, wire.Binary)
	last.say(&session.Hello{Hello: last.hello})
	rows := map[se.RowID]bool{}
	for _, it := range last.catchUp(1).Items { // one frame: they are few
		rows[it.Row] = true
	}
	require.Len(t, rows, devices*each)
	require.NotContains(t, strings.ToLower(c.logs.String()), "error")
}
