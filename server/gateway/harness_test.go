package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/server/feed"
	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestImports(t *testing.T) {
	imports.Check(t, "server/gateway", "server", "clients", "database/sql", "github.com/mattn/go-sqlite3")
}

const grid = "370115003239001"

// deviceID gives the id of the i-th device.
func deviceID(i int) string { return fmt.Sprintf("01941f29-7c00-7000-8000-%012x", i) }

func rowID(i int) se.RowID { return se.RowID(fmt.Sprintf("01941f29-7c00-7000-9000-%012x", i)) }

// tokens is an Authenticator: "token-<device>" is good, unless the device is in the table.
type tokens struct {
	mu      sync.Mutex
	fail    map[string]error
	expires map[string]time.Time
}

func (a *tokens) Authenticate(_ context.Context, token string) (gateway.Identity, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	device, ok := strings.CutPrefix(token, "token-")
	if err := a.fail[device]; err != nil {
		return gateway.Identity{}, err
	}
	if !ok {
		return gateway.Identity{}, gateway.ErrUnauthorised
	}
	return gateway.Identity{Account: "account-of-" + device, Device: device, Expires: a.expires[device]}, nil
}

// county is a real engine over a store in memory, behind a real gateway and a real socket.
type county struct {
	t      testing.TB
	store  *memstore.Store
	centre *centre.Centre
	tokens *tokens
	gate   *gateway.Gateway
	server *httptest.Server
	logs   *logs
	behind *changing
}

// changing is a Centre that a test may put another one behind.
type changing struct{ gateway.Centre }

func (c *county) swap(to gateway.Centre) { c.behind.Centre = to }

// logs collects what the gateway logs.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logs) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(b) }
func (l *logs) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

var declared = sync.OnceValues(load.Default)

var small = se.Limits{MaxChangeset: 128 << 10, MaxChanges: 1000, MaxFrame: 256 << 10, Window: 8}

// open starts a county; each change may alter the gateway's options.
func open(t testing.TB, changes ...func(*gateway.Options)) *county {
	t.Helper()
	c := prepare(t, changes...)
	c.server = httptest.NewServer(c.gate)
	t.Cleanup(c.server.Close)
	return c
}

// prepare is open without a listener.
func prepare(t testing.TB, changes ...func(*gateway.Options)) *county {
	t.Helper()
	s, err := declared()
	require.NoError(t, err)
	c := &county{t: t, store: memstore.New(s), tokens: &tokens{fail: map[string]error{}, expires: map[string]time.Time{}}, logs: &logs{}}
	bells := feed.New()
	c.centre = centre.New(se.New(s, small), c.store, centre.Options{Now: time.Now, Bell: bells.County(1)})
	c.behind = &changing{c.centre}
	o := gateway.Options{
		Auth: c.tokens, Centre: c.behind, Bell: bells.County(1), Now: time.Now, Log: zerolog.New(c.logs),
		Deadlines: gateway.Deadlines{Linger: 100 * time.Millisecond},
	}
	for _, change := range changes {
		change(&o)
	}
	c.gate, err = gateway.New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, c.gate.Shutdown(ctx))
		require.Zero(t, c.gate.Connections())
		c.centre.Close()
		for _, secret := range []string{"token-", canary} {
			require.NotContains(t, c.logs.String(), secret, "logs hold neither tokens nor values")
		}
		require.NotContains(t, c.logs.String(), "panic")
	})
	for i := range 100 {
		c.enrol(i)
	}
	return c
}

func (c *county) enrol(i int) {
	c.store.SetPrincipal(deviceID(i), &se.Principal{
		Account: "account-of-" + deviceID(i), Device: deviceID(i), Grants: []se.Grant{{Scope: grid, Name: "一网格", Role: "grid_worker"}},
	})
}

func (c *county) url() string { return strings.Replace(c.server.URL, "http", "ws", 1) + "/v1/sync" }

// phone is a device's end of a socket, driven by hand.
type phone struct {
	t      testing.TB
	ws     *websocket.Conn
	format wire.Format
	i      int
	n      int64
	prev   se.Hash
	hello  se.Hello
	// patience bounds each wait, by the bubble's clock in a bubble.
	patience time.Duration
	kept     []session.Message // came while something else was waited for: deltas and verdicts have no order
}

// dial opens a socket for the i-th device without saying anything.
func (c *county) dial(i int, f wire.Format) *phone {
	c.t.Helper()
	p := c.connect(i, f)
	c.t.Cleanup(func() { p.ws.Close() })
	return p
}

// connect is dial for those who close the socket themselves.
func (c *county) connect(i int, f wire.Format) *phone {
	c.t.Helper()
	ws, resp, err := websocket.DefaultDialer.Dial(c.url(), http.Header{
		"Authorization": {"Bearer token-" + deviceID(i)}, "Sec-Websocket-Protocol": {f.Subprotocol()},
	})
	if err != nil && resp != nil {
		b, _ := io.ReadAll(resp.Body)
		require.NoError(c.t, err, "%s: %s", resp.Status, b)
	}
	require.NoError(c.t, err)
	return &phone{t: c.t, ws: ws, format: f, i: i, patience: 30 * time.Second, hello: se.Hello{Device: deviceID(i), App: "test", Schema: 1, Wall: time.Now().UnixMilli()}}
}

