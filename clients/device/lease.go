package device

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// usable tells whether programs may read and write through the SDK: not on a device that may not synchronise any more,
// and not when it has been without contact for longer than its person's role allows. Synchronising goes on either way.
func (r *Replica) usable(ctx context.Context) error {
	err := usable(ctx, r.read, r.opts.Clock.Read())
	if code := CodeOf(err); code == CodeLocked || code == CodeRevoked { // a lock that copying the files would open is none
		if e := r.ForgetKeys(); e != nil {
			r.opts.Log.Warn().Err(e).Msg("the keys of sealed columns could not be destroyed")
		}
	}
	return err
}

// unlocked is usable that passes a device which may not synchronise any more: its person still reads what became of his
// work, until the purge.
func (r *Replica) unlocked(ctx context.Context) error {
	err := r.usable(ctx)
	if CodeOf(err) == CodeRevoked {
		return nil
	}
	return err
}

func usable(ctx context.Context, q querier, now replica.Clock) error {
	var lease, leaving string
	if err := q.QueryRowContext(ctx, `SELECT lease, leaving FROM ds_state`).Scan(&lease, &leaving); err != nil {
		return storage(err)
	}
	var l replica.Lease
	var going replica.Leaving
	if err := json.Unmarshal([]byte(lease), &l); err != nil {
		return fmt.Errorf("%w: control row: %w", errDamaged, err)
	}
	if err := json.Unmarshal([]byte(leaving), &going); err != nil {
		return fmt.Errorf("%w: control row: %w", errDamaged, err)
	}
	if going.Retire {
		return say(CodeRevoked, nil)
	}
	if left, limited := l.Left(now); limited && left == 0 {
		return say(CodeLocked, nil, int(l.Length/(24*time.Hour).Milliseconds()))
	}
	return nil
}

// noteLease keeps durably how much of the lease has gone by, so that a clock that is set back takes nothing back.
func (r *Replica) noteLease(ctx context.Context) error {
	now := r.opts.Clock.Read()
	c, err := r.control(ctx)
	if err != nil || !c.Lease.Due(now) {
		return storage(err)
	}
	return r.update(ctx, func(p *port) error {
		c, err := p.Control()
		if err != nil {
			return err
		}
		c.Lease.Note(now)
		return p.PutControl(c)
	})
}
