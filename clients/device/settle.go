package device

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// take hands a message of the centre to the state machine.
func (c *conversation) take(m session.Message) error {
	c.idle = false
	if w, ok := m.(*session.Welcome); ok {
		c.drain = w.Drain
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
	if now := c.r.opts.Clock.Read(); c.inStep != 0 && now.Mono-c.noted >= noteEvery.Milliseconds() {
		if err := c.note(c.ctx); err != nil {
			return err
		}
		c.noted = now.Mono
	}
	var captured bool
	if err := c.r.read.QueryRowContext(c.ctx, `SELECT EXISTS(SELECT 1 FROM ds_capture)`).Scan(&captured); err != nil {
		return err
	}
	if captured {
		if _, err := c.r.Seal(c.ctx); err != nil {
			return err
		}
	}
	// Another program may have been in the way of a purge, or have left one to be finished.
	msgs, err := c.dev.Purged()
	if err != nil {
		return err
	}
	c.put(msgs)
	if err := c.again(); err != nil {
		return err
	}
	return c.offer()
}

// settle finds out whether everything is in. It looks only when nothing is on its way to the centre.
func (c *conversation) settle() (over bool, err error) {
	if !c.welcome || c.idle || c.sending || len(c.queue) > 0 {
		return false, nil
	}
	c.idle = true
	now, _, err := c.r.standing(c.ctx)
	if err != nil {
		return false, err
	}
	at := se.Base{Epoch: now.Epoch, Seq: now.Cursor}
	if !c.drain && (now.View != c.view || at.Less(c.target)) {
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
	if c.verify == underway {
		if busy, err := c.compare(); busy || err != nil {
			return false, err
		}
	}
	if err := c.done(at); err != nil {
		return false, err
	}
	busy, err := c.compare()
	return c.once && !busy, err
}

// done tells that everything is in, and starts counting anew.
func (c *conversation) done(at se.Base) error {
	c.synced = true
	now := c.r.opts.Clock.Read()
	c.inStep = now.Wall
	if first := c.noted == 0; !c.once && (first || now.Mono-c.noted >= noteEvery.Milliseconds()) { // who leaves now notes it with his leaving
		if err := c.note(c.ctx); err != nil {
			return err
		}
		c.noted = max(now.Mono, 1)
	}
	c.report.Cursor, c.report.Percent = at, 100
	c.report.Took = time.Duration(now.Mono-c.start.Mono) * time.Millisecond
	c.report.Notices = c.dev.Notices()
	c.tell()
	if !c.fresh {
		return nil // a quiet moment
	}
	report := c.report
	c.fresh, c.rows = false, nil
	c.report, c.start = Report{Progress: Progress{In: report.In, Out: report.Out}}, now
	c.events.synced(report)
	return nil
}

// noteEvery is how often the time of being in step is noted while a conversation runs: each note is a transaction of its
// own, and a phone in step would flush its disk once more for everything that it hears.
const noteEvery = 10 * time.Second

// note makes the time at which everything was in last durable, if it is not yet. A phone that is killed knows one that is
// at most noteEvery and a poll older.
func (c *conversation) note(ctx context.Context) error {
	if c.inStep == 0 {
		return nil
	}
	if err := c.r.update(ctx, func(p *port) error { return p.putInStep(c.inStep) }); err != nil {
		return fmt.Errorf("note the time of syncing: %w", err)
	}
	c.inStep = 0
	return nil
}

func (p *port) putInStep(wall int64) error {
	if err := p.exec(`UPDATE ds_state SET last_sync = ?`, wall); err != nil {
		return err
	}
	return p.pruneJournal()
}

// end notes, in one transaction, what is to outlast the conversation: when everything was in, and what the centre said of
// the connection.
func (c *conversation) end() error {
	err := c.r.update(context.WithoutCancel(c.ctx), func(p *port) error {
		if c.inStep != 0 {
			if err := p.putInStep(c.inStep); err != nil {
				return err
			}
		}
		return p.putNotices(c.dev.Notices())
	})
	if err == nil {
		c.inStep = 0
	}
	if err == nil || errors.Is(err, errClosed) {
		return nil
	}
	return fmt.Errorf("note how the conversation ended: %w", err)
}

// advanced tells whether the conversation durably brought something since everything was in.
func (c *conversation) advanced() bool {
	return c != nil && (c.report.Verdicts > 0 || c.report.Steps > 0 || c.report.Rows > 0)
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
	c.count(d)
	c.fresh = c.fresh || len(d.Items) > 0
	c.taken(applied)
	if applied {
		c.report.Steps++
		c.report.Percent = 100
		return
	}
	switch ctl, err := c.r.control(c.ctx); {
	case err != nil:
	case d.Reset:
		c.report.Percent = percent(0, c.target.Seq, c.grants, ctl.StagedAt)
	default:
		c.report.Percent = percent(d.From.Seq, c.target.Seq, c.grants, ctl.StagedAt)
	}
}

// count counts rows, each once: whether two changes of a row come as one frame or as two, or a person's own edit with the
// snapshot or behind it, depends on who is quicker. Of each row a hash is noted: a snapshot may be large.
func (c *conversation) count(d *se.Delta) {
	if c.rows == nil {
		c.rows = map[uint64]struct{}{}
	}
	before := len(c.rows)
	for i := range d.Items {
		h := fnv.New64a()
		_, _ = h.Write([]byte(d.Items[i].Table)) // never fails
		_, _ = h.Write([]byte(d.Items[i].Row))
		c.rows[h.Sum64()] = struct{}{}
	}
	c.report.Rows += len(c.rows) - before
}

// taking adds up how far the snapshots have come with a frame.
func (c *conversation) taking(d *se.Delta) session.Taken {
	if t, ok := c.dev.Taken(d); ok {
		if c.snapshots == nil {
			c.snapshots = map[string]session.Taken{}
		}
		c.snapshots[d.Scope] = t
	}
	return c.sum()
}

// taken notes that a frame is durable.
func (c *conversation) taken(applied bool) {
	if applied {
		c.snapshots = nil
	}
	c.report.Staged = c.sum()
}

// sum is how much of all snapshots of the step has come.
func (c *conversation) sum() (all session.Taken) {
	for _, t := range c.snapshots {
		all.Add(t)
	}
	return all
}

func (c *conversation) tell() {
	if m, ok := c.conn.(meter); ok {
		c.report.In, c.report.Out = m.Traffic()
	}
	c.report.Queued = c.dev.Queued()
	c.r.mu.Lock()
	c.r.step = c.report.Progress
	c.r.mu.Unlock()
	c.events.progress(c.report.Progress)
}

// noted keeps what the centre told about the connection until the next conversation tells otherwise.
func (r *Replica) noted(notices []session.Notice) error {
	err := r.update(context.Background(), func(p *port) error { return p.putNotices(notices) })
	if errors.Is(err, errClosed) {
		return nil
	}
	return err
}

func (p *port) putNotices(notices []session.Notice) error {
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
}