// greet opens a socket and goes through the greeting up to the first Delta that is done.
func (c *county) greet(i int, f wire.Format) *phone {
	c.t.Helper()
	p := c.dial(i, f)
	p.greet()
	return p
}

func (p *phone) greet() *session.Welcome {
	p.t.Helper()
	p.say(&session.Hello{Hello: p.hello})
	w := hear[*session.Welcome](p)
	p.n, p.prev = w.LastN, w.Hash
	p.catchUp(1)
	return w
}

// catchUp takes deltas until one is done, and says that it has seen all of them.
func (p *phone) catchUp(frames int64) *session.Delta {
	p.t.Helper()
	for ; ; frames++ {
		d := hear[*session.Delta](p)
		if d.Done {
			p.hello.Epoch, p.hello.Cursor, p.hello.View = d.To.Epoch, d.To.Seq, d.View
		}
		p.say(&session.Seen{Frames: frames, Epoch: p.hello.Epoch, Cursor: p.hello.Cursor, View: p.hello.View})
		if d.Done {
			return d
		}
	}
}

func (p *phone) say(m session.Message) {
	p.t.Helper()
	b, err := wire.Marshal(m, p.format)
	require.NoError(p.t, err)
	p.send(b)
}

func (p *phone) send(b []byte) {
	p.t.Helper()
	kind := websocket.BinaryMessage
	if p.format == wire.JSON {
		kind = websocket.TextMessage
	}
	require.NoError(p.t, p.ws.WriteMessage(kind, b))
}

// next takes the next message of any kind.
func (p *phone) next() (session.Message, error) {
	p.ws.SetReadDeadline(time.Now().Add(p.patience))
	_, b, err := p.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	m, err := wire.Unmarshal(b, p.format, se.DefaultLimits)
	require.NoError(p.t, err, "%s", b)
	return m, nil
}

// hear takes messages until one of a kind comes, and keeps the others. A Notice that closes ends the test, unless it is waited for.
func hear[M session.Message](p *phone) M {
	p.t.Helper()
	for i, m := range p.kept {
		if m, ok := m.(M); ok {
			p.kept = slices.Delete(p.kept, i, i+1)
			return m
		}
	}
	for {
		m, err := p.next()
		require.NoError(p.t, err)
		if m, ok := m.(M); ok {
			return m
		}
		p.kept = append(p.kept, m)
		if n, ok := m.(*session.Notice); ok && n.Close {
			require.Failf(p.t, "closed", "%s: %s", n.Code, n.Text)
		}
	}
}

// closed takes everything up to the end of the connection: the Notice that closes, nil if there is none, and the
// close code.
func (p *phone) closed() (*session.Notice, int) {
	p.t.Helper()
	var last *session.Notice
	for {
		m, err := p.next()
		if err != nil {
			e := &websocket.CloseError{}
			require.ErrorAs(p.t, err, &e)
			return last, e.Code
		}
		if n, ok := m.(*session.Notice); ok && n.Close {
			last = n
		}
	}
}

const canary = "C-18612345678"

// hazard makes the next changeset of the device: one new row.
func (p *phone) hazard(text string) *se.Changeset {
	p.n++
	cs := &se.Changeset{
		Device: deviceID(p.i), N: p.n, Prev: p.prev, Wall: time.Now().UnixMilli(), Author: "account-of-" + deviceID(p.i), Schema: 1,
		Changes: []se.Change{{Table: "hazard", Row: rowID(p.i<<20 | int(p.n)), Op: se.OpInsert, Cells: []se.CellWrite{
			{Cell: "scope", Values: []schema.Value{schema.Text(grid)}},
			{Cell: "kind_code", Values: []schema.Value{schema.Text("stairs")}},
			{Cell: "description", Values: []schema.Value{schema.Text(text)}},
		}}},
	}
	p.prev = cs.Hash()
	return cs
}

// works shows that the connection does its work: a changeset goes in and its verdict comes back.
func (p *phone) works() {
	p.t.Helper()
	cs := p.hazard(canary)
	p.say(&session.Push{Changesets: []*se.Changeset{cs}})
	v := hear[*session.Verdicts](p).Verdicts
	require.Len(p.t, v, 1)
	require.Equal(p.t, cs.N, v[0].N)
	require.Equal(p.t, cs.Hash(), v[0].Hash)
	require.Equal(p.t, se.Accepted, v[0].Kind, "%+v", v[0].Reason)
}

// head is the county's seq: how many changesets took effect.
func (c *county) head() int64 {
	var h se.Head
	require.NoError(c.t, c.store.View(func(tx se.ReadTx) (err error) { h, err = tx.Head(); return err }))
	return h.Seq
}

// encode gives the phone's Hello as bytes.
func encode(t testing.TB, p *phone) []byte {
	t.Helper()
	b, err := wire.Marshal(&session.Hello{Hello: p.hello}, p.format)
	require.NoError(t, err)
	return b
}
