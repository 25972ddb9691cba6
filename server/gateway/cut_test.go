package gateway_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/wsframe"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// cutter lets so many bytes through and then cuts the connection off.
type cutter struct {
	net.Conn
	left int // below 0: for ever
}

func (c *cutter) Write(b []byte) (int, error) {
	if c.left < 0 || len(b) <= c.left {
		if c.left >= 0 {
			c.left -= len(b)
		}
		return c.Conn.Write(b)
	}
	n, _ := c.Conn.Write(b[:c.left])
	c.left = 0
	c.Conn.(*net.TCPConn).SetLinger(0) // a link that breaks says no goodbye
	c.Conn.Close()
	return n, net.ErrClosed
}

// A push cut at every third byte: the device comes back, sends again what Welcome does not name, and each changeset has
// taken effect once (P2).
func TestCutAnywhere(t *testing.T) {
	c := open(t)
	witness := c.greet(2, wire.Binary)
	frame := len(mustMarshal(t, &session.Push{Changesets: []*se.Changeset{(&phone{i: 1}).hazard("cut")}})) + 14
	var n int64
	var prev se.Hash
	step := 3
	if testing.Short() {
		step = 31
	}
	for at := 0; at <= frame+step; at += step {
		var link *cutter
		d := websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
			conn, err := net.Dial(network, addr)
			link = &cutter{conn, -1}
			return link, err
		}}
		ws, _, err := d.Dial(c.url(), http.Header{
			"Authorization": {"Bearer token-" + deviceID(1)}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary},
		})
		require.NoError(t, err)
		p := &phone{t: t, ws: ws, i: 1, patience: 30 * time.Second, hello: se.Hello{Device: deviceID(1)}}
		w := p.greet()
		require.Equal(t, n, w.LastN)
		require.Equal(t, prev, w.Hash)
		cs := p.hazard("cut")
		link.left = at
		ws.WriteMessage(websocket.BinaryMessage, mustMarshal(t, &session.Push{Changesets: []*se.Changeset{cs}}))
		ws.Close()

		again := c.greet(1, wire.Binary)
		if again.n == n { // the centre may have it already, or the old socket may still bring it
			again.say(&session.Push{Changesets: []*se.Changeset{cs}})
			require.Equal(t, cs.Hash(), hear[*session.Verdicts](again).Verdicts[0].Hash)
		} else {
			require.Equal(t, cs.Hash(), again.prev)
		}
		again.ws.Close()
		n, prev = cs.N, cs.Hash()
	}
	require.Equal(t, n, c.head(), "every changeset took effect once")
	witness.works()
}

func mustMarshal(t testing.TB, m session.Message) []byte {
	t.Helper()
	b, err := wire.Marshal(m, wire.Binary)
	require.NoError(t, err)
	return b
}

// Messages that come in many small frames, with pings between them, are read as one.
func TestFragments(t *testing.T) {
	c := open(t)
	p := c.dial(1, wire.JSON)
	var raw bytes.Buffer
	hello := encode(t, p)
	require.True(t, json.Valid(hello))
	for i, b := range hello {
		first := byte(0x00)
		if i == 0 {
			first = 0x01
		}
		raw.Write(wsframe.Masked(first, 1, []byte{b}))
		raw.Write(wsframe.Masked(0x89, 1, []byte{'p'}))
	}
	raw.Write(wsframe.Masked(0x80, 0, nil))
	_, err := p.ws.NetConn().Write(raw.Bytes())
	require.NoError(t, err)
	hear[*session.Welcome](p)
	p.catchUp(1)
	p.works()
}
