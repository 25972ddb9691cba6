package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/doorstep-sync/doorstep/clients/trust"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// SyncPath is where the centre takes connections of devices.
const SyncPath = "/v1/sync"

// Deadlines of a connection. A link that died without a word is noticed by reading alone: writes to it succeed.
const (
	readWithin  = 43 * time.Second
	writeWithin = 10 * time.Second
	shakeWithin = 15 * time.Second
	slowest     = 8 << 10 // bytes a second of the slowest link that works: a longer message gets longer
)

// WebSocketOptions change how the centre is reached. The zero value is right.
type WebSocketOptions struct {
	Format wire.Format      // wire.JSON for people who read along
	Centre *trust.Centre    // whom to take for the centre; nil = one that is publicly trusted
	Now    func() time.Time // for deadlines; nil = time.Now
	Header http.Header      // sent with the handshake besides the token
}

// WebSocket is the way to a centre at an address such as https://centre.example. The token goes into the
// Authorization header of the handshake and nowhere else.
func WebSocket(centre string, tokens Tokens, o WebSocketOptions) (Remote, error) {
	u, err := centreURL(centre)
	if err != nil {
		return nil, err
	}
	if o.Centre == nil {
		o.Centre = trust.NewCentre(trust.Trust{})
	}
	if err := o.Centre.Trust().CheckURL(centre); err != nil {
		return nil, unreached(err)
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	u.Path = strings.TrimSuffix(u.Path, "/") + SyncPath
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // deadlines of sockets are judged by this very clock
	}
	return &webSocket{url: u.String(), tokens: tokens, opts: o}, nil
}

// centreURL checks the address of a centre.
func centreURL(centre string) (*url.URL, error) {
	u, err := url.Parse(centre)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("device: the address of the centre must look like https://centre.example: %w", say(CodeRefused, err))
	}
	return u, nil
}

type webSocket struct {
	url    string
	tokens Tokens
	opts   WebSocketOptions
}

// Refresh makes the next Dial ask for a new token.
func (w *webSocket) Refresh() {
	if f, ok := w.tokens.(refresher); ok {
		f.Refresh()
	}
}

// Dial opens a connection.
func (w *webSocket) Dial(ctx context.Context) (Conn, error) {
	token, err := w.tokens.Token(ctx)
	if err != nil {
		return nil, err
	}
	header := w.opts.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Authorization", "Bearer "+token)
	d := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: shakeWithin, TLSClientConfig: w.opts.Centre.TLS(),
		Subprotocols: []string{w.opts.Format.Subprotocol()},
	}
	ws, resp, err := d.DialContext(ctx, w.url, header) //nolint:bodyclose // gorilla gives a body that needs no closing
	if err != nil {
		return nil, shake(resp, err)
	}
	if ws.Subprotocol() != w.opts.Format.Subprotocol() {
		_ = ws.Close()
		return nil, say(CodeProtocol, errors.New("the centre does not speak "+w.opts.Format.Subprotocol()))
	}
	c := &wsConn{ws: ws, format: w.opts.Format, now: w.opts.Now}
	c.setLimits(se.DefaultLimits)
	_ = ws.SetReadDeadline(c.now().Add(readWithin))
	ws.SetPongHandler(func(string) error { return ws.SetReadDeadline(c.now().Add(readWithin)) })
	return c, nil
}

// unserved gives what a 503 says in its header of notices its entry in the catalogue. One without it comes from a proxy or
// from an older centre, which is full or about to stop.
var unserved = map[session.NoticeCode]Code{
	"": CodeStopping, session.NoticeStopping: CodeStopping, session.NoticeBusy: CodeCentreBusy, session.NoticeInternal: CodeCentre,
}

