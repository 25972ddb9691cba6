package device

import (
	"context"
	"errors"
	"fmt"
	"time"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

const (
	pingEvery = 15 * time.Second
	pollEvery = 2 * time.Second // how often other programs' writes are looked for while a conversation runs
	dialFor   = 20 * time.Second
)

// Sync talks to the centre until everything that was written is sent, its verdict is durable here, and the cursor is
// at the centre's head. One conversation runs at a time: a second one waits. The error is an *Error; whatever it is,
// the replica is whole and the next round goes on from where this one came to.
func (r *Replica) Sync(ctx context.Context, remote Remote) (Report, error) {
	var report Report
	err := r.alone(ctx, func() error {
		return r.converse(ctx, remote, func(c *conversation) {
			c.once = true
			c.events.Synced = func(done Report) { report = done }
		})
	})
	return report, err
}

// alone waits until no other conversation of this program runs.
func (r *Replica) alone(ctx context.Context, fn func() error) error {
	select {
	case r.round <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.round }()
	return fn()
}

// converse opens a connection and talks; where the centre does not take the token, once more with a new one.
func (r *Replica) converse(ctx context.Context, remote Remote, prepare func(*conversation)) error {
	for try := 0; ; try++ {
		c := &conversation{r: r, ctx: ctx, start: r.opts.Clock.Read()}
		prepare(c)
		err := classify(c.connect(remote))
		if c.synced {
			try = 0
		}
		if f, ok := remote.(refresher); ok && CodeOf(err) == CodeUnauthorised && try == 0 && ctx.Err() == nil {
			f.Refresh()
			continue
		}
		return err
	}
}

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
	synced  bool // was in step at least once
	idle    bool // nothing happened since settle looked
	fresh   bool // something happened since Synced was told
	grants  int
	report  Report
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
	l := &link{r: c.r, ctx: c.ctx, filed: c.filed, stage: c.staged}
	c.dev = session.NewDevice(l)
	hello, err := c.dev.Start("", c.r.opts.App)
	if err != nil {
		return err
	}
	c.queue = append(c.queue, hello)
	err = c.loop(in, out, sent)
	c.report.Notices = c.dev.Notices()
	if e := c.r.noted(c.dev.Notices()); err == nil {
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
			if err = c.conn.Send(m); err == nil {
				break
			}
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

// take hands a message of the centre to the state machine.
func (c *conversation) take(m session.Message) error {
	c.idle = false
	if w, ok := m.(*session.Welcome); ok {
		c.target, c.view, c.grants = se.Base{Epoch: w.Epoch, Seq: w.Head}, w.View, len(w.Grants)
	}
	msgs, err := c.dev.Receive(m)
	if err != nil {
		return err
	}
	if _, ok := m.(*session.Welcome); ok {
		c.welcome, c.fresh = true, true
	}
	c.put(msgs)
	c.tell()
	return nil
}

func (c *conversation) put(msgs []session.Message) {
	for _, m := range msgs {
		if p, ok := m.(*session.Push); ok {
			c.report.Sent += len(p.Changesets)
			c.fresh = true
		}
	}
	c.queue = append(c.queue, msgs...)
}

// offer sends what was sealed meanwhile.
func (c *conversation) offer() error {
	msgs, err := c.dev.Sealed()
	c.put(msgs)
	c.idle = c.idle && len(msgs) == 0
	return err
}

// look seals what other programs wrote, and offers what another program of ours sealed.
func (c *conversation) look() error {
	var captured bool
	if err := c.r.read.QueryRowContext(c.ctx, `SELECT EXISTS(SELECT 1 FROM ds_capture)`).Scan(&captured); err != nil {
		return err
	}
	if captured {
		if _, err := c.r.Seal(c.ctx); err != nil {
			return err
		}
	}
	return c.offer()
}

// settle finds out whether everything is in. It looks only when nothing is on its way to the centre.
func (c *conversation) settle() (over bool, err error) {
	if !c.welcome || c.idle || c.sending || len(c.queue) > 0 {
		return false, nil
	}
	c.idle = true
	ctl, err := c.r.control(c.ctx)
	if err != nil {
		return false, err
	}
	if ctl.View != c.view || ctl.Base().Less(c.target) {
		return false, nil
	}
	var waiting, captured bool
	err = c.r.read.QueryRowContext(c.ctx, `SELECT EXISTS(SELECT 1 FROM ds_outbox), EXISTS(SELECT 1 FROM ds_capture)`).Scan(&waiting, &captured)
	if err != nil || waiting {
		return false, err
	}
	if captured {
		c.idle = false
		return false, c.look()
	}
	return c.once, c.done(ctl.Base())
}

// done tells that everything is in, and starts counting anew.
func (c *conversation) done(at se.Base) error {
	c.synced = true
	now := c.r.opts.Clock.Read()
	if err := c.r.update(c.ctx, func(p *port) error {
		return p.exec(`UPDATE ds_state SET last_sync = ?`, now.Wall)
	}); err != nil {
		return fmt.Errorf("note the time of syncing: %w", err)
	}
	c.report.Cursor, c.report.Percent = at, 100
	c.report.Took = time.Duration(now.Mono-c.start.Mono) * time.Millisecond
	c.report.Notices = c.dev.Notices()
	c.tell()
	if !c.fresh {
		return nil // a quiet moment
	}
	report := c.report
	c.fresh = false
	c.report, c.start = Report{Progress: Progress{In: report.In, Out: report.Out}}, now
	c.events.synced(report)
	return nil
}

// filed counts verdicts; the cursor has to come to where they took effect.
func (c *conversation) filed(verdicts []se.Verdict) {
	if c.report.Kinds == nil {
		c.report.Kinds = map[se.VerdictKind]int{}
	}
	for _, v := range verdicts {
		c.fresh = true
		c.report.Verdicts++
		c.report.Kinds[v.Kind]++
		if at := (se.Base{Epoch: v.Epoch, Seq: v.Seq}); v.Kind.Effective() && at.Epoch == c.target.Epoch && c.target.Less(at) {
			c.target = at
		}
	}
}

func (c *conversation) staged(d *se.Delta, applied bool) {
	c.report.Rows += len(d.Items)
	c.fresh = c.fresh || len(d.Items) > 0
	switch ctl, err := c.r.control(c.ctx); {
	case err != nil:
	case applied:
		c.report.Steps++
		c.report.Percent = 100
	case d.Reset:
		c.report.Percent = percent(0, c.target.Seq, c.grants, ctl.StagedAt)
	default:
		c.report.Percent = percent(d.From.Seq, c.target.Seq, c.grants, ctl.StagedAt)
	}
}

func (c *conversation) tell() {
	if m, ok := c.conn.(meter); ok {
		c.report.In, c.report.Out = m.Traffic()
	}
	c.r.mu.Lock()
	c.r.step = c.report.Progress
	c.r.mu.Unlock()
	c.events.progress(c.report.Progress)
}

// noted keeps what the centre told about the connection until the next conversation tells otherwise.
func (r *Replica) noted(notices []session.Notice) error {
	err := r.update(context.Background(), func(p *port) error {
		if err := p.exec(`DELETE FROM ds_notice`); err != nil {
			return err
		}
		for _, n := range notices {
			if err := p.exec(`INSERT INTO ds_notice(code, text, wall) VALUES(?, ?, ?) ON CONFLICT(code) DO UPDATE SET text = excluded.text`,
				string(n.Code), n.Text, p.wall); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errClosed) {
		return nil
	}
	return err
}
