package gateway

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// start lets the connection's goroutines run.
func (c *conn) start() {
	c.pingAt = c.g.opts.Now().Add(c.g.opts.Deadlines.Ping)
	c.alarm = time.AfterFunc(c.g.opts.Deadlines.Ping, c.stir)
	c.unbell = c.g.opts.Bell.Subscribe(func() {
		c.rung.Store(true)
		c.stir()
	})
	go c.read()
	go c.write()
}

// write is the writer: it sends what there is, reads from the centre what comes next, pings, and says goodbye. It leaves when
// there is nothing to do, to be called again.
func (c *conn) write() {
	done := true // also if it panics
	defer func() {
		if done {
			c.wrote()
		}
	}()
	defer c.guard("write")
	for {
		done = !c.turn()
		if done || c.writing.rest() {
			return
		}
	}
}

// wrote ends the writer's work for good.
func (c *conn) wrote() {
	c.writing.end()
	c.unbell()
	c.alarm.Stop()
	c.linger()
	close(c.written)
	c.g.running.Done()
}

// turn does what there is to do now, and sets the alarm for what comes next. At the end, false.
func (c *conn) turn() (more bool) {
	for {
		out, ask, bye, gone, held := c.work()
		for _, m := range out {
			if gone || c.outdated(m) || !c.send(m) {
				held()
				return false
			}
		}
		held()
		switch {
		case gone:
			return false
		case bye != nil:
			c.goodbye(bye)
			return false
		case ask != nil:
			c.answer(ask)
			continue
		}
		now := c.g.opts.Now()
		switch {
		case !now.Before(c.pingAt):
			c.pingAt = now.Add(c.g.opts.Deadlines.Ping)
			c.ping(now)
		case c.due(now): // not again after that
			c.with(func(s *session.Centre, now int64) []session.Effect { return s.Tick(now) })
		case c.rung.Swap(false):
			c.with(func(s *session.Centre, now int64) []session.Effect { return s.Bell(now) })
		default:
			c.expire()
			c.alarm.Reset(c.until(c.pingAt))
			return true
		}
	}
}

// work takes what is there to do. The end comes after what was to be sent before it, and after commits under way if
// the centre stops.
// held is called when out is sent.
func (c *conn) work() (out []session.Message, ask session.Effect, bye *ending, gone bool, held func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, c.out = c.out, nil
	if len(c.asks) > 0 {
		ask, c.asks = c.asks[0], c.asks[1:]
	}
	if held = c.holding; held == nil {
		held = func() {}
	}
	c.holding = nil
	c.room.Broadcast()
	if c.ending != nil {
		ask = nil
		if c.ending.code != session.NoticeStopping || !c.committing {
			bye = c.ending
		}
	}
	return out, ask, bye, c.gone, held
}

// answer asks the centre what the session wants to know.
func (c *conn) answer(ask session.Effect) {
	switch ask := ask.(type) {
	case *session.Open:
		w, err := c.g.opts.Centre.Welcome(ask.Hello)
		var code session.NoticeCode
		var text string
		if err != nil || w == nil {
			w = nil
			if retire := (*se.Retire)(nil); errors.As(err, &retire) {
				c.with(func(s *session.Centre, now int64) []session.Effect {
					c.limit = c.g.opts.Centre.Limits().MaxFrame
					return s.Retired(*retire, now)
				})
				return
			}
			if code, text = failure(err); code == session.NoticeInternal {
				c.g.opts.Log.Error().Err(err).Str("device", c.name()).Msg("cannot welcome a device")
			}
		}
		c.with(func(s *session.Centre, now int64) []session.Effect {
			if w != nil {
				c.limit = w.Limits.MaxFrame
			}
			return s.Opened(w, code, text, now)
		})
	case *session.Read:
		c.g.running.Add(1) // the writer still runs, so this is not the first
		if ask.Heavy {
			go c.load(ask)
		} else {
			go c.glance(ask)
		}
	case *session.Tell:
		at, err := c.g.opts.Centre.Tell(ask.Tell)
		var code session.NoticeCode
		var text string
		if err != nil {
			if code, text = failure(err); code == session.NoticeInternal {
				c.g.opts.Log.Error().Err(err).Str("device", c.name()).Msg("cannot record what a device answered")
			}
		}
		c.with(func(s *session.Centre, now int64) []session.Effect { return s.Recorded(ask.Tell, at, code, text, now) })
	}
}

