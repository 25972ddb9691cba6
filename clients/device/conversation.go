package device

import (
	"context"
	"time"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// conversation is one connection, from Hello to its end. It belongs to one goroutine.
type conversation struct {
	r      *Replica
	ctx    context.Context
	events Events
	once   bool // leave when everything is in
	start  replica.Clock

	conn    Conn
	dev     *session.Device
	queue   []session.Message // to be sent, in order
	sending bool              // one is with the writer
	target  se.Base           // the cursor has to come here
	view    string
	welcome bool
	drain   bool  // the centre takes what is here and gives nothing
	synced  bool  // was in step at least once
	inStep  int64 // when it was in step last, by the wall clock, and that is not noted yet; 0 = it is
	noted   int64 // when that was noted last, by the monotonic clock; 0 = not by this conversation
	idle    bool  // nothing happened since settle looked
	fresh   bool  // something happened since Synced was told
	grants  int
	report  Report
	rows    map[uint64]struct{} // hashes of those that came in

	snapshots map[string]session.Taken // of the step that is running, by scope
	verify    verifying
	polls     int
	checked   func(*se.CheckReport) // told how a check ended
}

type received struct {
	msg session.Message
	err error
}

func (c *conversation) connect(remote Remote) error {
	dial, cancel := context.WithTimeout(c.ctx, dialFor)
	defer cancel()
	conn, err := remote.Dial(dial)
	if err != nil {
		return err
	}
	c.conn = conn
	done := make(chan struct{})
	in, out, sent := make(chan received), make(chan session.Message), make(chan error)
	go c.reader(done, in)
	go c.writer(done, out, sent)
	defer func() {
		close(done)
		_ = conn.Close()
		for range in { // both goroutines are over when their channels are closed
		}
		for range sent {
		}
	}()
	l := &link{r: c.r, ctx: c.ctx, filed: c.filed, taking: c.taking, stage: c.staged}
	c.dev = session.NewDevice(l)
	hello, err := c.dev.Start("", c.r.opts.App)
	if err != nil {
		return err
	}
	c.queue = append(c.queue, hello)
	err = c.loop(in, out, sent)
	c.report.Notices = c.dev.Notices()
	if e := c.end(); err == nil {
		err = e
	}
	return err
}

func (c *conversation) reader(done <-chan struct{}, in chan<- received) {
	defer close(in)
	for {
		m, err := c.conn.Receive()
		select {
		case in <- received{m, err}:
		case <-done:
			return
		}
		if err != nil {
			return
		}
	}
}

func (c *conversation) writer(done <-chan struct{}, out <-chan session.Message, sent chan<- error) {
	defer close(sent)
	for {
		var err error
		select {
		case m := <-out:
			err = c.conn.Send(m)
		case <-c.r.opts.After(pingEvery):
			if p, ok := c.conn.(pinger); ok {
				err = p.Ping()
			}
			if err == nil {
				continue
			}
		case <-done:
			return
		}
		select {
		case sent <- err:
		case <-done:
			return
		}
		if err != nil {
			return
		}
	}
}

// loop is the conversation itself. A centre that hung up has often said why just before: when sending fails, what was
// received is read first.
func (c *conversation) loop(in <-chan received, out chan<- session.Message, sent <-chan error) error {
	poll := c.r.opts.After(pollEvery)
	var broken error
	var grace <-chan time.Time
	for {
		if over, err := c.settle(); over || err != nil {
			return err
		}
		var send chan<- session.Message
		var next session.Message
		if len(c.queue) > 0 && !c.sending && broken == nil {
			send, next = out, c.queue[0]
		}
		select {
		case m := <-in:
			if m.err != nil {
				return m.err
			}
			if err := c.take(m.msg); err != nil {
				return err
			}
		case send <- next:
			c.queue, c.sending = c.queue[1:], true
		case err := <-sent:
			if c.sending = false; err != nil {
				broken, sent, grace = err, nil, c.r.opts.After(pollEvery)
			}
		case <-grace:
			return broken
		case <-c.r.sealed:
			if err := c.offer(); err != nil {
				return err
			}
		case <-poll:
			poll = c.r.opts.After(pollEvery)
			if err := c.look(); err != nil {
				return err
			}
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
}
