package gateway

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/gorilla/websocket"

	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// read is the reader: it takes messages until the connection ends, and then closes the socket.
func (c *conn) read() {
	defer c.g.running.Done()
	defer c.finish()
	defer c.letGo()
	defer c.guard("read")
	// What is far too long is not even read; what is a little too long gets a Notice.
	c.ws.SetReadLimit(int64(c.g.opts.Centre.Limits().MaxFrame + strangerFrame))
	inside := true // a message, or before the first one: its own deadline holds
	c.ws.SetPongHandler(func(string) error {
		if !inside {
			c.expect(c.g.opts.Deadlines.Read)
		}
		return nil
	})
	c.expect(c.g.opts.Deadlines.Hello)
	for first := true; ; first = false {
		if !first {
			c.expect(c.g.opts.Deadlines.Read)
		}
		kind, r, err := c.ws.NextReader()
		if err != nil {
			c.broken(err)
			return
		}
		inside = true
		b, err := c.frame(r, first)
		if err != nil {
			c.broken(err)
			return
		}
		inside = false
		if kind != c.kind() {
			c.endWith(session.NoticeProtocol, wire.CloseKind, "doorstep.v1 is spoken in binary messages, doorstep.v1.json in text messages")
			return
		}
		if !c.heard(b, first) {
			return
		}
		c.letGo()
	}
}

// kind is the WebSocket's kind of message that the format is sent in.
func (c *conn) kind() int {
	if c.format == wire.JSON {
		return websocket.TextMessage
	}
	return websocket.BinaryMessage
}

var errTooLong = errors.New("gateway: the message is longer than it may be")

// frame reads one message. It may take as long as its length allows over the slowest link that works, and what comes fast buys
// no silence after it.
func (c *conn) frame(r io.Reader, first bool) ([]byte, error) {
	within := c.g.opts.Deadlines.Read
	if first {
		within = c.g.opts.Deadlines.Hello
	}
	began := c.g.opts.Now()
	c.mu.Lock()
	limit := c.limit
	c.mu.Unlock()
	b := make([]byte, 0, 512)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		case len(b) > limit:
			return nil, errTooLong
		}
		if len(b) == cap(b) {
			room := min(2*cap(b), limit+1)
			waited, ok := c.makeRoom(len(b), room)
			if !ok {
				return nil, errCrowded
			}
			began = began.Add(waited)
			b = append(make([]byte, 0, room), b...)
		}
		if len(b) < slowest { // what the message was expected by holds on
			continue
		}
		c.expectAt(earlier(began.Add(within+longer(len(b))), c.g.opts.Now().Add(c.g.opts.Deadlines.Read)))
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// expect sets how long the next thing may take to come.
func (c *conn) expect(d time.Duration) { c.expectAt(c.g.opts.Now().Add(d)) }

func (c *conn) expectAt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lingering {
		c.ws.SetReadDeadline(t)
	}
}

// broken ends the connection for an error of reading it.
func (c *conn) broken(err error) {
	var timeout net.Error
	switch {
	case errors.Is(err, errTooLong), errors.Is(err, websocket.ErrReadLimit):
		c.end(session.NoticeTooLarge, "the message is longer than it may be; Welcome names the limits, and before it 64 KiB are taken")
	case errors.Is(err, errCrowded):
		c.end(session.NoticeBusy, "the centre is taking as many long messages as it has room for; nothing is lost, come back in a moment")
	case errors.As(err, &timeout) && timeout.Timeout():
		c.end(session.NoticeTimeout, "nothing was heard for too long; come back when the network is better")
	default: // the device hung up, or broke the rules of WebSockets and has been told by its library's peer
		c.lost()
	}
}

// heard takes a message; false ends the connection.
func (c *conn) heard(b []byte, first bool) bool {
	m, err := c.decode(b)
	if err != nil {
		e := &wire.Error{}
		errors.As(err, &e)
		closeCode := wire.CloseMalformed
		if e.TooLarge {
			closeCode = wire.CloseTooLarge
		}
		c.g.opts.Log.Info().Str("device", c.name()).Str("path", e.Path).Int("bytes", len(b)).Msg("a message was refused")
		c.endWith(e.Notice(), closeCode, e.Error())
		return false
	}
	c.g.opts.Observer.Received(kindOf(m), len(b))
	if h, ok := m.(*session.Hello); ok && first && !c.hello(h) {
		return false
	}
	if p, ok := m.(*session.Push); ok && !c.pace(len(p.Changesets)) {
		return false
	}
	if _, ok := m.(*session.Push); ok {
		c.mu.Lock()
		c.arrived += len(b)
		c.mu.Unlock()
	}
	c.with(func(s *session.Centre, now int64) []session.Effect { return s.Receive(m, now) })
	c.mu.Lock()
	defer c.mu.Unlock()
	long := c.long != nil // it is in memory, and counted, until it is judged
	for (len(c.out)+len(c.asks) > crowded || c.committing && (long || c.arrived+c.underway > c.g.opts.MaxUnjudged)) && c.ending == nil {
		c.room.Wait() // the writer empties it, or its deadline ends the connection
	}
	return c.ending == nil
}

// decode reads a message. Of large ones only a few at a time: they take some times their length.
func (c *conn) decode(b []byte) (session.Message, error) {
	if len(b) > helloFrame {
		c.g.decoding <- struct{}{}
		defer func() { <-c.g.decoding }()
	}
	return wire.Unmarshal(b, c.format, c.g.opts.Centre.Limits())
}

// hello checks that the device is the token's, which the handshake or the message itself brought.
func (c *conn) hello(h *session.Hello) bool {
	c.mu.Lock()
	who := c.who
	c.mu.Unlock()
	token := h.Token
	h.Token = "" // nobody else needs it
	if who.Device == "" {
		var code session.NoticeCode
		var text string
		if token == "" {
			code, text = session.NoticeUnauthorised, "a token is missing; send it in hello.token, or in the Authorization header"
		} else {
			who, code, text = c.g.authenticate(c.g.ctx, token)
		}
		if code != "" {
			c.end(code, text)
			return false
		}
		c.claim(who)
	}
	if h.Device != who.Device {
		c.end(session.NoticeUnauthorised, "hello.device is not the device that the token was given to; use that device's own token")
		return false
	}
	c.stir() // the writer watches the token's end from now on
	return true
}

// pace waits until so many changesets may come; false if the connection ended meanwhile.
func (c *conn) pace(n int) bool {
	now := c.g.opts.Now()
	r := c.limiter.ReserveN(now, min(n, c.g.opts.PushBurst))
	d := r.DelayFrom(now)
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.written:
		return false
	}
}

// finish waits for the writer's last words, lets the device read them and closes the socket: closing while the
// device still sends would take them away again.
func (c *conn) finish() {
	<-c.written
	io.Copy(io.Discard, c.ws.NetConn()) //nolint:errcheck // ends at the deadline that the writer set
	c.ws.Close()
	c.mu.Lock()
	code, device, from, at := c.ending.code, c.session.Device(), c.session.Began(), c.session.Reached()
	c.mu.Unlock()
	if c.g.opts.Ended != nil && device != "" && at != from {
		c.g.opts.Ended(device, at)
	}
	c.g.remove(c)
	c.g.opts.Observer.Closed(string(code))
}