// shake gives a refused handshake its sentence.
func shake(resp *http.Response, err error) error {
	if resp == nil {
		return unreached(err)
	}
	err = fmt.Errorf("handshake: %s: %w", resp.Status, err)
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return say(CodeUnauthorised, err)
	case http.StatusForbidden:
		return say(CodeRevoked, err)
	case http.StatusServiceUnavailable:
		code, ok := unserved[session.NoticeCode(resp.Header.Get(wire.NoticeHeader))]
		if !ok {
			code = CodeStopping
		}
		e := say(code, err)
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			e.After = time.Duration(s) * time.Second
		}
		return e
	}
	return say(CodeCentre, err)
}

// wsConn is a connection over a WebSocket.
type wsConn struct {
	ws      *websocket.Conn
	format  wire.Format
	now     func() time.Time
	limits  atomic.Pointer[se.Limits]
	in, out atomic.Int64
}

// setLimits takes the centre's limits over, for what comes next. The goroutine that reads calls it: the next message
// may be there already.
func (c *wsConn) setLimits(l se.Limits) {
	if l.MaxFrame <= 0 {
		return
	}
	c.limits.Store(&l)
	c.ws.SetReadLimit(int64(l.MaxFrame))
}

// Traffic counts bytes of messages; compression is never negotiated, so that they are what the link carried.
func (c *wsConn) Traffic() (in, out int64) { return c.in.Load(), c.out.Load() }

func (c *wsConn) kind() int {
	if c.format == wire.JSON {
		return websocket.TextMessage
	}
	return websocket.BinaryMessage
}

// Send writes one message.
func (c *wsConn) Send(m session.Message) error {
	b, err := wire.Marshal(m, c.format)
	if err != nil {
		return err
	}
	within := writeWithin + time.Duration(len(b)/slowest)*time.Second
	if err := c.ws.SetWriteDeadline(c.now().Add(within)); err != nil {
		return err
	}
	if err := c.ws.WriteMessage(c.kind(), b); err != nil {
		return err
	}
	c.out.Add(int64(len(b)))
	return nil
}

// Ping asks the centre to show that it is there.
func (c *wsConn) Ping() error {
	return c.ws.WriteControl(websocket.PingMessage, nil, c.now().Add(writeWithin))
}

// Receive reads one message. A close frame, and a message that cannot be read, is a *session.Closed.
func (c *wsConn) Receive() (session.Message, error) {
	kind, from, err := c.ws.NextReader()
	if err != nil {
		return nil, ended(err)
	}
	b, err := io.ReadAll(alive{c, from})
	if err != nil {
		return nil, ended(err)
	}
	c.in.Add(int64(len(b)))
	if kind != c.kind() {
		return nil, &session.Closed{Code: session.NoticeProtocol, Text: "a frame of the other kind than the subprotocol says"}
	}
	m, err := wire.Unmarshal(b, c.format, *c.limits.Load())
	if err != nil {
		return nil, &session.Closed{Code: session.NoticeProtocol, Text: err.Error()}
	}
	if w, ok := m.(*session.Welcome); ok {
		c.setLimits(w.Limits)
	}
	return m, nil
}

// alive moves the deadline with every piece that comes: a long message over a slow link is no dead link.
type alive struct {
	c    *wsConn
	from io.Reader
}

func (a alive) Read(p []byte) (int, error) {
	if err := a.c.ws.SetReadDeadline(a.c.now().Add(readWithin)); err != nil {
		return 0, err
	}
	return a.from.Read(p)
}

// ended tells why reading ended. That a link broke says nothing about the centre: the device is offline.
func ended(err error) error {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Code == websocket.CloseAbnormalClosure, !errors.As(err, &closed):
		if errors.Is(err, websocket.ErrReadLimit) {
			return &session.Closed{Code: session.NoticeProtocol, Text: "a message beyond the limits"}
		}
		return say(CodeOffline, err)
	case closed.Code == websocket.CloseNormalClosure:
		return say(CodeOffline, err)
	}
	return &session.Closed{Code: wire.NoticeOf(closed.Code), Text: closed.Text}
}

// Close says goodbye as far as that goes without waiting, and ends both directions.
func (c *wsConn) Close() error {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = c.ws.WriteControl(websocket.CloseMessage, bye, c.now().Add(time.Second))
	return c.ws.Close()
}
