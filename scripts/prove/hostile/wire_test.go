//go:build prove

package hostile

import (
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// narrow dials sockets that take next to nothing which is not read: a small window, and segments as over a bad line.
var narrow = net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		if failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 2048); failed == nil {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 536)
		}
	})
	if err != nil {
		return err
	}
	return failed
}}

// dial makes the handshake over a narrow line. Nobody's is one from the centre's own page, without a token.
func (c *county) dial(m *crowd.Member, subprotocol string) *websocket.Conn {
	c.t.Helper()
	header := http.Header{"Sec-Websocket-Protocol": {subprotocol}}
	if m != nil {
		header.Set("Authorization", "Bearer "+m.Token())
	} else {
		header.Set("Origin", c.process.URL)
	}
	d := websocket.Dialer{NetDialContext: narrow.DialContext, HandshakeTimeout: 20 * time.Second}
	ws, _, err := d.DialContext(c.t.Context(), "ws://"+c.address()+"/v1/sync", header)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = ws.Close() })
	// Frames are written past the library here. Its answer to a ping would fall into the middle of one, and would leave a
	// second for the rest of it: a bomb that takes longer than the centre's patience would be thought cut off.
	ws.SetPingHandler(func(string) error { return nil })
	return ws
}

// greet is a device's Hello, from nothing.
func (c *county) greet(m *crowd.Member, ws *websocket.Conn) {
	c.t.Helper()
	c.say(ws, &session.Hello{Hello: se.Hello{Device: m.Device, App: "hostile", Schema: 1, Wall: c.out.Now().UnixMilli(), Unpacks: []string{se.Deflate}}})
}

func (c *county) say(ws *websocket.Conn, m session.Message) {
	c.t.Helper()
	kind, format := websocket.BinaryMessage, wire.Binary
	if ws.Subprotocol() == wire.SubprotocolJSON {
		kind, format = websocket.TextMessage, wire.JSON
	}
	b, err := wire.Marshal(m, format)
	require.NoError(c.t, err)
	require.NoError(c.t, ws.WriteMessage(kind, b))
}

// hear takes the next message.
func hear(ws *websocket.Conn) (session.Message, error) {
	kind, b, err := ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	format := wire.Binary
	if kind == websocket.TextMessage {
		format = wire.JSON
	}
	return wire.Unmarshal(b, format, se.DefaultLimits)
}

// inStep dials, greets and takes everything: from here on the centre sends it what others write.
func (c *county) inStep(m *crowd.Member, subprotocol ...string) *websocket.Conn {
	c.t.Helper()
	ws, _ := c.arrive(m, subprotocol...)
	return ws
}

// arrive is inStep that tells what the device said last.
func (c *county) arrive(m *crowd.Member, subprotocol ...string) (*websocket.Conn, *session.Seen) {
	c.t.Helper()
	ws := c.dial(m, append(subprotocol, wire.SubprotocolBinary)[0])
	c.greet(m, ws)
	require.NoError(c.t, ws.SetReadDeadline(c.out.Now().Add(time.Minute)))
	for frames := int64(0); ; {
		x, err := hear(ws)
		require.NoError(c.t, err)
		if d, ok := x.(*session.Delta); ok {
			frames++
			seen := &session.Seen{Frames: frames, Epoch: d.To.Epoch, Cursor: d.To.Seq, View: d.View}
			c.say(ws, seen)
			if d.Done {
				return ws, seen
			}
		}
	}
}
