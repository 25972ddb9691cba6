package gateway

import (
	"sync"
	"time"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// inMemory is about how many bytes a byte of rows takes while a part is read, encoded and sent.
const inMemory = 4

// load reads a heavy part: of a replica that begins from nothing, or lacks much. It waits for its turn beside the
// writer, so that verdicts, pings and the connection's end go on meanwhile; what it takes counts until the socket has
// taken it, or is gone.
func (c *conn) load(ask *session.Read) {
	defer c.g.running.Done()
	defer c.guard("load")
	late := time.AfterFunc(c.g.opts.Deadlines.Patience, func() {
		c.with(func(s *session.Centre, _ int64) []session.Effect { return s.Delayed() })
	})
	defer late.Stop()
	bytes := min(inMemory*ask.Request.Budget, c.g.opts.MaxHeavy)
	free := func() {}
	defer func() {
		if r := recover(); r != nil { // guard says so; the others' bytes must not be lost with it
			free()
			panic(r)
		}
	}()
	for {
		if !c.g.heavy.enter(bytes, c.written) {
			return
		}
		free = sync.OnceFunc(func() { c.g.heavy.leave(bytes) })
		c.g.reading <- struct{}{}
		began := c.g.opts.Now()
		part, ok := c.next(ask.Request)
		<-c.g.reading
		if ok && part != nil && part.Prepare != "" && len(part.Frames) == 0 {
			free() // others go on while the snapshot is prepared
			if err := c.g.opts.Centre.Prepare(c.g.ctx, c.written, ask.Request, part.Prepare); err != nil {
				c.g.opts.Log.Error().Err(err).Str("device", c.name()).Msg("cannot prepare a snapshot")
				ask.Request.Unpacks = nil
			}
			continue
		}
		if !ok {
			free()
			return
		}
		if less := weight(part); less < bytes { // what was read is mostly less than what might have been
			c.g.heavy.leave(bytes - less)
			bytes = less
		}
		taken := false
		c.with(func(s *session.Centre, now int64) []session.Effect {
			taken, c.readAt, c.holding = true, began, free // together with what it holds: the writer gives back what it has sent
			return s.Advanced(part, now)
		})
		if !taken { // the connection ends
			free()
			return
		}
		select {
		case <-c.written:
			free()
		default:
		}
		return
	}
}

// weight is about what a part that has been read takes until the socket has taken it: rows, or chunks that are shared by
// all who are sent them and their message. A device that takes nothing must hold back no more than that from others: some
// dozens of them would have everybody who arrives wait for their deadlines.
func weight(part *se.Part) int {
	const least = 4 << 10
	bytes := least
	if part == nil {
		return bytes
	}
	for i := range part.Frames {
		f := &part.Frames[i]
		bytes += 2 * len(f.Packed)
		for k := range f.Items {
			bytes += inMemory * f.Items[k].Size()
		}
	}
	return bytes
}

// glance reads a light part. It waits with many others who listen, and the writer does not: a verdict goes out meanwhile.
func (c *conn) glance(ask *session.Read) {
	defer c.g.running.Done()
	defer c.guard("glance")
	began := c.g.opts.Now()
	if part, ok := c.next(ask.Request); ok {
		c.with(func(s *session.Centre, now int64) []session.Effect {
			c.readAt = began
			return s.Advanced(part, now)
		})
	}
}

// next reads a part; not ok means that the connection ends. A nil part is the session's to end it for.
func (c *conn) next(req se.NextRequest) (part *se.Part, ok bool) {
	part, err := c.g.opts.Centre.Next(req)
	if err != nil {
		if code, text := failure(err); code != session.NoticeInternal {
			c.end(code, text)
			return nil, false
		}
		c.g.opts.Log.Error().Err(err).Str("device", c.name()).Msg("cannot read what a device lacks")
		return nil, true
	}
	return part, true
}

// Heavy tells how many connections wait for a heavy part, and how many bytes such parts take now and took at most.
func (g *Gateway) Heavy() (waiting, used, most int) { return g.heavy.waiting() }
