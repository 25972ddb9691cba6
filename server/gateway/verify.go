package gateway

import (
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// verify compares a device's digests beside everything else that the connection does: its deltas do not wait for it.
// The session has at most one out.
func (c *conn) verify(req se.CheckRequest) {
	defer c.g.running.Done()
	defer c.guard("verify")
	answer, err := c.g.opts.Centre.Check(c.g.ctx, req)
	if err != nil {
		if code, text := failure(err); code != session.NoticeInternal {
			c.end(code, text)
			return
		}
		if c.g.ctx.Err() == nil {
			c.g.opts.Log.Error().Err(err).Str("device", c.name()).Msg("cannot check a replica")
		}
		answer = nil
	}
	c.with(func(s *session.Centre, _ int64) []session.Effect { return s.Verified(answer) })
}

// checked tells how a check ended, to whoever looks after devices.
func (c *conn) checked(e *session.Report) {
	defer c.g.running.Done()
	defer c.guard("report")
	c.g.opts.Checked(e.Device, e.Report)
}