// trusted is how long what was read for a view may lie before it is asked anew whether the view still holds: on a slow
// link a frame may wait its turn for long, and nothing of what ended is to leave much later than that (P8).
const trusted = 2 * time.Second

// outdated ends the connection if a frame is of a view that its person has no more.
func (c *conn) outdated(m session.Message) bool {
	d, ok := m.(*session.Delta)
	if !ok {
		return false
	}
	c.mu.Lock()
	readAt, device := c.readAt, c.who.Device
	c.mu.Unlock()
	if now := c.g.opts.Now(); now.Sub(readAt) > trusted {
		if ok, err := c.g.opts.Centre.Present(device, d.View); err != nil || !ok {
			c.cut()
			return true
		}
		c.mu.Lock()
		c.readAt = now
		c.mu.Unlock()
	}
	return false
}

// until is how long the writer may sleep.
func (c *conn) until(ping time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if end := c.who.Expires; !end.IsZero() && end.Before(ping) && c.ending == nil {
		ping = end
	}
	if due := c.session.Due(); due != 0 && c.ending == nil {
		if at := time.UnixMilli(due); at.Before(ping) {
			ping = at
		}
	}
	return max(ping.Sub(c.g.opts.Now()), 0)
}

// due tells whether a grant has just ended by itself.
func (c *conn) due(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := c.session.Due()
	return due != 0 && now.UnixMilli() >= due
}

// expire ends the connection of a token that is not valid any more.
func (c *conn) expire() {
	c.mu.Lock()
	end := c.who.Expires
	c.mu.Unlock()
	if !end.IsZero() && !c.g.opts.Now().Before(end) {
		c.end(session.NoticeUnauthorised, "the token has run out; get a new one and connect again")
	}
}

func (c *conn) ping(now time.Time) {
	if err := c.ws.WriteControl(websocket.PingMessage, nil, now.Add(c.g.opts.Deadlines.Write)); err != nil {
		c.cut()
		return
	}
	c.with(func(s *session.Centre, now int64) []session.Effect { return s.Tick(now) })
}

// send writes one message; false if the device does not take it.
func (c *conn) send(m session.Message) bool {
	b, err := wire.Marshal(m, c.format)
	if err != nil {
		c.g.opts.Log.Error().Err(err).Str("device", c.name()).Msg("bug: a message cannot be encoded")
		c.end(session.NoticeInternal, "the centre made a mistake on this connection; come back later")
		return true // the end is sent instead
	}
	c.ws.SetWriteDeadline(c.g.opts.Now().Add(c.g.opts.Deadlines.Write + longer(len(b))))
	switch err := c.ws.WriteMessage(c.kind(), b); {
	case errors.Is(err, websocket.ErrCloseSent): // the library has, for a frame that broke the rules
		c.lost()
		return false
	case err != nil:
		c.cut()
		return false
	}
	c.g.opts.Observer.Sent(kindOf(m), len(b))
	return true
}

// cut ends a connection that takes nothing any more.
func (c *conn) cut() {
	c.lost()
	c.ws.Close()
}

// goodbye sends the Notice, if the session has not, and the close frame.
func (c *conn) goodbye(e *ending) {
	if !e.told && !c.send(&session.Notice{Code: e.code, Text: e.text, Close: true}) {
		return
	}
	text := e.text
	for len(text) > 120 || !utf8.ValidString(text) { // a close frame holds 123 bytes
		text = text[:min(len(text)-1, 120)]
	}
	// If it fails, the device reads the socket's end instead.
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(e.close, text), c.g.opts.Now().Add(c.g.opts.Deadlines.Write))
}

// linger sets the reader's last deadline.
func (c *conn) linger() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lingering = true
	c.ws.SetReadDeadline(c.g.opts.Now().Add(c.g.opts.Deadlines.Linger))
}

// kindOf names a message for metrics.
func kindOf(m session.Message) string {
	switch m.(type) {
	case *session.Hello:
		return "hello"
	case *session.Welcome:
		return "welcome"
	case *session.Push:
		return "push"
	case *session.Verdicts:
		return "verdicts"
	case *session.Delta:
		return "delta"
	case *session.Inbox:
		return "inbox"
	case *session.Seen:
		return "seen"
	case *session.Drain:
		return "drain"
	case *session.Purged:
		return "purged"
	case *session.Retire:
		return "retire"
	case *session.Check:
		return "check"
	case *session.Repair:
		return "repair"
	}
	return "notice"
}
