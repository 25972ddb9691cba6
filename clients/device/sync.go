package device

import (
	"context"
	"errors"
	"time"

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
	return r.SyncTelling(ctx, remote, nil)
}

// SyncTelling is Sync that tells how far it has come, on its own goroutine; progress may be nil.
func (r *Replica) SyncTelling(ctx context.Context, remote Remote, progress func(Progress)) (Report, error) {
	var report Report
	err := r.alone(ctx, func() error {
		return r.converse(ctx, remote, func(c *conversation) {
			c.once = true
			c.events.Progress = progress
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

// converse opens a connection and talks; where the centre does not take the token, once more with a new one. A replica
// that turns out to be a copy becomes a device of its own and talks as that.
func (r *Replica) converse(ctx context.Context, remote Remote, prepare func(*conversation)) error {
	var became *Became
	for try, forks := 0, 0; ; try++ {
		was, err := r.Identity(ctx)
		if err != nil {
			return err
		}
		c := &conversation{r: r, ctx: ctx, start: r.opts.Clock.Read()}
		c.report.Became = became
		prepare(c)
		err = classify(c.connect(remote))
		if c.synced {
			try, forks, became = 0, 0, nil
		}
		if CodeOf(err) == CodeClone && forks < maxForks && ctx.Err() == nil {
			b, e := r.apart(ctx, remote, was.Device, err)
			if e == nil {
				forks++
				if b != nil {
					became = b
				}
				continue
			}
			err = e
		}
		if f, ok := remote.(refresher); ok && CodeOf(err) == CodeUnauthorised && try == 0 && ctx.Err() == nil {
			f.Refresh()
			continue
		}
		if CodeOf(err) == CodeChunk && r.spoiled.Load() <= 2 && ctx.Err() == nil {
			continue // once more packed, then unpacked: both at once, since what was checked is staged
		}
		return r.wiped(context.WithoutCancel(ctx), r.barred(err))
	}
}

// barred keeps that the centre does not take this device any more, so that Status tells it until a conversation goes
// well again.
func (r *Replica) barred(err error) error {
	for code, own := range noticeCodes {
		if own == CodeOf(err) && (own == CodeRevoked || own == CodeUnauthorised || own == CodeClone) {
			if e := r.noted([]session.Notice{{Code: code, Text: Say(own).ZH}}); e != nil {
				return errors.Join(err, e)
			}
		}
	}
	return err
}
